# shellcheck shell=bash
# Sourced after edge.sh: images that are built, on the hosts a, b and c.

images_site() # $SITE: the cluster `edge` of a, b and c, and the image `web`
{
    mkdir -p "$SITE/apps/web" "$SITE/manifests" && git_repo "$SITE" &&
        cp /bin/busybox "$SITE/apps/web/busybox" && echo one >"$SITE/apps/web/version" &&
        head -c 8000000 /dev/urandom >"$SITE/apps/web/bulk" || return 1
    printf '%s\n' 'FROM scratch' 'COPY busybox /bin/busybox' 'COPY bulk /bulk' 'COPY version /version' \
        'CMD ["/bin/busybox", "sleep", "100000"]' >"$SITE/apps/web/Dockerfile"
    image_of web
    edge a b c
}

image_of() # NAME [REPOSITORY]
{
    printf '%s\n' 'apiVersion: berth/v1' 'kind: Image' "metadata: {name: $1}" \
        "spec: {build: {context: apps/$1}${2:+, repository: $2}}" | site_file "image-$1.yaml"
}

service_of() # NAME COUNT IMAGE [LINE...]
{
    local name=$1 count=$2 image=$3
    shift 3
    {
        printf '%s\n' 'apiVersion: berth/v1' 'kind: Task' "metadata: {name: $name}" \
            'spec: {cpu: 64, memory: 32, networkMode: bridge, containerDefinitions: [{name: main,' \
            "    image: $image, stopTimeout: 1}]}" '---' 'apiVersion: berth/v1' 'kind: Service' \
            "metadata: {name: $name}" 'spec:' '  cluster: edge' "  taskDefinition: $name" \
            "  desiredCount: $count" '  minReadySeconds: 1' \
            '  placementStrategy: [{type: spread, field: instanceId}]'
        [ $# = 0 ] || printf '  %s\n' "$@"
    } | site_file "service-$name.yaml"
}

spread() # SERVICE A B C: so many run on each
{
    local service=$1 name
    shift
    for name in a b c; do
        engine_use $name
        [ "$(containers "$(service_is "$service")" | jq length)" = "$1" ] ||
            { echo "on $name: $(containers "$(service_is "$service")" | jq length)"; return 1; }
        shift
    done
}

image_ids() # SERVICE: the images of what runs, each once
{
    local name
    for name in a b c; do
        engine_use $name
        containers "$(service_is "$1")" | jq -r '.[].ImageID'
    done | sort -u
}

# All of them have the image that runs, under its tag.
same_image() # SERVICE [NAME...]
{
    local id name
    id=$(image_ids "$1")
    shift
    [ "$(wc -l <<<"$id")" = 1 ] || { echo "several: $id"; return 1; }
    for name in ${*:-a b c}; do
        engine_use $name
        engine_api GET "/images/$id/json" | jq -e '.RepoTags[] | select(startswith("berth/"))' \
            >/dev/null || { echo "not on $name: $id"; return 1; }
    done
}

loads() # NAME: how many images were loaded there
{
    engine_use "$1"
    curl -sS --fail --unix-socket "$ENGINE_SOCK" -G "http://engine/v1.41/events" \
        -d since=0 -d "until=$(date +%s)" --data-urlencode 'filters={"event": ["load"]}' | grep -c .
}

find_builder() # sets $builder, and $others
{
    local name
    others=
    for name in a b c; do
        if [ "$(work_on $name build)" = null ]; then
            others="$others${others:+ }$name"
        else
            builder=$name
        fi
    done
}

loads_are() # BUILDER OTHERS: so many loads there, and on each of the others
{
    local name
    for name in $builder $others; do
        [ "$(loads $name)" = "$1" ] || { echo "on $name: $(loads $name)"; return 1; }
        [ $# = 1 ] || shift
    done
}

work_on() # NAME KIND: the newest work of that kind there
{
    ask images -o json | jq -c --arg name "$1" --arg kind "$2 " '[.instances[] |
        select(.name == $name) | .work[] | select(.work | startswith($kind))] | sort_by(.time) | last'
}

copy_of() # NAME
{
    work_on "$1" copy | jq -r .progress
}

copied() # NAME TEXT
{
    [[ $(copy_of "$1") == *"sent, $2" ]] || { copy_of "$1"; return 1; }
}

sent_less() # NAME KIB
{
    local sent
    sent=$(copy_of "$1")
    [[ $sent =~ ^([0-9]+)\ KiB\ of ]] && [ "${BASH_REMATCH[1]}" -lt "$2" ] || { echo "$sent"; return 1; }
}

says_from() # NAME [GIVER]: of the image that web runs
{
    ask images -o json | jq -e --arg name "$1" --arg giver "${2-}" --arg id "$(image_ids web)" \
        '.instances[] | select(.name == $name) | .images[] | select(.id == $id) |
        .copiedFrom != null and ($giver == "" or .copiedFrom == $giver)' >/dev/null || { ask images; return 1; }
}

force_remove() # NAME SERVICE: its containers there, and their image
{
    local id container
    engine_use "$1"
    id=$(containers "$(service_is "$2")" | jq -r '.[0].ImageID')
    ask suspend "edge/$2" --reason test || return 1
    for container in $(containers "$(service_is "$2")" | jq -r '.[].Id'); do
        engine_api DELETE "/containers/$container?force=1" || return 1
    done
    engine_api DELETE "/images/$id?force=1" >/dev/null && ask resume "edge/$2"
}

is_back() # NAME SERVICE
{
    engine_use "$1"
    engine_api GET "/images/$(image_ids "$2" | head -n 1)/json" >/dev/null
}

slow() # NAME: what it sends comes at 3 Mbit a second
{
    engine_in "$1" tc qdisc replace dev eth0 root tbf rate 3mbit burst 32kbit latency 400ms
}

fast() # NAME
{
    engine_in "$1" tc qdisc delete dev eth0 root
}

moves() # NAME: something came of what is copied there
{
    [[ $(copy_of "$1") == *' read from '* ]] || { work_on "$1" copy; return 1; }
}
