#!/bin/bash
# The EC2 driver on three real hosts: what can happen to a host, its sshd, its engine and its cable.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/hosts.sh"

DRIVE=$ROOT/build/${MODE:-release}/tests/it/fargate_drive
LOG=$IT_DIR/drive.log
IMAGE=berth/web:0123456789ab

hosts_are() # LINE...: writes the file of instances
{
    printf '%s\n' "$@" >"$IT_DIR/instances"
}

drive_start()
{
    since=0
    rm -f "$IT_DIR/commands"
    mkfifo "$IT_DIR/commands" || return 1
    export DRIVE_DOCKERFILE=$'FROM scratch\nCOPY busybox /bin/busybox\n'
    "$DRIVE" "ec2:$IT_DIR/instances" it <"$IT_DIR/commands" >"$LOG" 2>&1 &
    drive_pid=$!
    exec 9>"$IT_DIR/commands"
}

since=0
mark()
{
    since=$(wc -l <"$LOG")
}

said() # PATTERN: a whole line since the mark
{
    tail -n +$((since + 1)) "$LOG" | grep -qxE "$1" ||
        { tail -n +$((since + 1)) "$LOG" | cut -c1-300 | tail -n 15; false; }
}

tell()
{
    mark
    printf '%s\n' "$@" >&9
}

does() # NAME COMMAND [RESULT]
{
    tell "on $1" "$2"
    eventually 60 said "DONE $2 ${3-ok}"
}

set_hosts() # LINE...
{
    hosts_are "$@"
    tell "set $IT_DIR/instances"
}

ssh_of() # NAME: the process of its connection
{
    awk -v address="${engine_address[$1]}" 'BEGIN { RS = "\0" } $0 == address { print FILENAME }' \
        /proc/[0-9]*/cmdline 2>/dev/null | sed 's#/proc/\([0-9]*\)/.*#\1#' | head -n 1
}

for name in a b c; do
    check "host $name starts" host_start $name || finish
done
hosts_are "$(host_line a)" "$(host_line b)" "$(host_line c)"
drive_start
for name in a b c; do
    check "$name is connected and listed" eventually 20 said "$name LISTING_END .*" || finish
done
check 'three engines, three IDs' test "$(grep -oE 'INSTANCE id=[^ ]+' "$LOG" | sort -u | wc -l)" = 3
check 'sockets are in a folder that nobody else may enter' test \
    "$(stat -c %a /run/berth-ssh.*)" = 700
check 'one ssh a host' test "$(pgrep -xc ssh)" = 3
check_not 'and its command line says no more than how to get there' \
    sh -c 'tr "\0" "\n" <"/proc/$1/cmdline" | grep -E "PASSWORD|s3cret|berth-it-"' sh "$(ssh_of a)"

# ---- Every kind of action through a connection ---------------------------------------------------
check 'claim' does a claim
check 'network' does a network
check 'volume' does a volume
check 'the sandbox is loaded' does a load
check 'an image is built' does a "build $IMAGE"
check 'a container is created' does a 'create alone 1/web'
check 'it starts' does a 'start 1/web'
check 'it becomes healthy' eventually 20 said 'a CONTAINER 1/web .* health=healthy .*'
check 'on that host' engine_use a
check 'and on no other' sh -c '! curl -sS --unix-socket "$1" http://x/v1.41/containers/json |
    grep -q berth-' sh "$IT_DIR/b/sock"
check 'an instance that is none refuses' does z claim "refused: there is no instance 'z'"
check 'a fresh listing' does b observe

# ---- How long one call takes ---------------------------------------------------------------------
# An answer of 40 kB that costs the engine nothing.
jq -n --arg image $IMAGE '{Image: $image, Cmd: ["/none"], Env: ["LARGE=" + ("x" * 40000)]}' >"$IT_DIR/large.json"
curl -sS --fail-with-body --unix-socket "$IT_DIR/a/sock" -H 'Content-Type: application/json' \
    --data-binary "@$IT_DIR/large.json" 'http://engine/v1.41/containers/create?name=large' |
    grep -q '"Id"' || note 'no container with a large environment was made'
figure() # FILE PATH WHICH
{
    sed -n "s#^TIME $2 .* $3_us=\([0-9]*\).*#\1#p" "$1" | tail -n 1
}
printf '%s\n' 'time 200 /_ping' 'time 200 /containers/large/json' quit |
    "$DRIVE" "unix://$IT_DIR/a/sock" it >"$IT_DIR/local.log" 2>&1
for path in /_ping /containers/large/json; do
    check "$path is asked 200 times" does a "time 200 $path"
    note "$path: median $(figure "$LOG" $path median) us through ssh," \
        "$(figure "$IT_DIR/local.log" $path median) us on the host itself"
    # On a busy machine the least is what tells: 40 ms would be lost each time.
    check "and takes no more than 2 ms longer through ssh" test \
        $(($(figure "$LOG" $path least) - $(figure "$IT_DIR/local.log" $path least))) -lt 2000
done

# ---- A cable that is cut -------------------------------------------------------------------------
mark
host_cut b
check 'a link that is dead without a word is noticed' eventually 15 said \
    'b INSTANCE_LOST 10[.]77[.]0[.][0-9]+: it does not answer any more .*'
check 'the others go on at once' does c observe
check 'an action there is refused' does b claim "refused: the engine of 'b' is not connected"
mark
host_join b
check 'it comes back' eventually 60 said 'b LISTING_END .*'
check_not 'and no other was lost meanwhile' grep -qE '^[ac] INSTANCE_LOST' "$LOG"

# ---- sshd dies, an engine dies, a host dies --------------------------------------------------------
mark
host_sshd_kill c
check 'without sshd the connection ends at once' eventually 10 said 'c INSTANCE_LOST .*'
check 'and it is said why' eventually 20 said 'c INSTANCE_LOST .*no sshd listens there .*'
host_sshd c
check 'with sshd it is dialled again' eventually 60 said 'c LISTING_END .*'

engine_kill9 a
check 'a dead engine behind a living connection is lost' eventually 10 said 'a INSTANCE_LOST .*'
check 'in plain words' eventually 20 said \
    "a INSTANCE_LOST the engine cannot be reached: its socket cannot be opened there: .*"
connection=$(ssh_of a)
mark
check 'it starts again' engine_restart a
check 'it is listed again' eventually 30 said 'a LISTING_END .*'
check 'what ran there is known' said 'a CONTAINER 1/web .*'
check 'over the same connection' test "$(ssh_of a)" = "$connection"

mark
engine_poweroff a
check 'a host without power is lost' eventually 30 said 'a INSTANCE_LOST .*'
check 'it boots' engine_restart a && check 'with its sshd' host_sshd a
check 'it is listed again, its tasks ended' eventually 60 said 'a LISTING_END .*'
check 'which is reported' said 'a CONTAINER 1/web .* status=exited .*'

# ---- Keys ----------------------------------------------------------------------------------------
cp "$SSH_FILES/known_hosts" "$IT_DIR/known_hosts"
sed -i "s|^${engine_address[b]} .*|${engine_address[b]} $(cut -d' ' -f1,2 "$IT_DIR/c/host_key.pub")|" \
    "$SSH_FILES/known_hosts"
mark
kill "$(ssh_of b)"
check 'a host with another key is refused' eventually 20 said \
    'b INSTANCE_LOST .*: it presents another host key than the one in known_hosts, .*'
set_hosts "$(host_line a)" "$(host_line b new)" "$(host_line c)"
check 'also where new ones are accepted' eventually 20 said \
    'b INSTANCE_LOST .*: it presents another host key than the one in known_hosts, .*'
sed -i "/^${engine_address[b]} /d" "$SSH_FILES/known_hosts"
set_hosts "$(host_line a)" "$(host_line b)" "$(host_line c)"
check 'one whose key is not known too' eventually 20 said \
    'b INSTANCE_LOST .*: its host key is not in known_hosts: .*'
set_hosts "$(host_line a)" "$(host_line b new)" "$(host_line c)"
check 'a new one is accepted where that is asked for' eventually 20 said 'b LISTING_END .*'
check 'and remembered' ssh-keygen -F "${engine_address[b]}"
check_not 'a host whose way changed disturbs no other' said '[ac] INSTANCE_LOST .*'
check 'a key that it does not accept' host_sshd b 'AuthorizedKeysFile none' &&
    check 'is said in plain words' eventually 20 said \
        'b INSTANCE_LOST .*: it accepts none of our keys .*'
host_sshd b

# ---- Sessions and forwarding that are refused ----------------------------------------------------
cp "$IT_DIR/known_hosts" "$SSH_FILES/known_hosts"
host_sshd b 'MaxSessions 0'
set_hosts "$(host_line a)" "$(host_line b)" "$(host_line c)"
check 'a host that allows no session works without' eventually 30 said 'b LISTING_END .*'
check 'and that is said' said 'b NOTE its sshd allows no session: .*'
wrapped=$(ssh_of b)
host_sshd b 'AllowStreamLocalForwarding no'
set_hosts "$(host_line a)" "$(host_line b strict 7)" "$(host_line c)"
check 'nothing is left of it' eventually 10 test ! -e "/proc/$wrapped"
check 'one that forwards no sockets does not' eventually 30 said \
    'b INSTANCE_LOST .*does sshd forward to it \(AllowStreamLocalForwarding.*'
host_sshd b

# ---- A host that nobody answers at, and names ------------------------------------------------------
set_hosts "$(host_line a)" "$(host_line b)" "$(host_line c)" \
    'd 10.77.0.99 - - /var/run/docker.sock strict 4' 'e 127.0.0.1 1 - /var/run/docker.sock strict 4' \
    "f ${engine_address[a]} - - /var/run/docker.sock strict 6" \
    'g -oProxyCommand=x - - /var/run/docker.sock strict 6'
check 'good ones beside it are connected' eventually 20 said 'b LISTING_END .*'
check 'one that does not answer is lost' eventually 20 said \
    'd INSTANCE_LOST 10[.]77[.]0[.]99: (it does not answer|there is no way to it) .*'
check 'one without sshd' eventually 20 said 'e INSTANCE_LOST .*no sshd listens there .*'
check 'an engine has one name' eventually 20 said \
    "f INSTANCE_LOST its engine is the one of instance 'a': .*"
check 'what looks like an option never gets to ssh' eventually 20 said \
    "g INSTANCE_LOST the host '-oProxyCommand=x' is none"
set_hosts "$(host_line b)" "$(host_line c)" "f ${engine_address[a]} - - /var/run/docker.sock strict 6"
check 'one that is dropped is gone' eventually 10 said 'a INSTANCE_GONE .*'
check 'its engine is another name then' eventually 20 said 'f LISTING_END .*'
check 'no connection is left of it' test "$(pgrep -xc ssh)" = 3

# ---- Many at once --------------------------------------------------------------------------------
many=()
for number in $(seq 48); do
    names=(a b c)
    many+=("m$number ${engine_address[${names[number % 3]}]} - - /var/run/docker.sock strict 15")
done
/bin/busybox nc -l -p 2299 -e /bin/busybox sleep 1000 & # takes a connection, and says nothing
began=$(date +%s%N)
set_hosts "${many[@]}" 'dead 127.0.0.1 2299 - /var/run/docker.sock strict 300'
answered() # all: three of them, and the others that have the same engine
{
    [ "$(tail -n +$((since + 1)) "$LOG" | grep -E '^m[0-9]+ (LISTING_END|INSTANCE_LOST its engine)' |
        cut -d' ' -f1 | sort -u | wc -l)" = 48 ]
}
check '48 connections are made at once, beside one that hangs' eventually 30 answered
note "in $((($(date +%s%N) - began) / 1000000)) ms"
check_not 'before that one is given up' said 'dead INSTANCE_LOST .*'
set_hosts "$(host_line a)"
check 'no connection is left of them' eventually 10 sh -c 'test "$(pgrep -xc ssh)" = 1'

# ---- Its end -------------------------------------------------------------------------------------
echo quit >&9
check 'it ends' wait "$drive_pid"
check_not 'no ssh stays' pgrep -x ssh
check_not 'no socket stays' test -e /run/berth-ssh.*
hosts_are "$(host_line b)"
host_sshd b 'MaxSessions 0'
drive_start
check 'without a session, once more' eventually 20 said 'b LISTING_END .*'
kill -KILL "$drive_pid"
check 'a killed one leaves no connection' eventually 10 sh -c '! pgrep -x ssh'
left=$(echo /run/berth-ssh.*)
check 'its folder is left' test -d "$left"
drive_start
check 'the next one removes it' eventually 10 test ! -e "$left"
check 'and is there' eventually 10 said 'b LISTING_END .*'
echo quit >&9
check 'it ends' wait "$drive_pid"
finish
