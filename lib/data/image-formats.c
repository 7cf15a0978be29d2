/* image-formats.c -- the table of the formats of image files, and files read by it. */
#include "data/image-formats.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#ifndef HAVE_JPEG
#define fm_jpeg_decode NULL
#endif
#ifndef HAVE_WEBP
#define fm_webp_decode NULL
#endif

/* ---- what files begin with ---- */

static bool begins(const uint8_t *bytes, size_t size, const char *with, size_t length)
{
    return size >= length && !memcmp(bytes, with, length);
}

static bool is_png(const uint8_t *bytes, size_t size)
{
    return begins(bytes, size, "\211PNG\r\n\032\n", 8);
}

static bool is_jpeg(const uint8_t *bytes, size_t size)
{
    return begins(bytes, size, "\377\330\377", 3);
}

static bool is_webp(const uint8_t *bytes, size_t size)
{
    return begins(bytes, size, "RIFF", 4) && size >= 12 && !memcmp(bytes + 8, "WEBP", 4);
}

/* A tab would make the line a row of a table. */
static bool is_pnm(const uint8_t *bytes, size_t size)
{
    return size >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' &&
           (bytes[2] == ' ' || bytes[2] == '\n' || bytes[2] == '\r' || bytes[2] == '#');
}

static const char *const png_suffixes[] = {".png", NULL};
static const char *const jpeg_suffixes[] = {".jpg", ".jpeg", ".jpe", ".jfif", NULL};
static const char *const webp_suffixes[] = {".webp", NULL};
static const char *const pnm_suffixes[] = {".pnm", ".pbm", ".pgm", ".ppm", NULL};

static const struct fm_image_format formats[] = {
    {"PNG", png_suffixes, is_png, fm_png_decode},
    {"JPEG", jpeg_suffixes, is_jpeg, fm_jpeg_decode},
    {"WebP", webp_suffixes, is_webp, fm_webp_decode},
    {"PNM", pnm_suffixes, is_pnm, fm_pnm_decode},
};
static const char all_formats[] = "PNG, JPEG, WebP and PNM";

static const struct fm_image_format *format_of(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < FM_COUNT(formats); i++)
        if (formats[i].is(bytes, size))
            return &formats[i];
    return NULL;
}

/* Whether numbers follow the letter and digit of a PNM image, as far as the bytes go: a list of
   names can begin with "P1 2.png". A comment can contain anything. */
static bool has_pnm_sizes(const uint8_t *bytes, size_t size)
{
    const unsigned all = bytes[1] == '1' || bytes[1] == '4' ? 2 : 3;
    size_t i = 2;
    for (unsigned numbers = 0; numbers < all; numbers++) {
        while (i < size && memchr(" \t\r\n", bytes[i], 4))
            i++;
        if (i == size || bytes[i] == '#')
            return true;
        size_t start = i;
        while (i < size && bytes[i] >= '0' && bytes[i] <= '9')
            i++;
        if (i < size && (i == start || !memchr(" \t\r\n#", bytes[i], 5)))
            return false;
    }
    return true;
}

const char *fmnn_image_kind(const void *head, size_t count)
{
    const struct fm_image_format *format = format_of(head, count);
    bool name = format && format->is == is_pnm && !has_pnm_sizes(head, count);
    return format && !name ? format->name : NULL;
}

/* ---- names ---- */

/* NULL if the name has no suffix of a known format. */
static const struct fm_image_format *format_by_name(const char *path)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < FM_COUNT(formats); i++)
        for (const char *const *suffix = formats[i].suffixes; *suffix; suffix++) {
            size_t n = strlen(*suffix);
            if (length >= n && fm_same_word(path + length - n, *suffix))
                return &formats[i];
        }
    return NULL;
}

const char *fmnn_image_format(const char *path)
{
    const struct fm_image_format *format = format_by_name(path);
    return format ? format->name : NULL;
}

/* ---- files ---- */

static int read_all(int fd, const char *path, uint8_t **bytes, size_t *size, struct fmnn_error *err)
{
    enum { CHUNK = 1 << 16 };
    size_t capacity = 0;
    void *array = NULL;
    for (*size = 0;;) {
        int grown = fm_grow(&array, &capacity, *size + CHUNK, 1, err);
        *bytes = array;
        if (grown != 0)
            return -1;
        ssize_t got = read(fd, *bytes + *size, capacity - *size);
        if (got == 0)
            return 0;
        if (got < 0 && errno != EINTR)
            return fm_fail_errno(err, "%s", path);
        if (got > 0)
            *size += (size_t)got;
        if (*size > FMNN_MAX_IMAGE_FILE)
            return fm_fail(err, FMNN_DATA, "%s: larger than %d MiB, too large for an image", path,
                           FMNN_MAX_IMAGE_FILE >> 20);
    }
}

int fm_read_file(const char *path, uint8_t **bytes, size_t *size, struct fmnn_error *err)
{
    int fd;
    do
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return fm_fail_errno(err, "%s", path);
    int status = read_all(fd, path, bytes, size, err);
    close(fd);
    if (status != 0)
        free(*bytes);
    return status;
}

/* A file that is named like an image, but is none. */
static int fail_unknown(const char *path, const uint8_t *bytes, size_t size, struct fmnn_error *err)
{
    const struct fm_image_format *named = format_by_name(path);
    const char *what = fmnn_file_other(bytes, size);
    if (what)
        return fm_fail(err, FMNN_DATA, "%s: %s; only %s can be read", path, what, all_formats);
    if (named)
        return fm_fail(err, FMNN_DATA, "%s: %snot a %s file", path, size ? "" : "empty, ",
                       named->name);
    return fm_fail(err, FMNN_DATA, "%s: %s; %s can be read", path,
                   size ? "not an image file" : "empty, not an image file", all_formats);
}

int fm_image_decode(const char *path, const uint8_t *bytes, size_t size, struct fm_image *image,
                    struct fmnn_error *err)
{
    const struct fm_image_format *format = format_of(bytes, size);
    if (!format)
        return fail_unknown(path, bytes, size, err);
    if (!format->decode)
        return fm_fail(err, FMNN_DATA, "%s: a %s image; this fmnn was built without %s", path,
                       format->name, format->name);
    return format->decode(path, bytes, size, image, err);
}

int fm_image_read(const char *path, struct fm_image *image, struct fmnn_error *err)
{
    uint8_t *bytes;
    size_t size;
    if (fm_read_file(path, &bytes, &size, err) != 0)
        return -1;
    int status = fm_image_decode(path, bytes, size, image, err);
    free(bytes);
    return status;
}
