#!/bin/bash
# A build that a newer commit makes needless is cancelled: the newer one need not wait for its end,
# and nothing of it goes on on the engine.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

mkdir "$IT_DIR/client"
ln -s /usr/bin/docker "$IT_DIR/client/docker" # the client that has BuildKit in itself
PATH=$IT_DIR/client:$PATH

runs() # SECONDS: a step of a build sleeps so long
{
    grep -la "sleep.[${1:0:1}]${1:1}" /proc/[0-9]*/cmdline 2>/dev/null # which is not like itself
}

runs_not()
{
    ! runs "$1"
}

# slow SECONDS [LINE]: a commit whose build sleeps so long; the line comes before that
slow()
{
    printf '%s\n' 'FROM scratch' 'COPY busybox /bin/busybox' ${2+"$2"} \
        "RUN [\"/bin/busybox\", \"sleep\", \"$1\"]" \
        'CMD ["/bin/busybox", "sleep", "100000"]' >"$SITE/apps/web/Dockerfile"
    site_commit "a build of $1 seconds" >/dev/null
}

check 'an engine starts' engine_start one || finish
check 'a repository of manifests' site_begin || finish
site_task web
sed -i 's/stopTimeout: 2/stopTimeout: 0/' "$SITE/manifests/task-web.yaml"
site_service web web 1
site_commit 'one service' >/dev/null
berth_start
check 'it converges' eventually 60 converged || { berth_log; finish; }
before=$(containers "$(service_is web)" | jq -r '.[0].Id')

said() # PATTERN: in the log of berth, since it was asked last
{
    tail -n +"$told" "$IT_DIR/berth.log" | grep -E -- "$1"
}

needs_no_more() # COMMIT WHO: the commit is taken back
{
    git -C "$SITE" revert --no-edit "$1" >/dev/null
    check "$2: a commit that needs it no more is applied at once" eventually 60 converged || berth_log
    check "$2: the build is cancelled, and that is told" \
        said 'build image berth/web:.*: cancelled, nothing needs it any more'
    check "$2: that is no failure" eval \
        '! "$BERTH" images --state "$BERTH_STATE" -o json | jq -e "[.. | .failure? // empty] | length > 0"'
    check "$2: what ran goes on" test "$before" = "$(containers "$(service_is web)" | jq -r '.[0].Id')"
    told=$(wc -l <"$IT_DIR/berth.log")
}

told=1
slow 30011
check 'a slow build begins' eventually 60 runs 30011 || berth_log
check 'its service is suspended' "$BERTH" suspend web --state "$BERTH_STATE"
echo elsewhere >"$SITE/README"
site_commit 'elsewhere' >/dev/null
check 'and there is another commit' eventually 30 said "$(git -C "$SITE" rev-parse --short=8 HEAD) elsewhere"
check 'and it is resumed' "$BERTH" resume web --state "$BERTH_STATE"
check 'nothing of that ends the build' runs 30011
check_not 'nor is it said so' said cancelled
needs_no_more HEAD~1 'the classic builder'
check 'nothing of it goes on' eventually 60 runs_not 30011

# The step that runs comes to its end in BuildKit of Docker 20.10, whoever cancels.
slow 30012 'COPY --chmod=755 busybox /busybox'
check 'a slow build by BuildKit begins' eventually 60 runs 30012 || berth_log
needs_no_more HEAD 'BuildKit'
check 'the client is gone' eventually 60 eval \
    '! grep -la "build.[-]-progress=plain" /proc/[0-9]*/cmdline 2>/dev/null'

slow 1
check 'what was cancelled is built when it is wanted again' eventually 60 converged || berth_log
berth_stop
finish
