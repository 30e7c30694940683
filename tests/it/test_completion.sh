#!/bin/bash
# Completion as people meet it: the real shells, what they put in place of the word at the cursor.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/site.sh"

PATH=$(dirname "$BERTH"):$PATH
mkdir -p "$IT_DIR/scripts" "$IT_DIR/here/folder"
touch "$IT_DIR/here/file"
export HOME=$IT_DIR/here TERM=dumb

# ---- The shells.  in_SHELL LINE...: for each line, in a line of its own, what is offered for its last
# word.

# Readline takes its keys from a pipe too: ESC * inserts all completions.
in_bash()
{
    {
        echo "source $IT_DIR/scripts/bash"
        printf '%s\e*\001echo "GOT \005"\n' "$@"
        echo exit
    } | bash --norc -i 2>/dev/null | inserted "$@"
}

# zsh wants a terminal.
in_zsh()
{
    zsh -f "$IT_DIR/capture.zsh" "$IT_DIR/scripts" "$@" | tr -d '\r' | inserted "$@"
}
cat >"$IT_DIR/capture.zsh" <<'END'
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; unset zle_bracketed_paste; unsetopt prompt_cr prompt_sp; fpath=($1 \$fpath)"
zpty -w shell 'autoload -Uz compinit; compinit -u -D; zle -C all-matches complete-word _generic'
zpty -w shell 'bindkey "^Xa" all-matches; zstyle ":completion:all-matches:*" insert yes'
zpty -w shell 'zstyle ":completion:all-matches:*" completer _all_matches _complete'
zpty -w shell 'print "RE""ADY"'
zpty -r shell seen "*READY*"
for line in "${@:2}"; do
    zpty -w -n shell "$line"$'\C-Xa\C-Aprint -r "GOT \C-E"\n'
    zpty -r shell seen $'*\nGOT *\n*'
    print -r -- $seen
done
zpty -d shell
END

in_fish()
{
    # shellcheck disable=SC2016
    fish --no-config -c 'source $argv[1]/fish
        for line in $argv[2..-1]
            echo (complete -C $line | string replace -r "\t.*" "")
        end' "$IT_DIR/scripts" "$@"
}

# What was inserted in the place of each line's last word, of `GOT LINE`; nothing where the line stayed
# as it was.
inserted() # LINE...
{
    local now
    sed -n 's/^GOT //p' | while IFS= read -r now; do
        [ "${now% }" != "${1% }" ] || now=
        printf '%s\n' "${now#"${1%"${1##* }"}"}"
        shift
    done
}

# ---- What is to be offered

lines=()
wanted=()
names=()
offers() # NAME LINE WORD...
{
    names+=("$1")
    lines+=("$2")
    wanted+=("$(sorted "${*:3}")")
}

# The words of a line; what `--option=` takes may have that in front, a folder a '/' at its end.
sorted() # WORDS
{
    printf '%s\n' $1 | sed 's/^--[^=]*=//; s|/$||' | sort
}

cd "$HOME" || exit
verbs=$(berth __complete -- '' | cut -f 1)
options=$(berth __complete -- ps -- | cut -f 1)
check 'the program knows verbs and options' test -n "$verbs" -a -n "$options" || finish

offers 'all verbs' 'berth ' $verbs
offers 'a verb' 'berth stat' status
offers 'the verbs of help' 'berth help stat' status
offers 'nothing after no verb' 'berth nonsense '
offers 'all options' 'berth ps --' $options
offers 'an option' 'berth version --outp' --output
offers 'values of an option' 'berth version --output ' json markdown text
offers 'of its letter' 'berth version -o j' json
offers 'in the same word' 'berth version --output=' json markdown text
offers 'one of them' 'berth version --output=j' json
offers 'paths of a manifest' 'berth explain Cluster.launchT' Cluster.launchType
offers 'files and folders' 'berth validate ./f' ./file ./folder
offers 'only folders' 'berth plan ./f' ./folder
offers 'files for an option' 'berth ps --config ./fi' ./file
offers 'files in the same word' 'berth ps --config=./fi' ./file
offers 'folders in the same word' 'berth ps --state=./f' ./folder
offers 'names of services' "berth ps --state $BERTH_STATE w" web
offers 'names with their cluster' "berth ps --state=$BERTH_STATE local/" \
    local/lone local/pair local/web
offers 'names of clusters' "berth ps --state $BERTH_STATE --cluster l" local

# ---- A Berth that knows names; it needs no engine for that

check 'a repository of manifests' site_make || finish
DOCKER_HOST=unix://$IT_DIR/no-engine "$BERTH" run "$SITE" --path manifests --owner it \
    --state "$BERTH_STATE" >>"$IT_DIR/berth.log" 2>&1 &
berth_pid=$!
knows()
{
    [ -n "$(berth __complete -- ps --state "$BERTH_STATE" w)" ]
}
check 'a run that has read them' eventually 30 knows || { berth_log; finish; }

is() # WORDS WORDS
{
    diff <(echo "$1") <(echo "$2")
}

for shell in bash zsh fish; do
    script=$shell
    [ $shell != zsh ] || script=_berth
    check "$shell: its script" eval "berth completion $shell >'$IT_DIR/scripts/$script'"
    mapfile -t found < <(in_$shell "${lines[@]}")
    for at in "${!lines[@]}"; do
        check "$shell: ${names[at]}" is "${wanted[at]}" "$(sorted "${found[at]-none at all}")"
    done
done
check 'fish tells what they mean' is "$(fish --no-config -c \
    "source $IT_DIR/scripts/fish; complete -C 'berth version -o j'")" json$'\t'"for programs"

check 'the run stops' berth_stop
for shell in bash zsh fish; do
    check "$shell: without a run no names, and no complaint" \
        is '' "$(in_$shell "berth ps --state $BERTH_STATE ")"
done
finish
