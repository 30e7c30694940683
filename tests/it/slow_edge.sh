#!/bin/bash
# berth run with an EC2 cluster on three real hosts: a service spread over them, one drained by a
# commit, one cut off, one that leaves the repository.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/hosts.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/edge.sh"

running() # NAME: how many containers of the service run there
{
    engine_use "$1"
    containers "$(service_is web)" | jq length
}

spread() # A B C: so many on each, "-" for any number
{
    local name found=()
    for name in a b c; do
        found+=("$(running $name)")
        [ "$1" = - ] || [ "${found[-1]}" = "$1" ] || { echo "on $name: ${found[-1]}"; return 1; }
        shift
    done
}

for name in a b c; do
    check "host $name starts" host_start $name || finish
done
mkdir -p "$SITE/apps/web" "$SITE/manifests" && git_repo "$SITE" &&
    cp /bin/busybox "$SITE/apps/web/busybox"
printf '%s\n' 'FROM scratch' 'COPY busybox /bin/busybox' \
    'CMD ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/bin"]' >"$SITE/apps/web/Dockerfile"
site_file image.yaml <<'END'
apiVersion: berth/v1
kind: Image
metadata: {name: web}
spec: {build: {context: apps/web}}
END
site_file web.yaml <<'END'
apiVersion: berth/v1
kind: Task
metadata: {name: web}
spec:
  cpu: 64
  memory: 32
  networkMode: bridge
  containerDefinitions:
    - {name: web, image: web, stopTimeout: 1, portMappings: [{containerPort: 8080}]}
---
apiVersion: berth/v1
kind: Service
metadata: {name: web}
spec:
  cluster: edge
  taskDefinition: web
  desiredCount: 6
  minReadySeconds: 1
  placementStrategy: [{type: spread, field: instanceId}]
END
edge a b c
site_commit 'a service on three hosts'

edge_start
check 'it converges' eventually 60 converged || { berth_log; finish; }
check 'two tasks on each host' spread 2 2 2
for name in a b c; do
    check "berth hosts: $name" host_is $name ACTIVE
done
check_not 'no local engine was needed' grep -E '^local|"local"' "$IT_DIR/berth.log"
check 'what is left of a host is what its tasks do not take' test "$(ask hosts -o json |
    jq '.hosts[] | select(.name == "a") | .memory.registered - .memory.remaining')" = 64
task=$(ask ps -o json | jq -r '.tasks[0].id')
check 'a command in a task on a host' eventually 10 \
    sh -c '"$1" exec --state "$3" "$2" /bin/busybox echo there | grep -qx there' \
    sh "$BERTH" "$task" "$BERTH_STATE"
check 'its logs' ask logs "$task"

edge a 'b, state: DRAINING' c
site_commit 'drain b'
check 'a drain by commit converges' eventually 60 converged || berth_log
check 'b is empty, the service whole' spread 3 0 3
check 'berth hosts says DRAINING' host_is b DRAINING
git -C "$SITE" revert --no-edit HEAD >/dev/null
check 'its revert converges' eventually 60 converged
check 'b is used again' host_is b ACTIVE

host_cut c
check 'a host that is cut off is lost' eventually 30 host_is c LOST
check 'and it is said why' sh -c '"$1" hosts --state "$2" | grep -q "it does not answer any more"' \
    sh "$BERTH" "$BERTH_STATE"
whole() # how many run on a and b
{
    [ $(($(running a) + $(running b))) = "$1" ]
}
check 'its tasks are placed elsewhere' eventually 60 whole 6
host_join c
check 'it comes back' eventually 60 host_is c ACTIVE
all() # tasks in all
{
    [ $(($(running a) + $(running b) + $(running c))) = 6 ]
}
check 'what is too much is stopped' eventually 60 all

edge a c
site_commit 'b leaves'
gone()
{
    ! ask hosts -o json | grep -q '"b"'
}
check 'one that no manifest lists is left' eventually 60 gone || { ask hosts; berth_log; }
check 'empty' test "$(running b)" = 0
check 'the service is whole' eventually 60 all

# One that leaves while it does not answer is remembered by the next process.
host_cut c
check 'c does not answer' eventually 30 host_is c LOST
edge a
site_commit 'c leaves while it is cut off'
check 'it is accepted' eventually 30 grep -q "$(git -C "$SITE" rev-parse --short=8 HEAD)" \
    "$IT_DIR/berth.log"
check 'it stays until somebody can say that it is empty' host_is c LOST
berth_kill9
edge_start
check 'another process knows it' eventually 60 host_is c LOST
host_join c
check 'when it answers it is emptied, and gone' eventually 90 sh -c '! "$1" hosts -o json --state "$2" |
    grep -q "\"c\""' sh "$BERTH" "$BERTH_STATE" || { ask hosts; berth_log; }
check 'nothing runs there' test "$(running c)" = 0
check 'all six run on a' test "$(running a)" = 6

ids()
{
    engine_use a
    containers "$(service_is web)" | jq -c '[.[].Id] | sort'
}
before=$(ids)
edge "x, host: ${engine_address[a]}"
site_commit 'a has another name'
check 'a host under another name' eventually 60 host_is x ACTIVE
check 'converges' eventually 60 converged
check 'and keeps what runs there' test "$(ids)" = "$before"
check 'it stops' berth_stop
finish
