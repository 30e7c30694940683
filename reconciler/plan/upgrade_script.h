/*
 * How the packages of a host are upgraded: for /bin/sh.  Nothing asks a question, and files of
 * configuration stay as they are. What it prints last says why, when it fails.
 */
#ifndef RECONCILER_PLAN_UPGRADE_SCRIPT_H
#define RECONCILER_PLAN_UPGRADE_SCRIPT_H

#include "spec/host_script.h"

#define UPGRADE_SCRIPT                                                                             \
    HOST_SCRIPT_PATH                                                                               \
    HOST_SCRIPT_ONLY_DEBIAN("use a command")                                                       \
    HOST_SCRIPT_AS_ROOT                                                                            \
    "exec $as " HOST_SCRIPT_APT_ENVIRONMENT                                                        \
    " NEEDRESTART_MODE=a PATH=\"$PATH\" sh -c '\n" HOST_SCRIPT_APT "--with-new-pkgs upgrade\n"     \
    "'\n"

#endif
