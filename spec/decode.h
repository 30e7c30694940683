/*
 * Nodes to structs: what a node means is decided by the table of the record it is for.
 *
 * Null is absent.  Keys beginning with "x-" are the user's own.  Unknown keys, wrong types and
 * values out of range are mistakes, all of them found.  Fields without meaning here are warned of
 * once a file.
 */
#ifndef SPEC_DECODE_H
#define SPEC_DECODE_H

#include "spec/base/arena.h"
#include "spec/base/buf.h"
#include "spec/base/err.h"
#include "spec/field.h"
#include "spec/manifest.h"
#include "spec/yaml.h"

/* Of one file. */
struct decoder {
    const char *file; /* for positions */
    struct arena *arena;
    struct diag_list *diags;
    size_t mistakes;
    size_t
        lost; /* of them: values that are missing or wrong, so that rules about them are no use */
    struct buf refusals;    /* of struct refusal: what a launch type cannot do */
    const void *warned[32]; /* of the fields that are ignored */
    size_t warned_count;
};

void decoder_init(struct decoder *decoder, const char *file, struct arena *arena,
                  struct diag_list *diags);
void decoder_release(struct decoder *decoder);
DEFINE_AUTO_VALUE(decoder, decoder_release)

/* Fills a struct of record->size bytes; with mistakes as well as it can. */
void decode_record(struct decoder *decoder, const struct record *record, const struct node *node,
                   void *structure);

/* Adds a mistake at the node's position. */
void decode_mistake(struct decoder *decoder, const struct node *node, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* What is accepted but does not do what one may think. */
void decode_warning(struct decoder *decoder, const struct node *node, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* Adds a refusal of FARGATE at the node's position; the text must live in the decoder's arena. */
void decode_refusal(struct decoder *decoder, const struct node *node, const char *text);
/* Likewise of a launch type, or a warning. */
void decode_refusal_on(struct decoder *decoder, enum launch_type on, const struct node *node,
                       const char *text);
void decode_warning_on(struct decoder *decoder, enum launch_type on, const struct node *node,
                       const char *text);

#endif
