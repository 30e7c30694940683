#!/bin/bash
# Jobs: a Task is run by itself, once, and what it did is remembered; a task is stopped.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

ask() # VERB [WORD...]
{
    timeout 60 "$BERTH" "$@" --state "$BERTH_STATE"
}

jobs_json()
{
    ask jobs -o json "$@" | jq '.jobs'
}

# run_says CODE TEXT [WORD...]: run-task --wait exits with the code, and prints the text.
run_says()
{
    local code=$1 text=$2 status=0
    shift 2
    ask run-task "$@" --cluster local --wait >"$IT_DIR/said" 2>&1 || status=$?
    cat "$IT_DIR/said"
    [ $status = "$code" ] && grep -q -- "$text" "$IT_DIR/said"
}

of_jobs='.Labels["berth.group"] != null'

overridden='{"containerOverrides": [{"name": "count", "environment": {"CODE": "7", "WORD": "altered"}}]}'
command='{"containerOverrides": [{"name": "count", "command": ["/bin/busybox", "true"]}]}'

check 'an engine starts' engine_start one || finish
check 'a repository' site_begin || finish
# shellcheck disable=SC2016
site_task count 'environment: {CODE: 0, WORD: "as written"}' \
    'command: [/bin/busybox, sh, -c, "echo it is $WORD; exit $CODE"]'
site_task endless 'command: [/bin/busybox, sleep, "100000"]'
site_task huge 'command: [/bin/busybox, true]'
sed -i 's/memory: 32/memory: 9000000/' "$SITE/manifests/task-huge.yaml"
site_file task-kept.yaml <<'END'
apiVersion: berth/v1
kind: Task
metadata: {name: kept}
spec:
  cpu: 256
  memory: 64
  networkMode: awsvpc
  volumes: [{name: scratch}]
  containerDefinitions:
    - {name: first, image: web, essential: false,
       command: [/bin/busybox, sh, -c, "echo kept >/scratch/file"],
       mountPoints: [{sourceVolume: scratch, containerPath: /scratch}]}
    - {name: second, image: web, dependsOn: [{containerName: first, condition: SUCCESS}],
       command: [/bin/busybox, grep, -q, kept, /scratch/file],
       mountPoints: [{sourceVolume: scratch, containerPath: /scratch}]}
END
site_task web 'portMappings: [{containerPort: 8080}]'
site_service web web 1
site_commit 'a service, and Tasks that no Service names'
berth_start
check 'it converges' eventually 90 converged || { berth_log 100; finish; }

check 'a Task is run, and its code passed on' run_says 0 '' count --started-by alice || berth_log 60
check 'what failed says its code and last lines' run_says 7 'it is altered' count \
    --overrides "$overridden" || berth_log 60
check 'a command is overridden' run_says 0 '' count --overrides "$command"
check 'several run at once' run_says 0 '' count --count 3
check 'of two containers one waits for the other, on a volume of the run' run_says 0 '' kept ||
    berth_log 80
check 'the containers are removed' count_is 0 "$of_jobs"
no_volumes()
{
    engine_api GET /volumes | jq -e '[.Volumes[].Name | select(contains(".family."))] == []'
}
check 'and the volume of the run' no_volumes
check 'what ran is listed, with who ran it' test "$(jobs_json --family count |
    jq -c '[.[] | select(.startedBy == "alice") | [.status, .exitCode]]')" = '[["STOPPED",0]]'
check 'and how it ended' test "$(jobs_json | jq -c 'map(.exitCode) | sort')" = '[0,0,0,0,0,0,7]'
last=$(jobs_json --family count | jq -r '.[] | select(.exitCode == 7) | .id')
ask logs "${last:0:12}" >"$IT_DIR/kept" 2>&1
check 'what it wrote last is kept' grep -q 'it is altered' "$IT_DIR/kept"

refused() # TEXT WORD...
{
    local text=$1
    shift
    if ask "$@" >"$IT_DIR/said" 2>&1; then
        return 1
    fi
    cat "$IT_DIR/said"
    grep -q -- "$text" "$IT_DIR/said"
}
check 'a Task that is not declared is refused' refused "declares no Task 'counts'" \
    run-task counts --cluster local
check 'and a container that the Task does not have' refused "has no container 'web'" \
    run-task count --cluster local --overrides '{"containerOverrides": [{"name": "web"}]}'
check 'and a mistake in the overrides' refused "unknown key 'comand'" \
    run-task count --cluster local --overrides '{"containerOverrides": [{"name": "count", "comand": []}]}'
check 'and too many tasks' refused 'count: 11 is not between 1 and 10' \
    run-task count --cluster local --count 11

waiting=$(ask run-task huge --cluster local)
pending()
{
    jobs_json --family huge | jq -e '.[0].status == "PENDING" and (.[0].reason | contains("MiB"))'
}
check 'one without room waits, and says for what' eventually 20 pending || jobs_json --family huge
check 'it is stopped before it began' ask stop-task "${waiting:0:12}" --reason 'not now'
stopped() # FAMILY REASON
{
    jobs_json --family "$1" | jq -e --arg reason "$2" \
        '.[0].status == "STOPPED" and .[0].reason == $reason and .[0].stopCode == "UserInitiated"'
}
check 'and over' eventually 20 stopped huge 'not now' || jobs_json --family huge

running=$(ask run-task endless --cluster local)
check 'another one runs' eventually 20 count_is 1 "$of_jobs and .State == \"running\""
before=$(containers "$of_jobs" | jq -r '.[].Id')
berth_kill9
: >"$IT_DIR/berth.log"
berth_start
check 'killed and started again Berth knows it' eventually 60 converged
check 'it runs on' test "$before" = "$(containers "$of_jobs and .State == \"running\"" | jq -r '.[].Id')"
check 'and is stopped' ask stop-task "${running:0:12}"
check 'it is over' eventually 30 stopped endless 'Task stopped by user' || jobs_json --family endless
check 'and removed' eventually 20 count_is 0 "$of_jobs"

running=$(ask run-task endless --cluster local)
check 'one more runs' eventually 20 count_is 1 "$of_jobs and .State == \"running\""
berth_stop
engine_api POST "/containers/$(containers "$of_jobs" | jq -r '.[].Id')/kill" >/dev/null
berth_start
killed()
{
    jobs_json --family endless | jq -e '.[0].status == "STOPPED" and .[0].exitCode == 137'
}
check 'one that ended while Berth was down is not run again' eventually 60 killed ||
    jobs_json --family endless
check 'it is removed' eventually 20 count_is 0 "$of_jobs"

before=$(containers "$(service_is web)" | jq -r '.[].Labels["berth.task"]')
ask stop-task "${before:0:12}" >"$IT_DIR/said"
check 'to stop a task of a service says that it is replaced' \
    grep -q 'service local/web replaces it' "$IT_DIR/said"
replaced()
{
    local now
    now=$(containers "$(service_is web) and .State == \"running\"" | jq -r '.[].Labels["berth.task"]')
    [ -n "$now" ] && [ "$now" != "$before" ]
}
check 'and it is' eventually 40 replaced || berth_log 40

ask run-task endless --cluster local >/dev/null
check 'a last one runs' eventually 20 count_is 1 "$of_jobs and .State == \"running\""
git -C "$SITE" rm -q manifests/task-endless.yaml
git -C "$SITE" commit -q -m 'no such Task any more'
check 'its Task is removed from the repository' eventually 60 converged
check 'it runs on' count_is 1 "$of_jobs and .State == \"running\""
ask stop-task "$(jobs_json --family endless | jq -r '.[0].id')" >/dev/null
check 'until it ends' eventually 30 count_is 0 "$of_jobs"
check 'it stops on SIGTERM' berth_stop || berth_log 20
finish
