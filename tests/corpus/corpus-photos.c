/* corpus-photos.c -- image files of formats other than PNG: JPEG, WebP, PNM. */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#include "corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_JPEG
#include <jpeglib.h>
#endif
#ifdef HAVE_WEBP
#include <webp/encode.h>
#endif

/* kind: "png" if the pixels are exact, else "photo" */
static void finish(const char *kind, const char *name, const char *verdict, const char *message,
                   const char *what, const struct buffer *file)
{
    char *path = text("photos/%s", name);
    save(path, file);
    list(kind, path, verdict, message, what);
    free(path);
}

#if defined HAVE_JPEG || defined HAVE_WEBP
static void cut(const char *name, size_t keep, const char *what, const struct buffer *file)
{
    struct buffer part = {file->bytes, keep, keep};
    finish("photo", name, BAD, "", what, &part);
}
#endif

/* ---- JPEG */
#ifdef HAVE_JPEG

struct jpeg_way {
    bool colour, progressive;
    unsigned restart;    /* blocks between restart markers; 0: none */
    const char *comment; /* or NULL */
    size_t comments;
};

static struct buffer make_jpeg(struct jpeg_way way)
{
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *out = NULL;
    unsigned long size = 0;
    struct buffer file = {0};
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &out, &size);
    jpeg.image_width = jpeg.image_height = SIDE;
    jpeg.input_components = way.colour ? 3 : 1;
    jpeg.in_color_space = way.colour ? JCS_RGB : JCS_GRAYSCALE;
    jpeg_set_defaults(&jpeg);
    jpeg.restart_interval = way.restart;
    if (way.progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    for (size_t i = 0; i < way.comments; i++)
        jpeg_write_marker(&jpeg, JPEG_APP0 + 1, (const uint8_t *)way.comment,
                          (unsigned)strlen(way.comment));
    while (jpeg.next_scanline < SIDE) {
        uint8_t row[3 * SIDE];
        for (unsigned x = 0; x < SIDE; x++)
            memset(row + x * (way.colour ? 3 : 1), pixel(jpeg.next_scanline, x),
                   way.colour ? 3 : 1);
        jpeg_write_scanlines(&jpeg, (JSAMPROW[]){row}, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    put(&file, out, size);
    free(out);
    return file;
}

static void make_jpeg_good(void)
{
    static const struct {
        const char *name, *what;
        struct jpeg_way way;
    } ways[] = {
        {"gray.jpg", "a gray JPEG", {0}},
        {"colour.jpg", "a JPEG in colour", {.colour = true}},
        {"progressive.jpg", "a progressive JPEG", {.colour = true, .progressive = true}},
        {"restart.jpg", "restart markers", {.colour = true, .restart = 1}},
        {"exif.jpg", "EXIF data that end early", {.comment = "Exif", .comments = 1}},
        {"many.jpg", "20,000 segments", {.comment = "Exif", .comments = 20000}},
        {"no-suffix", "a JPEG whose name has no suffix", {0}},
        {"jpeg.png", "a JPEG whose name ends in .png", {.colour = true}},
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct buffer file = make_jpeg(ways[i].way);
        finish("photo", ways[i].name, GOOD, "", ways[i].what, &file);
        free(file.bytes);
    }
    struct buffer file = make_jpeg((struct jpeg_way){0});
    put_text(&file, "trailing bytes");
    finish("photo", "trailing.jpg", GOOD, "", "bytes behind the end", &file);
    free(file.bytes);
}

/* The place of a marker's segment. */
static size_t find_marker(const struct buffer *file, uint8_t marker)
{
    for (size_t at = 2; at + 4 < file->used;
         at += 2 + (size_t)(file->bytes[at + 2] << 8 | file->bytes[at + 3]))
        if (file->bytes[at + 1] == marker)
            return at;
    abort();
}

static void make_jpeg_bad(void)
{
    enum { SOF = 0xc0, DHT = 0xc4, SOS = 0xda, DQT = 0xdb };
    static const struct {
        const char *name, *message, *what;
        uint8_t marker;
        size_t at; /* from the marker */
        uint8_t count, bytes[4];
    } edits[] = {
        {"empty.jpg", "mpty", "height 0", SOF, 5, 2, {0, 0}},
        {"narrow.jpg", "mpty", "width 0", SOF, 7, 2, {0, 0}},
        {"huge.jpg",
         "truncated",
         "65,500 x 65,500 in a few bytes",
         SOF,
         5,
         4,
         {0xff, 0xdc, 0xff, 0xdc}},
        {"tall.jpg", "", "60,000 rows in a few bytes", SOF, 5, 2, {0xea, 0x60}},
        {"deep.jpg", "precision", "12 bits", SOF, 4, 1, {12}},
        {"lossless.jpg", "nsupported", "lossless JPEG", SOF, 1, 1, {0xc3}},
        {"components.jpg", "", "no component", SOF, 9, 1, {0}},
        {"sampling.jpg", "ampling", "a sampling factor of 0", SOF, 11, 1, {0}},
        {"table.jpg", "uantization table", "an unknown quantization table", SOF, 12, 1, {3}},
        {"code.jpg", "uffman", "a Huffman table that cannot be", DHT, 5, 2, {0xff, 0xff}},
        {"short.jpg", "", "a segment of length 1", DQT, 2, 2, {0, 1}},
        {"long.jpg", "", "a segment longer than the file", DQT, 2, 2, {0xff, 0xff}},
        {"scan.jpg", "", "a scan of an unknown component", SOS, 5, 1, {9}},
    };
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        struct buffer file = make_jpeg((struct jpeg_way){.colour = true});
        memcpy(file.bytes + find_marker(&file, edits[i].marker) + edits[i].at, edits[i].bytes,
               edits[i].count);
        finish("photo", edits[i].name, BAD, edits[i].message, edits[i].what, &file);
        free(file.bytes);
    }
}

static void make_jpeg_cuts(void)
{
    struct buffer file = make_jpeg((struct jpeg_way){.colour = true});
    size_t scan = find_marker(&file, 0xda);
    cut("start.jpg", 3, "the start of a JPEG", &file);
    cut("header.jpg", find_marker(&file, 0xc0) + 6, "a JPEG that ends in its header", &file);
    cut("no-scan.jpg", scan, "a JPEG without data", &file);
    cut("half-scan.jpg", scan + (file.used - scan) / 2, "half a scan", &file);
    cut("no-end.jpg", file.used - 2, "a JPEG without its end", &file);
    free(file.bytes);
}

/* A progressive file whose last scan comes 600 times. */
static void make_scans(void)
{
    struct buffer file = make_jpeg((struct jpeg_way){.progressive = true}), bomb = {0};
    size_t scan = 0;
    for (size_t at = 2; at + 1 < file.used; at++)
        if (file.bytes[at] == 0xff && file.bytes[at + 1] == 0xda)
            scan = at;
    put(&bomb, file.bytes, file.used - 2);
    for (unsigned i = 0; i < 600; i++)
        put(&bomb, file.bytes + scan, file.used - 2 - scan);
    put(&bomb, file.bytes + file.used - 2, 2);
    finish("photo", "scans.jpg", BAD, "damaged JPEG", "600 scans", &bomb);
    free(bomb.bytes);
    free(file.bytes);
}

static void make_jpegs(void)
{
    make_jpeg_good();
    make_jpeg_bad();
    make_jpeg_cuts();
    make_scans();
}
#else
static void make_jpegs(void)
{
}
#endif

/* ---- WebP */
#ifdef HAVE_WEBP

static struct buffer make_webp(bool exact)
{
    uint8_t rgb[3 * SIDE * SIDE], *out;
    struct buffer file = {0};
    for (unsigned i = 0; i < SIDE * SIDE; i++)
        memset(rgb + 3 * (size_t)i, pixel(i / SIDE, i % SIDE), 3);
    size_t size = exact ? WebPEncodeLosslessRGB(rgb, SIDE, SIDE, 3 * SIDE, &out)
                        : WebPEncodeRGB(rgb, SIDE, SIDE, 3 * SIDE, 90, &out);
    put(&file, out, size);
    WebPFree(out);
    return file;
}

/* The extended header: flags, and the sizes minus 1. */
static struct buffer make_extended(uint8_t flags, const struct buffer *image)
{
    struct buffer file = {0};
    put_text(&file, "RIFF");
    put_little(&file, (uint32_t)(4 + 18 + image->used - 12));
    put_text(&file, "WEBPVP8X");
    put_little(&file, 10);
    put_little(&file, flags);
    put(&file, (uint8_t[]){SIDE - 1, 0, 0, SIDE - 1, 0, 0}, 6);
    put(&file, image->bytes + 12, image->used - 12);
    return file;
}

static void make_webp_edits(const struct buffer *file)
{
    static const struct {
        const char *name, *message, *what;
        size_t at;
        uint8_t count, bytes[4];
    } edits[] = {
        {"signature.webp", "", "no signature of a lossless image", 20, 1, {0}},
        {"huge.webp", "", "16,384 x 16,384 in a few bytes", 21, 4, {0xff, 0xff, 0xff, 0x0f}},
        {"version.webp", "", "a later version", 24, 1, {0xe0}},
        {"riff.webp", "truncated", "a file longer than it is", 4, 4, {0xf0, 0xff, 0xff, 0x7f}},
        {"chunk.webp", "", "a chunk longer than the file", 16, 4, {0xf0, 0xff, 0xff, 0x7f}},
        {"name.webp", "", "a chunk of another name", 12, 4, {'V', 'P', '9', ' '}},
    };
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
        struct buffer copy = {0};
        put(&copy, file->bytes, file->used);
        memcpy(copy.bytes + edits[i].at, edits[i].bytes, edits[i].count);
        finish("photo", edits[i].name, BAD, edits[i].message, edits[i].what, &copy);
        free(copy.bytes);
    }
}

static void make_webps(void)
{
    struct buffer exact = make_webp(true), lossy = make_webp(false);
    struct buffer still = make_extended(0, &exact), moving = make_extended(2, &exact);
    finish("png", "exact.webp", GOOD, "", "a lossless WebP", &exact);
    finish("png", "exact", GOOD, "", "a WebP whose name has no suffix", &exact);
    finish("png", "extended.webp", GOOD, "", "an extended header", &still);
    finish("photo", "lossy.webp", GOOD, "", "a lossy WebP", &lossy);
    finish("photo", "moving.webp", UNSUPPORTED, "animated", "an animated WebP", &moving);
    cut("start.webp", 12, "the start of a WebP", &exact);
    cut("header.webp", 22, "a WebP that ends in its header", &exact);
    cut("most.webp", lossy.used - lossy.used / 4, "three quarters of a WebP", &lossy);
    make_webp_edits(&exact);
    put_text(&exact, "trailing bytes");
    finish("png", "trailing.webp", GOOD, "", "bytes behind the end", &exact);
    free(exact.bytes);
    free(lossy.bytes);
    free(still.bytes);
    free(moving.bytes);
}
#else
static void make_webps(void)
{
}
#endif

/* ---- PNM */

/* format: of the head; each pixel is 0 or `maximum`, in channels numbers of 1 or 2 bytes, or
   text */
static struct buffer make_pnm(const char *head, unsigned channels, unsigned maximum, bool words)
{
    struct buffer file = {0};
    put_text(&file, head);
    for (unsigned i = 0; i < channels * SIDE * SIDE; i++) {
        unsigned value = pixel(i / channels / SIDE, i / channels % SIDE) ? maximum : 0;
        uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};
        char *word = text("%u%s", value, i % 5 ? " " : "\n");
        if (words)
            put_text(&file, word);
        else
            put(&file, maximum > 255 ? bytes : bytes + 1, maximum > 255 ? 2 : 1);
        free(word);
    }
    return file;
}

static void make_pnm_bits(void)
{
    struct buffer bits = {0}, words = {0};
    put_text(&bits, "P4\n4 4\n");
    put_text(&words, "P1 #\n4 4");
    for (unsigned y = 0; y < SIDE; y++) {
        unsigned row = 0;
        for (unsigned x = 0; x < SIDE; x++) {
            row |= pixel(y, x) ? 0 : 0x80u >> x; /* 1 is black */
            put_text(&words, pixel(y, x) ? " 0" : "\t1");
        }
        put(&bits, (uint8_t[]){(uint8_t)row}, 1);
    }
    finish("png", "bits.pbm", GOOD, "", "P4", &bits);
    finish("png", "words.pbm", GOOD, "", "P1", &words);
    free(bits.bytes);
    free(words.bytes);
}

static void make_pnms(void)
{
    static const struct {
        const char *name, *message, *what, *head;
        unsigned channels, maximum;
        bool words;
    } kinds[] = {
        {"words.pgm", NULL, "P2", "P2\n4 4\n7\n", 1, 7, true},
        {"words.ppm", NULL, "P3", "P3 4 4 255\n", 3, 255, true},
        {"bytes.pgm", NULL, "P5", "P5\n4 4\n255\n", 1, 255, false},
        {"wide.pgm", NULL, "P5 of 16 bits", "P5\n4 4\n65535\n", 1, 65535, false},
        {"bytes.ppm", NULL, "P6", "P6\n4 4\n255\n", 3, 255, false},
        {"comments.ppm", NULL, "comments", "P6# a\n#b\n4 # 5 6\n4\n255\n", 3, 255, false},
        {"returns.pgm", NULL, "CRLF in the header", "P5\r\n4 4\r\n255\n", 1, 255, false},
        {"pnm", NULL, "a PNM whose name has no suffix", "P5\n4 4\n255\n", 1, 255, false},
        {"zero.pgm", "is 0", "width 0", "P5\n0 4\n255\n", 1, 255, false},
        {"none.pgm", "is 0", "maximum 0", "P5\n4 4\n0\n", 1, 1, false},
        {"maximum.pgm", "too large", "maximum 65,536", "P5\n4 4\n65536\n", 1, 255, false},
        {"above.pgm", "above the maximum", "a pixel above the maximum", "P5\n4 4\n9\n", 1, 10,
         false},
        {"negative.pgm", "a number was expected", "a negative width", "P5\n-4 4\n255\n", 1, 255,
         false},
        {"word.pgm", "", "a word for a number", "P5\nfour 4\n255\n", 1, 255, false},
        {"short.pgm", "truncated", "more rows than there are", "P5\n4 5\n255\n", 1, 255, false},
        {"huge.ppm", "too large", "50,000 x 50,000", "P6\n50000 50000\n255\n", 3, 255, false},
        {"overflow.pgm", "too large", "a width of 20 digits", "P5\n18446744073709551617 4\n255\n",
         1, 255, false},
    };
    make_pnm_bits();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct buffer file =
            make_pnm(kinds[i].head, kinds[i].channels, kinds[i].maximum, kinds[i].words);
        finish("png", kinds[i].name, kinds[i].message ? BAD : GOOD,
               kinds[i].message ? kinds[i].message : "", kinds[i].what, &file);
        free(file.bytes);
    }
}

void make_photos(void)
{
    make_directory("photos");
    make_jpegs();
    make_webps();
    make_pnms();
}
