#!/bin/bash
# What `berth apply` answers: converged, failed, rejected, rolled back, out of time; and that it ends by
# itself where nothing can move without another commit.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

BREAKER='  deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: false}}'
ROLLBACK='  deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: true}}'
SERVE='command: [/bin/busybox, httpd, -f, -p, "8080", -h, /www]'
EXIT3='command: [/bin/busybox, sh, -c, "echo no licence; exit 3"]'

apply_says() # CODE [OPTION...]: the exit code of an apply; without --timeout it has to end by itself
{
    local expected=$1 code
    shift
    DOCKER_HOST=${HOST-unix://$ENGINE_SOCK} timeout 120 "$BERTH" apply "$SITE" --path "${FOLDER-manifests}" \
        --owner it --state "$BERTH_STATE" --verbose "$@" >"$IT_DIR/apply.log" 2>&1
    code=$?
    [ $code = "$expected" ] || { echo "exit code $code"; tail -n 30 "$IT_DIR/apply.log"; return 1; }
}

told() # PATTERN
{
    grep -q "$1" "$IT_DIR/apply.log" || { tail -n 30 "$IT_DIR/apply.log"; return 1; }
}

check 'an engine starts' engine_start one || finish
site_begin
site_commit 'no service yet'
check 'nothing to run is 0' apply_says 0
check 'and says so' told 'converged: it declares no service under manifests'
site_task good "$SERVE"
site_service good good 1
site_commit 'one good service'
check 'converged is 0' apply_says 0
check 'nothing to do is 0 too' apply_says 0
# As between the lock of a run that begins and its socket.
flock --no-fork "$BERTH_STATE/lock" sleep 1 &
eventually 10 eval '! flock --nonblock "$BERTH_STATE/lock" true'
check 'a holder that does not answer yet is waited for' apply_says 0
wait $!
flock --no-fork "$BERTH_STATE/lock" sleep 1000 &
holder=$!
eventually 10 eval '! flock --nonblock "$BERTH_STATE/lock" true'
check 'one that never answers is an error' apply_says 1
check 'that names the folder' told "^berth: state directory '$BERTH_STATE' is held by"
kill $holder
wait $holder 2>/dev/null
verdict_is() # CONDITION: as JSON every line is an object, and the last one the verdict
{
    jq -se "all(.[]; (.time | length) > 20 and (.topic | length) > 0) and
        (last | .topic == \"verdict\" and .apiVersion == \"berth/v1\" and ($1))" "$IT_DIR/apply.log" \
        >/dev/null || { tail -n 30 "$IT_DIR/apply.log"; return 1; }
}
site_edit 's/desiredCount: 1/desiredCount: 2/' manifests/service-good.yaml 'two of them'
check 'the same as JSON' apply_says 0 -o json
check 'ends with the verdict' verdict_is ".outcome == \"converged\" and .exitCode == 0 and
    .commit == \"$(git -C "$SITE" rev-parse HEAD)\" and .services == 1 and .failed == 0"
check 'lines tell of which service they are' \
    jq -se 'any(.[]; .topic == "event" and .service == "local/good" and (.text | length) > 0)' "$IT_DIR/apply.log"

site_task wait "$SERVE" 'healthCheck: {command: [CMD, /bin/busybox, "false"], interval: 1, retries: 10, startPeriod: 300}'
site_service wait wait 1
site_commit 'one that takes its time'
check 'out of time is 4' apply_says 4 --timeout 5s
check 'and says what it waited for' told 'error  *local/wait: 0 of 1 tasks are healthy'
check 'it said so meanwhile, once' \
    test "$(grep -c 'progress  *local/wait: 0 of 1 tasks are healthy' "$IT_DIR/apply.log")" = 1
check 'a quiet one' apply_says 4 --timeout 5s --quiet
check_not 'says it in the end only' grep progress "$IT_DIR/apply.log"
berth_start
check 'a run says what it waits for' \
    eventually 30 grep -q 'progress  *local/wait: 0 of 1 tasks are healthy' "$IT_DIR/berth.log"
check 'an apply through it' apply_says 4 --timeout 2s
check 'says the same meanwhile, and in the end' \
    test "$(grep -c '^local/wait: 0 of 1 tasks are healthy' "$IT_DIR/apply.log")" = 2
check 'as JSON' apply_says 4 --timeout 2s -o json
check 'with the service' jq -se 'any(.[]; .topic == "progress" and .service == "local/wait" and
    .text == "local/wait: 0 of 1 tasks are healthy")' "$IT_DIR/apply.log"
check 'a quiet one through it' apply_says 4 --timeout 2s --quiet
check 'says it in the end only, too' test "$(grep -c 'local/wait: 0 of 1' "$IT_DIR/apply.log")" = 1
berth_stop
git -C "$SITE" revert --no-edit HEAD >/dev/null
check 'back is 0' apply_says 0

site_task fail "$EXIT3"
site_service fail fail 1 "$BREAKER"
site_commit 'one that cannot be'
check 'failed is 1' apply_says 1
site_task fail "$SERVE"
site_service fail fail 1 "$ROLLBACK"
site_commit 'mended'
check 'mended is 0' apply_says 0
site_task fail "$EXIT3"
site_commit 'worse again'
check 'rolled back is 3' apply_says 3
check 'so it stays' apply_says 3
site_edit 's/memory: 32/memory: many/' manifests/task-fail.yaml 'a mistake'
check 'rejected is 2' apply_says 2
check 'as JSON too' apply_says 2 -o json
check 'with its verdict' verdict_is '.outcome == "invalid" and .exitCode == 2'
check 'and the place' grep -q 'manifests/task-fail.yaml:6:11: ' "$IT_DIR/apply.log"
check 'so is a wrong option' test "$("$BERTH" apply --no-such-option 2>/dev/null; echo $?)" = 2
git -C "$SITE" rm -q manifests/service-fail.yaml manifests/task-fail.yaml
site_commit 'without it'
check 'without it is 0' apply_says 0

# ---- what cannot move without another commit ----
good=$(containers "$(service_is good)" | jq -r '.[].Id')
site_task fail "$EXIT3"
site_service fail fail 1 "$BREAKER"
site_service next good 1 '  dependsOn: [fail]'
site_service last good 1 '  dependsOn: [next]'
site_commit 'two that wait for one that cannot be'
check 'behind a failed dependency it ends with 1' apply_says 1
check 'with what failed' told 'local/fail: deployment .* failed: .*Essential container in task exited: fail, exit code 3'
check 'with its last words' told '^ *no licence$'
check 'with who waits for it' told 'error  *local/next: service fail, which it depends on, is not healthy yet'
check 'and who for that' told 'error  *local/last: service next, which it depends on, is not healthy yet'
check 'the next time too' apply_says 1
berth_start
check 'a run takes over' eventually 30 "$BERTH" status --state "$BERTH_STATE"
check 'through the run it is 1 too' apply_says 1
check 'with what the task wrote last' told 'local/fail: task [0-9a-f]*, fail wrote:'
check 'word by word' told '^ *no licence$'
check 'with the same reason' told 'local/next: service fail, which it depends on, is not healthy yet'
check 'one is suspended' "$BERTH" suspend good --reason 'a look' --state "$BERTH_STATE"
git -C "$SITE" rm -q manifests/service-{fail,next,last}.yaml manifests/task-fail.yaml
site_commit 'without them

Berth-Confirm: prune'
check 'a suspended service is 1, through a run' apply_says 1
check 'with the reason' told 'local/good: suspended: .*a look'
berth_stop
check 'and without one' apply_says 1
check 'with the reason again' told 'local/good: suspended: .*a look'
berth_start
check 'it is resumed' eventually 30 "$BERTH" resume good --state "$BERTH_STATE"
check 'resumed it is 0' apply_says 0
berth_stop

# ---- what will not succeed by itself ----
printf '%s\n' 'RUN ["/bin/busybox", "sh", "-c", "echo last words >&2; exit 7"]' >>"$SITE/apps/web/Dockerfile"
site_commit 'a Dockerfile that fails, without a circuit breaker'
check 'a build that keeps failing is 1, before the time is over' apply_says 1 --timeout 10m
check 'with its last words' told 'error  *local/good: berth/web:.*last words.*returned a non-zero code: 7'
git -C "$SITE" revert --no-edit HEAD >/dev/null
check 'its revert is 0' apply_says 0

# ---- what is no commit at all ----
check 'a branch that is not there is 1' apply_says 1 --branch none
check 'with its name' told "branch 'none' does not exist"
check 'a folder that is not there is 2' eval 'FOLDER=none apply_says 2'
check 'with its name' told "no manifests under 'none' at commit .*: there is no such folder"
check 'an engine that is not there is 1' eval "HOST=unix://$IT_DIR/none apply_says 1"
check 'with its address' told "error  *the engine cannot be asked: .*$IT_DIR/none"
check 'after all of this the good one runs on' test "$good" = "$(containers "$(service_is good)" | jq -r '.[].Id')"
finish
