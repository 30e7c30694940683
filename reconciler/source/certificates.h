/*
 * The system's certificates, which libgit2 reads.
 */
#ifndef RECONCILER_SOURCE_CERTIFICATES_H
#define RECONCILER_SOURCE_CERTIFICATES_H

/* Before source_global_init(), by a process that will speak TLS. */
void certificates_want(void);

#endif
