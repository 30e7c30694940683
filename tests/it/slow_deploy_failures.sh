#!/bin/bash
# Commits whose deployment cannot succeed, with the circuit breaker and its rollback: what runs goes on
# running within its bounds, the failed revision is quarantined, a fix lifts that.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"
. "$(dirname "$0")/breaker.sh"

pending_for_memory()
{
    grep -q 'PENDING .*it needs 9999999 MiB of memory' <("$BERTH" ps --state "$BERTH_STATE" web)
}

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

# Nothing of such a task ever exists: of its end only the engine's answer tells.
sed -i '$a\      linuxParameters: {capabilities: {drop: [FOO]}}' "$SITE/manifests/task-web.yaml"
site_commit 'a capability that does not exist'
rolls_back 'refused'
check 'refused: the reason says so' \
    grep -q 'failed to launch a task .*CannotCreateContainerError: .*FOO' "$IT_DIR/berth.log" || berth_log 40
check 'refused: ps shows its tasks' grep -q 'STOPPED .*CannotCreateContainerError' \
    <("$BERTH" ps --all --state "$BERTH_STATE" web) || "$BERTH" ps --all --state "$BERTH_STATE" web
revert 'refused'

# Where a rollback leads is known without memory, too: the commit that the tasks name still says it.
berth_stop
rm -rf "$BERTH_STATE"
sed -i '$a\      command: [/bin/busybox, sh, -c, "exit 4"]' "$SITE/manifests/task-web.yaml"
site_commit 'a program that ends at once, and nothing is remembered'
: >"$IT_DIR/berth.log"
berth_start
rolls_back 'memory lost'
check 'memory lost: it says what it found' grep -q 'is remembered again, as commit' "$IT_DIR/berth.log" || berth_log 40
revert 'memory lost'

# Larger than any engine: it waits, and is shown.
site_edit 's/memory: 32/memory: 9999999/' manifests/task-web.yaml 'no engine is so large'
check 'too large: its tasks are pending' eventually 40 pending_for_memory
check 'too large: with the reason, also alone' grep -q 'MiB of memory' \
    <("$BERTH" why --state "$BERTH_STATE" "$("$BERTH" ps --state "$BERTH_STATE" web | awk '/PENDING/ { print $1; exit }')")
revert 'too large'

sed -i '$a\      command: [/bin/busybox, sh, -c, "exit 3"]' "$SITE/manifests/task-web.yaml"
site_commit 'a program that ends at once'
rolls_back 'ends at once'
check 'ends at once: the reason says so' \
    grep -q 'deployment failed: .*Essential container in task exited: web, exit code 3' "$IT_DIR/berth.log" || berth_log 40
end_well
finish
