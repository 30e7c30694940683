#!/bin/bash
# An image that is copied from host to host while a cable is cut, and while the giver dies.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/hosts.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/edge.sh"
. "$(dirname "$0")/images_hosts.sh"

for name in a b c; do
    check "host $name starts" host_start $name || finish
done
images_site
service_of web 1 web "placementConstraints: [{type: memberOf, expression: 'ec2InstanceId == a'}]"
site_commit 'a service on one host'
edge_start
check 'it converges' eventually 60 converged || { berth_log; finish; }
check 'its image is built on that host' test "$(work_on a build)" != null
check_not 'and copied to none' grep -q 'copying image' "$IT_DIR/berth.log"

# ---- One that gets it ------------------------------------------------------------------------------
slow a
service_of web 3 web
site_commit 'a service on all'
check 'it is copied to b' eventually 30 moves b
check 'and to c' eventually 30 moves c
host_cut c
check 'how far it is is said' eventually 10 sh -c '"$1" status --state "$2" | grep -qE \
    "copying image berth/web:[0-9a-f]+ to [bc]: [0-9]+ [KM]iB of [0-9]+ MiB read from a"' \
    sh "$BERTH" "$BERTH_STATE" || ask status
check 'a cable that is cut ends one copy' eventually 60 grep -qE \
    'copy image berth/web:[0-9a-f]+: (cancelled|the engine of .c.)' "$IT_DIR/berth.log" || berth_log 20
check 'the other one goes on' eventually 60 same_image web b
host_join c
fast a
check 'c is back' eventually 60 sh -c '"$1" hosts -o json --state "$2" |
    jq -e ".hosts[] | select(.name == \"c\") | .state == \"ACTIVE\"" >/dev/null' sh "$BERTH" "$BERTH_STATE"
check 'it converges' eventually 60 converged || berth_log
check 'all that run are of one image' test "$(image_ids web | wc -l)" = 1

# ---- The one that gives it ---------------------------------------------------------------------------
before=$(image_ids web)
slow a
echo two >"$SITE/apps/web/version"
head -c 8000000 /dev/urandom >"$SITE/apps/web/bulk"
site_commit 'another version'
check 'another version is copied to b' eventually 60 moves b || berth_log
engine_poweroff a
rest() # what runs on b and c is of the new one, and nothing else
{
    local name ids=
    for name in b c; do
        engine_use $name
        ids="$ids $(containers "$(service_is web)" | jq -r '.[].ImageID')"
    done
    # shellcheck disable=SC2086
    ids=$(printf '%s\n' $ids | sort)
    [ "$(wc -l <<<"$ids")" -ge 3 ] && [ "$(uniq <<<"$ids" | wc -l)" = 1 ] &&
        [ "$(uniq <<<"$ids")" != "$before" ] || { echo "$ids"; return 1; }
}
check 'the giver dies: another one builds it' eventually 120 rest || berth_log
builds() # of the two that are left
{
    ask images -o json | jq '[.instances[] | select(.name != "a") | .work[] |
        select(.work | startswith("build"))] | length'
}
check 'one of them' test "$(builds)" = 1
check 'it stops' berth_stop
check_not 'nothing of it is left in the folder for temporary files' \
    sh -c 'ls -A "$1" | grep .' sh "$TMPDIR"
finish
