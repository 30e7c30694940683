#!/bin/bash
# Hosts are upgraded and rebooted.  Real: sshd, the connection, the scripts that run there, the engines.
# Stand-ins: apt-get and dpkg, for nothing may be upgraded here; reboot(8), which notes that it was
# called: all processes of the host then end and it begins anew; and the kernel's boot_id, which is a
# file of the host, since all hosts share one kernel.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/hosts.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/edge.sh"

maintained() # MAINTENANCE
{
    EDGE_LINES="maintenance: $1"
    edge a b
}

stand_in() # NAME: what it sees since it was booted
{
    cat /proc/sys/kernel/random/uuid >"$IT_DIR/$1/boot"
    engine_in "$1" mount --bind "$IT_DIR/bin" /usr/local/sbin &&
        engine_in "$1" mount --bind "$IT_DIR/$1/boot" /proc/sys/kernel/random/boot_id
}

calls() # NAME LINE...: what was called there, and nothing else
{
    local name=$1
    shift
    diff -u <(printf '%s\n' "$@") "$IT_DIR/$name/calls"
}

mkdir "$IT_DIR/bin"
cat >"$IT_DIR/bin/apt-get" <<END
#!/bin/sh
echo "\$(basename "\$0") \$(echo "\$*" | grep -oE 'update|--configure -a|--with-new-pkgs upgrade|'), \$DEBIAN_FRONTEND" \
    >>"$IT_DIR/\$(hostname)/calls"
case "\$(hostname) \$*" in
b*upgrade) : >/run/reboot-required ;;
esac
END
cp "$IT_DIR/bin/apt-get" "$IT_DIR/bin/dpkg"
printf '#!/bin/sh\n: >%s/$(hostname)/reboot\n' "$IT_DIR" >"$IT_DIR/bin/reboot"
chmod +x "$IT_DIR"/bin/*
for name in a b; do
    check "host $name starts" host_start $name || finish
    check 'with its stand-ins' stand_in $name || finish
done
edge_site
edge_web 2
maintained '{upgradePackages: true, reboot: IfNeeded}'
site_commit 'two hosts that are upgraded'
edge_start

upgrade='dpkg --configure -a, noninteractive'
check 'one that needs no reboot is done' eventually 60 host_is a ACTIVE DONE || { berth_log; finish; }
check 'once' calls a "$upgrade" 'apt-get update, noninteractive' \
    'apt-get --with-new-pkgs upgrade, noninteractive'
check_not 'it was not rebooted' test -e "$IT_DIR/a/reboot"
check 'the other one needs it' eventually 60 test -e "$IT_DIR/b/reboot" || { berth_log; finish; }
check 'it goes away' engine_poweroff b
check 'which is no failure' eventually 30 hosts_say b 'maintenance: it reboots'
check 'nor is it lost' host_is b DRAINING REBOOTING
check 'nor when Berth is killed meanwhile' berth_kill9
edge_start
rm "$IT_DIR/b/reboot"
check 'it comes back' engine_restart b
check 'as another boot' stand_in b
check 'and answers' host_sshd b
check 'it is done' eventually 90 host_is b ACTIVE DONE || { berth_log; finish; }
check 'upgraded once' calls b "$upgrade" 'apt-get update, noninteractive' \
    'apt-get --with-new-pkgs upgrade, noninteractive'
check_not 'and rebooted once' test -e "$IT_DIR/b/reboot"
check 'the service is whole' eventually 60 sh -c \
    '"$1" status -o json --state "$2" | jq -e ".services[0].healthyCount == 2" >/dev/null' sh "$BERTH" \
    "$BERTH_STATE"

# ---- One whose connection ended may still run ----------------------------------------------------
engine_in a flock /run/berth-maintenance.lock sh -c "echo \$\$ >$IT_DIR/locked; exec sleep 1000" &
check 'a command still runs on a host' eventually 10 test -s "$IT_DIR/locked"
maintained '{command: "true"}'
site_commit 'another command'
check 'it is not begun beside that' eventually 60 host_is a DRAINING FAILED || { berth_log; finish; }
check 'which is said' hosts_say a 'an earlier command still runs there'
engine_in a kill -KILL "$(cat "$IT_DIR/locked")"

# ---- A command that leaves its last line open ----------------------------------------------------
maintained '{command: "printf open", reboot: Always}'
site_commit 'and another'
check 'it is seen which boot that was' eventually 60 test -e "$IT_DIR/a/reboot" ||
    { ask hosts; berth_log; }
finish
