#!/bin/bash
# Somebody answers while a service is rolled out over a link that is slow and loses packets, and while
# a disk is full.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/hosts.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/edge.sh"
. "$(dirname "$0")/visits.sh"
DISK=$IT_DIR/disk # what a's engine keeps

mkdir "$DISK" && mount -t tmpfs -o size=96m tmpfs "$DISK" || finish
check 'host a starts, on a small disk' host_start a --data-root "$DISK/data" || finish
check 'host b starts' host_start b || finish
check 'host c starts' host_start c || finish
visits_open

# ---- A rollout over a bad link ----

engine_in b tc qdisc add dev eth0 root tbf rate 4mbit burst 16kb latency 200ms
engine_in b iptables -I INPUT -i eth0 -p tcp --dport 22 -m statistic --mode random \
    --probability 0.05 -j DROP
service green
site_commit 'web is green'
check 'a slow link that loses packets' eventually 120 whole || { ask ps; berth_log; }
check 'the rollout is done' tasks '(map(.deployment) | unique | length) == 1'
check 'b was not lost for it' host_is b ACTIVE || ask hosts
engine_in b tc qdisc del dev eth0 root
engine_in b iptables -D INPUT 1

# ---- A full disk ----

fill()
{
    local size
    for size in 1M 64k 4k; do
        dd if=/dev/zero of="$DISK/filler-$size" bs=$size 2>/dev/null
    done
    true
}
check 'the disk of a is full' fill
head -c 3000000 /dev/urandom >"$SITE/apps/web/large"
echo 'COPY large /large' >>"$SITE/apps/web/Dockerfile"
service blue 3 # so that a is needed; no host has a second such port: old tasks make room
site_commit 'three tasks of a larger image'
check 'what fails on a is told' eventually 90 logged 'no space left on device' || berth_log
check 'what serves goes on' tasks 'map(select(.healthy)) | length >= 2' || ask ps
rm "$DISK"/filler-*
check 'with room again it goes on' eventually 120 whole 3 || { ask ps; berth_log; }

visits_end
check 'it stops' berth_stop
finish
