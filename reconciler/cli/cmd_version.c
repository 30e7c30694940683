/*
 * berth version
 */
#include "reconciler/cli/verbs.h"
#include "reconciler/cli/version.h"

int cmd_version(struct cli *cli)
{
    if (cli->options.run.output != OUTPUT_JSON) {
        fprintf(cli->out, "berth %s\n", berth_version());
        return CLI_DONE;
    }
    AUTO(json) *object = json_object();
    json_set_text(object, "version", berth_version());
    json_set_text(object, "compiler", __VERSION__);
    json_set_text(object, "apiVersion", "berth/v1");
    return cli_print_json(cli, object);
}
