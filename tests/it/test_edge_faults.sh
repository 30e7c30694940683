#!/bin/bash
# Whatever happens to one of three hosts, somebody answers: a service with a fixed port on two of them
# is asked without a pause while a commit drains one, sshd is killed, dockerd is killed, the power
# fails, a cable is pulled, a link is slow and loses packets, a disk is full.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/hosts.sh"
. "$(dirname "$0")/site.sh"
HOSTS='a b c'
DISK=$IT_DIR/disk # what a's engine keeps
PORT=8080

ask()
{
    "$BERTH" "$@" --state "$BERTH_STATE"
}

cluster() # [NAME]: the one that is drained
{
    local name
    {
        printf '%s\n' 'apiVersion: berth/v1' 'kind: Cluster' 'metadata: {name: edge}' 'spec:' \
            '  launchType: EC2' '  instanceLostTimeout: 4' '  instances:'
        for name in $HOSTS; do
            echo "    - {name: $name, host: ${engine_address[$name]}, connectionTimeout: 4" \
                "$([ "$name" != "${1-}" ] || echo ', state: DRAINING')}"
        done
    } | site_file cluster.yaml
}

service() # COLOUR [COUNT [MAXIMUM-PERCENT]]
{
    site_file web.yaml <<END_OF_FILE
apiVersion: berth/v1
kind: Task
metadata: {name: web}
spec:
  cpu: 64
  memory: 32
  networkMode: bridge
  containerDefinitions:
    - name: web
      image: web
      stopTimeout: 2
      environment: {COLOUR: $1}
      portMappings: [{containerPort: 8080, hostPort: $PORT}]
      $SITE_CHECK
---
apiVersion: berth/v1
kind: Service
metadata: {name: web}
spec:
  cluster: edge
  taskDefinition: web
  desiredCount: ${2:-2}
  minReadySeconds: 1
  deploymentConfiguration: {minimumHealthyPercent: 50, maximumPercent: ${3:-200}}
  placementStrategy: [{type: spread, field: instanceId}]
END_OF_FILE
}

tasks() # JQ: over the tasks that run
{
    ask ps -o json | jq -e "[.tasks[] | select(.status == \"RUNNING\")] | $1" >/dev/null
}

host_is() # NAME STATE
{
    ask hosts -o json | jq -e --arg name "$1" --arg state "$2" \
        '.hosts[] | select(.name == $name).state == $state' >/dev/null
}

logged() # PATTERN
{
    grep -q "$1" "$IT_DIR/berth.log"
}

# So many tasks run and are healthy, each on a host of its own, and nothing is left to do.
whole() # [COUNT]
{
    tasks "length == ${1-2} and all(.healthy) and (map(.instance) | unique | length) == ${1-2}" &&
        converged
}

# What is known of a host that does not answer stays as it was.
without() # NAME: two are healthy on others
{
    tasks "[.[] | select(.healthy and .instance != \"$1\")] | length == 2"
}

drained() # NAME
{
    without "$1" && tasks "all(.instance != \"$1\")"
}

# As a client with three addresses does: the next one where one does not answer.
visit()
{
    local name answered
    while [ ! -e "$IT_DIR/visited" ]; do
        answered=false
        for name in $HOSTS; do
            ! curl -fs --max-time 2 -o /dev/null "http://${engine_address[$name]}:$PORT/" ||
                answered=true
            ! $answered || break
        done
        echo "$answered $(date +%T)" >>"$IT_DIR/visits"
        sleep 0.1
    done
}

mkdir "$DISK" && mount -t tmpfs -o size=96m tmpfs "$DISK" || finish
check 'host a starts, on a small disk' host_start a --data-root "$DISK/data" || finish
check 'host b starts' host_start b || finish
check 'host c starts' host_start c || finish
site_begin
rm "$SITE/manifests/base.yaml"
site_file image.yaml <<'END_OF_FILE'
apiVersion: berth/v1
kind: Image
metadata: {name: web}
spec: {build: {context: apps/web}}
END_OF_FILE
cluster
service red
site_commit 'two tasks on three hosts'
DOCKER_HOST=unix:///nowhere "$BERTH" run "$SITE" --path manifests --owner it \
    --state "$BERTH_STATE" --verbose >>"$IT_DIR/berth.log" 2>&1 &
berth_pid=$!
check 'it converges' eventually 90 whole || { berth_log; finish; }
visit &
visitor=$!

cluster b
site_commit 'drain b'
check 'b is drained by a commit' eventually 60 drained b || berth_log
cluster
site_commit 'b is back'

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

# ---- A rollout over a bad link ----

engine_in b tc qdisc add dev eth0 root tbf rate 4mbit burst 16kb latency 200ms
engine_in b iptables -I INPUT -i eth0 -p tcp --dport 22 -m statistic --mode random \
    --probability 0.05 -j DROP
service green
site_commit 'web is green'
check 'a slow link that loses packets' eventually 120 whole || { ask ps; berth_log; }
check 'the rollout is done' tasks '(map(.deployment) | unique | length) == 1'
check 'b was not lost for it' host_is b ACTIVE || ask hosts
engine_in b tc qdisc del dev eth0 root
engine_in b iptables -D INPUT 1

# ---- A full disk ----

fill()
{
    local size
    for size in 1M 64k 4k; do
        dd if=/dev/zero of="$DISK/filler-$size" bs=$size 2>/dev/null
    done
    true
}
check 'the disk of a is full' fill
head -c 3000000 /dev/urandom >"$SITE/apps/web/large"
echo 'COPY large /large' >>"$SITE/apps/web/Dockerfile"
service blue 3 100 # so that a is needed; no host has a second such port
site_commit 'three tasks of a larger image'
check 'what fails on a is told' eventually 90 logged 'no space left on device' || berth_log
check 'what serves goes on' tasks 'map(select(.healthy)) | length >= 2' || ask ps
rm "$DISK"/filler-*
check 'with room again it goes on' eventually 120 whole 3 || { ask ps; berth_log; }

touch "$IT_DIR/visited"
wait "$visitor"
asked=$(wc -l <"$IT_DIR/visits")
check "each of $asked requests was answered" test "$(grep -c false "$IT_DIR/visits")" = 0 ||
    grep false "$IT_DIR/visits" | head -20
check 'there were some' test "$asked" -gt 50
check 'it stops' berth_stop
finish
