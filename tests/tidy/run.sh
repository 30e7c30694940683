#!/bin/bash
# Style and architecture as tests: `make tidy`.  Every rule is a file check_*.sh here; it looks at the
# tree in the current folder, prints `file:line: message` for each fault and fails when it found any.
# All rules run; each counts as one test.
#
#     tests/tidy/run.sh [RULE...]
TIDY=$(cd "$(dirname "$0")" && pwd)
export TIDY LC_ALL=C
cd "$TIDY/../.." || exit 1

[ $# -gt 0 ] || set -- $(cd "$TIDY" && ls check_*.sh | sed 's/^check_//; s/\.sh$//')
passed=0
failed=0
for rule in "$@"; do
    if output=$("$TIDY/check_$rule.sh" 2>&1); then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf '%s\n' "$output" | sed "s/\$/ [$rule]/"
    fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
