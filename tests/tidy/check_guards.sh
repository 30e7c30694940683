#!/bin/sh
# The include guard is the path: spec/base/err.h is SPEC_BASE_ERR_H.
. "$TIDY/lib.sh"
for file in $(files h); do
    guard=$(echo "$file" | tr 'a-z' 'A-Z' | tr -c 'A-Z0-9\n' _)
    awk -v guard="$guard" '
        /^#/ && !first { first = 1; if ($0 != "#ifndef " guard) fault = NR; next }
        /^#/ && first == 1 { first = 2; if (!fault && $0 != "#define " guard) fault = NR }
        /./ { last = $0 }
        END {
            if (fault || first < 2 || last !~ /^#endif/)
                print FILENAME ":" (fault ? fault : 1) ": the include guard must be " guard
        }' "$file"
done | report
