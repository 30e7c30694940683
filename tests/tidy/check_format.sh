#!/bin/sh
# clang-format decides; `make format` obeys.
. "$TIDY/lib.sh"
files c h | xargs -r -P 2 -n 20 clang-format --dry-run -Werror 2>&1 | grep ': error: ' |
    sed 's/ code should be clang-formatted/ not in the format of `make format`/' | report
