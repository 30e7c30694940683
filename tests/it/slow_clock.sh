#!/bin/bash
# Berth's clock jumps, forward and back, by an hour and by years: at rest, in the middle of a rollout,
# while something waits for its next try, and while Berth does not run.  Nothing that runs is touched for
# it, and what is due comes in its usual time.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

HOUR=3600
YEARS=$((5 * 365 * 24 * HOUR))

# No other process may get another time: a library that adds what a file says to Berth's wall clock.
make_shim()
{
    cat >"$IT_DIR/shim.c" <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long offset(void)
{
    static int fd = -1;
    char text[32] = "";

    if (fd < 0)
        fd = open(getenv("SHIM_OFFSET"), O_RDONLY | O_CLOEXEC);
    return fd >= 0 && pread(fd, text, sizeof(text) - 1, 0) > 0 ? strtol(text, NULL, 10) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    static int (*real)(clockid_t, struct timespec *);
    int status;

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "clock_gettime");
    status = real(clock, out);
    if (status == 0 && clock == CLOCK_REALTIME)
        out->tv_sec += offset();
    return status;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;

    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0)
        return -1;
    *out = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
    return 0;
}

time_t time(time_t *out)
{
    struct timespec now = { 0 };

    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}
END
    gcc -shared -fPIC -O1 -o "$IT_DIR/shim.so" "$IT_DIR/shim.c" -ldl
}

jump() # SECONDS from the right time; written at once, whoever reads sees all or nothing of it
{
    printf '%-20s' "$1" 1<>"$IT_DIR/offset"
}

start()
{
    LD_PRELOAD=$IT_DIR/shim.so SHIM_OFFSET=$IT_DIR/offset berth_start
}

ids()
{
    containers '.State == "running"' | jq -r '.[].Id' | sort
}

logged() # PATTERN
{
    grep -q "$1" "$IT_DIR/berth.log"
}

colour() # COLOUR
{
    : >"$IT_DIR/berth.log"
    site_task web "$SITE_CHECK" "environment: {COLOUR: $1}"
    site_task lone "environment: {COLOUR: $1}"
    site_commit "all is $1"
}

begun() # a new task of either service runs
{
    logged 'action .*start berth-'
}

as_declared()
{
    count_is 2 "$(service_is web) and (.Status | contains(\"(healthy)\"))" && count_is 1 "$(service_is lone)"
}

jumps() # WHAT SECONDS
{
    local what=$1 victim before acted
    before=$(ids)
    : >"$IT_DIR/berth.log"
    jump "$2"
    sleep 2
    check "$what: nothing is touched" test "$before" = "$(ids)" -a "$(grep -c ' action ' "$IT_DIR/berth.log")" = 0 || berth_log
    victim=$(containers "$(service_is web)" | jq -r '.[0].Id')
    engine_api POST "/containers/$victim/kill"
    victim=$(containers "$(service_is lone)" | jq -r '.[0].Id')
    engine_api POST "/containers/$victim/kill"
    check "$what: tasks that die are replaced" eventually 80 as_declared || berth_log
    check "$what: it is told" logged 'warning .*the clock was moved' || berth_log
    colour "$2-at-rest"
    check "$what: a commit converges" eventually 120 converged || { berth_log; "$BERTH" status --state "$BERTH_STATE"; }
}

jumps_in_rollout() # WHAT SECONDS
{
    colour "$2-in-rollout"
    check "$1: a rollout begins" eventually 60 begun || berth_log
    jump "$2"
    check "$1: it converges" eventually 120 converged || { berth_log; "$BERTH" status --state "$BERTH_STATE"; }
    check_not "$1: nothing failed" logged 'deployment failed\|rolling back'
}

jump 0
check 'a shim for the clock' make_shim || finish
check 'an engine starts' engine_start one || finish
site_begin
site_service web web 2
site_service lone lone 1
colour red
start
check 'it converges' eventually 120 converged || { berth_log 60; finish; }

jumps 'an hour forward' $HOUR
jumps 'an hour back' 0
jumps 'years back' -$YEARS
jumps 'years forward' 0
jumps_in_rollout 'an hour forward in a rollout' $HOUR
jumps_in_rollout 'an hour back in a rollout' 0
jumps_in_rollout 'years back in a rollout' -$YEARS

# ---- what waits for its time ----
starts()
{
    grep -c 'action .*start berth-.*-loop' "$IT_DIR/berth.log"
}
started_again() # COUNT
{
    [ "$(starts)" -gt "$1" ]
}
: >"$IT_DIR/berth.log"
site_task loop 'command: [/bin/busybox, "false"]'
site_service loop loop 1
site_commit 'one that ends at once'
check 'a task that fails is throttled' eventually 60 started_again 3 || berth_log
count=$(starts)
jump -$((YEARS + HOUR))
check 'an hour back: its next try comes all the same' eventually 60 started_again "$count" || berth_log

# ---- while it does not run ----
berth_kill9
jump -$((YEARS + 2 * HOUR))
before=$(containers "$(service_is web) or $(service_is lone)" | jq -r '.[].Id' | sort)
: >"$IT_DIR/berth.log"
start
check 'started an hour earlier, it tries again too' eventually 60 started_again 0 || berth_log
git -C "$SITE" rm -q manifests/service-loop.yaml
site_commit 'without it'
check 'and converges' eventually 120 converged || berth_log
check 'with the same tasks' test "$before" = "$(ids)"
colour blue
check 'a commit converges' eventually 120 converged || berth_log
berth_stop
finish
