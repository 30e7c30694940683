#include "drivers/ec2/remote_script.h"

#include <string.h>

#include "spec/base/text.h"

/* One compound command, so that it is read to its end before any of it runs.  What must be ended
 * together is a session of its own where there is setsid(1), else whatever sshd gave us. */
#define SCRIPT_BEGIN                                                                               \
    "trap : TERM\n"                                                                                \
    "exec 3<&0\n"                                                                                  \
    "if command -v setsid >/dev/null 2>&1; then\n"                                                 \
    "    setsid \"$@\" </dev/null 3<&- &\n"                                                        \
    "    child=$! group=-$child\n"                                                                 \
    "else\n"                                                                                       \
    "    \"$@\" </dev/null 3<&- &\n"                                                               \
    "    child=$! group=0\n"                                                                       \
    "fi\n"                                                                                         \
    "{\n"                                                                                          \
    "    trap '' TERM\n"                                                                           \
    "    exec >/dev/null 2>&1 </dev/null\n"                                                        \
    "    while read -r line <&3; do :; done\n"                                                     \
    "    kill -s TERM -- $group || kill -s TERM $child\n"                                          \
    "    sleep 5\n"                                                                                \
    "    kill -s KILL -- $group || kill -s KILL $child\n"                                          \
    "} &\n"                                                                                        \
    "watcher=$!\n"                                                                                 \
    "exec 3<&-\n"                                                                                  \
    "wait $child\n"                                                                                \
    "status=$?\n"                                                                                  \
    "while kill -0 $child 2>/dev/null; do\n"                                                       \
    "    wait $child\n"                                                                            \
    "    status=$?\n"                                                                              \
    "done\n"                                                                                       \
    "kill -s KILL $watcher 2>/dev/null\n"

static void add_quoted(struct buf *out, const char *word)
{
    buf_char(out, '\'');
    for (const char *c = word; *c != '\0'; c++) {
        if (*c == '\'')
            buf_printf(out, "'\\''");
        else
            buf_char(out, *c);
    }
    buf_char(out, '\'');
}

int remote_script(const char *const *words, const char *mark, struct buf *out, struct err *err)
{
    if (words[0] == NULL)
        return err_set(err, ERR_INVALID, "no command is given");
    buf_printf(out, "{\nset --");
    for (size_t i = 0; words[i] != NULL && !out->truncated; i++) {
        buf_char(out, ' ');
        add_quoted(out, words[i]);
    }
    /* The end is a line of its own, whatever the command wrote last. */
    buf_printf(out, "\n" SCRIPT_BEGIN "printf '\\n%s %%s\\n' \"$status\"\nexit\n}\n", mark);
    if (out->truncated || out->size > REMOTE_SCRIPT_MAX)
        return err_set(err, ERR_CAPACITY, "a command of more than %zu KiB",
                       REMOTE_SCRIPT_MAX / 1024);
    return 0;
}

bool remote_is_end(const char *line, const char *mark, int *out_code)
{
    size_t size = strlen(mark);
    uint32_t code;

    if (!text_starts(line, mark) || line[size] != ' ' || !text_parse_u32(line + size + 1, &code) ||
        code > 255)
        return false;
    *out_code = (int)code;
    return true;
}
