/* check_datasets.c -- the known data sets, and class names from files and directories. */
#include "base/internal.h"

#include <check.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner.h"
#include "scratch.h"

static struct fmnn_error error;

static void put_text(const char *name, const char *text)
{
    put_file(name, text, strlen(text));
}

START_TEST(the_table_is_sound)
{
    size_t count = 0;
    for (const struct fmnn_dataset *set; (set = fmnn_dataset_at(count)); count++) {
        ck_assert_ptr_eq(fmnn_dataset_find(set->name), set);
        ck_assert_uint_gt(set->class_count, 1);
        size_t pinned = 0;
        for (size_t i = 0; i < FMNN_DATASET_FILES; i++) {
            const char *digest = set->files[i].sha256;
            ck_assert_str_eq(set->files[i].name, fmnn_dataset_at(0)->files[i].name);
            uint64_t bytes = set->files[i].bytes;
            ck_assert(bytes == 0 || bytes == fmnn_dataset_at(0)->files[i].bytes);
            ck_assert(bytes || !digest);
            pinned += digest != NULL;
            ck_assert(!digest ||
                      (strlen(digest) == 64 && strspn(digest, "0123456789abcdef") == 64));
            for (size_t j = 0; digest && j < i; j++)
                ck_assert_str_ne(digest, set->files[j].sha256);
        }
        ck_assert(pinned == 0 || pinned == FMNN_DATASET_FILES);
        for (size_t i = 0; i < set->class_count; i++)
            for (size_t j = 0; j < i; j++)
                ck_assert_str_ne(set->classes[i], set->classes[j]);
    }
    ck_assert_uint_ge(count, 3);
    ck_assert_ptr_null(fmnn_dataset_at(SIZE_MAX));
    ck_assert_ptr_eq(fmnn_dataset_find("Fashion-MNIST"), fmnn_dataset_at(0));
    ck_assert_ptr_null(fmnn_dataset_find("fashion"));
    ck_assert_ptr_null(fmnn_dataset_find(""));
    ck_assert_str_eq(fmnn_dataset_at(0)->classes[6], "Shirt");
    ck_assert_str_eq(fmnn_dataset_find("kmnist")->classes[9], "wo");
    ck_assert_uint_eq(fmnn_dataset_find("emnist-balanced")->class_count, 47);
    ck_assert_uint_eq(fmnn_dataset_find("emnist-byclass")->class_count, 62);
    ck_assert_uint_eq(fmnn_dataset_find("emnist-letters")->class_count, 26);
    ck_assert_uint_eq(fmnn_dataset_find("emnist-letters")->first_label, 1);
    ck_assert_str_eq(fmnn_dataset_find("emnist-balanced")->classes[46], "t");
}
END_TEST

START_TEST(names_are_copied)
{
    static const char *const two[] = {"cat", "dog"};
    struct fmnn_names *names = fmnn_names_copy(two, 2, &error);
    ck_assert_uint_eq(names->count, 2);
    ck_assert_str_eq(names->name[1], "dog");
    ck_assert_ptr_ne(names->name[1], two[1]);
    fmnn_names_free(names);
    names = fmnn_names_copy(two, 0, &error);
    ck_assert_uint_eq(names->count, 0);
    fmnn_names_free(names);
    fmnn_names_free(NULL);
}
END_TEST

START_TEST(names_are_read)
{
    put_text("names", "cat\nSee\xc3\xb6tter\n\xf0\x9f\x90\x88 with blanks \nlast");
    struct fmnn_names *names = fmnn_names_read("names", &error);
    ck_assert_msg(names != NULL, "%s", error.message);
    ck_assert_uint_eq(names->count, 4);
    ck_assert_str_eq(names->name[0], "cat");
    ck_assert_str_eq(names->name[1], "See\xc3\xb6tter");
    ck_assert_str_eq(names->name[2], "\xf0\x9f\x90\x88 with blanks ");
    ck_assert_str_eq(names->name[3], "last");
    fmnn_names_free(names);
}
END_TEST

static const struct {
    const char *text, *message;
    size_t size; /* where it is not strlen */
} bad[] = {
    {"", "names: no class names: the file is empty", 0},
    {"cat\n\ndog\n", "names:2: an empty line where a class name should be", 0},
    {"cat\ndog\n\n", "names:3: an empty line where a class name should be", 0},
    {"\n", "names:1: an empty line where a class name should be", 0},
    {"cat\r\ndog\r\n", "names:1: a carriage return: lines must end in a line feed alone", 0},
    {"c\0t\n", "names:1: a NUL byte: this is not a list of class names", 4},
    {"cat\nd\tog\n", "names:2: a control character in a class name", 0},
    {"\x1b[1m\n", "names:1: a control character in a class name", 0},
    {"\x7f\n", "names:1: a control character in a class name", 0},
    {"\xc2\x85\n", "names:1: a control character in a class name", 0},
    {"\xef\xbb\xbf"
     "cat\n",
     "names:1: a control character in a class name", 0},
    {"caf\xe9\n", "names:1: a class name that is not UTF-8", 0},  /* Latin-1 */
    {"\xc0\xaf\n", "names:1: a class name that is not UTF-8", 0}, /* not the shortest form */
    {"\xe0\x80\xaf\n", "names:1: a class name that is not UTF-8", 0},
    {"\xed\xa0\x80\n", "names:1: a class name that is not UTF-8", 0}, /* a surrogate */
    {"\xf4\x90\x80\x80\n", "names:1: a class name that is not UTF-8", 0},
    {"\xf8\x88\x80\x80\x80\n", "names:1: a class name that is not UTF-8", 0},
    {"\x80\n", "names:1: a class name that is not UTF-8", 0},
    {"\xe2\x82\n", "names:1: a class name that is not UTF-8", 0}, /* cut short */
    {"\xf0\x9f\x90", "names:1: a class name that is not UTF-8", 0},
};

START_TEST(bad_names_are_refused)
{
    put_file("names", bad[_i].text, bad[_i].size ? bad[_i].size : strlen(bad[_i].text));
    ck_assert_ptr_null(fmnn_names_read("names", &error));
    ck_assert_str_eq(error.message, bad[_i].message);
    ck_assert_int_eq(error.status, FMNN_DATA);
}
END_TEST

static struct fmnn_names *many(size_t count, size_t length)
{
    FILE *stream = fopen("names", "w");
    for (size_t i = 0; i < count; i++)
        fprintf(stream, "%0*zu\n", (int)length, i);
    fclose(stream);
    return fmnn_names_read("names", &error);
}

START_TEST(names_have_limits)
{
    struct fmnn_names *names = many(65536, 5);
    ck_assert_msg(names != NULL, "%s", error.message);
    ck_assert_uint_eq(names->count, 65536);
    ck_assert_str_eq(names->name[65535], "65535");
    fmnn_names_free(names);
    ck_assert_ptr_null(many(65537, 5));
    ck_assert_str_eq(error.message, "names:65537: more than 65536 class names");
    names = many(2, 1000);
    ck_assert_ptr_nonnull(names);
    ck_assert_uint_eq(strlen(names->name[1]), 1000);
    fmnn_names_free(names);
    ck_assert_ptr_null(many(2, 1001));
    ck_assert_str_eq(error.message, "names:1: a class name of more than 1000 bytes");
}
END_TEST

START_TEST(names_that_cannot_be_read)
{
    ck_assert_ptr_null(fmnn_names_read("none", &error));
    ck_assert_str_eq(error.message, "none: No such file or directory");
    ck_assert_int_eq(error.status, FMNN_SYSTEM);
    ck_assert_ptr_null(fmnn_names_read(".", &error));
    ck_assert_str_eq(error.message, ".: Is a directory");
}
END_TEST

static void directory_is(const char *directory, const char *first)
{
    struct fmnn_names *names;
    ck_assert_msg(fmnn_names_of_directory(directory, &names, &error) == 0, "%s", error.message);
    if (!first)
        ck_assert_ptr_null(names);
    else
        ck_assert_str_eq(names->name[0], first);
    fmnn_names_free(names);
}

START_TEST(names_of_a_directory)
{
    ck_assert_int_eq(mkdir("work", 0777), 0);
    ck_assert_int_eq(chdir("work"), 0);
    ck_assert_int_eq(mkdir("Fashion-MNIST", 0777), 0);
    ck_assert_int_eq(mkdir("my-fashion-mnist", 0777), 0);
    ck_assert_int_eq(mkdir("named", 0777), 0);
    ck_assert_int_eq(symlink("Fashion-MNIST", "link"), 0);
    ck_assert_int_eq(symlink("named", "mnist"), 0);
    ck_assert_int_eq(symlink("my-fashion-mnist", "kmnist"), 0);
    directory_is("Fashion-MNIST", "T-shirt/top");
    directory_is("Fashion-MNIST/", "T-shirt/top");
    directory_is("./Fashion-MNIST//", "T-shirt/top");
    directory_is("Fashion-MNIST/.", "T-shirt/top");
    directory_is("link", "T-shirt/top");
    directory_is("link/", "T-shirt/top");
    directory_is("my-fashion-mnist", NULL);
    directory_is("kmnist", "o"); /* the name of the link itself counts */
    directory_is("no/such/mnist", "0");
    directory_is("no/such", NULL);
    directory_is("/", NULL);
    directory_is("", NULL);
    put_text("named/classes.txt", "cat\ndog\n");
    directory_is("named", "cat");
    directory_is("mnist", "cat"); /* the file goes before the name */
    put_text("Fashion-MNIST/classes.txt", "\n");
    struct fmnn_names *names;
    ck_assert_int_eq(fmnn_names_of_directory("link", &names, &error), -1);
    ck_assert_ptr_null(names);
    ck_assert_str_eq(error.message,
                     "link/classes.txt:1: an empty line where a class name should be");
    ck_assert_int_eq(remove("Fashion-MNIST/classes.txt"), 0);
    ck_assert_int_eq(chdir("Fashion-MNIST"), 0);
    directory_is(".", "T-shirt/top");
    directory_is("", "T-shirt/top");
    directory_is("..", NULL);
    ck_assert_int_eq(system("cd ../.. && rm -r work"), 0);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("sets");
    tcase_add_test(tcase, the_table_is_sound);
    tcase_add_test(tcase, names_are_copied);
    tcase_add_test(tcase, names_are_read);
    tcase_add_loop_test(tcase, bad_names_are_refused, 0, (int)FM_COUNT(bad));
    tcase_add_test(tcase, names_have_limits);
    tcase_add_test(tcase, names_that_cannot_be_read);
    tcase_add_test(tcase, names_of_a_directory);
    scratch_enter();
    int status = run_tests("sets", tcase);
    scratch_leave();
    return status;
}
