#!/bin/bash
# The rules find what they are for: each planted fault must be reported, and nothing else.
self=$(mktemp -d) || exit 1
trap 'rm -rf "$self"' EXIT
cp .clang-format "$self/"
cd "$self" || exit 1
mkdir -p spec/base drivers/io drivers/fargate drivers/sim reconciler/plan reconciler/cli tests/unit \
    docs/reference build/release/obj/spec

# plant FILE LINE...; {N} in a line stands for N blank lines
plant()
{
    local file=$1
    shift
    printf '%s\n' "$@" >"$file"
}
header() # FILE LINE...
{
    local file=$1 guard
    guard=$(echo "$file" | tr a-z A-Z | tr -c 'A-Z0-9\n' _)
    shift
    plant "$file" "#ifndef $guard" "#define $guard" "$@" '#endif'
}
header spec/base/ok.h
header spec/ok.h '#include "spec/base/ok.h"'
header drivers/driver.h '#include "spec/ok.h"'
header drivers/io/ok.h
header reconciler/cli/ok.h
plant reconciler/main.c '#include "reconciler/cli/ok.h"' '#include "spec/ok.h"'
plant spec/base/up.c '#include "spec/ok.h"' '#include "ok.h"'
plant drivers/fargate/ok.c '#include <time.h>' '' '#include "drivers/driver.h"' \
    '#include "drivers/io/ok.h"' '#include "spec/base/ok.h"'
plant drivers/sim/io.c '#include "drivers/io/ok.h"'
plant drivers/fargate/third.c '#include <uv.h>' '#include <yaml.h>' '#include <uthash.h>' \
    '#include <nobody.h>' '#include <sys/stat.h>'
plant reconciler/plan/clock.c '#include <string.h>' '#include <time.h>' '#include "drivers/driver.h"'
header spec/alone.h 'struct bad { uint32_t x; };'
plant spec/guard.h '#ifndef GUARD_H' '#define GUARD_H' '#endif'
plant spec/banned.c 'int f(void) /* strcpy( */' '{' '    puts("system(1)");' \
    '    x->exit(1), my_exit(2), exit (3);' '    strtok(a, b); /* tidy: shown here */' \
    "    c = '\"', sprintf(a, b);" '}' '// not this'
plant spec/work.c "/* TO""DO: more */"
{ echo 'void f(void)'; echo '{'; yes '' | head -n 71; echo '}'; } >spec/function.c
yes '' | head -n 601 >spec/long.c
plant spec/line.def "$(printf '%0101d' 0)" 'end ' "$(printf '%099d' 0)é"
plant spec/format.c 'int  x;'
touch other
mkdir -p tests/sim/mutants
plant tests/sim/mutants/fits.patch 'One.' '--- spec/format.c' '@@' '-int  x;' '+int y;'
plant tests/sim/mutants/stale.patch 'Another.' '--- spec/format.c' '@@' '-int z;' '+int y;'
plant spec/lonely.c '' 'int lonely = 1;' 'int shared = 2;' 'int tested = 3;'
plant spec/friend.c 'extern int shared;' 'int *const tested_too = &shared;'
plant tests/unit/user.c 'extern int tested;' 'extern int *const tested_too;'
for name in lonely friend; do
    ${CC:-gcc} -c -o build/release/obj/spec/$name.o spec/$name.c || exit 1
done
plant docs/reference/stale.md old
plant docs/reference/good.md good
plant docs/reference/gone.md gone
plant Makefile '.PHONY: program docs' 'program:' 'docs:' \
    "$(printf '\t@cd $(DOCS) && echo new >stale.md && echo good >good.md && echo new >new.md')"

expected=$(sort <<'TEXT'
layers reconciler/main.c:2
layers spec/base/up.c:1
layers spec/base/up.c:2
layers spec/base/up.c:2
layers drivers/sim/io.c:1
layers reconciler/plan/clock.c:3
headers drivers/fargate/third.c:1
headers drivers/fargate/third.c:2
headers drivers/fargate/third.c:4
headers reconciler/plan/clock.c:2
alone spec/alone.h:3
guards spec/guard.h:1
size spec/long.c:600
functions spec/function.c:2
banned spec/banned.c:4
banned spec/banned.c:6
lines spec/line.def:1
lines spec/line.def:2
words spec/banned.c:8
words spec/work.c:1
format spec/format.c:1
symbols spec/lonely.c:2
generated docs/reference/stale.md:1
generated docs/reference/gone.md:1
generated docs/reference/new.md:1
places other:1
mutants tests/sim/mutants/stale.patch:2
TEXT
)
found=$(for rule in layers headers alone guards size functions banned lines words places symbols \
    generated mutants; do
    "$TIDY/check_$rule.sh" 2>&1 | awk -F : -v rule="$rule" '!/note:/ { print rule, $1 ":" $2 }'
done
"$TIDY/check_format.sh" | awk -F : '/^spec\/format/ && !n++ { print "format", $1 ":" $2 }')
if [ "$(echo "$found" | sort)" != "$expected" ]; then
    diff <(echo "$expected") <(echo "$found" | sort) |
        sed -n 's|^< |tests/tidy:1: not found: |p; s|^> |tests/tidy:1: found without reason: |p'
    exit 1
fi
