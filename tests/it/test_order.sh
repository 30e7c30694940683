#!/bin/bash
# Order and what tasks are given: dependsOn between services and between containers, restartPolicy,
# secrets, volumes, retained images, tasks that do not fit.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

SERVE='command: [/bin/busybox, httpd, -f, -p, "8080", -h, /www]'

logged() # PATTERN
{
    grep -q "$1" "$IT_DIR/berth.log"
}

id_of() # SERVICE [CONTAINER]
{
    containers ".Labels[\"berth.service\"] == \"$1\" and .Labels[\"berth.container\"] == \"${2-$1}\"" | jq -r '.[0].Id'
}

inspect() # SERVICE CONTAINER FILTER
{
    engine_api GET "/containers/$(id_of "$1" "$2")/json" | jq -r "$3"
}

# chain NAME [CONTAINER...]: a task of several containers; each CONTAINER is a JSON object to merge
# into a definition of one that sleeps.
chain()
{
    local name=$1
    shift
    {
        printf '{"apiVersion": "berth/v1", "kind": "Task", "metadata": {"name": "%s"}, "spec": ' "$name"
        printf '%s\n' "$@" | jq -s '{cpu: 256, memory: 64, networkMode: "awsvpc", containerDefinitions:
            [.[] | {image: "web", essential: false, stopTimeout: 2, command: ["/bin/busybox", "sleep", "100000"]} + .]}'
        echo '}'
    } >"$SITE/manifests/task-$name.json"
    site_service "$name" "$name" 1 "  deploymentConfiguration: {deploymentCircuitBreaker: {enable: true}}"
}

check 'an engine starts' engine_start one || finish
site_begin

# ---- services ----
site_task db "$SERVE" 'healthCheck: {command: [CMD, /bin/busybox, test, -e, /tmp/ready], interval: 1, retries: 10, startPeriod: 60}'
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
check 'in this order' test "$(grep -o 'deployment .* completed\|service [a-z]*) (deployment' "$IT_DIR/berth.log" | grep -oE '(db|app|top)' | xargs)" = 'db app top'
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

# ---- restartPolicy, secrets, volumes ----
echo 'swordfish-one' >"$IT_DIR/secret"
chain extra '{"name": "main", "essential": true, "restartPolicy": {"enabled": true, "restartAttemptPeriod": 2, "ignoredExitCodes": [9]}, "secrets": [{"name": "WORD", "valueFrom": "file:'"$IT_DIR"'/secret"}, {"name": "OTHER", "valueFrom": "env:BERTH_TEST_WORD"}], "mountPoints": [{"sourceVolume": "data", "containerPath": "/data"}, {"sourceVolume": "scratch", "containerPath": "/scratch"}]}'
jq '.spec.volumes = [{name: "data"}, {name: "scratch", deleteWithService: true}]' "$SITE/manifests/task-extra.json" >"$IT_DIR/x" &&
    mv "$IT_DIR/x" "$SITE/manifests/task-extra.json"
berth_stop
: >"$IT_DIR/berth.log"
site_commit 'one with everything'
export BERTH_TEST_WORD=swordfish-two
berth_start
check 'one with everything runs' eventually 40 converged || berth_log
check 'it got its secrets' test "$(inspect extra main '.Config.Env[]' | grep -c swordfish)" = 2
check_not 'no secret is in a label' eval 'inspect extra main ".Config.Labels" | grep swordfish'
check_not 'nor in the log or the state' grep -r swordfish "$IT_DIR/berth.log" "$BERTH_STATE"
id=$(id_of extra main)
sleep 2
check 'a container with a restartPolicy ends' engine_api POST "/containers/$id/kill"
check 'it is started again, the same one' eventually 20 count_is 1 ".Id == \"$id\" and .State == \"running\""
: >"$IT_DIR/berth.log"
berth_stop
echo 'swordfish-three' >"$IT_DIR/secret"
berth_start
check 'another secret makes another task' eventually 40 count_is 1 "$(service_is extra) and .Id != \"$id\"" || berth_log
check 'and no other' eventually 30 converged
check 'with the new value' test "$(inspect extra main '.Config.Env[]' | grep -c swordfish-three)" = 1
volumes()
{
    engine_api GET /volumes | jq -r '.Volumes[].Name' | grep extra | sort | xargs
}
check 'its volumes are there' test "$(volumes)" = 'berth-it-local.extra.data berth-it-local.extra.scratch' || volumes
git -C "$SITE" rm -q manifests/service-extra.yaml
: >"$IT_DIR/berth.log"
site_commit 'without it'
check 'it goes' eventually 40 converged || berth_log
check 'its volume stays, the other one went' test "$(volumes)" = 'berth-it-local.extra.data' || volumes

# ---- images ----
sed -i 's,spec: {build: {context: apps/web}},spec: {retain: 1\, build: {context: apps/web}},' "$SITE/manifests/base.yaml"
for page in two three four; do
    : >"$IT_DIR/berth.log"
    echo $page >"$SITE/apps/web/index.html"
    site_commit "page $page"
    check "page $page" eventually 60 converged || berth_log
done
images()
{
    engine_api GET /images/json | jq '[.[] | select(.RepoTags // [] | any(startswith("berth/web")))] | length'
}
check 'one former image is retained' eventually 10 test "$(images)" = 2 || engine_api GET /images/json | jq -c '.[] | .RepoTags'

# ---- what does not fit ----
berth_stop
site_task big "$SERVE"
sed -i 's/memory: 32/memory: 16000000/' "$SITE/manifests/task-big.yaml"
site_service big big 1
site_commit 'one that does not fit'
berth_apply --timeout 5s >"$IT_DIR/apply.log" 2>&1
check 'one that does not fit is waited for' test $? = 4
check 'with the reason' grep -q 'local/big: service big was unable to place a task .*it needs 16000000 MiB of memory' "$IT_DIR/apply.log" || cat "$IT_DIR/apply.log"
check 'nothing of it was made' count_is 0 '.Labels["berth.service"] == "big"'
finish
