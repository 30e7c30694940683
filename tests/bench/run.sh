#!/bin/bash
# What Berth costs beside bare Engine calls, on one private engine: `make bench`, as root.  Prints
# medians, spread and ratios; fails on nothing but its own inability to run.
#
#     RUNS=5         how often each figure is taken; the two sides take turns
#     SIZE=50        services
#     IDLE=60        seconds of watching it do nothing
#     ONLY=PATTERN   only the parts up, one, kill, apply, compose, nothing, ref, sample, replace, idle
#                    that match
#
# docker-compose does what `up` and `apply` do where it is installed: goals in milliseconds were set
# beside its figures, so that those taken here tell how fast this machine is.
#
# Times between two events are the engine's own stamps, so how this script waits has no part in them.
. "$(dirname "$0")/../it/lib.sh"
. "$(dirname "$0")/../it/engine.sh"
. "$(dirname "$0")/../it/site.sh"
. "$(dirname "$0")/lib.sh"
SIZE=${SIZE:-50} IDLE=${IDLE:-60}
TAP=$IT_DIR/tap.sock

# ---- Events ---------------------------------------------------------------------------------------

record_events()
{
    curl -sN --unix-socket "$ENGINE_SOCK" -G http://engine/v1.41/events --data-urlencode \
        'filters={"type":["container"],"event":["create","start","die","health_status"]}' \
        >"$IT_DIR/events" &
}

events_mark()
{
    events_before=$(wc -l <"$IT_DIR/events")
}

# The engine's time of the COUNTth ACTION since the mark, once it came, in nanoseconds.  Waits without
# asking again and again: that would take the processor from the one side that is waited for.
event_time() # ACTION COUNT
{
    local event
    event=$(grep -m "$2" "\"Action\":\"$1\"" \
        < <(exec timeout 120 tail -f -n "+$((events_before + 1))" "$IT_DIR/events"
        ) | sed -n "$2p")
    [ -n "$event" ] || die "no $2 events '$1' came"
    grep -o '"timeNano":[0-9]*' <<<"$event" | cut -d : -f 2
}

# ---- The site -------------------------------------------------------------------------------------

service_file() # NUMBER [HEALTH-CHECK]
{
    cat <<END_OF_FILE
apiVersion: berth/v1
kind: Task
metadata: {name: s$1}
spec:
  cpu: 256
  memory: 32
  networkMode: awsvpc
  containerDefinitions:
    - name: main
      image: web
      stopTimeout: 5
      entryPoint: [/bin/busybox, sh, -c]
      command: ["trap 'exit 0' TERM; /bin/busybox sleep 100000 & wait"]
      environment: {CHANGE: "none"}
      ${2-}
---
apiVersion: berth/v1
kind: Service
metadata: {name: s$1}
spec: {cluster: local, taskDefinition: s$1, desiredCount: 1, minReadySeconds: 0}
END_OF_FILE
}

base_file()
{
    cat <<END_OF_FILE
apiVersion: berth/v1
kind: Cluster
metadata: {name: local}
spec: {launchType: FARGATE}
---
apiVersion: berth/v1
kind: Image
metadata: {name: web}
spec: {build: {context: apps/web}}
END_OF_FILE
}

# Changes are committed on the branch `next`; publish() is what Berth sees of them.
site_of() # FOLDER COUNT [HEALTH-CHECK]
{
    local number
    SITE=$IT_DIR/$1
    mkdir -p "$SITE/manifests" "$SITE/apps/web" && git_repo "$SITE" || die 'no repository'
    cp /bin/busybox "$SITE/apps/web/"
    printf '%s\n' 'FROM scratch' 'COPY busybox /bin/busybox' >"$SITE/apps/web/Dockerfile"
    base_file >"$SITE/manifests/base.yaml"
    for ((number = 0; number < $2; number++)); do
        service_file $number "${3-}" >"$SITE/manifests/s$number.yaml"
    done
    git_commit "$SITE" 'all services' && git -C "$SITE" checkout -q -b next
}

change() # SED-EXPRESSION PATTERN: of names among the manifests
{
    # shellcheck disable=SC2086
    (cd "$SITE/manifests" && sed -i "$1" $2) && git_commit "$SITE" change || die 'no change'
}

publish() # sets published_ns
{
    rm -f "$SITE/.git/refs/heads/main.lock"
    published_ns=$("$TOOLS/probe" ref "$SITE/.git/refs/heads/main" "$(git -C "$SITE" rev-parse next)")
}

# ---- Two sides ------------------------------------------------------------------------------------

berth_on() # [SOCKET [OPTION...]]
{
    : >"$IT_DIR/berth.log"
    DOCKER_HOST=unix://${1:-$ENGINE_SOCK} "$BERTH" run "$SITE" --branch main --path manifests \
        --owner it --state "$BERTH_STATE" "${@:2}" >>"$IT_DIR/berth.log" 2>&1 &
    berth_pid=$!
}

berth_settles() # [COMMIT]
{
    eventually 180 converged "${1-main}" >/dev/null || die 'it does not converge'
}

berth_cpu()
{
    "$TOOLS/probe" cpu "$berth_pid"
}

bare()
{
    "$TOOLS/bare" "unix://$ENGINE_SOCK" "$@"
}

# Nothing is left of either side but the image.
no_container()
{
    bare clean </dev/null >/dev/null && [ "$(engine_api GET '/containers/json?all=1')" = '[]' ]
}

clean()
{
    eventually 60 no_container >/dev/null || die 'containers cannot be removed'
    engine_api POST /networks/prune >/dev/null
    engine_api POST /volumes/prune >/dev/null
    rm -rf "$BERTH_STATE"
}

bare_network()
{
    engine_api POST /networks/create '{"Name": "bench", "CheckDuplicate": true, "Driver": "bridge"}'
}

# What Berth's container is made of, without its labels: the bare side makes the very same.
body_of() # SERVICE NETWORK [JQ]
{
    local id
    id=$(containers "$(service_is "$1")" | jq -r '.[0].Id')
    engine_api GET "/containers/$id/json" | jq -c --arg network "$2" '.Name as $name | .HostConfig as $host |
        .Config | del(.Labels, .Hostname, .Domainname) | .HostConfig = $host |
        .HostConfig.NetworkMode = $network | .HostConfig |= del(.ContainerIDFile, .Binds) |
        .NetworkingConfig.EndpointsConfig[$network].Aliases = ["'"$1"'"] | '"${3-.}"
}

# ---- The parts ------------------------------------------------------------------------------------

from_nothing()
{
    local run began cpu
    for ((run = 0; run < RUNS; run++)); do
        clean
        events_mark
        began=$(now)
        bare_network >/dev/null
        cpu=$(bare up bare "$SIZE" <"$IT_DIR/body" | cut -d ' ' -f 2)
        result up bare "$(ms $(($(event_time start "$SIZE") - began)))" ms
        result up-cpu bare "$(ms $((cpu / SIZE)))" ms
        clean
        events_mark
        began=$(now)
        berth_on
        result up berth "$(ms $(($(event_time start "$SIZE") - began)))" ms
        result up-cpu berth "$(ms $(($(berth_cpu) / SIZE)))" ms
        berth_settles
        [ $run = $((RUNS - 1)) ] || berth_stop
    done
}

one_of_many()
{
    local run began
    for ((run = 0; run < RUNS; run++)); do
        events_mark
        began=$(bare up "one$run" 1 <"$IT_DIR/body-there" | cut -d ' ' -f 1)
        result one bare "$(ms $(($(event_time start 1) - began)))" ms
        change "s/CHANGE: .*/CHANGE: \"one-$run\"}/" s7.yaml
        events_mark
        publish
        result one berth "$(ms $(($(event_time start 1) - published_ns)))" ms
        berth_settles
    done
}

kill_main() # NAME-OR-ID: as a crash would
{
    engine_in one kill -KILL "$(engine_api GET "/containers/$1/json" | jq .State.Pid)"
}

between_end_and_start() # SIDE
{
    local started
    started=$(event_time start 1)
    result kill "$1" "$(ms $((started - $(event_time die 1))))" ms
}

killed()
{
    local run id
    for ((run = 0; run < RUNS; run++)); do
        bare up "kill$run" 1 <"$IT_DIR/body-there" >/dev/null
        events_mark
        bare revive "kill$run-0" "again$run" <"$IT_DIR/body-there" >/dev/null &
        sleep 0.5 # it listens by now; if not, no event ever comes and that is seen
        kill_main "kill$run-0"
        between_end_and_start bare
        id=$(containers "$(service_is "s$run")" | jq -r '.[0].Id')
        events_mark
        kill_main "$id"
        between_end_and_start berth
        berth_settles
        bare up "always$run" 1 <"$IT_DIR/body-always" >/dev/null
        events_mark
        kill_main "always$run-0"
        between_end_and_start restart
    done
}

applied()
{
    local run wall cpu status
    for ((run = 0; run < RUNS; run++)); do
        read -r wall cpu status < <("$TOOLS/probe" run "$TOOLS/bare" "unix://$ENGINE_SOCK" look |
            tail -n 1)
        [ "$status" = 0 ] || die "bare look ended with $status"
        result apply bare "$(ms "$wall")" ms
        result apply-cpu bare "$(ms "$cpu")" ms
        read -r wall cpu status < <("$TOOLS/probe" run env "DOCKER_HOST=unix://$ENGINE_SOCK" \
            "$BERTH" apply "$SITE" --branch main --path manifests --owner it \
            --state "$BERTH_STATE" 2>>"$IT_DIR/apply.log" | tail -n 1)
        [ "$status" = 0 ] || die "apply ended with $status: $(tail -n 5 "$IT_DIR/apply.log")"
        result apply berth "$(ms "$wall")" ms
        result apply-cpu berth "$(ms "$cpu")" ms
    done
}

compose_file()
{
    local number
    echo 'version: "2.4"'
    echo 'services:'
    for ((number = 0; number < SIZE; number++)); do
        jq -c --arg image "$(jq -r .Image "$IT_DIR/body")" '{ image: $image,
            entrypoint: ["/bin/busybox", "sh", "-c"], cpus: 0.25, mem_limit: "32m",
            command: ["trap '"'exit 0'"' TERM; /bin/busybox sleep 100000 & wait"] }' <<<null |
            sed "s/^/  s$number: /"
    done
}

compose() # VERB [OPTION...]; prints what it took: wall and CPU nanoseconds
{
    local wall cpu status
    read -r wall cpu status < <("$TOOLS/probe" run env "DOCKER_HOST=unix://$ENGINE_SOCK" \
        docker-compose --file "$IT_DIR/compose.yaml" --project-name bench "$@" \
        2>>"$IT_DIR/compose.log" | tail -n 1)
    [ "$status" = 0 ] || die "docker-compose $1 ended with $status"
    echo "$wall $cpu"
}

composed()
{
    local run wall cpu
    if ! command -v docker-compose >/dev/null; then
        note 'no docker-compose is installed: its figures are left out'
        return
    fi
    compose_file >"$IT_DIR/compose.yaml"
    for ((run = 0; run < RUNS; run++)); do
        read -r wall cpu < <(compose up -d)
        result compose-up compose "$(ms "$wall")" ms
        result compose-up-cpu compose "$(ms $((cpu / SIZE)))" ms
        read -r wall cpu < <(compose up -d)
        result compose-apply compose "$(ms "$wall")" ms
        compose down -t 5 >/dev/null
    done
}

tap_on()
{
    "$TOOLS/probe" tap "$TAP" "$ENGINE_SOCK" >"$IT_DIR/calls" &
    tap_pid=$!
    eventually 5 test -S "$TAP" >/dev/null || die 'no tap'
}

tap_off()
{
    kill "$tap_pid"
    wait "$tap_pid" 2>/dev/null
    rm -f "$TAP"
}

saw_commit()
{
    grep -q "$(git -C "$SITE" rev-parse --short=8 main)" "$IT_DIR/berth.log"
}

without_effect()
{
    local run cpu calls
    tap_on
    berth_on "$TAP"
    berth_settles
    for ((run = 0; run < RUNS; run++)); do
        change '1i # nothing' s3.yaml
        sleep 1 # what the converging left is over
        calls=$(wc -l <"$IT_DIR/calls")
        cpu=$(berth_cpu)
        publish
        eventually 20 saw_commit >/dev/null || die 'the commit is not seen'
        sleep 0.5
        result nothing-cpu berth "$(ms $(($(berth_cpu) - cpu)))" ms
        result nothing-calls berth $(($(wc -l <"$IT_DIR/calls") - calls)) calls
    done
    berth_stop
    tap_off
}

first_call_after() # NANOSECONDS
{
    awk -v after="$1" '$1 > after { print $1; found = 1; exit } END { exit !found }' "$IT_DIR/calls"
}

ten_thousand()
{
    local run
    clean
    site_of large 1
    mkdir "$SITE/manifests/"{0..99}
    service_file x | sed '/^---/,$d' | awk -v folder="$SITE/manifests" '
        { text = text $0 "\n" }
        END {
            for (i = 0; i < 9998; i++) {
                copy = text
                sub(/name: sx/, "name: x" i, copy)
                file = folder "/" i % 100 "/x" i ".yaml"
                printf "%s", copy >file
                close(file)
            }
        }'
    git_commit "$SITE" 'many files'
    git -C "$SITE" gc -q
    publish
    tap_on
    berth_on "$TAP"
    berth_settles
    for ((run = 0; run < 2 * RUNS; run++)); do
        change "s/CHANGE: .*/CHANGE: \"large-$run\"}/" s0.yaml
        sleep 0.5
        publish
        eventually 20 first_call_after "$published_ns" >/dev/null
        result ref berth "$(ms $(($(first_call_after "$published_ns") - published_ns)))" ms
        berth_settles
    done
    berth_stop
    tap_off
}

replaced()
{
    local run began
    for ((run = 0; run < RUNS; run++)); do
        clean
        bare_network >/dev/null
        events_mark
        bare up old "$SIZE" <"$IT_DIR/body-health" >/dev/null
        event_time 'health_status: healthy' "$SIZE" >/dev/null
        events_mark
        began=$(bare replace old new "$SIZE" <"$IT_DIR/body-health" | cut -d ' ' -f 1)
        result replace bare "$(ms $(($(event_time die "$SIZE") - began)))" ms
        clean
        berth_on
        berth_settles
        change "s/CHANGE: .*/CHANGE: \"all-$run\"}/" 's*.yaml'
        events_mark
        publish
        result replace berth "$(ms $(($(event_time die "$SIZE") - published_ns)))" ms
        berth_settles
        [ $run = $((RUNS - 1)) ] || berth_stop
    done
}

switches()
{
    awk '/^voluntary_ctxt_switches/ { sum += $2 } END { print sum }' /proc/"$berth_pid"/task/*/status
}

idle()
{
    local cpu switched
    sleep 5
    cpu=$(berth_cpu) switched=$(switches)
    sleep "$IDLE"
    result idle-cpu berth "$(ms $((($(berth_cpu) - cpu) / IDLE)))" ms/s
    result idle-wakes berth \
        "$(awk -v n=$(($(switches) - switched)) -v s="$IDLE" 'BEGIN { printf "%.2f", n / s }')" 1/s
    result idle-memory berth \
        "$(awk '/^RssAnon/ { printf "%.2f", $2 / 1024 }' "/proc/$berth_pid/status")" MiB
}

# A sample each second beside none at all: the difference is what a sample costs.  The bare side asks the
# engine for the same, once for each container.
sampled_for() # INTERVAL: sets berth_ns, engine_ns, of IDLE seconds
{
    local berth_before engine_before
    berth_on "" --metrics-interval "$1"
    berth_settles
    sleep 5
    berth_before=$(berth_cpu) engine_before=$("$TOOLS/probe" cpu "$(pgrep -x dockerd)")
    sleep "$IDLE"
    berth_ns=$(($(berth_cpu) - berth_before))
    engine_ns=$(($("$TOOLS/probe" cpu "$(pgrep -x dockerd)") - engine_before))
    berth_stop
}

sample()
{
    local run berth_none engine_none engine_before containers id
    for ((run = 0; run < RUNS; run++)); do
        sampled_for 0
        berth_none=$berth_ns engine_none=$engine_ns
        sampled_for 1s
        result sample berth "$(ms $(((berth_ns - berth_none) / IDLE)))" ms
        result sample-engine berth "$(ms $(((engine_ns - engine_none) / IDLE)))" ms
        containers=$(engine_api GET /containers/json | jq -r '.[].Id')
        engine_before=$("$TOOLS/probe" cpu "$(pgrep -x dockerd)")
        for id in $containers; do
            engine_api GET "/containers/$id/stats?stream=false&one-shot=true" >/dev/null
        done
        result sample-engine bare \
            "$(ms $(($("$TOOLS/probe" cpu "$(pgrep -x dockerd)") - engine_before)))" ms
    done
}

# ---- Main -----------------------------------------------------------------------------------------

engine_start one >/dev/null || die 'no engine'
record_events
site_of plain "$SIZE"
berth_on
berth_settles
network=$(engine_api GET '/networks?filters=%7B%22type%22%3A%5B%22custom%22%5D%7D' | jq -r '.[0].Name')
body_of s7 bench >"$IT_DIR/body"
body_of s7 "$network" >"$IT_DIR/body-there"
body_of s7 "$network" '.HostConfig.RestartPolicy = {Name: "always"}' >"$IT_DIR/body-always"
if part up; then
    berth_stop
    from_nothing
fi
! part one || one_of_many
! part kill || killed
berth_stop
! part apply || applied
! part compose || composed
! part nothing || without_effect
! part ref || ten_thousand
! part sample || sample
if part 'replace|idle'; then
    clean
    site_of checked "$SIZE" 'healthCheck: {command: [CMD, /bin/busybox, "true"], interval: 5, timeout: 5}'
    berth_on
    berth_settles
    body_of s7 bench >"$IT_DIR/body-health"
    if part replace; then
        berth_stop
        replaced
    fi
    ! part idle || idle
    berth_stop
fi
summary
