/*
 * Constraints (ecs.md 1.6, step 2): distinctInstance, and memberOf with the cluster query language,
 * of the Service and of its Task.
 */
#include <string.h>

#include "reconciler/plan/subset.h"
#include "spec/base/text.h"
#include "spec/names.h"

/* What an expression asks about. */
struct asked {
    const struct placing *placing; /* NULL: it asks for nothing that changes */
    const struct host *host;
    const char **groups;
    size_t group_count;
};

/* ecs.md 1.6; those that Amazon gives without a value have an empty one. */
static const char *built_in(const struct host *host, const char *name)
{
    static const char logging[] = "com.amazonaws.ecs.capability.logging-driver.";
    const struct world_instance *seen = host->seen;
    enum log_driver driver;

    if (text_equal(name, "ecs.os-type"))
        return "linux";
    if (text_equal(name, "ecs.os-family"))
        return "LINUX";
    if (text_equal(name, "ecs.cpu-architecture") && seen != NULL)
        return is_architecture(CPU_ARCHITECTURE_X86_64, seen->architecture)  ? "x86_64"
               : is_architecture(CPU_ARCHITECTURE_ARM64, seen->architecture) ? "arm64"
                                                                             : seen->architecture;
    if (text_equal(name, "com.amazonaws.ecs.capability.privileged-container"))
        return "";
    for (driver = LOG_DRIVER_JSON_FILE; text_starts(name, logging) && driver < LOG_DRIVER_AWSLOGS;
         driver++) {
        if (text_equal(name + strlen(logging), enumeration_text(&log_driver_values, driver)))
            return "";
    }
    return NULL;
}

const char *host_attribute(const struct host *host, const char *name)
{
    const struct container_instance *listed = host->listed;

    for (size_t i = 0; i < listed->attributes_count; i++) {
        if (text_equal(listed->attributes[i].key, name))
            return listed->attributes[i].value;
    }
    return built_in(host, name);
}

static const char *attribute(const struct query_facts *facts, const char *name)
{
    const struct asked *asked = facts->context;

    return host_attribute(asked->host, name);
}

static const char *group(const struct query_facts *facts, size_t index)
{
    const struct asked *asked = facts->context;

    return index < asked->group_count ? asked->groups[index] : NULL;
}

static void find_groups(struct asked *asked, size_t index)
{
    const struct placing *placing = asked->placing;
    struct arena *arena = placing->arena;
    const struct world_instance *seen = asked->host->seen;

    asked->groups = arena_array(arena, const char *, seen == NULL ? 1 : seen->task_count + 1);
    if (sparse_get(&placing->present, index) > 0 && !placing->is_daemon)
        asked->groups[asked->group_count++] = placing->service_group;
    for (const struct world_task *at = seen == NULL ? NULL : seen->tasks; at != NULL;
         at = at->host_next) {
        if (at->service == NULL)
            asked->groups[asked->group_count++] = at->group == NULL ? "" : at->group;
        else if (text_equal(at->service->cluster, placing->pool->cluster) &&
                 !text_equal(at->service->service, placing->target->service))
            asked->groups[asked->group_count++] =
                service_is_job(at->service->service)
                    ? job_group(arena, at->service->service)
                    : arena_printf(arena, "service:%s", at->service->service);
    }
}

/* Of the service itself, there or on their way. */
static uint32_t own_tasks(const struct placing *placing, const struct world_instance *instance)
{
    const struct plan_input *input = placing->planner->input;
    const struct target *target = placing->target;
    uint32_t count = 0;

    for (const struct world_task *at = instance->tasks; at != NULL; at = at->host_next)
        count += at->service != NULL && text_equal(at->service->cluster, target->cluster) &&
                 text_equal(at->service->service, target->service);
    for (size_t i = 0; i < input->pending_count; i++) {
        const struct plan_pending *pending = &input->pending[i];

        count += text_equal(pending->instance, instance->name) &&
                 text_equal(pending->target->cluster, target->cluster) &&
                 text_equal(pending->target->service, target->service) &&
                 world_task(input->world, pending->task) == NULL;
    }
    return count;
}

/* Whether an instance is to have a task of a DAEMON does not depend on whether it has one: else it
 * would come and go. */
static void facts_make(const struct pool *pool, const struct placing *placing, size_t index,
                       struct asked *asked, struct query_facts *out)
{
    const struct host *host = &pool->hosts[index];
    const struct world_instance *seen = host->seen;

    *asked = (struct asked){ .placing = placing, .host = host };
    if (placing != NULL && placing->asks_groups)
        find_groups(asked, index);
    *out = (struct query_facts){
        .name = host->listed->name, .attribute = attribute, .group = group, .context = asked
    };
    if (seen == NULL)
        return;
    out->connected = seen->state == INSTANCE_ACTIVE;
    out->agent_version = seen->engine_version;
    out->registered_ms = seen->connected_ms;
    out->running_tasks = host->use->tasks;
    if (placing != NULL && placing->is_daemon)
        out->running_tasks -= own_tasks(placing, seen);
}

void constraints_select(const struct pool *pool, const struct query *const *queries, size_t count,
                        bool *has)
{
    AUTO(arena) scratch = { 0 };
    struct query_facts *facts;
    struct asked *asked;

    if (count == 0)
        return;
    facts = arena_array(&scratch, struct query_facts, pool->count + 1);
    asked = arena_array(&scratch, struct asked, pool->count + 1);
    for (size_t i = 0; i < pool->count; i++)
        facts_make(pool, /* placing= */ NULL, i, &asked[i], &facts[i]);
    for (size_t q = 0; q < count; q++)
        query_select(queries[q], facts, pool->count, has);
}

/* Expressions while they are gathered. */
struct gathered {
    const struct query **fixed;
    size_t fixed_count;
    const char *key; /* the fixed ones, one behind the other */
};

/* Does it ask for attributes and names alone? */
static bool is_fixed(const char *expression)
{
    static const char *const moving[] = { "task:group", "runningTasksCount", "agentConnected",
                                          "agentVersion", "registeredAt" };

    for (size_t i = 0; i < ARRAY_COUNT(moving); i++) {
        if (strstr(expression, moving[i]) != NULL)
            return false;
    }
    return true;
}

static void add_query(struct placing *placing, struct gathered *gathered, const char *expression)
{
    struct arena *arena = placing->arena;
    const struct query *query = query_parse(expression, arena, NULL);

    if (query == NULL)
        return; /* validation refused it; what is remembered of an older version may be anything */
    if (is_fixed(expression)) {
        gathered->fixed[gathered->fixed_count++] = query;
        gathered->key = arena_printf(arena, "%s%s\n", gathered->key, expression);
        return;
    }
    placing->queries[placing->query_count++] = query;
    placing->asks_groups |= strstr(expression, "task:group") != NULL;
}

void constraints_count(struct placing *placing)
{
    struct arena *arena = placing->arena;
    size_t count = placing->pool->count;
    struct query_facts *facts;
    struct asked *asked;

    if (placing->query_count == 0)
        return;
    placing->member = arena_array(arena, bool, count + 1);
    memset(placing->member, true, count);
    facts = arena_array(arena, struct query_facts, count + 1);
    asked = arena_array(arena, struct asked, count + 1);
    for (size_t i = 0; i < count; i++)
        facts_make(placing->pool, placing, i, &asked[i], &facts[i]);
    for (size_t q = 0; q < placing->query_count; q++)
        query_select(placing->queries[q], facts, count, placing->member);
}

void constraints_prepare(struct placing *placing)
{
    const struct service_spec *spec = placing->target->spec;
    const struct task_spec *task = placing->target->task;
    struct arena *arena = placing->arena;
    size_t most = spec->placement_constraints_count + task->placement_constraints_count;
    struct gathered gathered = { .fixed = arena_array(arena, const struct query *, most + 1),
                                 .key = "" };

    placing->queries = arena_array(arena, const struct query *, most + 1);
    for (size_t i = 0; i < spec->placement_constraints_count; i++) {
        const struct placement_constraint *constraint = &spec->placement_constraints[i];

        if (constraint->type == PLACEMENT_CONSTRAINT_TYPE_DISTINCT_INSTANCE)
            placing->is_distinct = !placing->is_daemon; /* it is so anyway */
        else if (constraint->expression != NULL)
            add_query(placing, &gathered, constraint->expression);
    }
    for (size_t i = 0; i < task->placement_constraints_count; i++) {
        if (task->placement_constraints[i].type == PLACEMENT_CONSTRAINT_TYPE_MEMBER_OF)
            add_query(placing, &gathered, task->placement_constraints[i].expression);
    }
    placing->subset = subset_of(placing->planner, placing->pool, gathered.key, gathered.fixed,
                                gathered.fixed_count);
}

bool constraints_allow(const struct placing *placing, size_t host)
{
    return placing->subset->has[host] && (placing->member == NULL || placing->member[host]);
}

void constraints_again(struct placing *placing, size_t host)
{
    struct query_facts facts;
    struct asked asked;

    if (placing->query_count == 0 || placing->is_daemon)
        return;
    facts_make(placing->pool, placing, host, &asked, &facts);
    placing->member[host] = true;
    for (size_t q = 0; q < placing->query_count; q++)
        query_select(placing->queries[q], &facts, 1, &placing->member[host]);
}
