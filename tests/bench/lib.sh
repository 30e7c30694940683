# shellcheck shell=bash
# Sourced by benchmarks after tests/it/lib.sh: results, and what ends one.

trap - EXIT # here nothing passes or fails
RUNS=${RUNS:-5} ONLY=${ONLY:-.}
TOOLS=$ROOT/build/release/tests/bench
RESULTS=$IT_DIR/results
: >"$RESULTS"

die()
{
    echo "bench: $*"
    tail -n 20 "$IT_DIR/berth.log" 2>/dev/null
    exit 1
}

part()
{
    [[ $1 =~ $ONLY ]] || return 1
    note "$1"
}

now()
{
    date +%s%N
}

# result METRIC SIDE VALUE UNIT
result()
{
    echo "$*" >>"$RESULTS"
    note "$@"
}

ms() # NANOSECONDS
{
    awk -v ns="$1" 'BEGIN { printf "%.2f", ns / 1e6 }'
}

summary()
{
    awk -f "$ROOT/tests/bench/summary.awk" "$RESULTS"
}
