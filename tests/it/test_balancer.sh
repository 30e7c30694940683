#!/bin/bash
# A browser's view: one port, whatever becomes of the tasks behind it.  Somebody asks without a pause,
# with connections that stay open and with new ones, and each request is answered.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/load.sh"

service() # COLOUR [COUNT [PORT]]
{
    load_service local "$1" "${2-3}" "${3-8080}"
}

running() # COUNT: so many tasks run and are healthy, and nothing is left to do
{
    ask ps -o json | jq -e "[.tasks[] | select(.status == \"RUNNING\" and .healthy)] | length == $1" \
        >/dev/null && converged
}

master() # the process of the load balancer
{
    pgrep -o -x haproxy
}

ended()
{
    ! pgrep -x haproxy >/dev/null
}

check 'an engine starts' engine_start one || finish
check 'a repository of manifests' site_begin || finish
load_image || finish
service red
site_commit 'a service behind a load balancer'
berth_start
check 'it converges' eventually 90 running 3 || { berth_log 100; finish; }
check 'the service answers on one port' says red
check 'all its tasks are healthy targets' targets 'length == 3 and all(.state == "healthy")'

visits_begin
service blue
site_commit 'another colour'
check 'a change rolls' eventually 90 says blue || berth_log 60
check 'and converges' eventually 60 running 3 || berth_log 60
git -C "$SITE" revert --no-edit HEAD >/dev/null
check 'a revert rolls back' eventually 90 says red || berth_log 60
check 'and converges as well' eventually 60 running 3 || berth_log 60
check 'no request failed meanwhile' unanswered 0

service red 6
site_commit 'six tasks'
check 'it grows' eventually 60 running 6 || berth_log 60
service red 2
site_commit 'two tasks'
check 'it shrinks' eventually 60 running 2 || berth_log 60
check 'no request failed meanwhile' unanswered 0

pid=$(master)
berth_kill9
: >"$IT_DIR/berth.log"
check 'without Berth it goes on' says red
berth_start
check 'Berth is back' eventually 60 running 2 || berth_log 60
check 'it took the load balancer over as it was' test "$pid" = "$(master)"
site_edit 's/pathPattern.*//; s/deregistrationDelay: 10,/deregistrationDelay: 10, pathPattern: [\/*], priority: 1,/' \
    manifests/web.yaml 'a rule'
check 'another shape is loaded' eventually 60 running 2 || berth_log 60
check 'by the same process' test "$pid" = "$(master)"
check 'no request failed meanwhile' unanswered 0

service red 2 9090
site_commit 'another port of the container'
check 'tasks with another port take over' eventually 60 \
    targets 'length == 2 and all(.state == "healthy" and .port == 9090)' || berth_log 60
check 'and it converges' eventually 60 running 2 || berth_log 60
check 'no request failed meanwhile' unanswered 0

victim=$(containers "$(service_is web)" | jq -r '.[0].Id')
check 'someone kills a container' engine_api POST "/containers/$victim/kill"
check 'it is replaced' eventually 60 running 2 || berth_log 60
visits_end
check 'at most what was under way there failed' unanswered 2
check 'there were requests' asked 200

kill -KILL "$(master)"
check 'a load balancer that is killed is back' eventually 20 says red || berth_log 40
check 'with its targets' eventually 30 targets 'length == 2 and all(.state == "healthy")'

rm "$SITE/manifests/web.yaml"
site_commit 'nothing is left'
check 'a removal is confirmed' ask confirm
check 'the load balancer ends' eventually 60 ended || berth_log 40
berth_stop
finish
