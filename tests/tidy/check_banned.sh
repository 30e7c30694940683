#!/bin/sh
# Functions that are not used.  A line that must use one says why in a comment `/* tidy: ... */`.
. "$TIDY/lib.sh"
banned='strcpy|strcat|strncpy|strncat|sprintf|vsprintf|gets|strtok|atoi|atol|atoll|atof'
banned="$banned|strerror|localtime|gmtime|ctime|asctime|alloca|mktemp|tmpnam|system|popen"
banned="$banned|rand|srand|random|sleep|usleep|longjmp|abs|assert"
numbers='strtol|strtoul|strtoll|strtoull|strtoimax|strtod|strtof|sscanf'
files c h | code | awk -F '\t' -v banned="$banned" -v numbers="$numbers" '
    function find(code, names, why,    at, before, word) {
        while ((at = match(code, "(" names ")[ ]*[(]")) > 0) {
            before = substr(code, 1, at - 1)
            word = substr(code, at, RLENGTH - 1)
            code = substr(code, at + RLENGTH)
            # Not the end of a longer name, and no member.
            if (before !~ /([A-Za-z0-9_.]|->)$/)
                print $1 ":" $2 ": " word "() is not used here" why
        }
    }
    $4 ~ /\/\* tidy: / { next }
    {
        find($3, banned, "")
        if ($1 != "spec/base/text.c")
            find($3, numbers, ": numbers are parsed by spec/base/text.h")
        if ($1 != "reconciler/main.c" && $1 !~ /^tests\//)
            find($3, "exit", ": only main() ends the program")
    }' | report
