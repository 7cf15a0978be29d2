/* check_images.c -- images by name: rows of IDX files, image files, and bad names. */
#include "base/internal.h"

#include <check.h>
#include <png.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runner.h"
#include "scratch.h"

enum { H = 3, W = 5, BYTES = H * W };

static struct fmnn_error error;

/* All pixels of row r are r + base, except the last one, r + base + 1. */
static void make_idx(const char *path, size_t rows, size_t height, size_t width, unsigned base)
{
    size_t size[3] = {rows, height, width}, n = height * width;
    uint8_t *bytes = malloc(rows * n);
    for (size_t i = 0; i < rows * n; i++)
        bytes[i] = (uint8_t)(i / n + base + (i % n == n - 1));
    FILE *stream = fopen(path, "wb");
    ck_assert_ptr_nonnull(stream);
    ck_assert_int_eq(fmnn_idx_write(stream, 3, size, bytes, &error), 0);
    fclose(stream);
    free(bytes);
}

/* Rank 4: the value of row r, pixel i and channel c is 10 r + i + 100 c. */
static void make_colour(const char *path, size_t rows, size_t channels)
{
    size_t size[4] = {rows, H, W, channels}, n = BYTES * channels;
    uint8_t *bytes = malloc(rows * n);
    for (size_t i = 0; i < rows * n; i++)
        bytes[i] = (uint8_t)(10 * (i / n) + i % n / channels + 100 * (i % channels));
    FILE *stream = fopen(path, "wb");
    ck_assert_int_eq(fmnn_idx_write(stream, 4, size, bytes, &error), 0);
    fclose(stream);
    free(bytes);
}

static void make_labels(const char *path)
{
    size_t size[1] = {4};
    FILE *stream = fopen(path, "wb");
    ck_assert_int_eq(fmnn_idx_write(stream, 1, size, (const uint8_t *)"\0\1\2\3", &error), 0);
    fclose(stream);
}

static void make_png(const char *path, unsigned gray)
{
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = W, .height = H, .format = PNG_FORMAT_GRAY};
    uint8_t pixels[BYTES];
    memset(pixels, (int)gray, sizeof pixels);
    pixels[BYTES - 1]++;
    ck_assert(png_image_write_to_file(&image, path, 0, pixels, 0, NULL));
}

static void make_files(void)
{
    mkdir("data", 0777);
    make_idx("data/train-images-idx3-ubyte", 60, H, W, 0);
    make_idx("data/t10k-images-idx3-ubyte", 10, H, W, 100);
    make_labels("data/train-labels-idx1-ubyte");
    make_idx("a:b", 7, H, W, 50);
    make_idx("wide", 1, H, 4097, 0);
    make_idx("tall", 1, 4097, 1, 0);
    FILE *flat = fopen("flat", "wb");
    ck_assert_int_eq(fmnn_idx_write(flat, 2, (const size_t[]){4, 2}, (uint8_t[8]){0}, &error), 0);
    fclose(flat);
    make_colour("colour", 4, 3);
    make_colour("one-channel", 2, 1);
    make_colour("two-channels", 2, 2);
    make_png("one.png", 77);
    make_png("a:3.png", 88);
    make_png("odd.PNG", 99);
}

static void check_image(struct fmnn_images *images, const char *image, unsigned gray)
{
    uint8_t pixels[BYTES];
    struct fmnn_shape shape;
    ck_assert_msg(fmnn_images_read(images, image, (struct fmnn_shape){1, H, W}, pixels, &error) ==
                      0,
                  "%s: %s", image, error.message);
    for (size_t i = 0; i < BYTES; i++)
        ck_assert_uint_eq(pixels[i], gray + (i == BYTES - 1));
    ck_assert_int_eq(fmnn_images_shape(images, image, &shape, &error), 0);
    ck_assert_uint_eq(shape.channels, 1);
    ck_assert_uint_eq(shape.height, H);
    ck_assert_uint_eq(shape.width, W);
}

static void refused(struct fmnn_images *images, const char *image, const char *message)
{
    uint8_t pixels[BYTES];
    error.message[0] = 0;
    ck_assert_int_eq(fmnn_images_read(images, image, (struct fmnn_shape){1, H, W}, pixels, &error),
                     -1);
    ck_assert_str_eq(error.message, message);
    ck_assert_int_eq(fmnn_images_read(images, image, (struct fmnn_shape){1, H, W}, pixels, NULL),
                     -1);
}

START_TEST(rows_and_images)
{
    struct fmnn_images *images = fmnn_images_new("data", &error);
    for (unsigned i = 0; i < 60; i++) {
        char name[32];
        snprintf(name, sizeof name, "train:%u", i);
        check_image(images, name, i);
    }
    check_image(images, "test:9", 109);
    check_image(images, "train:0", 0);
    check_image(images, "train:007", 7);
    check_image(images, "data/train-images-idx3-ubyte:5", 5);
    check_image(images, "./data//train-images-idx3-ubyte:5", 5);
    check_image(images, "a:b:6", 56);
    check_image(images, "one.png", 77);
    check_image(images, "./one.png", 77);
    check_image(images, "a:3.png", 88);
    check_image(images, "odd.PNG", 99);
    check_image(images, "one.png", 77);
    fmnn_images_free(images);
    fmnn_images_free(NULL);
}
END_TEST

/* Relative paths begin in a root; the data set and absolute paths do not. */
START_TEST(names_below_a_root)
{
    char here[PATH_MAX], path[PATH_MAX + 64];
    struct fmnn_images *images = fmnn_images_new("data", &error);
    snprintf(path, sizeof path, "%s/one.png", getcwd(here, sizeof here));
    static const char *const roots[] = {"data", "data/", "./data"};
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(fmnn_images_set_root(images, roots[i], &error), 0);
        check_image(images, "train-images-idx3-ubyte:5", 5);
        check_image(images, "../one.png", 77);
        check_image(images, "../a:3.png", 88);
        check_image(images, path, 77);
        check_image(images, "train:7", 7);
        check_image(images, "test:9", 109);
    }
    refused(images, "one.png", "./data/one.png: No such file or directory");
    refused(images, "one",
            "'./data/one' is not the name of an image; expected train:N, test:N, "
            "FILE:N (row N of an IDX file) or an image file (.png, .jpg, .webp, "
            ".ppm ...)");
    refused(images, "train-images-idx3-ubyte:60",
            "./data/train-images-idx3-ubyte:60: no such row: the rows of "
            "./data/train-images-idx3-ubyte are 0 to 59");
    char *directory = fmnn_images_directory(images, "x/one.png", &error);
    ck_assert_str_eq(directory, "./data/x");
    free(directory);
    static const char *const names[] = {"../one.png", "train-images-idx3-ubyte:5", "one.png"};
    const struct fmnn_input input = {.shape = {1, H, W}};
    struct fmnn_loaded loaded[3];
    struct fmnn_digest digest[3];
    uint8_t pixels[3 * BYTES];
    ck_assert_int_eq(fmnn_images_load(images, names, 3, &input, 1, pixels, loaded, &error), 0);
    ck_assert_int_eq(fmnn_images_digest(images, names, 3, 1, digest, &error), 0);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(loaded[i].error.status == FMNN_OK, i < 2);
        ck_assert_int_eq(digest[i].error.status == FMNN_OK, i < 2);
    }
    ck_assert_str_eq(loaded[2].error.message, "./data/one.png: No such file or directory");
    ck_assert_int_eq(fmnn_images_set_root(images, "", &error), 0);
    check_image(images, "one.png", 77);
    ck_assert_int_eq(fmnn_images_set_root(images, NULL, &error), 0);
    check_image(images, "one.png", 77);
    fmnn_images_free(images);
}
END_TEST

/* An IDX file is opened once, so it may be removed afterwards. */
START_TEST(files_stay_open)
{
    make_idx("gone", 3, H, W, 20);
    struct fmnn_images *images = fmnn_images_new(NULL, &error);
    check_image(images, "gone:2", 22);
    ck_assert_int_eq(unlink("gone"), 0);
    check_image(images, "a:b:0", 50);
    check_image(images, "gone:1", 21);
    fmnn_images_free(images);
}
END_TEST

/* More files than are kept open, in sequence and at random. */
START_TEST(more_files_than_kept_open)
{
    enum { FILES = 40 };
    char name[32];
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "many%u", i);
        make_idx(name, 2, H, W, i);
    }
    struct rlimit usual, few; /* so few that keeping all files open would fail */
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &usual), 0);
    few = usual;
    few.rlim_cur = 64;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    struct fmnn_images *images = fmnn_images_new(NULL, &error);
    for (unsigned i = 0; i < 3 * FILES; i++) {
        snprintf(name, sizeof name, "many%u:%u", i % FILES, i % 2);
        check_image(images, name, i % FILES + i % 2);
        unsigned other = i * 7 % FILES;
        snprintf(name, sizeof name, "many%u:0", other);
        check_image(images, name, other);
    }
    fmnn_images_free(images);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &usual), 0);
}
END_TEST

START_TEST(bad_names)
{
    struct fmnn_images *images = fmnn_images_new("data", &error);
    static const char *const bad[] = {"train",
                                      "train:",
                                      "train:-1",
                                      "train:1x",
                                      "train: 1",
                                      "train:1.0",
                                      ":5",
                                      ":",
                                      "a.txt",
                                      "train:+1",
                                      "train:99999999999999999999"};
    char message[256];
    for (size_t i = 0; i < FM_COUNT(bad); i++) {
        snprintf(message, sizeof message,
                 "'%s' is not the name of an image; expected train:N, test:N, FILE:N (row N of an "
                 "IDX file) or an image file (.png, .jpg, .webp, .ppm ...)",
                 bad[i]);
        refused(images, bad[i], message);
    }
    refused(images, "", "the name of the image is empty");
    char name[5000];
    memset(name, 'x', sizeof name);
    strcpy(name + sizeof name - 5, ".png");
    refused(images, name,
            "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...: the name of the image is too long "
            "(4999 bytes)");
    fmnn_images_free(images);
}
END_TEST

START_TEST(missing_rows_and_files)
{
    struct fmnn_images *images = fmnn_images_new("data", &error);
    refused(images, "train:60",
            "train:60: no such row: the rows of data/train-images-idx3-ubyte are 0 to 59");
    refused(
        images, "train:18446744073709551615",
        "train:18446744073709551615: no such row: the rows of data/train-images-idx3-ubyte are 0 "
        "to 59");
    refused(images, "data/train-labels-idx1-ubyte:0",
            "data/train-labels-idx1-ubyte:0: data/train-labels-idx1-ubyte is a label file, not "
            "images");
    refused(images, "wide:0", "wide:0: wide has images of 3x4097; the maximum is 4096x4096");
    refused(images, "tall:0", "tall:0: tall has images of 4097x1; the maximum is 4096x4096");
    refused(images, "flat:0",
            "flat:0: flat has rank 2; expected 3, gray images, or 4, images with channels");
    uint8_t pixels[BYTES];
    ck_assert_int_eq(
        fmnn_images_read(images, "train:1", (struct fmnn_shape){1, H, W + 1}, pixels, &error), -1);
    ck_assert_str_eq(error.message,
                     "train:1: the image is 3x5, but 3x6 is needed; --fit resizes images");
    ck_assert_int_eq(
        fmnn_images_read(images, "one.png", (struct fmnn_shape){1, H - 1, W}, pixels, &error), -1);
    ck_assert_str_eq(error.message,
                     "one.png: the image is 3x5, but 2x5 is needed; --fit resizes images");
    refused(images, "none:0", "none[.gz]: No such file or directory");
    refused(images, "Train:0", "Train[.gz]: No such file or directory");
    refused(images, "none.png", "none.png: No such file or directory");
    check_image(images, "one.png", 77);
    fmnn_images_free(images);

    images = fmnn_images_new("nowhere", &error);
    refused(images, "test:0", "nowhere/t10k-images-idx3-ubyte[.gz]: No such file or directory");
    fmnn_images_free(images);

    images = fmnn_images_new(NULL, &error);
    refused(images, "train:0",
            "train:0: no data directory: fetch the data set with fm-fetch, or name its directory "
            "with -d or FMNN_DATA");
    check_image(images, "one.png", 77);
    fmnn_images_free(images);
}
END_TEST

START_TEST(wrong_size)
{
    struct fmnn_images *images = fmnn_images_new("data", &error);
    uint8_t pixels[W * H];
    ck_assert_int_eq(
        fmnn_images_read(images, "train:0", (struct fmnn_shape){1, W, H}, pixels, &error), -1);
    ck_assert_str_eq(error.message,
                     "train:0: the image is 3x5, but 5x3 is needed; --fit resizes images");
    ck_assert_int_eq(
        fmnn_images_read(images, "one.png", (struct fmnn_shape){1, 1, 1}, pixels, &error), -1);
    ck_assert_str_eq(error.message,
                     "one.png: the image is 3x5, but 1x1 is needed; --fit resizes images");
    ck_assert_int_eq(error.status, FMNN_DATA);
    fmnn_images_free(images);
}
END_TEST

/* IDX of rank 4 is (N,H,W,C) in the file and (C,H,W) in memory. */
START_TEST(channels)
{
    struct fmnn_images *images = fmnn_images_new(NULL, &error);
    struct fmnn_shape shape, colour = {3, H, W}, gray = {1, H, W};
    uint8_t pixels[3 * BYTES];
    ck_assert_int_eq(fmnn_images_shape(images, "colour:3", &shape, &error), 0);
    ck_assert_uint_eq(shape.channels, 3);
    ck_assert_uint_eq(shape.height, H);
    ck_assert_uint_eq(shape.width, W);
    for (unsigned row = 4; row-- > 0;) {
        char name[16];
        snprintf(name, sizeof name, "colour:%u", row);
        ck_assert_int_eq(fmnn_images_read(images, name, colour, pixels, &error), 0);
        for (unsigned i = 0; i < 3 * BYTES; i++)
            ck_assert_uint_eq(pixels[i], 10 * row + i % BYTES + 100 * (i / BYTES));
    }
    ck_assert_int_eq(fmnn_images_read(images, "one-channel:1", gray, pixels, &error), 0);
    for (unsigned i = 0; i < BYTES; i++)
        ck_assert_uint_eq(pixels[i], 10 + i);
    refused(images, "colour:0",
            "colour:0: the image is 3x3x5, but 1x3x5 is needed; --fit resizes images");
    /* A gray image file becomes three equal channels. */
    ck_assert_int_eq(fmnn_images_read(images, "one.png", colour, pixels, &error), 0);
    for (unsigned i = 0; i < 3 * BYTES; i++)
        ck_assert_uint_eq(pixels[i], pixels[i % BYTES]);
    refused(images, "two-channels:0",
            "two-channels:0: two-channels has rank 4 and 2 channels; expected 1 (gray) or 3 "
            "(colour)");
    fmnn_images_free(images);
}
END_TEST

static void check_directory(struct fmnn_images *images, const char *image, const char *wanted)
{
    char *directory = fmnn_images_directory(images, image, &error);
    ck_assert_msg(directory != NULL, "%s", error.message);
    ck_assert_str_eq(directory, wanted);
    free(directory);
}

START_TEST(format_by_suffix)
{
    ck_assert_str_eq(fmnn_image_format("a/b.png"), "PNG");
    ck_assert_str_eq(fmnn_image_format(".PnG"), "PNG");
    ck_assert_ptr_null(fmnn_image_format("png"));
    ck_assert_ptr_null(fmnn_image_format("a.png:1"));
    ck_assert_ptr_null(fmnn_image_format(""));
}
END_TEST

START_TEST(directories_of_images)
{
    struct fmnn_images *images = fmnn_images_new("some/where/", &error);
    check_directory(images, "train:0", "some/where");
    check_directory(images, "test:1", "some/where");
    check_directory(images, "file:1", ".");
    check_directory(images, "./file:1", ".");
    check_directory(images, "a/b/file:1", "a/b");
    check_directory(images, "/file:1", "/");
    check_directory(images, "//file:1", "/");
    check_directory(images, "p/x.png", "p");
    check_directory(images, "x.png", ".");
    ck_assert_ptr_null(fmnn_images_directory(images, "nothing", &error));
    fmnn_images_free(images);
    images = fmnn_images_new(NULL, &error);
    ck_assert_ptr_null(fmnn_images_directory(images, "train:0", &error));
    fmnn_images_free(images);
    images = fmnn_images_new("", &error);
    check_directory(images, "train:0", ".");
    fmnn_images_free(images);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("images");
    tcase_add_test(tcase, rows_and_images);
    tcase_add_test(tcase, names_below_a_root);
    tcase_add_test(tcase, files_stay_open);
    tcase_add_test(tcase, more_files_than_kept_open);
    tcase_add_test(tcase, bad_names);
    tcase_add_test(tcase, missing_rows_and_files);
    tcase_add_test(tcase, wrong_size);
    tcase_add_test(tcase, channels);
    tcase_add_test(tcase, format_by_suffix);
    tcase_add_test(tcase, directories_of_images);
    tcase_add_checked_fixture(tcase, make_files, NULL);
    scratch_enter();
    int status = run_tests("images", tcase);
    if (system("rm -r data") != 0)
        perror("data");
    scratch_leave();
    return status;
}
