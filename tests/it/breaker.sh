# shellcheck shell=bash
# Sourced after site.sh: a service whose circuit breaker rolls back, commits that cannot succeed, and
# what has to be true meanwhile.
#
#     begin_well               an engine, Berth, three tasks of web
#     rolls_back DESCRIPTION   the commit at the tip fails and web is brought back
#     revert DESCRIPTION       the commit at the tip is taken back
#     end_well                 web never had less than three healthy tasks

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

# Three tasks of web and one of lone run, and from now on it is noted when web has less.
begin_well()
{
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
}

# Ends the noting, and Berth.
end_well()
{
    kill $sampler
    wait $sampler 2>/dev/null
    check_not 'never were less than three tasks healthy' cat "$IT_DIR/low"
    check 'nothing that failed is left' count_is 3 '.Labels["berth.service"] == "web"'
    berth_stop
}
