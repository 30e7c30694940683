#!/bin/bash
# Berth dies at every boundary of what it does to an engine and to its database, as
# tests/it/preload/boundary.c names them, is started again, and the end is the same each time.
#
#     tests/it/test_crash.sh                     one boundary of each phase
#     tests/it/test_crash.sh every N             each Nth; 1: all (make crash)
#     tests/it/test_crash.sh PHASE BOUNDARY...   only these: change 'POST containers/create 2 sent'
#
# A lap leads an engine through four commits and ends as it began, so that each phase starts from what
# the one before left behind.  The first lap is undisturbed: it says which boundaries there are, and
# what the end of each phase is.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

PHASES='first change shrink clear'
PRELOAD=$ROOT/build/release/tests/it/boundary.so
TRIES=3 # how many there are of a kind differs a little, so the last may not come every time
declare -A commit_of=() tasks_of=([first]=3 [change]=3 [shrink]=1 [clear]=0)

# ---- What is deployed: every kind of action but those of a registry ----

RUN='command: [/bin/busybox, sh, -c, "trap exit TERM; sleep 100000 & wait"]'

phase_commit() # PHASE [TRAILER]
{
    site_commit "$1${2:+$'\n\n'$2}" && commit_of[$1]=$(git -C "$SITE" rev-parse HEAD)
}

phases_make()
{
    site_begin || return 1
    sed -i 's,spec: {build: ,spec: {retain: 0\, build: ,' "$SITE/manifests/base.yaml"
    site_task web "$RUN" 'healthCheck: {command: [CMD, /bin/busybox, "true"], interval: 1, timeout: 10, retries: 5}'
    site_file task-pair.yaml <<END
apiVersion: berth/v1
kind: Task
metadata: {name: pair}
spec:
  cpu: 256
  memory: 64
  networkMode: awsvpc
  volumes: [{name: data, deleteWithService: true}]
  containerDefinitions:
    - name: main
      image: web
      $RUN
      dependsOn: [{containerName: side, condition: START}]
      mountPoints: [{sourceVolume: data, containerPath: /data}]
    - name: side
      image: web
      $RUN
END
    site_service web web 2
    site_service pair pair 1
    phase_commit first || return 1
    echo two >"$SITE/apps/web/index.html"
    phase_commit change || return 1
    rm "$SITE/manifests/service-pair.yaml"
    site_service web web 1
    phase_commit shrink || return 1
    rm "$SITE"/manifests/*
    site_file none.yaml </dev/null
    phase_commit clear 'Berth-Confirm: prune'
}

# The layers of both images, so that laps do not spend most of their time on making them again.
layers_make()
{
    local page
    for page in one two; do
        echo $page >"$SITE/apps/web/index.html"
        tar -C "$SITE/apps/web" -c . | curl -sS --fail-with-body --unix-socket "$ENGINE_SOCK" \
            -H 'Content-Type: application/x-tar' --data-binary @- \
            "http://engine/v1.41/build?t=layers:$page" || return 1
    done
}

# What is not ours: a container of nobody, one of another owner, a network, a volume.
strangers_make()
{
    local name body='{"Image": "busybox:test", "Cmd": ["sleep", "100000"]'
    engine_api POST '/containers/create?name=stranger' "$body}" &&
        engine_api POST '/containers/create?name=berth-0123456789ab-web' "$body, \"Labels\": {
            \"berth.owner\": \"other\", \"berth.cluster\": \"local\", \"berth.service\": \"web\",
            \"berth.task\": \"0123456789abcdef0123456789abcdef\", \"berth.container\": \"web\",
            \"berth.containers\": \"1\", \"berth.slot\": \"0\"}}" &&
        for name in stranger berth-0123456789ab-web; do
            engine_api POST "/containers/$name/start" || return 1
        done &&
        engine_api POST /networks/create '{"Name": "strange"}' &&
        engine_api POST /volumes/create '{"Name": "strange"}'
}

# ---- What has to be the same ----

# All that the engine has and what Berth says of it, without what differs between any two lives: times,
# ids that are made from them, and addresses.
state()
{
    local name
    engine_api GET '/containers/json?all=1' | jq '[.[] | {
        State, networks: (.NetworkSettings.Networks | keys), mounts: [.Mounts[].Name],
        labels: (.Labels | del(.["berth.task", "berth.deployment", "berth.attempt", "berth.digest"]))
    }] | sort_by(tojson)'
    for name in stranger berth-0123456789ab-web; do
        engine_api GET "/containers/$name/json" | jq -c '[.Id, .State.StartedAt, .State.Running]'
    done
    engine_api GET /networks | jq '[.[] | {Name, Labels}] | sort_by(.Name)'
    engine_api GET /volumes | jq '[.Volumes[] | {Name, Labels}] | sort_by(.Name)'
    engine_api GET /images/json | jq '[.[] | {RepoTags, Labels}] | sort_by(tojson)'
    "$BERTH" ps --state "$BERTH_STATE" -o json | jq '.tasks |= ([.[] |
        del(.id, .deployment, .attempt, .address) | .containers |= [.[] |
        del(.id, .containerName, .imageId, .address, .createdAt, .startedAt)]] | sort_by(tojson))'
    "$BERTH" status --state "$BERTH_STATE" -o json | jq 'del(.startedAt, .looks, .outputId) |
        del(.instances[].clockSkewMs) | del(.services[].deployment |
        .id, .createdAt, .updatedAt, .rolloutStateReason, .containers[].imageId)'
}

same_end() # PHASE
{
    state >"$IT_DIR/now"
    diff -u "$IT_DIR/end.$1" "$IT_DIR/now"
}

# "SERVICE-AND-REVISION TASK" of tasks all of whose containers run.
whole_tasks()
{
    containers '.State == "running"' | jq -r '[.[].Labels] | group_by(.["berth.task"])[] |
        select(length == (.[0]["berth.containers"] | tonumber)) | .[0] |
        .["berth.service"] + "-" + .["berth.revision"] + " " + .["berth.task"]'
}

# kept BEFORE AFTER: of tasks that are as desired in the end, those that ran before are still there
kept()
{
    awk 'FILENAME == ARGV[1] { before[$1]++; ran[$2] = 1; next }
        { after[$1]++; kept[$1] += $2 in ran }
        END {
            for (kind in after) {
                due = before[kind] < after[kind] ? before[kind] : after[kind]
                if (kept[kind] < due && ++lost)
                    print kind ": " kept[kind] + 0 " of " due " were kept"
            }
            exit lost > 0
        }' "$1" "$2"
}

one_call_each() # LOG: what BOUNDARY_LOG got of one process
{
    awk -F '\t' '$2 != "" {
            moment = $1
            sub(/.* /, "", moment)
            object = $2
            if (object !~ /\/create\?/)
                sub(/\?.*/, "", object)
            sub(/\/(start|stop)$/, "", object)
            if (moment == "before" && open[object]++ && ++doubled)
                print "a second call: " $0
            if (moment == "answered")
                open[object] = 0
        }
        END { exit doubled > 0 }' "$1"
}

# ---- Lives ----

live() # PHASE LOG [BOUNDARY]: Berth from here on, told of in LOG
{
    git -C "$SITE" update-ref refs/heads/main "${commit_of[$1]}"
    : >"$IT_DIR/berth.log"
    : >"$2"
    LD_PRELOAD=$PRELOAD BOUNDARY_LOG=$2 BOUNDARY_AT=${3-} berth_start
}

is_dead()
{
    ! grep -q '^State:.[^Z]' "/proc/$berth_pid/status" 2>/dev/null
}

dead_or_converged() # PHASE
{
    is_dead || converged "${commit_of[$1]}"
}

undisturbed() # PHASE
{
    live "$1" "$IT_DIR/log.$1"
    eventually 60 converged "${commit_of[$1]}" && whole_tasks >"$IT_DIR/after" &&
        [ "$(wc -l <"$IT_DIR/after")" = "${tasks_of[$1]}" ] && state >"$IT_DIR/end.$1" &&
        one_call_each "$IT_DIR/log.$1" && berth_stop
}

# killed PHASE BOUNDARY: 2 when that did not come
killed()
{
    live "$1" "$IT_DIR/log.killed" "$2"
    eventually 60 dead_or_converged "$1" || return 1
    if ! is_dead; then
        berth_stop && return 2
        return 1
    fi
    wait "$berth_pid" 2>/dev/null
    mv "$IT_DIR/berth.log" "$IT_DIR/berth.killed"
    cut -f 1 "$IT_DIR/log.killed" | tail -n 1 | grep -qxF "$2" || return 1 # else it died of itself
    whole_tasks >"$IT_DIR/before"
    live "$1" "$IT_DIR/log.again"
    eventually 60 converged "${commit_of[$1]}" && eventually 10 same_end "$1" &&
        whole_tasks >"$IT_DIR/after" && kept "$IT_DIR/before" "$IT_DIR/after" &&
        one_call_each "$IT_DIR/log.killed" && one_call_each "$IT_DIR/log.again" && berth_stop
}

ids() # PATH FILTER: of what the engine lists there
{
    engine_api GET "$1" | jq -r "$2"
}

remove() # PATH QUERY ID...
{
    local id path=$1 query=$2
    shift 2
    for id in "$@"; do
        engine_api DELETE "$path/$id$query" || return 1
    done
}

# What a lap leaves: the claim, and the sandbox, which belongs to nobody.
begin_again()
{
    rm -rf "$BERTH_STATE"
    # shellcheck disable=SC2046
    remove /volumes '' $(ids /volumes '.Volumes[] | select(.Labels["berth.volume.owner"] == "it").Name') &&
        remove /images '' $(ids /images/json '.[] | select(any(.RepoTags[]; startswith("berth/sandbox:"))).Id')
}

# From whatever went wrong.
start_over()
{
    is_dead || berth_kill9
    # shellcheck disable=SC2046
    remove /containers '?force=1' $(containers | jq -r '.[].Id') &&
        remove /networks '' $(ids /networks '.[] | select(.Labels["berth.network.owner"] == "it").Id') &&
        remove /images '?force=1' $(ids /images/json '.[] | select(.Labels["berth.image.owner"] == "it").Id') &&
        begin_again
}

# ---- Laps ----

declare -A queue=([first]='' [change]='' [shrink]='' [clear]='') # boundaries to come, one a line
declare -A tries=()
boundaries=0
missed=()

is_due() # whether any boundary is left
{
    local all=${queue[*]}
    [ -n "${all//[[:space:]]/}" ]
}

# Again later, as long as there is hope.
not_come() # PHASE BOUNDARY
{
    tries[$1 $2]=$((${tries[$1 $2]-0} + 1))
    if [ "${tries[$1 $2]}" -lt $TRIES ]; then
        queue[$1]+=${queue[$1]:+$'\n'}$2
    else
        missed+=("$1 '$2'")
    fi
}

tell_lives() # PHASE BOUNDARY
{
    note "---- until it was killed"
    sed 's/^/     /' "$IT_DIR/berth.killed"
    note "---- and again"
    sed 's/^/     /' "$IT_DIR/berth.log"
    note "only this one: tests/it/test_crash.sh $1 '$2'"
}

phase_again() # PHASE: with the next of its boundaries
{
    local status boundary=${queue[$1]%%$'\n'*}
    if [ -z "$boundary" ]; then
        live "$1" "$IT_DIR/log.again"
        eventually 60 converged "${commit_of[$1]}" >"$IT_DIR/output" && berth_stop && return
        it_result 1 "$1: without a kill"
        return 1
    fi
    queue[$1]=${queue[$1]#"$boundary"}
    queue[$1]=${queue[$1]#$'\n'}
    killed "$1" "$boundary" >"$IT_DIR/output" 2>&1
    status=$?
    if [ $status = 2 ]; then
        not_come "$1" "$boundary"
        return
    fi
    it_result $status "$1: killed at $boundary" || { tell_lives "$1" "$boundary"; return 1; }
}

lap()
{
    local phase
    for phase in $PHASES; do
        phase_again "$phase" || { start_over >"$IT_DIR/output"; return; }
        is_due || return 0
    done
    begin_again >"$IT_DIR/output"
}

choose() # PHASE [every N]: each Nth of its boundaries, or one
{
    local all count
    all=$(cut -f 1 "$IT_DIR/log.$1")
    count=$(wc -l <<<"$all")
    boundaries=$((boundaries + count))
    if [ $# = 3 ]; then
        all=$(sed -n "1~$3p" <<<"$all")
    else
        all=$(sed -n "$((count * 6 / 10))p" <<<"$all")
    fi
    queue[$1]=$all
}

check 'an engine starts' engine_start one || finish
check 'an image' engine_busybox || finish
check 'what is not ours' strangers_make || finish
check 'four commits' phases_make || finish
check 'their layers' layers_make || finish
for phase in $PHASES; do
    check "$phase, undisturbed" undisturbed "$phase" || { berth_log; finish; }
done
check 'a lap ends as it began' begin_again || finish
if [ $# -gt 1 ] && [ "$1" != every ]; then
    phase=$1
    shift
    boundaries=$#
    queue[$phase]=$(printf '%s\n' "$@")
else
    for phase in $PHASES; do
        choose "$phase" "$@"
    done
    note "$boundaries boundaries"
fi
while is_due; do
    lap || { check 'the next lap begins from nothing' false; finish; }
done
[ ${#missed[@]} = 0 ] || note "did not come in $TRIES tries:" "${missed[@]}"
check 'nearly all of them came again' test $((${#missed[@]} * 20)) -le $boundaries
finish
