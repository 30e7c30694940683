#!/bin/bash
# The verbs that ask a running Berth, on a real engine: what people see, and what scripts get.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

verb() # VERB OPERAND...
{
    "$BERTH" "$1" --state "$BERTH_STATE" "${@:2}"
}

shows() # PATTERN VERB OPERAND...: a line of the output fits
{
    verb "${@:2}" | grep -E -- "$1"
}

json_fits() # JQ-FILTER VERB OPERAND...
{
    verb "${@:2}" -o json | jq -e "$1"
}

exits() # CODE COMMAND...
{
    local status
    "${@:2}"
    status=$?
    [ $status = "$1" ] || { echo "exit code $status"; return 1; }
}

task_of() # SERVICE: the id of one of its tasks
{
    verb ps "$1" -o json | jq -r '.tasks[0].id'
}

check 'an engine starts' engine_start one || finish
check 'a repository of manifests' site_make || finish
site_task talker 'command: [/bin/busybox, sh, -c, "echo first; echo second >&2; exec /bin/busybox sleep 100000"]'
site_service talker talker 2
site_commit 'a service that talks' >/dev/null

complains() # PATTERN COMMAND...: fails, and says so on standard error
{
    local output
    if output=$("${@:2}" 2>&1 >/dev/null); then
        echo 'it did not fail'
        return 1
    fi
    printf '%s\n' "$output" | grep -E -- "$1" || { printf '%s\n' "$output"; return 1; }
}

warns() # PATTERN COMMAND...: does it, and says so on standard error
{
    local output
    output=$("${@:2}" 2>&1 >/dev/null) && grep -E -- "$1" <<<"$output"
}

# on REPOSITORY-VERB OPTION...: plan or apply, which go through the run
on()
{
    DOCKER_HOST=unix://$ENGINE_SOCK "$BERTH" "$1" "$SITE" --state "$BERTH_STATE" "${@:2}"
}

check 'without a run a verb says what is missing' complains 'is `berth run` running' verb status
berth_start
check 'it converges' eventually 90 json_fits .converged status || { berth_log 100; finish; }
commit=$(git -C "$SITE" rev-parse --short=8 HEAD)

# ---- Looking

check 'status tells repository and path' shows "^repository  $SITE, branch main, path manifests" status
check 'status tells the commit' shows "^commit +$commit a service that talks" status
check 'status tells its author' shows '^author +Test, [0-9a-z]+ ago' status
check 'status tells that it converged' shows '^state +converged' status
check 'status tells the engine' shows '^engine +local ACTIVE, Docker [0-9]' status
check 'status tells each service' shows '^local/web +3 +3 +3 +0 +COMPLETED +[0-9a-f]{8} +-$' status
check 'as a table of markdown' shows '^\| local/web \| 3 \| 3 ' status -o markdown
check 'ps tells three tasks of web' test "$(verb ps web | grep -c '^[0-9a-f]\{12\}  local/web')" = 3
check 'with address and health' \
    shows '^[0-9a-f]{12}  local/web  web +RUNNING  healthy  [0-9.]{7,} +[0-9a-f]{8}  '"$commit" ps web
check 'containers without their sandbox' shows '^[0-9a-f]{12}  local/pair  main,side ' ps pair
check 'a service of a cluster' shows local/web ps local/web
check 'of another cluster there is none' complains "no service 'none/web'" verb ps none/web
check 'nor one that is misspelt' complains "no service 'wep'" verb ps wep
check 'two clusters are a mistake' exits 2 verb ps local/web --cluster other
task=$(task_of web)
check 'why of a service names commit and author' shows '^commit +[0-9a-f]{12} by Test' why web
check 'and the line of its manifest' shows '^manifest +manifests/service-web.yaml:3' why web
check 'why of a task' shows '^service +local/web' why "${task:0:6}"
check 'why of a container' shows "^container +'berth-${task:0:12}-web'" why "berth-${task:0:12}-web"
check 'why as JSON' json_fits '.kind == "service"' why local/web
check 'three digits are too few for a task, and it says so' \
    complains 'a task is named by at least 4 digits of its id' verb why "${task:0:3}"
check 'why of nothing' complains "no service, task, container, instance, load balancer or schedule 'none'" verb why none
check 'events are told oldest first' \
    test "$(verb events web | sed -n '1s/.*has \(started\).*/\1/p;$s/.*a \(steady\) state.*/\1/p' | xargs)" = 'started steady'
check 'events of long ago' json_fits '.events | length > 0' events --since 1h
check 'none of the future' test -z "$(verb events --since 2100-01-01T00:00:00Z)"
check 'a time that is none' exits 2 verb events --since yesterday
check 'history tells who and what' shows "COMPLETED  [0-9a-f]{8}  $commit +Test +a service that talks" \
    history web
check 'the newest only' test "$(verb history -n 1 | wc -l)" = 2
check 'commits have outcomes' shows "$commit  applied +Test" history --commits
check 'images are told' shows '^local +web +[0-9a-f]{12} .* MiB .* berth/web:' images
check 'and how they came' shows '^local +build berth/web:[0-9a-f]+ +done' images
check 'and nothing but them' json_fits '[.instances[].work[].work | split(" ")[0]] | unique == ["build", "load"]' images

# ---- Logs

check 'logs of two tasks' test "$(verb logs talker | grep -c ' talker | \(first\|second\)$')" = 4
check 'begin with the task' shows "^$(task_of talker | cut -c 1-12) talker \| second" logs talker
check 'the last lines only' test "$(verb logs talker --tail 1 | wc -l)" = 2
check 'with their time' shows 'talker \| 20[0-9T:-]+Z first' logs talker -T
check 'in the order of time' eval 'verb logs talker -T | cut -d" " -f 4 | sort -c'
check 'one task needs no prefix' test "$(verb logs "$(task_of talker)" | sort | xargs)" = 'first second'
check 'as JSON, one object a line' test "$(verb logs talker -o json | jq -r .task | sort -u | wc -l)" = 2
check 'of nothing' complains "no service, task, container, instance, load balancer or schedule 'none'" verb logs none
check 'of a container that is not there' complains "container 'x'" verb logs talker -C x

"$BERTH" logs --state "$BERTH_STATE" --follow talker >"$IT_DIR/followed" 2>&1 &
follower=$!
"$BERTH" events --state "$BERTH_STATE" --follow >"$IT_DIR/events" 2>&1 &
watcher=$!
check 'logs are followed' eventually 10 grep -q second "$IT_DIR/followed"
sed -i 's/desiredCount: 2/desiredCount: 3/' "$SITE/manifests/service-talker.yaml"
for verb in plan apply; do
    check "$verb names what is not committed" \
        warns 'not committed, so no part of this: manifests/service-talker.yaml$' on $verb
done
site_commit 'three talk'
check_not 'what is committed is not named' warns 'not committed' on plan
check 'apply goes through the run' exits 0 on apply --timeout 60
check 'and the third task joins the log' \
    eventually 30 eval '[ "$(grep -c first "$IT_DIR/followed")" = 3 ]'
check 'events are followed' eventually 10 grep -q 'local/talker .*has started 1 tasks' "$IT_DIR/events"
kill -INT $follower
check 'Ctrl-C ends the log' wait $follower
kill -INT $watcher
check 'and the events' wait $watcher

# ---- Exec

check 'a command runs' test "$(verb exec web /bin/busybox echo -n a b)" = 'a b'
check 'its code comes back' exits 7 verb exec web /bin/busybox sh -c 'exit 7'
check 'its errors go to standard error' \
    test "$(verb exec web /bin/busybox sh -c 'echo e >&2; echo o' 2>/dev/null)" = o
check 'without -i it has no input' test -z "$(echo text | verb exec web /bin/busybox cat)"
check 'with -i it has' test "$(echo text | verb exec -i web /bin/busybox cat)" = text
large_input() # 20 MB there and back
{
    head -c 20000000 /dev/urandom >"$IT_DIR/large" &&
        verb exec -i web /bin/busybox cat <"$IT_DIR/large" | cmp - "$IT_DIR/large"
}
check 'much input comes back whole' large_input
check 'one container of several' test "$(verb exec -C side pair /bin/busybox echo hi)" = hi
check 'a habit from elsewhere' test "$(verb exec web -- /bin/busybox echo hi)" = hi
check 'which must be named' exits 125 verb exec pair /bin/busybox true
check 'and their names are said' complains 'several containers: say which with --container: main, side$' \
    verb exec pair /bin/busybox true
unread() # what the command says is not read to its end
{
    local codes
    verb exec web /bin/busybox yes 2>"$IT_DIR/unread" | head -n 1 >"$IT_DIR/read"
    codes=("${PIPESTATUS[@]}")
    [ "${codes[0]}" = 141 ] && [ "$(cat "$IT_DIR/read")" = y ] && [ ! -s "$IT_DIR/unread" ]
}
check 'who reads no further ends it without a word' unread
check 'as another user' test "$(verb exec -u 65534 web /bin/busybox id -u)" = 65534
check 'in another folder' test "$(verb exec -w /www web /bin/busybox pwd)" = /www
check 'a task that is not there' exits 125 verb exec none true
check 'a command that is not there' exits 126 verb exec web /nothing
check 'a terminal needs one' exits 2 verb exec -t web /bin/busybox true

# A terminal of 33 rows and 101 columns, which then gets another size.  Prints the exit code and
# whether the terminal is as it was before.
terminal()
{
    python3 - "$BERTH" exec --state "$BERTH_STATE" -it web /bin/busybox sh -c \
        'until [ "$(stty size 2>&1)" = "33 101" ]; do /bin/busybox usleep 50000; done; echo begun; read line; echo "got $line"
         until [ "$(stty size)" = "40 120" ]; do /bin/busybox usleep 50000; done; echo sized; read line
         [ "$(stty size)" = "40 120" ] && exit 5' <<'END'
import fcntl, os, pty, select, signal, struct, subprocess, sys, termios, time

ours, theirs = pty.openpty()
size = lambda rows, columns: fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
size(33, 101)
before = termios.tcgetattr(theirs)
child = subprocess.Popen(sys.argv[1:], stdin=theirs, stdout=theirs, stderr=theirs,
                         start_new_session=True,
                         preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
shown = b""

def until(text):
    global shown
    limit = time.monotonic() + 100
    while text not in shown:
        if time.monotonic() > limit:
            sys.exit("never shown: %r in %r" % (text, shown))
        if select.select([ours], [], [], 0.2)[0]:
            shown += os.read(ours, 4096)

until(b"begun")
os.write(ours, b"typed\r")
until(b"got typed")
for rows in range(10, 41): # at once: the last one counts
    size(rows, 120)
until(b"sized")
os.write(ours, b"done\r")
code = child.wait(100)
print(code, "restored" if termios.tcgetattr(theirs) == before else "changed")
END
}
check 'a terminal has its size, and is as before' test "$(terminal)" = '5 restored'

# ---- Plan

git -C "$SITE" checkout -q -b other
sed -i 's/desiredCount: 3/desiredCount: 4/' "$SITE/manifests/service-web.yaml"
git -C "$SITE" stash -q
git -C "$SITE" checkout -q main
check 'nothing would change' exits 0 on plan --detailed-exitcode
git -C "$SITE" stash pop -q
four=$(git -C "$SITE" stash create 'four web tasks')
git -C "$SITE" checkout -q .
git -C "$SITE" branch -q -f other "$four"
check 'another commit is planned' eval 'on plan --ref other | grep -q "desiredCount: 3 -> 4"'
check 'with its exit code' exits 2 on plan --ref other --detailed-exitcode
check 'in markdown' eval 'on plan --ref other -o markdown | grep -q "^\*\*Plan: .* 1 to update"'
check 'as JSON' eval 'on plan --ref other -o json | jq -e .changes'
check 'a plan changes nothing' count_is 3 "$(service_is web)"
check 'another folder of the repository is refused' complains 'with --path .manifests.' on plan --path apps
check 'another repository is refused' complains 'another repository' \
    "$BERTH" plan "$ROOT" --state "$BERTH_STATE"

# ---- A commit with a mistake

site_edit 's/taskDefinition: web/taskDefinition: wep/' manifests/service-web.yaml 'a mistake'
check 'apply refuses a mistake' exits 2 on apply
check 'and says where' complains 'service-web.yaml:6:19: .*wep' on apply
check 'plan says where' complains 'service-web.yaml:6:19: .*wep' on plan
check 'its exit code is not that of changes' exits 1 on plan --detailed-exitcode
check 'why of what may be new in it names it' \
    complains "load balancer or schedule 'new'; of commit [0-9a-f]{8}, which has mistakes" verb why new
check 'status shows it' shows '^rejected +[0-9a-f]{8} has 1 mistake' status
check 'with its place' shows '^ +manifests/service-web.yaml:6:19: ' status
check 'history remembers' shows 'rejected +Test' history --commits
git -C "$SITE" revert --no-edit HEAD >/dev/null
check 'its revert is applied' exits 0 on apply --quiet

# ---- Steering

check 'a service is suspended' shows '^local/web is suspended' suspend web --reason 'a look'
check 'status repeats why' shows '^local/web .*suspended: a look' status
check 'why says it once' test "$(verb why web | grep -c suspended)" = 1
site_edit 's/desiredCount: 3/desiredCount: 2/' manifests/service-web.yaml 'two web tasks'
check 'apply does not wait for it' exits 1 on apply --timeout 60
check 'a plan says that nothing happens' eval \
    'on plan 2>&1 | grep -F "nothing happens until \`berth resume local/web\`"'
check 'nothing of it was changed' count_is 3 "$(service_is web)"
check 'it is resumed' shows '^local/web is resumed$' resume web
check 'resumed again it says that nothing was to do' shows '^local/web was not suspended$' resume web
check 'and does what the commit says' exits 0 on apply --timeout 60
check 'two tasks are left' count_is 2 "$(service_is web)"
check 'a service that is not there' complains "no service 'none'" verb suspend none

git -C "$SITE" rm -q manifests/service-lone.yaml manifests/service-pair.yaml manifests/service-talker.yaml
git -C "$SITE" commit -q -m 'only web'
check 'removing most of it is held' eventually 20 shows 'berth confirm' status
check 'why says how to let it go' shows '^held .*berth confirm' why lone
check 'confirm lets it go' shows '^confirmed: ' confirm
check 'and it is gone' exits 0 on apply --timeout 60
check 'only web is left' test "$(verb ps | grep -c RUNNING)" = 2
check 'and nobody knows the others' complains "no service 'pair'" verb ps pair

site_task web 'command: [/bin/busybox, "false"]'
sed -i '/minReadySeconds/a\  deploymentConfiguration: {deploymentCircuitBreaker: {enable: true, rollback: true, thresholdConfiguration: {type: COUNT, value: 1}}}' \
    "$SITE/manifests/service-web.yaml"
site_commit 'it exits at once' >/dev/null
check 'a deployment that fails is rolled back, and why is said' eval \
    'said=$(on apply --timeout 120 --quiet 2>&1); [ $? = 3 ] &&
        grep -E "^local/web: deployment [0-9a-f]{12} of commit .* rolled back: .*exit code 1" <<<"$said"'
check 'its verdict has the reason' eval \
    'said=$(on apply --timeout 120 -o json 2>/dev/null)
        tail -n 1 <<<"$said" | jq -e ".undone[0].standing == \"rolledBack\" and (.undone[0].reason | test(\"exit code 1\"))"'
check 'why tells what failed' shows '^failed .*exit code 1' why web
check 'and how its tasks ended' shows '^(stopped task)? +[0-9a-f]{12} at .*exit code 1' why web
check 'and how to try again' shows 'berth resume --retry local/web' why web
check 'ps tells how its tasks ended' shows 'STOPPED .*[Ee]xit' ps --all web
check 'status names the revision that failed' shows 'revision [0-9a-f]{8} failed' status
check 'it is tried again' shows '^local/web tries again what failed$' resume web --retry
check 'and fails again' exits 3 on apply --timeout 120

# ---- Shells

names() # TEXT WORD...: is offered in place of the last word
{
    "$BERTH" __complete -- "${@:2}" | cut -f 1 | grep -Fx -- "$1"
}
check 'services are completed' names web ps --state "$BERTH_STATE" we
check 'clusters too' names local ps --state "$BERTH_STATE" --cluster ''
check 'and tasks' names "$(task_of web | cut -c 1-12)" why --state "$BERTH_STATE" ''

check 'it stops on SIGTERM' berth_stop || berth_log 20
check 'then a verb fails' exits 1 verb status
finish
