#!/bin/bash
# A registry that wants a login: push, pull by digest, and tags that move.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/registry.sh"

deployments() # how many there were of a service
{
    grep -c "deployment local/$1: .* begins" "$IT_DIR/berth.log"
}

registry_begin one

# ---- Pull and push with the helper of that registry

login_by '{"credHelpers": {"'$REGISTRY'": "x"}}'
sed -i "s#spec: {build: {context: apps/web}}#spec: {build: {context: apps/web}, repository: $REGISTRY/web}#" \
    "$SITE/manifests/base.yaml"
site_task web
site_service web web 1
site_task pulled
sed -i "s#image: web#image: $REGISTRY/base:1#" "$SITE/manifests/task-pulled.yaml"
site_service pulled pulled 2
site_commit 'from and to the registry' >/dev/null
berth_start
check 'it converges' eventually 90 converged || { berth_log 60; finish; }
check 'what was built is in the registry' test "$(registry web/tags/list | jq '.tags | length')" = 1
digest=$(registry base/manifests/1 --head \
    -H 'Accept: application/vnd.docker.distribution.manifest.v2+json' |
    tr -d '\r' | sed -n 's/^docker-content-digest: //Ip')
check 'what was pulled runs' is_version pulled one 2
check 'with the digest of the registry' test \
    "$(containers "$(service_is pulled)" | jq -r '[.[].Labels["berth.digest"]] | unique | join(" ")')" = "$digest"
check 'the helper was asked' grep -qx "get $REGISTRY" "$IT_DIR/asked"

check 'it was built, the registry had none' grep -q "build image $REGISTRY/web:" "$IT_DIR/berth.log"
berth_stop
lines=$(wc -l <"$IT_DIR/berth.log")
engine_api DELETE "/containers/$(containers "$(service_is web)" | jq -r '.[0].Id')?force=1"
engine_api GET /images/json | jq -r '.[].RepoTags[]?' | grep -F "$REGISTRY/web:" | while read -r tag; do
    engine_api DELETE "/images/$tag?force=1"
done >/dev/null
berth_start
check 'once the registry has it' eventually 60 count_is 1 "$(service_is web)" || berth_log
check 'it is pulled' eval "tail -n +$((lines + 1)) '$IT_DIR/berth.log' | grep -q 'pull image $REGISTRY/web[:@]'"
check_not 'and not built again' eval "tail -n +$((lines + 1)) '$IT_DIR/berth.log' | grep -q 'build image'"

# ---- A tag that moves

check 'the tag moves' base two
echo x >"$SITE/README"
site_commit 'elsewhere' >/dev/null
check 'that is no change' eventually 60 converged || berth_log
check 'nor a deployment' test "$(deployments pulled)" = 1
engine_api DELETE "/containers/$(containers "$(service_is pulled)" | jq -r '.[0].Id')?force=1"
check 'a task that is replaced has the image of its deployment' eventually 60 is_version pulled one 2
berth_stop
for id in $(containers "$(service_is pulled)" | jq -r '.[].Id'); do
    engine_api DELETE "/containers/$id?force=1"
done
engine_api POST '/images/prune?filters=%7B%22dangling%22%3A%5B%22false%22%5D%7D' >/dev/null
check 'the image is gone from the engine' eventually 5 eval \
    '! engine_api GET /images/json | jq -r ".[].RepoDigests[]?" | grep -F "@'"$digest"'"'
berth_start
check 'it is pulled again by its digest' eventually 60 is_version pulled one 2 || berth_log
echo '  redeploy: now' >>"$SITE/manifests/service-pulled.yaml"
site_commit 'deploy anew' >/dev/null
check 'a new deployment' eventually 60 converged || berth_log
check 'takes what the tag is now' is_version pulled two 2

registry_end
finish
