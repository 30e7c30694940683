/*
 * `berth validate` on files, folders and standard output in every format.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reconciler/cli/cli.h"
#include "reconciler/cli/files.h"
#include "spec/base/limits.h"
#include "spec/base/text.h"
#include "tests/unit/unit.h"

static const char good[] = "apiVersion: berth/v1\n"
                           "kind: Cluster\n"
                           "metadata: {name: local}\n"
                           "spec: {launchType: FARGATE}\n";
static const char bad[] = "apiVersion: berth/v1\n"
                          "kind: Cluster\n"
                          "metadata: {name: other}\n"
                          "spec: {launchTyp: FARGATE}\n";

struct result {
    int code;
    char *out;
    char *errors;
};

static const char *nothing(const char *name)
{
    (void)name;
    return NULL;
}

static struct result run(const char *option, const char *path)
{
    struct result result = { 0 };
    const char *words[] = { "validate", option, path };
    size_t out_size = 0;
    size_t errors_size = 0;
    struct cli_start start = { .words = words, .word_count = 3, .sources.environment = nothing };

    start.out = open_memstream(&result.out, &out_size);
    start.errors = open_memstream(&result.errors, &errors_size);
    result.code = cli_run(&start);
    fclose(start.out);
    fclose(start.errors);
    return result;
}

static void release(struct result *result)
{
    free(result->out);
    free(result->errors);
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "we");

    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* Each test works in a folder of its own. */
static int enter(void **state)
{
    char template[] = "/tmp/berth-validate-XXXXXX";
    char *home = getcwd(NULL, 0);

    *state = home;
    return mkdtemp(template) == NULL || chdir(template) < 0 ? -1 : 0;
}

static int leave(void **state)
{
    char *home = *state;
    AUTO_TEXT char *here = getcwd(NULL, 0);
    static const char *const names[] = { "good.yaml",        "bad.yaml",          "note.txt",
                                         "link.yaml",        "huge.json",         "dangling.yaml",
                                         "sub/b.yml",        "sub/.git/c.yaml",   "sub/.git",
                                         "sub/.hidden.yaml", "sub/.unnamed.yaml", "sub" };

    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        (void)remove(names[i]);
    int result = chdir(home);
    free(home);
    return result < 0 ? result : rmdir(here);
}

static void good_manifests_exit_with_0(void **state)
{
    (void)state;
    write_file("good.yaml", good);
    write_file("note.txt", "none of ours");
    struct result result = run("-otext", ".");

    assert_int_equal(result.code, 0);
    assert_string_equal(result.out, "");
    assert_string_equal(result.errors, "valid: 1 resource in 1 file\n");
    release(&result);
}

static void environment_files_are_read_from_disk(void **state)
{
    static const char task[] =
        "apiVersion: berth/v1\n"
        "kind: Task\n"
        "metadata: {name: web}\n"
        "spec:\n"
        "  cpu: 256\n"
        "  memory: 512\n"
        "  containerDefinitions:\n"
        "    - name: web\n"
        "      image: r.io/r:1\n"
        "      environmentFiles: [{value: sub/good.env}, {value: link.env}, {value: sub.env}]\n";

    (void)state;
    assert_int_equal(mkdir("sub", 0755), 0);
    assert_int_equal(mkdir(".git", 0755), 0); /* the root: paths begin here, not at the manifest */
    write_file("sub/b.yml", task);
    struct result result = run("-q", "sub/b.yml");
    assert_int_equal(result.code, 2);
    assert_string_equal(result.out,
                        "sub/b.yml:10:34: environmentFiles: there is no file 'sub/good.env'\n"
                        "sub/b.yml:10:57: environmentFiles: there is no file 'link.env'\n"
                        "sub/b.yml:10:76: environmentFiles: there is no file 'sub.env'\n");
    release(&result);

    write_file("sub/good.env", "A=1\nB 2\n");
    assert_int_equal(symlink("sub/good.env", "link.env"), 0);
    assert_int_equal(mkdir("sub.env", 0755), 0);
    result = run("-q", "sub");
    assert_int_equal(result.code, 2);
    assert_string_equal(
        result.out, "sub/b.yml:10:57: environmentFiles: 'link.env' is or goes through a symbolic "
                    "link\n"
                    "sub/b.yml:10:76: environmentFiles: 'sub.env' is a folder\n"
                    "sub/good.env:2:1: it is no VAR=VALUE: there is no '='\n");
    release(&result);

    write_file("sub/good.env", "A=1\n");
    assert_int_equal(remove("link.env"), 0);
    assert_int_equal(remove("sub.env"), 0);
    write_file("link.env", "");
    write_file("sub.env", "# nothing\n");
    result = run("-q", "sub");
    assert_int_equal(result.code, 0);
    release(&result);
    assert_int_equal(remove("sub/good.env") | remove("link.env") | remove("sub.env"), 0);
    assert_int_equal(remove(".git"), 0);
}

static void contexts_are_looked_for_on_disk(void **state)
{
    static const char images[] =
        "{apiVersion: berth/v1, kind: Image, metadata: {name: a}, spec: {build: {context: app}}}\n"
        "---\n"
        "{apiVersion: berth/v1, kind: Image, metadata: {name: b}, spec: {build: {context: ./sub/,"
        " dockerfile: docker/File}}}\n"
        "---\n"
        "{apiVersion: berth/v1, kind: Image, metadata: {name: c}, spec: {build: {context: .}}}\n"
        "---\n"
        "{apiVersion: berth/v1, kind: Image, metadata: {name: e}, spec: {build: {context:"
        " note.txt}}}\n";
    struct result result;

    (void)state;
    write_file("good.yaml", images);
    result = run("-q", "good.yaml");
    assert_int_equal(result.code, 0); /* in no repository */
    release(&result);

    assert_int_equal(mkdir("sub", 0755), 0);
    assert_int_equal(mkdir(".git", 0755), 0);
    write_file("note.txt", "");
    result = run("-q", "good.yaml");
    assert_int_equal(result.code, 2);
    assert_string_equal(
        result.out,
        "good.yaml:1:54: image 'a': there is no folder 'app'\n"
        "good.yaml:3:54: image 'b': there is no 'docker/File' in the build context 'sub'\n"
        "good.yaml:5:54: image 'c': there is no 'Dockerfile' in the build context ''\n"
        "good.yaml:7:54: image 'e': 'note.txt' is not a folder\n");
    release(&result);

    assert_int_equal(mkdir("sub/docker", 0755), 0);
    write_file("sub/docker/File", "FROM scratch\n");
    write_file("Dockerfile", "FROM scratch\n");
    result = run("-q", "good.yaml");
    assert_null(strstr(result.out, "image 'b'"));
    assert_null(strstr(result.out, "image 'c'"));
    release(&result);
    assert_int_equal(remove("sub/docker/File") | remove("sub/docker") | remove("Dockerfile"), 0);
    assert_int_equal(remove(".git"), 0);
}

/* Each is allowed, and all of them together are not. */
static void files_that_are_too_large_together_are_told(void **state)
{
    static const char task[] =
        "apiVersion: berth/v1\nkind: Cluster\nmetadata: {name: c}\nspec: {launchType: FARGATE}\n"
        "---\napiVersion: berth/v1\nkind: Service\nmetadata: {name: web}\n"
        "spec: {cluster: c, taskDefinition: web}\n"
        "---\napiVersion: berth/v1\nkind: Task\nmetadata: {name: web}\n"
        "spec:\n  cpu: 256\n  memory: 512\n  containerDefinitions:\n";
    AUTO(buf) manifest = { 0 };
    AUTO(buf) file = { 0 };
    struct result result;

    (void)state;
    buf_init(&manifest, 1 << 16);
    buf_text_add(&manifest, task);
    for (int i = 0; i < 9; i++) {
        buf_printf(&manifest, "    - {name: c%d, image: 'r.io/r:1', environmentFiles: [", i);
        for (int f = 0; f < 2; f++)
            buf_printf(&manifest, "{value: sub/%d.env},", f);
        buf_text_add(&manifest, "]}\n");
    }
    assert_int_equal(mkdir("sub", 0755), 0);
    write_file("good.yaml", buf_text(&manifest));
    buf_init(&file, LIMIT_VARIABLE_FILE_BYTES);
    buf_text_add(&file, "A=");
    while (file.size < LIMIT_VARIABLE_FILE_BYTES - 1)
        buf_char(&file, 'x');
    write_file("sub/1.env", buf_text(&file));
    file.data[0] = 'B';
    write_file("sub/0.env", buf_text(&file));
    result = run("-q", "good.yaml");
    assert_int_equal(result.code, 2);
    assert_string_equal(result.out, "good.yaml:8:18: service 'web', with its Task and environment "
                                    "files, is too large: more than 4096 KiB\n");
    release(&result);
    write_file("sub/1.env", "A=1\n");
    result = run("-q", "good.yaml");
    assert_int_equal(result.code, 0);
    release(&result);
    assert_int_equal(remove("sub/0.env") | remove("sub/1.env"), 0);
}

static void mistakes_have_places_and_exit_with_2(void **state)
{
    (void)state;
    write_file("good.yaml", good);
    write_file("bad.yaml", bad);
    struct result result = run("-otext", ".");

    assert_int_equal(result.code, 2);
    assert_true(text_starts(result.out, "bad.yaml:4:"));
    assert_non_null(strstr(result.out, "did you mean 'launchType'"));
    assert_non_null(strstr(result.errors, "error"));
    release(&result);

    result = run("-q", ".");
    assert_string_equal(result.errors, "");
    release(&result);
}

static void json_says_the_same(void **state)
{
    (void)state;
    write_file("bad.yaml", bad);
    struct result result = run("-ojson", "bad.yaml");
    AUTO(json) *answer = json_parse(result.out, strlen(result.out), NULL);
    const struct json *first = json_at(json_get(answer, "diagnostics"), 0);

    assert_int_equal(result.code, 2);
    assert_non_null(answer);
    assert_string_equal(json_text(answer, "apiVersion"), "berth/v1");
    assert_false(json_bool(answer, "valid", true));
    assert_string_equal(json_text(first, "level"), "error");
    assert_string_equal(json_text(first, "file"), "bad.yaml");
    assert_int_equal(json_int(first, "line", 0), 4);
    assert_string_equal(result.errors, "");
    release(&result);
}

static void markdown_is_a_list(void **state)
{
    (void)state;
    write_file("bad.yaml", bad);
    struct result result = run("-omarkdown", "bad.yaml");

    assert_true(text_starts(result.out, "**not valid**: "));
    assert_non_null(strstr(result.out, "\n- `bad.yaml:4:"));
    release(&result);
}

static void no_manifest_is_a_failure(void **state)
{
    (void)state;
    struct result result = run("-otext", ".");
    assert_int_equal(result.code, 1);
    assert_string_equal(result.errors, "berth: there is no manifest: *.yaml, *.yml or *.json\n");
    release(&result);

    result = run("-otext", "missing");
    assert_int_equal(result.code, 1);
    assert_string_equal(result.errors, "berth: missing: No such file or directory\n");
    release(&result);
}

static void folders_are_walked_in_order_without_git(void **state)
{
    (void)state;
    AUTO(arena) arena = { 0 };
    static const char *const paths[] = { ".", "good.yaml", "note.txt", "sub/.hidden.yaml" };
    struct manifest_files files;
    struct err err = { 0 };

    write_file("good.yaml", good);
    write_file("note.txt", good);
    assert_int_equal(mkdir("sub", 0700), 0);
    assert_int_equal(mkdir("sub/.git", 0700), 0);
    write_file("sub/b.yml", bad);
    write_file("sub/.git/c.yaml", bad);
    write_file("sub/.hidden.yaml", bad);
    write_file("sub/.unnamed.yaml", bad);
    assert_int_equal(symlink("good.yaml", "link.yaml"), 0);
    assert_int_equal(symlink("nowhere", "dangling.yaml"), 0);
    assert_int_equal(manifest_files_read(&arena, paths, ARRAY_COUNT(paths), &files, &err), 0);
    assert_int_equal(files.count, 5);
    assert_string_equal(files.items[0].path, "good.yaml");
    assert_string_equal(files.items[1].path, "link.yaml");
    assert_string_equal(files.items[1].bytes, good);
    assert_string_equal(files.items[2].path, "note.txt");         /* named, so meant */
    assert_string_equal(files.items[3].path, "sub/.hidden.yaml"); /* likewise */
    assert_string_equal(files.items[4].path, "sub/b.yml");
}

static void a_huge_file_is_refused(void **state)
{
    (void)state;
    AUTO(arena) arena = { 0 };
    static const char *const paths[] = { "huge.json" };
    struct manifest_files files;
    struct err err = { 0 };
    FILE *file = fopen("huge.json", "we");

    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), LIMIT_MANIFEST_BYTES + 1), 0);
    fclose(file);
    assert_int_equal(manifest_files_read(&arena, paths, 1, &files, &err), 0);
    assert_int_equal(files.count, 1);
    assert_non_null(files.items[0].refused);
    assert_non_null(strstr(files.items[0].refused->text, "at most 1048576 bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(good_manifests_exit_with_0, enter, leave),
        cmocka_unit_test_setup_teardown(environment_files_are_read_from_disk, enter, leave),
        cmocka_unit_test_setup_teardown(contexts_are_looked_for_on_disk, enter, leave),
        cmocka_unit_test_setup_teardown(files_that_are_too_large_together_are_told, enter, leave),
        cmocka_unit_test_setup_teardown(mistakes_have_places_and_exit_with_2, enter, leave),
        cmocka_unit_test_setup_teardown(json_says_the_same, enter, leave),
        cmocka_unit_test_setup_teardown(markdown_is_a_list, enter, leave),
        cmocka_unit_test_setup_teardown(no_manifest_is_a_failure, enter, leave),
        cmocka_unit_test_setup_teardown(folders_are_walked_in_order_without_git, enter, leave),
        cmocka_unit_test_setup_teardown(a_huge_file_is_refused, enter, leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
