# shellcheck shell=bash
# Private Docker Engines; sourced after lib.sh.
#
#     engine_start NAME [FLAG...]   starts one and waits for it; FLAGs go to dockerd
#     engine_use NAME               sets ENGINE_SOCK and ENGINE_ADDRESS to those of NAME
#     engine_stop NAME              as an administrator would: containers are stopped
#     engine_kill9 NAME             only dockerd (and its containerd) dies; containers go on
#     engine_poweroff NAME          everything on that host dies at once
#     engine_restart NAME           after any of these, with the same data and the same flags
#     engine_api METHOD PATH [BODY] a request to $ENGINE_SOCK; fails on status 400 and above
#     engine_busybox                builds the image busybox:test in $ENGINE_SOCK from nothing
#     engine_log NAME               the end of its log
#
# The first engine shares the network of the script: container addresses and published ports on
# loopback are reachable, as with the engine of a desktop.  Each further one is a host of its own at
# ENGINE_ADDRESS on the bridge `lan` (10.77.0.0/24), because two engines in one network namespace
# flush each other's chains in iptables.  Each has its own process and mount namespace.

declare -A engine_host=() engine_flags=() engine_address=() # by name; host: the pid of its init
engine_local=
ENGINE_SECONDS=60

# Debian's iptables speaks nftables; a kernel that cannot gets the older program.
if ! iptables -t nat -L >/dev/null 2>&1 && iptables-legacy -t nat -L >/dev/null 2>&1; then
    mkdir "$IT_DIR/bin"
    ln -s "$(command -v iptables-legacy)" "$IT_DIR/bin/iptables"
    PATH=$IT_DIR/bin:$PATH
fi

# Containers are run by Debian's crun: starting one, or a health check in one, takes a fraction of the
# processor time that runc takes, which was most of what all scripts took together.  A script in which
# the words of the engine's own runtime count sets ENGINE_RUNTIME=runc.  crun wants one version of
# control groups: of two, the second is hidden here.
ENGINE_RUNTIME=${ENGINE_RUNTIME-crun}
if mountpoint -q /sys/fs/cgroup/unified; then
    umount /sys/fs/cgroup/unified || exit 1
fi

# Sockets must be shorter than 100 bytes: NAME is short, IT_DIR is too.
engine_use()
{
    ENGINE_SOCK=$IT_DIR/$1/sock
    ENGINE_ADDRESS=${engine_address[$1]}
    export ENGINE_SOCK ENGINE_ADDRESS
}

engine_log()
{
    tail -n "${2-30}" "$IT_DIR/$1/log"
}

engine_in() # NAME COMMAND...: runs on that host
{
    local init=${engine_host[$1]}
    shift
    nsenter --target "$init" --net --mount --pid --uts -- "$@"
}

engine_lan() # ADDRESS INIT: a cable between the bridge `lan` and a host
{
    local number=${1##*.}
    if ! ip link show lan >/dev/null 2>&1; then
        ip link add lan type bridge && ip address add 10.77.0.1/24 dev lan && ip link set lan up ||
            return 1
    fi
    ip link delete "lan$number" 2>/dev/null
    ip link add "lan$number" type veth peer name eth0 netns "$2" &&
        ip link set "lan$number" master lan up &&
        nsenter --target "$2" --net sh -c "ip link set lo up && ip link set eth0 up &&
            ip address add $1/24 dev eth0 && ip route add default via 10.77.0.1"
}

engine_boot() # NAME: the host without its engine
{
    local name=$1 net=() unshare_pid tries=1200 init=

    [ "$name" = "$engine_local" ] || net=(--net)
    # The loop collects orphans: a dead containerd that nobody waits for would look alive.
    # shellcheck disable=SC2016
    unshare --mount --pid --uts --fork --kill-child --mount-proc "${net[@]}" sh -c '
        hostname "$1" && mount -t tmpfs tmpfs /run || exit 1
        : >"$2"
        while :; do sleep 3600 & wait $!; done' sh "$name" "$IT_DIR/$name/up" \
        >>"$IT_DIR/$name/log" 2>&1 &
    unshare_pid=$!
    until [ -e "$IT_DIR/$name/up" ]; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || { engine_log "$name"; return 1; }
        sleep 0.05
    done
    rm "$IT_DIR/$name/up"
    # Not by looking through all of /proc: somewhere a process ends meanwhile, and mawk gives up.
    init=$(tr -d ' ' <"/proc/$unshare_pid/task/$unshare_pid/children") && [ -n "$init" ] || return 1
    engine_host[$name]=$init
    [ "$name" = "$engine_local" ] || engine_lan "${engine_address[$name]}" "$init"
}

engine_run() # NAME: dockerd on a host that is up
{
    local name=$1 dir=$IT_DIR/$1
    # A nested folder per engine in one control group per script: lib.sh removes them.
    # shellcheck disable=SC2086
    engine_in "$name" dockerd --config-file "$dir/daemon.json" --data-root "$dir/data" \
        --exec-root "$dir/exec" -H "unix://$dir/sock" --pidfile "$dir/pid" \
        --add-runtime "crun=$(command -v crun)" --default-runtime "$ENGINE_RUNTIME" \
        --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "/$(basename "$IT_DIR")/$name" \
        ${engine_flags[$name]} </dev/null >>"$dir/log" 2>&1 &
    engine_use "$name"
    eventually $ENGINE_SECONDS engine_api GET /_ping >/dev/null && return
    engine_log "$name"
    return 1
}

engine_start()
{
    local name=$1
    shift
    mkdir "$IT_DIR/$name" || return 1
    # Not /etc/docker/daemon.json, and not /etc/docker/key.json: the engine's ID is made from it.
    echo '{"deprecated-key-path": "'"$IT_DIR/$name/key.json"'"}' >"$IT_DIR/$name/daemon.json"
    engine_flags[$name]="$*"
    if [ -z "$engine_local" ]; then
        engine_local=$name
        engine_address[$name]=127.0.0.1
    else
        engine_address[$name]=10.77.0.$((${#engine_address[@]} + 10))
    fi
    engine_boot "$name" && engine_run "$name"
}

engine_signal() # NAME SIGNAL: to dockerd, and waits for its end
{
    local dir=$IT_DIR/$1
    # shellcheck disable=SC2016
    engine_in "$1" sh -c '
        pid=$(cat "$1") && kill -"$2" "$pid" || exit 1
        tries=600
        while kill -0 "$pid" 2>/dev/null; do
            tries=$((tries - 1))
            [ $tries -gt 0 ] || exit 1
            sleep 0.1
        done' sh "$dir/pid" "$2" || { engine_log "$1"; return 1; }
}

engine_stop()
{
    engine_signal "$1" TERM
}

engine_kill9()
{
    engine_signal "$1" KILL
}

engine_poweroff()
{
    kill -KILL "${engine_host[$1]}" || return 1
    # What it leaves in the script's network goes too, as it would from a real machine's memory.
    [ "$1" != "$engine_local" ] || ip link delete docker0 2>/dev/null
    while [ -d "/proc/${engine_host[$1]}" ]; do
        sleep 0.05
    done
    unset "engine_host[$1]"
}

engine_restart()
{
    if [ -z "${engine_host[$1]-}" ]; then
        rm -f "$IT_DIR/$1/pid" "$IT_DIR/$1/exec/containerd/containerd.pid"
        engine_boot "$1" || return 1
    elif engine_in "$1" sh -c "kill -0 \$(cat '$IT_DIR/$1/pid')" 2>/dev/null; then
        engine_stop "$1" || return 1
    fi
    engine_run "$1"
}

engine_api()
{
    local body=()
    [ $# -lt 3 ] || body=(-H 'Content-Type: application/json' --data-binary "$3")
    curl -sS --fail-with-body --max-time 120 --unix-socket "$ENGINE_SOCK" -X "$1" "${body[@]}" \
        "http://engine/v1.41$2"
}

# A root file system with busybox and its links only; one layer.
engine_busybox()
{
    local context=$IT_DIR/busybox
    if [ ! -d "$context" ]; then
        mkdir -p "$context/root/bin" "$context/root/tmp" "$context/root/etc" || return 1
        cp /bin/busybox "$context/root/bin/" || return 1
        # All of its links by one process, not by three hundred.  They name the place where it is here,
        # which may be /usr/bin.
        mkdir -p "$context/root/usr/bin" && ln -s ../../bin/busybox "$context/root/usr/bin/busybox" &&
            /bin/busybox --install -s "$context/root/bin" || return 1
        echo 'root:x:0:0:root:/:/bin/sh' >"$context/root/etc/passwd"
        printf '%s\n' 'FROM scratch' 'COPY root /' 'ENV PATH=/bin' 'CMD ["sh"]' \
            >"$context/Dockerfile"
    fi
    tar -C "$context" -c . >"$context.tar" || return 1
    curl -sS --fail-with-body --max-time 120 --unix-socket "$ENGINE_SOCK" \
        -H 'Content-Type: application/x-tar' --data-binary "@$context.tar" \
        "http://engine/v1.41/build?t=busybox:test" | tee "$context.log" | tail -n 5
    grep -q 'Successfully tagged busybox:test' "$context.log"
}
