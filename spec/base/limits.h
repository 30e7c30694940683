/*
 * Every limit of the program in one place: no input, queue or buffer is without one.  Reaching a
 * limit is an ordinary ERR_INVALID or ERR_CAPACITY with the number in its text, never an abort.
 */
#ifndef SPEC_BASE_LIMITS_H
#define SPEC_BASE_LIMITS_H

/* The language. */
#define LIMIT_MANIFEST_BYTES     (1024 * 1024) /* one file */
#define LIMIT_MANIFEST_FILES     20000         /* under --path */
#define LIMIT_MANIFEST_DOCUMENTS 10000         /* in one file */
#define LIMIT_YAML_DEPTH         32            /* nesting of one document */
#define LIMIT_YAML_NODES         200000 /* of one file, aliases counted each time they expand */
#define LIMIT_RESOURCES          200000 /* of one generation */
#define LIMIT_DIAGNOSTICS        100    /* mistakes kept of one commit; the rest are counted */
#define LIMIT_NAME               255    /* ecs.md 1.1 */
#define LIMIT_HOST_PORTS         (100 * sizeof("65535/tcp")) /* fixed ones of one task, as text */
#define LIMIT_HOST_BINDINGS      (100 * sizeof("65535:65535/tcp")) /* those that an engine tells */
#define LIMIT_HOST_COMMAND       (12 * 1024)       /* quoted, a script of 60 KiB holds it */
#define LIMIT_GOAL_BYTES         (4 * 1024 * 1024) /* a Service with all that it refers to */

/* Environment files. */
#define LIMIT_VARIABLE_FILES      10           /* of one container, ecs.md 1.3 */
#define LIMIT_VARIABLE_FILE_BYTES (256 * 1024) /* one file */

/* The engine. */
#define LIMIT_ENGINE_RESPONSE (64 * 1024 * 1024) /* one answer */
#define LIMIT_ENGINE_LINE     (1024 * 1024)      /* one event, one line of progress */
#define LIMIT_BUILD_CONTEXT   (2147483647L)      /* bytes of one tar */
#define LIMIT_BUILD_OUTPUT    (256 * 1024)       /* kept of one build, the last of it */

/* The server. */
#define LIMIT_HTTP_BODY        (1024 * 1024)
#define LIMIT_HTTP_CONNECTIONS 256

/* One output of the program (a plan, a status page). */
#define LIMIT_OUTPUT (256 * 1024 * 1024)

#endif
