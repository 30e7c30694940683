#!/bin/bash
# Tasks that do not do what they should: what is said of them, and what `berth apply` answers.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

BREAKER='  deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: false}}'
ROLLBACK='  deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: true}}'
SERVE='command: [/bin/busybox, httpd, -f, -p, "8080", -h, /www]'

sh_command() # SCRIPT: a line for site_task
{
    echo "command: [/bin/busybox, sh, -c, $(jq -n --arg text "$1" '$text')]"
}

ids() # SERVICE
{
    containers "$(service_is "$1")" | jq -r '.[].Id' | sort
}

logged() # PATTERN
{
    grep -q "$1" "$IT_DIR/berth.log"
}

starts() # how many tasks of `loop` were started
{
    grep -c 'action .*start berth-.*-loop' "$IT_DIR/berth.log"
}

apply_says() # CODE [OPTION...]: exit code of an apply
{
    local expected=$1 code
    shift
    berth_apply "$@" >"$IT_DIR/apply.log" 2>&1
    code=$?
    [ $code = "$expected" ] || { echo "exit code $code"; tail -n 30 "$IT_DIR/apply.log"; return 1; }
}

check 'an engine starts' engine_start one || finish
site_begin
site_task good "$SERVE"
site_service good good 1
site_commit 'one good service'
check 'apply: converged is 0' apply_says 0
check 'apply: nothing to do is 0 too' apply_says 0

# ---- apply ----

site_task wait "$SERVE" 'healthCheck: {command: [CMD, /bin/busybox, "false"], interval: 1, retries: 10, startPeriod: 300}'
site_service wait wait 1
site_commit 'one that takes its time'
check 'apply: out of time is 4' apply_says 4 --timeout 4s
check 'apply: and says what it waited for' grep -q 'local/wait: 0 of 1 tasks are healthy' "$IT_DIR/apply.log"
git -C "$SITE" revert --no-edit HEAD >/dev/null
check 'apply: back is 0' apply_says 0 --timeout 30s

site_task fail "$(sh_command 'exit 3')"
site_service fail fail 1 "$BREAKER"
site_commit 'one that cannot be'
check 'apply: failed is 1' apply_says 1 --timeout 40s
site_task fail "$SERVE"
site_service fail fail 1 "$ROLLBACK"
site_commit 'mended'
check 'apply: mended is 0' apply_says 0 --timeout 40s
site_task fail "$(sh_command 'exit 3')"
site_commit 'worse again'
check 'apply: rolled back is 3' apply_says 3 --timeout 40s
check 'apply: so it stays' apply_says 3 --timeout 40s
site_edit 's/memory: 32/memory: many/' manifests/task-fail.yaml 'a mistake'
check 'apply: rejected is 2' apply_says 2 --timeout 40s
check 'apply: with the place' grep -q 'manifests/task-fail.yaml:6:11: ' "$IT_DIR/apply.log"
check 'apply: so is a wrong option' test "$("$BERTH" apply --no-such-option 2>/dev/null; echo $?)" = 2
git -C "$SITE" rm -q manifests/service-fail.yaml manifests/task-fail.yaml
site_commit 'without it'
check 'apply: without it is 0' apply_says 0 --timeout 30s

# ---- run ----
berth_start
check 'run: it converges' eventually 40 converged || { berth_log; finish; }
good=$(ids good)

: >"$IT_DIR/berth.log"
site_task loop "$(sh_command 'exit 4')"
site_service loop loop 1
site_commit 'one that ends at once'
check 'without a breaker it is throttled, and says so' \
    eventually 80 logged 'service loop) is unable to consistently start tasks' || berth_log
check 'it was tried five times' test "$(starts)" = 5
check 'it says with which code it ended' logged 'Essential container in task exited: loop, exit code 4'

: >"$IT_DIR/berth.log"
site_task loop "$SERVE" 'healthCheck: {command: [CMD, /bin/busybox, "true"], interval: 1}'
site_commit 'mended'
check 'a fix does not wait for the throttle' eventually 15 converged || berth_log

: >"$IT_DIR/berth.log"
before=$(ids loop)
site_service loop loop 1 "$BREAKER"
site_task loop 'command: [/bin/absent]'
site_commit 'a command that is not there'
check 'with a breaker but no rollback it fails' eventually 30 logged '(service loop) .* deployment failed' || berth_log
check 'the old task runs on' test "$before" = "$(ids loop)"
check 'nothing is rolled back' test "$(grep -c 'rolling back' "$IT_DIR/berth.log")" = 0
victim=$(ids loop)
engine_api POST "/containers/$victim/kill" >/dev/null
check 'one of the old tasks dies: it is replaced by its like' eventually 30 count_is 1 "$(service_is loop) and .Id != \"$victim\"" || berth_log
check 'and stays' sh -c 'sleep 2'
check 'it runs the old command' count_is 1 "$(service_is loop) and (.Command | contains(\"httpd\"))"

: >"$IT_DIR/berth.log"
site_task loop "$(sh_command "trap '' TERM; echo ready; while :; do sleep 1; done")"
site_commit 'one that ignores SIGTERM'
check 'one that ignores SIGTERM runs' eventually 30 converged || berth_log
stubborn=$(ids loop)
: >"$IT_DIR/berth.log"
site_task loop "$SERVE"
site_commit 'and goes'
check 'it is killed after its stopTimeout' eventually 15 converged || berth_log
check 'and removed' count_is 0 ".Id == \"$stubborn\""

: >"$IT_DIR/berth.log"
site_task loop "$(sh_command 'sleep 1; x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done')"
site_commit 'one that eats memory'
check 'the memory limit is reported as such' \
    eventually 30 logged 'OutOfMemoryError: container loop was killed at its memory limit' || berth_log
check 'the good service was never touched' test "$good" = "$(ids good)"
berth_stop
finish
