# shellcheck shell=bash
# The cluster `edge` of remote hosts, and berth on it; sourced after hosts.sh and site.sh.
#
#     edge INSTANCE...      its manifest: "NAME" or "NAME, MEMBER: VALUE"; $EDGE_LINES are more of its
#                           spec
#     edge_start [OPTION...]    berth run, in the background; log in $IT_DIR/berth.log
#     ask VERB...           of that berth
#     host_is NAME STATE    as it says

EDGE_LINES='instanceLostTimeout: 5'
EDGE_TIMEOUT=6 # connectionTimeout

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
    ask hosts -o json | jq -e --arg name "$1" --arg state "$2" \
        '.hosts[] | select(.name == $name).state == $state' >/dev/null || { ask hosts; false; }
}
