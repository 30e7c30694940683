#!/bin/bash
# Commits whose image cannot be had: a Dockerfile that fails, a context or an image that is not there.
# The reason is told, and what runs goes on running within its bounds.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/breaker.sh"

begin_well

: >"$IT_DIR/berth.log"
printf '%s\n' 'RUN ["/bin/busybox", "sh", "-c", "echo first words; echo last words >&2; exit 7"]' \
    >>"$SITE/apps/web/Dockerfile"
site_commit 'a Dockerfile that fails'
rolls_back 'failing build'
check 'failing build: the reason has its last lines' \
    grep -q 'deployment failed: .*last words.*returned a non-zero code: 7' "$IT_DIR/berth.log" || berth_log 40
check_not 'failing build: no colours reach the log' grep -q "$(printf '\033')" "$IT_DIR/berth.log"
revert 'failing build'

sed -i 's,context: apps/web,context: apps/none,' "$SITE/manifests/base.yaml"
site_commit 'a context that is not there'
check 'missing context: the commit is rejected, with its place' \
    eventually 30 grep -q 'manifests/base.yaml:8:18: .*apps/none' "$IT_DIR/berth.log" || berth_log 40
check 'missing context: the tasks are those from before' test "$before" = "$(ids)"
revert 'missing context'

sed -i 's,image: web,image: 127.0.0.1:5000/none:1,' "$SITE/manifests/task-web.yaml"
site_commit 'an image that does not exist'
rolls_back 'no such image'
check 'no such image: the reason names it' \
    grep -q 'deployment failed: .*127.0.0.1:5000' "$IT_DIR/berth.log" || berth_log 40
check 'no such image: one event tells that its tasks cannot start' test 1 = "$(grep -c \
    '(service web) was unable to start a task because CannotPullContainerError: 127.0.0.1:5000/none:1: ' \
    "$IT_DIR/berth.log")" || berth_log 40
revert 'no such image'
end_well
finish
