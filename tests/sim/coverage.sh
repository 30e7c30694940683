#!/bin/bash
# Which lines and branches of the planner simulated lives reach: `make sim-coverage`.  A table in
# Markdown, then the functions that none of them calls and the lines that none of them runs.
#
#     tests/sim/coverage.sh OBJECTS PROGRAM FIRST COUNT
#
# make has built both with --coverage.  A life fails here only if it fails elsewhere too.
set -u
cd "$(dirname "$0")/../.." || exit 1

objects=$1
program=$2
first=$3
count=$4
work=build/coverage/report
folder=reconciler/plan

rm -rf $work
mkdir -p $work
for floor in spec drivers reconciler tests; do # gcov looks for sources where it writes
    ln -s "../../../$floor" "$work/$floor"
done
find "$objects" -name '*.gcda' -delete
"$program" "$first" "$count" >$work/lives.log 2>&1 || {
    cat $work/lives.log
    exit 1
}
for data in "$objects/$folder"/*.gcda; do
    name=$(basename "$data" .gcda)
    # Each .gcov file is of one source, headers included: only the source itself counts.
    (cd $work && gcov --branch-probabilities --branch-counts --object-directory "../../../${data%/*}" \
        "../../../$data" >"$name.summary" 2>&1)
done

echo "Seeds $first to $((first + count - 1)), at $(git describe --always --dirty):"
echo
echo '| file | lines | reached | branches | taken |'
echo '| --- | --: | --: | --: | --: |'
for source in "$folder"/*.c; do
    name=$(basename "$source" .c)
    awk -v file="$source" -v name="$name" '
        $0 == "File \047" file "\047" { here = 1; next }
        /^File / { here = 0 }
        here && match($0, /^Lines executed:/) { split($0, lines, /[:%]| of /) }
        here && match($0, /^Taken at least once:/) { split($0, branches, /[:%]| of /) }
        here && /^No branches/ { branches[2] = 100; branches[4] = 0 }
        END {
            if (!(4 in lines)) {
                printf "| `%s.c` | | not linked | | |\n", name
                exit
            }
            printf "| `%s.c` | %d | %.1f %% | %d | %.1f %% |\n", name, lines[4], lines[2],
                branches[4], branches[2]
        }' "$work/$name.summary" 2>/dev/null || printf '| `%s.c` | | not linked | | |\n' "$name"
done

echo
echo 'Functions that no life calls:'
echo
for source in "$folder"/*.c; do
    report=$work/$(basename "$source").gcov
    [ -e "$report" ] || continue
    awk -v name="$(basename "$source")" '
        $1 == "function" && $4 == 0 { printf "- `%s`: `%s`\n", name, $2 }' "$report"
done
echo
echo 'Lines of other functions that no life runs:'
echo
for source in "$folder"/*.c; do
    report=$work/$(basename "$source").gcov
    [ -e "$report" ] || continue
    awk -F: -v name="$(basename "$source")" '
        /^function / { split($0, word, " "); dead = word[4] == 0; next }
        $1 ~ /#####/ && !dead {
            line = $2 + 0
            text = $0
            sub(/^[^:]*:[^:]*:[ \t]*/, "", text)
            printf "%s:%d: %s\n", name, line, text
        }' "$report"
done
