#!/bin/bash
# Hosts are worked on one after the other: each is empty when its command runs, the service keeps its
# tasks, the first failure stops it, and a person has it go on.
# slow_window.sh: they wait for a window.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/hosts.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/edge.sh"

maintained() # COMMAND
{
    EDGE_LINES=$(printf 'maintenance:\n  command: |\n    %s' "$1")
    edge a b c
}

# What a host notes when it is worked on, and the containers that run there then.
note="echo \"\$(hostname) \$(docker -H unix:///run/docker.sock ps -q | wc -l)\" >>$IT_DIR/ran"

ran() # LINE...: these and no others
{
    diff -u <(printf '%s\n' "$@") "$IT_DIR/ran"
}

all_done()
{
    host_is a ACTIVE DONE && host_is b ACTIVE DONE && host_is c ACTIVE DONE
}

# How many tasks of the service are healthy, again and again.
watch_tasks()
{
    while sleep 0.2; do
        ask status -o json | jq '.services[] | select(.service == "web") | .healthyCount'
    done >"$IT_DIR/healthy" 2>/dev/null
}

for name in a b c; do
    check "host $name starts" host_start $name || finish
done
edge_site
edge_web 3
EDGE_LINES=
edge a b c
site_commit 'three tasks on three hosts'
edge_start
check 'it converges' eventually 60 converged || { berth_log; finish; }

# ---- One after the other -------------------------------------------------------------------------
watch_tasks &
watcher=$!
maintained "$note"
site_commit 'look at the hosts'
check 'all hosts are done' eventually 60 all_done || { berth_log; finish; }
kill $watcher
check 'each once, and empty' ran 'a 0' 'b 0' 'c 0'
check 'the service had its tasks all the time' \
    sh -c 'sort -n "$1" | head -n 1 | grep -qx 3' sh "$IT_DIR/healthy" || sort "$IT_DIR/healthy" | uniq -c
check 'events say so' sh -c '"$1" events --state "$2" | grep -qF "(instance b) maintenance is done"' \
    sh "$BERTH" "$BERTH_STATE"

# ---- The first failure ---------------------------------------------------------------------------
touch "$IT_DIR/full"
maintained "$note; test \$(hostname) != b || test ! -e $IT_DIR/full || { echo no room; exit 7; }"
site_commit 'something else'
check 'it fails on one' eventually 60 host_is b DRAINING FAILED || { berth_log; finish; }
check 'berth hosts says why' hosts_say b 'maintenance failed: the command ended with exit code 7: no room'
check 'the one before was done' host_is a ACTIVE DONE
check 'the one behind it was not begun' ran 'a 0' 'b 0' 'c 0' 'a 0' 'b 0'
check 'the service is whole' eventually 30 sh -c \
    '"$1" status -o json --state "$2" | jq -e ".services[0].healthyCount == 3" >/dev/null' sh "$BERTH" \
    "$BERTH_STATE"
check_not 'what has not failed is not resumed' ask hosts resume a
check 'berth status says so' sh -c '"$1" status --state "$2" | grep -q "^maintenance *b: .*no room; see"' \
    sh "$BERTH" "$BERTH_STATE"
check 'and berth why' sh -c '"$1" why b --state "$2" | grep -q "maintenance failed: .*no room"' sh "$BERTH" \
    "$BERTH_STATE"

# ---- A person has it go on -----------------------------------------------------------------------
rm "$IT_DIR/full"
check 'resume' ask hosts resume b
check 'it goes on' eventually 60 all_done || { berth_log; finish; }
check 'where it had failed' ran 'a 0' 'b 0' 'c 0' 'a 0' 'b 0' 'b 0' 'c 0'
finish
