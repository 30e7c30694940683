#!/bin/bash
# The transport of the Engine client on a real engine: unix socket, TCP, TLS, streams, accidents.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"

PROBE=$ROOT/build/asan/tests/it/engine_client
LEAN=$ROOT/build/release/tests/it/engine_client # for what is measured

probe() # VERB ARGUMENT...: on the engine in use
{
    timeout 60 "$PROBE" "unix://$ENGINE_SOCK" "$@"
}

# says PATTERN VERB ARGUMENT...: one line of the output matches as a whole
says()
{
    local pattern=$1 output
    shift
    output=$(probe "$@")
    echo "$output"
    grep -qxE "$pattern" <<<"$output"
}

exec_id() # CONTAINER TTY COMMAND...: prints the id of a new exec
{
    local container=$1 tty=$2
    shift 2
    engine_api POST "/containers/$container/exec" "$(printf '%s\n' "$@" | jq -R . |
        jq -s --argjson tty "$tty" '{Cmd: ., Tty: $tty, AttachStdin: true, AttachStdout: true,
                                     AttachStderr: true}')" | jq -r .Id
}

run_box() # NAME COMMAND...
{
    local name=$1
    shift
    engine_api POST "/containers/create?name=$name" "$(printf '%s\n' "$@" | jq -R . |
        jq -s '{Image: "busybox:test", Cmd: ., StopSignal: "SIGKILL", Labels: {mark: "yes"},
                HostConfig: {NetworkMode: "none"},
                Healthcheck: {Test: ["CMD", "true"], Interval: 1000000000}}')" &&
        engine_api POST "/containers/$name/start"
}

# What client and server need for TLS, in $1.
certificates()
{
    mkdir "$1" && cd "$1" || return 1
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca-key.pem -out ca.pem -days 2 \
        -subj /CN=ca || return 1
    local name
    for name in server client; do
        openssl req -newkey rsa:2048 -nodes -keyout $name-key.pem -out $name.csr -subj /CN=$name &&
            openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 \
                -out $name.pem -extfile <(echo subjectAltName=IP:10.77.0.11) || return 1
    done
    cp client.pem cert.pem && cp client-key.pem key.pem || return 1
    cd "$IT_DIR" || return 1
}

tls_probe() # CERTIFICATES VERB ARGUMENT...
{
    local certificates=$1
    shift
    DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$certificates timeout 60 "$PROBE" "tcp://$ENGINE_ADDRESS:2376" "$@"
}

cost_is_low()
{
    local output
    output=$(timeout 120 "$LEAN" "unix://$ENGINE_SOCK" storm 2000 4)
    echo "$output"
    grep -qx 'failed 0' <<<"$output" &&
        [ "$(sed -n 's/^cpu_us_per_call //p' <<<"$output")" -lt 300 ]
}

sleeps_when_idle()
{
    local wake_ups
    wake_ups=$(timeout 120 "$LEAN" "unix://$ENGINE_SOCK" storm 10 1 | sed -n 's/^wake_ups //p')
    echo "$wake_ups wake-ups in three seconds"
    [ "$wake_ups" -le 2 ]
}

events_until() # LAST: of containers with our mark, from the beginning
{
    probe events 1 mark=yes "$1"
}

check 'certificates' certificates "$IT_DIR/certs"
check 'an engine starts' engine_start one -H tcp://127.0.0.1:2375 || finish

check 'the version is agreed' says 'api 1\.41' call GET /info
check 'an answer comes' says 'status 200' call GET /containers/json
check "an error is the engine's own" says 'failure not-found: No such container: none' \
    call GET /containers/none/json
check 'over TCP too' grep -qx 'status 200' <("$PROBE" tcp://localhost:2375 call GET /info)

engine_busybox >/dev/null 2>&1 # makes the context
check 'an image is built from a file' says 'stream Successfully tagged built:1' \
    build "$IT_DIR/busybox.tar" built:1
check 'a context that is none is refused' says 'failure .*' build /etc/hostname built:2

check 'a container runs' run_box box sh -c 'echo to out; echo to errors >&2; exec sleep 100000'
check 'its log has both streams: out' eventually 5 says 'out to out' logs box
check 'its log has both streams: errors' says 'errors to errors' logs box

check 'an exec reads its input to the end' says 'out 5' \
    exec "$(exec_id box false wc -c)" 12345 frames
check 'its errors are a stream of their own' says 'errors wrong' \
    exec "$(exec_id box false sh -c 'echo wrong >&2')" '' frames
check 'with a terminal all is one stream' says 'out both.?' \
    exec "$(exec_id box true sh -c 'echo both >&2')" '' tty
check 'a terminal is read and written' says '(out )?3.?' \
    exec "$(exec_id box true sh -c 'read -r text; echo ${#text}')" $'abc\n' tty
check 'it ends in order' says end exec "$(exec_id box false true)" '' frames
check 'an exec that is not there is refused' says \
    'failure not-found: No such exec instance: none' exec none '' frames
check 'an exec works over TCP' grep -qx 'out 3' \
    <("$PROBE" tcp://localhost:2375 exec "$(exec_id box false wc -c)" 123 frames)

check 'health is an event' grep -qx 'event health_status: healthy box' \
    <(events_until 'health_status: healthy')
engine_api POST /containers/box/kill
events_until die >"$IT_DIR/until_die"
check 'the end is an event' grep -qx 'event die box' "$IT_DIR/until_die"
check_not 'probes of health are none' grep -q exec_ "$IT_DIR/until_die"
check_not "a stranger's container is none" grep -q . \
    <(timeout 3 "$PROBE" "unix://$ENGINE_SOCK" events 1 mark=no die)

check 'a call costs the client less than 0.3 ms' cost_is_low && note "$(grep cpu "$IT_DIR/output")"
check 'an idle client with a stream does not wake up' sleeps_when_idle

probe events 1 mark=yes never >"$IT_DIR/events" &
check 'a stream is open' eventually 5 grep -q 'event die' "$IT_DIR/events"
check 'the engine dies' engine_kill9 one
check 'the stream tells it' eventually 10 grep -qx 'failure unreachable: .*' "$IT_DIR/events"
check 'a call says where no engine is' says \
    "failure unreachable: cannot connect to unix://$ENGINE_SOCK: .*; is the Docker Engine running\?" \
    call GET /info
check 'it comes back' engine_restart one
check 'and answers' says 'status 200' call GET /info
check 'it stops' engine_stop one

check 'an engine with TLS starts' engine_start tls -H tcp://0.0.0.0:2376 --tlsverify \
    --tlscacert "$IT_DIR/certs/ca.pem" --tlscert "$IT_DIR/certs/server.pem" \
    --tlskey "$IT_DIR/certs/server-key.pem" || finish
check 'its address is that of its certificate' test "$ENGINE_ADDRESS" = 10.77.0.11
check 'it answers over TLS' grep -qx 'status 200' <(tls_probe "$IT_DIR/certs" call GET /info)
found_by_make() # CERTIFICATES: `make run` uses that engine
{
    local address=tcp://$ENGINE_ADDRESS:2376
    [ "$(DOCKER_HOST=$address DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$1 "$ROOT/.make/engine")" = "$address" ]
}
check '`make run` finds it' found_by_make "$IT_DIR/certs"
check_not 'but not without certificates' found_by_make "$IT_DIR/none"
check 'certificates of another authority' certificates "$IT_DIR/others"
check 'a server of another authority is refused' grep -qx 'failure denied: .*' \
    <(tls_probe "$IT_DIR/others" call GET /info)
cp "$IT_DIR/certs/ca.pem" "$IT_DIR/others/ca.pem"
check 'a client of another authority is refused' grep -qx 'failure .*' <(tls_probe "$IT_DIR/others" call GET /info)
check 'and says so' grep -qx 'failure .*: .*certificate.*' <(tls_probe "$IT_DIR/others" call GET /info)
check 'one with no certificate is refused by the engine' grep -qi 'alert.*certificate' <(
    curl -sS --noproxy '*' --cacert "$IT_DIR/certs/ca.pem" "https://$ENGINE_ADDRESS:2376/info" 2>&1)
mkdir "$IT_DIR/none" && cp "$IT_DIR/certs/ca.pem" "$IT_DIR/none/"
check 'and told what is missing' grep -qx "failure .*'$IT_DIR/none/cert.pem' cannot be read" \
    <(tls_probe "$IT_DIR/none" exec any '' frames 2>&1)
check 'a container runs there' engine_busybox && check 'it is up' run_box box sleep 100000
check 'an exec over TLS reads its input to the end' grep -qx 'out 5' \
    <(tls_probe "$IT_DIR/certs" exec "$(exec_id box false wc -c)" 12345 frames)
check 'in order' grep -qx end \
    <(tls_probe "$IT_DIR/certs" exec "$(exec_id box false cat)" 12345 frames)
check 'and a terminal' grep -qxE '(out )?3.?' \
    <(tls_probe "$IT_DIR/certs" exec "$(exec_id box true sh -c 'read -r text; echo ${#text}')" $'abc\n' tty)
big=$(head -c 100000 /dev/zero | tr '\0' x)
check 'much goes both ways' grep -qx 'out 100000' \
    <(tls_probe "$IT_DIR/certs" exec "$(exec_id box false wc -c)" "$big" frames)
check 'more than one record comes back' grep -qx 'bytes 3000000' <(tls_probe "$IT_DIR/certs" \
    exec "$(exec_id box false sh -c 'head -c 3000000 /dev/zero | tr "\\0" x')" '' frames |
    awk '/^out / { bytes += length($0) - 4 } END { print "bytes", bytes }')
check 'an exec that is not there is refused over TLS' grep -qx \
    'failure not-found: No such exec instance: none' \
    <(tls_probe "$IT_DIR/certs" exec none '' frames)
engine_api POST /containers/box/kill
check 'it stops' engine_stop tls
finish
