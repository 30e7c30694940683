/*
 * What must not be shown.
 */
#ifndef SPEC_BASE_REDACT_H
#define SPEC_BASE_REDACT_H

/* Heap copy of any text, the user:password of every URL in it replaced by three stars; for ssh only
 * the password, since the user is what tells people apart there. */
char *url_redact(const char *text);

#endif
