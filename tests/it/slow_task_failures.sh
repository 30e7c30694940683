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

export BERTH_STATE
check 'an engine starts' engine_start one || finish
site_begin
site_task good "$SERVE"
site_service good good 1
site_commit 'one good service'
berth_start --listen 127.0.0.1:8098
check 'run: it converges' eventually 40 converged || { berth_log; finish; }
good=$(ids good)

: >"$IT_DIR/berth.log"
site_task loop "$(sh_command 'echo starting; sleep 0.3; echo no route to db >&2; exit 4')"
site_service loop loop 1
site_commit 'one that ends at once'
check 'without a breaker it is throttled, and says so' \
    eventually 80 logged 'service loop) is unable to consistently start tasks' || berth_log
check 'it was tried five times' test "$(starts)" = 5
check 'it says with which code it ended' logged 'Essential container in task exited: loop, exit code 4'

# What it wrote went with its container, and is kept.
of_last_task() # JQ: of the last task of `loop` that stopped
{
    "$BERTH" ps --all loop -o json |
        jq -r "[.tasks[] | select(.status == \"STOPPED\")] | max_by(.stoppedAt) | $1"
}

kept() # OPTION...: on standard output what is kept of it
{
    "$BERTH" logs "$(of_last_task .id)" "$@" 2>"$IT_DIR/kept.err"
}

over_tcp() # PATH
{
    curl -sS --max-time 10 --noproxy '*' "http://127.0.0.1:8098$1"
}

check 'logs of a task that is gone has its last lines' \
    test "$(kept)" = "$(printf 'starting\nno route to db')"
check 'and says what they are' grep -q 'stopped at .*: these are the last lines kept of it' "$IT_DIR/kept.err"
check '--tail takes less' test "$(kept --tail 1)" = 'no route to db'
check 'as JSON they look like those of a task that runs' test "$(kept -o json | jq -c 'del(.time)' | tail -n 1)" \
    = "{\"container\":\"loop\",\"stream\":\"stderr\",\"text\":\"no route to db\",\"task\":\"$(of_last_task .id)\"}"
check 'why has them for the service' sh -c "'$BERTH' why loop | grep -q 'no route to db'"
check 'and for the task' sh -c "'$BERTH' why '$(of_last_task .id)' | grep -q 'no route to db'"
check 'TCP tells why, in other words' sh -c "$(declare -f over_tcp); over_tcp /v1/why/loop | grep -q 'exit code 4'"
check_not 'and nothing of what it wrote' sh -c "$(declare -f over_tcp); over_tcp /v1/why/loop | grep -q 'no route'"
check 'nor its logs' test "$(over_tcp "/v1/tasks/$(of_last_task .id)/logs" | jq -r .error.code)" = denied

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
check_not 'of a task that was told to end nothing is kept' kept
check 'which is said' grep -q 'nothing is kept of what it wrote' "$IT_DIR/kept.err"

: >"$IT_DIR/berth.log"
site_task loop "$(sh_command 'sleep 1; x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done')"
site_commit 'one that eats memory'
check 'the memory limit is reported as such' \
    eventually 30 logged 'OutOfMemoryError: container loop was killed at its memory limit' || berth_log
check 'the good service was never touched' test "$good" = "$(ids good)"
berth_stop
finish
