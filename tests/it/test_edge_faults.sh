#!/bin/bash
# Whatever happens to one of three hosts, somebody answers: a service with a fixed port on two of them
# is asked without a pause while the power of one fails.
# slow_edge_faults.sh: the same while a commit drains one, a cable is pulled, sshd and dockerd are killed.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/hosts.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/edge.sh"
. "$(dirname "$0")/visits.sh"

for name in a b c; do
    check "host $name starts" host_start $name || finish
done
visits_open

engine_poweroff c
check 'c has no power' eventually 30 host_is c LOST
check 'its tasks are placed elsewhere' eventually 60 without c || { ask ps; berth_log; }
check 'it is switched on again' engine_restart c && check 'with its sshd' host_sshd c
check 'c has booted' eventually 60 host_is c ACTIVE
check 'and the service is whole' eventually 60 whole || { ask ps; berth_log; }

visits_end
check 'it stops' berth_stop
finish
