#!/bin/sh
# Functions have at most 70 lines between their braces.
. "$TIDY/lib.sh"
files c h | xargs -r awk '
    FNR == 1 { start = 0 }
    /^\{/ { start = FNR }
    /^\}/ && start {
        if (FNR - start - 1 > 70)
            print FILENAME ":" start ": this function has " FNR - start - 1 " lines, at most 70 are allowed"
        start = 0
    }' | report
