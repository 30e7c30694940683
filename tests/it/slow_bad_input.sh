#!/bin/bash
# Commits with mistakes in their manifests, one after another, to one Berth that runs one healthy
# service: each is rejected with file, line and column, in the log and in `berth status`, and nothing
# that runs is touched; the good commit between them is applied.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/engine.sh"
. "$(dirname "$0")/site.sh"

BAD=$SITE/manifests/bad.yaml

started() # id and start of every container of ours: a restart would show
{
    local id
    for id in $(containers | jq -r '.[].Id' | sort); do
        engine_api GET "/containers/$id/json" | jq -r '.Id + " " + .State.StartedAt'
    done
}

actions()
{
    grep -c ' action ' "$IT_DIR/berth.log"
}

service() # NAME [LINE...]: lines 1 to 6, and those
{
    printf '%s\n' 'apiVersion: berth/v1' 'kind: Service' "metadata: {name: $1}" 'spec:' \
        '  cluster: local' '  taskDefinition: web'
    shift
    [ $# = 0 ] || printf '  %s\n' "$@"
}

status()
{
    "$BERTH" status --state "$BERTH_STATE"
}

said() # COMMIT PATTERN: the log's block about its rejection has the pattern
{
    sed -n "/error  *commit $1 is rejected, nothing was changed:/,/^[0-9]/p" "$IT_DIR/berth.log" |
        grep -qE "$2"
}

# rejects DESCRIPTION PATTERN...: commits what is there; each PATTERN is told, the first one in `berth
# status` too; what runs is what ran.
rejects()
{
    local what=$1 pattern commit first=$2
    shift
    git_commit "$SITE" "$what"
    commit=$(git -C "$SITE" rev-parse --short=8 HEAD)
    for pattern in "$@"; do
        check "$what: is told" eventually 60 said "$commit" "$pattern" || berth_log 12
    done
    status >"$IT_DIR/status" 2>&1
    check "$what: status names the commit" grep -qE "^rejected +$commit has [1-9][0-9]* mistakes? and changes nothing" "$IT_DIR/status" || cat "$IT_DIR/status"
    check "$what: status has the first mistake" grep -qE "$first" "$IT_DIR/status" || cat "$IT_DIR/status"
    check "$what: nothing is touched" test "$before" = "$(started)" -a "$acted" = "$(actions)"
}

# bad DESCRIPTION PATTERN...: with standard input as one more manifest; not behind a pipe, where its
# checks would be counted in another shell.
bad()
{
    cat >"$BAD"
    rejects "$@"
    rm -f "$BAD"
}

check 'an engine starts' engine_start one || finish
site_begin
site_task web "$SITE_CHECK"
site_service web web 2
site_commit 'all is well'
berth_start
check 'it converges' eventually 120 converged || { berth_log 100; finish; }
before=$(started)
acted=$(actions)
check 'two tasks run' count_is 2 "$(service_is web)"

# ---- what a person mistypes ----
bad 'an unknown key' \
    "manifests/bad.yaml:7:3: unknown key 'desiredCuont': did you mean 'desiredCount'\?" \
    < <(service two 'desiredCuont: 1')
bad 'a list for a number' 'manifests/bad.yaml:7:17: desiredCount: a list where' \
    < <(service two 'desiredCount: [1]')
bad 'a word for a number' "manifests/bad.yaml:7:17: desiredCount: 'many' is not" \
    < <(service two 'desiredCount: many')
bad 'a negative number' "manifests/bad.yaml:7:17: desiredCount: '-1' is not" \
    < <(service two 'desiredCount: -1')
bad 'an absurd number' "manifests/bad.yaml:7:17: desiredCount: '9*' is not" \
    < <(service two 'desiredCount: 99999999999999999999')
bad 'a reference to nothing' \
    "manifests/bad.yaml:6:19: there is no Task 'wep': did you mean 'web'\?" \
    < <(service two | sed 's/taskDefinition: web/taskDefinition: wep/')
bad 'a cycle of services' \
    'manifests/bad.yaml:15:15: dependsOn: a cycle: two -> three -> two' \
    < <(service two 'dependsOn: [three]'; echo ---; service three 'dependsOn: [two]')
bad 'a key twice' \
    "manifests/bad.yaml:8:3: duplicate key 'desiredCount': it was given in line 7 already" \
    < <(service two 'desiredCount: 1' 'desiredCount: 2')
bad 'a resource in two files' \
    "manifests/bad.yaml:3:18: Service 'web' is declared twice: the other one is at manifests/service-web.yaml:3:18" \
    < <(service web)
bad 'two documents of one name' \
    "manifests/bad.yaml:10:18: Service 'two' is declared twice: the other one is at manifests/bad.yaml:3:18" \
    < <(service two; echo ---; service two)
bad 'no such kind' "manifests/bad.yaml:2:7: kind: there is no 'Sevrice': did you mean 'Service'\?" \
    < <(service two | sed 's/kind: Service/kind: Sevrice/')
bad 'a tab' 'manifests/bad.yaml:6:1: a tab cannot indent' \
    < <(service two 'cluster: local' | sed 's/  taskDefinition/\ttaskDefinition/')
bad 'a bracket that is not closed' 'manifests/bad.yaml:8:1: not valid YAML: did not find expected' \
    < <(service two; echo 'x: {a: [1')
bad 'no manifest at all' 'manifests/bad.yaml:1:1: a document must be a map' \
    < <(echo 'just words')
bad 'several mistakes' \
    'manifests/bad.yaml:7:3: unknown key' "manifests/bad.yaml:8:15: there is no Service 'nobody'" 'manifests/bad.yaml:9:23: schedulingStrategy: .*REPLICA' \
    < <(service two 'desiredCuont: 1' 'dependsOn: [nobody]' 'schedulingStrategy: ALL')
mkdir "$SITE/env"
for number in 0 1 2 3 4 5 6 7 8 9; do # each within its limits
    awk -v n=$number 'BEGIN { for (i = 0; i < 20000; i++) print "v" n "_" i "=" }' >"$SITE/env/$number.env"
done
bad 'environment files that are too much together' \
    "manifests/bad.yaml:[0-9]+:18: service 'two', with its Task and environment files, is too large" \
    < <(sed 's/^metadata:.*/metadata: {name: much}/' "$SITE/manifests/task-web.yaml"
        printf '      environmentFiles: ['; printf '{value: env/%s.env}, ' 0 1 2 3 4 5 6 7 8 9; echo ']'
        echo ---; service two | sed 's/taskDefinition: web/taskDefinition: much/')
rm -r "$SITE/env"

# Between them a good one: what was wrong before is forgotten.
site_edit 's/desiredCount: 2/desiredCount: 3/' manifests/service-web.yaml 'a good one'
check 'the next good commit is applied' eventually 120 converged || berth_log 30
check 'three tasks run' count_is 3 "$(service_is web)"
check_not 'status tells of no mistake' eval 'status | grep -q ^rejected'
check 'those that ran run on' test -z "$(comm -23 <(echo "$before") <(started))"
before=$(started)
acted=$(actions)

# ---- what no person writes ----
bomb()
{
    local last next
    echo 'a: &a [x, x, x, x, x, x, x, x, x]'
    last=a
    for next in b c d e f g h i; do
        echo "$next: &$next [*$last, *$last, *$last, *$last, *$last, *$last, *$last, *$last, *$last]"
        last=$next
    done
}
bad 'an alias bomb' 'manifests/bad.yaml:6:12: the file has more than 200000 values, aliases written out' < <(bomb)
bad 'a file of 100 MB' 'manifests/bad.yaml: it has 100000000 bytes: a manifest has at most 1048576' \
    < <(head -c 100000000 /dev/zero | tr '\0' '#')
bad 'a binary file' 'manifests/bad.yaml:1:[0-9]+: a byte that is not UTF-8 text' < <(head -c 100000 /bin/busybox)
bad 'not UTF-8' 'manifests/bad.yaml:3:21: a byte that is not UTF-8 text' \
    < <(service two | sed 's/two/caf\xe9/')
bad 'UTF-16' 'manifests/bad.yaml:1:1: a byte that is not UTF-8 text' \
    < <(service two | sed 's/$/\r/' | iconv -t UTF-16)
bad 'a NUL' 'manifests/bad.yaml:7:11: a NUL character' \
    < <(service two 'x-note: "a\0b"')

deep()
{
    service two
    printf '  x-deep: '
    printf '[%.0s' {1..500}
    printf ']%.0s' {1..500}
    echo
}
bad 'deep nesting' 'manifests/bad.yaml:7:[0-9]+: more than 32 levels of nesting' < <(deep)
ln -s /etc/passwd "$BAD"
rejects 'a link out of the repository' 'manifests/bad.yaml: it is a symbolic link that leaves the repository'
rm "$BAD"
rm "$SITE"/manifests/*
cp /bin/busybox "$SITE/manifests/busybox"
service two | sed 's/taskDefinition: web/taskDefinition: wep/' >"$BAD"
rejects 'all manifests gone but a wrong one' "manifests/bad.yaml:5:12: there is no Cluster 'local'" \
    "manifests/bad.yaml:6:19: there is no Task 'wep'"
git -C "$SITE" revert --no-edit HEAD >/dev/null
rm "$BAD"
mkdir -p "$SITE/manifests/$(printf 'd/%.0s' {1..80})"
service two >"$SITE/manifests/$(printf 'd/%.0s' {1..80})bad.yaml"
rejects 'deep folders' 'more than 64 folders deep'
rm -r "$SITE/manifests/d"

# A commit that is wrong does not hide what happens to what runs.
bad 'wrong once more' "manifests/bad.yaml:7:3: unknown key 'desiredCuont'" \
    < <(service two 'desiredCuont: 1')
victim=$(containers "$(service_is web)" | jq -r '.[0].Id')
check 'a task dies while the tip is wrong' engine_api POST "/containers/$victim/kill"
check 'it is replaced' eventually 40 count_is 3 "$(service_is web) and .Id != \"$victim\"" || berth_log 20
berth_kill9
: >"$IT_DIR/berth.log"
berth_start
check 'started again, the mistake is told again' eventually 30 said "$(git -C "$SITE" rev-parse --short=8 HEAD)" "unknown key 'desiredCuont'" || berth_log
before=$(started)
sleep 2
check 'and nothing is touched' test "$before" = "$(started)"

git -C "$SITE" rm -q -f manifests/bad.yaml
git_commit "$SITE" 'good again'
check 'the next good commit is applied again' eventually 120 converged || berth_log 30
check 'with the same containers' test "$before" = "$(started)"
berth_stop
finish
