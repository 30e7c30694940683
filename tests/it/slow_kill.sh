#!/bin/bash
# Berth is killed with kill -9 at any time of a rollout, `apply` too, and commits come meanwhile: the end
# is the same, no task runs twice, no task of the desired revision is stopped.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

KILLS=${KILLS:-15}

# by_revision: "COLOUR slot id" of web's tasks that run
tasks()
{
    containers "$(service_is web)" | jq -r '.[] | .Labels["berth.revision"][0:12] + " " + .Labels["berth.slot"] + " " + .Id[0:12]' | sort
}

as_declared() # three healthy web tasks of one revision in three slots, the others as they should be
{
    [ "$(tasks | awk '{ print $1 }' | sort -u | wc -l)" = 1 ] && [ "$(tasks | awk '{ print $2 }' | sort -u | wc -l)" = 3 ] &&
        count_is 3 "$(service_is web) and (.Status | test(\"\\\\(healthy\\\\)\"))" && count_is 3 "$(service_is pair)" &&
        count_is 1 "$(service_is lone)" && count_is 7 true
}

# Every task of web that ever ran, by its events: the engine's own log of what happened.
watch_events()
{
    curl -sN --unix-socket "$ENGINE_SOCK" \
        'http://engine/v1.41/events?filters=%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22create%22%2C%22kill%22%2C%22destroy%22%5D%2C%22label%22%3A%5B%22berth.owner%3Dit%22%5D%7D' \
        >>"$IT_DIR/events"
}

colour()
{
    site_task web 'portMappings: [{containerPort: 8080}]' "$SITE_CHECK" "environment: {COLOUR: \"$1\"}"
    site_commit "web is $1"
}

check 'an engine starts' engine_start one || finish
site_make
colour 0
berth_start
check 'it converges' eventually 60 converged || { berth_log 100; finish; }
watch_events &
watcher=$!

round=0
while [ $round -lt "$KILLS" ]; do
    round=$((round + 1))
    [ $((round % 5)) != 1 ] || colour $round # a few kills for each commit
    sleep "$((RANDOM % 2)).$((RANDOM % 10))$((RANDOM % 10))"
    berth_kill9
    berth_start
done
: >"$IT_DIR/berth.log"
berth_kill9
berth_start
check 'after the last kill it converges' eventually 60 converged || berth_log 60
check 'and is as declared' as_declared || { tasks; berth_log 60; }

final=$(containers "$(service_is web)" | jq -r '.[0].Labels["berth.revision"]')
of_final() # ACTION: events of tasks of the revision that is desired in the end
{
    jq -r "select(.Action == \"$1\" and .Actor.Attributes[\"berth.service\"] == \"web\" and .Actor.Attributes[\"berth.revision\"] == \"$final\") | .Actor.Attributes[\"berth.task\"]" "$IT_DIR/events"
}
check 'no task of the desired revision was stopped' test -z "$(of_final kill)"
check 'nor removed' test -z "$(of_final destroy)"
check 'each was created once' test "$(of_final create | wc -l)" = 3
check 'nothing was rolled back' test -z "$(grep 'rolling back' "$IT_DIR/berth.log")"
before=$(containers | jq -r '.[].Id' | sort)
sleep 2
check 'and nothing changes any more' test "$before" = "$(containers | jq -r '.[].Id' | sort)"

# The same for `apply`, from nothing.
berth_stop
kill $watcher
wait $watcher 2>/dev/null
for id in $(containers | jq -r '.[].Id'); do
    engine_api DELETE "/containers/$id?force=1" >/dev/null
done
rm -rf "$BERTH_STATE"
for round in 1 2 3 4 5 6 7 8; do
    berth_apply_start >>"$IT_DIR/apply.log" 2>&1
    sleep "0.$((RANDOM % 10))"
    berth_kill9
done
check 'apply after eight that were killed' berth_apply --timeout 60s
check 'is as declared too' as_declared || tasks
finish
