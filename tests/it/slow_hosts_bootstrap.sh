#!/bin/bash
# A bare host gets Docker.  Real: sshd, the connection, the script that runs there, the engine that is
# there in the end.  A mock: apt-get and dpkg, for nothing may be installed here: the host has others,
# earlier in its PATH, and does not see the programs of the engine before "apt-get" brought them.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/hosts.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/edge.sh"
EDGE_LINES='bootstrap: {install: true}'

# Where they are, each once.
hidden=$(type -ap docker dockerd podman | xargs -n 1 realpath | sort -u)

# What a bare host sees: an empty file that nobody can run, instead of each program.
hide()
{
    local name=$1 path
    for path in $hidden; do
        engine_in "$name" mount --bind "$IT_DIR/nothing" "$path" || return 1
    done
    mkdir -p "$IT_DIR/$name/bin" &&
        cp "$IT_DIR/mock" "$IT_DIR/$name/bin/apt-get" && cp "$IT_DIR/mock" "$IT_DIR/$name/bin/dpkg" &&
        engine_in "$name" mount --bind "$IT_DIR/$name/bin" /usr/local/sbin
}

bare_host() # NAME: with sshd, and no engine
{
    mkdir "$IT_DIR/$1" || return 1
    echo '{"deprecated-key-path": "'"$IT_DIR/$1/key.json"'"}' >"$IT_DIR/$1/daemon.json"
    engine_flags[$1]=
    engine_address[$1]=10.77.0.$((${#engine_address[@]} + 10))
    engine_boot "$1" && hide "$1" && host_sshd "$1" && host_known "$1"
}

: >"$IT_DIR/nothing"
cat >"$IT_DIR/mock" <<END
#!/bin/sh
dir=$IT_DIR/\$(hostname)
echo "\$(basename "\$0") \$*, \$DEBIAN_FRONTEND" >>"\$dir/calls"
case " \$* " in
*' install docker.io '*) ;;
*) exit 0 ;;
esac
if [ ! -e "\$dir/mirror" ]; then
    echo 'Reading package lists...'
    echo 'E: Unable to fetch some archives' >&2
    exit 100
fi
sleep 2 # long enough for what happens meanwhile
for path in $(echo $hidden); do
    umount "\$path"
done
: >"\$dir/installed"
END
chmod +x "$IT_DIR/mock"

for name in a b c; do
    check "host $name, which is bare" bare_host $name || finish
done
check 'no Docker is seen there' sh -c '! "$@"' sh nsenter --target "${engine_host[a]}" --mount -- \
    sh -c 'command -v docker || command -v dockerd'
mkdir -p "$SITE/manifests" && git_repo "$SITE"
edge a
site_commit 'a cluster of a bare host'
edge_start

# ---- It fails, and says why ----------------------------------------------------------------------
check 'that it cannot be installed is told, with the last lines' eventually 60 \
    hosts_say a 'could not be installed there: exit code 1: .*E: Unable to fetch some archives.*next try in 60 s'
check 'nobody is asked anything' grep -q 'docker.io, noninteractive$' "$IT_DIR/a/calls"
check 'lists are read before' sh -c 'grep -n . "$1" | head -n 2 | grep -q "apt-get .* update"' sh \
    "$IT_DIR/a/calls"
tries=$(grep -c 'install docker.io' "$IT_DIR/a/calls")
check 'once' test "$tries" = 1

# ---- It works: another process, which does not wait for the pause --------------------------------
: >"$IT_DIR/a/mirror"
berth_kill9
edge_start
trying()
{
    [ "$(grep -c 'install docker.io' "$IT_DIR/a/calls")" = 2 ]
}
check 'it is tried again' eventually 60 trying
berth_kill9
check 'killed meanwhile, it goes on there' eventually 30 test -e "$IT_DIR/a/installed"
check 'its engine runs' engine_run a || finish
edge_start
check 'the host is used' eventually 60 host_is a ACTIVE
check 'and nothing was installed twice' test "$(grep -c 'install docker.io' "$IT_DIR/a/calls")" = 2

# ---- Another one, to its end ---------------------------------------------------------------------
: >"$IT_DIR/b/mirror"
edge a b
site_commit 'another bare host'
check 'it is installed' eventually 60 test -e "$IT_DIR/b/installed"
check 'its engine runs' engine_run b || finish
check 'it is used' eventually 60 host_is b ACTIVE
check 'which is told' grep -q 'b: Docker was installed there' "$IT_DIR/berth.log"
check 'and remembered' sh -c '"$1" hosts -o json --state "$2" |
    jq -e ".hosts[] | select(.name == \"b\") | .dockerInstalledAt > 0"' sh "$BERTH" "$BERTH_STATE"
check 'once' test "$(grep -c 'install docker.io' "$IT_DIR/b/calls")" = 1

# ---- berth apply waits for it --------------------------------------------------------------------
git clone -q "$SITE" "$IT_DIR/other"
sed -i "/name: [ab]/d; s/^  instances:/&\n    - {name: c, host: ${engine_address[c]}}/" \
    "$IT_DIR/other/manifests/cluster.yaml"
git_commit "$IT_DIR/other" 'a cluster of c'
apply() # of another installation
{
    DOCKER_HOST=unix:///nowhere "$BERTH" apply "$IT_DIR/other" --path manifests --owner other \
        --state "$IT_DIR/other-state" --timeout 5m >"$IT_DIR/apply.log" 2>&1
}
check_not 'where it cannot be installed, apply fails' apply
check 'and says why' grep -q 'could not be installed there: .*Unable to fetch' "$IT_DIR/apply.log"
: >"$IT_DIR/c/mirror"
apply &
apply_pid=$!
check 'where it can, it is installed' eventually 60 test -e "$IT_DIR/c/installed"
check 'its engine runs' engine_run c || finish
wait $apply_pid
check 'and apply converges' test $? = 0 || cat "$IT_DIR/apply.log"

# ---- Never where Docker is -----------------------------------------------------------------------
berth_stop
engine_stop a
edge_start
check 'a host whose engine is stopped is lost' eventually 60 host_is a LOST
check 'b is not' eventually 60 host_is b ACTIVE
asked()
{
    grep -q 'is Docker there' <(tail -n +"$from" "$IT_DIR/berth.log")
}
from=1
check 'it is looked at' eventually 30 asked
check 'nothing is installed there' test "$(grep -c 'install docker.io' "$IT_DIR/a/calls")" = 2
check 'and it is said what is really wrong' eventually 30 hosts_say a 'its socket cannot be opened'
check 'it stops' berth_stop
finish
