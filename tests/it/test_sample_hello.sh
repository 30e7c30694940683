#!/bin/bash
# The programs of samples/hello by themselves: they build offline, answer, count and stop.
. "$(dirname "$0")/lib.sh"
. "$ROOT/tests/it/engine.sh"

engine_start e || exit 1
engine_use e
export DOCKER_HOST=unix://$ENGINE_SOCK DOCKER_BUILDKIT=0

cp -R "$ROOT/samples/hello" hello
# On a busy machine a check takes seconds, and the first one comes late.
patient()
{
    grep -h 'healthCheck: {command' hello/manifests/*.yaml >checks || return 1
    ! grep -vE 'timeout: [0-9]{2}, retries: ([5-9]|10), startPeriod: [0-9]{2}' checks
}
check 'its health checks are patient' patient
check 'the compiler is packed from Debian packages' hello/toolchain.sh
cp hello/apps/toolchain.tar.gz first.tar.gz
hello/toolchain.sh
check 'packed again it is the same, byte for byte' cmp first.tar.gz hello/apps/toolchain.tar.gz
check 'it is small' test "$(stat -c %s first.tar.gz)" -lt 4000000

build()
{
    docker build -q --network none -t "$1" -f "hello/apps/$1.Dockerfile" hello/apps
}
check 'web is built without a registry or a network' build web
check 'tools is built likewise' build tools
small()
{
    test "$(docker image inspect -f '{{.Size}}' "$1")" -lt 1000000
}
check 'the image web is nothing but the program' small web
check 'the image tools is nothing but the program' small tools
check_not 'a mistake in the source fails the build' \
    sh -c 'echo "int main(void) { return x; }" >hello/apps/web.c; docker build -q -f hello/apps/web.Dockerfile hello/apps'

run() # NAME IMAGE COMMAND...
{
    local name=$1
    shift
    docker run -d --network n --name "$name" "$@"
}
docker network create n >/dev/null
check 'counter starts' run counter -v data:/data tools counter
check 'web starts' run web -e COLOR=green web
check 'proxy starts' run proxy -e UPSTREAM=web tools proxy
check 'report shares its network' docker run -d --network container:proxy --name report tools report

address()
{
    docker inspect -f '{{.NetworkSettings.Networks.n.IPAddress}}' "$1"
}
web=http://$(address web):8080
check 'web becomes healthy' eventually 20 docker exec web /web check
check 'counter becomes healthy' eventually 20 docker exec counter /tools check
check 'a container without a server is not healthy' \
    sh -c '! docker run --rm tools check'
answers()
{
    curl -sS --max-time 5 "$web/" | grep -E '^hello: version 1, green, task [0-9a-f]{12}, visit [0-9]+$'
}
check 'web says version, colour, task and visit' answers
check 'the health check has a page' curl -sSf --max-time 5 "$web/healthz"
status_is() # STATUS CURL-ARGUMENT...
{
    test "$(curl -sS --max-time 5 -o /dev/null -w '%{http_code}' "${@:2}")" = "$1"
}
check 'an unknown page is not found' status_is 404 "$web/nothing"
check 'another method is a bad request' status_is 400 -X POST "$web/"
check 'report asks through its sidecar' \
    eventually 20 sh -c 'docker logs report 2>&1 | grep -E "^200 hello: version 1, green, task"'

counted()
{
    local add before after answered
    add=http://$(address counter):8080/add
    # Its visits would be counted among ours.  An answer by web says that none is under way any more.
    docker pause report >/dev/null
    curl -sS --max-time 12 "$web/" >/dev/null
    before=$(curl -sS "$add")
    answered=$(seq 200 | xargs -P 8 -I{} curl -sS -o /dev/null -w '%{http_code}\n' "$add" |
        grep -c '^200$')
    after=$(curl -sS "$add")
    docker unpause report >/dev/null
    # On a busy machine a connection may fail; what was answered must have been counted, once.
    echo "$answered answered, from $before to $after"
    test "$answered" -gt 100 && test $((after - before - 1)) -ge "$answered" &&
        test $((after - before - 1)) -le 200
}
check 'no visit is lost when many come at once' counted

check 'stopping takes no time' timeout 4 docker stop -t 10 web report proxy counter
exit_code()
{
    test "$(docker inspect -f '{{.State.ExitCode}}' "$1")" = 0
}
for name in web report proxy counter; do
    check "$name stopped by itself" exit_code $name
done
docker start counter web >/dev/null
web=http://$(address web):8080
more()
{
    curl -sS --max-time 5 "$web/" | sed 's/.*visit //' | grep -E '^2[0-9]{2}$'
}
check 'the volume keeps the number' eventually 20 more
docker stop -t 1 counter >/dev/null
check 'without counter web still answers' \
    sh -c "curl -sS --max-time 12 '$web/' | grep 'visit nobody counts'"

engine_stop e
finish
