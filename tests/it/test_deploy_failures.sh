#!/bin/bash
# Commits whose deployment cannot succeed, with the circuit breaker and its rollback: what runs goes on
# running within its bounds, the failed revision is quarantined, a fix lifts that.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

BREAKER='  deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: true}}'

ids() # of web's containers that run
{
    containers "$(service_is web)" | jq -r '.[].Id' | sort
}

# Writes a line to $IT_DIR/low whenever less than three tasks of web are healthy.
sample()
{
    local healthy
    while :; do
        healthy=$(containers "$(service_is web) and (.Status | contains(\"(healthy)\"))" | jq length)
        [ "$healthy" -ge 3 ] || echo "$healthy healthy at $(date +%T.%N)" >>"$IT_DIR/low"
        sleep 0.05
    done
}

web_task() # [LINE...]: manifests/task-web.yaml with a check unless LINEs bring one
{
    [ $# -gt 0 ] || set -- "$SITE_CHECK"
    site_task web 'portMappings: [{containerPort: 8080}]' "$@"
}

# rolls_back DESCRIPTION: the commit at the tip fails and web is brought back.
rolls_back()
{
    check "$1: the deployment fails" eventually 40 grep -q 'deployment failed: ECS deployment circuit breaker' \
        "$IT_DIR/berth.log" || berth_log 60
    check "$1: it is rolled back" eventually 40 grep -q 'rolling back to deploymentId' "$IT_DIR/berth.log"
    check "$1: it converges, and says so" eventually 40 converged_back || berth_log 60
    check "$1: the tasks are those from before" test "$before" = "$(ids)"
}

converged_back()
{
    grep -q "$(git -C "$SITE" rev-parse --short=8 HEAD) converged: .*, some of them rolled back" "$IT_DIR/berth.log"
}

converged_well()
{
    converged && ! converged_back
}

revert()
{
    : >"$IT_DIR/berth.log"
    git -C "$SITE" revert --no-edit HEAD >/dev/null
    check "$1: a revert converges" eventually 40 converged_well || berth_log 60
    check "$1: still with the same tasks" test "$before" = "$(ids)"
    : >"$IT_DIR/berth.log"
}

check 'an engine starts' engine_start one || finish
site_begin
web_task
site_service web web 3 "$BREAKER"
site_task lone 'command: [/bin/busybox, httpd, -f, -p, "8080"]'
site_service lone lone 1 "$BREAKER"
site_commit 'all is well'
berth_start
check 'it converges' eventually 60 converged || { berth_log 100; finish; }
before=$(ids)
check 'three tasks run' test "$(wc -w <<<"$before")" = 3
sample &
sampler=$!

: >"$IT_DIR/berth.log"
web_task 'healthCheck: {command: [CMD, /bin/busybox, "false"], interval: 1, retries: 1}'
site_commit 'a check that never succeeds'
rolls_back 'never healthy'
: >"$IT_DIR/berth.log"
site_edit 's/desiredCount: 1/desiredCount: 2/' manifests/service-lone.yaml 'something else'
check 'an unrelated commit leaves the quarantine' eventually 40 converged_back || berth_log 60
check_not 'it tries nothing again' grep -q 'deployment .* begins' <(grep local/web "$IT_DIR/berth.log")
check 'the tasks are those from before' test "$before" = "$(ids)"
berth_kill9
: >"$IT_DIR/berth.log"
berth_start
check 'the quarantine outlives a crash' eventually 40 converged_back || berth_log 60
check 'the tasks are still those from before' test "$before" = "$(ids)"

: >"$IT_DIR/berth.log"
web_task "$SITE_CHECK" 'environment: {FIXED: "1"}'
site_commit 'a fix'
check 'a fix lifts the quarantine' eventually 40 converged_well || berth_log 60
check 'with new tasks' test -z "$(comm -12 <(echo "$before") <(ids))"
before=$(ids)

: >"$IT_DIR/berth.log"
printf '%s\n' 'RUN ["/bin/busybox", "sh", "-c", "echo first words; echo last words >&2; exit 7"]' \
    >>"$SITE/apps/web/Dockerfile"
site_commit 'a Dockerfile that fails'
rolls_back 'failing build'
check 'failing build: the reason has its last lines' \
    grep -q 'deployment failed: .*last words.*returned a non-zero code: 7' "$IT_DIR/berth.log" || berth_log 40
check_not 'failing build: no colours reach the log' grep -q "$(printf '\033')" "$IT_DIR/berth.log"
revert 'failing build'

sed -i 's,context: apps/web,context: apps/none,' "$SITE/manifests/base.yaml"
site_commit 'a context that is not there'
check 'missing context: the commit is rejected, with its place' \
    eventually 30 grep -q 'manifests/base.yaml:8:18: .*apps/none' "$IT_DIR/berth.log" || berth_log 40
check 'missing context: the tasks are those from before' test "$before" = "$(ids)"
revert 'missing context'

sed -i 's,image: web,image: 127.0.0.1:5000/none:1,' "$SITE/manifests/task-web.yaml"
site_commit 'an image that does not exist'
rolls_back 'no such image'
check 'no such image: the reason names it' \
    grep -q 'deployment failed: .*127.0.0.1:5000' "$IT_DIR/berth.log" || berth_log 40
revert 'no such image'

sed -i '$a\      command: [/bin/absent]' "$SITE/manifests/task-web.yaml"
site_commit 'a command that is not in the image'
rolls_back 'no such command'
check 'no such command: tasks say so' \
    grep -q 'stopped.*CannotStartContainerError: .*/bin/absent' "$IT_DIR/berth.log" || berth_log 40
revert 'no such command'

sed -i '$a\      command: [/bin/busybox, sh, -c, "exit 3"]' "$SITE/manifests/task-web.yaml"
site_commit 'a program that ends at once'
rolls_back 'ends at once'
check 'ends at once: the reason says so' \
    grep -q 'deployment failed: .*Essential container in task exited: web, exit code 3' "$IT_DIR/berth.log" || berth_log 40
kill $sampler
wait $sampler 2>/dev/null
check_not 'never were less than three tasks healthy' cat "$IT_DIR/low"
check 'nothing that failed is left' count_is 3 '.Labels["berth.service"] == "web"'
berth_stop
finish
