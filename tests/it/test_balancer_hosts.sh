#!/bin/bash
# A load balancer on Berth's machine before tasks on two hosts, on whatever ports they have there: each
# request is answered through a rollout, the drain of a host, and a Berth that comes back while one of
# the hosts does not answer it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/hosts.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/edge.sh"
. "$(dirname "$0")/load.sh"

EDGE_LINES='instanceLostTimeout: 300'

service() # COLOUR
{
    load_service edge "$1" 2 8080 '  placementStrategy: [{type: spread, field: instanceId}]'
}

whole() # [JQ]: two healthy targets, for which JQ holds too, and nothing is left to do
{
    targets "length == 2 and all(.state == \"healthy\") and (${1-true})" && converged
}

spread='map(.address) | sort == ["10.77.0.11", "10.77.0.12"]'

# The engine that is not used has the network of this script, where the load balancer is.
check 'this machine has an engine' engine_start one || finish
for name in a b; do
    check "host $name starts" host_start $name || finish
done
edge_site && load_image || finish
edge a b
service red
site_commit 'a service on two hosts behind a load balancer'
edge_start
check 'it converges' eventually 90 whole "$spread" || { berth_log 100; finish; }
check 'its ports are those of the hosts' targets 'all(.port >= 32768)' || ask status -o json
check 'the service answers on one port' says red

visits_begin
service blue
site_commit 'another colour'
check 'a change rolls' eventually 90 says blue || berth_log 60
check 'and converges' eventually 90 whole || berth_log 60
edge a 'b, state: DRAINING'
site_commit 'b is drained'
check 'its tasks are on the other host' eventually 90 whole 'all(.address == "10.77.0.11")' || berth_log 60
edge a b
site_commit 'b is back'
check 'and on both again' eventually 120 whole "$spread" || berth_log 60
check 'no request failed meanwhile' unanswered 0

berth_kill9
host_sshd_kill a
: >"$IT_DIR/berth.log"
edge_start
check 'a is not heard of' eventually 60 hosts_say a 'no way to it|refused|CONNECTING' || ask hosts
check 'b is' eventually 60 host_is b ACTIVE
check 'targets on both are kept' eventually 30 targets "length == 2 and ($spread)" || ask status
service blue
site_edit 's/interval: 1/interval: 2/' manifests/web.yaml 'another interval of the checks'
check 'another shape is loaded' eventually 60 grep -q 'inter 2s' /run/berth/lb-it/public/haproxy.cfg || berth_log 60
check 'with both' targets "length == 2 and ($spread)" || ask status
check 'no request failed meanwhile' unanswered 0
host_sshd a
check 'a is heard of again' eventually 60 host_is a ACTIVE
check 'and all is whole' eventually 60 whole "$spread" || { ask status; berth_log 60; }
visits_end
check 'no request failed at all' unanswered 0
check 'there were requests' asked 200

edge a 'b, host: b-by-name'
site_commit 'a host with a name'
check 'a host that is a name needs its address' eventually 30 grep -q \
    "loadBalancers: instance 'b' of Cluster 'edge' needs its IPv4 address in \`address\`" "$IT_DIR/berth.log" || berth_log
check 'it stops' berth_stop
finish
