#!/bin/bash
# A service under a load grows to its maximum, by what its control groups say, and shrinks when the load
# is gone; its count outlives a crash; and without samples it stays as it is.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
check 'an engine starts' engine_start one || finish
. "$(dirname "$0")/site.sh"

ask() # VERB...
{
    "$BERTH" "$@" --state "$BERTH_STATE"
}

commit() # COMMAND MESSAGE: the service web, which runs that
{
    site_file web.yaml <<END
apiVersion: berth/v1
kind: Task
metadata: {name: web}
spec:
  cpu: 128
  memory: 32
  containerDefinitions:
    - name: main
      image: web
      stopTimeout: 1
      command: [/bin/sh, -c, "$1"]
---
apiVersion: berth/v1
kind: Service
metadata: {name: web}
spec:
  cluster: local
  taskDefinition: web
  desiredCount: 1
  minReadySeconds: 0
  autoScaling:
    minCapacity: 1
    maxCapacity: 3
    evaluationInterval: 1
    policies:
      - name: cpu
        targetTracking: {metric: ECSServiceAverageCPUUtilization, targetValue: 15, period: 1,
                         scaleOutCooldown: 1, scaleInCooldown: 1}
END
    site_commit "$2"
}

count_is() # COUNT: so many tasks run
{
    ask ps -o json | jq -e "[.tasks[] | select(.status == \"RUNNING\")] | length == $1" >/dev/null
}

why_says() # PATTERN
{
    ask why web | grep -q "$1" || { ask why web; false; }
}

check 'a repository of manifests' site_begin || finish
sed -i 's/^COPY index/COPY busybox \/bin\/sh\n&/' "$SITE/apps/web/Dockerfile"
commit 'while :; do :; done' 'a busy service'
engine_use one
berth_start --metrics-interval 1s
check 'it grows to its maximum' eventually 60 count_is 3 || { ask why web; ask ps -o json; berth_log 60; }
check 'which is said' why_says 'AlreadyAtMaxCapacity: 3'
check 'by the policy that did it' why_says 'policy cpu: CPUUtilization is'
check 'as an event, too' sh -c '"$1" events web --state "$2" | grep -q "Successfully set desired count to"' \
    sh "$BERTH" "$BERTH_STATE"
berth_kill9
: >"$IT_DIR/berth.log"
berth_start --metrics-interval 0
check 'a new process has the same count' eventually 60 why_says '3 of 3 run'
check 'and without samples too little data' eventually 60 why_says 'INSUFFICIENT_DATA'
check 'so that it stays' count_is 3
berth_stop
: >"$IT_DIR/berth.log"
berth_start --metrics-interval 1s
commit 'exec /bin/busybox sleep 100000' 'an idle one'
check 'without a load it shrinks' eventually 90 count_is 1 || { ask why web; berth_log 60; }
berth_stop
finish
