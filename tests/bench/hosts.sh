#!/bin/bash
# What Berth costs beside bare Engine calls on three remote hosts, and what its connections cost:
# `make bench-hosts`, as root.  Prints medians, spread and ratios; fails on nothing but its own
# inability to run.
#
#     RUNS=5         how often each figure is taken; the two sides take turns
#     TASKS=60       of the service that is spread over the hosts
#     CALLS=300      pairs of calls, one through SSH and one made on the host's own socket
#     MANY=50        hosts that are connected to at once: namespaces with an sshd each, and with
#                    stand_in.c for their engines
#     ONLY=PATTERN   only the parts up, call, beside, connect that match
#
# Hosts are namespaces of this machine: there is no distance between them.
. "$(dirname "$0")/../it/lib.sh"
. "$(dirname "$0")/../it/engine.sh"
. "$(dirname "$0")/../it/hosts.sh"
. "$(dirname "$0")/../it/site.sh"
. "$(dirname "$0")/../it/edge.sh"
. "$(dirname "$0")/lib.sh"
TASKS=${TASKS:-60} CALLS=${CALLS:-300} MANY=${MANY:-50}
export RUNTIME_DIRECTORY=$IT_DIR/run # of forwarded sockets

service() # COUNT
{
    site_file web.yaml <<END_OF_FILE
apiVersion: berth/v1
kind: Task
metadata: {name: web}
spec:
  cpu: 16
  memory: 16
  networkMode: bridge
  containerDefinitions:
    - name: main
      image: web
      stopTimeout: 5
      entryPoint: [/bin/busybox, sh, -c]
      command: ["trap 'exit 0' TERM; /bin/busybox sleep 100000 & wait"]
---
apiVersion: berth/v1
kind: Service
metadata: {name: web}
spec: {cluster: edge, taskDefinition: web, desiredCount: $1, minReadySeconds: 0}
END_OF_FILE
}

deploy() # COUNT; sets published_ns
{
    service "$1"
    site_commit "$1 tasks"
    published_ns=$(now)
    git -C "$SITE" update-ref refs/heads/main next
}

settles()
{
    eventually 300 converged main >/dev/null || die 'it does not converge'
}

started_at() # NAME: when its containers were started
{
    local id
    engine_use "$1"
    for id in $(engine_api GET /containers/json | jq -r '.[].Id'); do
        engine_api GET "/containers/$id/json" | jq -r .State.StartedAt
    done
}

# When the last container of all was started, by its engine.
last_start() # NAME...
{
    local name
    for name; do
        started_at "$name"
    done | date -f - +%s%N | sort -n | tail -n 1
}

none_runs()
{
    local name
    for name in a b c; do
        engine_use $name
        [ "$(engine_api GET /containers/json)" = '[]' ] || return 1
    done
}

bare_on() # NAME WORD...
{
    local name=$1
    shift
    engine_in "$name" "$TOOLS/bare" "unix://$IT_DIR/$name/sock" "$@"
}

# The same container without labels, on another bridge.
body()
{
    local id
    engine_use a
    id=$(engine_api GET /containers/json | jq -r '.[0].Id')
    engine_api GET "/containers/$id/json" | jq -c '.HostConfig as $host |
        .Config | del(.Labels, .Hostname, .Domainname) | .HostConfig = $host |
        .HostConfig.NetworkMode = "bench" | .HostConfig |= del(.ContainerIDFile, .Binds)'
}

up()
{
    local run name began pids
    for name in a b c; do
        engine_use $name
        engine_api POST /networks/create '{"Name": "bench", "Driver": "bridge"}' >/dev/null
    done
    for ((run = 0; run < RUNS; run++)); do
        pids=()
        began=$(now)
        for name in a b c; do
            bare_on $name up bare $((TASKS / 3)) <"$IT_DIR/body" >/dev/null &
            pids+=($!)
        done
        wait "${pids[@]}" || die 'bare calls failed'
        result spread bare "$(ms $(($(last_start a b c) - began)))" ms
        for name in a b c; do
            bare_on $name clean </dev/null >/dev/null
        done
        eventually 60 none_runs >/dev/null || die 'containers cannot be removed'
        deploy "$TASKS"
        settles
        result spread berth "$(ms $(($(last_start a b c) - published_ns)))" ms
        deploy 0
        settles
        eventually 60 none_runs >/dev/null || die 'tasks do not end'
    done
}

# The socket of the first host that was connected to, as Berth forwards it.
call_of() # METRIC PATH
{
    local through own
    "$TOOLS/latency" "unix://$(find "$RUNTIME_DIRECTORY" -name 0 -type s)" \
        "unix://$IT_DIR/a/sock" "$2" "$CALLS" >"$IT_DIR/calls" || die 'no call'
    note "$1: an answer of $(tail -n 1 "$IT_DIR/calls" | cut -d ' ' -f 3) bytes"
    while read -r through own _; do
        echo "$1 berth $(ms "$through") ms" >>"$RESULTS"
        echo "$1 bare $(ms "$own") ms" >>"$RESULTS"
    done <"$IT_DIR/calls"
}

calls()
{
    deploy "$TASKS"
    settles
    call_of small /_ping
    call_of large /containers/json
    deploy 0
    settles
}

beside()
{
    local run side
    for side in bare berth; do # while all answer, and while one does not
        [ $side = bare ] || { host_cut c; eventually 60 host_is c LOST >/dev/null || die 'c is not lost'; }
        for ((run = 0; run < RUNS; run++)); do
            deploy 2
            settles
            result beside $side "$(ms $(($(last_start a b) - published_ns)))" ms
            deploy 0
            settles
        done
    done
    host_join c
}

# A host whose engine is stand_in.c.
stand_in() # NAME
{
    mkdir "$IT_DIR/$1" && engine_flags[$1]= &&
        engine_address[$1]=10.77.0.$((${#engine_address[@]} + 10)) &&
        engine_boot "$1" || return 1
    engine_in "$1" "$TOOLS/stand_in" "$IT_DIR/$1/sock" "$1" </dev/null >/dev/null 2>&1 &
    host_sshd "$1" && host_known "$1"
}

all_active()
{
    [ "$(ask hosts -o json 2>/dev/null | jq '[.hosts[] | select(.state == "ACTIVE")] | length')" = "$MANY" ]
}

connect()
{
    local names=() number run began
    for ((number = 0; number < MANY; number++)); do
        stand_in "n$number" || die "host n$number cannot be made"
        names+=("n$number")
    done
    edge "${names[@]}"
    service 0
    site_commit 'many hosts'
    git -C "$SITE" update-ref refs/heads/main next
    for ((run = 0; run < RUNS; run++)); do
        rm -rf "$BERTH_STATE"
        began=$(now)
        edge_start --branch main
        until all_active; do
            [ $(($(now) - began)) -lt 120000000000 ] || die 'hosts stay away'
            sleep 0.05
        done
        result connect berth "$(ms $(($(now) - began)))" ms
        berth_stop
    done
}

for name in a b c; do
    host_start $name >/dev/null || die "no host $name"
done
mkdir -p "$RUNTIME_DIRECTORY" && chmod 700 "$RUNTIME_DIRECTORY"
edge_site
edge a b c
service 3
site_commit 'a task on each' && git -C "$SITE" checkout -q -b next
edge_start --branch main
settles
body >"$IT_DIR/body"
deploy 0
settles
! part up || up
! part call || calls
! part beside || beside
berth_stop
! part connect || connect
summary
