#!/bin/sh
# An upper floor includes a lower one, never the other way: layers.txt.
. "$TIDY/lib.sh"
files c h def | grep -v '^tests/' | xargs -r awk '
    function inside(path, place) { return path == place || index(path, place "/") == 1 }
    FILENAME == ARGV[1] {
        if (/^[^#]/) {
            order[++count] = $1
            allowed[$1] = $0
        }
        next
    }
    FNR == 1 {
        home = ""
        for (i = 1; i <= count; i++)
            if (inside(FILENAME, order[i]) && length(order[i]) > length(home))
                home = order[i]
        places = split(allowed[home], place, " ")
    }
    FNR == 1 && home == "" { print FILENAME ":1: in no layer: name its folder in tests/tidy/layers.txt" }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        used = $0
        sub(/^[^"]*"/, "", used)
        sub(/".*/, "", used)
        if ((getline discard < used) < 0)
            print FILENAME ":" FNR ": \047" used "\047 is no path from the top of the tree"
        close(used)
        good = 0
        for (i = 1; i <= places; i++)
            if (inside(used, place[i]))
                good = 1
        # The own folder allows only what is not a layer of its own.
        if (good && inside(used, home))
            for (i = 1; i <= count; i++)
                if (length(order[i]) > length(home) && inside(order[i], home) &&
                    inside(used, order[i]) && index(allowed[home] " ", " " order[i] " ") == 0)
                    good = 0
        if (!good)
            print FILENAME ":" FNR ": " home " may not include \047" used "\047"
    }' "$TIDY/layers.txt" | report
