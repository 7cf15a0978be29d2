/* check_datasets.c -- the known data sets, and class names from files and data directories. */
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

START_TEST(known_datasets_are_consistent)
{
    size_t count = 0;
    for (const struct fmnn_dataset *dataset; (dataset = fmnn_dataset_at(count)); count++) {
        ck_assert_ptr_eq(fmnn_dataset_find(dataset->name), dataset);
        ck_assert_uint_gt(dataset->class_count, 1);
        size_t pinned = 0;
        for (size_t i = 0; i < FMNN_DATASET_FILES; i++) {
            const char *digest = dataset->files[i].sha256;
            ck_assert_str_eq(dataset->files[i].name, fmnn_dataset_at(0)->files[i].name);
            uint64_t bytes = dataset->files[i].bytes;
            ck_assert(bytes == 0 || bytes == fmnn_dataset_at(0)->files[i].bytes);
            ck_assert(bytes || !digest);
            pinned += digest != NULL;
            ck_assert(!digest ||
                      (strlen(digest) == 64 && strspn(digest, "0123456789abcdef") == 64));
            for (size_t j = 0; digest && j < i; j++)
                ck_assert_str_ne(digest, dataset->files[j].sha256);
        }
        ck_assert(pinned == 0 || pinned == FMNN_DATASET_FILES);
        for (size_t i = 0; i < dataset->class_count; i++)
            for (size_t j = 0; j < i; j++)
                ck_assert_str_ne(dataset->classes[i], dataset->classes[j]);
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

START_TEST(copying_names)
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

START_TEST(reading_names)
{
    put_text("names", "cat\nSee\xc3\xb6tter\n\xf0\x9f\x90\x88 with blanks \n last\n \n\r\n");
    struct fmnn_names *names = fmnn_names_read("names", &error);
    ck_assert_msg(names != NULL, "%s", error.message);
    ck_assert_uint_eq(names->count, 4);
    ck_assert_str_eq(names->name[0], "cat");
    ck_assert_str_eq(names->name[1], "See\xc3\xb6tter");
    ck_assert_str_eq(names->name[2], "\xf0\x9f\x90\x88 with blanks");
    ck_assert_str_eq(names->name[3], "last");
    ck_assert_str_eq(names->source, "names");
    ck_assert_uint_eq(fmnn_names_find(names, "last"), 3);
    ck_assert_uint_eq(fmnn_names_find(names, "Last"), 4);
    fmnn_names_free(names);
    put_text("names", "\xef\xbb\xbf"
                      "cat\r\nblue dog\r\n"); /* as Windows writes it */
    names = fmnn_names_read("names", &error);
    ck_assert_msg(names != NULL, "%s", error.message);
    ck_assert_uint_eq(names->count, 2);
    ck_assert_str_eq(names->name[0], "cat");
    ck_assert_str_eq(names->name[1], "blue dog");
    fmnn_names_free(names);
}
END_TEST

static const struct {
    const char *text, *message;
    size_t size; /* 0: strlen(text) */
} bad[] = {
    {"", "names: the file is empty; expected one class name a line", 0},
    {"cat\n\ndog\n", "names:2: the class name is empty", 0},
    {"\n", "names:1: the class name is empty", 0},
    {"cat\r\n\r\ndog", "names:2: the class name is empty", 0},
    {"cat\n \n\xc2\xa0\ndog", "names:2: the class name is empty", 0},
    {"cat\rdog\r", "names:1: the class name contains a control character", 0},
    {"\xff\xfe"
     "c\0\n",
     "names: UTF-16 text; expected UTF-8; iconv -f UTF-16 -t UTF-8 converts it", 5},
    {"c\0t\n", "names:1: the class name contains a NUL byte", 4},
    {"cat\nd\tog\n", "names:2: a tab; expected one class name a line, not a table", 0},
    {"\x1b[1m\n", "names:1: the class name contains a control character", 0},
    {"\x7f\n", "names:1: the class name contains a control character", 0},
    {"\xc2\x85\n", "names:1: the class name contains a control character", 0},
    {"cat\n\xef\xbb\xbf"
     "dog\n",
     "names:2: the class name contains a control character", 0},
    {"caf\xe9\n", "names:1: the class name is not UTF-8", 0},  /* Latin-1 */
    {"\xc0\xaf\n", "names:1: the class name is not UTF-8", 0}, /* not the shortest form */
    {"\xe0\x80\xaf\n", "names:1: the class name is not UTF-8", 0},
    {"\xed\xa0\x80\n", "names:1: the class name is not UTF-8", 0}, /* a surrogate */
    {"\xf4\x90\x80\x80\n", "names:1: the class name is not UTF-8", 0},
    {"\xf8\x88\x80\x80\x80\n", "names:1: the class name is not UTF-8", 0},
    {"\x80\n", "names:1: the class name is not UTF-8", 0},
    {"\xe2\x82\n", "names:1: the class name is not UTF-8", 0}, /* cut short */
    {"\xf0\x9f\x90", "names:1: the class name is not UTF-8", 0},
};

START_TEST(bad_names_are_refused)
{
    put_file("names", bad[_i].text, bad[_i].size ? bad[_i].size : strlen(bad[_i].text));
    ck_assert_ptr_null(fmnn_names_read("names", &error));
    ck_assert_str_eq(error.message, bad[_i].message);
    ck_assert_int_eq(error.status, FMNN_DATA);
}
END_TEST

static struct fmnn_names *write_and_read(size_t count, size_t length)
{
    FILE *stream = fopen("names", "w");
    for (size_t i = 0; i < count; i++)
        fprintf(stream, "%0*zu\n", (int)length, i);
    fclose(stream);
    return fmnn_names_read("names", &error);
}

START_TEST(limits_of_names)
{
    struct fmnn_names *names = write_and_read(65536, 5);
    ck_assert_msg(names != NULL, "%s", error.message);
    ck_assert_uint_eq(names->count, 65536);
    ck_assert_str_eq(names->name[65535], "65535");
    fmnn_names_free(names);
    ck_assert_ptr_null(write_and_read(65537, 5));
    ck_assert_str_eq(error.message, "names:65537: more than 65536 class names");
    names = write_and_read(2, 1000);
    ck_assert_ptr_nonnull(names);
    ck_assert_uint_eq(strlen(names->name[1]), 1000);
    fmnn_names_free(names);
    ck_assert_ptr_null(write_and_read(2, 1001));
    ck_assert_str_eq(error.message, "names:1: the class name is longer than 1000 bytes");
}
END_TEST

/* Lines, the last of which has blanks inside. */
static struct fmnn_names *read_blanks(const char *before, int blanks, const char *after)
{
    FILE *stream = fopen("names", "w");
    fprintf(stream, "%s%*s%s\n", before, blanks, "", after);
    fclose(stream);
    return fmnn_names_read("names", &error);
}

START_TEST(long_lines_of_names)
{
    for (int blanks = 990; blanks < 1020; blanks++) {
        struct fmnn_names *names = read_blanks("a", blanks, "\r\nb");
        ck_assert_msg(names != NULL, "%d: %s", blanks, error.message);
        ck_assert_uint_eq(names->count, 2);
        ck_assert_str_eq(names->name[0], "a");
        ck_assert_str_eq(names->name[1], "b");
        fmnn_names_free(names);
        ck_assert_ptr_null(read_blanks("a\nb", blanks + 10, "Zc\nd"));
        ck_assert_str_eq(error.message, "names:2: the class name is longer than 1000 bytes");
    }
    struct fmnn_names *names = read_blanks("\xef\xbb\xbf"
                                           "a",
                                           998, "z"); /* 1000 bytes, and a mark */
    ck_assert_msg(names != NULL, "%s", error.message);
    fmnn_names_free(names);
}
END_TEST

/* A message that is too long has its beginning and its end. */
START_TEST(long_messages)
{
    static char path[1500];
    while (strlen(path) < sizeof path - 20)
        strcat(path, "./");
    strcat(path, "none-\u00e9");
    ck_assert_ptr_null(fmnn_names_read(path, &error));
    ck_assert_int_eq(strncmp(error.message, "././././", 8), 0);
    ck_assert_ptr_nonnull(strstr(error.message, "/none-\u00e9: No such file or directory"));
    ck_assert_ptr_nonnull(strstr(error.message, "..."));
    for (size_t blanks = 0; blanks < 4; blanks++) { /* no character is cut */
        memset(path, ' ', blanks);
        for (size_t i = blanks; i + 2 < sizeof path; i += 2)
            memcpy(path + i, "\u00e9", 3);
        ck_assert_ptr_null(fmnn_names_read(path, &error));
        ck_assert_uint_ge(strlen(error.message), sizeof error.message - 4);
        const char *at = error.message;
        for (uint32_t code; *at; at += fmnn_utf8_next(at, &code))
            ck_assert_uint_ne(fmnn_utf8_next(at, &code), 0);
    }
}
END_TEST

START_TEST(unreadable_names_file)
{
    ck_assert_ptr_null(fmnn_names_read("none", &error));
    ck_assert_str_eq(error.message, "none: No such file or directory");
    ck_assert_int_eq(error.status, FMNN_SYSTEM);
    ck_assert_ptr_null(fmnn_names_read(".", &error));
    ck_assert_str_eq(error.message, ".: Is a directory");
}
END_TEST

static void check_directory(const char *directory, const char *first)
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
    check_directory("Fashion-MNIST", "T-shirt/top");
    check_directory("Fashion-MNIST/", "T-shirt/top");
    check_directory("./Fashion-MNIST//", "T-shirt/top");
    check_directory("Fashion-MNIST/.", "T-shirt/top");
    check_directory("link", "T-shirt/top");
    check_directory("link/", "T-shirt/top");
    check_directory("my-fashion-mnist", NULL);
    check_directory("kmnist", "o"); /* the link's own name counts */
    check_directory("no/such/mnist", "0");
    check_directory("no/such", NULL);
    check_directory("/", NULL);
    check_directory("", NULL);
    put_text("named/classes.txt", "cat\ndog\n");
    check_directory("named", "cat");
    check_directory("mnist", "cat"); /* the file overrides the name */
    put_text("Fashion-MNIST/classes.txt", "\n");
    struct fmnn_names *names;
    ck_assert_int_eq(fmnn_names_of_directory("link", &names, &error), -1);
    ck_assert_ptr_null(names);
    ck_assert_str_eq(error.message, "link/classes.txt:1: the class name is empty");
    ck_assert_int_eq(remove("Fashion-MNIST/classes.txt"), 0);
    ck_assert_int_eq(chdir("Fashion-MNIST"), 0);
    check_directory(".", "T-shirt/top");
    check_directory("", "T-shirt/top");
    check_directory("..", NULL);
    ck_assert_int_eq(system("cd ../.. && rm -r work"), 0);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("datasets");
    tcase_add_test(tcase, known_datasets_are_consistent);
    tcase_add_test(tcase, copying_names);
    tcase_add_test(tcase, reading_names);
    tcase_add_loop_test(tcase, bad_names_are_refused, 0, (int)FM_COUNT(bad));
    tcase_add_test(tcase, limits_of_names);
    tcase_add_test(tcase, long_lines_of_names);
    tcase_add_test(tcase, long_messages);
    tcase_add_test(tcase, unreadable_names_file);
    tcase_add_test(tcase, names_of_a_directory);
    scratch_enter();
    int status = run_tests("datasets", tcase);
    scratch_leave();
    return status;
}
