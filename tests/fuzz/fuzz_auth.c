/*
 * ~/.docker/config.json, what a credential helper prints, and references whose registry is asked
 * for.  Parts are separated by a line "--": reference, configuration, answer.
 */
#include <string.h>

#include "drivers/docker/auth.h"
#include "spec/base/digest.h"
#include "spec/base/text.h"
#include "tests/fuzz/fuzz.h"

/* What goes into the header X-Registry-Auth must be JSON in base64, on one line. */
static void check_header(const char *header)
{
    AUTO_TEXT char *standard = NULL;
    AUTO_TEXT char *plain = NULL;
    size_t size = 0;

    if (header == NULL)
        return;
    ASSERT(strpbrk(header, " \r\n") == NULL);
    standard = mem_text(header);
    for (char *c = standard; *c != '\0'; c++)
        *c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
    plain = base64_decode(standard, &size);
    ASSERT(plain != NULL);
    AUTO(json) *value = json_parse(plain, size, NULL);
    ASSERT(json_is_object(value));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = { data, size };
    size_t config_size;
    size_t answer_size;
    AUTO_TEXT char *reference = fuzz_take(&input, "\n--\n", NULL);
    AUTO_TEXT char *config_text = fuzz_take(&input, "\n--\n", &config_size);
    AUTO_TEXT char *answer = fuzz_rest(&input, &answer_size);
    AUTO(json) *config = json_parse(config_text, config_size, NULL);
    char registry[AUTH_REGISTRY_SIZE];
    struct auth_choice choice = { 0 };
    char *header;

    auth_registry(reference, registry);
    ASSERT(registry[0] != '\0' || reference[0] == '/');
    auth_choose(config, registry, &choice);
    ASSERT(choice.helper == NULL || choice.header == NULL);
    check_header(choice.header);
    text_wipe(choice.header);
    header = auth_from_helper(choice.server, answer, answer_size);
    check_header(header);
    text_wipe(header);
    return 0;
}
