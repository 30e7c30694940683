#!/bin/bash
# Builds: what needs BuildKit goes through the docker client, what does not goes to the engine.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

# Debian's client has BuildKit in itself; another one may come before it in PATH.  What it is called
# with is written down: its command line, which every user of a machine can read.
mkdir "$IT_DIR/client"
cat >"$IT_DIR/client/docker" <<END
#!/bin/sh
printf '%s\n' "\$*" >>"$IT_DIR/calls"
exec /usr/bin/docker "\$@"
END
chmod +x "$IT_DIR/client/docker"
PATH=$IT_DIR/client:$PATH
: >"$IT_DIR/calls"

calls() # how often the client was called
{
    wc -l <"$IT_DIR/calls"
}

said() # PATTERN: a line of the log of berth
{
    grep -E -- "$1" "$IT_DIR/berth.log"
}

file_of() # SERVICE PATH: what that file of its first task's container holds
{
    engine_api GET "/containers/$(containers "$(service_is "$1")" |
        jq -r '.[0].Id')/archive?path=$2" | tar -xO
}

files_of() # SERVICE PATH: the names of the files there
{
    engine_api GET "/containers/$(containers "$(service_is "$1")" |
        jq -r '.[0].Id')/archive?path=$2" | LC_ALL=C tar -t | grep -v '/$' | sort | tr '\n' ' '
}

builds() # how many the classic builder was asked for; the engine writes them down
{
    grep -c 'Calling POST /v[0-9.]*/build?.*version=1' "$IT_DIR/one/log"
}

dockerfile()
{
    cat >"$SITE/apps/web/Dockerfile"
}

image() # [LINE...]: the manifest of the image web, with these lines of spec.build
{
    {
        printf '%s\n' 'apiVersion: berth/v1' 'kind: Image' 'metadata: {name: web}' 'spec:' \
            '  build:' '    context: apps/web'
        [ $# = 0 ] || printf '    %s\n' "$@"
    } | site_file image.yaml
}

check 'an engine starts' engine_start one --debug || finish
check 'a repository of manifests' site_begin || finish
sed -i '/^---/,$d' "$SITE/manifests/base.yaml"
site_task web
site_service web web 1
image 'target: base' 'args:' '  {GREETING: "hello, world", EMPTY: "", HOME: /nowhere, UNUSED: "s3cret",' \
    '   HTTP_PROXY: "http://user:s3cret@127.0.0.1:9", NO_PROXY: none.example}'
dockerfile <<'END'
FROM scratch AS base
COPY --chmod=755 busybox /bin/busybox
ARG GREETING=none
ARG EMPTY=none
ARG HOME=none
RUN --mount=type=cache,target=/cache ["/bin/busybox", "sh", "-c", "echo $((40 + 2)) lines; echo \"$GREETING|$EMPTY|$HOME|$HTTP_PROXY|$NO_PROXY\" >/said; echo cached >/cache/it"]
COPY . /context/
CMD ["/bin/busybox", "sleep", "100000"]
FROM base AS unwanted
RUN ["/bin/busybox", "false"]
END
printf '%s\n' '*.key' '!kept.key' 'busybox' '!busybox' 'docs/**' >"$SITE/apps/web/.dockerignore"
mkdir "$SITE/apps/web/docs"
echo hidden | tee "$SITE/apps/web/hidden.key" "$SITE/apps/web/docs/hidden" >/dev/null
echo shown >"$SITE/apps/web/kept.key"
strange=$'gr\303\274\303\237e\377'
echo hi >"$SITE/apps/web/$strange"
ln -s "$strange" "$SITE/apps/web/link"
site_commit 'a Dockerfile that needs BuildKit' >/dev/null
berth_start
check 'it is built and runs' eventually 90 converged || { berth_log 60; finish; }
check 'through the client' test "$(calls)" = 1
check 'at once, not after a try with the classic builder' test "$(builds)" = 0
check 'what the step printed reaches the user' said 'build +berth/web:[0-9a-f]{12}: .* 42 lines$'
log_of() # IMAGE [OPTION...]
{
    "$BERTH" images --log "$@" --state "$BERTH_STATE"
}
check 'and is kept' eval 'log_of web | grep " 42 lines$"'
check 'as JSON too' eval "log_of web -o json | jq -e '.state == \"done\" and .image == \"web\" and
    any(.lines[]; .text | test(\" 42 lines\"))'"
check_not 'of an image that was not built there is none' log_of none
check 'build arguments arrive, the empty one too' \
    test "$(file_of web /said)" = \
    'hello, world||/nowhere|http://user:s3cret@127.0.0.1:9|none.example'
check_not 'but they are on no command line' grep -E 'hello, world|s3cret' "$IT_DIR/calls"
check '.dockerignore holds' test "$(files_of web /context)" = \
    'context/.dockerignore context/Dockerfile context/busybox context/gr\303\274\303\237e\377 context/index.html context/kept.key context/link '
check 'names are what git has, whatever they are' test "$(engine_api GET \
    "/containers/$(containers "$(service_is web)" | jq -r '.[0].Id')/archive?path=/context" |
    tar -xO "context/$strange")" = hi
check 'the image carries its labels' test \
    "$(engine_api GET "/images/$(containers true | jq -r '.[0].ImageID')/json" |
        jq -r '.Config.Labels["berth.image.name"]')" = web

# ---- An unchanged context is never built again

echo more >"$SITE/README"
site_commit 'elsewhere' >/dev/null
check 'a commit elsewhere converges' eventually 60 converged || berth_log
echo other >"$SITE/apps/web/hidden.key"
site_commit 'what is ignored' >/dev/null
check 'a change of what is ignored too' eventually 60 converged || berth_log
berth_stop
rm -rf "$BERTH_STATE"
: >"$IT_DIR/berth.log"
berth_start
check 'so does a start without memory' eventually 60 converged || berth_log
check 'and nothing was built for it' test "$(calls) $(builds)" = '1 0'

# ---- A build that fails

before=$(containers "$(service_is web)" | jq -r '.[0].Id')
sed -i 's/echo cached/cat \/cache\/it; echo the reason; exit 4; echo cached/' "$SITE/apps/web/Dockerfile"
site_commit 'a step that fails' >/dev/null
waits_for() # PATTERN
{
    "$BERTH" status --state "$BERTH_STATE" -o json | jq -r '.. | strings' | grep -E -- "$1"
}
check 'a step that fails is told, with its last lines' eventually 60 waits_for 'the reason'
check 'and its exit code' waits_for 'exit code: 4'
check 'all that it printed is kept' eval 'log_of berth/web | grep " the reason$"'
run_pid=$berth_pid
berth_apply_start --timeout 2m >"$IT_DIR/apply.log" 2>&1
apply_pid=$berth_pid berth_pid=$run_pid
check 'an apply through the run tries it at once, and prints that' \
    eventually 60 grep -E '^berth/web:[0-9a-f]{12}: #[0-9]+ [0-9.]+ the reason$' "$IT_DIR/apply.log"
wait "$apply_pid"
check 'it ends by itself when only another commit helps' test $? = 1
check 'with the reason' grep -E '^local/web: berth/web:[0-9a-f]{12}: .*exit code: 4' "$IT_DIR/apply.log" || cat "$IT_DIR/apply.log"
check 'its mount holds what the former build left' said ' cached$'
check 'what ran goes on' test "$before" = "$(containers "$(service_is web)" | jq -r '.[0].Id')"
git -C "$SITE" revert --no-edit HEAD >/dev/null
check 'the revert needs no build' eventually 60 converged || berth_log
check 'what ran is the same' test "$before" = "$(containers "$(service_is web)" | jq -r '.[0].Id')"

# ---- Platforms

engine_platform=$(engine_api GET /version | jq -r '.Os + "/" + .Arch')
image 'target: base' "platform: $engine_platform"
site_commit 'the platform of the engine' >/dev/null
check 'a platform is built for' eventually 60 converged || berth_log
check 'by BuildKit' grep -q -- "--platform=$engine_platform" "$IT_DIR/calls"
image 'target: base' "platform: linux/riscv64"
dockerfile <<'END'
FROM scratch AS base
COPY . /
CMD ["/bin/busybox", "sleep", "100000"]
END
site_commit 'another platform, by the classic builder' >/dev/null
newest() # the id of the newest image
{
    engine_api GET /images/json | jq -r 'max_by(.Created).Id'
}
classic_platform()
{
    [ "$(engine_api GET "/images/$(newest)/json" | jq -r .Architecture)" = riscv64 ]
}
check 'a foreign platform is built for by the classic builder' eventually 60 classic_platform
# One archive of a layer may follow another.
strange_in() # IMAGE: the names in it that are not ASCII, and where its link leads
{
    engine_api GET "/images/$1/get" | tar -xO --wildcards '*/layer.tar' | LC_ALL=C tar -tvi |
        sed -n 's/.* [0-9][0-9]:[0-9][0-9] \(gr.*\|link.*\)/\1/p' | sort -u | tr '\n' ' '
}
check 'with the same names' test "$(strange_in "$(newest)")" = \
    'gr\303\274\303\237e\377 link -> gr\303\274\303\237e\377 '

# ---- Clients that cannot

image 'target: base'
berth_stop
printf '%s\n' '#!/bin/sh' 'cat >/dev/null' \
    'echo "ERROR: BuildKit is enabled but the buildx component is missing or broken." >&2' \
    'echo "       Install the buildx component to build images with BuildKit:" >&2' \
    'exit 1' >"$IT_DIR/client/docker"
dockerfile <<'END'
FROM scratch AS base
COPY --chmod=750 busybox /bin/busybox
CMD ["/bin/busybox", "sleep", "100000"]
END
site_commit 'needs BuildKit again' >/dev/null
berth_start
check 'a client without buildx: what to install is named' eventually 60 waits_for \
    'needs BuildKit \(--chmod\), which the docker client found in PATH lacks: install the buildx'
berth_stop
PATH=$IT_DIR/none berth_start
check 'no client at all: likewise' eventually 60 waits_for \
    'needs BuildKit \(--chmod\), which is reached through the docker client: install '
berth_stop
finish
