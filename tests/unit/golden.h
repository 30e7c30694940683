/*
 * Golden files: expected output kept beside the tests and reviewed with git.
 */
#ifndef TESTS_UNIT_GOLDEN_H
#define TESTS_UNIT_GOLDEN_H

/* Compares text with the file `path`, which is relative to the top of the tree (where tests run).
 * A difference fails the running test after writing PATH.actual and naming the diff command.  With
 * UPDATE=1 in the environment the file is written instead: review it with git. */
void golden_check(const char *path, const char *text);

#endif
