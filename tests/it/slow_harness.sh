#!/bin/bash
# The harness itself: if this fails, no other integration test means anything.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"

# run_web NAME: a web server with a health check, port 80 published as 8080.
run_web()
{
    engine_api POST "/containers/create?name=$1" '{
        "Image": "busybox:test",
        "Cmd": ["sh", "-c", "mkdir /www; echo here >/www/index.html; exec httpd -f -p 80 -h /www"],
        "ExposedPorts": {"80/tcp": {}}, "StopSignal": "SIGKILL",
        "Healthcheck": {"Test": ["CMD", "wget", "-qO-", "http://127.0.0.1/"],
                        "Interval": 1000000000, "Timeout": 1000000000, "Retries": 3},
        "HostConfig": {"NetworkMode": "net", "Init": false, "Memory": 16777216,
                       "PortBindings": {"80/tcp": [{"HostPort": "8080"}]}},
        "NetworkingConfig": {"EndpointsConfig": {"net": {"Aliases": ["site"]}}}}' &&
        engine_api POST "/containers/$1/start"
}

state_is() # NAME FILTER: one that jq finds true
{
    engine_api GET "/containers/$1/json" | jq -e "$2"
}

says_here() # URL
{
    [ "$(curl -sS --max-time 2 --noproxy '*' "$1")" = here ]
}

# Runs a command in a new container on the network `net`; its exit status is ours.
run_once()
{
    local id
    id=$(engine_api POST /containers/create "$(printf '%s\n' "$@" | jq -R . |
        jq -s '{Image: "busybox:test", Cmd: ., HostConfig: {NetworkMode: "net"}}')" | jq -r .Id) &&
        engine_api POST "/containers/$id/start" &&
        [ "$(engine_api POST "/containers/$id/wait" | jq .StatusCode)" = 0 ]
}

check_not 'the system engine is out of sight' test -e /var/run/docker.sock
check_not 'no network but ours' ip route get 192.0.2.1

check 'an engine starts' engine_start one || finish
check 'it uses its own folders' test -d "$IT_DIR/one/data/overlay2"
check 'a second one starts' engine_start two || finish
check 'they have different identities' test \
    "$(engine_use one; engine_api GET /info | jq -r .ID)" != "$(engine_api GET /info | jq -r .ID)"

for engine in one two; do
    engine_use $engine
    check "$engine: an image is built from nothing" engine_busybox || finish
    check "$engine: a network is created" engine_api POST /networks/create \
        '{"Name": "net", "CheckDuplicate": true}'
    check "$engine: a container starts" run_web web
    check "$engine: it becomes healthy" \
        eventually 30 state_is web '.State.Health.Status == "healthy"'
    check "$engine: its published port answers" eventually 10 says_here "http://$ENGINE_ADDRESS:8080/"
    check "$engine: the engine's DNS knows its alias" run_once wget -qO- http://site/
done

engine_use one
check 'containers of the first engine are reachable by address' says_here \
    "http://$(engine_api GET /containers/web/json | jq -r .NetworkSettings.Networks.net.IPAddress)/"

started=$(engine_api GET /containers/web/json | jq -r .State.StartedAt)
check 'the first engine dies alone' engine_kill9 one
check_not 'it answers no more' engine_api GET /_ping
engine_use two
check 'the second does not notice' says_here "http://$ENGINE_ADDRESS:8080/"
check 'the first starts again' engine_restart one
check 'it remembers its container' state_is web '.State.StartedAt == "'"$started"'"'

check 'the second loses power' engine_poweroff two
check_not 'its container is gone with it' says_here "http://${engine_address[two]}:8080/"
check 'the second boots again' engine_restart two
check 'it remembers its container' state_is web '.State.Running == false'
check 'which can be started' engine_api POST /containers/web/start
check 'and answers' eventually 10 says_here "http://$ENGINE_ADDRESS:8080/"

check 'the second engine stops' engine_stop two
check 'the first engine stops' engine_stop one
check_not 'nothing is left running' grep -lE 'dockerd|containerd' /proc/[0-9]*/comm

finish
