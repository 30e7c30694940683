#!/bin/bash
# `make install` and `make uninstall`: what they put where, and that it works from there.
. "$(dirname "$0")/lib.sh"

to=$IT_DIR/root
at=$to/usr

make_it() # TARGET
{
    make -C "$ROOT" -s --no-print-directory MODE=release "$1" DESTDIR="$to" PREFIX=/usr
}

files()
{
    (cd "$to" && find . ! -type d -printf '%m %P\n' | sort -k 2)
}

is() # TEXT TEXT
{
    diff <(echo "$1") <(echo "$2")
}

silent() # COMMAND...: succeeds and says nothing
{
    local said
    said=$("$@" 2>&1) && [ -z "$said" ] || { echo "$said"; return 1; }
}

# Of a page that has no date nothing is wrong but that.
manual_faults()
{
    mandoc -T lint -W warning "$1" 2>&1 | grep -v 'missing date'
}

check 'it is installed' make_it install || finish
check 'every file has its place and mode' is "$(sort -k 2 <<'END'
755 usr/bin/berth
644 usr/lib/systemd/system/berth.service
644 usr/share/bash-completion/completions/berth
644 usr/share/fish/vendor_completions.d/berth.fish
644 usr/share/man/man1/berth.1
644 usr/share/zsh/site-functions/_berth
END
)" "$(files)"
check 'the program runs' "$at/bin/berth" version
check 'it is the one that was built' cmp "$at/bin/berth" "$ROOT/build/berth"
check 'the manual has no fault' is '' "$(manual_faults "$at/share/man/man1/berth.1")"
check 'it describes every verb' eval \
    '"$at/bin/berth" __complete -- "" | cut -f 1 | while read -r verb; do
        grep -q "^\.SS berth ${verb//-/\\\\-}\b" "$at/share/man/man1/berth.1" || { echo "not $verb"; exit 1; }
    done'
check 'bash reads its completion' silent bash -n "$at/share/bash-completion/completions/berth"
check 'so does zsh' silent zsh -n "$at/share/zsh/site-functions/_berth"
check 'so does fish' silent fish --no-execute "$at/share/fish/vendor_completions.d/berth.fish"

unit=$at/lib/systemd/system/berth.service
check 'the unit starts the installed program' grep -x 'ExecStart=/usr/bin/berth run ${BERTH_REPO}' "$unit"
check_not 'and nothing in it is left open' grep '@' <(grep -v '^SystemCallFilter=@' "$unit")
if command -v systemd-analyze >/dev/null; then
    sed "s:/usr/bin/berth:$at/bin/berth:" "$unit" >"$IT_DIR/berth.service"
    check 'systemd understands the unit' silent systemd-analyze verify --man=no "$IT_DIR/berth.service"
else
    note 'not checked: whether systemd understands the unit, for systemd-analyze is not here'
fi

check 'a second time changes nothing' eval 'before=$(files) && make_it install && is "$before" "$(files)"'
touch "$at/bin/other"
check 'it is removed' make_it uninstall
check 'all of it, and nothing else' is '644 usr/bin/other' "$(files)"
finish
