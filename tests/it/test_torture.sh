#!/bin/bash
# Calls that may fail do so, one in each run of a command: tests/it/preload/torture.c names them.  No
# run crashes or hangs, what runs is not touched, and the next run finds all as it was.
#
#     tests/it/test_torture.sh                  some calls of each command
#     EVERY=1 tests/it/test_torture.sh          all of them: `make torture`
#     EVERY=1 CALLS=libuv tests/it/test_torture.sh    those whose line has this text
#     tests/it/test_torture.sh again 'open64 libgit2.so.1.5+24f7 2'    one, as a failure prints it
#
# The commands: `check` reads manifests, `compare` two commits, `again` applies what runs already,
# `anew` the same with nothing remembered, `turn` a change.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"
EVERY=${EVERY:-150}
PRELOAD=$ROOT/build/release/tests/it/torture.so
COMMANDS=${COMMANDS:-check compare again anew turn}
CALLS=${CALLS:-}
SECONDS_MAX=60
TIMEOUT=20s

run() # COMMAND [NAME=VALUE...]
{
    local command=$1
    shift
    set -- timeout -s KILL $SECONDS_MAX env "DOCKER_HOST=unix://$ENGINE_SOCK" "$@" "$BERTH"
    case $command in
    check) "$@" validate "$SITE/manifests" ;;
    compare) "$@" plan "$SITE" --path manifests --offline --state "$BERTH_STATE" ;;
    anew)
        rm -rf "$BERTH_STATE"
        "$@" apply "$SITE" --path manifests --owner it --state "$BERTH_STATE" --timeout "$TIMEOUT"
        ;;
    *) "$@" apply "$SITE" --path manifests --owner it --state "$BERTH_STATE" --timeout "$TIMEOUT" ;;
    esac
}

ids()
{
    containers true | jq -c '[.[].Id] | sort'
}

# A call of each place that makes it: the first, then the second, fourth, eighth and so on.
calls_of() # COMMAND
{
    local log=$IT_DIR/calls
    rm -f "$log"
    run "$1" "LD_PRELOAD=$PRELOAD" "TORTURE_LOG=$log" >/dev/null 2>&1
    sort "$log" | awk '{ for (n = 1; n <= $3; n *= 2) print $1, $2, n }'
}

colour=red
turn() # the other colour, as a commit
{
    [ $colour = red ] && colour=green || colour=red
    site_task web "environment: {COLOUR: $colour}"
    site_commit "web is $colour"
}

# The program says that it has no memory, or no random numbers, and ends; the dynamic linker only
# ends; and libuv has no other answer when there is no thread or pipe, or the kernel cannot watch what
# it must.
may_abort() # CALL OUTPUT
{
    grep -q 'out of memory' "$2" && return
    case $1 in
    ?alloc\ ld-linux* | epoll_ctl\ libuv* | pipe2\ libuv* | pthread_create\ libuv*) true ;;
    getrandom\ berth*) true ;;
    *) false ;;
    esac
}

# What the run with the failure may end with: as any other, or it could not.
may_end() # CALL STATUS OUTPUT
{
    case $2 in
    0 | 1 | 2 | 3 | 4) return 0 ;;
    134) may_abort "$1" "$3" ;;
    *) return 1 ;;
    esac
}

fail() # COMMAND CALL WHAT
{
    it_result 1 "$1, $2: $3"
    tail -n 5 "$IT_DIR/failing" | cut -c 1-300 | sed 's/^/     /'
    echo "     again: tests/it/test_torture.sh $1 '$2'"
}

try() # COMMAND CALL
{
    local before after status
    [ "$1" != turn ] || turn
    before=$(ids)
    rm -f "$IT_DIR/told"
    run "$1" "LD_PRELOAD=$PRELOAD" "TORTURE_AT=$2" "TORTURE_TOLD=$IT_DIR/told" \
        >"$IT_DIR/failing" 2>&1
    status=$?
    [ -e "$IT_DIR/told" ] || missed=$((missed + 1))
    may_end "$2" $status "$IT_DIR/failing" || { fail "$1" "$2" "it ended with $status"; return; }
    case $1 in
    again | anew) [ "$before" = "$(ids)" ] || { fail "$1" "$2" 'something was touched'; return; } ;;
    esac
    case $1 in check | compare) it_passed=$((it_passed + 1)); return ;; esac
    # As a person would: once more.
    run again >"$IT_DIR/after" 2>&1 || { cat "$IT_DIR/after" >>"$IT_DIR/failing"
        fail "$1" "$2" 'the next run does not converge'; return; }
    ! grep -q 'was damaged' "$IT_DIR/after" || { fail "$1" "$2" 'its memory was damaged'; return; }
    after=$(ids)
    case $1 in
    again | anew) [ "$before" = "$after" ] || { fail "$1" "$2" 'what ran was replaced'; return; } ;;
    turn) is_turned || { fail "$1" "$2" 'it is not as the commit says'; return; } ;;
    esac
    it_passed=$((it_passed + 1))
}

is_turned()
{
    local all
    all=$(containers true | jq -r '.[].Id')
    [ "$(wc -w <<<"$all")" = 1 ] &&
        engine_api GET "/containers/$all/json" | jq -r '.Config.Env[]' | grep -qx "COLOUR=$colour"
}

torture() # COMMAND
{
    local call number=0 tried=0 missed=0 calls
    [ "$1" != turn ] || turn
    calls=$(calls_of "$1")
    check "$1: calls that may fail are found" test "$(wc -l <<<"$calls")" -gt 50
    while read -r call; do
        number=$((number + 1))
        [ $((number % EVERY)) = 0 ] || continue
        tried=$((tried + 1))
        try "$1" "$call"
    done < <(grep -F -- "$CALLS" <<<"$calls")
    note "$1: $tried of $number calls failed, $missed of them did not come again"
    check "$1: most of them come again" test $((missed * 5)) -le $((tried + 5))
}

check 'an engine starts' engine_start one || finish
site_begin
site_task web 'environment: {COLOUR: red}'
site_service web web 1
site_commit 'a service'
# The first one builds the image.
SECONDS_MAX=300 TIMEOUT=240s
check 'it converges' run again || finish
SECONDS_MAX=60 TIMEOUT=20s
if [ $# = 2 ]; then
    missed=0
    try "$1" "$2"
    cat "$IT_DIR/failing"
    [ "$missed" = 0 ] || note 'the call did not come'
    finish
fi
for command in $COMMANDS; do
    torture "$command"
done
finish
