#!/bin/bash
# Someone meddles with tasks of one container: stopped, killed, paused, removed, disconnected, renamed,
# given other limits.  Whatever it was, the declared state comes back; what is not ours is never touched.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/by_hand.sh"

foreign_is_well()
{
    [ "$(engine_api GET '/containers/json?all=1' | jq -r '[.[] | select(.Names[0] | startswith("/berth-it-other") or startswith("/berth-0123")) | .Id + .State] | sort | join(" ")')" = "$foreign" ]
}

check 'an engine starts' engine_start one || finish
site_make
check 'a busybox for others' engine_busybox

# Others' containers: with our owner label alone, with labels of another owner, with a name like ours.
foreign()
{
    engine_api POST "/containers/create?name=$1" "{\"Image\": \"busybox:test\", \"Cmd\": [\"sleep\", \"100000\"], \"Labels\": $2}" >/dev/null &&
        engine_api POST "/containers/$1/start"
}
task=0123456789abcdef0123456789abcdef
ours="\"berth.cluster\": \"local\", \"berth.service\": \"web\", \"berth.task\": \"$task\", \"berth.container\": \"web\", \"berth.containers\": \"1\", \"berth.slot\": \"0\""
check 'others have containers' foreign berth-it-other-1 '{"berth.owner": "it"}' &&
    foreign berth-it-other-2 "{\"berth.owner\": \"it\", $ours}" &&
    foreign berth-it-other-3 "{\"berth.owner\": \"it2\", $ours}" &&
    foreign berth-0123456789ab-web "{\"berth.owner\": \"it2\", $ours}"
foreign=$(engine_api GET '/containers/json?all=1' | jq -r '[.[] | .Id + .State] | sort | join(" ")')

# The listing by owner has two of them.
containers()
{
    engine_api GET '/containers/json?all=1&filters=%7B%22label%22%3A%5B%22berth.owner%3Dit%22%5D%7D' |
        jq -c "[.[] | select(.Names[0] | startswith(\"/berth-it-other\") | not) | select(${1-true})]"
}

berth_start
check 'it converges' eventually 60 converged || { berth_log 100; finish; }
check 'as declared' as_declared

web() { ids web | head -n 1; }
id=$(web); meddle 'docker stop' "$id" POST "/containers/$id/stop?t=1"
id=$(web); meddle 'docker kill' "$id" POST "/containers/$id/kill"
id=$(web); meddle 'docker pause' "$id" POST "/containers/$id/pause"
id=$(web); meddle 'docker rm -f' "$id" DELETE "/containers/$id?force=1"
id=$(web); meddle 'docker update' "$id" POST "/containers/$id/update" '{"Memory": 67108864, "MemorySwap": 67108864}'
id=$(web)
check 'docker rename' engine_api POST "/containers/$id/rename?name=berth-it-other-4"
check 'docker rename: it is no longer ours, and replaced' eventually 40 as_declared || berth_log 30
check 'docker rename: it is left alone' test "$(engine_api GET /containers/berth-it-other-4/json | jq -r .State.Status)" = running
engine_api DELETE '/containers/berth-it-other-4?force=1'
id=$(web)
check 'docker restart' engine_api POST "/containers/$id/restart?t=1"
check 'docker restart: all is well again' eventually 40 as_declared || berth_log 30
check 'docker restart: and stays so' stays
id=$(web); meddle 'docker network disconnect' "$id" POST "/networks/berth-it-local/disconnect" "{\"Container\": \"$id\", \"Force\": true}"
check 'what belongs to others was never touched' foreign_is_well
berth_stop
finish
