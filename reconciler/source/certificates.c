/*
 * libgit2 reads all certificates of the system whenever it starts, if it was built with mbedTLS as
 * Debian's is: a quarter of what `berth apply` computes, and only a process that fetches ever needs
 * them.  So its call ends here, where the linker finds the name first, and goes on to mbedTLS only
 * when certificates are wanted.  Without any, no peer is trusted.
 */
#include "reconciler/source/certificates.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <string.h>

#define READ_FAILED (-1) /* any negative number is a failure */

static bool wanted;

void certificates_want(void)
{
    wanted = true;
}

/* mbedtls/x509_crt.h, 2.28: 0, or a negative number. */
__attribute__((visibility("default"))) int mbedtls_x509_crt_parse_file(void *chain,
                                                                       const char *path);
int mbedtls_x509_crt_parse_file(void *chain, const char *path)
{
    int (*read_file)(void *chain, const char *path);
    void *address = wanted ? dlsym(RTLD_NEXT, "mbedtls_x509_crt_parse_file") : NULL;

    if (!wanted)
        return 0;
    if (address == NULL)
        return READ_FAILED;
    memcpy(&read_file, &address, sizeof(read_file));
    return read_file(chain, path);
}
