#!/bin/sh
# docs/reference is what the program prints: `make docs` writes it to DOCS.
. "$TIDY/lib.sh"
[ -d docs/reference ] || exit 0
fresh=build/tidy/reference
rm -rf $fresh
mkdir -p $fresh
if ! ${MAKE:-make} -s --no-print-directory docs DOCS=$fresh >build/tidy/docs.log 2>&1; then
    echo "docs/reference:1: \`make docs\` fails"
    cat build/tidy/docs.log
    exit 1
fi
diff -rq docs/reference $fresh | sed -E 's|^Files (.*) and .* differ$|\1|; s|^Only in (.*): |\1/|
    s|^.*/tidy/reference|docs/reference|; s|$|:1: is not what the program prints: run `make docs`|' |
    report
