#include "drivers/ec2/ssh_command.h"

#include <string.h>

#include "spec/base/buf.h"
#include "spec/base/text.h"

#define ARGUMENTS_MAX  80
#define FORWARDING_MAX ((size_t)16 * 1024)
#define LINE_SIZE      240
#define CONTROL_SUFFIX ".c"
#define CONTROL_MAX    80 /* of 108; ssh makes it under a name that is 17 bytes longer */

bool ssh_target_equal(const struct ssh_target *a, const struct ssh_target *b)
{
    return text_equal(a->host, b->host) && text_equal(a->user, b->user) &&
           text_equal(a->identity_file, b->identity_file) && a->port == b->port &&
           text_equal(a->engine_socket, b->engine_socket) && a->accepts_new == b->accepts_new &&
           a->timeout_s == b->timeout_s;
}

/* ---- What may be said ------------------------------------------------------------------------ */

/* The user's configuration may put these words into a shell's command line (ProxyCommand, Match
 * exec): so no other characters than these, and nothing that looks like an option. */
static int check_word(const char *what, const char *text, const char *allowed, struct err *err)
{
    if (text[0] == '\0' || text[0] == '-')
        return err_set(err, ERR_INVALID, "%s '%s' is none", what, text);
    for (const char *c = text; *c != '\0'; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');

        if (!letter && (*c < '0' || *c > '9') && strchr(allowed, *c) == NULL)
            return err_set(err, ERR_INVALID, "%s '%s' may not contain '%c'", what, text, *c);
    }
    return 0;
}

static int check_path(const char *what, const char *path, struct err *err)
{
    for (const char *c = path; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return err_set(err, ERR_INVALID, "%s may not contain control characters", what);
    }
    return 0;
}

int ssh_target_check(const struct ssh_target *target, struct err *err)
{
    if (check_word("the host", target->host, ".-_:%", err) < 0 ||
        (target->user != NULL && check_word("the user", target->user, ".-_+@\\", err) < 0) ||
        check_path("dockerHost", target->engine_socket, err) < 0)
        return -1;
    if (target->engine_socket[0] != '/')
        return err_set(err, ERR_INVALID, "dockerHost '%s' is no absolute path",
                       target->engine_socket);
    if (strstr(target->engine_socket, "${") != NULL) /* ssh expands it, and knows no escape */
        return err_set(err, ERR_INVALID, "dockerHost may not contain '${'");
    return target->identity_file == NULL ? 0
                                         : check_path("identityFile", target->identity_file, err);
}

/* ---- The command line ------------------------------------------------------------------------ */

struct arguments {
    const char **items;
    size_t count;
};

static void add(struct arguments *arguments, const char *text)
{
    ASSERT(arguments->count < ARGUMENTS_MAX - 1);
    arguments->items[arguments->count++] = text;
}

static void add_option(struct arguments *arguments, const char *text)
{
    add(arguments, "-o");
    add(arguments, text);
}

/* In a forwarding a colon ends a path, a backslash escapes, and '%' begins what ssh expands. */
static void add_path(struct buf *out, const char *path)
{
    for (const char *c = path; *c != '\0'; c++) {
        if (*c == ':' || *c == '\\')
            buf_char(out, '\\');
        if (*c == '%')
            buf_char(out, '%');
        buf_char(out, *c);
    }
}

static const char *forwarding(const char *local, const char *remote, struct arena *arena)
{
    AUTO(buf) text;

    buf_init(&text, FORWARDING_MAX);
    add_path(&text, local);
    buf_char(&text, ':');
    add_path(&text, remote);
    return arena_text(arena, buf_text(&text));
}

/* Ours alone, and silent: no connection of the user's is shared, and nobody is asked anything. */
static const char *const fixed_options[] = {
    "BatchMode=yes",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    "ConnectionAttempts=1",
    "ServerAliveCountMax=2",
    "TCPKeepAlive=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "RemoteCommand=none",
    "RequestTTY=no",
    "LogLevel=INFO", /* its words are read */
};

/* Nothing but the one socket is forwarded by us. */
static const char *const keeping_options[] = {
    "ExitOnForwardFailure=yes",
    "StreamLocalBindUnlink=yes",
    "StreamLocalBindMask=0177",
    "ControlPersist=no",
    "PermitLocalCommand=yes",
    ("LocalCommand=echo " SSH_SAYS_FORWARDED), /* run when the socket listens */
};

static const char *const running_options[] = {
    "ControlMaster=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
};

/* Ends ssh when our end of standard input is closed, by whatever end we came to. */
#define KEEPER                                                                                     \
    "exec 3<&0; \"$@\" </dev/null 3<&- & child=$!; "                                               \
    "{ while read -r line <&3; do :; done; kill $child; } >/dev/null 2>&1 & "                      \
    "wait $child; status=$?; kill $! 2>/dev/null; exit $status"

static void add_options(struct arguments *arguments, const char *const *options, size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_option(arguments, options[i]);
}

/* How it is reached, and by whom. */
static void add_target(struct arguments *arguments, const struct ssh_target *target,
                       struct arena *arena)
{
    uint32_t interval = target->timeout_s / 3; /* given up when the third one is due */

    add_option(arguments, target->accepts_new ? "StrictHostKeyChecking=accept-new"
                                              : "StrictHostKeyChecking=yes");
    add_option(arguments, arena_printf(arena, "ConnectTimeout=%u", target->timeout_s));
    add_option(arguments,
               arena_printf(arena, "ServerAliveInterval=%u", interval < 1 ? 1 : interval));
    add_options(arguments, fixed_options, ARRAY_COUNT(fixed_options));
    if (target->identity_file != NULL) {
        add_option(arguments, "IdentitiesOnly=yes");
        add(arguments, "-i");
        add(arguments, target->identity_file);
    }
    if (target->user != NULL) {
        add(arguments, "-l");
        add(arguments, target->user);
    }
    if (target->port != 0) {
        add(arguments, "-p");
        add(arguments, arena_printf(arena, "%u", target->port));
    }
}

/* The socket of a connection that others may use; '%' begins what ssh expands. */
static void add_control(struct arguments *arguments, const char *path, struct arena *arena)
{
    AUTO(buf) text;

    buf_init(&text, FORWARDING_MAX);
    for (const char *c = path == NULL ? "none" : path; *c != '\0'; c++) {
        if (*c == '%')
            buf_char(&text, '%');
        buf_char(&text, *c);
    }
    add(arguments, "-S");
    add(arguments, arena_text(arena, buf_text(&text)));
}

const char *ssh_control_path(const char *local_socket, struct arena *arena)
{
    const char *path = arena_printf(arena, "%s" CONTROL_SUFFIX, local_socket);

    return strlen(path) > CONTROL_MAX ? NULL : path;
}

const char *const *ssh_arguments(const struct ssh_target *target, const char *local_socket,
                                 bool has_session, struct arena *arena)
{
    struct arguments arguments = { arena_array(arena, const char *, ARGUMENTS_MAX), 0 };
    const char *control = has_session ? ssh_control_path(local_socket, arena) : NULL;

    if (!has_session) {
        add(&arguments, "/bin/sh");
        add(&arguments, "-c");
        add(&arguments, KEEPER);
        add(&arguments, "ssh");
    }
    add(&arguments, "ssh");
    add(&arguments, has_session ? "-T" : "-N");
    add_option(&arguments, control == NULL ? "ControlMaster=no" : "ControlMaster=yes");
    add_control(&arguments, control, arena);
    add_target(&arguments, target, arena);
    add_options(&arguments, keeping_options, ARRAY_COUNT(keeping_options));
    add(&arguments, "-L");
    add(&arguments, forwarding(local_socket, target->engine_socket, arena));
    add(&arguments, "--");
    add(&arguments, target->host);
    if (has_session)
        add(&arguments, "cat");
    arguments.items[arguments.count] = NULL;
    return arguments.items;
}

const char *const *ssh_run_arguments(const struct ssh_target *target, const char *local_socket,
                                     struct arena *arena)
{
    struct arguments arguments = { arena_array(arena, const char *, ARGUMENTS_MAX), 0 };

    add(&arguments, "ssh");
    add(&arguments, "-T");
    add_control(&arguments, ssh_control_path(local_socket, arena), arena);
    add_options(&arguments, running_options, ARRAY_COUNT(running_options));
    add_target(&arguments, target, arena);
    add(&arguments, "--");
    add(&arguments, target->host);
    add(&arguments, "/bin/sh");
    arguments.items[arguments.count] = NULL;
    return arguments.items;
}

/* ---- What it says ---------------------------------------------------------------------------- */

/* X(what ssh writes (OpenSSH 7 to 9), code, in plain words).  The first that is found counts. */
#define FAILURES(X)                                                                                \
    X("REMOTE HOST IDENTIFICATION HAS CHANGED", DENIED,                                            \
      "it presents another host key than the one in known_hosts, and is not trusted; if it was "   \
      "made anew, take the old key out with ssh-keygen -R")                                        \
    X("host key is known for", DENIED,                                                             \
      "its host key is not in known_hosts: compare it and add it there, or say hostKeys: "         \
      "ACCEPT_NEW")                                                                                \
    X("REVOKED HOST KEY", DENIED, "its host key is revoked")                                       \
    X("Host key verification failed", DENIED, "its host key is not accepted")                      \
    X("UNPROTECTED PRIVATE KEY FILE", DENIED,                                                      \
      "our private key can be read by others, so ssh does not use it")                             \
    X("Too many authentication failures", DENIED,                                                  \
      "too many keys were offered; name the right one with identityFile")                          \
    X("Permission denied (", DENIED, "it accepts none of our keys")                                \
    X("Could not resolve hostname", UNREACHABLE, "its name is not known")                          \
    X("Timeout, server", UNREACHABLE, "it does not answer any more")                               \
    X("timed out", UNREACHABLE, "it does not answer")                                              \
    X("Connection refused", UNREACHABLE, "no sshd listens there")                                  \
    X("No route to host", UNREACHABLE, "there is no way to it")                                    \
    X("Network is unreachable", UNREACHABLE, "there is no way to it")                              \
    X("kex_exchange_identification", UNREACHABLE,                                                  \
      "its sshd takes no connection now (MaxStartups?)")                                           \
    X("administratively prohibited", FAILED, "its sshd allows no session")                         \
    X("unix_listener", FAILED, "the socket cannot be made on this side")                           \
    X("Could not request local forwarding", FAILED, "not all forwardings can be made")             \
    X("Connection closed by", UNREACHABLE, "it closed the connection")                             \
    X("closed by remote host", UNREACHABLE, "it closed the connection")                            \
    X("Connection reset", UNREACHABLE, "the connection broke")                                     \
    X("Broken pipe", UNREACHABLE, "the connection broke")

/* The last line that is not empty, without what a terminal would obey. */
static void last_line(const char *errors, char *out, size_t size)
{
    size_t end = strlen(errors);
    size_t start;
    size_t length;

    while (end > 0 && strchr("\r\n ", errors[end - 1]) != NULL)
        end--;
    start = end;
    while (start > 0 && errors[start - 1] != '\n')
        start--;
    if (end - start > strlen("ssh: ") && text_starts(errors + start, "ssh: "))
        start += strlen("ssh: "); /* that is said anyway */
    length = end - start < size ? end - start : size - 1;
    memcpy(out, errors + start, length);
    out[length] = '\0';
    text_disarm(out);
}

void ssh_failure(const struct ssh_target *target, const char *errors, struct err *out)
{
#define ROW(needle, name, words) { needle, ERR_##name, words },
    static const struct {
        const char *needle;
        enum err_code code;
        const char *words;
    } rows[] = { FAILURES(ROW) };
#undef ROW
    char said[LINE_SIZE];

    last_line(errors, said, sizeof(said));
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (strstr(errors, rows[i].needle) == NULL)
            continue;
        (void)err_set(out, rows[i].code, "%s: %s (ssh: %s)", target->host, rows[i].words, said);
        return;
    }
    (void)err_set(out, ERR_UNREACHABLE, "%s: %s%s", target->host,
                  said[0] == '\0' ? "the connection ended" : "ssh: ", said);
}

bool ssh_is_about_channel(const char *line)
{
    return text_starts(line, "channel ") && strstr(line, ": open failed: ") != NULL;
}

const char *ssh_channel_failure(const char *line)
{
    if (strstr(line, "administratively prohibited") != NULL)
        return "sshd there does not forward to its socket (AllowStreamLocalForwarding, or what the "
               "key is restricted to)";
    return "its socket cannot be opened there: does the engine run, may the user open it (group "
           "'docker'), and does sshd forward to it (AllowStreamLocalForwarding)?";
}
