/*
 * Real repositories for tests: shell scripts with git in a folder of their own.
 */
#ifndef TESTS_UNIT_GIT_REPO_H
#define TESTS_UNIT_GIT_REPO_H

#include "spec/base/base.h"

/* A new temporary folder, its path without links; heap text. */
char *git_repo_folder(void);
/* Removes it with everything in it and frees the path. */
void git_repo_remove(char *folder);

/* Runs a script with `sh -eu` in the folder, git with an identity, without anyone's configuration
 * and with main as the first branch.  Aborts the test when it fails. */
void git_repo_run(const char *folder, const char *script);
/* The first line that the script prints; heap text. */
char *git_repo_output(const char *folder, const char *script);

#endif
