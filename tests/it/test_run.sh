#!/bin/bash
# The main job: a commit becomes running containers, a change rolls, a revert rolls back.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

web_says() # TEXT: every web task answers with it
{
    local address addresses
    addresses=$(containers "$(service_is web)" |
        jq -r '.[].NetworkSettings.Networks[].IPAddress')
    [ "$(wc -w <<<"$addresses")" = 3 ] || return 1
    for address in $addresses; do
        [ "$(curl -sS --max-time 2 --noproxy '*' "http://$address:8080/")" = "$1" ] || return 1
    done
}

ids() # of web's containers that run
{
    containers "$(service_is web)" | jq -r '.[].Id' | sort
}

check 'an engine starts' engine_start one || finish
check 'a repository of manifests' site_make || finish
check 'someone else has a container' engine_busybox &&
    engine_api POST '/containers/create?name=foreign' '{"Image": "busybox:test",
        "Cmd": ["sleep", "100000"], "Labels": {"berth.owner": "another"}}' >/dev/null &&
    engine_api POST /containers/foreign/start
berth_start
check 'it converges' eventually 90 converged || { berth_log 100; finish; }
check 'three web tasks run' count_is 3 "$(service_is web)"
check 'a task of two containers has its sandbox' count_is 3 "$(service_is pair)"
check 'one more service runs' count_is 1 "$(service_is lone)"
check 'the web tasks answer' eventually 10 web_says one

before=$(ids)
site_edit 's/one/two/' apps/web/index.html 'another page'
check 'a change of the source converges' eventually 90 converged || berth_log 100
check 'every web task was replaced' web_says two
check 'none of the former ones is left' test -z "$(comm -12 <(echo "$before") <(ids))"

git -C "$SITE" revert --no-edit HEAD >/dev/null
check 'a revert converges' eventually 90 converged || berth_log 100
check 'the former page is back' web_says one

before=$(ids)
site_edit 's/desiredCount: 3/desiredCount: 2/' manifests/service-web.yaml 'two web tasks'
check 'a smaller count converges' eventually 60 converged || berth_log 100
check 'two web tasks are left' count_is 2 "$(service_is web)"
check 'they were not replaced' test -z "$(comm -13 <(echo "$before") <(ids))"

before=$(ids)
site_edit 's/taskDefinition: web/taskDefinition: wep/' manifests/service-web.yaml 'a mistake'
check 'a broken commit is rejected with its place' \
    eventually 30 grep -q 'service-web.yaml:6:19: .*wep' "$IT_DIR/berth.log" || berth_log 20
check 'and changes nothing' test "$before" = "$(ids)"
git -C "$SITE" revert --no-edit HEAD >/dev/null
check 'its revert is accepted' eventually 30 converged || berth_log 50

victim=$(ids | head -n 1)
check 'someone kills a container' engine_api POST "/containers/$victim/kill"
check 'it is replaced' eventually 30 count_is 2 "$(service_is web)"
check 'the dead one is removed' eventually 30 count_is 0 ".Id == \"$victim\""

second_run() # ends at once and says who holds the state
{
    ! timeout 20 "$BERTH" run "$SITE" --path manifests --owner it --state "$BERTH_STATE" \
        -H "unix://$ENGINE_SOCK" 2>"$IT_DIR/second" && grep -q "held by process $berth_pid" "$IT_DIR/second"
}
check 'a second run is refused, and told who holds the state' second_run || cat "$IT_DIR/second"

before=$(ids)
berth_kill9
check 'killed and started again it stops nothing' test "$before" = "$(ids)"
: >"$IT_DIR/berth.log"
berth_start
check 'it converges again' eventually 60 converged || berth_log 60
check 'with the same containers' test "$before" = "$(ids)"

berth_stop
rm -rf "$BERTH_STATE"
: >"$IT_DIR/berth.log"
berth_start
check 'with its memory deleted it converges' eventually 60 converged || berth_log 60
check 'still with the same containers' test "$before" = "$(ids)"

check 'the engine is killed' engine_kill9 one
check 'and comes back' engine_run one
check 'the tasks are back' eventually 60 count_is 2 "$(service_is web)" || berth_log 60

git -C "$SITE" checkout -q -b aside
git -C "$SITE" commit -q --allow-empty -m 'work on something else'
git -C "$SITE" checkout -q main
git -C "$SITE" rm -q manifests/service-lone.yaml
git -C "$SITE" commit -q -m 'one service less'
check 'a removal converges' eventually 60 converged || berth_log 60
check_not 'a branch that was checked out meanwhile was not followed' \
    grep -q 'work on something else' "$IT_DIR/berth.log"
check 'its containers are gone' count_is 0 '.Labels["berth.service"] == "lone"'

git -C "$SITE" rm -q 'manifests/service-*.yaml'
git -C "$SITE" commit -q -m 'nothing left'
check 'removing everything is held' eventually 30 grep -q 'removal is held' "$IT_DIR/berth.log"
check 'and nothing was removed' count_is 2 "$(service_is web)"
git -C "$SITE" commit -q --allow-empty -m 'yes

Berth-Confirm: prune'
check 'a trailer lets it go' eventually 60 count_is 0 true || berth_log 60

check 'the foreign container was never touched' \
    test "$(engine_api GET /containers/foreign/json | jq -r .RestartCount,.State.Pid | head -1)" = 0
check 'it stops on SIGTERM' berth_stop || berth_log 20
finish
