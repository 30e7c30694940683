# shellcheck shell=bash
# The cluster `edge` of remote hosts, and berth on it; sourced after hosts.sh and site.sh.
#
#     edge_site             $SITE: an image `web` from apps/web, nothing else
#     edge_web COUNT        a service of it, which answers on port 8080
#     edge INSTANCE...      its manifest: "NAME" or "NAME, MEMBER: VALUE"; $EDGE_LINES are more of its
#                           spec
#     edge_start [OPTION...]    berth run, in the background; log in $IT_DIR/berth.log
#     ask VERB...           of that berth
#     host_is NAME STATE [STEP]    as it says; the step of its maintenance, "-" for none
#     hosts_say NAME PATTERN       its line of `berth hosts`

EDGE_LINES='instanceLostTimeout: 5'
EDGE_TIMEOUT=6 # connectionTimeout

edge_site()
{
    site_begin && rm "$SITE/manifests/base.yaml" && site_file image.yaml <<'END'
apiVersion: berth/v1
kind: Image
metadata: {name: web}
spec: {build: {context: apps/web}}
END
}

edge_web()
{
    site_file web.yaml <<END
apiVersion: berth/v1
kind: Task
metadata: {name: web}
spec:
  cpu: 64
  memory: 32
  containerDefinitions:
    - name: web
      image: web
      stopTimeout: 1
      command: [/bin/busybox, httpd, -f, -p, "8080", -h, /www]
---
apiVersion: berth/v1
kind: Service
metadata: {name: web}
spec: {cluster: edge, taskDefinition: web, desiredCount: $1, minReadySeconds: 1}
END
}

edge()
{
    local instance name
    {
        printf '%s\n' 'apiVersion: berth/v1' 'kind: Cluster' 'metadata: {name: edge}' 'spec:' \
            '  launchType: EC2'
        [ -z "$EDGE_LINES" ] || sed 's/^/  /' <<<"$EDGE_LINES"
        echo '  instances:'
        for instance; do
            name=${instance%%,*}
            [[ $instance == *host:* ]] || instance="$instance, host: ${engine_address[$name]}"
            echo "    - {name: $instance, connectionTimeout: $EDGE_TIMEOUT}"
        done
    } | site_file cluster.yaml
}

edge_start()
{
    DOCKER_HOST=unix:///nowhere "$BERTH" run "$SITE" --path manifests --owner it \
        --state "$BERTH_STATE" --verbose "$@" >>"$IT_DIR/berth.log" 2>&1 &
    berth_pid=$!
}

ask()
{
    "$BERTH" "$@" --state "$BERTH_STATE"
}

host_is()
{
    ask hosts -o json | jq -e --arg name "$1" --arg state "$2" --arg step "${3-}" \
        '.hosts[] | select(.name == $name) | .state == $state and
            ($step == "" or (.maintenance.step // "-") == $step)' >/dev/null || { ask hosts; false; }
}

hosts_say()
{
    ask hosts | grep "^$1 " | grep -qE "$2" || { ask hosts; false; }
}
