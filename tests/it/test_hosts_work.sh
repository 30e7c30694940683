#!/bin/bash
# What people do with hosts of an EC2 cluster: where tasks on them are reached, and commands on them.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/hosts.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/edge.sh"

on_hosts() # WORD...: berth hosts exec; what it says is in $IT_DIR/said
{
    "$BERTH" hosts exec --state "$BERTH_STATE" "$@" >"$IT_DIR/said" 2>&1
    local status=$?
    cat "$IT_DIR/said"
    return $status
}

service() # MODE PORTS: a task and a service of one task in this network mode, of the mode's name
{
    site_file "$1.yaml" <<END
apiVersion: berth/v1
kind: Task
metadata: {name: $1}
spec:
  cpu: 64
  memory: 32
  networkMode: $1
  containerDefinitions:
    - name: web
      image: web
      stopTimeout: 1
      command: [/bin/busybox, httpd, -f, -p, "80$2", -h, /www]
      portMappings: [$3]
---
apiVersion: berth/v1
kind: Service
metadata: {name: $1}
spec: {cluster: edge, taskDefinition: $1, desiredCount: 1, minReadySeconds: 1}
END
}

for name in a b; do
    check "host $name starts" host_start $name || finish
done
site_begin
rm "$SITE/manifests/base.yaml"
site_file image.yaml <<'END'
apiVersion: berth/v1
kind: Image
metadata: {name: web}
spec: {build: {context: apps/web}}
END
service bridge 81 '{containerPort: 8081}, {containerPort: 5353, protocol: udp}'
service host 82 '{containerPort: 8082}'
service none 83 ''
service awsvpc 84 '{containerPort: 8084}'
edge a b
site_commit 'a service in each network mode'
edge_start --listen 127.0.0.1:7171
check 'it converges' eventually 60 converged || { berth_log; finish; }

# ---- Where a task is reached ---------------------------------------------------------------------
task() # SERVICE FILTER: of its only task
{
    ask ps "$1" -o json | jq -r ".tasks[0] | $2"
}
reached_at() # SERVICE
{
    /bin/busybox wget -q -O - "http://$(task "$1" .address | sed 's/,.*//')/" | grep -qx one
}
is() # SERVICE FILTER PATTERN
{
    task "$1" "$2" | grep -qxE "$3" || { task "$1" .; false; }
}
there='10[.]77[.]0[.][0-9]+'
check 'bridge: the host and the ports that its engine chose' \
    is bridge .address "$there:[0-9]{5},[0-9]{5}"
check 'which lead to it' reached_at bridge
check 'both are bindings, as ECS says them' is bridge \
    '[.networkBindings[] | "\(.containerPort)/\(.protocol)"] | sort | join(" ")' '5353/udp 8081/tcp'
check 'host: the port of the container is the one of the host' is host .address "$there:8082"
check 'where it is' reached_at host
check 'awsvpc: an address of its own' is awsvpc .address '172[.][0-9.]+'
check 'and no port of the host' is awsvpc '.networkBindings | length' 0
check 'none: it is not reached' is none '.address // "nowhere"' nowhere
check 'berth ps prints it' sh -c '"$1" ps bridge --state "$2" | grep -qF " $3 "' sh "$BERTH" \
    "$BERTH_STATE" "$(task bridge .address)"

# ---- A command on all of them --------------------------------------------------------------------
says() # FILE LINE...
{
    local file=$1
    shift
    diff -u <(printf '%s\n' "$@") "$file"
}
logins()
{
    cat "$IT_DIR"/[ab]/sshd.log | grep -c 'Accepted publickey'
}
before=$(logins)
check 'a command on all hosts' on_hosts hostname
sort "$IT_DIR/said" >"$IT_DIR/sorted"
check 'what each writes begins with its name' says "$IT_DIR/sorted" 'a | a' 'b | b'
check 'words arrive as they are' on_hosts --instance a -- printf '<%s>\n' 'a  b' "it's" \
    '"$HOME" `id` $(id) \n' $'two\nlines' ''
check 'of one host without its name' says "$IT_DIR/said" '<a  b>' "<it's>" \
    '<"$HOME" `id` $(id) \n>' '<two' 'lines>' '<>'
check_not 'one that fails somewhere fails' on_hosts -c edge -- sh -c 'echo x >&2; test "$(hostname)" = a'
check 'and says where and how' grep -qx 'berth: failed on 1 of 2 hosts: b (exit code 1)' \
    "$IT_DIR/said"
check 'errors begin with the name too' grep -qx 'b | x' "$IT_DIR/said"
check_not 'one that ends with 255 is no lost connection' on_hosts -i a -- sh -c 'exit 255'
check 'in plain words' grep -qF 'a (exit code 255)' "$IT_DIR/said"
check_not 'a host that is none' on_hosts -i a,z -- true
check 'is named' grep -qF "there is no instance 'z'" "$IT_DIR/said"
check 'no login was made for any of it' test "$(logins)" = "$before"
check '-o json is one object a line' sh -c '"$@" | jq -s "map(.exitCode) | add" | grep -qx 6' sh \
    "$BERTH" hosts exec --state "$BERTH_STATE" -o json -- sh -c 'echo x; exit 3'

# A reader that is slow: all of it comes, and Berth holds little of it.
memory() # KiB
{
    awk '/^RssAnon/ { print $2 }' "/proc/$berth_pid/status"
}
was=$(memory)
slowly()
{
    "$BERTH" hosts exec --state "$BERTH_STATE" -- seq 400000 | { sleep 1; memory >"$IT_DIR/during"; wc -l; } | grep -qx 800000
}
check 'a slow reader gets all lines of both' slowly
check 'and costs no memory' test $(($(cat "$IT_DIR/during") - was)) -lt 8192
check 'who reads no further ends it' sh -c '"$@" | head -n 1 | grep -qx "[ab] | y"' sh \
    "$BERTH" hosts exec --state "$BERTH_STATE" -- yes

sleeps() # NAME: how many sleep there
{
    engine_in "$1" pgrep -xc -f 'sleep 7171'
}
"$BERTH" hosts exec --state "$BERTH_STATE" -- sh -c 'sleep 7171 & wait # s3cret' >"$IT_DIR/exec.log" 2>&1 &
exec_pid=$!
both_sleep()
{
    [ "$(sleeps a)$(sleeps b)" = 11 ]
}
check 'commands that last' eventually 10 both_sleep
check 'are on no command line of an ssh here' test -z "$(for pid in $(pgrep -x ssh); do
    tr '\0' ' ' <"/proc/$pid/cmdline" | grep -e s3cret -e 7171; done)"
check 'Ctrl-C' kill -INT $exec_pid
wait $exec_pid
check 'is told' test $? = 130
none_sleeps()
{
    [ "$(sleeps a)$(sleeps b)" = 00 ]
}
check 'and ends them there, with what they started' eventually 10 none_sleeps
on_hosts -i a -- sleep 7171 >/dev/null 2>&1 &
exec_pid=$!
one_sleeps()
{
    [ "$(sleeps a)" = 1 ]
}
check 'once more' eventually 10 one_sleeps
host_sshd_kill a
check 'a connection that breaks ends it too' eventually 10 none_sleeps
check 'which is told' eventually 10 grep -qE '^berth: failed on 1 of 1 hosts: a [(]' "$IT_DIR/said"
wait $exec_pid
check 'as a failure' test $? = 1
host_sshd a

answer=$(curl -sS -o /dev/null -w '%{http_code}' -X POST -H 'Content-Type: application/json' \
    -d '{"command":["id"]}' http://127.0.0.1:7171/v1/hosts/exec)
check 'not over TCP' test "$answer" = 403
check 'a host whose engine is dead' engine_kill9 b
check 'is lost' eventually 30 host_is b LOST
check 'and can be told what to do' on_hosts -i b -- hostname
check 'its engine comes back' engine_restart b
check 'a is back too' eventually 60 host_is a ACTIVE
check 'and b' eventually 60 host_is b ACTIVE
host_cut b
check 'a host that does not answer' eventually 30 host_is b LOST
check_not 'is no success' on_hosts -- hostname
check 'told as such' grep -qE '^berth: failed on 1 of 2 hosts: b \(not reachable: .* does not answer' \
    "$IT_DIR/said"
check 'the other one ran it' grep -qx 'a | a' "$IT_DIR/said"
host_join b
check 'it is back' eventually 60 host_is b ACTIVE
check 'it stops' berth_stop
finish
