/*
 * How the packages of a host are upgraded: for /bin/sh.  Nothing asks a question, and files of
 * configuration stay as they are. What it prints last says why, when it fails.
 */
#ifndef RECONCILER_PLAN_UPGRADE_SCRIPT_H
#define RECONCILER_PLAN_UPGRADE_SCRIPT_H

#define UPGRADE_SCRIPT                                                                             \
    "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin\n"                                                 \
    "ID= ID_LIKE=\n"                                                                               \
    "[ ! -r /etc/os-release ] || . /etc/os-release\n"                                              \
    "case \" $ID $ID_LIKE \" in\n"                                                                 \
    "*' debian '* | *' ubuntu '*) ;;\n"                                                            \
    "*) echo \"it is neither Debian nor Ubuntu but '$ID': use a command\"\n"                       \
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
    "exec $as env DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none"                    \
    " NEEDRESTART_MODE=a PATH=\"$PATH\" sh -c '\n"                                                 \
    "    apt=\"apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0\"\n"                    \
    "    apt=\"$apt -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold\"\n"     \
    "    dpkg --configure -a && $apt update && $apt --with-new-pkgs upgrade\n"                     \
    "'\n"

#endif
