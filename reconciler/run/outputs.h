/*
 * What builds printed: the last of each, of the builds that began last. It lives as long as the
 * program.
 */
#ifndef RECONCILER_RUN_OUTPUTS_H
#define RECONCILER_RUN_OUTPUTS_H

#include "spec/base/base.h"
#include "spec/report.h"

#define OUTPUTS_BUILDS_MAX 16 /* with LIMIT_BUILD_OUTPUT each */

struct output_line {
    uint64_t id; /* grows over all builds */
    struct output_line *next;
    char text[];
};

struct output {
    char *instance;
    char *object;     /* the reference that is built, "berth/web:0123456789ab" */
    char *image_name; /* of the Image; NULL: none */
    int64_t began_ms; /* the last time */
    size_t size;
    bool is_cut; /* its beginning was dropped */
    struct output_line *lines;
    struct output_line *last;
    struct output *next; /* that began later */
};

/* Zeroed is empty. */
struct outputs {
    struct output *builds; /* the oldest first */
    size_t count;
    uint64_t last_id;
};

void outputs_release(struct outputs *outputs);

/* A build is told to be at work: when it began anew, it is the newest, and what it printed before
 * stays in front of what it prints now.  Other work is not kept. */
void outputs_begin(struct outputs *outputs, const struct effort_report *effort);
/* Of an object whose build was not told nothing is kept. */
void outputs_add(struct outputs *outputs, const char *object, const char *line);

/* Builders tell of their layers between the lines that matter: " ---> 22aae0ab65c1" the classic
 * one, "#4 sha256:..." BuildKit. */
bool output_is_about_layers(const char *line);
/* Is it of this Image, or reference with or without its tag? */
bool output_is_of(const struct output *output, const char *name);

#endif
