/*
 * Pieces of what is run on a remote host, for /bin/sh: constant text.
 */
#ifndef SPEC_HOST_SCRIPT_H
#define SPEC_HOST_SCRIPT_H

/* What a session over SSH leaves out of it. */
#define HOST_SCRIPT_PATH "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin\n"

/* $as runs as root, or it ends with 5. */
#define HOST_SCRIPT_AS_ROOT                                                                        \
    "as=\n"                                                                                        \
    "if [ \"$(id -u)\" != 0 ]; then\n"                                                             \
    "    as='sudo -n'\n"                                                                           \
    "    if ! $as true; then\n"                                                                    \
    "        echo 'it takes root: log in as root, or let sudo ask nothing'\n"                      \
    "        exit 5\n"                                                                             \
    "    fi\n"                                                                                     \
    "fi\n"

/* Ends with 4, and says what else to do, where there are no packages of Debian's kind. */
#define HOST_SCRIPT_ONLY_DEBIAN(instead)                                                           \
    "ID= ID_LIKE=\n"                                                                               \
    "[ ! -r /etc/os-release ] || . /etc/os-release\n"                                              \
    "case \" $ID $ID_LIKE \" in\n"                                                                 \
    "*' debian '* | *' ubuntu '*) ;;\n"                                                            \
    "*) echo \"it is neither Debian nor Ubuntu but '$ID': " instead "\"\n"                         \
    "    exit 4 ;;\n"                                                                              \
    "esac\n"

/* Within quotes, under HOST_SCRIPT_APT_ENVIRONMENT: $apt asks nothing, waits for another one, and
 * leaves files of configuration as they are; what was half configured is finished. */
#define HOST_SCRIPT_APT                                                                            \
    "    apt=\"apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0\"\n"                    \
    "    apt=\"$apt -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold\"\n"     \
    "    dpkg --configure -a && $apt update && $apt "
#define HOST_SCRIPT_APT_ENVIRONMENT                                                                \
    "env DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none"

#endif
