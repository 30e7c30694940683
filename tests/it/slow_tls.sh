#!/bin/bash
# Berth and its verbs with an engine that is reached over TCP and TLS, by the settings that the docker
# client reads: DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

CERTS=$IT_DIR/certs

certificates()
{
    local name
    mkdir "$CERTS" && cd "$CERTS" || return 1
    openssl req -x509 -newkey rsa:2048 -nodes -keyout ca-key.pem -out ca.pem -days 2 \
        -subj /CN=ca || return 1
    for name in server client; do
        openssl req -newkey rsa:2048 -nodes -keyout $name-key.pem -out $name.csr -subj /CN=$name &&
            openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 \
                -out $name.pem -extfile <(echo subjectAltName=IP:127.0.0.1) || return 1
    done
    cp client.pem cert.pem && cp client-key.pem key.pem && cd "$IT_DIR"
}

verb() # VERB OPERAND...
{
    "$BERTH" "$1" --state "$BERTH_STATE" "${@:2}"
}

check 'certificates' certificates || finish
check 'an engine that is reached over TLS' engine_start one -H tcp://127.0.0.1:2376 --tlsverify \
    --tlscacert "$CERTS/ca.pem" --tlscert "$CERTS/server.pem" --tlskey "$CERTS/server-key.pem" || finish
site_begin
site_task talk 'command: [/bin/busybox, sh, -c, "echo first; exec /bin/busybox sleep 100000"]'
site_service talk talk 1
site_commit 'a service that talks'
export DOCKER_HOST=tcp://127.0.0.1:2376 DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$CERTS
"$BERTH" run "$SITE" --path manifests --owner it --state "$BERTH_STATE" >"$IT_DIR/berth.log" 2>&1 &
berth_pid=$!
check 'it is built and converges' eventually 90 converged || { berth_log; finish; }

check 'a log is read' grep -qx '[0-9a-f]* talk | first' <(verb logs talk)
"$BERTH" logs --state "$BERTH_STATE" -f talk >"$IT_DIR/followed" 2>&1 &
follower=$!
check 'a log is followed' eventually 10 grep -q first "$IT_DIR/followed"
check 'a command runs' verb exec talk /bin/busybox sh -c 'echo second >/proc/1/fd/1'
check 'what comes meanwhile is followed' eventually 10 grep -q second "$IT_DIR/followed"
kill -INT $follower
check 'Ctrl-C ends it' wait $follower

code_is() # CODE COMMAND...
{
    local code
    "${@:2}"
    code=$?
    [ $code = "$1" ] || { echo "exit code $code"; return 1; }
}
check 'an exit code comes back' code_is 7 verb exec talk /bin/busybox sh -c 'exit 7'
large_input()
{
    head -c 5000000 /dev/urandom >"$IT_DIR/large" &&
        verb exec -i talk /bin/busybox cat <"$IT_DIR/large" | cmp - "$IT_DIR/large"
}
check 'input of many records comes back whole' large_input
on_terminal() # script gives it a terminal of 33 rows and 101 columns
{
    script -qec "stty rows 33 columns 101 && exec '$BERTH' exec --state '$BERTH_STATE' -it talk \
        /bin/busybox sh -c 'until [ \"\$(/bin/busybox stty size)\" = \"33 101\" ]; do :; done; echo fits'" /dev/null
}
check 'a terminal has its size' grep -q fits <(on_terminal)

check 'without certificates it says which are missing' grep -q "/none/ca.pem' cannot be read" \
    <(DOCKER_CERT_PATH=/none "$BERTH" apply "$SITE" --path manifests --state "$IT_DIR/other" 2>&1)
berth_stop
finish
