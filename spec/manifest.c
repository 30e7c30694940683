/*
 * The nodes of a file are dropped once its resources are decoded; what later checks need of them
 * (positions of references and refusals) is kept beside the resources.
 */
#include "spec/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "spec/base/arena.h"
#include "spec/base/buf.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "spec/canonical.h"
#include "spec/decode.h"
#include "spec/reference.h"
#include "spec/validate.h"
#include "spec/yaml.h"

#define API_VERSION    "berth/v1"
#define KIND_NAMES_MAX 256

struct manifest {
    struct counted counted;
    struct arena arena;
    struct resource *resources;
    size_t resource_count;
    bool cut;
};

static void manifest_free(struct counted *self)
{
    struct manifest *manifest = (struct manifest *)(void *)self;

    arena_release(&manifest->arena);
    free(manifest);
}

struct manifest *manifest_ref(struct manifest *manifest)
{
    if (manifest != NULL)
        (void)counted_ref(&manifest->counted);
    return manifest;
}

void manifest_unref(struct manifest *manifest)
{
    if (manifest != NULL)
        counted_unref(&manifest->counted);
}

const struct resource *manifest_resources(const struct manifest *manifest, size_t *out_count)
{
    *out_count = manifest->resource_count;
    return manifest->resources;
}

bool manifest_is_cut(const struct manifest *manifest)
{
    return manifest->cut;
}

bool manifest_path_is(const char *path)
{
    return text_ends(path, ".yaml") || text_ends(path, ".yml") || text_ends(path, ".json");
}

bool manifest_path_is_hidden(const char *path)
{
    return path[0] == '.' || strstr(path, "/.") != NULL;
}

bool resource_is_protected(const struct resource *resource)
{
    switch (resource->kind) {
    case KIND_IMAGE: return resource_image(resource)->deletion_protection;
    case KIND_TASK: return resource_task(resource)->deletion_protection;
    case KIND_CLUSTER: return resource_cluster(resource)->deletion_protection;
    case KIND_SERVICE: return resource_service(resource)->deletion_protection;
    case KIND_LOAD_BALANCER:
    case KIND_SCHEDULE: return false;
    case KIND_COUNT: break;
    }
    ASSERT(false);
    return false;
}

/* ---- The envelope --------------------------------------------------------------------------- */

static void check_keys(struct decoder *decoder, const struct node *root)
{
    static const char *const keys[] = { "apiVersion", "kind", "metadata", "spec" };

    for (size_t i = 0; i < root->count; i++) {
        const struct node_member *member = &root->members[i];
        const struct node at = { .line = member->line, .column = member->column };
        bool known = text_starts(member->key, "x-");
        for (size_t k = 0; k < ARRAY_COUNT(keys); k++)
            known = known || text_equal(member->key, keys[k]);
        if (known)
            continue;
        const char *near = text_nearest(member->key, keys, ARRAY_COUNT(keys));
        if (near != NULL)
            decode_mistake(decoder, &at, "unknown key '%s': did you mean '%s'?", member->key, near);
        else
            decode_mistake(decoder, &at,
                           "unknown key '%s': a resource has apiVersion, kind, metadata and spec",
                           member->key);
    }
}

static void check_version(struct decoder *decoder, const struct node *root)
{
    const struct node *version = node_get(root, "apiVersion");

    if (version == NULL)
        decode_mistake(decoder, root, "missing key 'apiVersion': it is " API_VERSION);
    else if (version->type != NODE_SCALAR || !text_equal(version->text, API_VERSION))
        decode_mistake(decoder, version, "apiVersion: it must be " API_VERSION);
}

static bool read_kind(struct decoder *decoder, const struct node *root, enum kind *out)
{
    const struct node *kind = node_get(root, "kind");
    const char *kinds[KIND_COUNT];

    if (kind == NULL) {
        decode_mistake(decoder, root, "missing key 'kind'");
        return false;
    }
    if (kind->type != NODE_SCALAR) {
        decode_mistake(decoder, kind, "kind: it must be text");
        return false;
    }
    if (kind_parse(kind->text, out))
        return true;
    AUTO(buf) all = { 0 };
    buf_init(&all, KIND_NAMES_MAX);
    for (enum kind k = 0; k < KIND_COUNT; k++) {
        kinds[k] = kind_text(k);
        buf_printf(&all, "%s%s", k == 0 ? "" : k + 1 < KIND_COUNT ? ", " : " or ", kinds[k]);
    }
    const char *near = text_nearest(kind->text, kinds, KIND_COUNT);
    if (near != NULL)
        decode_mistake(decoder, kind, "kind: there is no '%s': did you mean '%s'?", kind->text,
                       near);
    else
        decode_mistake(decoder, kind, "kind: there is no '%s': a resource is %s", kind->text,
                       buf_text(&all));
    return false;
}

/* ---- What is written in another way than it is kept ------------------------------------------ */

/* Options that every log driver of the engine understands. */
static void keep_common_options(struct decoder *decoder, struct log_configuration *log)
{
    struct pair *kept = arena_array(decoder->arena, struct pair, log->options_count);
    size_t count = 0;

    for (size_t i = 0; i < log->options_count; i++)
        if (text_equal(log->options[i].key, "mode") ||
            text_equal(log->options[i].key, "max-buffer-size"))
            kept[count++] = log->options[i];
    log->options = kept;
    log->options_count = count;
}

/* Amazon's log drivers, and the one that needs a server of its own, become `local`. */
static void replace_log_driver(const struct validation *v, struct container_definition *container,
                               size_t index)
{
    const struct log_configuration *written = container->log_configuration;

    if (written == NULL ||
        (written->log_driver != LOG_DRIVER_AWSLOGS && written->log_driver != LOG_DRIVER_SPLUNK &&
         written->log_driver != LOG_DRIVER_AWSFIRELENS))
        return;
    const struct node *node =
        validation_node(v, "containerDefinitions[%zu].logConfiguration.logDriver", index);
    decode_warning(v->decoder, node,
                   "logDriver: '%s' becomes 'local': the output stays with the engine",
                   enumeration_text(&log_driver_values, written->log_driver));
    struct log_configuration *log = arena_copy(v->decoder->arena, written, sizeof(*written));
    log->log_driver = LOG_DRIVER_LOCAL;
    keep_common_options(v->decoder, log);
    container->log_configuration = log;
}

static void complete_task(const struct validation *v, struct task_spec *task)
{
    if (task->family == NULL)
        task->family = v->name;
    for (size_t i = 0; i < task->container_definitions_count; i++)
        replace_log_driver(v, &task->container_definitions[i], i);
}

/* ---- References ----------------------------------------------------------------------------- */

struct references {
    struct arena *arena;
    const struct resource *from;
    struct reference *items;
    size_t count;
};

static void refer(struct references *references, enum kind kind, const char *name,
                  const struct node *node)
{
    references->items[references->count++] = (struct reference){
        .kind = kind,
        .name = name,
        .line = node->line,
        .column = node->column,
        .edge = arena_printf(references->arena, "%s %s\x01%s %s", kind_text(kind), name,
                             kind_text(references->from->kind), references->from->name),
    };
}

static void refer_from_task(const struct validation *v, struct references *references,
                            const struct task_spec *task)
{
    references->items =
        arena_array(references->arena, struct reference, task->container_definitions_count);
    for (size_t i = 0; i < task->container_definitions_count; i++) {
        const char *image = task->container_definitions[i].image;
        if (image != NULL && reference_is_bare_name(image))
            refer(references, KIND_IMAGE, image,
                  validation_node(v, "containerDefinitions[%zu].image", i));
    }
}

static void refer_from_service(const struct validation *v, struct references *references,
                               const struct service_spec *service)
{
    references->items = arena_array(references->arena, struct reference,
                                    service->depends_on_count + service->load_balancers_count + 2);
    if (service->cluster != NULL)
        refer(references, KIND_CLUSTER, service->cluster, validation_node(v, "cluster"));
    if (service->task_definition != NULL)
        refer(references, KIND_TASK, service->task_definition,
              validation_node(v, "taskDefinition"));
    for (size_t i = 0; i < service->depends_on_count; i++) {
        const char *name = service->depends_on[i];
        const char *slash = name != NULL ? strchr(name, '/') : NULL;
        const char *service_name = slash != NULL ? slash + 1 : name;
        if (!text_is_name(service_name))
            continue; /* a mistake that validate.c tells */
        refer(references, KIND_SERVICE, service_name, validation_node(v, "dependsOn[%zu]", i));
        if (slash != NULL)
            references->items[references->count - 1].cluster =
                arena_text_n(references->arena, name, (size_t)(slash - name));
    }
    for (size_t i = 0; i < service->load_balancers_count; i++)
        if (text_is_name(service->load_balancers[i].load_balancer))
            refer(references, KIND_LOAD_BALANCER, service->load_balancers[i].load_balancer,
                  validation_node(v, "loadBalancers[%zu].loadBalancer", i));
}

static void refer_from_schedule(const struct validation *v, struct references *references,
                                const struct schedule_spec *schedule)
{
    references->items = arena_array(references->arena, struct reference, 2);
    if (schedule->cluster != NULL)
        refer(references, KIND_CLUSTER, schedule->cluster, validation_node(v, "cluster"));
    if (schedule->task_definition != NULL)
        refer(references, KIND_TASK, schedule->task_definition,
              validation_node(v, "taskDefinition"));
}

/* ---- Files ---------------------------------------------------------------------------------- */

static void collect_files(const struct validation *v, struct resource *resource)
{
    const struct task_spec *task;
    struct file_use *files;
    size_t count = 0;

    if (resource->kind != KIND_TASK)
        return;
    task = resource_task(resource);
    for (size_t i = 0; i < task->container_definitions_count; i++)
        count += task->container_definitions[i].environment_files_count;
    files = arena_array(v->decoder->arena, struct file_use, count);
    for (size_t i = 0; i < task->container_definitions_count; i++) {
        const struct container_definition *container = &task->container_definitions[i];

        for (size_t f = 0; f < container->environment_files_count; f++) {
            const struct node *node =
                validation_node(v, "containerDefinitions[%zu].environmentFiles[%zu].value", i, f);
            files[resource->file_count++] =
                (struct file_use){ container->environment_files[f].value, node->line,
                                   node->column };
        }
    }
    resource->files = files;
}

/* ---- Resources ------------------------------------------------------------------------------ */

static void digest_resource(struct resource *resource)
{
    AUTO(buf) text = { 0 };

    buf_init(&text, LIMIT_OUTPUT);
    buf_printf(&text, "%s %s ", kind_text(resource->kind), resource->name);
    canonical_record(kind_record(resource->kind), resource->spec, CANONICAL_ALL, &text);
    for (size_t i = 0; i < resource->label_count; i++) {
        buf_char(&text, ' ');
        canonical_text(resource->labels[i].key, &text);
        canonical_text(resource->labels[i].value, &text);
    }
    ASSERT(!text.truncated);
    sha256_hex(text.data, text.size, resource->digest);
}

static void validate(const struct validation *v, enum kind kind, const void *spec)
{
    switch (kind) {
    case KIND_IMAGE: validate_image(v, spec); break;
    case KIND_TASK: validate_task(v, spec); break;
    case KIND_CLUSTER: validate_cluster(v, spec); break;
    case KIND_SERVICE: validate_service(v, spec); break;
    case KIND_LOAD_BALANCER: validate_load_balancer(v, spec); break;
    case KIND_SCHEDULE: validate_schedule(v, spec); break;
    case KIND_COUNT: ASSERT(false); break;
    }
}

static void collect_references(const struct validation *v, struct resource *resource)
{
    struct references references = { .arena = v->decoder->arena, .from = resource };

    if (resource->kind == KIND_TASK)
        refer_from_task(v, &references, resource_task(resource));
    else if (resource->kind == KIND_SERVICE)
        refer_from_service(v, &references, resource_service(resource));
    else if (resource->kind == KIND_SCHEDULE)
        refer_from_schedule(v, &references, resource_schedule(resource));
    resource->references = references.items;
    resource->reference_count = references.count;
}

/* A Task that says itself that it is for FARGATE is held to it at once. */
static bool says_fargate(const struct resource *resource)
{
    if (resource->kind != KIND_TASK)
        return false;
    const struct task_spec *task = resource_task(resource);
    for (size_t i = 0; i < task->requires_compatibilities_count; i++)
        if (task->requires_compatibilities[i] == COMPATIBILITY_FARGATE)
            return true;
    return false;
}

static void keep_refusals(struct decoder *decoder, struct resource *resource)
{
    size_t count = decoder->refusals.size / sizeof(struct refusal);
    struct refusal *refusals =
        arena_copy(decoder->arena, decoder->refusals.data, decoder->refusals.size);
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        const struct node at = { .line = refusals[i].line, .column = refusals[i].column };

        if (!says_fargate(resource) || refusals[i].on != LAUNCH_TYPE_FARGATE)
            refusals[kept++] = refusals[i];
        else if (refusals[i].is_warning)
            decode_warning(decoder, &at, "%s", refusals[i].text);
        else
            decode_mistake(decoder, &at, "%s", refusals[i].text);
    }
    resource->refusals = refusals;
    resource->refusal_count = kept;
}

/* Decodes one document to the next resource; false when it cannot even be named. */
static bool decode_resource(struct decoder *decoder, const struct node *root,
                            struct resource *resource)
{
    struct metadata metadata;
    const struct node *metadata_node = node_get(root, "metadata");
    const struct node *spec_node = node_get(root, "spec");

    check_keys(decoder, root);
    check_version(decoder, root);
    if (metadata_node == NULL)
        decode_mistake(decoder, root, "missing key 'metadata'");
    else
        decode_record(decoder, &metadata_record, metadata_node, &metadata);
    if (!read_kind(decoder, root, &resource->kind) || metadata_node == NULL ||
        metadata.name == NULL)
        return false;

    const struct node *name = node_get(metadata_node, "name");
    resource->name = metadata.name;
    resource->pos = (struct pos){ .line = name->line, .column = name->column };
    resource->labels = metadata.labels;
    resource->label_count = metadata.labels_count;

    const struct record *record = kind_record(resource->kind);
    const struct node empty = { .type = NODE_MAP, .line = name->line, .column = name->column };
    void *spec = arena_alloc(decoder->arena, record->size);
    struct validation validation = {
        .decoder = decoder,
        .spec = spec_node != NULL ? spec_node : &empty,
        .name = resource->name,
    };
    size_t lost = decoder->lost;
    resource->spec = spec;
    decode_record(decoder, record, validation.spec, spec);
    if (resource->kind == KIND_TASK)
        complete_task(&validation, spec);
    if (resource->kind == KIND_SERVICE)
        complete_daemon(&validation, spec);
    if (decoder->lost == lost)
        validate(&validation, resource->kind, spec);
    collect_references(&validation, resource);
    collect_files(&validation, resource);
    keep_refusals(decoder, resource);
    return true;
}

static void decode_document(struct decoder *decoder, const struct node *root,
                            struct manifest *manifest)
{
    struct resource *resource = &manifest->resources[manifest->resource_count];
    size_t before = decoder->mistakes;

    if (root->type != NODE_MAP)
        decode_mistake(decoder, root,
                       "a document must be a map of apiVersion, kind, metadata and spec");
    else if (node_get(root, "apiVersion") == NULL && node_get(root, "kind") == NULL)
        decode_mistake(decoder, root,
                       "no manifest: it has neither apiVersion nor kind; --path FOLDER says where "
                       "manifests are");
    if (decoder->mistakes > before) {
        manifest->cut = true;
        return;
    }
    buf_reset(&decoder->refusals);
    *resource = (struct resource){ .manifest = manifest };
    if (!decode_resource(decoder, root, resource)) {
        manifest->cut = true;
        return;
    }
    manifest->resource_count++;
    if (decoder->mistakes == before)
        digest_resource(resource);
}

struct manifest *manifest_parse(const char *path, const char *bytes, size_t size,
                                struct diag_list *diags)
{
    struct manifest *manifest = mem_alloc(sizeof(*manifest));
    AUTO(arena) nodes = { 0 };
    AUTO(decoder) decoder = { 0 };
    struct yaml_file file;

    manifest->counted = (struct counted){ .refs = 1, .free = manifest_free };
    if (size > LIMIT_MANIFEST_BYTES) {
        diag_add(diags, DIAG_ERROR, (struct pos){ .file = path },
                 "the file has more than %d bytes: split it", LIMIT_MANIFEST_BYTES);
        manifest->cut = true;
        return manifest;
    }
    if (yaml_parse(path, bytes, size, &nodes, diags, &file) < 0) {
        manifest->cut = true;
        return manifest;
    }
    manifest->resources = arena_array(&manifest->arena, struct resource, file.document_count);
    decoder_init(&decoder, path, &manifest->arena, diags);
    for (size_t i = 0; i < file.document_count; i++)
        decode_document(&decoder, file.documents[i], manifest);
    return manifest;
}
