/*
 * A context list holds its own source and the listing it came from until it is released.
 */
#include "reconciler/run/builds.h"

#include <stdlib.h>

#include "spec/base/limits.h"
#include "spec/target.h"

struct builds {
    const struct source_options *options;
};

struct open_context {
    struct source *source;
    struct source_context *listing;
    struct source_blob blob;
};

struct builds *builds_new(const struct source_options *options)
{
    struct builds *builds = mem_alloc(sizeof(*builds));

    builds->options = options;
    return builds;
}

void builds_free(struct builds *builds)
{
    free(builds);
}

struct source_context_request builds_request(const struct image_build *build, struct arena *arena)
{
    struct source_build_arg *args = arena_array(arena, struct source_build_arg, build->args_count);

    for (size_t i = 0; i < build->args_count; i++)
        args[i] = (struct source_build_arg){ build->args[i].key, build->args[i].value };
    return (struct source_context_request){ .context = build->context,
                                            .dockerfile = build->dockerfile,
                                            .args = args,
                                            .arg_count = build->args_count,
                                            .platform = build->platform,
                                            .target = build->target };
}

static void open_context_free(struct open_context *open)
{
    source_blob_release(&open->blob);
    source_context_free(open->listing);
    source_close(open->source);
    free(open);
}

static int list(void *self, const struct action *action, struct context_list *out, struct err *err)
{
    const struct builds *builds = self;
    const struct image_build *build = action->target->images[action->container].build;
    struct open_context *open = mem_alloc(sizeof(*open));
    AUTO(arena) scratch = { 0 };
    const struct source_context_request request = builds_request(build, &scratch);

    if (source_open(builds->options, &open->source, err) < 0 ||
        source_context_list(open->source, action->commit, &request, &open->listing, err) < 0) {
        open_context_free(open);
        return err_wrap(err, "image '%s'", action->image_name);
    }
    out->entries = arena_array(&open->listing->arena, struct context_entry, open->listing->count);
    out->count = open->listing->count;
    out->build = *build;
    out->state = open;
    for (size_t i = 0; i < open->listing->count; i++) {
        const struct source_entry *entry = &open->listing->items[i];

        out->entries[i] = (struct context_entry){
            .path = entry->path, .mode = entry->mode, .size = entry->size, .id = entry->blob
        };
    }
    return 0;
}

static int read_entry(void *self, struct context_list *context, const struct context_entry *entry,
                      const void **out_bytes, struct err *err)
{
    struct open_context *open = context->state;

    (void)self;
    source_blob_release(&open->blob);
    open->blob = (struct source_blob){ 0 };
    if (source_blob_read(open->source, entry->id, LIMIT_BUILD_CONTEXT, &open->blob, err) < 0)
        return err_wrap(err, "%s", entry->path);
    *out_bytes = open->blob.bytes;
    return 0;
}

static void release(void *self, struct context_list *context)
{
    (void)self;
    if (context->state != NULL)
        open_context_free(context->state);
    context->state = NULL;
}

struct context_reader builds_reader(struct builds *builds)
{
    return (struct context_reader){ list, read_entry, release, builds };
}
