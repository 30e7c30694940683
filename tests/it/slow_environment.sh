#!/bin/bash
# Environment files: what they say is part of the revision, and what is wrong with them is told.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

variable() # NAME: in the container of web that runs
{
    engine_api GET "/containers/$(containers "$(service_is web)" | jq -r '.[0].Id')/json" |
        jq -r '.Config.Env[]' | sed -n "s/^$1=//p"
}

tasks()
{
    containers "$(service_is web)" | jq -r '.[].Id' | sort
}

plan() # REF
{
    DOCKER_HOST=unix://$ENGINE_SOCK "$BERTH" plan "$SITE" --path manifests --owner it \
        --state "$BERTH_STATE" --ref "$1"
}

plan_says() # REF PATTERN
{
    plan "$1" | tee "$IT_DIR/plan" | grep -E -- "$2" || { cat "$IT_DIR/plan"; return 1; }
}

rejected() # PATTERN
{
    eventually 30 grep -E -- "$1" "$IT_DIR/berth.log"
}

check 'an engine starts' engine_start one || finish
check 'a repository of manifests' site_begin || finish
mkdir "$SITE/config"
printf '%s\n' '# of web' 'COLOR=blue' 'WORDS="two words" # and more' 'DB_PASSWORD=first' 'EMPTY=' \
    >"$SITE/config/web.env"
printf '%s\n' 'COLOR=none' 'LEVEL=info' 'MODE=file' >"$SITE/common.env"
site_task web 'environment: {MODE: written}' 'environmentFiles:' \
    '  - {value: config/web.env, type: s3}' '  - {value: common.env, type: s3}'
site_service web web 1
site_commit 'variables in files' >/dev/null
berth_start
check 'it converges' eventually 90 converged || { berth_log; finish; }
check 'a value is taken as it stands' test "$(variable WORDS)" = '"two words" # and more'
check 'an empty one too' eval 'variable EMPTY | grep -qx ""'
check 'the first file wins' test "$(variable COLOR)" = blue
check 'the second adds' test "$(variable LEVEL)" = info
check 'environment wins over files' test "$(variable MODE)" = written

before=$(tasks)
sed -i '1s/.*/# of web, only said in another way/' "$SITE/config/web.env"
sed -i 's/LEVEL=info/LEVEL=info\n/' "$SITE/common.env"
site_commit 'a comment' >/dev/null
check 'a comment converges' eventually 60 converged || berth_log
check 'and replaces nothing' test "$before" = "$(tasks)"
sed -i '/^LEVEL/d' "$SITE/common.env"
sed -i 's/{MODE: written}/{MODE: written, LEVEL: info}/' "$SITE/manifests/task-web.yaml"
site_commit 'a variable moves' >/dev/null
check 'a variable that moves to the manifest too' eventually 60 converged || berth_log
check 'replaces nothing' test "$before" = "$(tasks)"

git -C "$SITE" switch -q -c next
sed -i 's/COLOR=blue/COLOR=green/; s/PASSWORD=first/PASSWORD=second/; /^EMPTY/d' "$SITE/config/web.env"
site_commit 'green' >/dev/null
git -C "$SITE" switch -q main
check 'a plan tells each variable' plan_says next 'environment.*COLOR.*: blue -> green +# new tasks'
check 'and one that goes' grep -E 'environment.*EMPTY' "$IT_DIR/plan"
check 'but no secret' grep -E 'DB_PASSWORD.*: \(sensitive\) -> \(sensitive\)' "$IT_DIR/plan"
check_not 'at all' grep -E 'first|second' "$IT_DIR/plan"
check 'offline too' eval "'$BERTH' plan '$SITE' --path manifests --offline --base main --ref next |
    grep -E 'COLOR.*: blue -> green'"
git -C "$SITE" merge -q next
check 'the change converges' eventually 60 converged || berth_log
check 'new tasks have it' test "$(variable COLOR) $(variable DB_PASSWORD)" = 'green second'
check_not 'and only they run' grep -qF "$before" <(tasks)

before=$(tasks)
git -C "$SITE" mv config/web.env config/renamed.env
sed -i 's/web.env/renamed.env/' "$SITE/manifests/task-web.yaml"
site_commit 'another name' >/dev/null
check 'a file that is renamed converges' eventually 60 converged || berth_log
check 'and replaces nothing' test "$before" = "$(tasks)"

printf '%s\n' 'COLOR=red' 'export SECRET=hidden-7731' >>"$SITE/config/renamed.env"
site_commit 'bad lines' >/dev/null
check 'a line that gives a name twice is a mistake with its place' \
    rejected "config/renamed.env:5:1: 'COLOR' is given twice"
check 'so is a line of shell' rejected "config/renamed.env:6:1: 'export SECRET' is no name"
check_not 'whose value is told nowhere' grep hidden-7731 "$IT_DIR/berth.log"
git -C "$SITE" revert --no-edit HEAD >/dev/null
git -C "$SITE" rm -q common.env
ln -s config/renamed.env "$SITE/common.env"
site_commit 'a link' >/dev/null
check 'a link is a mistake at the manifest' \
    rejected "task-web.yaml:[0-9]+:[0-9]+: environmentFiles: 'common.env' is a symbolic link"
git -C "$SITE" rm -q common.env
site_commit 'no file' >/dev/null
check 'so is a file that is not there' \
    rejected "task-web.yaml:[0-9]+:[0-9]+: environmentFiles: there is no file 'common.env' at commit"
head -c 300000 /dev/zero | tr '\0' '#' >"$SITE/common.env"
site_commit 'too large' >/dev/null
check 'and one that is too large' rejected "environmentFiles: 'common.env': blob .* at most 262144"
check 'all of it changed nothing' test "$before" = "$(tasks)"
echo MODE=file >"$SITE/common.env"
site_commit 'right again' >/dev/null
check 'a right one is accepted again' eventually 60 converged || berth_log
check 'and is the same as before' test "$before" = "$(tasks)"

berth_stop
rm -rf "$BERTH_STATE"
berth_start
check 'a start without memory' eventually 60 eval "tail -n 3 '$IT_DIR/berth.log' | grep converged"
check 'replaces nothing' test "$before" = "$(tasks)"
finish
