/*
 * Targets: what is a new revision and what is not, and the way to text and back.
 */
#include <string.h>

#include "spec/base/text.h"
#include "spec/canonical.h"
#include "spec/target.h"
#include "spec/variable_file.h"
#include "tests/unit/unit.h"

static struct arena arena;

static int forget(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

/* The manifests, with a text replaced by another one. */
static struct generation *generation_with(const char *from, const char *to)
{
    static const char base[] =
        "{apiVersion: berth/v1, kind: Cluster, metadata: {name: c}}\n"
        "---\n"
        "{apiVersion: berth/v1, kind: Image, metadata: {name: built},\n"
        " spec: {build: {context: a}}}\n"
        "---\n"
        "{apiVersion: berth/v1, kind: Image, metadata: {name: redis}, spec: {source: 'r.io/r:7'}}\n"
        "---\n"
        "apiVersion: berth/v1\n"
        "kind: Task\n"
        "metadata: {name: t}\n"
        "spec:\n"
        "  cpu: 256\n"
        "  memory: 512\n"
        "  volumes: [{name: data}]\n"
        "  containerDefinitions:\n"
        "    - name: web\n"
        "      image: built\n"
        "      environment: {B: '2', A: 'gr\xC3\xBC\xC3\x9F'}\n"
        "      secrets: [{name: S, valueFrom: 'file:s'}, {name: R, valueFrom: 'env:R'}]\n"
        "      ulimits: [{name: core, softLimit: 0, hardLimit: 0}]\n"
        "    - name: db\n"
        "      image: redis\n"
        "---\n"
        "apiVersion: berth/v1\n"
        "kind: Service\n"
        "metadata: {name: s}\n"
        "spec:\n"
        "  cluster: c\n"
        "  taskDefinition: t\n"
        "  desiredCount: 3\n";
    char text[sizeof(base) + 256];
    struct file_change change = { .path = "a.yaml", .blob = "1", .bytes = text };
    AUTO(diag_list) diags = { 0 };
    struct generation *generation = NULL;
    struct err err = { 0 };
    const char *at = from != NULL ? strstr(base, from) : base;

    assert_non_null(at);
    size_t before = (size_t)(at - base);
    size_t skipped = from != NULL ? strlen(from) : 0;
    size_t added = to != NULL ? strlen(to) : 0;
    memcpy(text, base, before);
    memcpy(text + before, to != NULL ? to : "", added);
    memcpy(text + before + added, at + skipped, sizeof(base) - before - skipped);
    change.size = strlen(text);
    if (generation_derive(NULL, "c", &change, 1, &diags, &generation, &err) < 0)
        fail_msg("%s", diags.items[0].text);
    generation_set_build_key(generation, "built", "0123456789abcdef0123456789abcdef");
    return generation;
}

static const char *digest_of_secret(void *context, const char *value_from)
{
    return text_equal(value_from, "file:s") ? context : "constant";
}

static const struct target *target_of(const struct generation *generation, const char *secret)
{
    char digest[32] = { 0 };

    memcpy(digest, secret, strlen(secret));
    const struct target *target =
        target_make(generation, generation_find(generation, KIND_SERVICE, "s"), digest_of_secret,
                    digest, &arena);
    assert_non_null(target);
    return target;
}

static const char *revision_with(const char *from, const char *to)
{
    AUTO(generation) *generation = generation_with(from, to);

    return arena_text(&arena, target_of(generation, "one")->revision);
}

static void check_same(const char *from, const char *to)
{
    if (!text_equal(revision_with(NULL, NULL), revision_with(from, to)))
        fail_msg("'%s' instead of '%s' replaces tasks", to, from);
}

static void check_rolls(const char *from, const char *to)
{
    if (text_equal(revision_with(NULL, NULL), revision_with(from, to)))
        fail_msg("'%s' instead of '%s' does not replace tasks", to, from);
}

/* Whoever changes this line replaces every task of every user at the next update. */
static void the_revision_is_forever(void **state)
{
    (void)state;
    assert_string_equal(revision_with(NULL, NULL),
                        "8c9f58e84548292fb790e43e81d9f8c5185d90275be359370d682c065952c8f3");
}

static void what_means_the_same_is_the_same(void **state)
{
    (void)state;
    check_same("cpu: 256", "cpu: .25 vCPU");
    check_same("memory: 512", "memory: 512MiB\n  networkMode: ~");
    check_same("memory: 512", "memory: 512\n  networkMode: awsvpc");
    check_same("      image: built",
               "      image: built\n      essential: true\n      stopTimeout: 30");
    check_same("{B: '2', A: 'gr\xC3\xBC\xC3\x9F'}",
               "[{name: A, value: gr\xC3\xBC\xC3\x9F}, {name: B, value: 2}]");
    check_same("      image: built",
               "      image: built\n      linuxParameters: {}\n      x-mine: 1");
    check_same("image: redis", "image: r.io/r:7"); /* the Image's source, written here */
    check_same("  cpu: 256", "  cpu: 256\n  family: t\n  executionRoleArn: arn");
    check_same("data}]\n", "data}]\n  pidMode: ~\n"); /* null is absent */
}

static void the_order_of_containers_means_nothing(void **state)
{
    (void)state;
    check_same("    - name: web\n"
               "      image: built\n"
               "      environment: {B: '2', A: 'gr\xC3\xBC\xC3\x9F'}\n"
               "      secrets: [{name: S, valueFrom: 'file:s'}, {name: R, valueFrom: 'env:R'}]\n"
               "      ulimits: [{name: core, softLimit: 0, hardLimit: 0}]\n"
               "    - name: db\n"
               "      image: redis\n",
               "    - name: db\n"
               "      image: redis\n"
               "    - name: web\n"
               "      image: built\n"
               "      environment: {B: '2', A: 'gr\xC3\xBC\xC3\x9F'}\n"
               "      secrets: [{name: R, valueFrom: 'env:R'}, {name: S, valueFrom: 'file:s'}]\n"
               "      ulimits: [{name: core, softLimit: 0, hardLimit: 0}]\n");
}

static void what_stays_in_place_is_the_same(void **state)
{
    (void)state;
    check_same("desiredCount: 3", "desiredCount: 30");
    check_same("desiredCount: 3", "deploymentConfiguration: {minimumHealthyPercent: 50}");
    check_same("desiredCount: 3", "minReadySeconds: 1");
    check_same("{name: data}", "{name: data, deleteWithService: true}");
    check_same("{context: a}", "{context: a}, retain: 3, repository: r.io/x");
    check_same("  cpu: 256", "  cpu: 256\n  tags: {a: b}\n  requiresCompatibilities: [FARGATE]");
}

static void what_a_running_task_cannot_change_rolls(void **state)
{
    (void)state;
    check_rolls("cpu: 256", "cpu: 512");
    check_rolls("B: '2'", "B: '3'");
    check_rolls("B: '2'", "C: '2'");
    check_rolls("image: redis", "image: r.io/r:8");
    check_rolls("source: 'r.io/r:7'", "source: 'r.io/r:8'");
    check_rolls("desiredCount: 3", "redeploy: now");
    check_rolls("env:R", "env:Q");
    check_rolls("      image: built", "      image: built\n      stopTimeout: 31");
    check_rolls("softLimit: 0, hardLimit: 0", "softLimit: 0, hardLimit: 1");
}

static void build_keys_and_secrets_roll(void **state)
{
    (void)state;
    AUTO(generation) *generation = generation_with(NULL, NULL);
    const char *first = target_of(generation, "one")->revision;
    const char *other_secret = target_of(generation, "two")->revision;
    assert_string_not_equal(first, other_secret);
    assert_string_equal(first, target_of(generation, "one")->revision);

    generation_set_build_key(generation, "built", "ffff456789abcdef0123456789abcdef");
    assert_string_not_equal(first, target_of(generation, "one")->revision);
}

static void set_file(struct generation *generation, const char *path, const char *text)
{
    AUTO(diag_list) diags = { 0 };
    AUTO(variable_file) *file = variable_file_parse(path, text, strlen(text), &diags);

    assert_non_null(file);
    generation_set_file(generation, path, file);
}

static const char *revision_with_file(const char *to, const char *text)
{
    AUTO(generation) *generation =
        generation_with("environment: {B: '2', A: 'gr\xC3\xBC\xC3\x9F'}", to);

    set_file(generation, "a.env", text);
    return arena_text(&arena, target_of(generation, "one")->revision);
}

static void variables_are_what_counts_not_where_they_stand(void **state)
{
    static const char both[] = "environmentFiles: [{value: a.env}]\n"
                               "      environment: {B: '2'}";
    const char *written = revision_with(NULL, NULL);

    (void)state;
    assert_string_equal(revision_with_file(both, "A=gr\xC3\xBC\xC3\x9F\n"), written);
    assert_string_equal(revision_with_file(both, "# x\nB=3\nA=gr\xC3\xBC\xC3\x9F"), written);
    assert_string_not_equal(revision_with_file(both, "A=other\n"), written);
    assert_string_not_equal(revision_with_file(both, "A=gr\xC3\xBC\xC3\x9F\nC=\n"), written);
}

static void without_an_environment_file_there_is_no_target(void **state)
{
    (void)state;
    AUTO(generation) *generation =
        generation_with("ulimits: [{name: core, softLimit: 0, hardLimit: 0}]",
                        "environmentFiles: [{value: a.env}, {value: b.env}]");
    const struct resource *service = generation_find(generation, KIND_SERVICE, "s");
    AUTO(buf) text = { 0 };
    struct err err = { 0 };

    set_file(generation, "a.env", "C=1\n");
    assert_null(target_make(generation, service, NULL, NULL, &arena));
    set_file(generation, "b.env", "D=2\n");
    buf_init(&text, 1 << 20);
    target_print(target_of(generation, "one"), &text);
    const struct target *parsed = target_parse(text.data, text.size, &arena, &err);
    assert_non_null(parsed);
    assert_int_equal(parsed->task->container_definitions[1].environment_count, 4);
    assert_string_equal(parsed->task->container_definitions[1].environment[3].value, "2");
}

static void images_are_resolved(void **state)
{
    (void)state;
    AUTO(generation) *generation = generation_with(NULL, NULL);
    AUTO(generation) *pushed =
        generation_with("{context: a}", "{context: a}, repository: r.io:5000/x");
    const struct target *target = target_of(generation, "one");

    assert_int_equal(target->images[0].kind, TARGET_IMAGE_BUILD);
    assert_string_equal(target->images[0].reference, "berth/built:0123456789ab");
    assert_string_equal(target->images[0].name, "built");
    assert_null(target->images[0].repository);
    assert_int_equal(target->images[1].kind, TARGET_IMAGE_REFERENCE);
    assert_string_equal(target->images[1].reference, "r.io/r:7");
    assert_string_equal(target->images[1].name, "redis");
    assert_string_equal(target_of(pushed, "one")->images[0].reference, "r.io:5000/x:0123456789ab");
    assert_string_equal(target_of(pushed, "one")->images[0].repository, "r.io:5000/x");
}

static const char *build_platform(const char *from, const char *to)
{
    AUTO(generation) *generation = generation_with(from, to);
    const struct target *target = target_of(generation, "one");

    for (size_t i = 0; i < target->task->container_definitions_count; i++) {
        if (target->images[i].build != NULL && target->images[i].build->platform != NULL)
            return arena_text(&arena, target->images[i].build->platform);
    }
    return "";
}

static void images_are_built_for_the_architecture_of_the_task(void **state)
{
    (void)state;
    assert_string_equal(build_platform(NULL, NULL), "");
    assert_string_equal(
        build_platform("  cpu: 256", "  cpu: 256\n  runtimePlatform: {cpuArchitecture: ARM64}"),
        "linux/arm64");
    assert_string_equal(
        build_platform("  cpu: 256", "  cpu: 256\n  runtimePlatform: {cpuArchitecture: X86_64}"),
        "linux/amd64");
    assert_string_equal(build_platform("  cpu: 256", "  cpu: 256\n  runtimePlatform: {}"), "");
    assert_string_equal(build_platform("build: {context: a}", "build: {context: a, platform: a/b}"),
                        "a/b");
}

static void without_a_build_key_there_is_no_target(void **state)
{
    (void)state;
    AUTO(generation) *generation = generation_with(NULL, NULL);
    AUTO(generation) *next = NULL;
    AUTO(diag_list) diags = { 0 };
    static const char text[] =
        "{apiVersion: berth/v1, kind: Image, metadata: {name: new}, spec: {build: {context: a}}}\n"
        "---\n"
        "{apiVersion: berth/v1, kind: Task, metadata: {name: u}, spec: {cpu: 256, memory: 512, "
        "containerDefinitions: [{name: a, image: new}]}}\n"
        "---\n"
        "{apiVersion: berth/v1, kind: Service, metadata: {name: v}, spec: {cluster: c, "
        "taskDefinition: u}}\n";
    struct file_change change = {
        .path = "b.yaml", .blob = "2", .bytes = text, .size = strlen(text)
    };
    struct err err;

    assert_int_equal(generation_derive(generation, "d", &change, 1, &diags, &next, &err), 0);
    const struct resource *service = generation_find(next, KIND_SERVICE, "v");
    assert_null(target_make(next, service, NULL, NULL, &arena));
    generation_set_build_key(next, "new", "abc");
    assert_non_null(target_make(next, service, NULL, NULL, &arena));
}

static void text_brings_the_same_target_back(void **state)
{
    (void)state;
    AUTO(generation) *generation = generation_with(NULL, NULL);
    const struct target *target = target_of(generation, "one");
    AUTO(buf) text = { 0 };
    AUTO(buf) again = { 0 };
    struct err err = { 0 };

    buf_init(&text, 1 << 20);
    target_print(target, &text);
    const struct target *parsed = target_parse(text.data, text.size, &arena, &err);
    if (parsed == NULL)
        fail_msg("%s", err.text);
    buf_init(&again, 1 << 20);
    target_print(parsed, &again);
    assert_string_equal(again.data, text.data);

    assert_string_equal(parsed->revision, target->revision);
    assert_string_equal(parsed->cluster, "c");
    assert_string_equal(parsed->service, "s");
    assert_string_equal(parsed->task_name, "t");
    assert_int_equal(parsed->spec->desired_count, 3);
    assert_int_equal(parsed->task->container_definitions_count, 2);
    assert_string_equal(parsed->task->container_definitions[0].name, "db"); /* sorted */
    assert_string_equal(parsed->images[0].reference, "r.io/r:7");
    assert_string_equal(parsed->images[1].build_key, target->images[0].build_key);
    assert_string_equal(parsed->task->container_definitions[1].environment[0].value,
                        "gr\xC3\xBC\xC3\x9F");
    assert_true(parsed->task->container_definitions[1].essential);
    assert_int_equal(parsed->task->container_definitions[1].ulimits_count, 1);
    assert_non_null(parsed->spec->deployment_configuration->deployment_circuit_breaker);
}

static void other_text_is_refused(void **state)
{
    (void)state;
    AUTO(generation) *generation = generation_with(NULL, NULL);
    AUTO(buf) text = { 0 };
    struct err err = { 0 };

    buf_init(&text, 1 << 20);
    target_print(target_of(generation, "one"), &text);
    for (size_t size = 0; size < text.size; size += 7)
        assert_null(target_parse(text.data, size, &arena, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_null(target_parse("{}", 2, &arena, &err));
    assert_null(target_parse("[1]", 3, &arena, &err));
}

#define TEST(name) cmocka_unit_test_teardown(name, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_revision_is_forever),
        TEST(what_means_the_same_is_the_same),
        TEST(the_order_of_containers_means_nothing),
        TEST(what_stays_in_place_is_the_same),
        TEST(what_a_running_task_cannot_change_rolls),
        TEST(build_keys_and_secrets_roll),
        TEST(variables_are_what_counts_not_where_they_stand),
        TEST(without_an_environment_file_there_is_no_target),
        TEST(images_are_resolved),
        TEST(images_are_built_for_the_architecture_of_the_task),
        TEST(without_a_build_key_there_is_no_target),
        TEST(text_brings_the_same_target_back),
        TEST(other_text_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
