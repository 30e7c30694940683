#!/bin/bash
# What tasks are given: restartPolicy, secrets, volumes, images that are retained; and tasks that do not
# fit.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/chain.sh"

check 'an engine starts' engine_start one || finish
site_begin
site_task keep "$SERVE"
site_service keep keep 1
site_service keep2 keep 1
site_service keep3 keep 1
site_commit 'what stays'
berth_start
check 'it converges' eventually 60 converged || { berth_log 60; finish; }

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

# ---- logs of what is started later, and once more ----
chain words '{"name": "main", "essential": true, "command": ["/bin/busybox", "sh", "-c", "echo two; exec /bin/busybox sleep 100000"], "restartPolicy": {"enabled": true, "restartAttemptPeriod": 2}, "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}]}' \
    '{"name": "init", "command": ["/bin/busybox", "sh", "-c", "echo one; exec /bin/busybox sleep 5"]}'
site_commit 'one that says words'
check 'its first container runs' eventually 60 count_is 1 \
    '.Labels["berth.service"] == "words" and .Labels["berth.container"] == "init" and .State == "running"'
"$BERTH" logs --state "$BERTH_STATE" --follow words >"$IT_DIR/words" 2>&1 &
follower=$!
said() # TIMES WORD
{
    [ "$(grep -c "| $2\$" "$IT_DIR/words")" = "$1" ]
}
check 'its log is followed' eventually 20 said 1 one
check 'the second joins when it is started' eventually 40 said 1 two
sleep 2
check 'it ends' engine_api POST "/containers/$(id_of words main)/kill"
check 'and joins again when it is started again' eventually 40 said 2 two || cat "$IT_DIR/words"
check 'nothing is told twice' said 1 one
git -C "$SITE" rm -q manifests/service-words.yaml
site_commit 'no more words'
check 'Ctrl-C ends it' eval 'kill -INT $follower && wait $follower'

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
