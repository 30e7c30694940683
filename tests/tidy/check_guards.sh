#!/bin/sh
# The include guard is the path: spec/base/err.h is SPEC_BASE_ERR_H.
. "$TIDY/lib.sh"
files h | xargs -r awk '
    function end_of(file) {
        if (file != "" && (fault || found < 2 || last !~ /^#endif/))
            print file ":" (fault ? fault : 1) ": the include guard must be " guard
    }
    FNR == 1 {
        end_of(file)
        file = FILENAME
        guard = toupper(file)
        gsub(/[^A-Z0-9]/, "_", guard)
        found = fault = 0
        last = ""
    }
    /^#/ && found == 0 { found = 1; if ($0 != "#ifndef " guard) fault = FNR; next }
    /^#/ && found == 1 { found = 2; if (!fault && $0 != "#define " guard) fault = FNR }
    /./ { last = $0 }
    END { end_of(file) }' | report
