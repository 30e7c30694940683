#!/bin/sh
# Files stay short: 600 lines (.c), 250 (.h), 800 of tests, unless ratchet.txt lists them.
. "$TIDY/lib.sh"
{
    sed '/^#/d' "$TIDY/ratchet.txt"
    files c h | xargs -r wc -l | sed -n '/ total$/d; s/^ *\([0-9]*\) \(.*\)/lines \2 \1/p'
} | awk '
    $1 != "lines" { most[$1] = $2; next }
    {
        limit = $2 ~ /\.h$/ ? 250 : $2 ~ /^tests\// ? 800 : 600
        seen[$2] = 1
        if ($2 in most && $3 <= limit)
            print $2 ":1: short enough now: take it out of tests/tidy/ratchet.txt"
        else if ($2 in most && $3 > most[$2])
            print $2 ":" most[$2] ": has " $3 " lines, tests/tidy/ratchet.txt allows " most[$2]
        else if (!($2 in most) && $3 > limit)
            print $2 ":" limit ": has " $3 " lines, at most " limit " are allowed"
    }
    END {
        for (file in most)
            if (!(file in seen))
                print file ":1: is gone: take it out of tests/tidy/ratchet.txt"
    }' | report
