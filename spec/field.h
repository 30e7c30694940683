/*
 * Record tables: one row says everything about one field of a manifest.
 *
 * A macro per structure lists its rows; it is expanded once to the C struct (kinds/kinds.h) and
 * once to the table (kinds/kinds.c).  Parsing, defaults, difference, digest, JSON Schema, the
 * reference and `berth explain` walk the tables and know no kind.
 *
 *     #define HEALTH_CHECK_FIELDS(F, S) \
 *         F(S, U32, interval, "interval", , .change = ROLLS, .initial = "30", .help = "...")
 *
 * The columns are: type, C member, key, what it is made of (a record, an enumeration, or empty),
 * and then designated initialisers of struct field for what is special about the row.
 *
 * How each type looks in C:
 *     BOOL         bool                          absent: `initial`, else false
 *     U32          uint32_t                      absent: `initial`, else 0
 *     I64          int64_t                       likewise
 *     F64          double                        likewise
 *     TEXT         const char *                  absent: `initial`, else NULL
 *     ENUM         enum x                        absent: `initial`, else 0 (its default or _UNSET)
 *     RECORD       const struct x *              absent: NULL, never NULL when `initial` is "{}"
 *     LIST_TEXT    const char **   + _count
 *     LIST_U32     uint32_t *      + _count
 *     LIST_ENUM    enum x *        + _count
 *     LIST_RECORD  struct x *      + _count
 *     MAP          struct pair *   + _count      sorted by key, keys differ
 *     IGNORED      no member: accepted with one warning
 *     REFUSED      no member: an error, except when it says nothing ([], {}, 0, false)
 */
#ifndef SPEC_FIELD_H
#define SPEC_FIELD_H

#include "spec/base/base.h"

struct pair {
    const char *key;
    const char *value;
};

enum field_type {
    FIELD_BOOL,
    FIELD_U32,
    FIELD_I64,
    FIELD_F64,
    FIELD_TEXT,
    FIELD_ENUM,
    FIELD_RECORD,
    FIELD_LIST, /* of `element` */
    FIELD_MAP,
    FIELD_IGNORED,
    FIELD_REFUSED
};

/* What a change of the field does to tasks that run. */
enum field_change {
    FIELD_CHANGE_UNSET, /* a mistake in the table; a test looks for it */
    FIELD_ROLLS,        /* they are replaced: a new deployment */
    FIELD_IN_PLACE,     /* they stay; Berth does something else from now on */
    FIELD_NONE          /* nothing happens */
};

/* In what a number is counted, and so which text is understood beside plain digits. */
enum field_unit {
    FIELD_UNIT_NONE,
    FIELD_UNIT_SECONDS, /* "30s", "5m" */
    FIELD_UNIT_MIB,     /* "512MiB", "1 GB" */
    FIELD_UNIT_CPU      /* 1024 = 1 vCPU: "1 vCPU", ".5 vcpu" */
};

struct enumeration {
    const char *name;
    const char *const *texts; /* by value; NULL: a value that cannot be written (_UNSET) */
    size_t count;
};

struct record;

struct field {
    const char *key;
    const char *member; /* its name in C */
    enum field_type type;
    enum field_type element; /* of a FIELD_LIST: TEXT, U32, ENUM or RECORD */
    size_t offset;           /* of the member */
    size_t count_offset;     /* of the member's count, for FIELD_LIST and FIELD_MAP */
    const struct record *record;
    const struct enumeration *values;

    enum field_change change;
    enum field_unit unit;
    const char *help;      /* full sentences, for the schema, the reference and `explain` */
    const char *initial;   /* the default, as a user would write it */
    const char *absent;    /* of a number, instead: what an absent one is in C, which nobody would
                            * write */
    double min;            /* of a number; max 0: no limits but the type's */
    double max;            /* both included; of a list: elements, 0: as many as of any list */
    double fargate_max;    /* more is refused on FARGATE; 0: no such limit */
    bool required;         /* of a list: not empty */
    bool secret;           /* never printed */
    bool secret_by_name;   /* of a MAP: values whose key looks like a secret are never printed */
    bool is_name;          /* of a TEXT: must be a name (ecs.md 1.1) */
    const char *pair_key;  /* of a MAP: the key in ECS's form, a list of {pair_key, value} */
    const char *ignored;   /* why it means nothing here */
    const char *refused;   /* why it is an error */
    unsigned refused_on;   /* enum launch_type, 0: nowhere; anything but the default is an error */
    const char *source;    /* where the rule comes from */
    const char *elsewhere; /* what other tools call it, for those who write that */
};

struct record {
    const char *name; /* of the C struct */
    size_t size;
    const struct field *fields;
    size_t field_count;
};

/* ---- Expansion to a C struct ---------------------------------------------------------------- */

/* In front of each member: how tests/tidy/check_fields.sh learns which of them are read. */
#ifndef FIELD_NOTE
#    define FIELD_NOTE(structure, member)
#endif

#define FIELD_MEMBER_BOOL(note, member, child)   note bool member;
#define FIELD_MEMBER_U32(note, member, child)    note uint32_t member;
#define FIELD_MEMBER_I64(note, member, child)    note int64_t member;
#define FIELD_MEMBER_F64(note, member, child)    note double member;
#define FIELD_MEMBER_TEXT(note, member, child)   note const char *member;
#define FIELD_MEMBER_ENUM(note, member, child)   note enum child member;
#define FIELD_MEMBER_RECORD(note, member, child) note const struct child *member;
#define FIELD_MEMBER_LIST_TEXT(note, member, child)                                                \
    note const char **member;                                                                      \
    size_t member##_count;
#define FIELD_MEMBER_LIST_U32(note, member, child)                                                 \
    note uint32_t *member;                                                                         \
    size_t member##_count;
#define FIELD_MEMBER_LIST_ENUM(note, member, child)                                                \
    note enum child *member;                                                                       \
    size_t member##_count;
#define FIELD_MEMBER_LIST_RECORD(note, member, child)                                              \
    note struct child *member;                                                                     \
    size_t member##_count;
#define FIELD_MEMBER_MAP(note, member, child)                                                      \
    note struct pair *member;                                                                      \
    size_t member##_count;
#define FIELD_MEMBER_IGNORED(note, member, child)
#define FIELD_MEMBER_REFUSED(note, member, child)

#define FIELD_MEMBER(structure, type, member, key, child, ...)                                     \
    FIELD_MEMBER_##type(FIELD_NOTE(structure, member), member, child)
#define RECORD_STRUCT(structure, FIELDS)                                                           \
    struct structure {                                                                             \
        FIELDS(FIELD_MEMBER, structure)                                                            \
    };

#define ENUM_VALUE(constant, text)  constant,
#define ENUM_DECLARE(enum_, VALUES) enum enum_ { VALUES(ENUM_VALUE) };

/* ---- Reading and writing what a row describes ------------------------------------------------ */

struct arena;
struct buf;

/* The member of a field within its struct. */
static inline void *field_slot(const struct field *field, void *structure)
{
    return (char *)structure + field->offset;
}
static inline const void *field_slot_const(const struct field *field, const void *structure)
{
    return (const char *)structure + field->offset;
}

/* Elements of a FIELD_LIST or FIELD_MAP: how many, where they begin, and the size of one. */
size_t field_count(const struct field *field, const void *structure);
const void *field_elements(const struct field *field, const void *structure);
size_t field_element_size(const struct field *field);
/* Sets both. */
void field_set_elements(const struct field *field, void *structure, void *elements, size_t count);

/*
 * Reads one scalar: a BOOL, U32, I64, F64, TEXT or ENUM, `type` being the field's own or that of
 * its elements.  NULL when that went well, else what is wrong with it and what would be right, in
 * the arena; *slot is then untouched.  A TEXT is copied to the arena.
 */
MUST_USE const char *field_parse(const struct field *field, enum field_type type, const char *text,
                                 void *slot, struct arena *arena);
/* The scalar as field_parse() reads it; nothing for an absent text or a value that has no name. */
void field_print(const struct field *field, enum field_type type, const void *slot,
                 struct buf *out);

/* Everything absent: zeros, and the defaults of the table. */
void record_init(const struct record *record, void *structure, struct arena *arena);
/* Is the member what record_init() makes of it, or a record of which all members are? */
bool field_is_initial(const struct field *field, const void *structure);
/* Have two structs the same scalar, or the same list of scalars? */
bool field_equal(const struct field *field, const void *a, const void *b);

/* NULL when there is none. */
const struct field *record_field(const struct record *record, const char *key);
/* The field that names the elements of a list of such records ("name"), or NULL. */
const struct field *record_name_field(const struct record *record);
/* Does a name look as if its value were a secret: PASS, SECRET, TOKEN or KEY in it, in any case? */
bool field_name_is_secret(const char *name);

#endif
