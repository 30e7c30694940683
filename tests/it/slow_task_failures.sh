#!/bin/bash
# Tasks that do not do what they should: what is said of them, and what is left alone.
. "$(dirname "$0")/lib.sh"
ENGINE_RUNTIME=runc
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

BREAKER='  deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: false}}'
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

check 'an engine starts' engine_start one || finish
site_begin
site_task good "$SERVE"
site_service good good 1
site_commit 'one good service'
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
site_task loop "$SERVE" 'healthCheck: {command: [CMD, /bin/busybox, "true"], interval: 1, timeout: 10, retries: 5}'
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
