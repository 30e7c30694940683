/*
 * The programs of a task's sandbox and their images: one for each architecture, whichever this one
 * is.  That they run is for tests/it/test_sandbox.sh.
 */
#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "drivers/docker/sandbox_image.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

extern const char embed_build_gen_sandbox_x86_64[];
extern const char embed_build_gen_sandbox_x86_64_end[];
extern const char embed_build_gen_sandbox_aarch64[];
extern const char embed_build_gen_sandbox_aarch64_end[];

#define PROGRAM_BYTES_MAX 4096

static const struct {
    const char *machine;
    const char *architecture;
    const char *begin;
    const char *end;
    unsigned elf_machine;
} programs[] = {
    { "x86_64", "amd64", embed_build_gen_sandbox_x86_64, embed_build_gen_sandbox_x86_64_end,
      EM_X86_64 },
    { "aarch64", "arm64", embed_build_gen_sandbox_aarch64, embed_build_gen_sandbox_aarch64_end,
      EM_AARCH64 },
};

static bool contains(const struct buf *where, const void *what, size_t size)
{
    return memmem(where->data, where->size, what, size) != NULL;
}

static void programs_are_static_and_of_their_machine(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(programs); i++) {
        size_t size = (size_t)(programs[i].end - programs[i].begin);
        Elf64_Ehdr header;

        assert_in_range(size, sizeof(header), PROGRAM_BYTES_MAX);
        memcpy(&header, programs[i].begin, sizeof(header));
        assert_memory_equal(header.e_ident, ELFMAG, SELFMAG);
        assert_int_equal(header.e_ident[EI_CLASS], ELFCLASS64);
        assert_int_equal(header.e_ident[EI_DATA], ELFDATA2LSB);
        assert_int_equal(header.e_type, ET_EXEC);
        assert_int_equal(header.e_machine, programs[i].elf_machine);

        bool loads = false;
        for (size_t k = 0; k < header.e_phnum; k++) {
            Elf64_Phdr part;

            assert_in_range(header.e_phoff + (k + 1) * sizeof(part), 1, size);
            memcpy(&part, programs[i].begin + header.e_phoff + k * sizeof(part), sizeof(part));
            assert_int_not_equal(part.p_type, PT_INTERP);
            assert_int_not_equal(part.p_type, PT_DYNAMIC);
            assert_int_not_equal(part.p_flags & (PF_W | PF_X), PF_W | PF_X);
            loads |= part.p_type == PT_LOAD && header.e_entry >= part.p_vaddr &&
                     header.e_entry < part.p_vaddr + part.p_filesz;
        }
        assert_true(loads);
    }
}

static void an_engine_gets_the_one_it_can_run(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(programs); i++) {
        const char *names[] = { programs[i].machine, programs[i].architecture };
        size_t size = (size_t)(programs[i].end - programs[i].begin);
        char told[40];

        (void)snprintf(told, sizeof(told), "\"architecture\":\"%s\"", programs[i].architecture);
        for (size_t k = 0; k < ARRAY_COUNT(names); k++) {
            AUTO(buf) image = { 0 };
            struct err err = { 0 };

            buf_init(&image, SANDBOX_IMAGE_BYTES_MAX);
            assert_int_equal(sandbox_image_write(names[k], &image, &err), 0);
            assert_true(contains(&image, told, strlen(told)));
            assert_true(contains(&image, programs[i].begin, size));
        }
    }
}

static void another_engine_gets_none(void **state)
{
    AUTO(buf) image = { 0 };
    struct err err = { 0 };

    (void)state;
    buf_init(&image, SANDBOX_IMAGE_BYTES_MAX);
    assert_int_equal(sandbox_image_write("riscv64", &image, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(err.text,
                        "there is no sandbox program for the engine's architecture 'riscv64'");
    assert_int_equal(image.size, 0);
}

static void images_are_the_same_every_time_under_one_tag(void **state)
{
    char tag[SANDBOX_TAG_SIZE];
    char again[SANDBOX_TAG_SIZE];

    (void)state;
    sandbox_image_tag(tag);
    sandbox_image_tag(again);
    assert_string_equal(tag, again);
    assert_true(text_starts(tag, "berth/sandbox:"));
    assert_int_equal(strlen(tag), strlen("berth/sandbox:") + 12);
    for (size_t i = 0; i < ARRAY_COUNT(programs); i++) {
        AUTO(buf) first = { 0 };
        AUTO(buf) second = { 0 };
        struct err err = { 0 };

        buf_init(&first, SANDBOX_IMAGE_BYTES_MAX);
        buf_init(&second, SANDBOX_IMAGE_BYTES_MAX);
        assert_int_equal(sandbox_image_write(programs[i].machine, &first, &err), 0);
        assert_int_equal(sandbox_image_write(programs[i].machine, &second, &err), 0);
        assert_int_equal(first.size, second.size);
        assert_memory_equal(first.data, second.data, first.size);
        assert_true(contains(&first, tag, strlen(tag)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_are_static_and_of_their_machine),
        cmocka_unit_test(an_engine_gets_the_one_it_can_run),
        cmocka_unit_test(another_engine_gets_none),
        cmocka_unit_test(images_are_the_same_every_time_under_one_tag),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
