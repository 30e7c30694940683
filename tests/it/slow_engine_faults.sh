#!/bin/bash
# The engine goes away, in several ways, at rest and in the middle of a rollout; what stands around the
# containers is removed; another installation wants the same engine.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

BREAKER='  deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: true}}'

as_declared() # COLOUR: three healthy web tasks of it and one pair, nothing else
{
    count_is 3 "$(service_is web) and (.Status | test(\"\\\\(healthy\\\\)\"))" &&
        count_is 3 "$(service_is pair)" && count_is 6 true && [ "$(colours)" = "$1" ]
}

colours() # of web's tasks
{
    local id
    for id in $(containers "$(service_is web)" | jq -r '.[].Id'); do
        engine_api GET "/containers/$id/json" | jq -r '.Config.Env[]' | sed -n 's/^COLOUR=//p'
    done | sort -u
}

colour() # COLOUR: commits it
{
    site_task web 'portMappings: [{containerPort: 8080}]' "$SITE_CHECK" "environment: {COLOUR: $1}"
    site_commit "web is $1"
}

logged() # PATTERN
{
    grep -q "$1" "$IT_DIR/berth.log"
}

ids()
{
    containers | jq -r '.[].Id' | sort
}

check 'an engine starts' engine_start one || finish
site_make
site_service web web 3 "$BREAKER"
git -C "$SITE" rm -q --cached manifests/service-lone.yaml && rm "$SITE/manifests/service-lone.yaml"
colour red
berth_start
check 'it converges' eventually 60 converged || { berth_log 100; finish; }

# ---- at rest ----
for how in stop kill9; do
    : >"$IT_DIR/berth.log"
    check "at rest, engine_$how" engine_$how one
    check "at rest, engine_$how: it is told" eventually 10 logged 'engine  *local: '
    check "at rest, engine_$how: it starts again" engine_run one
    check "at rest, engine_$how: all is well again" eventually 60 as_declared red || berth_log 40
    check "at rest, engine_$how: it converges" eventually 60 converged || berth_log 40
done

# ---- in the middle of a rollout ----
new_one_runs()
{
    [ "$(containers "$(service_is web)" | jq length)" -gt 3 ]
}
for how in stop kill9; do
    : >"$IT_DIR/berth.log"
    colour "$how"
    check "rollout, engine_$how: it begins" eventually 20 new_one_runs || berth_log 40
    check "rollout, engine_$how" engine_$how one
    check "rollout, engine_$how: it starts again" engine_run one
    check "rollout, engine_$how: it is carried through" eventually 90 as_declared "$how" || berth_log 60
    check "rollout, engine_$how: it converges" eventually 60 converged || berth_log 60
    check_not "rollout, engine_$how: nothing was rolled back" logged 'rolling back' || berth_log 60
done

# ---- what stands around ----
sock=$ENGINE_SOCK
mv "$sock" "$sock.away"
ENGINE_SOCK=$sock.away
victim=$(containers "$(service_is web)" | jq -r '.[0].Id')
check 'a container dies while the socket is away' engine_api POST "/containers/$victim/kill"
sleep 1
mv "$sock.away" "$sock"
ENGINE_SOCK=$sock
check 'the socket is back: so are the tasks' eventually 60 as_declared kill9 || berth_log 40

everything_goes() # containers, network, image
{
    local id
    for id in $(ids); do
        engine_api DELETE "/containers/$id?force=1"
    done
    engine_api DELETE /networks/berth-it-local &&
        engine_api DELETE "/images/$(engine_api GET /images/json | jq -r '.[] | select(.RepoTags[]? | startswith("berth/web")) | .Id')?force=1"
}
berth_stop
check 'containers, network and image are removed while nobody looks' everything_goes
berth_start
check 'all of it comes back' eventually 60 as_declared kill9 || berth_log 40
engine_signal_berth() { kill -"$1" "$berth_pid"; }
engine_signal_berth STOP
check 'the same while Berth sleeps' everything_goes
engine_signal_berth CONT
check 'all of it comes back again' eventually 60 as_declared kill9 || berth_log 60

# ---- others ----
before=$(ids)
git_repo "$IT_DIR/other"
mkdir "$IT_DIR/other/manifests"
cp "$SITE/manifests/base.yaml" "$IT_DIR/other/manifests/"
cp -R "$SITE/apps" "$IT_DIR/other/"
sed 's/web/mine/' "$SITE/manifests/service-web.yaml" | sed 's/taskDefinition: .*/taskDefinition: web/' >"$IT_DIR/other/manifests/s.yaml"
cp "$SITE/manifests/task-web.yaml" "$IT_DIR/other/manifests/"
git_commit "$IT_DIR/other" 'another repository'
other() # [OPTION...]: another Berth of the same owner
{
    timeout 60 "$BERTH" apply "$IT_DIR/other" --path manifests --owner it --state "$IT_DIR/other-state" \
        -H "unix://$ENGINE_SOCK" --verbose "$@" >"$IT_DIR/other.log" 2>&1
}
other --timeout 20s
check 'another repository with our owner is refused' test $? = 1 || tail "$IT_DIR/other.log"
check 'and told who looks after the engine' grep -q "process $berth_pid looks after" "$IT_DIR/other.log" ||
    tail "$IT_DIR/other.log"
check 'it did nothing' test "$before" = "$(ids)"
berth_stop
other --timeout 20s
check 'also when nobody does' test $? = 1 || tail "$IT_DIR/other.log"
check 'and told who holds the engine' grep -q "root commit $(git -C "$SITE" rev-list --max-parents=0 --abbrev=12 --abbrev-commit HEAD)" "$IT_DIR/other.log" || tail "$IT_DIR/other.log"
check 'it did nothing either' test "$before" = "$(ids)"
other --take-over --timeout 30s
check 'with --take-over it works' eventually 10 count_is 3 '.Labels["berth.service"] == "mine"' || tail -n 30 "$IT_DIR/other.log"
check 'what it does not declare is held' test -z "$(comm -23 <(echo "$before") <(ids))"
: >"$IT_DIR/berth.log"
berth_start
check 'the former one only observes now, and says so' eventually 20 logged 'error .*belongs to another repository' || berth_log 20
check 'it left the others alone' count_is 3 '.Labels["berth.service"] == "mine"'
berth_stop
before=$(ids)
check 'an installation of another name lives beside them' timeout 60 "$BERTH" apply "$SITE" --path manifests --owner two \
    --state "$IT_DIR/two" -H "unix://$ENGINE_SOCK" --timeout 50s
check 'and touches nothing of theirs' test "$before" = "$(ids)"
finish
