#!/bin/bash
# The program of a task's sandbox, for both architectures: as the first process of a namespace, the
# one that is not this machine's under QEMU.
. "$(dirname "$0")/lib.sh"

# begin ARCHITECTURE: $pid becomes its process, $outer the one that waits for it.
begin()
{
    local program=$ROOT/build/gen/sandbox-$1 emulator=
    [ "$1" = "$(uname -m)" ] || emulator=qemu-$1
    unshare --pid --fork --kill-child -- $emulator "$program" &
    outer=$!
    eventually 20 child_of $outer || return
    pid=$(child_of $outer)
}

child_of() # PID: its only one
{
    grep -oE '^[0-9]+\b' "/proc/$1/task/$1/children"
}

# A shell in its namespace leaves a process behind.
orphan()
{
    nsenter --pid --target "$pid" sh -c 'sleep 300 & exec true'
}

children() # COUNT: so many it has
{
    [ "$(wc -w <"/proc/$pid/task/$pid/children")" = "$1" ]
}

kill_children() # COUNT: the first ones
{
    kill -KILL $(cut -d ' ' -f 1-"$1" "/proc/$pid/task/$pid/children")
}

# Whether it is over after a signal; one that comes before it blocks signals says nothing.
ends_on() # SIGNAL
{
    kill -"$1" "$pid"
    ! kill -0 "$pid"
}

ends_with_zero() # SIGNAL
{
    eventually 20 ends_on "$1" && wait $outer
}

for architecture in x86_64 aarch64; do
    check "$architecture: it starts" begin $architecture || continue
    for count in 1 2 3; do
        check "$architecture: orphan $count" orphan
    done
    check "$architecture: they are its children" eventually 20 children 3
    check "$architecture: one is killed" kill_children 1
    check "$architecture: and reaped" eventually 20 children 2
    check "$architecture: two are killed at once" kill_children 2
    check "$architecture: and reaped" eventually 20 children 0
    check "$architecture: it goes on" kill -0 "$pid"
    check "$architecture: it exits with 0 on SIGTERM" ends_with_zero TERM
    check "$architecture: it starts again" begin $architecture || continue
    check "$architecture: it exits with 0 on SIGINT" ends_with_zero INT
done
finish
