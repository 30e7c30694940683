/*
 * How Docker comes onto a bare host: one word of a command, for /bin/sh.  Pure.
 *
 * What it prints last says why, when it ends with anything but 0.  The installation itself goes on
 * when we or the connection die, for half a package is worse than none.
 */
#ifndef RECONCILER_RUN_INSTALLER_SCRIPT_H
#define RECONCILER_RUN_INSTALLER_SCRIPT_H

#include "spec/host_script.h"

#define INSTALLER_IS_THERE 3 /* its exit code: there is an engine, or was: nothing was done */

#define INSTALLER_SCRIPT                                                                           \
    HOST_SCRIPT_PATH                                                                               \
    "for program in docker dockerd podman; do\n"                                                   \
    "    if command -v $program >/dev/null 2>&1; then\n"                                           \
    "        echo \"$program is there\"\n"                                                         \
    "        exit 3\n"                                                                             \
    "    fi\n"                                                                                     \
    "done\n" HOST_SCRIPT_ONLY_DEBIAN("install Docker there yourself") HOST_SCRIPT_AS_ROOT          \
        "log=$(mktemp) || exit 1\n"                                                                \
        "setsid $as " HOST_SCRIPT_APT_ENVIRONMENT " sh -c '\n" HOST_SCRIPT_APT                     \
        "install docker.io\n"                                                                      \
        "' >\"$log\" 2>&1 </dev/null &\n"                                                          \
        "wait $!\n"                                                                                \
        "status=$?\n"                                                                              \
        "tail -n 20 \"$log\"\n"                                                                    \
        "rm -f \"$log\"\n"                                                                         \
        "[ $status = 0 ] || exit 1\n"                                                              \
        "if [ -n \"$as\" ]; then\n"                                                                \
        "    $as usermod -aG docker \"$(id -un)\" || exit 1\n"                                     \
        "fi\n"                                                                                     \
        "for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do\n"                   \
        "    [ ! -S /var/run/docker.sock ] || exit 0\n"                                            \
        "    sleep 1\n"                                                                            \
        "done\n"                                                                                   \
        "echo 'Docker is installed, and its engine has not begun to listen'\n"                     \
        "exit 0\n"

#endif
