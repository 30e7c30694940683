#!/bin/bash
# Runs tests and sums them up: the last line is `N passed, N failed`.
#
#     tests/run.sh unit|fuzz|sim|mutants|it|it_slow|crash|clang|tidy|lint...
#                      through `make test`, which passes its job server on
#
# A test is one function of a unit program, one simulated life, one `check` of an integration script,
# or one rule of tidy.  One that could not be built, crashed, hung or counted nothing has failed; none
# is skipped.
#
#     JOBS=2           programs at a time
#     MODES=...        the builds that unit programs run in
#     LONG=1           full counts; tests read it too
#     LOGS=build/test  where what each of them prints is kept; emptied first
#     ONLY=PATTERN     only programs whose name contains it
set -u
cd "$(dirname "$0")/.." || exit 1

JOBS=${JOBS:-2}
MODES=${MODES:-$( ((${LONG:-0})) && echo release) asan}
ONLY=${ONLY-}
MAKE=${MAKE:-make}
LOGS=${LOGS:-build/test}
UNIT_SECONDS=$((${LONG:-0} ? 1800 : 300))
SCRIPT_SECONDS=$((${LONG:-0} ? 3600 : 900))
if ((${LONG:-0})); then
    export ENGINE_RUNTIME=runc # tests/it/engine.sh has a faster one
fi

# Memory that was freed is not given out again until so much more was freed; in full 256 MiB.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:detect_stack_use_after_return=1:quarantine_size_mb=$( ((${LONG:-0})) && echo 256 || echo 16)}
export UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}

passed=0
failed=0
failures=()

# How a program says what it counted.  Each prints PASSED FAILED of the log $1; $2 is its exit status.
count_tap() # cmocka's TAP: a plan `1..N` per group, then `ok` and `not ok`
{
    awk -v status="$2" '
        /^1\.\.[0-9]+$/ { planned += substr($0, 4); groups++ }
        /^ok [0-9]+/ && !/# *[Ss][Kk][Ii][Pp]/ { passed++ }
        /^not ok/ || (/^ok [0-9]+/ && /# *[Ss][Kk][Ii][Pp]/) { failed++ }
        END {
            if (passed + failed < planned)
                failed = planned - passed
            if ((status != 0 || groups == 0 || passed == 0) && failed == 0)
                failed = 1
            print passed + 0, failed + 0
        }' "$1"
}

count_line() # its last line says `N passed, N failed`
{
    awk -v status="$2" '
        /^[0-9]+ passed, [0-9]+ failed$/ { passed = $1; failed = $3; line = NR }
        END {
            if (line != NR || (status != 0 && failed == 0) || passed + failed == 0)
                failed++
            print passed + 0, failed + 0
        }' "$1"
}

declare -A counters=() # of what was started and is not counted yet: which function counts it

# start NAME COUNTER SECONDS COMMAND...: waits for a free place first
start()
{
    local name=$1 counter=$2 seconds=$3 log=$LOGS/${1//\//-}
    shift 3
    while [ "$(jobs -pr | wc -l)" -ge "$JOBS" ]; do
        wait -n
    done
    harvest
    counters[$name]=$counter
    (
        trap 'kill $pid 2>/dev/null' TERM
        begin=${EPOCHREALTIME/./}
        timeout --kill-after=20 "$seconds" "$@" >"$log.log" 2>&1 </dev/null &
        pid=$!
        wait $pid
        status=$?
        [ $status != 124 ] || echo "took more than $seconds seconds" >>"$log.log"
        echo "$status $(((${EPOCHREALTIME/./} - begin) / 1000))" >"$log.status.new"
        mv "$log.status.new" "$log.status"
    ) 2>>"$log.log" &
}

# The names of what failed, said once more at the end: a long output may be cut before it.
failed_ones() # LOG
{
    grep -E '^(FAIL|not ok)' "$1" | head -n 10 | cut -c 1-200 | sed 's/^/    /'
}

# Counts what has ended.
harvest()
{
    local name log status ms good bad
    for name in "${!counters[@]}"; do
        log=$LOGS/${name//\//-}
        [ -e "$log.status" ] || continue
        read -r status ms <"$log.status"
        read -r good bad <<<"$("${counters[$name]}" "$log.log" "$status")"
        unset "counters[$name]"
        passed=$((passed + good))
        failed=$((failed + bad))
        if [ "$bad" = 0 ]; then
            printf 'ok   %-40s %4d passed %8d ms\n' "$name" "$good" "$ms"
        else
            printf 'FAIL %-40s %4d passed, %d failed, exit status %s\n' "$name" "$good" "$bad" \
                "$status"
            grep -v '^ok ' "$log.log" | tail -n 100 | sed 's/^/    /' # short enough to be read
            failures+=("$name ($log.log)")
            mapfile -t -O ${#failures[@]} failures < <(failed_ones "$log.log")
        fi
    done
}

# Waits for all that was started and counts.
collect()
{
    local name
    wait
    harvest
    for name in "${!counters[@]}"; do
        count "$name (it was killed)" 1
    done
    counters=()
}

wanted() # NAME
{
    [ -z "$ONLY" ] || [[ $1 == *$ONLY* ]]
}

# Counts something that is not a program: it either works or not.
count() # NAME STATUS
{
    if [ "$2" = 0 ]; then
        passed=$((passed + 1))
        echo "ok   $1"
    else
        failed=$((failed + 1))
        failures+=("$1")
        echo "FAIL $1"
    fi
}

# make, two at a time even if the caller did not ask for it.  It counts as a test: a program that
# does not compile any more must not pass because its last build is still there.
build() # NAME ARGUMENT...
{
    local name=$1 parallel=
    shift
    [[ ${MAKEFLAGS-} == *jobserver* ]] || parallel=-j$JOBS
    $MAKE --no-print-directory -k $parallel "$@" 2>&1
    count "build/$name" $?
}

suite_unit()
{
    local mode source name
    for mode in $MODES; do
        build "$mode" MODE="$mode" program units
    done
    for mode in $MODES; do
        for source in tests/unit/test_*.c; do
            name=$(basename "$source" .c)
            { [ -e "$source" ] && wanted "$name"; } || continue
            start "unit/$mode/$name" count_tap $UNIT_SECONDS \
                env CMOCKA_MESSAGE_OUTPUT=TAP "build/$mode/tests/$name"
        done
    done
}

# What once found something, and some of it changed at random; in full also how the cost grows.
suite_fuzz()
{
    local source name program
    build fuzz MODE=asan fuzzers
    # Sanitizers measure a whole text at every step through it: growth is that of the release.
    ! ((${LONG:-0})) || build growth MODE=release fuzzers
    for source in tests/fuzz/fuzz_*.c; do
        name=$(basename "$source" .c)
        program=build/asan/tests/fuzz/${name#fuzz_}
        set -- "tests/fuzz/corpus/${name#fuzz_}" "tests/fuzz/${name#fuzz_}.dict"
        wanted "$name" || continue
        start "fuzz/${name#fuzz_}" count_line $UNIT_SECONDS "$program" \
            $((${LONG:-0} ? 50000 : 2000)) "$@"
        ! ((${LONG:-0})) ||
            start "growth/${name#fuzz_}" count_line $UNIT_SECONDS \
                "build/release/tests/fuzz/${name#fuzz_}" growth "$@"
    done
}

# Simulated lives, those first that found something before.
suite_sim()
{
    build sim MODE=release build/release/tests/sim
    start sim count_line $SCRIPT_SECONDS build/release/tests/sim 1 $((${LONG:-0} ? 50000 : 1000)) \
        tests/sim/regressions
}

# Mistakes that the simulator must find; of many of them a few that it finds soon.
suite_mutants()
{
    local words=('SEEDS=500' 'MUTANT=03-upper-ceil 05-quarantine-ignored 11-no-cause')
    ! ((${LONG:-0})) || words=('SEEDS=1000')
    start mutants count_line $((SCRIPT_SECONDS * 2)) \
        $MAKE --no-print-directory -s mutants JOBS="$JOBS" "${words[@]}"
}

# The longest first: at the end there is not one of them alone.  Others come after these, by name.
LONGEST='test_run test_crash test_hosts test_fargate test_apply test_order test_verbs
    test_maintenance test_hosts_work test_api test_sample_hello test_restart'

# The names of the scripts KIND_*.sh, in the order in which they are to be started.
script_names()
{
    local script name
    for name in $LONGEST; do
        [[ $name != "$1"_* ]] || echo "$name"
    done
    for script in tests/it/"$1"_*.sh; do
        name=$(basename "$script" .sh)
        [[ " ${LONGEST//$'\n'/ } " == *" $name "* ]] || echo "$name"
    done
}

# Integration scripts KIND_*.sh.  Alone each uses about half a core, so twice as many run.
scripts()
{
    local name JOBS=$((JOBS * 2))
    build program MODE=release program probes
    build probes MODE=asan probes
    for name in $(script_names "$1"); do
        ! wanted "$name" || start "it/$name" count_line $SCRIPT_SECONDS "tests/it/$name.sh"
    done
}

suite_it()
{
    scripts test
}

# Variations, and what takes its time: too much for ten minutes.
suite_it_slow()
{
    scripts slow
}

# Every boundary, one after the other; the short form is among the integration scripts.
suite_crash()
{
    build program MODE=release program probes
    start crash count_line $((2 * SCRIPT_SECONDS)) tests/it/test_crash.sh every 1
}

# Each call that may fail does so once; likewise.
suite_torture()
{
    build program MODE=release program probes
    start torture count_line $((2 * SCRIPT_SECONDS)) env EVERY=1 tests/it/test_torture.sh
}

# Suites that sum up for themselves.
suite_tidy()
{
    start tidy count_line 300 tests/tidy/run.sh
}

suite_lint()
{
    start lint count_line 3600 tests/tidy/lint.sh
}

# The other compiler warns about other things.
suite_clang()
{
    build clang MODE=debug CC=clang program probes units fuzzers build/debug/tests/sim
}

rm -rf $LOGS
mkdir -p $LOGS
trap 'kill $(jobs -p) 2>/dev/null; exit 1' HUP INT TERM
for suite in "$@"; do
    "suite_$suite"
done
collect

if [ ${#failures[@]} -gt 0 ]; then
    echo 'Failed:'
    printf '    %s\n' "${failures[@]}"
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
