/*
 * Runs git for tests.  Times of commits are real: nothing may depend on them.
 */
#include "tests/unit/git_repo.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "spec/base/buf.h"

/* Each commit would start a process that looks whether there is something to tidy up, and wait for
 * the disk: neither is of any use here.  For each object git takes and gives back some 300 KiB,
 * which may stay with it: where page faults are dear, 10,000 files cost many times as much
 * otherwise. */
static const char preamble[] = "export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null\n"
                               "export GIT_CONFIG_COUNT=2\n"
                               "export GIT_CONFIG_KEY_0=maintenance.auto GIT_CONFIG_VALUE_0=false\n"
                               "export GIT_CONFIG_KEY_1=core.fsync GIT_CONFIG_VALUE_1=none\n"
                               "export MALLOC_TRIM_THRESHOLD_=268435456\n"
                               "export MALLOC_MMAP_THRESHOLD_=33554432\n"
                               "export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.org\n"
                               "export GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@example.org\n"
                               "init() { git -c init.defaultBranch=main init -q \"$@\"; }\n"
                               "commit() { git add -A; git commit -q -m \"$1\"; }\n";

/* libgit2 1.5 loses the match data of every regular expression that does not match: none of it is
 * told as a leak.  LeakSanitizer would suppress leaks by the name of a library, too, but looks for
 * lines of source on the way, for which it reads all there is to debug: half of what these tests
 * took. */
void __lsan_ignore_object(const void *object) __attribute__((weak));
__attribute__((visibility("default"))) void *pcre2_match_data_create_8(uint32_t pairs,
                                                                       void *context);
void *pcre2_match_data_create_8(uint32_t pairs, void *context)
{
    void *(*next)(uint32_t, void *);
    void *data;

    *(void **)&next = dlsym(RTLD_NEXT, "pcre2_match_data_create_8");
    ASSERT(next != NULL);
    data = next(pairs, context);
    if (__lsan_ignore_object != NULL && data != NULL)
        __lsan_ignore_object(data);
    return data;
}

char *git_repo_folder(void)
{
    char name[] = "/tmp/berth-test-XXXXXX";
    char *path = mkdtemp(name);

    ASSERT(path != NULL);
    path = realpath(path, NULL);
    ASSERT(path != NULL);
    return path;
}

static int remove_any(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)where;
    return type == FTW_DP ? rmdir(path) : unlink(path);
}

void git_repo_remove(char *folder)
{
    (void)nftw(folder, remove_any, 16, FTW_DEPTH | FTW_PHYS);
    free(folder);
}

static void run(const char *folder, const char *script, struct buf *output)
{
    AUTO(buf) text;
    posix_spawn_file_actions_t actions;
    char *list[5] = { mem_text("sh"), mem_text("-eu"), mem_text("-c") };
    char chunk[4096];
    ssize_t size;
    int ends[2];
    int status = -1;
    pid_t pid = 0;

    buf_init(&text, 65536);
    buf_text_add(&text, preamble);
    buf_text_add(&text, script);
    list[3] = mem_text(buf_text(&text));
    ASSERT(pipe2(ends, O_CLOEXEC) == 0);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addchdir_np(&actions, folder);
    (void)posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    ASSERT(posix_spawnp(&pid, "sh", &actions, NULL, list, environ) == 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(ends[1]);
    while ((size = read(ends[0], chunk, sizeof(chunk))) > 0)
        buf_add(output, chunk, (size_t)size);
    (void)close(ends[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (status != 0) {
        (void)fprintf(stderr, "this script failed:\n%s\n%s\n", script, buf_text(output));
        abort();
    }
    for (size_t i = 0; i < 4; i++)
        free(list[i]);
}

void git_repo_run(const char *folder, const char *script)
{
    AUTO(buf) output;

    buf_init(&output, 65536);
    run(folder, script, &output);
}

char *git_repo_output(const char *folder, const char *script)
{
    AUTO(buf) output;
    char *line;

    buf_init(&output, 65536);
    run(folder, script, &output);
    line = mem_text(buf_text(&output));
    line[strcspn(line, "\n")] = '\0';
    return line;
}
