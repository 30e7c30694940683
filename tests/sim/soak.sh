#!/bin/bash
# Very many simulated lives: `make soak SEED=1 SEEDS=1000000 JOBS=2`.  They are run in pieces, JOBS of
# them at a time; what is over is kept in build/soak, by the program that ran it, and not run again: it
# may be stopped at any time, and the same command goes on.  The first life that fails ends it, with the
# command that replays it.  The last line is `N passed, N failed`, before it the totals as a row of the
# table in docs/testing.md.  No clock has a say in what a life does.
set -u
cd "$(dirname "$0")/../.." || exit 1

PROGRAM=build/release/tests/sim
FIRST=${SEED:-1}
COUNT=${SEEDS:-1000000}
PIECE=${PIECE:-5000}
COMMIT=$(git describe --always --dirty)
SUM=$(sha256sum $PROGRAM) || exit 1
FOLDER=build/soak/$COMMIT-${SUM:0:12}
export PROGRAM FOLDER

piece() # FIRST COUNT
{
    local file=$FOLDER/$1+$2
    [ ! -e "$file" ] || return 0
    if ! "$PROGRAM" "$1" "$2" stop >"$file.part" 2>&1; then
        mv "$file.part" "$file.failed"
        return 255 # no other piece is begun
    fi
    mv "$file.part" "$file"
}
export -f piece

pieces()
{
    local from size end=$((FIRST + COUNT))
    for ((from = FIRST; from < end; from += PIECE)); do
        size=$((end - from < PIECE ? end - from : PIECE))
        "$1" "$from" "$size"
    done
}

name() # FIRST COUNT
{
    echo "$1 $2"
}

result() # FIRST COUNT
{
    cat "$FOLDER/$1+$2" "$FOLDER/$1+$2.failed" 2>/dev/null
}

mkdir -p "$FOLDER"
find "$FOLDER" -name '*.part' -delete
pieces name | nice -n 19 xargs -P "${JOBS:-1}" -L 1 bash -c 'piece "$@"' piece 2>/dev/null
pieces result | grep -A 1 '^seed '
pieces result | awk -v commit="$COMMIT" -v first="$FIRST" -v last=$((FIRST + COUNT - 1)) '
    / lives, / {
        lives += $1
        steps += $3
        calls += $5
        seconds += $7
    }
    / passed, / {
        passed += $1
        failed += $3
    }
    END {
        verdict = failed ? failed " failed" : passed == last - first + 1 ? "all passed" : passed " passed so far"
        printf "| %s | %d to %d | %d | %.0f million | %.1f million | %.2f | %s |\n", commit, first, last,
            lives, steps / 1e6, calls / 1e6, seconds / 3600, verdict
        printf "%d passed, %d failed\n", passed, failed
        exit failed || passed != last - first + 1
    }'
