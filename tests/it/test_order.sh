#!/bin/bash
# Order: dependsOn between services and between containers.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/chain.sh"

check 'an engine starts' engine_start one || finish
site_begin

# ---- services ----
site_task db "$SERVE" 'healthCheck: {command: [CMD, /bin/busybox, test, -e, /tmp/ready], interval: 1, timeout: 10, retries: 10, startPeriod: 60}'
site_service db db 1
site_task app "$SERVE"
site_service app app 1 '  dependsOn: [db]'
site_task top "$SERVE"
site_service top top 1 '  dependsOn: [app]'
site_task keep "$SERVE"
site_service keep keep 1
site_service keep2 keep 1
site_service keep3 keep 1
site_commit 'a chain of services'
berth_start
check 'the first of the chain runs' eventually 60 count_is 1 "$(service_is db)" || { berth_log 60; finish; }
check 'those beside it too' eventually 30 count_is 3 '(.Labels["berth.service"] | startswith("keep")) and .State == "running"'
sleep 2
check 'those that depend on it wait' count_is 0 '.Labels["berth.service"] == "app" or .Labels["berth.service"] == "top"'
run_in() # SERVICE COMMAND...
{
    local exec service=$1
    shift
    exec=$(engine_api POST "/containers/$(id_of "$service")/exec" "$(printf '%s\n' "$@" | jq -R . | jq -s '{Cmd: ., AttachStdout: true}')" | jq -r .Id)
    engine_api POST "/exec/$exec/start" '{}' >/dev/null
}
check 'it becomes healthy' run_in db /bin/busybox sh -c 'mkdir -p /tmp; : >/tmp/ready'
check 'then all run' eventually 40 converged || berth_log
completed() # the services of the chain, as their deployments were completed
{
    sed -n 's/.*(service \([a-z0-9]*\)) (deployment [0-9a-f]*) deployment completed\..*/\1/p' \
        "$IT_DIR/berth.log" | grep -xE 'db|app|top' | xargs
}
check 'in this order' test "$(completed)" = 'db app top' || berth_log
git -C "$SITE" rm -q manifests/service-{db,app,top}.yaml
: >"$IT_DIR/berth.log"
site_commit 'without the chain'
check 'they are removed' eventually 60 converged || berth_log
check 'in the reverse order' test "$(grep -oE '\(service [a-z]*\) was removed' "$IT_DIR/berth.log" | awk '{ print $2 }' | tr -d ')' | xargs)" = 'top app db' || berth_log

# ---- containers ----
chain start '{"name": "main", "essential": true, "dependsOn": [{"containerName": "side", "condition": "START"}]}' '{"name": "side"}'
chain complete '{"name": "main", "essential": true, "dependsOn": [{"containerName": "init", "condition": "COMPLETE"}]}' \
    '{"name": "init", "command": ["/bin/busybox", "sh", "-c", "sleep 1; exit 5"]}'
chain success '{"name": "main", "essential": true, "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]}' \
    '{"name": "init", "command": ["/bin/busybox", "sleep", "1"]}'
chain healthy '{"name": "main", "essential": true, "dependsOn": [{"containerName": "side", "condition": "HEALTHY"}]}' \
    '{"name": "side", "healthCheck": {"command": ["CMD", "/bin/busybox", "true"], "interval": 5}}'
: >"$IT_DIR/berth.log"
site_commit 'chains of containers'
check 'START, COMPLETE, SUCCESS, HEALTHY: all run' eventually 60 converged || berth_log
before() # SERVICE FIRST FIELD SECOND: SECOND was created after FIELD of FIRST
{
    local first second
    first=$(inspect "$1" "$2" "$3")
    second=$(inspect "$1" "$4" .Created)
    echo "$first $second"
    [[ "$first" < "$second" ]]
}
check 'START: the other runs first' eventually 1 test "$(inspect start side .State.StartedAt)" \< "$(inspect start main .State.StartedAt)"
check 'COMPLETE: the other ended before, with any code' before complete init .State.FinishedAt main
check 'SUCCESS: the other ended before' before success init .State.FinishedAt main
check 'HEALTHY: the other is healthy before' before healthy side '.State.Health.Log[0].End | sub("\\+00:00$"; "Z")' main

chain fail '{"name": "main", "essential": true, "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]}' \
    '{"name": "init", "command": ["/bin/busybox", "sh", "-c", "exit 6"]}'
chain slow '{"name": "main", "essential": true, "dependsOn": [{"containerName": "side", "condition": "HEALTHY"}]}' \
    '{"name": "side", "startTimeout": 2, "healthCheck": {"command": ["CMD", "/bin/busybox", "false"], "interval": 1, "retries": 10}}'
chain gone '{"name": "main", "essential": true, "dependsOn": [{"containerName": "side", "condition": "HEALTHY"}]}' \
    '{"name": "side", "command": ["/bin/busybox", "false"], "healthCheck": {"command": ["CMD", "/bin/busybox", "true"], "interval": 1}}'
site_commit 'chains that break'
check 'SUCCESS fails fast' eventually 40 logged 'container main waits for the success of init, which ended with exit code 6' || berth_log
check 'startTimeout ends the task' eventually 40 logged 'container main waited for side longer than its startTimeout of 2 s' || berth_log
check 'HEALTHY of one that ended never comes' eventually 40 logged 'service gone) has stopped .*container main waits for the health of side, which ended' || berth_log
git -C "$SITE" rm -q manifests/service-{fail,slow,gone,start,complete,success,healthy}.yaml
: >"$IT_DIR/berth.log"
site_commit 'without them

Berth-Confirm: prune'
check 'all of them go' eventually 60 converged || berth_log
berth_stop
finish
