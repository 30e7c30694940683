#!/bin/bash
# Real hosts: one task on each, a host that joins and gets its share, one that leaves; and what `plan`
# says of all that before it happens.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/hosts.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/edge.sh"
. "$(dirname "$0")/images_hosts.sh"

plan() # OPTION...: what would happen; in $IT_DIR/plan
{
    DOCKER_HOST=unix:///nowhere "$BERTH" plan "$SITE" --path manifests --owner it \
        --state "$BERTH_STATE" "$@" >"$IT_DIR/plan" 2>&1
    local status=$?
    cat "$IT_DIR/plan"
    return $status
}

says() # WORDS
{
    grep -qF -- "$1" "$IT_DIR/plan" || { cat "$IT_DIR/plan"; false; }
}

for name in a b c; do
    check "host $name starts" host_start $name || finish
done
images_site
head -c 1000 /dev/zero >"$SITE/apps/web/bulk"
edge a b
service_of web 4 web
service_of logs 0 web 'schedulingStrategy: DAEMON'
sed -i '/desiredCount: 0/d; /placementStrategy/d' "$SITE/manifests/service-logs.yaml"
sed -i 's/placementStrategy:.*//' "$SITE/manifests/service-web.yaml"
site_commit 'a daemon and a service on two hosts'

check 'the hosts are asked before anything runs' plan
check 'a daemon goes to each' says '2 tasks of logs are started, one on each instance'
check 'and they are named' says 'new tasks go 1 to a, 1 to b'
check 'the others are spread' says 'new tasks go 2 to a, 2 to b'

edge_start
check 'it converges' eventually 90 converged || { berth_log; finish; }
check 'as it was planned' spread web 2 2 0
check 'one of the daemon on each host' spread logs 1 1 0

edge a b c
site_commit 'a third host'
check 'the daemon comes to it' eventually 60 spread logs 1 1 1 || berth_log
check 'and its share of the others' eventually 60 spread web 2 1 1 || spread web 1 2 1 || berth_log
check 'it was told why' sh -c '"$1" events --state "$2" | grep -q "Rebalancing: container-instance"' \
    sh "$BERTH" "$BERTH_STATE"
check 'and it ends' eventually 60 converged || berth_log

check 'what is committed is what runs' plan
check 'so that nothing is to do' says 'No changes'
git -C "$SITE" checkout -q -b large
sed -i 's/memory: 32/memory: 900000/' "$SITE/manifests/service-web.yaml"
git_commit "$SITE" 'too large'
check 'a commit of another branch is asked for' plan --ref large
check 'one that is too large is told of before the merge' says 'would find no place'
check 'with what is lacking' says 'has insufficient memory available: the task needs 900000 MiB'
git -C "$SITE" checkout -q -

sed -i 's/\(name: b, .*\)}/\1, state: DRAINING}/' "$SITE/manifests/cluster.yaml"
site_commit 'the second host is to be empty'
check 'a host that is DRAINING is left' eventually 60 spread web 2 0 2 || berth_log
check 'by the daemon too' eventually 60 spread logs 1 0 1 || berth_log
check 'and all is at rest' eventually 60 converged || berth_log
berth_stop
finish
