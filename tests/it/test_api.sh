#!/bin/bash
# The API of a running Berth, asked with curl: what it says, follows, carries and refuses.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

SOCKET=$BERTH_STATE/berth.sock

api() # METHOD PATH [CURL-OPTION...]
{
    local method=$1 path=$2
    shift 2
    curl -sS --max-time 20 --unix-socket "$SOCKET" -X "$method" "$@" "http://localhost$path"
}

says() # PATH JQ-FILTER: the answer fits
{
    api GET "$1" | jq -e "$2" >/dev/null
}

status_of() # METHOD PATH [CURL-OPTION...]
{
    local method=$1 path=$2
    shift 2
    api "$method" "$path" -o /dev/null -w '%{http_code}' "$@"
}

refuses() # STATUS METHOD PATH [BODY]
{
    test "$(status_of "$2" "$3" ${4:+-d "$4"})" = "$1"
}

task_of() # SERVICE: the id of one of its tasks
{
    api GET "/v1/tasks?service=$1" | jq -r '.tasks[0].id'
}

check 'an engine starts' engine_start one || finish
check 'a repository of manifests' site_make || finish
site_task talker 'command: [/bin/busybox, sh, -c, "echo first; echo second >&2; exec sleep 100000"]'
site_service talker talker 1
site_commit 'a service that talks' >/dev/null
berth_start --listen 127.0.0.1:8099
check 'the API answers' eventually 10 says /v1/version '.apiVersion == "berth/v1" and .version != ""'
check 'it converges' eventually 90 says /v1/status '.converged' || { berth_log 100; finish; }
head=$(git -C "$SITE" rev-parse HEAD)

# ---- What is, and what was

check 'status tells the commit' says /v1/status \
    ".repository == \"$SITE\" and .commit.id == \"$head\" and .commit.author == \"Test\" and .instances[0].state == \"ACTIVE\""
check 'every service is steady' says /v1/services '[.services[].steady] | length == 4 and all'
check 'one service tells all of it' says /v1/services/local/web \
    '(.tasks | length) == 3 and .deployment.rolloutState == "COMPLETED" and (.events | length) > 0
        and (.file | endswith("service-web.yaml")) and .line > 0'
check 'tasks have addresses' says '/v1/tasks?service=web' \
    '(.tasks | length) == 3 and all(.tasks[]; .address != null and .status == "RUNNING")'
check 'a task of two containers lists its sandbox' says '/v1/tasks?service=pair' \
    '(.tasks[0].containers | length) == 3'
check 'history knows who' says '/v1/history?service=web' \
    '.deployments[0].author == "Test" and .deployments[0].rolloutState == "COMPLETED"'
check 'commits have outcomes' says /v1/commits '.commits[0].outcome == "applied"'
check 'images are listed' says /v1/images \
    '[.instances[0].images[].tags[]] | any(startswith("berth/web:"))'
check 'names are completed' says '/v1/complete?what=services' '.names | index("local/web") != null'
check 'an unknown service is not found' refuses 404 GET /v1/services/local/none
check 'an unknown parameter is refused' refuses 400 GET '/v1/events?folow=true'
check 'the socket is private' test "$(stat -c %a "$SOCKET")" = 600

# ---- Why

check 'why of a service' says /v1/why/web \
    '.kind == "service" and any(.lines[]; .label == "commit" and (.text | contains("by Test")))
        and any(.lines[]; .label == "manifest" and (.text | contains("service-web.yaml:")))'
check 'why of a service of a cluster' says /v1/why/local/web '.kind == "service"'
check 'why of a task' says "/v1/why/$(task_of web | cut -c 1-12)" \
    '.kind == "task" and any(.lines[]; .label == "service" and .text == "local/web")'
container=$(api GET '/v1/tasks?service=web' | jq -r '.tasks[0].containers[0].containerName')
check 'why of a container' says "/v1/why/$container" '.kind == "container"'
check 'why of nothing' refuses 404 GET /v1/why/nothing

# ---- Plan

check 'nothing would change' says /v1/plan '.apiVersion == "berth/v1" and (.commit | length) == 40'
git -C "$SITE" checkout -q -b other
site_edit 's/desiredCount: 3/desiredCount: 4/' manifests/service-web.yaml 'four web tasks'
other=$(git -C "$SITE" rev-parse HEAD)
git -C "$SITE" checkout -q -
followed=$(git -C "$SITE" symbolic-ref HEAD)
git -C "$SITE" update-ref "$followed" "$other"
check 'the branch that was checked out at the start is followed' \
    eventually 60 says /v1/status ".converged and .commit.id == \"$other\""
git -C "$SITE" update-ref "$followed" "$head"
check 'and back, to a commit that is older' \
    eventually 60 says /v1/status ".converged and .commit.id == \"$head\""
check 'another branch is planned' eval \
    'api GET "/v1/plan?ref=other&format=text" | grep -q "desiredCount"'
check 'for a pull request too' eval \
    'api GET "/v1/plan?ref=other&format=markdown" | grep -q "local/web"'
check 'an unknown ref is not found' refuses 404 GET '/v1/plan?ref=none'
check 'what git understands is a ref' \
    says '/v1/plan?ref=HEAD' ".commit == \"$head\""
check 'the first digits of a commit, too' \
    says "/v1/plan?ref=$(printf '%.8s' "$other")~1" ".commit == \"$(git -C "$SITE" rev-parse other~1)\""
check 'what is no commit is refused' refuses 400 GET '/v1/plan?ref=HEAD:manifests'
check 'a plan changes nothing' count_is 3 "$(service_is web)"

# ---- Logs and exec

talker=$(task_of talker)
check 'logs of a task' eval 'api GET "/v1/tasks/$talker/logs?timestamps=true" | jq -se "
    any(.stream == \"stderr\" and .text == \"second\" and (.time | length) > 20) and
    any(.stream == \"stdout\" and .text == \"first\" and .container == \"talker\")" >/dev/null'
check 'the last line' test "$(api GET "/v1/tasks/$talker/logs?tail=1" | wc -l)" = 1
check 'logs of a container that is not there' refuses 404 GET "/v1/tasks/$talker/logs?container=x"
api GET "/v1/tasks/$talker/logs?follow=true" -N >"$IT_DIR/followed" 2>&1 &
follower=$!
check 'logs are followed' eventually 10 grep -q second "$IT_DIR/followed"
kill $follower
wait $follower 2>/dev/null

exec_in() # TASK COMMAND-JSON INPUT: what berth-exec/1 answers, as text; see reconciler/api/frame.h
{
    python3 - "$SOCKET" "$1" "$2" "$3" <<'END'
import json, socket, struct, sys

path, task, command, text = sys.argv[1:]
body = json.dumps({"task": task, "command": json.loads(command)}).encode()
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(20)
connection.connect(path)
connection.sendall(b"POST /v1/exec HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
                   b"Upgrade: berth-exec/1\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
got = b""
while b"\r\n\r\n" not in got:
    part = connection.recv(65536)
    if not part:
        sys.exit("closed: " + got.decode())
    got += part
head, got = got.split(b"\r\n\r\n", 1)
if b" 101 " not in head:
    sys.exit(head.decode())
frame = lambda kind, data: struct.pack(">B3xI", kind, len(data)) + data
try:
    connection.sendall(frame(0, text.encode()) + frame(3, b""))
except BrokenPipeError:
    pass  # a command that is not there has ended by now
while part := connection.recv(65536):
    got += part
while got:
    kind, size = struct.unpack(">B3xI", got[:8])
    data, got = got[8:8 + size], got[8 + size:]
    print(kind, int.from_bytes(data, "big") if kind == 5 else data.decode().strip())
END
}

check 'a command runs in a container' eval \
    '[ "$(exec_in "$talker" "[\"/bin/busybox\",\"echo\",\"hi\"]" "")" = "1 hi
5 0" ]'
check 'its input arrives, its errors and code come back' eval \
    '[ "$(exec_in "$talker" "[\"/bin/busybox\",\"sh\",\"-c\",\"cat >&2; exit 7\"]" "to you")" = "2 to you
5 7" ]'
check 'a command that is not there' eval \
    'exec_in "$talker" "[\"/nothing\"]" "" | grep -E "^(5 12[67]|6 |1 )" >/dev/null'
check 'exec without an upgrade' refuses 426 POST /v1/exec "{\"task\": \"$talker\", \"command\": [\"x\"]}"
check 'exec without a command' refuses 400 POST /v1/exec "{\"task\": \"$talker\"}"

# ---- Followers and control

api GET '/v1/events?follow=true' -N --max-time 120 >"$IT_DIR/events" &
follower=$!
check 'a service is suspended' eval \
    'api POST /v1/suspend -d "{\"service\": \"web\", \"reason\": \"a look\"}" |
        jq -e ".suspended == \"a look\"" >/dev/null'
site_edit 's/one/two/' apps/web/index.html 'another page'
next=$(git -C "$SITE" rev-parse HEAD)
check 'the commit is seen' eventually 30 says /v1/status ".commit.id == \"$next\""
check 'why tells that it is suspended' says /v1/why/web \
    'any(.lines[]; .label == "suspended" and .text == "a look")'
check 'nothing of it is replaced' says /v1/services/local/web \
    ".deployment.commit == \"$head\""
check 'it is resumed' eval 'api POST /v1/resume -d "{\"service\": \"local/web\"}" |
        jq -e ".suspended == null" >/dev/null'
check 'and goes on' eventually 90 says /v1/services/local/web \
    ".steady and .deployment.commit == \"$next\"" || berth_log 60
check 'events were followed' eventually 10 grep -q 'has started' "$IT_DIR/events"
kill $follower
wait $follower 2>/dev/null
check 'stopped tasks are told' says '/v1/tasks?service=web&all=true' \
    '[.tasks[] | select(.status == "STOPPED")] | length >= 3'
check 'an unknown service cannot be suspended' refuses 404 POST /v1/suspend '{"service": "none"}'
check 'an unknown member is refused' refuses 400 POST /v1/suspend '{"service": "web", "why": 1}'
check 'a confirmation names its commit' eval \
    'api POST /v1/confirm | jq -e ".commit == \"$next\"" >/dev/null'
check 'a look at the repository is asked for' test "$(status_of POST /v1/reconcile)" = 202

site_edit 's/taskDefinition: web/taskDefinition: wep/' manifests/service-web.yaml 'a mistake'
check 'mistakes of a rejected commit are told' eventually 30 says /v1/status \
    '.rejected.errors[0].line == 6 and (.rejected.errors[0].file | endswith("service-web.yaml"))'
check 'and remembered' says /v1/commits '.commits[0].outcome == "rejected"'

# ---- TCP

tcp() # METHOD PATH [CURL-OPTION...]
{
    local method=$1 path=$2
    shift 2
    curl -sS --max-time 10 --noproxy '*' -o /dev/null -w '%{http_code}' -X "$method" "$@" \
        "http://127.0.0.1:8099$path"
}
check 'TCP reads' test "$(tcp GET /v1/status)" = 200
check 'the socket tells what builds printed' says /v1/builds 'any(.builds[]; .lines | length > 0)'
check 'TCP does not' eventually 5 sh -c \
    "curl -sS --noproxy '*' http://127.0.0.1:8099/v1/builds |
        jq -e '(.builds | length > 0) and all(.builds[]; has(\"lines\") | not)' >/dev/null"
check 'TCP changes nothing' test "$(tcp POST /v1/reconcile)" = 403
check 'another site is refused' test "$(tcp GET /v1/status -H 'Origin: http://evil.example')" = 403
check 'another name is refused' test "$(tcp GET /v1/status -H 'Host: evil.example')" = 403

api GET '/v1/events?follow=true' -N --max-time 60 >/dev/null 2>&1 &
follower=$!
check 'it stops although someone follows' berth_stop
wait $follower
check 'the socket is gone' test ! -e "$SOCKET"
finish
