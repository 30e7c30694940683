#!/bin/bash
# A registry that wants a login: pull, push and private base images; and tags that move.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

REGISTRY=127.0.0.1:5000
PASSWORD=pass:word-7731 # with a colon in it

mkdir "$IT_DIR/bin2" "$HOME/.docker"
ln -s /usr/bin/docker "$IT_DIR/bin2/docker" # the client that has BuildKit in itself
# A credential helper: what it is asked is written down, and while $IT_DIR/locked is there it fails.
cat >"$IT_DIR/bin2/docker-credential-x" <<END
#!/bin/sh
read -r server
echo "\$1 \$server" >>"$IT_DIR/asked"
if [ -e "$IT_DIR/locked" ]; then
    echo 'the key ring is locked: $PASSWORD'
    exit 1
fi
case \$1 in
list) echo '{"http://$REGISTRY/v2/": "ada", "other.example": "eve"}' ;;
get)
    case \$server in
    *$REGISTRY*) echo '{"ServerURL": "$REGISTRY", "Username": "ada", "Secret": "$PASSWORD"}' ;;
    *) echo 'credentials not found in native keychain'; exit 1 ;;
    esac ;;
esac
END
chmod +x "$IT_DIR/bin2/docker-credential-x"
PATH=$IT_DIR/bin2:$PATH

registry_start()
{
    printf 'ada:%s\n' "$(perl -e 'print crypt($ARGV[0], q($2y$05$) . "a" x 22)' "$PASSWORD")" \
        >"$IT_DIR/htpasswd"
    printf '%s\n' 'version: 0.1' "storage: {filesystem: {rootdirectory: $IT_DIR/registry}}" \
        "http: {addr: \"$REGISTRY\"}" "auth: {htpasswd: {realm: it, path: $IT_DIR/htpasswd}}" \
        >"$IT_DIR/registry.yml"
    docker-registry serve "$IT_DIR/registry.yml" >>"$IT_DIR/registry.log" 2>&1 &
    registry_pid=$!
    eventually 20 registry '' >/dev/null || return 1
    ! curl -sS --fail --noproxy '*' "http://$REGISTRY/v2/"
}

registry() # PATH [OPTION...]: an answer of the registry to ada
{
    curl -sS --fail --noproxy '*' -u "ada:$PASSWORD" "http://$REGISTRY/v2/$1" "${@:2}"
}

# base VERSION [FOLDER]: an image of that version becomes base:1 in the registry, and is not on the
# engine.
base()
{
    local login out=$IT_DIR/base.out
    mkdir -p "$IT_DIR/base" &&
        printf '%s\n' 'FROM busybox:test' "RUN echo $1 >/version" 'CMD ["sleep", "100000"]' \
            >"$IT_DIR/base/Dockerfile" || return 1
    login=$(printf '{"username": "ada", "password": "%s"}' "$PASSWORD" | base64 -w 0)
    tar -C "$IT_DIR/base" -c . | curl -sS --fail --unix-socket "$ENGINE_SOCK" --data-binary @- \
        -H 'Content-Type: application/x-tar' "http://engine/build?t=$REGISTRY/base:1" &&
        curl -sS --fail --unix-socket "$ENGINE_SOCK" -X POST -H "X-Registry-Auth: $login" \
            "http://engine/images/$REGISTRY/base/push?tag=1" >"$out" && cat "$out" &&
        grep -q sha256: "$out" && ! grep -q '"error"' "$out" && forget_base
}

forget_base() # the tag only, where something uses it
{
    engine_api DELETE "/images/$REGISTRY/base:1?force=1" >/dev/null 2>&1
}

login_by() # JSON
{
    echo "$1" >"$HOME/.docker/config.json"
    : >"$IT_DIR/asked"
}

version_of() # SERVICE: of each container that runs, what its image says
{
    local id
    for id in $(containers "$(service_is "$1")" | jq -r '.[].Id'); do
        engine_api GET "/containers/$id/archive?path=/version" | tar -xO
    done | sort -u | xargs
}

is_version() # SERVICE VERSION COUNT
{
    count_is "$3" "$(service_is "$1")" && [ "$(version_of "$1")" = "$2" ] || {
        containers "$(service_is "$1")" | jq length
        version_of "$1"
        return 1
    }
}

waits_for() # PATTERN
{
    "$BERTH" status --state "$BERTH_STATE" -o json | jq -r '.. | strings' | grep -E -- "$1"
}

deployments() # how many there were of a service
{
    grep -c "deployment local/$1: .* begins" "$IT_DIR/berth.log"
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

check 'an engine starts' engine_start one || finish
check 'a registry that wants a login starts' registry_start || finish
check 'an image is in it' engine_busybox && check 'and only there' base one || finish
check 'a repository of manifests' site_begin || finish

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
check 'it is pulled' eval "tail -n +$((lines + 1)) '$IT_DIR/berth.log' | grep -q 'pull image $REGISTRY/web:'"
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

# ---- A private base image

forget_base
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

check_not 'the password is in no log' grep -rF "$PASSWORD" "$IT_DIR/berth.log" "$BERTH_STATE"
kill "$registry_pid"
finish
