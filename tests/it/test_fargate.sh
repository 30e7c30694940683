#!/bin/bash
# The FARGATE driver on a real engine, with every kind of action, and what happens behind its back.
. "$(dirname "$0")/lib.sh"
ENGINE_RUNTIME=runc
. "$(dirname "$0")/engine.sh"

DRIVE=$ROOT/build/${MODE:-release}/tests/it/fargate_drive
OWNER=it
LOG=$IT_DIR/drive.log
IMAGE=berth/web:0123456789ab

drive_start()
{
    rm -f "$IT_DIR/commands"
    mkfifo "$IT_DIR/commands" || return 1
    export DRIVE_DOCKERFILE=$'FROM scratch\nCOPY busybox /bin/busybox\n'
    "$DRIVE" "unix://$ENGINE_SOCK" $OWNER <"$IT_DIR/commands" >"$LOG" 2>&1 &
    drive_pid=$!
    exec 9>"$IT_DIR/commands"
}

# said PATTERN: somewhere in the log, a whole line in extended form.  The log grows only.
said()
{
    grep -qxE "$1" "$LOG" || { tail -n 15 "$LOG"; false; }
}

since= # lines of the log before the last command
said_since()
{
    tail -n +$((since + 1)) "$LOG" | grep -qxE "$1" || { tail -n +$((since + 1)) "$LOG"; false; }
}

mark()
{
    since=$(wc -l <"$LOG")
}

# does COMMAND [RESULT]: the call ends so, "ok" when not said otherwise.
does()
{
    mark
    echo "$1" >&9
    eventually 60 said_since "DONE $1 ${2-ok}"
}

id_of() # SLOT/CONTAINER
{
    sed -n "s#^CONTAINER $1 id=\([0-9a-f]*\) .*#\1#p" "$LOG" | tail -n 1
}

requests() # METHOD PATTERN: how many the engine served; it writes them down in debug mode
{
    grep -cE "Calling $1 /v[0-9.]+$2" "$IT_DIR/one/log"
}

check 'an engine starts' engine_start one --debug || finish
check 'a container of others is there' engine_busybox &&
    foreign=$(engine_api POST '/containers/create?name=foreign' \
        '{"Image": "busybox:test", "Cmd": ["sleep", "1000"],
          "Labels": {"berth.owner": "it", "berth.container": "web"}}' | jq -r .Id) &&
    engine_api POST "/containers/$foreign/start" >/dev/null

drive_start
check 'it connects and lists' eventually 20 said 'LISTING_END .*' || finish
check 'the engine is introduced' said 'INSTANCE id=[^ ]+ version=[^ ]+ cpu=[1-9][0-9]* memory=[1-9][0-9]*'

check 'claim' does claim
check 'the claim is reported' said_since 'VOLUME berth-it owner=it root=abcdef.*'
check 'claiming again is no failure' does claim
check 'network' does network
check 'a network that is there is no failure' does network
bridge=$(engine_api GET /networks/berth-it-blue | jq -r '.Options["com.docker.network.bridge.name"]')
made_at_once() # NETWORK: how many there are when it is asked for twice at once
{
    local body
    body=$(jq -n --arg name "$1" \
        '{Name: $name, CheckDuplicate: true, Options: {"com.docker.network.bridge.name": "berth-twice"}}')
    engine_api POST /networks/create "$body" >/dev/null 2>&1 &
    engine_api POST /networks/create "$body" >/dev/null 2>&1
    wait $!
    engine_api GET /networks | jq --arg name "$1" 'map(select(.Name == $name)) | length'
}
check 'bridges have names, by which' [ "${bridge:0:6}" = berth- ]
check 'an engine makes one of two networks of one name' test "$(
    for round in 1 2 3 4 5; do
        made_at_once "twice$round"
        eventually 20 engine_api DELETE "/networks/twice$round" >/dev/null
    done | sort -u)" = 1
check 'volume' does volume

check 'the sandbox is loaded' does load
check 'its image is reported' said_since 'IMAGE id=sha256:[0-9a-f]+ tag=berth/sandbox:[0-9a-f]{12} .*'
check 'an image is built' does "build $IMAGE" || finish
check 'what the builder says is passed on' said_since "OUTPUT $IMAGE: Step 1/[0-9]+ : FROM scratch"
check 'the image is reported' said_since "IMAGE id=sha256:[0-9a-f]+ tag=$IMAGE digest=- name=web"
check 'the effort ends' said_since "EFFORT build $IMAGE: done image=sha256:[0-9a-f]+ digest=-"

check 'a container is created' does 'create alone 1/web' || finish
check 'and reported' said_since 'CONTAINER 1/web id=[0-9a-f]{64} status=created inspected=1 .*'
check 'the same create again is recognised' does 'create alone 1/web'
check 'it starts' does 'start 1/web' || finish
check 'it runs, with an address, before the call ends' said_since \
    'CONTAINER 1/web id=[0-9a-f]+ status=running inspected=1 health=starting exit=0 oom=0 address=[0-9.]+ drift=- error=-'
check 'it becomes healthy' eventually 20 said 'CONTAINER 1/web .* health=healthy .* drift=- error=-'
check 'starting again is no failure' does 'start 1/web'
address=$(sed -n 's/^CONTAINER 1\/web .* address=\([0-9.]*\) .*/\1/p' "$LOG" | tail -n 1)
check 'its address answers' curl -sS --noproxy '*' --max-time 30 -o /dev/null "http://$address:8080/bin/busybox"
web=$(id_of 1/web)
check 'its secret is in the environment' test \
    "$(engine_api GET "/containers/$web/json" | jq -r '.Config.Env[] | select(startswith("PASSWORD"))')" \
    = PASSWORD=s3cret
check_not 'and nowhere else' grep -q s3cret "$LOG"

# Few calls.
creates=$(requests POST /containers/create)
starts=$(requests POST '/containers/[0-9a-f]+/start')
check 'another container' does 'create bad 2/bad'
check 'a command that is not in the image fails the start' does 'start 2/bad' \
    'failed [a-z]+: .*no such file or directory.*'
check 'and the container says why' said_since \
    'CONTAINER 2/bad .* status=created .* error=.*no such file or directory.*'
check 'at the price of one create' test $(($(requests POST /containers/create) - creates)) = 1
check 'one start' test $(($(requests POST '/containers/[0-9a-f]+/start') - starts)) = 1
inspects=$(requests GET "/containers/$(id_of 2/bad)/json\"$")
check 'and one inspect, or two when its event comes during the first' test "$inspects" = 1 -o "$inspects" = 2
check 'it is removed' does 'remove 2/bad'

# A task of two containers.
check 'a sandbox' does 'create pair 3/_sandbox' && check 'it starts' does 'start 3/_sandbox'
check 'web of the pair' does 'create pair 3/web' && check 'it starts' does 'start 3/web'
check 'side of the pair' does 'create pair 3/side' && check 'it starts' does 'start 3/side'
check 'web is healthy on the loopback of both' eventually 20 said 'CONTAINER 3/web .* health=healthy .*'
side=$(id_of 3/side)
sandbox=$(id_of 3/_sandbox)
check 'they share the network' test \
    "$(engine_api GET "/containers/$side/json" | jq -r .HostConfig.NetworkMode)" = "container:$sandbox"
mark
check 'it stops within its grace' does 'stop 3/side'
check 'the engine took the stop' said_since 'CONTAINER_STOPPING [0-9a-f]{64} .*'
check 'the end is reported before the call ends' said_since 'CONTAINER 3/side .* status=exited .* exit=3 .*'
check 'stopping again is no failure' does 'stop 3/side'
check 'the sandbox exits on SIGTERM' does 'stop 3/_sandbox'
check 'with 0' said_since 'CONTAINER 3/_sandbox .* status=exited .* exit=0 .*'

# Behind its back.  A health check that is being started in a container that is just paused waits in
# there with it, and the engine waits for that: so it is paused when one has just ended.
last_check()
{
    engine_api GET "/containers/$web/json" | jq -r '.State.Health.Log[-1].End'
}
checked()
{
    [ "$(last_check)" != "$before" ]
}
before=$(last_check)
check 'its health is checked' eventually 20 checked
mark
engine_api POST "/containers/$web/pause" >/dev/null
check 'a pause is drift' eventually 10 said_since 'CONTAINER 1/web .* status=paused .* drift=Paused .*'
engine_api POST "/containers/$web/unpause" >/dev/null
mark
engine_api POST "/containers/$web/update" '{"CpuShares": 77}' >/dev/null
check 'so is another limit' eventually 10 said_since 'CONTAINER 1/web .* drift=CpuShares .*'
engine_api POST "/containers/$web/update" '{"CpuShares": 256}' >/dev/null
mark
engine_api POST "/containers/$web/kill" >/dev/null
check 'a kill by hand is seen' eventually 10 said_since 'CONTAINER 1/web .* status=exited .* exit=137 .*'
check 'it can be started again' does 'start 1/web'
mark
engine_api DELETE "/containers/$(id_of 3/side)?force=1" >/dev/null
check 'so is a removal' eventually 10 said_since "CONTAINER_GONE $side .*"
mark
engine_api POST "/networks/berth-it-blue/disconnect" "{\"Container\": \"$web\", \"Force\": true}" >/dev/null
check 'a whole observation' does observe
check 'between its brackets' said_since 'LISTING_END .*'

# The engine goes and comes back.
mark
engine_kill9 one
check 'a dead engine is reported' eventually 10 said_since 'INSTANCE_LOST .*'
check 'and refuses actions' does network 'refused: .*not connected'
mark
check 'it starts again' engine_restart one
check 'it is found again' eventually 20 said_since 'LISTING_END .*'
check 'with what it runs' said_since 'CONTAINER 1/web .*'

# A registry.
registry_config=$IT_DIR/registry.yml
printf '%s\n' 'version: 0.1' 'storage: {filesystem: {rootdirectory: '"$IT_DIR"'/registry}}' \
    'http: {addr: "127.0.0.1:5000"}' >"$registry_config"
docker-registry serve "$registry_config" >"$IT_DIR/registry.log" 2>&1 &
check 'a registry starts' eventually 10 curl -sS --noproxy '*' http://127.0.0.1:5000/v2/
check 'build for it' does 'build 127.0.0.1:5000/web:0123456789ab'
check 'push' does 'push 127.0.0.1:5000/web:0123456789ab'
check 'its digest is known' said_since 'EFFORT push 127.0.0.1:5000/web:0123456789ab: done image=sha256:[0-9a-f]+ digest=sha256:[0-9a-f]+'
digest=$(sed -n 's/^EFFORT push .* digest=\(sha256:.*\)/\1/p' "$LOG" | tail -n 1)
check 'pull by digest' does "pull 127.0.0.1:5000/web@$digest"
check 'its digest is the one' said_since "EFFORT pull .*: done image=sha256:[0-9a-f]+ digest=$digest"
check 'for the architecture of its task' test "$(requests POST '/images/create[?].*platform=linux%2Fa(md|rm)64')" = 1
check 'a name that the registry does not have' does 'pull 127.0.0.1:5000/none:1' 'failed not-found: .*'

# Failures, and cleaning up.
check 'containers are removed' does 'stop 1/web' && does 'remove 1/web'
check 'the rest too' does 'stop 3/web' && does 'remove 3/web' && does 'remove 3/_sandbox'
check 'the network' does unnetwork
check 'the volume' does unvolume
check 'nothing of ours is left' test \
    "$(engine_api GET '/containers/json?all=1' | jq -r '.[].Names[]')" = /foreign
check_not 'a container of others is never reported' grep -q "$foreign" "$LOG"

echo quit >&9
wait $drive_pid
check 'it ends cleanly' test $? = 0
check 'to the last line' said END

# Dockerfiles that cannot be built, or not by the classic builder.
drive_again()
{
    mkfifo "$IT_DIR/again" || return 1
    DRIVE_DOCKERFILE=$1 "$DRIVE" "unix://$ENGINE_SOCK" $OWNER <"$IT_DIR/again" >"$LOG" 2>&1 &
    drive_pid=$!
    exec 9>"$IT_DIR/again"
    rm "$IT_DIR/again"
    eventually 20 said 'LISTING_END .*' && does "build $IMAGE" "$2"
    local status=$?
    echo quit >&9
    wait $drive_pid && return $status
}
check 'a step that fails is in the error' drive_again \
    $'FROM busybox:test\nRUN echo the reason; exit 4\n' 'failed failed: .*returned a non-zero code: 4.*'
check 'with what it said last' grep -q '^the reason' "$LOG"
PATH=/usr/bin:$PATH # Debian's client has BuildKit in itself
check 'a mount needs BuildKit, and gets it' drive_again \
    $'FROM busybox:test\nRUN --mount=type=tmpfs,target=/tmp true\n' ok
finish
