/* check_formats.c -- image files of all formats: pixels, orientation, damage, limits; and how
   images become the input of a net. */
#include "base/internal.h"

#include <check.h>
#include <fenv.h>
#include <stdio.h>

#include "data/image-formats.h"
#include "runner.h"
#include "scratch.h"

#ifdef HAVE_JPEG
#include <jpeglib.h>
#endif
#ifdef HAVE_WEBP
#include <webp/encode.h>
#endif

enum { H = 10, W = 14 };

static struct fm_image image;
static struct fmnn_error err;

static int decode(const void *bytes, size_t size)
{
    err = (struct fmnn_error){0};
    return fm_image_decode("file", bytes, size, &image, &err);
}

/* Checks the size and the first pixels of an image, and frees it. */
static void good(const void *bytes, size_t size, size_t height, size_t width, size_t channels,
                 const uint8_t *pixels)
{
    ck_assert_msg(decode(bytes, size) == 0, "%s", err.message);
    ck_assert_uint_eq(image.height, height);
    ck_assert_uint_eq(image.width, width);
    ck_assert_uint_eq(image.channels, channels);
    ck_assert_mem_eq(image.pixels, pixels, height * width * channels);
    free(image.pixels);
}

static void bad(const void *bytes, size_t size, const char *fragment)
{
    ck_assert_msg(decode(bytes, size) == -1, "accepted, not '%s'", fragment);
    ck_assert_ptr_null(image.pixels);
    check_message("bad file", &err, "file: ", fragment);
}

#define GOOD(text, h, w, c, ...)                                                                   \
    good(text, sizeof text - 1, h, w, c, (const uint8_t[]){__VA_ARGS__})
#define BAD(text, fragment) bad(text, sizeof text - 1, fragment)

/* ---- PNM ---- */

START_TEST(pnm)
{
    GOOD("P1\n3 2\n1 0 1\n001", 2, 3, 1, 0, 255, 0, 255, 255, 0);
    GOOD("P1 # a comment\n#another\n3 # 9\n2\n101001\n", 2, 3, 1, 0, 255, 0, 255, 255, 0);
    GOOD("P2\n3 2\n100\n0 50 100\n1 2 99\n", 2, 3, 1, 0, 128, 255, 3, 5, 252);
    GOOD("P3 1 2 255 1 2 3 4 5 6", 2, 1, 3, 1, 2, 3, 4, 5, 6);
    GOOD("P4\n10 2\n\x80\x40\x01\x80", 2, 10, 1, 0, 255, 255, 255, 255, 255, 255, 255, 255, 0, 255,
         255, 255, 255, 255, 255, 255, 0, 0, 255);
    GOOD("P5\n2 1\n255\n\x07\xf0", 1, 2, 1, 7, 240);
    GOOD("P5\r\n2 1\r255\n\x07\xf0", 1, 2, 1, 7, 240);
    GOOD("P5 2 1 65535 \x01\x00\xff\xff", 1, 2, 1, 1, 255);
    GOOD("P5\n2 1\n255#\n\x07\xf0", 1, 2, 1, 7, 240); /* the comment's end is the blank */
    GOOD("P4\n2 1# 9\n\x40", 1, 2, 1, 255, 0);
    GOOD("P5\n2 1\n255 #\n", 1, 2, 1, '#', '\n'); /* here it is the first pixel */
    GOOD("P6\n1 1\n255\n\1\2\3", 1, 1, 3, 1, 2, 3);
    GOOD("P6\n1 1\n255\n\1\2\3P6\n1 1\n255\n\1\2\3", 1, 1, 3, 1, 2, 3); /* the first of two */
}
END_TEST

START_TEST(pnm_refused)
{
    BAD("P5\n2 1\n255\n\7", "truncated");
    BAD("P5\n2 1\n255", "truncated");
    BAD("P5\n2 1\n", "truncated");
    BAD("P5\n", "truncated");
    BAD("P2\n2 1\n255\n7", "truncated");
    BAD("P1\n2 2\n1 0 1", "truncated");
    BAD("P2\n2 1\n255\n7 256", "too large");
    BAD("P5\n2 1\n100\n\7\145", "above the maximum");
    BAD("P5\n0 1\n255\n", "is 0");
    BAD("P5\n1 0\n255\n", "is 0");
    BAD("P5\n1 1\n0\n1", "is 0");
    BAD("P5\n1 1\n65536\n1", "too large");
    BAD("P5\n-1 1\n255\n1", "a number was expected");
    BAD("P5\n1 1\n255x\n1", "no blank");
    BAD("P5\n1 1\n255#", "truncated");
    BAD("P5\n1 1\n255#\n", "truncated");
    BAD("P1\n2 1\n12", "not 0 or 1");
    BAD("P5\n99999999999999999999 1\n255\n1", "too large");
    BAD("P5\n65536 1\n255\n1", "too large");
    BAD("P5\n50000 50000\n255\n1", "too large; the maximum is 100 million pixels");
    BAD("P4\n8000 8000\n\0", "truncated");
}
END_TEST

START_TEST(other_files)
{
    BAD("GIF89a......", "a GIF image; only PNG, JPEG, WebP and PNM can be read");
    BAD("II*\0........", "a TIFF image");
    BAD("<!DOCTYPE html>", "an HTML or XML page");
    BAD("\0\0\0\30ftypheic....", "a HEIC image");
    BAD("P7\nWIDTH 1\n", "a PAM image");
    BAD("P5\t1\ttrain", "not an image file");
    BAD("hello, world", "not an image file");
    bad("", 0, "empty");
#ifndef HAVE_JPEG
    BAD("\377\330\377\340........", "built without JPEG");
#endif
#ifndef HAVE_WEBP
    BAD("RIFF....WEBPVP8 ", "built without WebP");
#endif
    ck_assert_str_eq(fmnn_image_kind("\377\330\377\340", 4), "JPEG");
    ck_assert_str_eq(fmnn_image_kind("\211PNG\r\n\32\n....", 12), "PNG");
    ck_assert_str_eq(fmnn_image_kind("RIFF....WEBP", 12), "WebP");
    ck_assert_str_eq(fmnn_image_kind("P6\n", 3), "PNM");
    ck_assert_ptr_null(fmnn_image_kind("image\tlabel\tsplit", 17));
    ck_assert_ptr_null(fmnn_image_kind("RIFF....WAVE", 12));
    ck_assert_str_eq(fmnn_image_other("BM....\0\0\0\0..", 12), "a BMP image");
    ck_assert_ptr_null(fmnn_image_other("BMW/front.png", 12));
    ck_assert_str_eq(fmnn_image_other(" \n<HTML><head>", 12), "an HTML or XML page");
    ck_assert_ptr_null(fmnn_file_other("<lambda>\tlabel", 14));
    ck_assert_ptr_null(fmnn_image_other("\37\213..........", 12));
    ck_assert_str_eq(fmnn_file_other("\37\213..........", 12), "a gzip file");
    ck_assert_str_eq(fmnn_file_other("\223NUMPY\1\0....", 12), "an array of NumPy");
    ck_assert_str_eq(fmnn_file_other("\200\4\225.........", 12), "a Python pickle");
    ck_assert_str_eq(fmnn_file_other("8\3\0\0\0\0\0\0{\"__", 12),
                     "a safetensors file, as weights are");
    ck_assert_ptr_null(fmnn_file_other("", 0));
    ck_assert_str_eq(fmnn_image_format("x.JPEG"), "JPEG");
}
END_TEST

/* ---- orientation ---- */

START_TEST(orientation)
{
    /* The stored image is 12 / 34 / 56; each row is what EXIF's orientation 1 .. 8 makes of it. */
    static const struct {
        size_t height, width;
        uint8_t pixels[7];
    } upright[] = {{3, 2, "123456"}, {3, 2, "214365"}, {3, 2, "654321"}, {3, 2, "563412"},
                   {2, 3, "135246"}, {2, 3, "531642"}, {2, 3, "642531"}, {2, 3, "246135"}};
    for (unsigned i = 0; i < FM_COUNT(upright); i++) {
        struct fm_image one = {3, 2, 1, malloc(6)};
        memcpy(one.pixels, "123456", 6);
        ck_assert_int_eq(fm_image_turn(&one, i + 1, &err), 0);
        ck_assert_uint_eq(one.height, upright[i].height);
        ck_assert_uint_eq(one.width, upright[i].width);
        ck_assert_msg(!memcmp(one.pixels, upright[i].pixels, 6), "orientation %u: %.6s", i + 1,
                      (char *)one.pixels);
        free(one.pixels);
    }
}
END_TEST

static const uint8_t big_exif[] =
    "MM\0*\0\0\0\10\0\2\1\0\0\3\0\0\0\1\0\7\0\0\1\22\0\3\0\0\0\1\0\6\0\0";
static const uint8_t little_exif[] = "II*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0\10\0\0\0";

START_TEST(exif)
{
    uint8_t copy[sizeof big_exif];
    ck_assert_uint_eq(fm_exif_orientation(big_exif, sizeof big_exif - 1), 6);
    ck_assert_uint_eq(fm_exif_orientation(little_exif, sizeof little_exif - 1), 8);
    for (size_t n = 0; n < 34; n++)
        ck_assert_uint_eq(fm_exif_orientation(big_exif, n), 1);
    memcpy(copy, big_exif, sizeof copy);
    copy[31] = 9;
    ck_assert_uint_eq(fm_exif_orientation(copy, sizeof copy), 1);
    memcpy(copy, big_exif, sizeof copy);
    memset(copy + 4, 0xff, 4);
    ck_assert_uint_eq(fm_exif_orientation(copy, sizeof copy), 1);
    memcpy(copy, big_exif, sizeof copy);
    copy[8] = 0xff; /* more entries than there are */
    ck_assert_uint_eq(fm_exif_orientation(copy, sizeof copy), 6);
}
END_TEST

/* A smooth image, as photos are. */
static inline unsigned level(unsigned y, unsigned x, unsigned c)
{
    return 40 + 12 * y + 4 * x + 30 * c % 50;
}

static inline unsigned distance(unsigned a, unsigned b)
{
    return a > b ? a - b : b - a;
}

/* ---- JPEG ---- */
#ifdef HAVE_JPEG
enum { ROOM = 1 << 16 };

static size_t make_jpeg(uint8_t *bytes, int components, J_COLOR_SPACE from, J_COLOR_SPACE to,
                        bool progressive, const uint8_t *orientation_data, size_t data_size)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned long size = ROOM;
    uint8_t row[W * 4], *out = bytes, marker[64] = "Exif\0";
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &out, &size);
    jpeg.image_width = W;
    jpeg.image_height = H;
    jpeg.input_components = components;
    jpeg.in_color_space = from;
    jpeg_set_defaults(&jpeg);
    jpeg_set_colorspace(&jpeg, to);
    jpeg_set_quality(&jpeg, 100, TRUE);
    if (progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    if (orientation_data) {
        memcpy(marker + 6, orientation_data, data_size);
        jpeg_write_marker(&jpeg, JPEG_APP0 + 1, marker, (unsigned)data_size + 6);
    }
    for (unsigned y = 0; y < H; y++) {
        JSAMPROW rows = row;
        for (unsigned i = 0; i < W * (unsigned)components; i++)
            row[i] = (uint8_t)level(y, i / (unsigned)components, i % (unsigned)components);
        jpeg_write_scanlines(&jpeg, &rows, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    ck_assert_ptr_eq(out, bytes);
    return size;
}

/* The channels of the middle of an upright image are as they were written. */
static void check_jpeg(size_t channels)
{
    ck_assert_uint_eq(image.height, H);
    ck_assert_uint_eq(image.width, W);
    ck_assert_uint_eq(image.channels, channels);
    for (unsigned y = 2; y < H - 2; y++)
        for (unsigned x = 2; x < W - 2; x++)
            for (unsigned c = 0; c < channels; c++)
                ck_assert_uint_le(
                    distance(image.pixels[(y * W + x) * channels + c], level(y, x, c)), 6);
    free(image.pixels);
}

START_TEST(jpeg)
{
    static uint8_t bytes[ROOM];
    for (int progressive = 0; progressive < 2; progressive++) {
        size_t size = make_jpeg(bytes, 1, JCS_GRAYSCALE, JCS_GRAYSCALE, progressive, NULL, 0);
        ck_assert_msg(decode(bytes, size) == 0, "%s", err.message);
        check_jpeg(1);
        size = make_jpeg(bytes, 3, JCS_RGB, JCS_YCbCr, progressive, NULL, 0);
        ck_assert_msg(decode(bytes, size) == 0, "%s", err.message);
        check_jpeg(3);
        size = make_jpeg(bytes, 3, JCS_RGB, JCS_RGB, progressive, NULL, 0);
        ck_assert_msg(decode(bytes, size) == 0, "%s", err.message);
        check_jpeg(3);
    }
}
END_TEST

/* Inks: 255 is none. */
START_TEST(jpeg_inks)
{
    static uint8_t bytes[ROOM];
    for (int ycck = 0; ycck < 2; ycck++) {
        size_t size = make_jpeg(bytes, 4, JCS_CMYK, ycck ? JCS_YCCK : JCS_CMYK, false, NULL, 0);
        ck_assert_msg(decode(bytes, size) == 0, "%s", err.message);
        ck_assert_uint_eq(image.channels, 3);
        for (unsigned y = 2; y < H - 2; y++)
            for (unsigned x = 2; x < W - 2; x++)
                for (unsigned c = 0; c < 3; c++)
                    ck_assert_uint_le(distance(image.pixels[(y * W + x) * 3 + c],
                                               level(y, x, c) * level(y, x, 3) / 255),
                                      6);
        free(image.pixels);
    }
}
END_TEST

START_TEST(jpeg_orientation)
{
    static uint8_t bytes[ROOM];
    size_t size =
        make_jpeg(bytes, 1, JCS_GRAYSCALE, JCS_GRAYSCALE, false, big_exif, sizeof big_exif - 1);
    ck_assert_msg(decode(bytes, size) == 0, "%s", err.message);
    ck_assert_uint_eq(image.height, W);
    ck_assert_uint_eq(image.width, H);
    for (unsigned y = 2; y < W - 2; y++) /* the columns, read from below */
        for (unsigned x = 2; x < H - 2; x++)
            ck_assert_uint_le(distance(image.pixels[y * H + x], level(H - 1 - x, y, 0)), 6);
    free(image.pixels);
}
END_TEST

/* Where a marker begins, for example the frame's, FF C0, or the scan's, FF DA. */
static uint8_t *find_marker(uint8_t *bytes, size_t size, uint8_t code)
{
    for (size_t i = 2; i + 1 < size; i++)
        if (bytes[i] == 0xff && bytes[i + 1] == code)
            return bytes + i;
    ck_abort_msg("no marker");
}

/* A sequential scan is one of all 64 coefficients, whatever its header says. */
START_TEST(jpeg_scan_header)
{
    static uint8_t bytes[ROOM];
    size_t size = make_jpeg(bytes, 1, JCS_GRAYSCALE, JCS_GRAYSCALE, false, NULL, 0);
    uint8_t *scan = find_marker(bytes, size, 0xda); /* length (2), components (1), ids (2), 0, 63 */
    ck_assert_uint_eq(scan[8], 63);
    scan[8] = 0;
    ck_assert_msg(decode(bytes, size) == 0, "%s", err.message);
    check_jpeg(1);
}
END_TEST

START_TEST(jpeg_unsupported)
{
    static uint8_t bytes[ROOM];
    size_t size = make_jpeg(bytes, 1, JCS_GRAYSCALE, JCS_GRAYSCALE, false, NULL, 0);
    uint8_t *frame = find_marker(bytes, size, 0xc0);
    frame[4] = 13; /* bits; 12 are read by some builds of libjpeg-turbo 3 */
    bad(bytes, size, "unsupported JPEG file");
    frame[4] = 8;
    frame[1] = 0xc5; /* hierarchical */
    bad(bytes, size, "unsupported JPEG file");
}
END_TEST

START_TEST(jpeg_refused)
{
    static uint8_t bytes[ROOM], copy[ROOM];
    for (int progressive = 0; progressive < 2; progressive++) {
        size_t size = make_jpeg(bytes, 3, JCS_RGB, JCS_YCbCr, progressive, NULL, 0);
        for (size_t n = 3; n < size; n++)
            bad(bytes, n, "file");
        bad(bytes, size - 2, "truncated");
        for (size_t i = 3; i < size; i++) { /* damage is told or harmless, never printed */
            memcpy(copy, bytes, size);
            copy[i] ^= 0x5a;
            if (decode(copy, size) == 0)
                free(image.pixels);
            else
                check_message("damaged", &err, "file: ", "");
        }
        memcpy(copy, bytes, size); /* the size lies behind FF C0 or C2, length and precision */
        memset(find_marker(copy, size, progressive ? 0xc2 : 0xc0) + 5, 0xff, 4);
        bad(copy, size, ""); /* 65535 x 65535 */
    }
}
END_TEST
#endif

/* ---- WebP ---- */
#ifdef HAVE_WEBP
static void fill_rgba(uint8_t *rgba, bool alpha)
{
    for (unsigned y = 0; y < H; y++)
        for (unsigned x = 0; x < W; x++)
            for (unsigned c = 0; c < 4; c++)
                rgba[(y * W + x) * 4 + c] = c < 3   ? (uint8_t)level(y, x, c)
                                            : alpha ? (uint8_t)(255 - 10 * x)
                                                    : 255;
}

START_TEST(webp)
{
    uint8_t rgba[H * W * 4], *bytes;
    for (int alpha = 0; alpha < 2; alpha++) {
        fill_rgba(rgba, alpha);
        size_t size = WebPEncodeLosslessRGBA(rgba, W, H, W * 4, &bytes);
        ck_assert_msg(decode(bytes, size) == 0, "%s", err.message);
        ck_assert_uint_eq(image.channels, alpha ? 4 : 3);
        for (size_t i = 0; i < H * W * image.channels; i++)
            ck_assert_uint_eq(image.pixels[i], rgba[i / image.channels * 4 + i % image.channels]);
        free(image.pixels);
        for (size_t n = 12; n < size; n++)
            bad(bytes, n, "file");
        WebPFree(bytes);
        size = WebPEncodeRGBA(rgba, W, H, W * 4, 100, &bytes);
        ck_assert_msg(decode(bytes, size) == 0, "%s", err.message);
        for (size_t i = 0; i < H * W * image.channels; i++)
            ck_assert_uint_le(
                distance(image.pixels[i], rgba[i / image.channels * 4 + i % image.channels]), 20);
        free(image.pixels);
        WebPFree(bytes);
    }
}
END_TEST

static size_t put_chunk(uint8_t *to, const char *name, const uint8_t *data, size_t size)
{
    memcpy(to, name, 4);
    for (int i = 0; i < 4; i++)
        to[4 + i] = (uint8_t)(size >> 8 * i);
    memcpy(to + 8, data, size);
    to[8 + size] = 0;
    return 8 + size + size % 2;
}

/* An extended file, with EXIF data or as an animation. */
START_TEST(webp_extended)
{
    uint8_t rgba[H * W * 4], *bytes, file[4096], head[10] = {0x08, 0, 0, 0, W - 1, 0, 0, H - 1};
    fill_rgba(rgba, false);
    size_t size = WebPEncodeLosslessRGBA(rgba, W, H, W * 4, &bytes), at = 12;
    memcpy(file, "RIFF....WEBP", 12);
    at += put_chunk(file + at, "VP8X", head, sizeof head);
    memcpy(file + at, bytes + 12, size - 12);
    at += size - 12;
    at += put_chunk(file + at, "EXIF", big_exif, sizeof big_exif - 1);
    for (int i = 0; i < 4; i++)
        file[4 + i] = (uint8_t)((at - 8) >> 8 * i);
    ck_assert_msg(decode(file, at) == 0, "%s", err.message);
    ck_assert_uint_eq(image.height, W);
    ck_assert_uint_eq(image.width, H);
    for (unsigned y = 0; y < W; y++)
        for (unsigned x = 0; x < H; x++)
            ck_assert_uint_eq(image.pixels[(y * H + x) * 3], level(H - 1 - x, y, 0));
    free(image.pixels);
    file[20] |= 2;
    bad(file, at, "an animated WebP image");
    WebPFree(bytes);
}
END_TEST
#endif

/* ---- resizing ---- */

/* What Pillow 13.0.0 makes of the same pixels: the first twelve, and the sum of all. */
START_TEST(resize)
{
    static const struct {
        enum fmnn_filter filter;
        size_t height, width;
        uint8_t first[12];
        unsigned sum;
    } pillow[] = {
        {FMNN_FILTER_BILINEAR,
         4,
         5,
         {117, 140, 135, 116, 128, 124, 144, 132, 137, 115, 135, 152},
         2637},
        {FMNN_FILTER_BILINEAR,
         3,
         12,
         {91, 139, 129, 154, 129, 148, 124, 129, 134, 91, 108, 167},
         4759},
        {FMNN_FILTER_BILINEAR,
         17,
         6,
         {29, 100, 177, 70, 88, 159, 77, 136, 137, 120, 91, 150},
         13386},
        {FMNN_FILTER_BOX, 4, 5, {113, 138, 135, 132, 129, 112, 164, 130, 139, 120, 116, 185}, 2666},
        {FMNN_FILTER_BOX, 3, 12, {73, 129, 122, 178, 107, 163, 120, 141, 133, 62, 118, 175}, 4710},
        {FMNN_FILTER_BOX, 17, 6, {19, 93, 167, 22, 96, 170, 19, 93, 167, 22, 96, 170}, 13126},
        {FMNN_FILTER_LANCZOS,
         4,
         5,
         {114, 143, 139, 107, 131, 121, 147, 129, 138, 107, 133, 154},
         2639},
        {FMNN_FILTER_LANCZOS,
         3,
         12,
         {87, 132, 130, 155, 118, 161, 112, 120, 143, 79, 103, 174},
         4762},
        {FMNN_FILTER_LANCZOS, 17, 6, {13, 88, 210, 50, 75, 171, 60, 142, 135, 127, 70, 159}, 13325},
    };
    enum { HEIGHT = 11, WIDTH = 13 };
    uint8_t from[HEIGHT * WIDTH], to[17 * 12];
    for (unsigned y = 0; y < HEIGHT; y++)
        for (unsigned x = 0; x < WIDTH; x++)
            from[y * WIDTH + x] = (uint8_t)(x * 37 + y * 91 + x * y * 13);
    for (size_t i = 0; i < FM_COUNT(pillow); i++) {
        unsigned sum = 0;
        ck_assert_int_eq(fmnn_resize(from, HEIGHT, WIDTH, pillow[i].filter, to, pillow[i].height,
                                     pillow[i].width, &err),
                         0);
        ck_assert_mem_eq(to, pillow[i].first, 12);
        for (size_t k = 0; k < pillow[i].height * pillow[i].width; k++)
            sum += to[k];
        ck_assert_uint_eq(sum, pillow[i].sum);
    }
    ck_assert_int_eq(fmnn_resize(from, 0, WIDTH, FMNN_FILTER_BOX, to, 1, 1, &err), -1);
}
END_TEST

/* ---- the input of a net ---- */

static void load(const char *file, size_t size, const struct fmnn_input *input,
                 const uint8_t *wanted)
{
    uint8_t pixels[256];
    struct fmnn_loaded loaded;
    ck_assert_msg(fmnn_image_load(file, size, "file", input, pixels, &loaded) == 0, "%s",
                  loaded.error.message);
    size_t count = input->shape.channels * input->shape.height * input->shape.width;
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(pixels[i] == wanted[i], "pixel %zu is %u, not %u", i, pixels[i], wanted[i]);
}

#define LOAD(text, input, ...)                                                                     \
    load(text, sizeof text - 1, &(struct fmnn_input){UNPACK input}, (const uint8_t[]){__VA_ARGS__})
#define UNPACK(...) __VA_ARGS__

START_TEST(inputs)
{
#define WIDE "P5 4 2 255 \1\2\3\4\5\6\7\10"
#define RED "P3 1 1 255 200 10 20"
    LOAD(WIDE, (.shape = {1, 2, 4}), 1, 2, 3, 4, 5, 6, 7, 8);
    LOAD(WIDE, (.shape = {1, 2, 4}, .invert = true), 254, 253, 252, 251, 250, 249, 248, 247);
    LOAD(WIDE, (.shape = {1, 2, 2}, .fit = FMNN_FIT_CROP), 2, 3, 6, 7);
    LOAD(WIDE, (.shape = {1, 4, 4}, .fit = FMNN_FIT_PAD, .background = {9, 9, 9}), 9, 9, 9, 9, 1, 2,
         3, 4, 5, 6, 7, 8, 9, 9, 9, 9);
    LOAD(WIDE, (.shape = {1, 2, 2}, .fit = FMNN_FIT_STRETCH, .filter = FMNN_FILTER_BOX), 2, 4, 6,
         8);
    LOAD(RED, (.shape = {1, 1, 1}), (299 * 200 + 587 * 10 + 114 * 20 + 500) / 1000);
    LOAD(RED, (.shape = {3, 1, 1}), 200, 10, 20);
    LOAD(RED, (.shape = {3, 1, 2}, .fit = FMNN_FIT_STRETCH), 200, 200, 10, 10, 20, 20);
    LOAD(RED, (.shape = {3, 1, 3}, .fit = FMNN_FIT_PAD, .background = {1, 2, 3}), 1, 200, 1, 2, 10,
         2, 3, 20, 3);
    LOAD("P2 1 1 255 7", (.shape = {3, 1, 1}), 7, 7, 7);
}
END_TEST

/* A black square on white, within a border: trimmed, reduced, extended, negated. */
START_TEST(fashion)
{
    enum { SIDE = 40 };
    char file[64 + SIDE * SIDE];
    int head = snprintf(file, sizeof file, "P5 %d %d 255 ", SIDE, SIDE);
    struct fmnn_input input = {{1, 8, 8}, FMNN_FIT_FASHION_MNIST, 0, false, {255, 255, 255}};
    struct fmnn_loaded loaded;
    uint8_t pixels[72];
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) /* 16 high, 8 wide; what is nearly white is trimmed */
            file[head + y * SIDE + x] =
                (char)(y >= 5 && y < 21 && x >= 20 && x < 28 ? 100 : 255 - (x + y) % 5);
    ck_assert_int_eq(
        fmnn_image_load(file, (size_t)head + SIDE * SIDE, "file", &input, pixels, &loaded), 0);
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++)
            ck_assert_uint_eq(pixels[y * 8 + x], x >= 2 && x < 6 ? 155 : 0);
    input.shape = (struct fmnn_shape){1, 8, 7}; /* 4 columns of 7: one left, two right */
    ck_assert_int_eq(
        fmnn_image_load(file, (size_t)head + SIDE * SIDE, "file", &input, pixels, &loaded), 0);
    for (int x = 0; x < 7; x++)
        ck_assert_uint_eq(pixels[x], x >= 1 && x < 5 ? 155 : 0);
    input.shape = (struct fmnn_shape){1, 9, 8}; /* 9 rows: 4.5 columns, rounded to 5 */
    ck_assert_int_eq(
        fmnn_image_load(file, (size_t)head + SIDE * SIDE, "file", &input, pixels, &loaded), 0);
    for (int x = 0; x < 8; x++)
        ck_assert_uint_eq(pixels[x], x >= 2 && x < 7 ? 155 : 0);
    input.shape = (struct fmnn_shape){1, 8, 8};
    ck_assert(!loaded.flat && loaded.file && !loaded.colour && !loaded.transparent);
}
END_TEST

/* Those of the program that calls. */
START_TEST(resized_alike_in_any_rounding_mode)
{
#ifdef FE_UPWARD
    enum { HEIGHT = 37, WIDTH = 41, SIDE = 28 };
    uint8_t from[HEIGHT * WIDTH], nearest[SIDE * SIDE], upward[SIDE * SIDE];
    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (uint8_t)(i * i * 7 + i);
    for (enum fmnn_filter filter = 0; filter <= FMNN_FILTER_LANCZOS; filter++) {
        ck_assert_int_eq(fmnn_resize(from, HEIGHT, WIDTH, filter, nearest, SIDE, SIDE, &err), 0);
        fesetround(FE_UPWARD);
        ck_assert_int_eq(fmnn_resize(from, HEIGHT, WIDTH, filter, upward, SIDE, SIDE, &err), 0);
        int mode = fegetround();
        fesetround(FE_TONEAREST);
        ck_assert(mode == FE_UPWARD);
        ck_assert_mem_eq(upward, nearest, sizeof nearest);
    }
#endif
}
END_TEST

/* Pixels are equal if all their channels are: bytes need not be. */
START_TEST(images_of_one_value)
{
    static const struct {
        const char *file;
        bool flat[2]; /* as a gray input, as one in colour */
    } known[] = {
        {"P6 2 1 255\n\377\0\0\377\0\0", {true, true}},
        {"P6 2 1 255\n\377\0\0\377\0\1", {true, false}}, /* of the same luma */
        {"P6 2 1 255\n\0\0\377\377\0\0", {false, false}},
        {"P6 2 1 255\n\7\7\7\7\7\7", {true, true}},
    };
    for (size_t i = 0; i < FM_COUNT(known); i++)
        for (size_t colour = 0; colour < 2; colour++) {
            struct fmnn_input input = {.shape = {colour ? 3 : 1, 1, 2}};
            struct fmnn_loaded loaded;
            uint8_t pixels[6];
            ck_assert_int_eq(fmnn_image_load(known[i].file, 17, "file", &input, pixels, &loaded),
                             0);
            ck_assert_msg(loaded.flat == known[i].flat[colour], "%zu as %zu", i, colour);
        }
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("formats");
    tcase_add_test(tcase, pnm);
    tcase_add_test(tcase, pnm_refused);
    tcase_add_test(tcase, other_files);
    tcase_add_test(tcase, orientation);
    tcase_add_test(tcase, exif);
    tcase_add_test(tcase, resized_alike_in_any_rounding_mode);
    tcase_add_test(tcase, images_of_one_value);
#ifdef HAVE_JPEG
    tcase_add_test(tcase, jpeg);
    tcase_add_test(tcase, jpeg_inks);
    tcase_add_test(tcase, jpeg_orientation);
    tcase_add_test(tcase, jpeg_refused);
    tcase_add_test(tcase, jpeg_scan_header);
    tcase_add_test(tcase, jpeg_unsupported);
#endif
#ifdef HAVE_WEBP
    tcase_add_test(tcase, webp);
    tcase_add_test(tcase, webp_extended);
#endif
    tcase_add_test(tcase, resize);
    tcase_add_test(tcase, inputs);
    tcase_add_test(tcase, fashion);
    return run_tests("formats", tcase);
}
