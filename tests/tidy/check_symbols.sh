#!/bin/sh
# What is not static is used by another file: of the program, or of a test.
. "$TIDY/lib.sh"
objects=build/release/obj
mkdir -p build/tidy
if [ -e Makefile ] && ! ${MAKE:-make} -s --no-print-directory MODE=release program \
    >build/tidy/program.log 2>&1; then
    echo 'Makefile:1: `make program` fails'
    cat build/tidy/program.log
    exit 1
fi
files c | sed "s|.*|$objects/&|; s|c\$|o|" | while read -r object; do
    [ ! -e "$object" ] || echo "$object"
done | xargs -r nm --print-file-name --format=posix | awk '
    # build/release/obj/FILE.o: SYMBOL TYPE ...
    {
        file = $1
        sub(/^build\/release\/obj\//, "", file)
        sub(/\.o:$/, ".c", file)
    }
    $3 == "U" { used[$2] = 1; next }
    $2 ~ /^mbedtls_/ { next } # stands in for one of a library
    $3 ~ /^[TDBRCVW]$/ && file !~ /^tests\// && $2 != "main" && $2 != "_start" { home[$2] = file }
    END {
        for (symbol in home)
            if (!(symbol in used))
                print symbol, home[symbol]
    }' | sort -k 2 | while read -r symbol file; do
    # A name that is not in the file is made by a macro there: tables of enumerations.
    ! grep -qw "$symbol" "$file" || files c h | grep '^tests/' | xargs -r grep -qw "$symbol" ||
        echo "$file:$(grep -nwm 1 "$symbol" "$file" | cut -d : -f 1): '$symbol' could be static"
done | report
