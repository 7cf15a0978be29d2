/* corpus-png.c -- PNG files: the same image in every kind of pixel, and bad files. */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#include "corpus.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void finish(const char *name, const char *verdict, const char *message, const char *what,
                   const struct buffer *file)
{
    char *path = text("png/%s.png", name);
    if (file)
        save(path, file);
    list("png", path, verdict, message, what);
    free(path);
}

/* ---- good files, by libpng */

/* The image in black and white, which every kind of pixel can represent. Alpha is opaque; colour 0
   of a palette is white. */
static void fill(png_bytep row, unsigned y, int type, int depth)
{
    static const unsigned channels_of[] = {1, 0, 3, 1, 2, 0, 4};
    unsigned channels = channels_of[type];
    memset(row, 0, (size_t)SIDE * 8);
    for (unsigned i = 0; i < SIDE * channels; i++) {
        bool alpha = type >= 4 && i % channels == channels - 1, white = pixel(y, i / channels);
        if (type == 3 ? white : !white && !alpha)
            continue;
        if (type == 3)
            row[i * (unsigned)depth / 8] |=
                (uint8_t)(1u << (8 - (unsigned)depth - i * (unsigned)depth % 8));
        else if (depth >= 8)
            memset(row + (size_t)i * (unsigned)depth / 8, 255, (size_t)depth / 8);
        else
            row[i * (unsigned)depth / 8] |=
                (uint8_t)(((1u << depth) - 1) << (8 - (unsigned)depth - i * (unsigned)depth % 8));
    }
}

static void write_png(const char *path, int type, int depth, int interlace)
{
    static const png_color palette[2] = {{255, 255, 255}, {0, 0, 0}};
    FILE *stream = fopen(path, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    png_byte row[SIDE * 8];
    if (!stream || !info || setjmp(png_jmpbuf(png)))
        exit(2);
    png_init_io(png, stream);
    png_set_IHDR(png, info, SIDE, SIDE, depth, type, interlace, 0, 0);
    if (type == 3)
        png_set_PLTE(png, info, palette, 2);
    png_write_info(png, info);
    for (int pass = interlace ? png_set_interlace_handling(png) : 1; pass > 0; pass--)
        for (unsigned y = 0; y < SIDE; y++) {
            fill(row, y, type, depth);
            png_write_row(png, row);
        }
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    if (fclose(stream) != 0)
        exit(2);
}

static void make_kinds(void)
{
    static const struct {
        int type, depth;
    } kinds[] = {{0, 1}, {0, 2}, {0, 4}, {0, 8}, {0, 16}, {2, 8}, {2, 16}, {3, 1},
                 {3, 2}, {3, 4}, {3, 8}, {4, 8}, {4, 16}, {6, 8}, {6, 16}};
    for (size_t i = 0; i < 2 * (sizeof kinds / sizeof *kinds); i++) {
        int type = kinds[i / 2].type, depth = kinds[i / 2].depth, interlace = i % 2;
        char *name = text("kind-%d-%d-%d", type, depth, interlace),
             *path = text("png/%s.png", name);
        char *what =
            text("colour type %d, depth %d%s", type, depth, interlace ? ", interlaced" : "");
        write_png(path, type, depth, interlace);
        finish(name, GOOD, "", what, NULL);
        free(name);
        free(path);
        free(what);
    }
}

/* ---- files by hand */

static void put_chunk(struct buffer *file, const char *type, const void *bytes, size_t count)
{
    put_big(file, (uint32_t)count);
    size_t at = file->used;
    put(file, type, 4);
    put(file, bytes, count);
    put_big(file, (uint32_t)crc32(0, file->bytes + at, (uInt)(file->used - at)));
}

static void put_ihdr(struct buffer *file, uint32_t width, uint32_t height, const uint8_t rest[5])
{
    struct buffer ihdr = {0};
    put_big(&ihdr, width);
    put_big(&ihdr, height);
    put(&ihdr, rest, 5);
    put_chunk(file, "IHDR", ihdr.bytes, ihdr.used);
    free(ihdr.bytes);
}

static void put_signature(struct buffer *file)
{
    put(file, "\211PNG\r\n\32\n", 8);
}

/* The rows of a gray image, each after its filter byte, with `more` zeros added or bytes
   removed. */
static struct buffer make_rows(int more)
{
    struct buffer rows = {0};
    for (unsigned y = 0; y < SIDE; y++) {
        put_zeros(&rows, 1);
        for (unsigned x = 0; x < SIDE; x++)
            put(&rows, (uint8_t[]){pixel(y, x)}, 1);
    }
    if (more < 0)
        rows.used -= (size_t)-more;
    else
        put_zeros(&rows, (size_t)more);
    return rows;
}

static struct buffer squeeze(const struct buffer *bytes)
{
    uLongf room = compressBound((uLong)bytes->used);
    struct buffer packed = {malloc(room), 0, room};
    if (!packed.bytes ||
        compress2(packed.bytes, &room, bytes->bytes, (uLong)bytes->used, 9) != Z_OK)
        exit(2);
    packed.used = room;
    return packed;
}

/* The chunks of a case, in order: a letter for each. */
enum {
    MAX_PARTS = 16,
    HEAD = 'H',    /* IHDR of a gray image */
    INDEXED = 'X', /* IHDR of an image with a palette */
    ALPHA = 'A',   /* IHDR of an image with an alpha channel */
    IDAT = 'D',
    FIRST = '1', /* IDAT with the first half of the data, and with the second */
    SECOND = '2',
    END = 'E',
};

static void put_parts(struct buffer *file, const char *parts, const struct buffer *data,
                      const char *type, const void *bytes, size_t count)
{
    size_t half = data->used / 2;
    for (; *parts; parts++)
        switch (*parts) {
        case HEAD:
            put_ihdr(file, SIDE, SIDE, (const uint8_t[5]){8, 0, 0, 0, 0});
            break;
        case INDEXED:
            put_ihdr(file, SIDE, SIDE, (const uint8_t[5]){8, 3, 0, 0, 0});
            break;
        case ALPHA:
            put_ihdr(file, SIDE, SIDE, (const uint8_t[5]){8, 6, 0, 0, 0});
            break;
        case IDAT:
            put_chunk(file, "IDAT", data->bytes, data->used);
            break;
        case FIRST:
            put_chunk(file, "IDAT", data->bytes, half);
            break;
        case SECOND:
            put_chunk(file, "IDAT", data->bytes + half, data->used - half);
            break;
        case END:
            put_chunk(file, "IEND", "", 0);
            break;
        default: /* the case's own chunk */
            put_chunk(file, type, bytes, count);
        }
}

/* Cases by their chunks; '+' is the given chunk. */
static const uint8_t palette[257 * 3];
static const struct {
    const char *name, *verdict, *message, *what, *parts, *type;
    const void *bytes;
    size_t count;
} chunk_cases[] = {
    {"plain", GOOD, "", "a valid file", "HDE", NULL, NULL, 0},
    {"two-idat", GOOD, "", "two IDAT", "H12E", NULL, NULL, 0},
    {"empty-idat", GOOD, "", "an empty IDAT between", "H1+2E", "IDAT", "", 0},
    {"text", GOOD, "", "a text", "H+DE", "tEXt", "a\0b", 3},
    {"text-late", GOOD, "", "a text after the data", "HD+E", "tEXt", "a\0b", 3},
    {"apng", GOOD, "", "an animation: its first image", "H+DE", "acTL", "\0\0\0\1\0\0\0\0", 8},
    {"after-end", GOOD, "", "a chunk after the end, which is ignored", "HDE+", "tEXt", "a\0b", 3},
    {"odd-gamma", GOOD, "", "an empty gamma chunk, which is ignored", "H+DE", "gAMA", "", 0},
    {"odd-profile", GOOD, "", "a damaged profile, which is ignored", "H+DE", "iCCP", "n\0\0garbage",
     10},
    {"signature", BAD, "truncated", "a signature alone", "", NULL, NULL, 0},
    {"no-ihdr", BAD, "Missing IHDR", "no IHDR", "DE", NULL, NULL, 0},
    {"two-ihdr", BAD, "IHDR: out of place", "two IHDR", "HHDE", NULL, NULL, 0},
    {"late-ihdr", BAD, "the first chunk is not IHDR", "IHDR after a text", "+HDE", "tEXt", "a\0b",
     3},
    {"short-ihdr", BAD, "IHDR: ", "an IHDR of 12 bytes", "+DE", "IHDR", "\0\0\0\4\0\0\0\4\10\0\0\0",
     12},
    {"long-ihdr", BAD, "IHDR: ", "an IHDR of 14 bytes", "+DE", "IHDR",
     "\0\0\0\4\0\0\0\4\10\0\0\0\0\0", 14},
    {"no-idat", BAD, "IEND: out of place", "no IDAT", "HE", NULL, NULL, 0},
    {"half-idat", BAD, "Not enough image data", "half of the data", "H1E", NULL, NULL, 0},
    {"twice-idat", BAD, "more IDAT after the last row", "all data twice", "HDDE", NULL, NULL, 0},
    {"apart-idat", BAD, "Not enough image data", "a text between IDATs", "H1+2E", "tEXt", "a\0b",
     3},
    {"no-iend", BAD, "truncated", "no IEND", "HD", NULL, NULL, 0},
    {"cgbi", BAD, "CgBI: ", "CgBI, as Apple writes", "+HDE", "CgBI", "\0\0\0\0", 4},
    {"critical", BAD, "ABCD: ", "an unknown chunk that is critical", "H+DE", "ABCD", "", 0},
    {"no-letter", BAD, "invalid chunk type|bad header (invalid type)",
     "a chunk with an invalid name", "H+DE", "IE\1D", "", 0},
    {"no-palette", BAD, "Missing PLTE before IDAT", "no palette", "XDE", NULL, NULL, 0},
    {"palette-empty", BAD, "nvalid palette", "an empty palette", "X+DE", "PLTE", palette, 0},
    {"palette-257", BAD, "PLTE: invalid", "a palette of 257", "X+DE", "PLTE", palette, 771},
    {"palette-third", BAD, "PLTE: invalid", "a palette of 1 2/3", "X+DE", "PLTE", palette, 5},
    {"palette-late", BAD, "PLTE", "a palette after the data", "XD+E", "PLTE", palette, 768},
    {"palette-gray", BAD, "PLTE: ", "a palette for gray", "H+DE", "PLTE", palette, 6},
    {"index", BAD, "colour 255 of a palette of 2|palette index exceeding num_palette",
     "an index beyond the palette", "X+DE", "PLTE", palette, 6},
    {"trns-alpha", BAD, "tRNS: invalid with alpha channel", "tRNS in addition to alpha", "A+DE",
     "tRNS", "\0\0", 2},
    {"trns-long", BAD, "tRNS: ", "a tRNS of three bytes for gray", "H+DE", "tRNS", "abc", 3},
};

static void make_chunks(void)
{
    struct buffer rows = make_rows(0), data = squeeze(&rows);
    for (size_t i = 0; i < sizeof chunk_cases / sizeof *chunk_cases; i++) {
        struct buffer file = {0};
        put_signature(&file);
        put_parts(&file, chunk_cases[i].parts, &data, chunk_cases[i].type, chunk_cases[i].bytes,
                  chunk_cases[i].count);
        finish(chunk_cases[i].name, chunk_cases[i].verdict, chunk_cases[i].message,
               chunk_cases[i].what, &file);
        free(file.bytes);
    }
    free(rows.bytes);
    free(data.bytes);
}

/* As encoders write it that flush their buffer before the end. */
static struct buffer squeeze_flushed(const struct buffer *bytes)
{
    struct buffer packed = {malloc(1000), 0, 1000};
    z_stream z = {.next_in = bytes->bytes,
                  .avail_in = (uInt)bytes->used,
                  .next_out = packed.bytes,
                  .avail_out = (uInt)packed.room};
    if (!packed.bytes || deflateInit(&z, 9) != Z_OK || deflate(&z, Z_SYNC_FLUSH) != Z_OK ||
        deflate(&z, Z_FINISH) != Z_STREAM_END)
        exit(2);
    packed.used = z.total_out;
    deflateEnd(&z);
    return packed;
}

/* One IDAT, and the last bytes in pieces. */
static void make_pieces(void)
{
    static const struct {
        const char *name, *verdict, *message, *what;
        bool flushed;
        size_t more, last, piece; /* bytes after the end; last bytes; size of a piece */
    } cases[] = {
        {"idat-bytes", GOOD, "", "IDATs of one byte each", false, 0, SIZE_MAX, 1},
        {"idat-sum", GOOD, "", "the zlib checksum in two IDATs", false, 0, 5, 3},
        {"idat-flush", GOOD, "", "the last flush and the end in separate IDATs", true, 0, 11, 5},
        {"idat-more", BAD, "more IDAT after the last row", "17 bytes after the end, in pieces",
         false, 17, 17, 4},
        {"idat-more-17", BAD, "more IDAT after the last row", "17 bytes after the end", false, 17,
         17, 17},
    };
    struct buffer rows = make_rows(0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer file = {0}, data = cases[i].flushed ? squeeze_flushed(&rows) : squeeze(&rows);
        put_zeros(&data, cases[i].more);
        put_signature(&file);
        put_parts(&file, "H", &data, NULL, NULL, 0);
        size_t first = data.used - (cases[i].last < data.used ? cases[i].last : data.used);
        if (first)
            put_chunk(&file, "IDAT", data.bytes, first);
        for (size_t at = first, left; (left = data.used - at) > 0;) {
            size_t piece = left < cases[i].piece ? left : cases[i].piece;
            put_chunk(&file, "IDAT", data.bytes + at, piece);
            at += piece;
        }
        put_parts(&file, "E", &data, NULL, NULL, 0);
        finish(cases[i].name, cases[i].verdict, cases[i].message, cases[i].what, &file);
        free(file.bytes);
        free(data.bytes);
    }
    free(rows.bytes);
}

static void make_headers(void)
{
    static const struct {
        const char *name, *verdict, *message, *what;
        uint32_t width, height;
        uint8_t rest[5];
    } cases[] = {
        {"w-0", BAD, "width is zero", "no width", 0, 4, {8}},
        {"h-0", BAD, "height is zero", "no height", 4, 0, {8}},
        {"w-2-31", BAD, "out of range", "a width of 2^31", 1u << 31, 4, {8}},
        {"depth-0", BAD, "Invalid bit depth", "depth 0", 4, 4, {0}},
        {"depth-3", BAD, "Invalid bit depth", "depth 3", 4, 4, {3}},
        {"rgb-4", BAD, "Invalid color type/bit depth", "RGB with 4 bits", 4, 4, {4, 2}},
        {"palette-16",
         BAD,
         "Invalid color type/bit depth",
         "a palette with 16 bits",
         4,
         4,
         {16, 3}},
        {"type-1", BAD, "Invalid color type", "colour type 1", 4, 4, {8, 1}},
        {"type-5", BAD, "Invalid color type", "colour type 5", 4, 4, {8, 5}},
        {"compression", BAD, "Unknown compression method", "compression 1", 4, 4, {8, 0, 1}},
        {"filter", BAD, "Unknown filter method", "filter method 1", 4, 4, {8, 0, 0, 1}},
        {"interlace", BAD, "Unknown interlace method", "interlace 2", 4, 4, {8, 0, 0, 0, 2}},
        {"million",
         UNSUPPORTED,
         "larger than 65535 x 65535",
         "10^6 x 10^6",
         1000000,
         1000000,
         {16, 6}},
        {"wide", UNSUPPORTED, "larger than 65535 x 65535", "65536 wide", 65536, 1, {8}},
        {"high", UNSUPPORTED, "larger than 65535 x 65535", "65536 high", 1, 65536, {8}},
        {"large", BAD, "", "4096 x 4096 without data", 4096, 4096, {16, 6}},
        {"other-size",
         UNSUPPORTED,
         "is 5x4, but 4x4 is needed",
         "one row more than the net expects",
         4,
         5,
         {8}},
    };
    struct buffer rows = make_rows(SIDE + 1), data = squeeze(&rows);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer file = {0};
        put_signature(&file);
        put_ihdr(&file, cases[i].width, cases[i].height, cases[i].rest);
        put_parts(&file, "DE", &data, NULL, NULL, 0);
        finish(cases[i].name, cases[i].verdict, cases[i].message, cases[i].what, &file);
        free(file.bytes);
    }
    free(rows.bytes);
    free(data.bytes);
}

static void make_data(void)
{
    static const struct {
        const char *name, *message, *what;
        int more;   /* bytes of pixels */
        int at, by; /* byte changed: of the pixels and filter bytes, or of zlib's data (negative) */
        int packed_more; /* bytes of zlib's data */
    } cases[] = {
        {"filter-5", "bad adaptive filter value", "filter byte 5", 0, 5, 5, 0},
        {"filter-255", "bad adaptive filter value", "filter byte 255", 0, 10, 255, 0},
        {"pixels-less", "Not enough image data", "a pixel too few", -1, 0, 0, 0},
        {"pixels-more", "oo much image data", "a row too many", 5, 0, 0, 0},
        {"zlib-header", "IDAT: ", "a wrong zlib header", 0, -1, 1, 0},
        {"zlib-sum", "IDAT: ", "a wrong zlib checksum", 0, -2, 1, 0},
        {"zlib-more", "xtra compressed data", "a byte after the zlib data", 0, 0, 0, 1},
        {"zlib-less", "Not enough image data", "no zlib checksum", 0, 0, 0, -4},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer file = {0}, rows = make_rows(cases[i].more);
        if (cases[i].at > 0)
            rows.bytes[cases[i].at] = (uint8_t)cases[i].by;
        struct buffer data = squeeze(&rows);
        if (cases[i].at < 0)
            data.bytes[cases[i].at == -1 ? 0 : data.used - 1] ^= (uint8_t)cases[i].by;
        if (cases[i].packed_more > 0)
            put_zeros(&data, 1);
        else
            data.used -= (size_t)-cases[i].packed_more;
        put_signature(&file);
        put_parts(&file, "HDE", &data, NULL, NULL, 0);
        finish(cases[i].name, BAD, cases[i].message, cases[i].what, &file);
        free(file.bytes);
        free(rows.bytes);
        free(data.bytes);
    }
}

/* A good file truncated in each chunk, and with each checksum wrong. */
static void make_cuts(void)
{
    static const struct {
        const char *name, *message, *what;
        size_t keep;
        int at; /* byte changed; negative: from the end */
    } cuts[] = {
        {"cut-0", "empty, not a PNG file", "no bytes", 0, 0},
        {"cut-7", "not a PNG file", "seven bytes", 7, 0},
        {"cut-12", "truncated", "truncated in the name of the first chunk", 12, 0},
        {"cut-20", "truncated", "truncated in IHDR", 20, 0},
        {"cut-33", "truncated", "truncated after IHDR", 33, 0},
        {"cut-45", "truncated", "truncated in IDAT", 45, 0},
        {"crc-ihdr", "IHDR: CRC error", "a wrong checksum of IHDR", SIZE_MAX, 32},
        {"crc-idat", "IDAT: CRC error", "a wrong checksum of IDAT", SIZE_MAX, -13},
        {"crc-iend", "CRC error", "a wrong checksum of IEND", SIZE_MAX, -1},
        {"length-ihdr", "", "a length of IHDR of 2^31", SIZE_MAX, 8},
        {"line-ends", "not a PNG file", "line ends converted", SIZE_MAX, 4},
    };
    struct buffer rows = make_rows(0), data = squeeze(&rows);
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        struct buffer file = {0};
        put_signature(&file);
        put_parts(&file, "HDE", &data, NULL, NULL, 0);
        if (cuts[i].at)
            file.bytes[cuts[i].at < 0 ? file.used - (size_t)-cuts[i].at : (size_t)cuts[i].at] ^=
                0x87;
        if (cuts[i].keep < file.used)
            file.used = cuts[i].keep;
        finish(cuts[i].name, BAD, cuts[i].message, cuts[i].what, &file);
        free(file.bytes);
    }
    free(rows.bytes);
    free(data.bytes);
}

static void make_others(void)
{
    static const struct {
        const char *name, *message, *what, *bytes;
    } others[] = {
        {"gif", "a GIF image", "a GIF", "GIF89a............"},
        {"svg", "an HTML or XML page", "an SVG", "<?xml version=\"1.0\"?><svg/>"},
        {"html", "an HTML or XML page", "an HTML page", "<!DOCTYPE html><html></html>"},
        {"prose", "not a PNG file", "a text", "no image"},
#ifdef HAVE_JPEG
        {"jpeg", "JPEG file", "the beginning of a JPEG", "\377\330\377\340\20JFIF\1\1\1"},
#else
        {"jpeg", "built without JPEG", "a JPEG", "\377\330\377\340\20JFIF\1\1\1"},
#endif
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct buffer file = {0};
        put_text(&file, others[i].bytes);
        finish(others[i].name, BAD, others[i].message, others[i].what, &file);
        free(file.bytes);
    }
    make_directory("png/directory.png");
    list("png", "png/directory.png", BAD, "Is a directory", "a directory");
}

/* Thousands of texts, and 8 MB of zeros in ignored chunks and in the data. */
static void make_bombs(void)
{
    struct buffer file = {0}, zeros = {0}, bomb = {0}, rows = make_rows(0), data = squeeze(&rows);
    put_signature(&file);
    put_parts(&file, "H", &data, NULL, NULL, 0);
    for (unsigned i = 0; i < 65536; i++)
        put_chunk(&file, "tEXt", "a\0b", 3);
    put_parts(&file, "DE", &data, NULL, NULL, 0);
    finish("many-texts", GOOD, "", "65,536 texts", &file);

    put_zeros(&zeros, 8 << 20);
    struct buffer packed = squeeze(&zeros);
    put(&bomb, "name\0", 6);
    put(&bomb, packed.bytes, packed.used);
    file.used = 0;
    put_signature(&file);
    put_parts(&file, "H+DE", &data, "zTXt", bomb.bytes, bomb.used);
    finish("bomb-text", GOOD, "", "8 MB in a text", &file);
    file.used = 0;
    put_signature(&file);
    put_parts(&file, "H+DE", &data, "iCCP", bomb.bytes, bomb.used);
    finish("bomb-profile", GOOD, "", "8 MB in a profile", &file);
    file.used = 0;
    put_signature(&file);
    put_parts(&file, "HDE", &packed, NULL, NULL, 0);
    finish("bomb-data", BAD, "oo much image data", "8 MB of pixels for 4 x 4", &file);
    free(file.bytes);
    free(zeros.bytes);
    free(bomb.bytes);
    free(packed.bytes);
    free(rows.bytes);
    free(data.bytes);
}

void make_png(void)
{
    make_directory("png");
    make_kinds();
    make_chunks();
    make_pieces();
    make_headers();
    make_data();
    make_cuts();
    make_others();
    make_bombs();
}
