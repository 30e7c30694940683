# shellcheck shell=bash
# Sourced after site.sh: tasks of several containers, and questions about them.

SERVE='command: [/bin/busybox, httpd, -f, -p, "8080", -h, /www]'

logged() # PATTERN
{
    grep -q "$1" "$IT_DIR/berth.log"
}

id_of() # SERVICE [CONTAINER]
{
    containers ".Labels[\"berth.service\"] == \"$1\" and .Labels[\"berth.container\"] == \"${2-$1}\"" | jq -r '.[0].Id'
}

inspect() # SERVICE CONTAINER FILTER
{
    engine_api GET "/containers/$(id_of "$1" "$2")/json" | jq -r "$3"
}

# chain NAME [CONTAINER...]: a task of several containers; each CONTAINER is a JSON object to merge
# into a definition of one that sleeps.
chain()
{
    local name=$1
    shift
    {
        printf '{"apiVersion": "berth/v1", "kind": "Task", "metadata": {"name": "%s"}, "spec": ' "$name"
        printf '%s\n' "$@" | jq -s '{cpu: 256, memory: 64, networkMode: "awsvpc", containerDefinitions:
            [.[] | {image: "web", essential: false, stopTimeout: 2, command: ["/bin/busybox", "sleep", "100000"]} + .]}'
        echo '}'
    } >"$SITE/manifests/task-$name.json"
    site_service "$name" "$name" 1 "  deploymentConfiguration: {deploymentCircuitBreaker: {enable: true}}"
}
