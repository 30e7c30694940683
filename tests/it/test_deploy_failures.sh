#!/bin/bash
# Commits whose deployment cannot succeed, with the circuit breaker and its rollback: what runs goes on
# running within its bounds, the failed revision is quarantined, a fix lifts that.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/breaker.sh"

begin_well

: >"$IT_DIR/berth.log"
web_task 'healthCheck: {command: [CMD, /bin/busybox, "false"], interval: 1, retries: 1}'
site_commit 'a check that never succeeds'
rolls_back 'never healthy'
: >"$IT_DIR/berth.log"
site_edit 's/desiredCount: 1/desiredCount: 2/' manifests/service-lone.yaml 'something else'
check 'an unrelated commit leaves the quarantine' eventually 40 converged_back || berth_log 60
check_not 'it tries nothing again' grep -q 'deployment .* begins' <(grep local/web "$IT_DIR/berth.log")
check 'the tasks are those from before' test "$before" = "$(ids)"
berth_kill9
: >"$IT_DIR/berth.log"
berth_start
check 'the quarantine outlives a crash' eventually 40 converged_back || berth_log 60
check 'the tasks are still those from before' test "$before" = "$(ids)"

: >"$IT_DIR/berth.log"
web_task "$SITE_CHECK" 'environment: {FIXED: "1"}'
site_commit 'a fix'
check 'a fix lifts the quarantine' eventually 40 converged_well || berth_log 60
check 'with new tasks' test -z "$(comm -12 <(echo "$before") <(ids))"
before=$(ids)

: >"$IT_DIR/berth.log"
sed -i '$a\      command: [/bin/absent]' "$SITE/manifests/task-web.yaml"
site_commit 'a command that is not in the image'
rolls_back 'no such command'
check 'no such command: tasks say so' \
    grep -q 'stopped.*CannotStartContainerError: .*/bin/absent' "$IT_DIR/berth.log" || berth_log 40
revert 'no such command'

sed -i '$a\      command: [/bin/busybox, sh, -c, "exit 3"]' "$SITE/manifests/task-web.yaml"
site_commit 'a program that ends at once'
rolls_back 'ends at once'
check 'ends at once: the reason says so' \
    grep -q 'deployment failed: .*Essential container in task exited: web, exit code 3' "$IT_DIR/berth.log" || berth_log 40
end_well
finish
