#!/bin/bash
# Whatever happens to one of three hosts, somebody answers: as test_edge_faults.sh, while a commit drains
# one, a cable is pulled, sshd is killed and dockerd is killed.
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
host_cut a
check 'a is cut off' eventually 30 host_is a LOST
check 'nothing waits for it' eventually 60 without a || { ask ps; berth_log; }
host_join a
check 'a has its cable again' eventually 60 host_is a ACTIVE
check 'none is there twice' eventually 60 whole || { ask ps; berth_log; }

# The containers of a host whose sshd died go on, and so may the tasks that were placed elsewhere.
# They are the same slots: what is too much goes when it is seen.
check 'all is well' eventually 60 whole
host_sshd_kill a
check 'a is lost without its sshd' eventually 30 host_is a LOST
check 'its tasks are elsewhere' eventually 60 without a || { ask ps; berth_log; }
host_sshd a
check 'a is seen again' eventually 30 host_is a ACTIVE
check 'two run in the end' eventually 60 whole || { ask ps; berth_log; }

check 'the dockerd of b dies' engine_kill9 b
check 'b is lost without its engine' eventually 30 host_is b LOST
blames_engine() # NAME: and not the way to it
{
    ask hosts -o json | jq -e --arg name "$1" \
        '.hosts[] | select(.name == $name).failure | contains("engine")' >/dev/null
}
check 'and it is said why' eventually 10 blames_engine b || ask hosts
check 'it starts again' engine_restart b
check 'b works again' eventually 30 host_is b ACTIVE
check 'nothing is missing' eventually 60 whole || { ask ps; berth_log; }

visits_end
check 'it stops' berth_stop
finish
