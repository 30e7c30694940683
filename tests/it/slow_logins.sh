#!/bin/bash
# Private base images: each way that a builder gets a login, and what is said without one.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/registry.sh"

waits_for() # PATTERN
{
    "$BERTH" status --state "$BERTH_STATE" -o json | jq -r '.. | strings' | grep -E -- "$1"
}

built_from_base() # NAME INSTRUCTION: an image from the private base, its task and service
{
    mkdir -p "$SITE/apps/$1" && cp /bin/busybox "$SITE/apps/$1/" &&
        printf '%s\n' "FROM $REGISTRY/base:1" "$2" >"$SITE/apps/$1/Dockerfile" &&
        printf '%s\n' 'apiVersion: berth/v1' 'kind: Image' "metadata: {name: $1}" \
            "spec: {build: {context: apps/$1}}" | site_file "image-$1.yaml" &&
        site_task "$1" && sed -i "s/image: web/image: $1/" "$SITE/manifests/task-$1.yaml" &&
        site_service "$1" "$1" 1
}

registry_begin two

# ---- A private base image

forget_base
berth_start
built_from_base classic 'RUN echo classic >/kind'
login_by '{"auths": {"'$REGISTRY'": {"auth": "'"$(printf 'ada:%s' "$PASSWORD" | base64 -w 0)"'"}}}'
site_commit 'a private base' >/dev/null
check 'the classic builder gets the login of the file' eventually 60 converged || berth_log
check 'its image runs' is_version classic two 1
forget_base
built_from_base store 'RUN echo store >/kind'
login_by '{"credsStore": "x"}'
site_commit 'a private base by way of a store' >/dev/null
check 'or that of a store' eventually 60 converged || berth_log
check 'which is asked what it has' test "$(xargs <"$IT_DIR/asked")" = \
    "list get http://$REGISTRY/v2/ get other.example"
forget_base
built_from_base kit 'COPY --chmod=755 busybox /busybox'
login_by '{"credHelpers": {"'$REGISTRY'": "x"}}'
site_commit 'a private base by BuildKit' >/dev/null
check 'BuildKit gets the login of the helper' eventually 90 converged || berth_log
check 'its image runs' is_version kit two 1
check 'the client asked for it' grep -q "^get .*$REGISTRY" "$IT_DIR/asked"

# ---- No login

forget_base
: >"$IT_DIR/locked"
built_from_base locked 'RUN echo locked >/kind'
site_commit 'without a login' >/dev/null
check 'a helper that fails is named where a login was needed' eventually 60 \
    waits_for "the credential helper has no login for $REGISTRY: .*base" || berth_log
login_by '{}'
built_from_base denied 'COPY --chmod=755 busybox /busybox'
site_commit 'without any login' >/dev/null
check 'BuildKit without a login says so' eventually 60 \
    waits_for 'denied|unauthorized|authorization failed|no basic auth' || berth_log
rm "$IT_DIR/locked"
git -C "$SITE" revert --no-edit HEAD HEAD~1 >/dev/null
check 'the revert converges' eventually 60 converged || berth_log

registry_end
finish
