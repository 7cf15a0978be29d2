/* check_png.c -- PNG files: the gray values of every kind of pixel; bad files refused. */
#include "base/internal.h"

#include <check.h>
#include <png.h>
#include <sys/stat.h>
#include <zlib.h>

#include "runner.h"
#include "scratch.h"

static uint8_t luma(unsigned r, unsigned g, unsigned b)
{
    return (uint8_t)((299 * r + 587 * g + 114 * b + 500) / 1000);
}

/* ---- good images, written by libpng ---- */

enum { W = 13, H = 9 };

static const struct {
    int type, depth;
} kinds[] = {
    {0, 1}, {0, 2}, {0, 4}, {0, 8}, {0, 16}, {2, 8}, {2, 16}, {3, 1},
    {3, 2}, {3, 4}, {3, 8}, {4, 8}, {4, 16}, {6, 8}, {6, 16},
};

static unsigned sample(unsigned x, unsigned y, unsigned channel, int depth)
{
    unsigned hash = (x * 73u + y * 151u + channel * 199u + 7u) * 2654435761u >> 15;
    return hash & ((1u << depth) - 1);
}

static const unsigned channels_of[] = {1, 0, 3, 1, 2, 0, 4};

static unsigned to_8(unsigned value, int depth)
{
    return depth == 16 ? (value * 255 + 32895) >> 16 : value * (255u / ((1u << depth) - 1));
}

/* The gray value that a pixel must have. */
static unsigned wanted(unsigned x, unsigned y, int type, int depth, bool transparent)
{
    unsigned v[4];
    for (unsigned c = 0; c < 4; c++)
        v[c] = sample(x, y, c, depth);
    if (type == 3) {
        unsigned i = v[0], gray = luma(i * 16 % 256, 255 - i, i);
        return transparent && i < 2 ? (gray * (i * 100) + 127) / 255 : gray;
    }
    if (transparent && type == 0 && v[0] == sample(0, 0, 0, depth))
        return 0;
    if (transparent && type == 2 && x == 0 && y == 0)
        return 0;
    for (unsigned c = 0; c < 4; c++)
        v[c] = to_8(v[c], depth);
    unsigned gray = type == 2 || type == 6 ? luma(v[0], v[1], v[2]) : v[0];
    unsigned alpha = type == 4 ? v[1] : type == 6 ? v[3] : 255;
    return (gray * alpha + 127) / 255;
}

static void set_colours(png_structp png, png_infop info, int type, int depth, bool transparent)
{
    static png_color palette[256];
    png_byte alpha[2] = {0, 100};
    png_color_16 one = {.gray = (png_uint_16)sample(0, 0, 0, depth),
                        .red = (png_uint_16)sample(0, 0, 0, depth),
                        .green = (png_uint_16)sample(0, 0, 1, depth),
                        .blue = (png_uint_16)sample(0, 0, 2, depth)};
    for (unsigned i = 0; i < 256; i++)
        palette[i] = (png_color){(png_byte)(i * 16 % 256), (png_byte)(255 - i), (png_byte)i};
    if (type == 3)
        png_set_PLTE(png, info, palette, 1 << depth);
    if (transparent && type == 3)
        png_set_tRNS(png, info, alpha, 2, NULL);
    else if (transparent)
        png_set_tRNS(png, info, NULL, 0, &one);
}

static void put_png(const char *name, int type, int depth, bool interlaced, bool transparent)
{
    static uint8_t rows[H][W * 8];
    png_bytep row[H];
    memset(rows, 0, sizeof rows);
    for (unsigned y = 0; y < H; y++) {
        row[y] = rows[y];
        for (unsigned i = 0, n = channels_of[type]; i < W * n; i++) {
            unsigned v = sample(i / n, y, i % n, depth);
            if (depth == 16) {
                rows[y][2 * i] = (uint8_t)(v >> 8);
                rows[y][2 * i + 1] = (uint8_t)v;
            } else { /* packed, high bits first */
                unsigned bit = i * (unsigned)depth;
                rows[y][bit / 8] |= (uint8_t)(v << (8 - (unsigned)depth - bit % 8));
            }
        }
    }
    FILE *stream = fopen(name, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    ck_assert(stream && png && info);
    png_init_io(png, stream);
    png_set_IHDR(png, info, W, H, depth, type,
                 interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    set_colours(png, info, type, depth, transparent);
    png_set_gAMA(png, info, 1.0); /* must be ignored */
    png_write_info(png, info);
    png_write_image(png, row);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    ck_assert_int_eq(fclose(stream), 0);
}

START_TEST(every_kind_of_pixel)
{
    int type = kinds[_i].type, depth = kinds[_i].depth;
    for (int way = 0; way < 4; way++) {
        bool interlaced = way & 1, transparent = way & 2;
        if (transparent && type >= 4)
            continue;
        struct fmnn_error err;
        struct fmnn_shape shape;
        uint8_t *pixels;
        put_png("good.png", type, depth, interlaced, transparent);
        ck_assert_msg(fmnn_png_read("good.png", &shape, &pixels, &err) == 0,
                      "type %d depth %d way %d: %s", type, depth, way, err.message);
        ck_assert_uint_eq(shape.channels, 1);
        ck_assert_uint_eq(shape.height, H);
        ck_assert_uint_eq(shape.width, W);
        for (unsigned i = 0; i < H * W; i++)
            ck_assert_msg(pixels[i] == wanted(i % W, i / W, type, depth, transparent),
                          "type %d depth %d way %d pixel %u: %u, wanted %u", type, depth, way, i,
                          pixels[i], wanted(i % W, i / W, type, depth, transparent));
        free(pixels);
    }
}
END_TEST

/* ---- images made by hand ---- */

static uint8_t file[1 << 21];
static size_t used;

static void put_u32(uint8_t *p, size_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void begin(void)
{
    static const uint8_t signature[8] = {0x89, 'P', 'N', 'G', 13, 10, 26, 10};
    memcpy(file, signature, 8);
    used = 8;
}

static void chunk(const char *type, const void *bytes, size_t count)
{
    uint8_t *p = file + used;
    ck_assert_uint_lt(used + count + 12, sizeof file);
    put_u32(p, count);
    memcpy(p + 4, type, 4);
    if (count)
        memcpy(p + 8, bytes, count);
    put_u32(p + 8 + count, crc32(0, p + 4, (uInt)count + 4));
    used += count + 12;
}

static void ihdr(size_t width, size_t height, unsigned depth, unsigned type, unsigned compression,
                 unsigned filter, unsigned interlace)
{
    uint8_t b[13] = {0,
                     0,
                     0,
                     0,
                     0,
                     0,
                     0,
                     0,
                     (uint8_t)depth,
                     (uint8_t)type,
                     (uint8_t)compression,
                     (uint8_t)filter,
                     (uint8_t)interlace};
    put_u32(b, width);
    put_u32(b + 4, height);
    chunk("IHDR", b, sizeof b);
}

/* The compressed data of a 4 x 3 image of 8 bits; each row begins with a filter byte. */
static uint8_t packed[256];
static size_t packed_bytes;

static void pack(const uint8_t *bytes, size_t count)
{
    uLongf room = sizeof packed;
    ck_assert_int_eq(compress2(packed, &room, bytes, count, 9), Z_OK);
    packed_bytes = room;
}

enum { DATA = 15 };
static const uint8_t data[DATA] = {0, 0, 64, 128, 255, 0, 1, 2, 3, 4, 0, 0, 1, 0, 1};

static void gray_start(void)
{
    begin();
    ihdr(4, 3, 8, 0, 0, 0, 0);
    pack(data, DATA);
}

static void idat_end(void)
{
    chunk("IDAT", packed, packed_bytes);
    chunk("IEND", "", 0);
}

static void palette_start(size_t entries)
{
    static const uint8_t palette[257 * 3];
    begin();
    ihdr(4, 3, 8, 3, 0, 0, 0);
    chunk("PLTE", palette, 3 * entries);
    pack(data, DATA);
}

static void accepted(const char *what)
{
    struct fmnn_error err;
    struct fmnn_shape shape;
    uint8_t *pixels;
    put_file("hand.png", file, used);
    ck_assert_msg(fmnn_png_read("hand.png", &shape, &pixels, &err) == 0, "%s: %s", what,
                  err.message);
    ck_assert(shape.height == 3 && shape.width == 4);
    for (unsigned y = 0; y < 3; y++)
        ck_assert_msg(memcmp(pixels + (size_t)4 * y, data + (size_t)5 * y + 1, 4) == 0, "%s", what);
    free(pixels);
}

static void refused(const char *what, const char *fragment)
{
    struct fmnn_error err = {0};
    struct fmnn_shape shape;
    uint8_t *pixels;
    put_file("hand.png", file, used);
    ck_assert_msg(fmnn_png_read("hand.png", &shape, &pixels, &err) == -1, "%s: accepted", what);
    check_message(what, &err, "hand.png: ", fragment);
    ck_assert_int_eq(fmnn_png_read("hand.png", &shape, &pixels, NULL), -1);
}

START_TEST(good_chunks)
{
    static uint8_t memory[1100000];
    gray_start();
    idat_end();
    accepted("as it should be");
    file[used++] = 'x';
    accepted("data after IEND, which no reader looks at");

    gray_start();
    chunk("IDAT", packed, 3);
    chunk("IDAT", packed + 3, 0);
    chunk("IDAT", packed + 3, packed_bytes - 3);
    chunk("IEND", "", 0);
    accepted("several IDAT, one of them empty");

    gray_start();
    for (size_t i = 0; i < packed_bytes; i++)
        chunk("IDAT", packed + i, 1);
    chunk("IEND", "", 0);
    accepted("an IDAT for each byte");

    for (size_t first = 0; first <= packed_bytes; first++) {
        gray_start();
        chunk("IDAT", packed, first);
        chunk("IDAT", packed + first, packed_bytes - first);
        chunk("IDAT", "", 0);
        chunk("IEND", "", 0);
        accepted("two IDAT and an empty one, wherever the data are parted");
    }

    gray_start();
    for (int i = 0; i < 65536; i++)
        chunk("tEXt", "a\0b", 3);
    idat_end();
    accepted("65536 tEXt");

    gray_start();
    chunk("tEXt", memset(memory, 'a', 1100000), 1100000);
    idat_end();
    accepted("a long tEXt");

    gray_start();
    chunk("acTL", "\0\0\0\1\0\0\0\0", 8);
    idat_end();
    accepted("APNG: its first image");
}
END_TEST

/* The content of ignored chunks is never inflated, so it is neither a bomb nor damage. */
START_TEST(ignored_chunks_never_inflated)
{
    static uint8_t zeros[8 << 20], bomb[16384] = "name";
    uLongf room = sizeof bomb - 6;
    ck_assert_int_eq(compress2(bomb + 6, &room, zeros, sizeof zeros, 9), Z_OK);
    gray_start();
    chunk("zTXt", bomb, room + 6);
    chunk("iCCP", bomb, room + 6);
    idat_end();
    accepted("bombs");
    gray_start();
    chunk("iCCP", "name\0\0garbage", 13);
    chunk("gAMA", "", 0);
    chunk("pHYs", "?", 1);
    idat_end();
    accepted("nonsense in chunks without use");
}
END_TEST

START_TEST(truncated_anywhere)
{
    gray_start();
    idat_end();
    size_t whole = used;
    for (used = 9; used < whole; used++)
        refused("cut", "truncated: the PNG file ends early");
    for (used = 1; used < 8; used++)
        refused("cut signature", "not a PNG file");
    used = 8;
    refused("only the signature", "truncated");
    used = 0;
    refused("empty", "empty, not a PNG file");
}
END_TEST

/* Every bit of an image matters. A flipped bit in a chunk's length may make the file end early. */
START_TEST(any_bit_flipped)
{
    gray_start();
    chunk("tEXt", "a\0b", 3);
    idat_end();
    for (size_t bit = 0; bit < 8 * used; bit++) {
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
        refused("flipped", bit < 64 ? "not a PNG file" : ": ");
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}
END_TEST

START_TEST(bad_headers)
{
    static const struct {
        const char *what, *fragment;
        size_t width, height;
        unsigned depth, type, compression, filter, interlace;
    } bad[] = {
        {"no width", "width is zero", 0, 3, 8, 0, 0, 0, 0},
        {"no height", "height is zero", 4, 0, 8, 0, 0, 0, 0},
        {"width 2^31", "out of range", 1u << 31, 3, 8, 0, 0, 0, 0},
        {"depth 3", "Invalid bit depth", 4, 3, 3, 0, 0, 0, 0},
        {"depth 0", "Invalid bit depth", 4, 3, 0, 0, 0, 0, 0},
        {"colour of 4 bits", "Invalid color type/bit depth", 4, 3, 4, 2, 0, 0, 0},
        {"palette of 16 bits", "Invalid color type/bit depth", 4, 3, 16, 3, 0, 0, 0},
        {"type 1", "Invalid color type", 4, 3, 8, 1, 0, 0, 0},
        {"type 5", "Invalid color type", 4, 3, 8, 5, 0, 0, 0},
        {"type 7", "Invalid color type", 4, 3, 8, 7, 0, 0, 0},
        {"compression 1", "Unknown compression method", 4, 3, 8, 0, 1, 0, 0},
        {"filter 1", "Unknown filter method", 4, 3, 8, 0, 0, 1, 0},
        {"interlace 2", "Unknown interlace method", 4, 3, 8, 0, 0, 0, 2},
        {"a million each way", "larger than 4096 x 4096 pixels", 1000000, 1000000, 16, 6, 0, 0, 0},
        {"4097 wide", "larger than 4096 x 4096 pixels", 4097, 1, 8, 0, 0, 0, 0},
        {"4097 high", "larger than 4096 x 4096 pixels", 1, 4097, 8, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < FM_COUNT(bad); i++) {
        begin();
        ihdr(bad[i].width, bad[i].height, bad[i].depth, bad[i].type, bad[i].compression,
             bad[i].filter, bad[i].interlace);
        pack(data, DATA);
        idat_end();
        refused(bad[i].what, bad[i].fragment);
    }
}
END_TEST

START_TEST(bad_first_chunks)
{
    begin();
    pack(data, DATA);
    idat_end();
    refused("no IHDR", "IDAT: Missing IHDR");

    gray_start();
    ihdr(4, 3, 8, 0, 0, 0, 0);
    idat_end();
    refused("two IHDR", "IHDR: out of place");

    begin();
    chunk("IHDR", "\0\0\0\4\0\0\0\3\10\0\0\0", 12);
    idat_end();
    refused("short IHDR", "IHDR: ");

    begin();
    chunk("CgBI", "\0\0\0\0", 4);
    ihdr(4, 3, 8, 0, 0, 0, 0);
    idat_end();
    refused("CgBI", "CgBI: ");

    begin();
    chunk("tEXt", "a\0b", 3);
    ihdr(4, 3, 8, 0, 0, 0, 0);
    idat_end();
    refused("IHDR not first", "the first chunk is not IHDR");
}
END_TEST

START_TEST(bad_chunks)
{
    gray_start();
    chunk("ABCD", "", 0);
    idat_end();
    refused("unknown and critical", "ABCD: ");

    gray_start();
    chunk("IE\1D", "", 0);
    idat_end();
    refused("no letter", "invalid chunk type|bad header (invalid type)");

    gray_start();
    chunk("IDAT", packed, packed_bytes);
    refused("no IEND", "truncated");

    gray_start();
    chunk("IEND", "", 0);
    refused("no IDAT", "IEND: out of place");

    gray_start();
    chunk("IDAT", packed, packed_bytes);
    idat_end();
    refused("all data again", "more IDAT after the last row");

    gray_start();
    chunk("IDAT", packed, packed_bytes);
    chunk("IDAT", "what none did want", 17);
    chunk("IEND", "", 0);
    refused("17 bytes more in an IDAT of their own", "more IDAT after the last row");

    gray_start();
    chunk("IDAT", packed, 5);
    chunk("tEXt", "a\0b", 3);
    chunk("IDAT", packed + 5, packed_bytes - 5);
    chunk("IEND", "", 0);
    refused("IDAT not one after the other", "Not enough image data");
}
END_TEST

START_TEST(bad_palettes)
{
    uint8_t index = 4;
    begin();
    ihdr(4, 3, 8, 3, 0, 0, 0);
    pack(data, DATA);
    idat_end();
    refused("no palette", "Missing PLTE before IDAT");

    palette_start(0);
    idat_end();
    refused("empty palette", "nvalid palette");

    palette_start(257);
    idat_end();
    refused("257 colours", "PLTE: invalid");

    begin();
    ihdr(4, 3, 8, 3, 0, 0, 0);
    chunk("PLTE", "12345", 5);
    idat_end();
    refused("palette of a third", "PLTE: invalid");

    palette_start(255);
    idat_end();
    refused("index 255 of 255",
            "colour 255 of a palette of 255|palette index exceeding num_palette");

    begin();
    ihdr(4, 3, 2, 3, 0, 0, 0);
    chunk("PLTE", "123456789", 9);
    pack((const uint8_t[]){0, 0, 0, 0, 0, 0x30}, 6);
    idat_end();
    refused("index 3 of 3", "palette");

    gray_start();
    chunk("PLTE", &index, 0);
    idat_end();
    refused("palette of a gray image", "PLTE: ");

    gray_start();
    chunk("IDAT", packed, packed_bytes);
    chunk("PLTE", "123", 3);
    chunk("IEND", "", 0);
    refused("PLTE after IDAT", "PLTE: ");
}
END_TEST

START_TEST(bad_transparency)
{
    palette_start(2);
    chunk("tRNS", "123", 3);
    idat_end();
    refused("more alphas than colours", "tRNS: invalid");

    palette_start(256);
    chunk("tRNS", "", 0);
    idat_end();
    refused("no alphas", "tRNS: ");

    begin();
    ihdr(1, 1, 8, 6, 0, 0, 0);
    chunk("tRNS", "\0\0", 2);
    pack((const uint8_t[]){0, 0, 0, 0, 0}, 5);
    idat_end();
    refused("tRNS besides alpha", "tRNS: invalid with alpha channel");
}
END_TEST

START_TEST(bad_data)
{
    uint8_t wrong[DATA + 5] = {0};
    memcpy(wrong, data, DATA);

    wrong[0] = 5;
    gray_start();
    pack(wrong, DATA);
    idat_end();
    refused("filter 5", "bad adaptive filter value");

    gray_start();
    pack(data, DATA - 1);
    idat_end();
    refused("a byte short", "Not enough image data");

    wrong[0] = 0;
    gray_start();
    pack(wrong, DATA + 5);
    idat_end();
    refused("a row too many", "oo much image data");

    gray_start();
    packed[0] = 0x79;
    idat_end();
    refused("zlib's header", "IDAT: ");

    gray_start();
    packed[packed_bytes - 1] ^= 1;
    idat_end();
    refused("zlib's checksum", "IDAT: ");

    gray_start();
    packed[packed_bytes] = 0;
    packed_bytes++;
    idat_end();
    refused("a byte after zlib's end", "xtra compressed data");

    gray_start();
    packed_bytes -= 4;
    idat_end();
    refused("no checksum of zlib's", "Not enough image data");
}
END_TEST

START_TEST(unreadable_files)
{
    static const struct {
        const char *path, *fragment;
    } bad[] = {{"none.png", "No such file or directory"}, {".", "Is a directory"}};
    struct fmnn_shape shape;
    uint8_t *pixels;
    struct fmnn_error err;
    for (size_t i = 0; i < FM_COUNT(bad); i++) {
        ck_assert_int_eq(fmnn_png_read(bad[i].path, &shape, &pixels, &err), -1);
        check_message(bad[i].path, &err, bad[i].path, bad[i].fragment);
        ck_assert_int_eq(err.status, FMNN_SYSTEM);
    }
    memcpy(file, "GIF89a.............", 19);
    used = 19;
    refused("a GIF", "not a PNG file");
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("png");
    tcase_add_loop_test(tcase, every_kind_of_pixel, 0, FM_COUNT(kinds));
    tcase_add_test(tcase, good_chunks);
    tcase_add_test(tcase, ignored_chunks_never_inflated);
    tcase_add_test(tcase, truncated_anywhere);
    tcase_add_test(tcase, any_bit_flipped);
    tcase_add_test(tcase, bad_headers);
    tcase_add_test(tcase, bad_first_chunks);
    tcase_add_test(tcase, bad_chunks);
    tcase_add_test(tcase, bad_palettes);
    tcase_add_test(tcase, bad_transparency);
    tcase_add_test(tcase, bad_data);
    tcase_add_test(tcase, unreadable_files);
    scratch_enter();
    int status = run_tests("png", tcase);
    scratch_leave();
    return status;
}
