#!/bin/sh
# Every header in angle brackets has a home: headers.txt.  Tests may use any.
. "$TIDY/lib.sh"
files c h def | xargs -r awk '
    function matches(text, pattern,    at) {
        at = index(pattern, "*")
        if (at == 0)
            return text == pattern
        return index(text, substr(pattern, 1, at - 1)) == 1 &&
            length(text) >= length(pattern) - 1 &&
            substr(text, length(text) - (length(pattern) - at) + 1) == substr(pattern, at + 1)
    }
    FILENAME == ARGV[1] {
        if (/^[^#]/) {
            pattern[++count] = $1
            home[count] = $2
        }
        next
    }
    /^[ \t]*#[ \t]*include[ \t]*</ {
        used = $0
        sub(/^[^<]*</, "", used)
        sub(/>.*/, "", used)
        for (i = 1; i <= count && !matches(used, pattern[i]); i++)
            ;
        where = i <= count ? home[i] : "unknown"
        planner = index(FILENAME, "reconciler/plan/") == 1
        if (where == "unknown")
            print FILENAME ":" FNR ": <" used "> has no home: give it one in tests/tidy/headers.txt"
        else if (where == "anywhere-but-plan" && planner)
            print FILENAME ":" FNR ": the planner may not use <" used ">"
        else if (where !~ /^anywhere/ && index(FILENAME, where) != 1 && index(FILENAME, "tests/") != 1)
            print FILENAME ":" FNR ": <" used "> may be used in " where " only"
    }' "$TIDY/headers.txt" | report
