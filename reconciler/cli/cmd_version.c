/*
 * berth version: what a report of a mistake has to say.
 */
#include "drivers/docker/client.h"
#include "drivers/docker/tar.h"
#include "drivers/io/http.h"
#include "drivers/io/loop.h"
#include "reconciler/api/server.h"
#include "reconciler/cli/verbs.h"
#include "reconciler/cli/version.h"
#include "reconciler/memory/sql.h"
#include "reconciler/source/source.h"
#include "spec/base/digest.h"
#include "spec/yaml.h"

#ifdef __clang__
#    define BERTH_COMPILER __VERSION__ /* "Clang 14.0.6" */
#else
#    define BERTH_COMPILER "gcc " __VERSION__
#endif

static const struct {
    const char *name;
    const char *(*version)(void);
} libraries[] = {
    { "libarchive", tar_library_version },       { "libcurl", http_library_version },
    { "libgit2", source_library_version },       { "libjansson", json_library_version },
    { "libmicrohttpd", server_library_version }, { "libuv", loop_library_version },
    { "libyaml", yaml_library_version },         { "openssl", digest_library_version },
    { "sqlite", sql_library_version },
};

static int print_json(struct cli *cli)
{
    AUTO(json) *object = json_object();
    struct json *engine = json_object();
    struct json *list = json_object();

    json_set_text(object, "apiVersion", "berth/v1");
    json_set_text(object, "version", berth_version());
    json_set_text(object, "compiler", BERTH_COMPILER);
    json_set_text(engine, "oldest", arena_printf(cli->arena, "1.%d", DOCKER_API_OLDEST));
    json_set_text(engine, "newest", arena_printf(cli->arena, "1.%d", DOCKER_API_OURS));
    json_set(object, "engineApi", engine);
    for (size_t i = 0; i < ARRAY_COUNT(libraries); i++)
        json_set_text(list, libraries[i].name, libraries[i].version());
    json_set(object, "libraries", list);
    return cli_print_json(cli, object);
}

int cmd_version(struct cli *cli)
{
    if (cli->options.run.output == OUTPUT_JSON)
        return print_json(cli);
    fprintf(cli->out, "berth %s\n", berth_version());
    fprintf(cli->out, "compiler       %s\n", BERTH_COMPILER);
    fprintf(cli->out, "Engine API     1.%d to 1.%d\n", DOCKER_API_OLDEST, DOCKER_API_OURS);
    for (size_t i = 0; i < ARRAY_COUNT(libraries); i++)
        fprintf(cli->out, "%-13s  %s\n", libraries[i].name, libraries[i].version());
    return CLI_DONE;
}
