#!/bin/bash
# The README's tour and the tutorial, word for word: every command of their console blocks is run, and
# what it prints is compared with what the page shows.  What differs from machine to machine and from
# run to run (ids, addresses, ages, sizes) is replaced on both sides.  UPDATE=1 writes the outputs into
# the pages.
. "$(dirname "$0")/lib.sh"
ENGINE_RUNTIME=runc
. "$(dirname "$0")/engine.sh"

# A tree of its own, for `make run` makes build/hello, and the one here may be someone's.
tour_tree()
{
    local part
    mkdir -p tree/build
    for part in Makefile .make spec drivers reconciler samples docs README.md; do
        cp -a "$ROOT/$part" tree/ || return 1
    done
    for part in config.mk release gen version berth; do
        cp -a "$ROOT/build/$part" tree/build/ || return 1
    done
}

# What is the same wherever the tour is taken.  Columns are as wide as what they hold, so runs of
# blanks count as one.  Events come in the order in which engines do things, and how far they are is
# told of slow ones: only their end counts.
same()
{
    sed -E -e '/^local\/[a-z]+: \(service /d' \
        -e '/^local\/[a-z]+: [0-9]+ (of [0-9]+ tasks are healthy|tasks are being stopped)$/d' \
        -e '/^local\/[a-z]+: task [0-9a-zA-Z]+:? (is being taken out|what load balancer)/d' \
        -e 's/[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32}|\b[0-9a-f]{12}\b|\b[0-9a-f]{8}\b/ID/g' \
        -e 's/[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+/ADDRESS/g' \
        -e 's/\b20[0-9]{2}-[0-9-]{5}T[0-9:.]+Z/TIME/g' \
        -e 's/\b([0-9]+(ms|s|m|h|d))+\b/AGE/g' \
        -e 's/^repository .*, branch/repository REPOSITORY, branch/' \
        -e 's/^author +.*,/author AUTHOR,/' -e 's/ by [^,]*, TIME/ by AUTHOR, TIME/' \
        -e 's/Docker .*/ENGINE/' -e 's/task ID, visit [0-9]+/task ID, visit N/' \
        -e 's/ +/ /g' -e 's/ $//'
}

# Commands run in this shell, so that cd and export last.  Every block fenced as ```console is new; all
# other lines stay.
take_tour() # PAGE
{
    local line in_block=false
    while IFS= read -r line; do
        case $line in
        '```console') in_block=true ;;
        '```') in_block=false ;;
        esac
        if [ $in_block = true ] && [[ $line == '$ '* ]]; then
            printf '%s\n' "$line"
            eval "${line:2}" </dev/null 2>&1
        elif [ $in_block = false ] || [[ $line == '```console' ]]; then
            printf '%s\n' "$line"
        fi
    done <"$ROOT/$1" >"$IT_DIR/page.new"
    [ -z "${UPDATE-}" ] || sed -e "s:$IT_DIR/tree:/home/ada/berth:" -e "s:$IT_DIR/tmp:/home/ada:" "$IT_DIR/page.new" >"$ROOT/$1"
}

compare() # PAGE
{
    diff <(same <"$ROOT/$1") <(same <"$IT_DIR/page.new")
}

# In a session of its own, so that Ctrl-C can reach all of it, as from a terminal.
start_run()
{
    setsid env --default-signal=INT make run >"$IT_DIR/run.log" 2>&1 &
    run_pid=$!
}

has_converged()
{
    eventually 120 grep -q 'converged: 3 services' "$IT_DIR/run.log"
}

stop_run()
{
    kill -INT -- -$run_pid
    check '`make run` ends' eventually 30 eval '! kill -0 $run_pid 2>/dev/null'
}

check 'an engine starts' engine_start one || finish
export DOCKER_HOST=unix://$ENGINE_SOCK
unset GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL GIT_CONFIG_GLOBAL
check 'a tree of its own' tour_tree || finish
cd tree || finish
start_run
check '`make run` brings the sample up' has_converged ||
    { tail -n 30 "$IT_DIR/run.log"; finish; }
check 'where git knows no name, the repository has one' git -C build/hello var GIT_AUTHOR_IDENT
git config --global user.name 'Ada Lovelace' && git config --global user.email ada@berth.example
git -C build/hello config --remove-section user
take_tour README.md
check 'it says what is reconciled' grep -q '^Reconciling build/hello' "$IT_DIR/run.log"
check 'every command prints what the README shows' compare README.md
stop_run
check 'it says how to remove what runs' grep -q 'docker -H .* rm -f' "$IT_DIR/run.log"
check 'the containers go on' test "$(engine_api GET /containers/json | jq length)" -ge 5
unset BERTH_STATE
cd "$IT_DIR/tree" || finish
rm -rf build/hello build/state
start_run
check 'a sample made anew takes over what the former one left' has_converged ||
    tail -n 30 "$IT_DIR/run.log"

# With that one still there, as its reader has it.
cd "$IT_DIR/tmp" || finish
take_tour docs/tutorial/first-service.md
check 'every command prints what the tutorial shows' compare docs/tutorial/first-service.md
stop_run
finish
