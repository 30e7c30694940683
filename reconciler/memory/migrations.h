/*
 * The database's schema, as the steps that lead to it.  `user_version` counts the steps taken.
 */
#ifndef RECONCILER_MEMORY_MIGRATIONS_H
#define RECONCILER_MEMORY_MIGRATIONS_H

#include "reconciler/memory/sql.h"
#include "spec/base/err.h"

/* The version that this program reads and writes. */
int store_schema_version(void);

/* Takes the steps that are missing, each in a transaction of its own.  ERR_DENIED, and nothing is
 * touched, when the database is of another program or of a newer version of this one. */
int store_migrate(struct sql *sql, struct err *err);

#endif
