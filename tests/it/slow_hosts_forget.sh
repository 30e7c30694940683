#!/bin/bash
# A host of an EC2 cluster that never comes back, and one that does after it was given up.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/hosts.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/edge.sh"

for name in a b; do
    check "host $name starts" host_start $name || finish
done
site_begin
rm "$SITE/manifests/base.yaml"
site_file image.yaml <<'END'
apiVersion: berth/v1
kind: Image
metadata: {name: web}
spec: {build: {context: apps/web}}
END
site_file data.yaml <<'END'
apiVersion: berth/v1
kind: Task
metadata: {name: data}
spec:
  cpu: 64
  memory: 32
  networkMode: bridge
  volumes: [{name: data, deleteWithService: true}]
  containerDefinitions:
    - name: web
      image: web
      stopTimeout: 1
      mountPoints: [{sourceVolume: data, containerPath: /data}]
---
apiVersion: berth/v1
kind: Service
metadata: {name: data}
spec: {cluster: edge, taskDefinition: data, desiredCount: 1, minReadySeconds: 1}
END
edge 'a, state: DRAINING' b
site_commit 'a service with a volume, on b'
edge_start
on() # INSTANCE
{
    ask ps data -o json |
        jq -e --arg name "$1" '.tasks[0] | .instance == $name and .status == "RUNNING"'
}
check 'it converges' eventually 60 converged || { berth_log; finish; }
check 'its task and its volume are on b' on b
check_not 'one that answers is not given up' ask hosts forget b
check 'and it is said what to do instead' sh -c '"$1" hosts forget b --state "$2" 2>&1 |
    grep -q "state: DRAINING"' sh "$BERTH" "$BERTH_STATE"
check_not 'nor one that is none' ask hosts forget z
check_not 'nor the local engine' ask hosts forget local
engine_poweroff b
check 'b dies' eventually 60 host_is b LOST
edge a b
rm "$SITE/manifests/data.yaml"
site_commit 'the service is removed'
there()
{
    ask status -o json | jq -e '.services[] | select(.service == "data")' >/dev/null
}
removing()
{
    [ "$(ask confirm 2>&1 | wc -l)" -gt 0 ] && grep -q 'data) is being removed' "$IT_DIR/berth.log"
}
check 'it may go' eventually 60 removing
sleep 1
check 'and waits for what is on b' there
check 'b is given up' sh -c '"$1" hosts forget b --state "$2" | grep -q "^b is given up: 1 of its"' \
    sh "$BERTH" "$BERTH_STATE"
gone()
{
    ! there
}
check 'the service is gone with them' eventually 30 gone || { ask status; berth_log; }
check 'why it ended is remembered' sh -c '"$1" ps --all -o json --state "$2" |
    jq -e ".tasks[] | select(.instance == \"b\" and .service == \"data\") |
        .status == \"STOPPED\" and .stopCode == \"UserInitiated\" and
        .reason == \"instance b was given up\""' sh "$BERTH" "$BERTH_STATE"
check 'the manifest lists it, so it is dialled' eventually 30 host_is b LOST
check 'and berth hosts says that it was given up' sh -c '"$1" hosts --state "$2" |
    grep -q "^b .*given up"' sh "$BERTH" "$BERTH_STATE"
berth_kill9
edge_start
check 'the next process knows it too' eventually 60 sh -c '"$1" hosts --state "$2" |
    grep -q "^b .*given up"' sh "$BERTH" "$BERTH_STATE"
edge a
site_commit 'b leaves'
left()
{
    ! ask hosts -o json | grep -q '"b"'
}
check 'one that leaves and was given up is waited for no more' eventually 30 left
edge a b
site_commit 'b is repaired'
check 'b boots' engine_restart b && check 'with its sshd' host_sshd b
check 'it is an instance like any other' eventually 90 host_is b ACTIVE
check_not 'and nobody says that it was given up' sh -c '"$1" hosts --state "$2" | grep "given up"' \
    sh "$BERTH" "$BERTH_STATE"
engine_use b
# Nothing is remembered of that service, and it is the only one there is: its removal is held.
nothing_is_left()
{
    ask confirm >/dev/null
    ! engine_api GET '/containers/json?all=1' | grep -q berth-
}
check 'what nobody wants there any more goes, once it is confirmed' eventually 60 nothing_is_left ||
    berth_log
check 'it stops' berth_stop
finish
