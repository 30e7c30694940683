#!/bin/bash
# Whatever happens to one of three hosts, somebody answers: a service with a fixed port on two of them
# is asked without a pause while a commit drains one, the power fails, a cable is pulled.
# slow_edge_faults.sh: the same while sshd and dockerd are killed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/hosts.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/edge.sh"
. "$(dirname "$0")/visits.sh"

drained() # NAME
{
    without "$1" && tasks "all(.instance != \"$1\")"
}

for name in a b c; do
    check "host $name starts" host_start $name || finish
done
visits_open

edge a 'b, state: DRAINING' c
site_commit 'drain b'
check 'b is drained by a commit' eventually 60 drained b || berth_log
edge a b c
site_commit 'b is back'

check 'all is well' eventually 60 whole || { ask ps; berth_log; }
engine_poweroff c
check 'c has no power' eventually 30 host_is c LOST
check 'its tasks are placed elsewhere' eventually 60 without c || { ask ps; berth_log; }
engine_restart c >/dev/null && host_sshd c
check 'c has booted' eventually 60 host_is c ACTIVE
check 'and the service is whole' eventually 60 whole || { ask ps; berth_log; }

host_cut a
check 'a is cut off' eventually 30 host_is a LOST
check 'nothing waits for it' eventually 60 without a || { ask ps; berth_log; }
host_join a
check 'a has its cable again' eventually 60 host_is a ACTIVE
check 'none is there twice' eventually 60 whole || { ask ps; berth_log; }

visits_end
check 'it stops' berth_stop
finish
