#!/bin/sh
# No field is accepted and not applied: each member of the record tables is read by code that acts,
# or stands in fields.txt with the reason.  The compiler itself tells who reads what: every member
# is marked as deprecated and the warnings are counted.
. "$TIDY/lib.sh"
[ -f spec/kinds/kinds.h ] || exit 0
cc="${TIDY_CC:-gcc -std=gnu17 -D_GNU_SOURCE -I.} -fsyntax-only -Wno-error -Wdeprecated-declarations"
export cc
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
cat >"$work/note.h" <<'NOTE'
#define FIELD_NOTE(structure, member) __attribute__((deprecated("field:" #structure "." #member)))
NOTE
export work

echo '#include "spec/kinds/kinds.h"' | $cc -fno-syntax-only -include "$work/note.h" -E -x c - |
    grep -o '"field:" *"[a-z0-9_]*" *"\." *"[a-z0-9_]*"' | tr -d ' "' | sed 's/^field://' |
    sort -u >"$work/all"

# What walks the tables, checks or prints them does not act, nor does the simulated engine.
files c | grep -v '^tests/\|^drivers/sim/\|^drivers/docker/sandbox/' |
    grep -v '^spec/\(kinds/.*\|validate.*\|canonical\|decode\|field\|target\|manual\|schema\).c$' |
    xargs -r -P 2 -n 8 sh -c '
        $cc -include "$work/note.h" "$@" 2>&1 | grep -o "field:[a-z0-9_.]*"' sh |
    sed 's/^field://' | sort -u >"$work/read"

{
    [ -s "$work/all" ] || echo "spec/kinds/kinds.h:1: no member was found"
    grep -o '^[a-z0-9_]*\.[a-z0-9_]*' "$TIDY/fields.txt" | sort -u >"$work/excused"
    comm -23 "$work/all" "$work/read" | comm -23 - "$work/excused" |
        sed 's|.*|spec/kinds:1: & is accepted and never applied: apply, refuse or ignore it|'
    comm -12 "$work/read" "$work/excused" |
        sed 's|.*|tests/tidy/fields.txt:1: & is applied now: it needs no excuse|'
    comm -13 "$work/all" "$work/excused" |
        sed 's|.*|tests/tidy/fields.txt:1: & is no field|'
} | report
