#!/bin/sh
# The top of the tree stays as it is agreed.
. "$TIDY/lib.sh"
ls -A | grep -vxE 'Makefile|README\.md|reconciler|spec|drivers|tests|samples|docs|build|\..*' |
    sed 's/$/:1: is not agreed at the top of the tree/' | report
