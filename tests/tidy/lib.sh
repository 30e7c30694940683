# shellcheck shell=sh
# Sourced by every check.

# Files of the floors and the tests by the endings given: `files c h def`.
files()
{
    for ending in "$@"; do
        find $(for top in spec drivers reconciler tests; do [ ! -d $top ] || echo $top; done) \
            -name "*.$ending" -type f
    done | sort
}

# Reads files named on standard input; prints `file<TAB>line<TAB>code<TAB>original`, where code has
# its comments gone and its texts empty.
code()
{
    xargs -r awk '
        FNR == 1 { comment = 0 }
        {
            line = $0
            out = ""
            while (line != "") {
                if (comment) {
                    at = index(line, "*/")
                    if (at == 0)
                        break
                    line = substr(line, at + 2)
                    comment = 0
                    continue
                }
                at = match(line, /\/\*|\/\/|"|\047/)
                if (at == 0) {
                    out = out line
                    break
                }
                out = out substr(line, 1, at - 1)
                token = substr(line, at, 2)
                if (token == "/*") {
                    comment = 1
                    line = substr(line, at + 2)
                } else if (token == "//") {
                    break
                } else {
                    quote = substr(token, 1, 1)
                    line = substr(line, at + 1)
                    while (line != "" && substr(line, 1, 1) != quote)
                        line = substr(line, substr(line, 1, 1) == "\\" ? 3 : 2)
                    line = substr(line, 2)
                    out = out quote quote
                }
            }
            original = $0
            gsub(/\t/, " ", out)
            print FILENAME "\t" FNR "\t" out "\t" original
        }'
}

# Last command of a check: prints what it reads, fails if that is anything.
report()
{
    ! grep .
}
