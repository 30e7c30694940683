#!/bin/sh
# Plants a mistake: `tests/sim/plant.sh PATCH FILE` prints the file as the patch makes it, and fails
# where that does not fit.  What a patch looks like: mutants.sh.
awk -v patch="$1" '
    function hunk_end() {
        if (!hunk)
            return
        at = index("\n" text, "\n" old)
        if (old == "" || at == 0 || index(substr("\n" text, at + 1), "\n" old) != 0)
            wrong = 1
        else
            text = substr(text, 1, at - 1) new substr(text, at + length(old))
        old = new = ""
    }
    { text = text $0 "\n" }
    END {
        while ((getline line <patch) > 0) {
            kind = substr(line, 1, 1)
            rest = substr(line, 2) "\n"
            if (line == "@@") {
                hunk_end()
                hunk = ++hunks
            } else if (hunk) {
                if (kind != "+")
                    old = old rest
                if (kind != "-")
                    new = new rest
            }
        }
        hunk_end()
        if (wrong || !hunks)
            exit 1
        printf "%s", text
    }' "$2"
