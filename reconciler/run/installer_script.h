/*
 * How Docker comes onto a bare host: one word of a command, for /bin/sh.  Pure.
 *
 * What it prints last says why, when it ends with anything but 0.  The installation itself goes on
 * when we or the connection die, for half a package is worse than none.
 */
#ifndef RECONCILER_RUN_INSTALLER_SCRIPT_H
#define RECONCILER_RUN_INSTALLER_SCRIPT_H

#define INSTALLER_IS_THERE 3 /* its exit code: there is an engine, or was: nothing was done */

#define INSTALLER_SCRIPT                                                                           \
    "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin\n"                                                 \
    "for program in docker dockerd podman; do\n"                                                   \
    "    if command -v $program >/dev/null 2>&1; then\n"                                           \
    "        echo \"$program is there\"\n"                                                         \
    "        exit 3\n"                                                                             \
    "    fi\n"                                                                                     \
    "done\n"                                                                                       \
    "ID= ID_LIKE=\n"                                                                               \
    "[ ! -r /etc/os-release ] || . /etc/os-release\n"                                              \
    "case \" $ID $ID_LIKE \" in\n"                                                                 \
    "*' debian '* | *' ubuntu '*) ;;\n"                                                            \
    "*) echo \"it is neither Debian nor Ubuntu but '$ID': install Docker there yourself\"\n"       \
    "    exit 4 ;;\n"                                                                              \
    "esac\n"                                                                                       \
    "as=\n"                                                                                        \
    "if [ \"$(id -u)\" != 0 ]; then\n"                                                             \
    "    as='sudo -n'\n"                                                                           \
    "    if ! $as true; then\n"                                                                    \
    "        echo 'it takes root: log in as root, or let sudo ask nothing'\n"                      \
    "        exit 5\n"                                                                             \
    "    fi\n"                                                                                     \
    "fi\n"                                                                                         \
    "log=$(mktemp) || exit 1\n"                                                                    \
    "setsid $as env DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none sh -c '\n"        \
    "    apt=\"apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0\"\n"                    \
    "    apt=\"$apt -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold\"\n"     \
    "    dpkg --configure -a && $apt update && $apt install docker.io\n"                           \
    "' >\"$log\" 2>&1 </dev/null &\n"                                                              \
    "wait $!\n"                                                                                    \
    "status=$?\n"                                                                                  \
    "tail -n 20 \"$log\"\n"                                                                        \
    "rm -f \"$log\"\n"                                                                             \
    "[ $status = 0 ] || exit 1\n"                                                                  \
    "if [ -n \"$as\" ]; then\n"                                                                    \
    "    $as usermod -aG docker \"$(id -un)\" || exit 1\n"                                         \
    "fi\n"                                                                                         \
    "for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do\n"                       \
    "    [ ! -S /var/run/docker.sock ] || exit 0\n"                                                \
    "    sleep 1\n"                                                                                \
    "done\n"                                                                                       \
    "echo 'Docker is installed, and its engine has not begun to listen'\n"                         \
    "exit 0\n"

#endif
