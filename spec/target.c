/*
 * The revision is the digest of canonical text.  What stands there for the image of a container is
 * what it comes from, not how it is called: renaming an Image, or writing its reference in the Task
 * itself, replaces nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/canonical.h"
#include "spec/decode.h"
#include "spec/target_int.h"
#include "spec/variable_file.h"
#include "spec/yaml.h"

#define KEY_SHOWN 12 /* digits of a build key in a tag */

/* ---- Images --------------------------------------------------------------------------------- */

const char *task_platform(const struct task_spec *task)
{
    if (task->runtime_platform == NULL)
        return NULL;
    switch (task->runtime_platform->cpu_architecture) {
    case CPU_ARCHITECTURE_UNSET: return NULL;
    case CPU_ARCHITECTURE_X86_64: return "linux/amd64";
    case CPU_ARCHITECTURE_ARM64: return "linux/arm64";
    }
    return NULL;
}

/* What the Image does not say, the Task may. */
static const struct image_build *build_for(const struct task_spec *task,
                                           const struct image_build *written, struct arena *arena)
{
    struct image_build *build;

    if (written->platform != NULL || task_platform(task) == NULL)
        return written;
    build = arena_copy(arena, written, sizeof(*written));
    build->platform = task_platform(task);
    return build;
}

/* False while the build key is not known. */
static bool resolve_image(const struct generation *generation, const struct target *target,
                          const char *written, struct arena *arena, struct target_image *out)
{
    const struct resource *resource = generation_find(generation, KIND_IMAGE, written);

    *out = (struct target_image){ .kind = TARGET_IMAGE_REFERENCE, .reference = written };
    if (resource == NULL)
        return true;

    const struct image_spec *image = resource_image(resource);
    out->name = resource->name;
    out->is_protected = resource_is_protected(resource);
    out->reference = image->source;
    if (image->build == NULL)
        return true;
    const char *key = generation_build_key(generation, resource->name);
    if (key == NULL)
        return false;
    out->kind = TARGET_IMAGE_BUILD;
    out->build_key = arena_text(arena, key); /* the generation may get another one */
    out->repository = image->repository;
    out->build = build_for(target->task, image->build, arena);
    if (image->repository != NULL)
        out->reference = arena_printf(arena, "%s:%.*s", image->repository, KEY_SHOWN, key);
    else
        out->reference = arena_printf(arena, "berth/%s:%.*s", resource->name, KEY_SHOWN, key);
    return true;
}

/* ---- Environment ---------------------------------------------------------------------------- */

static bool merge_files(const struct generation *generation,
                        const struct container_definition *container, struct arena *arena,
                        struct container_definition *out)
{
    size_t count = container->environment_files_count;
    const struct variable_file **files = arena_array(arena, const struct variable_file *, count);

    for (size_t i = 0; i < count; i++) {
        files[i] = generation_file(generation, container->environment_files[i].value);
        if (files[i] == NULL)
            return false;
    }
    variable_files_merge(container, files, arena, out);
    return true;
}

/* The task with what its environment files say; the same when it has none.  NULL: one of them is
 * not known. */
static const struct task_spec *resolve_environments(const struct generation *generation,
                                                    const struct task_spec *task,
                                                    struct arena *arena)
{
    size_t count = task->container_definitions_count;
    struct task_spec *merged = NULL;

    for (size_t i = 0; i < count; i++) {
        if (task->container_definitions[i].environment_files_count == 0)
            continue;
        if (merged == NULL) {
            merged = arena_copy(arena, task, sizeof(*task));
            merged->container_definitions = arena_copy(
                arena, task->container_definitions, count * sizeof(*task->container_definitions));
        }
        if (!merge_files(generation, &task->container_definitions[i], arena,
                         &merged->container_definitions[i]))
            return NULL;
    }
    return merged != NULL ? merged : task;
}

/* ---- Revision ------------------------------------------------------------------------------- */

/* What replaces the text of `image` in the digest.  A NUL-free prefix keeps the two apart: no
 * reference begins with '='. */
static const char *image_identity(const struct target_image *image, struct arena *arena)
{
    if (image->kind == TARGET_IMAGE_BUILD)
        return arena_printf(arena, "=%s", image->build_key);
    return image->reference;
}

static void digest_secrets(const struct task_spec *task, secret_digest_fn *secret_digest,
                           void *context, struct sha256 *hash, struct arena *arena)
{
    struct tree values = { 0 }; /* valueFrom -> digest: sorted, each read once */
    const char *from;

    for (size_t i = 0; i < task->container_definitions_count; i++) {
        const struct container_definition *container = &task->container_definitions[i];
        for (size_t s = 0; s < container->secrets_count; s++) {
            from = container->secrets[s].value_from;
            if (tree_get(&values, from) != NULL)
                continue;
            const char *digest = secret_digest != NULL ? secret_digest(context, from) : NULL;
            tree_put(&values, from, arena_text(arena, digest != NULL ? digest : "unreadable"),
                     /* owner= */ NULL);
        }
    }
    for (size_t i = 0; i < tree_count(&values); i++) {
        const char *digest = tree_at(&values, i, &from);
        sha256_add_text(hash, from);
        sha256_add_text(hash, digest);
    }
    tree_release(&values);
}

/* What an absent networkMode means; written or not, it is the same (ecs.md 1.2). */
static enum network_mode default_network_mode(const struct generation *generation,
                                              const char *cluster)
{
    const struct resource *resource = generation_find(generation, KIND_CLUSTER, cluster);

    ASSERT(resource != NULL);
    return resource_cluster(resource)->launch_type == LAUNCH_TYPE_FARGATE ? NETWORK_MODE_AWSVPC
                                                                          : NETWORK_MODE_BRIDGE;
}

static const struct task_spec *with_network_mode(const struct task_spec *task,
                                                 enum network_mode mode, struct arena *arena)
{
    struct task_spec *copy = arena_copy(arena, task, sizeof(*task));

    copy->network_mode = mode;
    return copy;
}

static void make_revision(const struct generation *generation, struct target *target,
                          secret_digest_fn *secret_digest, void *context, struct arena *arena)
{
    struct task_spec task = *target->task;
    size_t count = task.container_definitions_count;
    AUTO(buf) text = { 0 };

    task.container_definitions =
        arena_copy(arena, task.container_definitions, count * sizeof(*task.container_definitions));
    for (size_t i = 0; i < count; i++)
        task.container_definitions[i].image = image_identity(&target->images[i], arena);

    if (task.network_mode == default_network_mode(generation, target->cluster))
        task.network_mode = NETWORK_MODE_UNSET;

    buf_init(&text, LIMIT_OUTPUT);
    canonical_record(&task_spec_record, &task, CANONICAL_ROLLS, &text);
    buf_char(&text, '\n');
    canonical_record(&service_spec_record, target->spec, CANONICAL_ROLLS, &text);
    ASSERT(!text.truncated);

    struct sha256 *hash = sha256_new();
    sha256_add_text(hash, text.data);
    digest_secrets(target->task, secret_digest, context, hash, arena);
    sha256_finish(hash, target->revision);
}

bool target_finish(const struct generation *generation, const struct task_spec *task,
                   const struct target_secrets *secrets, struct arena *arena, struct target *target)
{
    target->cluster_is_protected =
        resource_is_protected(generation_find(generation, KIND_CLUSTER, target->cluster));
    target->task = resolve_environments(generation, task, arena);
    if (target->task == NULL)
        return false;
    target->is_ec2 = default_network_mode(generation, target->cluster) == NETWORK_MODE_BRIDGE;
    if (target->is_ec2 && target->task->network_mode == NETWORK_MODE_UNSET)
        target->task = with_network_mode(target->task, NETWORK_MODE_BRIDGE, arena);
    target->images =
        arena_array(arena, struct target_image, target->task->container_definitions_count);
    for (size_t i = 0; i < target->task->container_definitions_count; i++)
        if (!resolve_image(generation, target, target->task->container_definitions[i].image, arena,
                           &target->images[i]))
            return false;
    make_revision(generation, target, secrets->digest, secrets->context, arena);
    return true;
}

const struct target *target_make(const struct generation *generation,
                                 const struct resource *service, secret_digest_fn *secret_digest,
                                 void *context, struct arena *arena)
{
    const struct service_spec *spec = resource_service(service);
    const struct resource *task = generation_find(generation, KIND_TASK, spec->task_definition);
    const struct target_secrets secrets = { secret_digest, context };

    ASSERT(task != NULL);
    struct target *target = arena_new(arena, struct target);
    target->cluster = spec->cluster;
    target->service = service->name;
    target->spec = spec;
    target->task_name = task->name;
    return target_finish(generation, resource_task(task), &secrets, arena, target) ? target : NULL;
}

/* ---- Text and back -------------------------------------------------------------------------- */

static const char *const image_kind_texts[] = {
    [TARGET_IMAGE_BUILD] = "build",
    [TARGET_IMAGE_REFERENCE] = "reference",
};

static void print_member(struct buf *out, const char *key, const char *text)
{
    buf_printf(out, "\"%s\":", key);
    canonical_text(text, out);
    buf_char(out, ',');
}

/* What is not so is not printed, as in all canonical text. */
static void print_flag(struct buf *out, const char *key, bool value)
{
    if (value)
        buf_printf(out, "\"%s\":\"true\",", key);
}

static void print_image(const char *container, const struct target_image *image, struct buf *out)
{
    canonical_text(container, out);
    buf_text_add(out, ":{");
    if (image->build != NULL) {
        buf_text_add(out, "\"build\":");
        canonical_record(&image_build_record, image->build, CANONICAL_ALL, out);
        buf_char(out, ',');
    }
    print_member(out, "buildKey", image->build_key);
    print_member(out, "kind", image_kind_texts[image->kind]);
    print_member(out, "name", image->name);
    print_flag(out, "protected", image->is_protected);
    print_member(out, "reference", image->reference);
    buf_text_add(out, "\"repository\":");
    canonical_text(image->repository, out);
    buf_char(out, '}');
}

/* Containers print in the order of their names, and so do their images. */
static void print_images(const struct target *target, struct buf *out)
{
    struct tree sorted = { 0 };

    for (size_t i = 0; i < target->task->container_definitions_count; i++)
        tree_put(&sorted, target->task->container_definitions[i].name, &target->images[i],
                 /* owner= */ NULL);
    for (size_t i = 0; i < tree_count(&sorted); i++) {
        const char *container;
        const struct target_image *image = tree_at(&sorted, i, &container);
        if (i > 0)
            buf_char(out, ',');
        print_image(container, image, out);
    }
    tree_release(&sorted);
}

void target_print(const struct target *target, struct buf *out)
{
    buf_char(out, '{');
    print_member(out, "cluster", target->cluster);
    print_flag(out, "clusterProtected", target->cluster_is_protected);
    buf_text_add(out, "\"images\":{");
    print_images(target, out);
    buf_text_add(out, "},");
    print_flag(out, "isEc2", target->is_ec2);
    print_member(out, "revision", target->revision);
    print_member(out, "service", target->service);
    buf_text_add(out, "\"spec\":");
    canonical_record(&service_spec_record, target->spec, CANONICAL_ALL, out);
    buf_text_add(out, ",\"task\":");
    canonical_record(&task_spec_record, target->task, CANONICAL_ALL, out);
    buf_char(out, ',');
    buf_text_add(out, "\"taskName\":");
    canonical_text(target->task_name, out);
    buf_char(out, '}');
}

/* A text member, copied; NULL when it is absent or no text. */
static const char *member_text(const struct node *map, const char *key, struct arena *arena)
{
    const struct node *node = node_get(map, key);

    return node != NULL && node->type == NODE_SCALAR ? arena_text(arena, node->text) : NULL;
}

static void parse_build(const struct node *node, struct decoder *decoder, struct target_image *out)
{
    struct image_build *build;

    if (node == NULL)
        return;
    build = arena_new(decoder->arena, struct image_build);
    decode_record(decoder, &image_build_record, node, build);
    out->build = build;
}

static bool parse_image(const struct node *node, struct decoder *decoder, struct target_image *out)
{
    struct arena *arena = decoder->arena;
    const char *kind = member_text(node, "kind", arena);

    parse_build(node_get(node, "build"), decoder, out);

    out->name = member_text(node, "name", arena);
    out->reference = member_text(node, "reference", arena);
    out->build_key = member_text(node, "buildKey", arena);
    out->repository = member_text(node, "repository", arena);
    out->is_protected = node_get(node, "protected") != NULL;
    out->kind = text_equal(kind, image_kind_texts[TARGET_IMAGE_BUILD]) ? TARGET_IMAGE_BUILD
                                                                       : TARGET_IMAGE_REFERENCE;
    return kind != NULL && out->reference != NULL &&
           (out->build_key != NULL) == (out->kind == TARGET_IMAGE_BUILD) &&
           (out->build != NULL) == (out->kind == TARGET_IMAGE_BUILD);
}

static bool parse_members(const struct node *root, struct decoder *decoder, struct target *out)
{
    struct arena *arena = decoder->arena;
    const char *revision = member_text(root, "revision", arena);
    const struct node *images = node_get(root, "images");

    out->cluster = member_text(root, "cluster", arena);
    out->service = member_text(root, "service", arena);
    out->task_name = member_text(root, "taskName", arena);
    out->cluster_is_protected = node_get(root, "clusterProtected") != NULL;
    out->is_ec2 = node_get(root, "isEc2") != NULL;
    if (out->cluster == NULL || out->service == NULL || out->task_name == NULL ||
        revision == NULL || strlen(revision) + 1 != sizeof(out->revision))
        return false;
    memcpy(out->revision, revision, sizeof(out->revision));
    out->images = arena_array(arena, struct target_image, out->task->container_definitions_count);
    for (size_t i = 0; i < out->task->container_definitions_count; i++) {
        const struct node *image = node_get(images, out->task->container_definitions[i].name);
        if (image == NULL || !parse_image(image, decoder, &out->images[i]))
            return false;
    }
    return true;
}

static const struct target *parse_root(const struct node *root, struct diag_list *diags,
                                       struct arena *arena)
{
    const struct node *spec_node = node_get(root, "spec");
    const struct node *task_node = node_get(root, "task");
    AUTO(decoder) decoder = { 0 };

    if (spec_node == NULL || task_node == NULL)
        return NULL;
    struct target *target = arena_new(arena, struct target);
    struct service_spec *spec = arena_new(arena, struct service_spec);
    struct task_spec *task = arena_new(arena, struct task_spec);
    decoder_init(&decoder, "target", arena, diags);
    decode_record(&decoder, &service_spec_record, spec_node, spec);
    decode_record(&decoder, &task_spec_record, task_node, task);
    target->spec = spec;
    target->task = task;
    if (decoder.mistakes > 0 || !parse_members(root, &decoder, target) || decoder.mistakes > 0)
        return NULL;
    return target;
}

const struct target *target_parse(const char *text, size_t size, struct arena *arena,
                                  struct err *err)
{
    AUTO(arena) nodes = { 0 };
    AUTO(diag_list) diags = { 0 };
    struct yaml_file file;
    const struct target *target = NULL;

    if (yaml_parse("target", text, size, &nodes, &diags, &file) == 0 && file.document_count == 1)
        target = parse_root(file.documents[0], &diags, arena);
    if (target == NULL)
        (void)err_set(err, ERR_INVALID, "this is no recorded target%s%s",
                      diags.count > 0 ? ": " : "", diags.count > 0 ? diags.items[0].text : "");
    return target;
}

uint32_t target_memory_mib(const struct target *target)
{
    uint32_t sum = 0;

    if (target->task->memory != 0)
        return target->task->memory;
    for (size_t i = 0; i < target->task->container_definitions_count; i++) {
        const struct container_definition *definition = &target->task->container_definitions[i];

        sum += definition->memory_reservation != 0 ? definition->memory_reservation
                                                   : definition->memory;
    }
    return sum;
}

uint32_t target_cpu_units(const struct target *target)
{
    uint32_t sum = 0;

    if (target->task->cpu != 0)
        return target->task->cpu;
    for (size_t i = 0; i < target->task->container_definitions_count; i++)
        sum += target->task->container_definitions[i].cpu;
    return sum;
}

const char *target_host_ports(const struct target *target, struct arena *arena)
{
    const struct task_spec *task = target->task;
    bool is_host = task->network_mode == NETWORK_MODE_HOST;
    AUTO(buf) text = { 0 };

    if (!is_host && task->network_mode != NETWORK_MODE_BRIDGE)
        return NULL;
    buf_init(&text, LIMIT_OUTPUT);
    for (size_t c = 0; c < task->container_definitions_count; c++) {
        const struct container_definition *container = &task->container_definitions[c];

        for (size_t m = 0; m < container->port_mappings_count; m++) {
            const struct port_mapping *mapping = &container->port_mappings[m];
            uint32_t port = is_host ? mapping->container_port : mapping->host_port;

            if (port != 0)
                buf_printf(&text, "%s%u/%s", text.size > 0 ? " " : "", port,
                           enumeration_text(&transport_protocol_values, mapping->protocol));
        }
    }
    return text.size == 0 ? NULL : arena_text(arena, buf_text(&text));
}
