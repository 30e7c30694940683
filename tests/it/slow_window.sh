#!/bin/bash
# Hosts are worked on when the window opens and not before, and what waits for it is told.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/hosts.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/edge.sh"

all_done()
{
    host_is a ACTIVE DONE && host_is b ACTIVE DONE
}

for name in a b; do
    check "host $name starts" host_start $name || finish
done
edge_site
edge_web 2
EDGE_LINES=
edge a b
site_commit 'two tasks on two hosts'
edge_start
check 'it converges' eventually 60 converged || { berth_log; finish; }

# It opens with the next minute that is at least 10 seconds away, there where clocks are told by.
at=$(($(date +%s) / 60 * 60 + 60))
[ $((at - $(date +%s))) -ge 10 ] || at=$((at + 60))
opens=$(TZ=Asia/Kathmandu date -d @$at '+%M %H %d %m ? %Y')
EDGE_LINES=$(printf 'maintenance:\n  command: echo "$(hostname) $(date +%%s)" >>%s/when\n' "$IT_DIR"
    printf '  windows: [{scheduleExpression: cron(%s), duration: 1h, timezone: Asia/Kathmandu}]' "$opens")
edge a b
site_commit 'in a window'
check 'nothing begins before it opens' eventually 30 hosts_say a \
    "it waits for a window, which opens on .* $(TZ=Asia/Kathmandu date -d @$at '+%H:%M') Asia/Kathmandu"
check 'and that is no work left to do' eventually 10 converged
check 'events tell it' sh -c \
    '"$1" events --state "$2" | grep -qF "(cluster edge) maintenance of a, b waits for a window"' sh \
    "$BERTH" "$BERTH_STATE"
worked() # all did, none before it opened
{
    all_done && [ "$(wc -l <"$IT_DIR/when")" = 2 ] && awk -v at=$at '$2 < at { exit 1 }' "$IT_DIR/when"
}
check 'then all are done' eventually 150 worked || { berth_log; finish; }
finish
