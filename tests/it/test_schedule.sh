#!/bin/bash
# Schedules: what is due runs once, whatever becomes of Berth meanwhile; what is to overlap, to be
# tried again or to be made up for is.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

ask() # VERB [WORD...]
{
    timeout 60 "$BERTH" "$@" --state "$BERTH_STATE"
}

# Of a schedule: its runs, the newest first.
runs() # NAME [FILTER]
{
    ask jobs --schedule "$1" -o json | jq -c ".jobs | ${2:-.}"
}

schedule_of() # NAME FILTER
{
    ask schedules -o json | jq -c ".schedules[] | select(.name == \"$1\") | $2"
}

is_last() # NAME RESULT
{
    [ "$(schedule_of "$1" .last.result)" = "\"$2\"" ]
}

in_seconds() # SECONDS: as a schedule writes it
{
    date -u -d "+$1 seconds" '+at(%Y-%m-%dT%H:%M:%S)'
}

schedule() # NAME TASK EXPRESSION [MORE]
{
    site_file "schedule-$1.yaml" <<END
apiVersion: berth/v1
kind: Schedule
metadata: {name: $1}
spec: {cluster: local, taskDefinition: $2, scheduleExpression: '$3'${4:+, $4}}
END
}

check 'an engine starts' engine_start one || finish
check 'a repository' site_begin || finish
# shellcheck disable=SC2016
site_task report 'environment: {CODE: 0}' 'command: [/bin/busybox, sh, -c, "echo it is done; exit $CODE"]'
site_task endless 'command: [/bin/busybox, sleep, "100000"]'
site_task web 'portMappings: [{containerPort: 8080}]'
site_service web web 1
schedule regular report 'rate(1 minute)'
schedule overlapping endless 'cron(* * * * ? *)'
schedule dormant report 'rate(1 day)' 'state: DISABLED'
schedule never report 'cron(0 0 31 2 ? *)'
site_commit 'a service, and schedules'
berth_start
check 'it converges' eventually 90 converged || { berth_log 100; finish; }
began=$(date +%s)
check 'what is due next is listed' test "$(schedule_of regular '.nextDueAt != null')" = true
check 'and what is never due' test "$(schedule_of never .nextDueAt)" = null
check 'a table says so, too' grep -qE 'dormant +local +report +rate\(1 day\) +disabled' <(ask schedules)
check 'why says when' grep -q 'it is due on' <(ask why regular)

schedule soon report "$(in_seconds 4)"
schedule failing report "$(in_seconds 4)" 'retryPolicy: {maximumRetryAttempts: 2},
       overrides: {containerOverrides: [{name: report, environment: {CODE: "3"}}]}'
site_commit 'two that are due soon'
check 'what is due once is run' eventually 30 is_last soon SUCCEEDED || berth_log 60
check 'it was run for that time' test "$(runs soon '[.[] | [.exitCode, .startedBy, .dueAt != null]]')" \
    = '[[0,"schedule/soon",true]]'
check 'what fails is tried again, as often as it says' eventually 40 is_last failing FAILED || berth_log 60
check 'each time as a run of its own' test "$(runs failing 'map(.exitCode)')" = '[3,3,3]'
check 'all of one due time' test "$(runs failing 'map(.dueAt) | unique | length')" = 1
task=$(runs failing '.[0].id' | tr -d '"')
check 'what it wrote last is kept' grep -q 'it is done' <(ask logs "${task:0:12}")

# Killed while one is due, and again while it is begun.
schedule killed report "$(in_seconds 4)"
site_commit 'one that is due while Berth is dead'
known()
{
    [ "$(schedule_of killed '.nextDueAt != null')" = true ]
}
check 'it is known' eventually 10 known
berth_kill9
sleep 5
berth_start
check 'what was due meanwhile is made up for' eventually 30 is_last killed SUCCEEDED || berth_log 60
schedule hurried endless "$(in_seconds 4)"
site_commit 'one that is due while Berth is killed'
for _ in 1 2 3; do
    sleep 1.6
    berth_kill9
    berth_start
done
check 'it runs' eventually 30 is_last hurried RUNNING || berth_log 60
check 'once' test "$(runs hurried length)" = 1

# By now the rate of a minute has passed.
check 'what is regular is run' eventually 70 is_last regular SUCCEEDED || berth_log 60
check 'what overlaps has one run' eventually 40 is_last overlapping RUNNING || berth_log 60

check 'one is suspended' ask suspend dormant --reason 'by a test'
check 'and says so' grep -q 'suspended' <(ask schedules)
check 'and is resumed' ask resume dormant
check 'one is run by a person' ask run-task --schedule dormant --wait
check 'and is one of its runs' test "$(runs dormant '[.[] | [.exitCode, .dueAt]]')" = '[[0,null]]'

git -C "$SITE" rm -q manifests/schedule-hurried.yaml
git -C "$SITE" commit -q -m 'it is not wanted any more'
gone()
{
    [ -z "$(schedule_of hurried .name)" ]
}
check 'one that is removed is not listed' eventually 20 gone
check 'and what it ran goes on' test "$(runs hurried '.[0].status')" = '"RUNNING"'
ask plan "$SITE" --ref HEAD~1 >"$IT_DIR/planned" 2>&1
check 'a plan says when it is due' grep -q 'schedule hurried: create' "$IT_DIR/planned" || cat "$IT_DIR/planned"
echo "    $(($(date +%s) - began)) s"
ask stop-task "$(runs hurried '.[0].id' | tr -d '"')" >/dev/null
stopped()
{
    [ "$(runs hurried '.[0].stopCode')" = '"UserInitiated"' ]
}
check 'it is stopped like any other' eventually 30 stopped || runs hurried
check 'it stops on SIGTERM' berth_stop || berth_log 20
finish
