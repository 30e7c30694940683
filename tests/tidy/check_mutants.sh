#!/bin/sh
# Each planted mistake fits the file that it is planted into.
. "$TIDY/lib.sh"
for patch in tests/sim/mutants/*.patch; do
    [ -e "$patch" ] || continue
    file=$(sed -n 's/^--- //p' "$patch")
    "$TIDY/../sim/plant.sh" "$patch" "$file" >/dev/null 2>&1 || echo "$patch:2: does not fit $file any more"
done | report
