# shellcheck shell=bash
# Sourced first by every tests/it/test_*.sh:
#
#     . "$(dirname "$0")/lib.sh"
#     check 'one is one' test 1 = 1 || finish     # where going on makes no sense
#     finish
#
# A script runs in namespaces of its own (network, mounts, processes).  So it may use any port,
# subnet and firewall rule, any number of scripts run at the same time, nothing reaches the system's
# engine (its /run is another one) or any network, and when the script ends, in whatever way, the
# kernel ends everything that it started.
#
# After sourcing: $IT_DIR is a private folder with a short path, $ROOT the top of the tree, and
# functions check, check_not, eventually, note, finish, git_repo, git_commit are there.
set -u -o pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export ROOT PATH

# ---- Outside: make the namespaces, run the same script in them, clean up ---------------------------

it_cgroups() # the control groups of this script's containers, innermost first
{
    find /sys/fs/cgroup -depth -type d -path "*/$(basename "$IT_DIR")*" 2>/dev/null
}

it_clean()
{
    local try
    for try in 1 2 3 4 5 6 7 8 9 10; do
        it_cgroups | xargs -r rmdir 2>/dev/null
        rm -rf --one-file-system "$IT_DIR" 2>/dev/null
        [ -e "$IT_DIR" ] || [ -n "$(it_cgroups)" ] || return 0
        sleep 0.$try # a killed process takes a moment to let go
    done
}

if [ -z "${IT_DIR-}" ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "FAIL $(basename "$0"): engines and namespaces need root"
        echo '0 passed, 1 failed'
        exit 1
    fi
    # What scripts left that were killed before they could clean up.
    for IT_DIR in /tmp/berth-it.??????; do
        [ ! -f "$IT_DIR/outside" ] || kill -0 "$(cat "$IT_DIR/outside")" 2>/dev/null || it_clean
    done
    IT_DIR=$(mktemp -d /tmp/berth-it.XXXXXX) || exit 1
    export IT_DIR
    echo $$ >"$IT_DIR/outside"
    setpriv --pdeathsig KILL unshare --net --mount --pid --uts --fork --kill-child --mount-proc \
        bash "$(realpath "$0")" "$@" </dev/null &
    it_pid=$!
    trap 'kill -KILL $it_pid 2>/dev/null; wait $it_pid 2>/dev/null; it_clean; exit 1' HUP INT TERM
    wait $it_pid
    it_status=$?
    it_clean
    exit $it_status
fi

# ---- Inside ---------------------------------------------------------------------------------------

mount -t tmpfs tmpfs /run || exit 1
ip link set lo up || exit 1
hostname it || exit 1
mkdir "$IT_DIR/home" "$IT_DIR/tmp" || exit 1
unset "${!DOCKER_@}" "${!BERTH_@}" "${!XDG_@}" "${!GIT_@}"
export HOME=$IT_DIR/home TMPDIR=$IT_DIR/tmp
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=Test GIT_AUTHOR_EMAIL=test@berth.example
export GIT_COMMITTER_NAME=Test GIT_COMMITTER_EMAIL=test@berth.example
cd "$IT_DIR" || exit 1

it_passed=0
it_failed=0
it_finished=false

note()
{
    echo "     $*"
}

it_result() # STATUS DESCRIPTION
{
    if [ "$1" = 0 ]; then
        it_passed=$((it_passed + 1))
        echo "ok   $2"
    else
        it_failed=$((it_failed + 1))
        echo "FAIL $2"
        tail -n 40 "$IT_DIR/output" | sed 's/^/     /'
    fi
    return "$1"
}

# check DESCRIPTION COMMAND...: counts; output is shown only when it fails.  The command runs in this
# shell, so that a function may set variables.
check()
{
    local description=$1 status
    shift
    "$@" >"$IT_DIR/output" 2>&1
    status=$?
    it_result $status "$description"
}

check_not()
{
    local description=$1
    shift
    if "$@" >"$IT_DIR/output" 2>&1; then
        it_result 1 "$description"
    else
        it_result 0 "$description"
    fi
}

# Limits are those of a quiet machine; a busy one gets so many times as long.
IT_PATIENCE=${IT_PATIENCE-4}

# eventually SECONDS COMMAND...: tries until it succeeds; prints what the last try printed.  It asks
# less and less often, because asking costs what is being waited for: processor time.
eventually()
{
    local limit=$((SECONDS + $1 * IT_PATIENCE)) output pauses=(0.1 0.1 0.1 0.2 0.2 0.3 0.3 0.4)
    shift
    until output=$("$@" 2>&1); do
        if [ $SECONDS -ge $limit ]; then
            printf '%s\nstill failing: %s\n' "$output" "$*"
            return 1
        fi
        sleep "${pauses[0]-0.5}"
        pauses=("${pauses[@]:1}")
    done
    printf '%s\n' "$output"
}

# Last command of a script.
finish()
{
    it_finished=true
    [ $it_failed = 0 ] && [ $it_passed -gt 0 ]
    exit
}

it_exit()
{
    if [ $it_finished = false ]; then
        echo 'FAIL the script ended before its last check'
        it_failed=$((it_failed + 1))
    fi
    echo "$it_passed passed, $it_failed failed"
    [ $it_failed = 0 ] && [ $it_passed -gt 0 ]
    exit
}
trap it_exit EXIT
trap 'exit 1' HUP INT TERM

# git_repo DIR: an empty repository on branch main, with a fixed identity.
git_repo()
{
    git init -q -b main "$1" &&
        git -C "$1" config user.name Test &&
        git -C "$1" config user.email test@berth.example
}

# git_commit DIR MESSAGE: everything in it.
git_commit()
{
    git -C "$1" add -A && git -C "$1" commit -q -m "$2"
}
