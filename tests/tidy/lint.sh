#!/bin/bash
# clang-tidy over every source; each file counts as one test.
#
#     tests/tidy/lint.sh [FILE...]
#     JOBS=2                        files at a time
cd "$(dirname "$0")/../.." || exit 1
TIDY=$PWD/tests/tidy
export TIDY
. "$TIDY/lib.sh"
# The compiler's name and what only it understands are not for clang-tidy; the version, known to the
# Makefile's rule for one file, is any text.
TIDY_FLAGS=$(echo "${TIDY_CC:-gcc -std=gnu17 -D_GNU_SOURCE -I.}" |
    sed -E 's/^[^ ]+//; s/ (-Werror|-fsanitize|-fno-sanitize)[^ ]*//g; s/$/ -DBERTH_VERSION=__FILE__/')
export TIDY_FLAGS

[ $# -gt 0 ] || set -- $(files c)
printf '%s\n' "$@" | xargs -r -P "${JOBS:-2}" -n 1 sh -c '
    if output=$(clang-tidy --quiet "$1" -- $TIDY_FLAGS 2>&1); then
        echo "lint-ok $1"
    else
        printf "%s\n" "$output" | grep -vE "^[0-9]+ warnings? |^Suppressed|^Use -header"
        echo "lint-failed $1"
    fi' sh | awk '
        /^lint-ok / { passed++; next }
        /^lint-failed / { failed++; next }
        { print }
        END {
            print passed + 0 " passed, " failed + 0 " failed"
            exit failed != 0
        }'
