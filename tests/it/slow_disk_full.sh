#!/bin/bash
# Disks that fill up: that of the state folder, and that of the engine.  It is told, what runs goes on
# running, nothing is lost, and with room again all goes on by itself.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

DISK=$IT_DIR/disk   # of the state
LARGE=$IT_DIR/large # of the engine

ids()
{
    containers "$(service_is web)" | jq -r '.[].Id' | sort
}

logged() # PATTERN
{
    grep -q "$1" "$IT_DIR/berth.log"
}

# Every byte, however small the pieces.
fill() # FOLDER
{
    local size
    for size in 1M 64k 4k 1k; do
        dd if=/dev/zero of="$1/filler-$size" bs=$size 2>/dev/null
    done
    ! dd if=/dev/zero of="$1/filler-last" bs=4k count=1 2>/dev/null
}

empty() # FOLDER
{
    rm -f "$1"/filler-*
}

colour() # COLOUR
{
    site_task web "$SITE_CHECK" "environment: {COLOUR: $1}"
    site_commit "web is $1"
}

runs() # COLOUR: both tasks are of it and healthy
{
    local id
    count_is 2 "$(service_is web) and (.Status | contains(\"(healthy)\"))" || return 1
    for id in $(ids); do
        engine_api GET "/containers/$id/json" | jq -r '.Config.Env[]' | grep -qx "COLOUR=$1" || return 1
    done
}

mkdir "$DISK" "$LARGE"
mount -t tmpfs -o size=4m tmpfs "$DISK" || finish
mount -t tmpfs -o size=96m tmpfs "$LARGE" || finish
BERTH_STATE=$DISK/state
check 'an engine starts' engine_start one --data-root "$LARGE/data" || finish
site_begin
site_service web web 2
colour red

# ---- the state ----
check 'the disk of the state is full from the beginning' fill "$DISK"
berth_apply --timeout 30s >"$IT_DIR/apply.log" 2>&1
check 'it does not begin' test $? = 1
check 'and says why' grep -q "$BERTH_STATE.*: No space left on device\|$BERTH_STATE.*: database or disk is full" "$IT_DIR/apply.log" || cat "$IT_DIR/apply.log"
check 'nothing was started' count_is 0 true
empty "$DISK"
berth_start
check 'with room it converges' eventually 120 converged || { berth_log 60; finish; }
check 'both tasks are red' runs red
before=$(ids)

check 'the disk of the state fills up' fill "$DISK"
: >"$IT_DIR/berth.log"
colour green
check 'a commit comes: it is told that nothing can be remembered' \
    eventually 30 logged 'error  *state: .*database or disk is full.*; nothing is done until it can be written' || berth_log 30
sleep 2
check 'nothing is touched' test "$before" = "$(ids)"
waits() # PATTERN: what `berth status` says the service waits for
{
    "$BERTH" status --state "$BERTH_STATE" | grep -q "^local/web .*$1"
}
check 'it still answers, and says what it waits for' waits 'nothing can be remembered: .*disk is full' || "$BERTH" status --state "$BERTH_STATE"
check 'the trouble is told once, not every second' test "$(grep -c 'nothing is done until' "$IT_DIR/berth.log")" = 1 || berth_log 30
berth_kill9
: >"$IT_DIR/berth.log"
berth_start
sleep 3
check 'killed and started on the full disk it touches nothing' test "$before" = "$(ids)"
check_not 'nor does it think that its memory is damaged' logged 'was damaged'
if ! kill -0 "$berth_pid" 2>/dev/null; then
    check 'it says why it does not begin' logged 'No space left on device\|database or disk is full' || berth_log
    empty "$DISK"
    berth_start
fi
empty "$DISK"
check 'with room again the commit is carried out' eventually 120 converged || berth_log 40
check 'both tasks are green' runs green
check 'what it knew before it still knows' eval '"$BERTH" history web --state "$BERTH_STATE" | grep -q "web is red"'

# ---- the engine ----
before=$(ids)
: >"$IT_DIR/berth.log"
check 'the disk of the engine fills up' fill "$LARGE"
head -c 3000000 /dev/urandom >"$SITE/apps/web/large"
echo 'COPY large /large' >>"$SITE/apps/web/Dockerfile"
site_commit 'a larger image'
check 'the build fails, and says why' eventually 60 logged 'no space left on device' || berth_log 30
check 'status says so too' eventually 30 waits 'no space left on device' || "$BERTH" status --state "$BERTH_STATE"
check 'what runs goes on' test "$before" = "$(ids)"
victim=$(ids | head -n 1)
check 'a task dies' engine_api POST "/containers/$victim/kill"
check 'its replacement cannot be made, which is told' \
    eventually 60 eval 'grep "berth-[0-9a-f]*-web" "$IT_DIR/berth.log" | grep -q "no space left on device"' || berth_log 30
check 'the other one goes on' eval 'ids | grep -qx "$(echo "$before" | grep -v "$victim")"'
empty "$LARGE"
check 'with room again all is made' eventually 120 converged || berth_log 40
check 'two tasks run' count_is 2 "$(service_is web) and (.Status | contains(\"(healthy)\"))"
check_not 'none of those from before' eval 'ids | grep -qxF "$before"'
berth_stop
finish
