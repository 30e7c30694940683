# shellcheck shell=bash
# Sourced after site.sh: a registry that wants a login, and what is in it; on loopback, or at $REGISTRY.
#
#     registry_begin VERSION   an engine, the registry, base:1 of that version in it, and a site
#     login_by JSON            the client's configuration file

REGISTRY=${REGISTRY-127.0.0.1:5000}
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

registry_begin() # VERSION
{
    check 'an engine starts' engine_start one || finish
    check 'a registry that wants a login starts' registry_start || finish
    check 'an image is in it' engine_busybox && check 'and only there' base "$1" || finish
    check 'a repository of manifests' site_begin || finish
}

# The last checks.
registry_end()
{
    check_not 'the password is in no log' grep -rF "$PASSWORD" "$IT_DIR/berth.log" "$BERTH_STATE"
    kill "$registry_pid"
}
