#!/bin/sh
# clang-format decides; `make format` obeys.  The first line of each file that differs.
. "$TIDY/lib.sh"
files c h | xargs -r -P 2 -n 20 clang-format --dry-run -Werror 2>&1 | grep ': error: ' |
    awk -F : '!seen[$1]++' | sed 's/: error: .*/: not as `make format` writes it/' | report
