#!/bin/bash
# Former images: what a pull of ours brought goes when it is retained no more; what was there before,
# and what somebody named, stays.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

REGISTRY=127.0.0.1:5000

registry_start()
{
    printf '%s\n' 'version: 0.1' "storage: {filesystem: {rootdirectory: $IT_DIR/registry}}" \
        "http: {addr: \"$REGISTRY\"}" >"$IT_DIR/registry.yml"
    docker-registry serve "$IT_DIR/registry.yml" >>"$IT_DIR/registry.log" 2>&1 &
    registry_pid=$!
    eventually 20 curl -sS --fail --noproxy '*' "http://$REGISTRY/v2/"
}

publish() # TAG: an image of its own in the registry; the engine has it too
{
    mkdir -p "$IT_DIR/tool" &&
        printf '%s\n' 'FROM busybox:test' "RUN echo $1 >/version" 'CMD ["sleep", "100000"]' \
            >"$IT_DIR/tool/Dockerfile" || return 1
    tar -C "$IT_DIR/tool" -c . | curl -sS --fail --unix-socket "$ENGINE_SOCK" --data-binary @- \
        -H 'Content-Type: application/x-tar' "http://engine/build?t=$REGISTRY/tool:$1" \
        >"$IT_DIR/out" &&
        curl -sS --fail --unix-socket "$ENGINE_SOCK" -X POST -H 'X-Registry-Auth: e30=' \
            "http://engine/images/$REGISTRY/tool/push?tag=$1" >"$IT_DIR/out" &&
        grep -q sha256: "$IT_DIR/out"
}

publish_only() # TAG: the engine has it no more
{
    publish "$1" && engine_api DELETE "/images/$REGISTRY/tool:$1" >"$IT_DIR/out"
}

has() # TAG: the engine has an image of that name
{
    engine_api GET /images/json | jq -e --arg tag "$1" 'any(.[]; .RepoTags // [] | index($tag))'
}

has_not()
{
    ! has "$1" >/dev/null
}

deploy() # TAG
{
    printf '%s\n' 'apiVersion: berth/v1' 'kind: Image' 'metadata: {name: tool}' \
        "spec: {source: \"$REGISTRY/tool:$1\", retain: 1}" | site_file image-tool.yaml
    site_commit "tool $1" >/dev/null
    eventually 60 converged
}

check 'an engine starts' engine_start one || finish
check 'a registry starts' registry_start || finish
check 'an image to begin with' engine_busybox || finish
for tag in 1 2 3; do
    check "image $tag is in the registry only" publish_only "$tag" || finish
done
check 'a fourth is on the engine already' publish 4 || finish
check 'a repository of manifests' site_begin || finish
site_task tool
sed -i 's/image: web/image: tool/; s/stopTimeout: 2/stopTimeout: 0/' "$SITE/manifests/task-tool.yaml"
site_service tool tool 1
berth_start

check 'the first is deployed' deploy 1 || { berth_log; finish; }
check 'somebody names it' engine_api POST "/images/$REGISTRY/tool:1/tag?repo=mine&tag=1"
check 'the second is deployed' deploy 2 || berth_log
check 'the first is retained' has "$REGISTRY/tool:1"
berth_kill9
berth_start
check 'the third is deployed' deploy 3 || berth_log
check 'the first, of before the restart, loses the name that it was pulled by' \
    eventually 30 has_not "$REGISTRY/tool:1" || berth_log
check 'and says why' grep "remove image sha256:.*: image tool retains 1 former ones" "$IT_DIR/berth.log"
check 'but is there under the other one' has mine:1
check 'the second is retained' has "$REGISTRY/tool:2"
check 'it is said which ones were brought' eval \
    '[ "$("$BERTH" images --state "$BERTH_STATE" -o json | jq -c "[.. | objects | select(.broughtAt) | .tags[0]] | sort")" = "[\"$REGISTRY/tool:2\",\"$REGISTRY/tool:3\"]" ]'
check 'the fourth is deployed' deploy 4 || berth_log

rm "$SITE"/manifests/*tool*
site_commit "nothing is left

Berth-Confirm: prune" >/dev/null
check 'without the Image all that were brought are removed' eventually 60 has_not "$REGISTRY/tool:3" ||
    berth_log
check 'likewise the former one' eventually 30 has_not "$REGISTRY/tool:2"
check 'but not what somebody else brought' has "$REGISTRY/tool:4"
check 'or named' has mine:1
berth_stop
kill "$registry_pid"
finish
