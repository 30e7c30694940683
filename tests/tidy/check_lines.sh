#!/bin/sh
# Lines have at most 100 columns, no tab and nothing invisible at their end; files end with a newline.
. "$TIDY/lib.sh"
files c h def | xargs -r awk '
    {
        line = $0
        gsub(/[\200-\277]/, "", line) # one column per character, however many bytes it has
        if (length(line) > 100)
            print FILENAME ":" FNR ": has " length(line) " columns, at most 100 are allowed"
        if ($0 ~ /\t/)
            print FILENAME ":" FNR ": a tab"
        if ($0 ~ /[ \r]$/)
            print FILENAME ":" FNR ": white space at the end"
    }' | report
status=$?
files c h def sh | xargs -r grep -LzP '\n\z' | while read -r file; do
    [ ! -s "$file" ] || echo "$file:$(wc -l <"$file"): no newline at the end"
done | report && exit $status
