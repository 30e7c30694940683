#!/bin/bash
# Someone meddles with tasks of several containers: an essential one, another one, the sandbox; and
# removes everything.  The declared state comes back.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/by_hand.sh"

check 'an engine starts' engine_start one || finish
site_make
berth_start
check 'it converges' eventually 60 converged || { berth_log 100; finish; }
check 'as declared' as_declared


id=$(id_of pair main); meddle 'essential container stopped' "$id" POST "/containers/$id/stop?t=1"
id=$(id_of pair main); meddle 'essential container removed' "$id" DELETE "/containers/$id?force=1"
id=$(id_of pair side); meddle 'side container removed' "$id" DELETE "/containers/$id?force=1"
id=$(id_of pair _sandbox); meddle 'sandbox killed' "$id" POST "/containers/$id/kill"
id=$(id_of pair _sandbox); meddle 'sandbox removed' "$id" DELETE "/containers/$id?force=1"

id=$(id_of pair side)
check 'a container that is not essential is stopped' engine_api POST "/containers/$id/stop?t=1"
sleep 2
check 'its task goes on' count_is 2 "$(service_is pair)"
id=$(id_of pair main); check 'until it is replaced' engine_api POST "/containers/$id/kill"
check 'and all is well' eventually 30 as_declared

remove_all() # docker rm -f of everything that is ours
{
    local id
    for id in $(containers | jq -r '.[].Id'); do
        engine_api DELETE "/containers/$id?force=1" || true
    done
}
check 'everything is removed' remove_all
check 'everything comes back' eventually 60 as_declared || berth_log 60
check 'and stays' stays

check 'all is told' grep -q 'the containers of the task were removed by hand' "$IT_DIR/berth.log"
berth_stop
finish
