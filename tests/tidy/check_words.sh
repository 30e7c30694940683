#!/bin/sh
# Sources say what is, not what might come: none of the usual words for unfinished work, no
# commented-out code, and `//` only where a tool wants it.
. "$TIDY/lib.sh"
words='TO''DO|FIX''ME|X''XX|HA''CK|for'' now'
{
    { files c h def sh txt; ls Makefile .make/* .ci/* 2>/dev/null; } |
        xargs -r grep -HnE "(^|[^A-Za-z])($words)([^A-Za-z]|\$)" |
        sed -E 's/^([^:]*:[0-9]+:).*/\1 a word for unfinished work/'
    files c h | xargs -r grep -HnE '^[^"]*//' | grep -vE '//[ ]*NOLINT|https?://|/\*.*//|^[^:]*:[0-9]+: \*' |
        sed -E 's/^([^:]*:[0-9]+:).*/\1 comments are written between slash and star/'
} | report
