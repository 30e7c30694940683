#!/bin/bash
# An image with a repository, on three hosts: asked for, built and pushed by one, pulled by its digest by
# the others.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/hosts.sh"
. "$(dirname "$0")/site.sh"
REGISTRY=10.77.0.1:5000 # of the script's own network, on the bridge of the hosts
. "$(dirname "$0")/registry.sh"
. "$(dirname "$0")/edge.sh"
. "$(dirname "$0")/images_hosts.sh"

for name in a b c; do
    check "host $name starts" host_start $name --insecure-registry $REGISTRY || finish
done
check 'a registry that wants a login starts' registry_start || finish
login_by '{"credHelpers": {"'$REGISTRY'": "x"}}'
images_site
image_of web $REGISTRY/web
service_of web 3 web
site_commit 'a service on three hosts'
edge_start
check 'it converges' eventually 90 converged || { berth_log; finish; }
check 'one task on each host' spread web 1 1 1
check 'of one image' test "$(image_ids web | wc -l)" = 1

done_on() # KIND: how often that was done, on all hosts together
{
    ask images -o json | jq --arg kind "$1 " '[.instances[] | .work[] |
        select((.work | startswith($kind)) and .state == "done")] | length'
}
check 'it was built once' test "$(done_on build)" = 1
check 'and pushed once' test "$(done_on push)" = 1
check 'the others pulled it' test "$(done_on pull)" = 2
check 'by its digest' test "$(ask images -o json | jq -r --arg digest "pull $REGISTRY/web@sha256:" '
    [.instances[] | .work[] | select(.work | startswith($digest))] | length')" = 2
check 'nothing was copied' test "$(done_on copy)" = 0
check 'one image is in the registry' test "$(registry web/tags/list | jq '.tags | length')" = 1
is_copied() # NAME
{
    [ "$(work_on "$1" copy | jq -r .state)" = done ] || { work_on "$1" copy; return 1; }
}

# ---- Without the registry ----------------------------------------------------------------------------
find_builder
receiver=${others%% *}
kill "$registry_pid"
eventually 10 sh -c '! curl -s --noproxy "*" "http://$1/v2/"' sh $REGISTRY >/dev/null
check "a person removes what runs on $receiver" force_remove "$receiver" web
check 'it is copied from the one that built it' eventually 120 is_copied "$receiver" || berth_log
check 'and runs' eventually 90 spread web 1 1 1 || berth_log
check 'it stops' berth_stop
check_not 'the password is in no log' grep -rF "$PASSWORD" "$IT_DIR/berth.log" "$BERTH_STATE"
finish
