# shellcheck shell=bash
# Remote hosts; sourced after lib.sh and engine.sh.  Each has its own network, processes and files, an
# sshd with its own key, and a Docker Engine at /var/run/docker.sock.
#
#     host_start NAME [FLAG...]     a host of its own; FLAGs go to dockerd
#     host_known NAME               puts its key into known_hosts
#     host_sshd NAME [LINE...]      (re)starts its sshd, with more lines of configuration
#     host_sshd_kill NAME           its sshd and all of its sessions die
#     host_cut NAME, host_join NAME its cable; what is sent meanwhile is lost without a word
#     host_line NAME [KEYS [TIMEOUT]]   a line for fargate_drive
#
# engine_use, engine_kill9, engine_poweroff, engine_restart ... work on NAME too; after a poweroff and
# a restart, host_sshd as well.  The user's ssh files are in $SSH_FILES.

# The engine of the script's own network is for scripts that have FARGATE clusters.
engine_local=${engine_local:-none}
SSH_FILES=$IT_DIR/home/.ssh
HOST_KEY=$SSH_FILES/id_ed25519

hosts_begin()
{
    # The client finds its files by the user's entry, not by HOME.
    mkdir -p "$IT_DIR/home" && mkdir -m 700 "$SSH_FILES" &&
        sed "s|^\(root:[^:]*:0:[^:]*:[^:]*\):[^:]*:|\1:$IT_DIR/home:|" /etc/passwd >"$IT_DIR/passwd" &&
        mount --bind "$IT_DIR/passwd" /etc/passwd || return 1
    ssh-keygen -q -t ed25519 -N '' -C it -f "$HOST_KEY" &&
        cp "$HOST_KEY.pub" "$SSH_FILES/authorized_keys" && touch "$SSH_FILES/known_hosts"
}
hosts_begin || exit 1

host_sshd_kill()
{
    # shellcheck disable=SC2016
    engine_in "$1" sh -c '
        for status in /proc/[0-9]*/status; do
            if grep -qs "^Name:.sshd" "$status"; then
                pid=${status#/proc/}
                kill -KILL "${pid%/status}"
            fi
        done; true' 2>/dev/null
    rm -f "$IT_DIR/$1/sshd.pid"
}

host_sshd() # NAME [LINE...]
{
    local name=$1 dir=$IT_DIR/$1
    shift
    [ -f "$dir/host_key" ] || ssh-keygen -q -t ed25519 -N '' -C '' -f "$dir/host_key" || return 1
    # The first of two lines counts.
    printf '%s\n' "$@" "ListenAddress ${engine_address[$name]}:22" "HostKey $dir/host_key" \
        "PidFile $dir/sshd.pid" "AuthorizedKeysFile $SSH_FILES/authorized_keys" 'StrictModes no' \
        'UsePAM no' 'PasswordAuthentication no' 'UseDNS no' >"$dir/sshd.conf"
    [ ! -f "$dir/sshd.pid" ] || host_sshd_kill "$name"
    engine_in "$name" sh -c "mkdir -p /run/sshd && ln -sf $dir/sock /run/docker.sock &&
        /usr/sbin/sshd -f $dir/sshd.conf -E $dir/sshd.log" &&
        eventually 10 test -s "$dir/sshd.pid" >/dev/null
}

host_known()
{
    local key
    key=$(cut -d' ' -f1,2 "$IT_DIR/$1/host_key.pub") || return 1
    sed -i "/^${engine_address[$1]} /d" "$SSH_FILES/known_hosts"
    echo "${engine_address[$1]} $key" >>"$SSH_FILES/known_hosts"
}

host_start()
{
    engine_start "$@" && host_sshd "$1" && host_known "$1"
}

host_cable()
{
    echo "lan${engine_address[$1]##*.}"
}

host_cut()
{
    ip link set "$(host_cable "$1")" down
}

host_join()
{
    ip link set "$(host_cable "$1")" up
}

host_line()
{
    echo "$1 ${engine_address[$1]} - - /var/run/docker.sock ${2-strict} ${3-6}"
}
