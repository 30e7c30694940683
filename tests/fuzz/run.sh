#!/bin/bash
# Runs the targets that `make fuzz` built, JOBS of them at a time, each for FUZZ_SECONDS, and says how
# often and how far each came.  What ended one is kept in build/fuzz/found and the command that runs
# it again is printed.  The last line is `N passed, N failed`.
#
#     tests/fuzz/run.sh [NAME...]
#     FUZZ_SECONDS=600 JOBS=2
#
# What they learn is kept in build/fuzz/corpus/NAME; the next run goes on from there.
cd "$(dirname "$0")/../.." || exit 1
FUZZ_SECONDS=${FUZZ_SECONDS:-600}
export FUZZ_SECONDS
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=0}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

[ $# -gt 0 ] || set -- $(ls tests/fuzz/fuzz_*.c | sed 's|.*/fuzz_||; s|\.c$||')
mkdir -p build/fuzz/found build/fuzz/log

# The largest inputs of each: where more bytes are more of the same, fewer are more runs.
run_one() # NAME
{
    local name=$1 program=build/fuzz/tests/fuzz/$1 log=build/fuzz/log/$1 dictionary= length=4096
    case $name in
    generation | engine | cli) length=16384 ;;
    hijack | http_head) length=32768 ;;
    esac
    [ ! -e "tests/fuzz/$name.dict" ] || dictionary=-dict=tests/fuzz/$name.dict
    mkdir -p "build/fuzz/corpus/$name"
    if timeout $((FUZZ_SECONDS + 120)) "$program" -max_total_time="$FUZZ_SECONDS" -max_len=$length \
        -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=1 $dictionary \
        -artifact_prefix="build/fuzz/found/$name-" \
        "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1 </dev/null; then
        echo "passed $name"
    else
        echo "failed $name"
    fi
}
export -f run_one

printf '%s\n' "$@" | xargs -P "${JOBS:-2}" -n 1 bash -c 'run_one "$1"' run_one |
    while read -r result name; do
        log=build/fuzz/log/$name
        executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
        coverage=$(sed -n 's/^#[0-9].* cov: \([0-9]*\) ft: \([0-9]*\).*/\1 \2/p' "$log" | tail -n 1)
        printf '%-6s %-16s %12s executions, %s edges, %s features\n' "$result" "$name" \
            "${executions:-?}" ${coverage:-? ?} | sed 's/^passed/ok    /; s/^failed/FAIL  /'
        [ "$result" = failed ] || continue
        grep -m 3 -E 'ERROR:|runtime error|assertion|failed' "$log" | sed 's/^/    /'
        found=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
        [ -z "$found" ] || echo "    again: build/fuzz/tests/fuzz/$name $found"
        [ -n "$found" ] || tail -n 5 "$log" | sed 's/^/    /'
    done | tee build/fuzz/log/summary
passed=$(grep -c '^ok ' build/fuzz/log/summary)
failed=$(($# - passed))
echo "$passed passed, $failed failed"
[ $failed = 0 ]
