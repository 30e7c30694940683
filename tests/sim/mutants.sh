#!/bin/bash
# Plants mistakes into the program, one at a time, and demands that the simulator finds each of them
# within SEEDS lives, or within the same seeds as large ones: `make mutants`.  The program as it is
# must live through them.  The last line is `N passed, N failed`.
#
#     tests/sim/mutants.sh [NAME...]     all, or those whose name contains one of these
#     SEEDS=1000 JOBS=2
#
# Each mistake is a file mutants/NAME.patch: a line that says what it is, `--- FILE`, and for each
# place `@@` and lines that begin with ' ' (stays), '-' (goes) or '+' (comes).  There are no line
# numbers: what is to be replaced must be in the file exactly once, or the mistake counts as failed.
#
# make passes how the program is built: MUTANT_CC compiles, MUTANT_SIM are the objects of the
# simulator, MUTANT_LINK is what they are linked with.
set -u
cd "$(dirname "$0")/../.." || exit 1

SEEDS=${SEEDS:-1000}
JOBS=${JOBS:-2}
WORK=build/mutants
SHRUNK=03-upper-off-by-one
SHRUNK_SEED=3 # finds it in a large life
export SEEDS SHRUNK SHRUNK_SEED WORK MUTANT_CC MUTANT_SIM MUTANT_LINK

# Builds the simulator with the mistake in it; says why not.
grow() # NAME
{
    local patch=tests/sim/mutants/$1.patch tree=$WORK/$1 file
    file=$(sed -n 's/^--- //p' "$patch")
    if [ "$(wc -l <<<"$file")" != 1 ] || [ ! -f "$file" ]; then
        echo 'names no file of the program'
        return 1
    fi
    mkdir -p "$tree/$(dirname "$file")"
    if ! tests/sim/plant.sh "$patch" "$file" >"$tree/$file"; then
        echo "does not fit $file any more"
        return 1
    fi
    # What is given as an object is not taken from the archive.
    # shellcheck disable=SC2086
    if ! { $MUTANT_CC -w -c -o "$tree/mutant.o" "$tree/$file" &&
        $MUTANT_CC -o "$tree/sim" "$tree/mutant.o" $MUTANT_SIM $MUTANT_LINK; } >"$tree/build.log" 2>&1; then
        echo "does not compile: $tree/build.log"
        return 1
    fi
}

examine() # NAME
{
    local name=$1 why took what program=build/release/tests/sim status=0
    what='the program as it is'
    if [ "$name" = shrink ]; then
        shrink
        return
    elif [ "$name" != none ]; then
        what=$(head -n 1 "tests/sim/mutants/$name.patch")
        if ! why=$(grow "$name"); then
            echo "failed $name: $why"
            return
        fi
        program=$WORK/$name/sim
    fi
    # Most lives are small; what only large ones find is looked for in as many of these.
    timeout 3000 "$program" 1 "$SEEDS" stop >"$WORK/$name.log" 2>&1 </dev/null || status=$?
    if [ $status = 0 ] && { [ "$name" != none ] || [ "$SEEDS" -ge 1000 ]; }; then
        timeout 3000 "$program" 1 "$SEEDS" stop large >>"$WORK/$name.log" 2>&1 </dev/null || status=$?
    fi
    why=$(grep -m 1 '^seed ' "$WORK/$name.log")
    took=$(sed -n 's/.* lives, .* \(.* s\)$/\1/p' "$WORK/$name.log" | tail -n 1) # of processor time
    if [ "$name" = none ] && [ $status = 0 ]; then
        echo "passed $name: $what: nothing found in seeds 1 to $SEEDS, $took"
    elif [ "$name" = none ]; then
        echo "failed $name: $what: ${why:-exit status $status}, $took"
    elif [ $status = 1 ] && [ -n "$why" ]; then
        echo "passed $name: $what $why, $took"
    else
        echo "failed $name: $what It was not found in seeds 1 to $SEEDS (exit status $status), $took"
    fi
}

# The command that replays the least of a failing life finds the same again, with less.
shrink()
{
    local tree=$WORK/$SHRUNK again rule
    if ! grow "$SHRUNK" >"$WORK/shrink.log"; then
        echo "failed shrink: $SHRUNK $(cat "$WORK/shrink.log")"
        return
    fi
    "$tree/sim" "$SHRUNK_SEED" 1 large commits=20 >"$WORK/shrink.log" 2>&1 </dev/null
    again=$(sed -n 's/^    again: //p' "$WORK/shrink.log" | tail -n 1)
    rule=$(sed -n 's/.*least of it: at [0-9]*: //p' "$WORK/shrink.log")
    if [[ $again != *without=*,*,*,*\ *=* ]]; then
        echo "failed shrink: seed $SHRUNK_SEED of $SHRUNK was not made smaller: ${again:-no command}"
    elif [ -z "$rule" ] || ! $again 2>&1 | grep -qF "$rule"; then
        echo "failed shrink: '$again' does not say '$rule'"
    else
        echo "passed shrink: $again: $rule"
    fi
}
export -f grow examine shrink

mkdir -p $WORK
names='none shrink'
for patch in tests/sim/mutants/*.patch; do
    name=$(basename "$patch" .patch)
    for wanted in "${@:-}"; do
        [[ $name != *$wanted* ]] || names+=" $name"
    done
done
# shellcheck disable=SC2086
printf '%s\n' $names | xargs -P "$JOBS" -n 1 bash -c 'examine "$1"' examine |
    while read -r result line; do
        [ "$result" = passed ] && printf 'ok   %s\n' "$line" || printf 'FAIL %s\n' "$line"
    done | tee $WORK/summary
passed=$(grep -c '^ok ' $WORK/summary)
failed=$(($(wc -w <<<"$names") - passed))
echo "$passed passed, $failed failed"
[ $failed = 0 ]
