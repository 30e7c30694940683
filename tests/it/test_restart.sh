#!/bin/bash
# What a Berth that starts makes of what it did before: the commit in force, confirmations, secrets.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

ids() # [SERVICE]: of containers that run
{
    containers "$(service_is "${1-one}")" | jq -r '.[].Id' | sort
}

verb()
{
    "$BERTH" "$@" --state "$BERTH_STATE" 2>&1
}

shows() # PATTERN VERB...
{
    local pattern=$1
    shift
    verb "$@" | grep -Eq -- "$pattern"
}

says_not() # PATTERN VERB...
{
    ! shows "$@"
}

log_says() # PATTERN COUNT
{
    [ "$(grep -Ec -- "$1" "$IT_DIR/berth.log")" -ge "$2" ]
}

kill_one() # by hand, and waits for another to run
{
    victim=$(ids one)
    engine_api POST "/containers/$victim/kill" >/dev/null && eventually 60 replaced
}

replaced()
{
    [ -n "$(ids one)" ] && [ "$(ids one)" != "$victim" ]
}

restart() # with nothing of the former log
{
    berth_stop
    mv "$IT_DIR/berth.log" "$IT_DIR/former.log"
    berth_start
}

check 'an engine starts' engine_start one || finish
check 'a repository' site_begin || finish
echo 'open sesame' >"$IT_DIR/password"
site_task one "secrets: [{name: PASSWORD, valueFrom: \"file:$IT_DIR/password\"}]"
site_task two
for service in one two three; do
    site_service $service "$([ $service = one ] && echo one || echo two)" 1
done
check 'three services' site_commit 'three services'
berth_start
check 'they converge' eventually 90 converged || { berth_log 60; finish; }

# ---- A tip with mistakes --------------------------------------------------------------------------

good=$(git -C "$SITE" rev-parse --short=8 HEAD)
site_edit 's/taskDefinition: two/taskDefinition: tow/' manifests/service-two.yaml 'a mistake'
check 'a mistake is rejected' eventually 30 shows '^rejected ' status
restart
check 'after a start the good commit is in force' \
    eventually 30 grep -q "$good .* stays in force" "$IT_DIR/berth.log" || berth_log
check 'status shows it' eventually 30 shows "^commit +$good" status
check 'and the mistake' shows '^rejected .*1 mistake' status
check 'nothing is being removed' says_not 'being removed' status
check 'a task that dies is replaced' kill_one || berth_log
check 'an apply fails with the mistake' eval 'berth_stop; ! berth_apply >"$IT_DIR/apply" 2>&1 &&
    grep -q "service-two.yaml:6:19" "$IT_DIR/apply"'
git -C "$SITE" revert --no-edit HEAD >/dev/null
berth_start
check 'its revert is accepted' eventually 60 converged || berth_log

# ---- A branch that is gone ------------------------------------------------------------------------

berth_stop
git -C "$SITE" update-ref refs/heads/aside HEAD
git -C "$SITE" update-ref -d refs/heads/main
: >"$IT_DIR/berth.log"
berth_start
check 'without the branch the last commit is in force' \
    eventually 30 grep -q 'stays in force' "$IT_DIR/berth.log" || berth_log
check 'status says what is wrong' shows '^source .*main' status
check 'a task that dies is replaced' kill_one || berth_log
check 'an apply does not pretend' eval '! berth_apply --timeout 20'
git -C "$SITE" update-ref refs/heads/main refs/heads/aside
check 'the branch is back' eventually 30 says_not '^source ' status
check 'and what was wanted is in force' eventually 60 converged || berth_log
git -C "$SITE" update-ref -d refs/heads/main
check 'the same trouble is told again' eventually 30 log_says 'warning +.*main' 2 || berth_log
git -C "$SITE" update-ref refs/heads/main refs/heads/aside
check 'and is over again' eventually 30 says_not '^source ' status

# ---- Confirmations --------------------------------------------------------------------------------

check 'nothing is held' shows '^nothing of commit' confirm
site_edit '$a# an empty change' manifests/base.yaml $'cleaning\n\nBerth-Confirm: prune'
check 'a trailer' eventually 60 converged || berth_log
for number in 1 2 3; do
    site_edit '$a# one more' manifests/base.yaml "later $number"
done
check 'later commits' eventually 60 converged || berth_log
berth_stop
git -C "$SITE" rm -q manifests/service-{one,two,three}.yaml && git -C "$SITE" commit -q -m 'remove all'
berth_start
check 'an old trailer confirms nothing after a start' eventually 30 shows 'berth confirm' status ||
    berth_log
check 'all tasks run' test "$(containers '.State == "running"' | jq length)" = 3
restart
check 'nor after a second one' eventually 30 shows 'berth confirm' status || berth_log
check 'all tasks still run' test "$(containers '.State == "running"' | jq length)" = 3
git -C "$SITE" revert --no-edit HEAD >/dev/null
check 'they are wanted again' eventually 60 converged || berth_log

# ---- No database ----------------------------------------------------------------------------------

before=$(ids one)$(ids two)
berth_kill9
rm -f "$BERTH_STATE"/berth.db*
: >"$IT_DIR/berth.log"
berth_start
check 'without the database it converges' eventually 60 converged || berth_log
check 'nothing was replaced, secrets or not' test "$before" = "$(ids one)$(ids two)"
echo 'open barley' >"$IT_DIR/password"
site_edit '$a# a look' manifests/base.yaml 'look at secrets'
check 'a secret that changed rolls its service' eventually 60 converged &&
    check 'only that' test "$before" != "$(ids one)$(ids two)"
before=$(ids one)
mv "$IT_DIR/password" "$IT_DIR/password.away"
site_edit '$a# a second look' manifests/base.yaml 'look at secrets again'
check 'one that cannot be read replaces nothing' eventually 60 converged &&
    check 'no task' test "$before" = "$(ids one)"
check 'and is told' grep -q 'warning .*service one cannot be read' "$IT_DIR/berth.log" || berth_log
mv "$IT_DIR/password.away" "$IT_DIR/password"

# ---- Another state directory ----------------------------------------------------------------------

first=$berth_pid
: >"$IT_DIR/second.log"
refused()
{
    berth_apply --state "$IT_DIR/second" --timeout 60 >"$IT_DIR/second.log" 2>&1
    [ $? = 1 ] && grep -q "process $first looks after this engine as owner 'it'" "$IT_DIR/second.log"
}
check 'nobody else acts for the same owner at the same time' refused || cat "$IT_DIR/second.log"
kill -KILL "$first"
wait "$first" 2>/dev/null
check 'but afterwards' berth_apply --state "$IT_DIR/second" --timeout 120
finish
