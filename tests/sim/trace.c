#include "tests/sim/trace.h"

#include <string.h>

/* FNV-1a, 64 bits. */
static void add(struct trace *trace, const void *data, size_t size)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < size; i++)
        trace->sum = (trace->sum ^ bytes[i]) * UINT64_C(1099511628211);
}

static void add_text(struct trace *trace, const char *text)
{
    if (text != NULL)
        add(trace, text, strlen(text));
    add(trace, "", 1);
}

static void add_number(struct trace *trace, int64_t number)
{
    add(trace, &number, sizeof(number));
}

void trace_action(struct trace *trace, int64_t now_ms, const struct action *action)
{
    trace->calls++;
    add_number(trace, now_ms);
    add_number(trace, action->kind);
    add_text(trace, action->instance);
    add_text(trace, action->object);
    add_text(trace, action->cause);
}

void trace_facts(struct trace *trace, const struct fact *facts, size_t count)
{
    trace->facts += count;
    for (size_t i = 0; i < count; i++) {
        const struct fact *fact = &facts[i];

        add_number(trace, fact->at_ms);
        add_number(trace, fact->kind);
        add_text(trace, fact->cluster);
        add_text(trace, fact->service);
        add_text(trace, fact->text);
        if (fact->deployment != NULL) {
            add_text(trace, fact->deployment->id);
            add_text(trace, fact->deployment->reason);
            add_number(trace, fact->deployment->state);
        }
        if (fact->task != NULL) {
            add_text(trace, fact->task->id);
            add_text(trace, fact->task->reason);
            add_number(trace, fact->task->stopping_ms);
            add_number(trace, fact->task->stopped_ms);
        }
    }
}
