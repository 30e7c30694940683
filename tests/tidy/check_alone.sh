#!/bin/sh
# Every header compiles alone, under the flags of the program (from `make tidy`, or plain ones).  One
# that its own file includes first does so whenever that file is compiled.
. "$TIDY/lib.sh"
export TIDY_CC="${TIDY_CC:-gcc -std=gnu17 -D_GNU_SOURCE -I. -Wall -Wextra -Werror}"
{
    files c | xargs -r awk '
        /^#include "/ { header = substr($2, 2, length($2) - 2) }
        /^#include/ { if (header == substr(FILENAME, 1, length(FILENAME) - 1) "h") print header }
        /^#include/ { header = ""; nextfile }'
    files h
} | sort | uniq -u | xargs -r -P 2 -n 1 sh -c '
    printf "#include \"%s\"\ntypedef int not_empty;\n" "$1" | $TIDY_CC -fsyntax-only -x c - 2>&1 |
        grep -E ":[0-9]+: .*error: " | sed "s|^<stdin>:|$1:|; s|^[.]/||"' sh | sort -u | report
