#!/bin/bash
# What services use and are asked, as it is measured: on the local engine and on a remote host from
# control groups, at a load balancer by its own counters; and that it is still known after a crash.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
check 'an engine starts' engine_start one || finish
. "$(dirname "$0")/hosts.sh"
. "$(dirname "$0")/site.sh"

PORT=8080

ask() # VERB...
{
    "$BERTH" "$@" --state "$BERTH_STATE"
}

service() # NAME CLUSTER COMMAND [LINE...]
{
    local name=$1 cluster=$2 command=$3
    shift 3
    site_file "$name.yaml" <<END
apiVersion: berth/v1
kind: Task
metadata: {name: $name}
spec:
  cpu: 128
  memory: 32
  containerDefinitions:
    - name: main
      image: web
      stopTimeout: 1
      command: $command
      portMappings: [{containerPort: 8080}]
---
apiVersion: berth/v1
kind: Service
metadata: {name: $name}
spec:
  cluster: $cluster
  taskDefinition: $name
  desiredCount: 1
  minReadySeconds: 1
$(printf '  %s\n' "$@")
END
}

behind() # LINE of its target: the service web, behind a load balancer
{
    service web local '[/bin/busybox, httpd, -f, -p, "8080", -h, /www]' 'loadBalancers:' \
        '  - {loadBalancer: public, containerName: main, containerPort: 8080, deregistrationDelay: 1,' \
        "     $1 healthCheck: {path: /, interval: 1, timeout: 2, healthyThreshold: 2}}"
}

now() # SERVICE FILTER: of what it did in the last minute that was measured
{
    ask metrics -o json |
        jq -e --arg service "$1" ".services[] | select(.service == \$service) | $2" >/dev/null ||
        { ask metrics; false; }
}

points() # SERVICE FILTER [OPTION...]: over its datapoints of 20 s
{
    local service=$1 filter=$2
    shift 2
    ask metrics "$service" -o json --period 20s --range 10m "$@" | jq -e ".datapoints | $filter" ||
        { ask metrics "$service" --period 20s --range 3m; false; }
}

asked() # COUNT METRIC: so many of these were counted
{
    points web "([.[].$2 // 0] | add) == $1"
}

requests() # COUNT PATH
{
    local i
    for ((i = 0; i < $1; i++)); do
        curl -s -o /dev/null --max-time 5 --noproxy '*' "http://127.0.0.1:$PORT$2" || return 1
    done
}

check 'host a starts' host_start a || finish
check 'a repository of manifests' site_begin || finish
sed -i 's/^COPY index/COPY busybox \/bin\/sh\n&/' "$SITE/apps/web/Dockerfile"
cat >>"$SITE/manifests/base.yaml" <<END
---
apiVersion: berth/v1
kind: Cluster
metadata: {name: edge}
spec: {launchType: EC2, instances: [{name: a, host: ${engine_address[a]}}]}
---
apiVersion: berth/v1
kind: LoadBalancer
metadata: {name: public}
spec: {listeners: [{port: $PORT}]}
END
service busy local '[/bin/sh, -c, "while :; do :; done"]'
service idle local '[/bin/busybox, sleep, "100000"]'
service remote edge '[/bin/sh, -c, "while :; do :; done"]'
sed -i 's/^  cpu: 128/  cpu: 128\n  networkMode: none/; /portMappings/d' "$SITE/manifests/remote.yaml"
behind ''
site_commit 'busy and idle'
engine_use one
berth_start --metrics-interval 1s
check 'it converges' eventually 90 converged || { berth_log 100; finish; }

# ---- What they use -------------------------------------------------------------------------------
# A busy task may take its 128 units and no more, but for what the kernel lets pass; on a machine that
# has no time to give it takes less.
check 'a busy service uses what it was given' eventually 40 \
    now busy '.CPUUtilization > 20 and .CPUUtilization < 140' || berth_log
check 'an idle one uses next to nothing' now idle '.CPUUtilization < 15'
check 'its memory is a part of what it was given' \
    now idle '.MemoryUtilization > 0 and .MemoryUtilization < 60'
check 'nobody asks it anything' now idle 'has("RequestCount") | not'
check_not 'the engine was not asked for statistics' grep -q 'control groups' "$IT_DIR/berth.log"
# Of CPU that a container on a remote host may use there is no limit but the host's.
check 'a service on a remote host is measured too' eventually 40 \
    now remote '.CPUUtilization > 20 and .MemoryUtilization > 0' || berth_log
check 'tasks have values of their own' eventually 40 sh -c '"$1" metrics busy -o json --state "$2" |
    jq -e ".tasks | length == 1 and .[0].cpuGiven == 128 and .[0].cpuUnits > 20 and
        .[0].memoryGiven == 32 and .[0].memoryMiB > 0"' sh "$BERTH" "$BERTH_STATE"
check 'people see it' sh -c '"$1" metrics busy --state "$2" | grep -q "^[0-9a-f]\{12\} .*/128 "' sh \
    "$BERTH" "$BERTH_STATE"
check 'nothing is planned for it' sh -c '[ "$(grep -c " converged" "$1")" = 1 ]' sh "$IT_DIR/berth.log"

# ---- What they are asked -------------------------------------------------------------------------
check 'requests' eventually 30 requests 20 /
check 'for pages that are not there too' requests 10 /none
check 'are counted, all of them' eventually 60 asked 30 RequestCount
check 'by their answers' asked 20 HTTPCode_Target_2XX_Count
check 'of both kinds' asked 10 HTTPCode_Target_4XX_Count
check 'and none of others' asked 0 HTTPCode_Target_5XX_Count
check 'an answer takes some time' points web 'any(.TargetResponseTime != null)'
behind 'pathPattern: [/*], priority: 1,'
site_commit 'another rule'
check 'the load balancer is loaded anew' eventually 60 converged || berth_log
check 'further requests' requests 7 /
check 'are counted to the others' eventually 60 asked 37 RequestCount

# ---- What is kept --------------------------------------------------------------------------------
minute_is_kept() # the last minute was measured, and some seconds of the next have passed
{
    ask metrics busy -o json --range 3m |
        jq -ec '.datapoints | map(select(.CPUUtilization)) | .[-1]' >"$IT_DIR/minute" &&
        [ "$(date +%-S)" -ge 5 ]
}
still_known()
{
    ask metrics busy -o json --range 1h |
        jq -e --argjson old "$(cat "$IT_DIR/minute")" '.datapoints[] | select(.at == $old.at) |
            (.CPUUtilization - $old.CPUUtilization | fabs) < 0.1' >/dev/null
}
check 'a minute passes' eventually 90 minute_is_kept
berth_kill9
: >"$IT_DIR/berth.log"
berth_start --metrics-interval 1s
check 'Berth is back' eventually 60 ask status
check 'and knows what it was' eventually 20 still_known
check 'it goes on measuring' eventually 60 now busy '.CPUUtilization > 20'
berth_stop

# ---- Where control groups cannot be read ---------------------------------------------------------
cat >"$IT_DIR/blind" <<END
#!/bin/sh
exec unshare --mount sh -c 'umount -R /sys/fs/cgroup && exec "\$0" "\$@"' $BERTH "\$@"
END
chmod +x "$IT_DIR/blind"
: >"$IT_DIR/berth.log"
(BERTH=$IT_DIR/blind && berth_start --metrics-interval 1s && echo "$berth_pid" >"$IT_DIR/blind.pid")
task_is() # SERVICE FILTER
{
    ask metrics "$1" -o json | jq -e ".tasks[0] | $2" >/dev/null
}
check 'the engine is asked' eventually 60 task_is idle '.memoryMiB > 0' || berth_log
check 'which is said' grep -q 'local: its control groups cannot be read' "$IT_DIR/berth.log"
check 'and concerns no other host' eventually 30 task_is remote '.cpuUnits > 0'
check_not 'of which nothing is said' grep -q 'a: its control groups' "$IT_DIR/berth.log"
kill -TERM "$(cat "$IT_DIR/blind.pid")"
ended()
{
    ! kill -0 "$(cat "$IT_DIR/blind.pid")" 2>/dev/null
}
check 'it ends' eventually 20 ended

: >"$IT_DIR/berth.log"
berth_start --metrics-interval 0
check 'without samples' eventually 60 converged
check 'it says so' sh -c '"$1" metrics --state "$2" 2>&1 | grep -q metrics-interval' sh "$BERTH" \
    "$BERTH_STATE"
berth_stop
finish
