# shellcheck shell=bash
# Sourced after lib.sh and engine.sh: a small repository of manifests, and berth on it.
#
#     site_begin                $SITE: a cluster on FARGATE, an image built from apps/web, no service
#     site_make                 the same with three services
#     site_file NAME            writes manifests/NAME from standard input
#     site_commit MESSAGE       commits all of it
#     berth_start [OPTION...]   berth run, in the background; log in $IT_DIR/berth.log
#     berth_stop                SIGTERM, and waits
#     berth_kill9

SITE=$IT_DIR/site
BERTH=${BERTH:-$ROOT/build/berth}
BERTH_STATE=$IT_DIR/state
berth_pid=

site_service() # NAME TASK COUNT [LINE...]
{
    local name=$1 task=$2 count=$3
    shift 3
    printf '%s\n' 'apiVersion: berth/v1' 'kind: Service' "metadata: {name: $name}" 'spec:' \
        '  cluster: local' "  taskDefinition: $task" "  desiredCount: $count" \
        '  minReadySeconds: 1' "$@" >"$SITE/manifests/service-$name.yaml"
}

site_file() # NAME
{
    cat >"$SITE/manifests/$1"
}

site_commit() # MESSAGE
{
    git_commit "$SITE" "$1"
}

# A task of one container on 32 MiB; what its container definition says comes as lines.
site_task() # NAME [LINE...]
{
    local name=$1
    shift
    {
        printf '%s\n' 'apiVersion: berth/v1' 'kind: Task' "metadata: {name: $name}" 'spec:' \
            '  cpu: 256' '  memory: 32' '  networkMode: awsvpc' '  containerDefinitions:' \
            "    - name: $name" '      image: web' '      stopTimeout: 2'
        [ $# = 0 ] || printf '      %s\n' "$@"
    } | site_file "task-$name.yaml"
}

site_begin()
{
    mkdir -p "$SITE/apps/web" "$SITE/manifests" && git_repo "$SITE" &&
        cp /bin/busybox "$SITE/apps/web/busybox" || return 1
    cat >"$SITE/apps/web/Dockerfile" <<'END'
FROM scratch
COPY busybox /bin/busybox
COPY index.html /www/index.html
CMD ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]
END
    echo one >"$SITE/apps/web/index.html"
    cat >"$SITE/manifests/base.yaml" <<'END'
apiVersion: berth/v1
kind: Cluster
metadata: {name: local}
spec: {launchType: FARGATE}
---
apiVersion: berth/v1
kind: Image
metadata: {name: web}
spec: {build: {context: apps/web}}
END
}

# The health check of web, whose pages are on port 8080.  Each costs a process in a container, and what
# an engine does for it: every second it was a quarter of all that some scripts took.
SITE_CHECK='healthCheck: {command: [CMD, /bin/busybox, wget, -q, -O, /dev/null, "http://127.0.0.1:8080/"], interval: 3, timeout: 10, retries: 5}'

site_make()
{
    site_begin || return 1
    site_task web 'portMappings: [{containerPort: 8080}]' "$SITE_CHECK"
    site_file task-pair.yaml <<'END'
apiVersion: berth/v1
kind: Task
metadata: {name: pair}
spec:
  cpu: 256
  memory: 64
  networkMode: awsvpc
  containerDefinitions:
    - name: main
      image: web
      stopTimeout: 2
      dependsOn: [{containerName: side, condition: START}]
    - name: side
      image: web
      essential: false
      stopTimeout: 2
      command: [/bin/busybox, sleep, "100000"]
END
    site_service web web 3
    site_service pair pair 1 '  dependsOn: [web]'
    site_service lone web 1
    git_commit "$SITE" 'three services'
}

site_edit() # SED-EXPRESSION FILE MESSAGE
{
    sed -i "$1" "$SITE/$2" && git_commit "$SITE" "$3"
}

berth_start()
{
    DOCKER_HOST=unix://$ENGINE_SOCK "$BERTH" run "$SITE" --path manifests --owner it \
        --state "$BERTH_STATE" --verbose "$@" >>"$IT_DIR/berth.log" 2>&1 &
    berth_pid=$!
}

berth_apply()
{
    DOCKER_HOST=unix://$ENGINE_SOCK "$BERTH" apply "$SITE" --path manifests --owner it \
        --state "$BERTH_STATE" --verbose "$@"
}

berth_apply_start() # [OPTION...]: in the background
{
    DOCKER_HOST=unix://$ENGINE_SOCK "$BERTH" apply "$SITE" --path manifests --owner it \
        --state "$BERTH_STATE" --verbose "$@" &
    berth_pid=$!
}

berth_stop()
{
    kill -TERM "$berth_pid" && wait "$berth_pid"
}

berth_kill9()
{
    kill -KILL "$berth_pid"
    wait "$berth_pid" 2>/dev/null
    return 0
}

berth_log()
{
    tail -n "${1-60}" "$IT_DIR/berth.log"
}

# containers [FILTER]: ours, as the engine lists them, those that the jq filter selects
containers()
{
    engine_api GET '/containers/json?all=1&filters=%7B%22label%22%3A%5B%22berth.owner%3Dit%22%5D%7D' |
        jq -c "[.[] | select(${1-true})]"
}

service_is() # SERVICE: the filter for its containers that run
{
    printf '.Labels["berth.service"] == "%s" and .State == "running"' "$1"
}

count_is() # COUNT FILTER
{
    [ "$(containers "$2" | jq length)" = "$1" ]
}

converged() # COMMIT
{
    grep -q "$(git -C "$SITE" rev-parse --short=8 "${1-HEAD}") converged" "$IT_DIR/berth.log"
}
