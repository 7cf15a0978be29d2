/* check_idx.c -- IDX files: good ones are read, bad ones refused with the proper message. */
#include "data/idx.h"

#include <check.h>
#include <errno.h>
#include <sys/stat.h>
#include <zlib.h>

#include "runner.h"
#include "scratch.h"

/* 3 images of 2 x 4: byte i is i. */
enum { ROWS = 3, ROW = 8, DATA = ROWS * ROW, HEADER = 16, WHOLE = HEADER + DATA };
/* whether size_t is wider than the sizes in a file */
#define WIDE (SIZE_MAX > UINT32_MAX)

static void make_good(uint8_t bytes[WHOLE])
{
    static const uint8_t header[HEADER] = {0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 4};
    memcpy(bytes, header, HEADER);
    for (unsigned i = 0; i < DATA; i++)
        bytes[HEADER + i] = (uint8_t)i;
}

/* One gzip member, optionally with FNAME; returns its size. */
static size_t deflate_to(uint8_t *out, size_t room, const uint8_t *bytes, size_t count)
{
    z_stream z = {0};
    union {
        const uint8_t *in;
        Bytef *z;
    } input = {bytes};
    ck_assert_int_eq(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = input.z;
    z.avail_in = (uInt)count;
    z.next_out = out;
    z.avail_out = (uInt)room;
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return room - z.avail_out;
}

/* A file opened to be read forward is refused at the last row at the latest. */
static void refused_forward(const char *what, const char *path, const struct fmnn_error *why)
{
    enum { LIMIT = 1 << 20 };
    struct fmnn_error err = {0};
    struct fmnn_idx *idx = fm_idx_open_forward(path, &err);
    size_t rows = idx ? fmnn_idx_size(idx, 0) : 0, row = idx ? fmnn_idx_row_bytes(idx) : 0;
    uint8_t *bytes = malloc(LIMIT);
    ck_assert_ptr_nonnull(bytes);
    bool failed = !idx || row > LIMIT; /* no image is that large */
    for (size_t i = 0; i < rows && !failed; i++)
        failed = fmnn_idx_read(idx, i, 1, bytes, &err) != 0;
    ck_assert_msg(failed, "%s: accepted", what);
    if (row <= LIMIT && !strstr(why->message, "too large to decompress"))
        ck_assert_str_eq(err.message, why->message);
    fmnn_idx_close(idx);
    free(bytes);
}

static void refused(const char *what, const char *path, const char *opened, const char *fragment)
{
    struct fmnn_error err = {0};
    struct fmnn_idx *idx = fmnn_idx_open(path, &err);
    ck_assert_msg(!idx, "%s: accepted", what);
    check_message(what, &err, opened, fragment);
    ck_assert_ptr_null(fmnn_idx_open(path, NULL));
    refused_forward(what, path, &err);
    unsigned rank;
    size_t size[4];
    struct fmnn_error checked = {0};
    ck_assert_int_eq(fmnn_idx_check(path, &rank, size, &checked), -1);
    if (!strstr(err.message, "too large to decompress"))
        ck_assert_str_eq(checked.message, err.message);
}

/* ---- bad bytes, plain and within gzip ---- */

struct bad {
    const char *what, *fragment, *inflated; /* inflated: for gzip, if it differs */
    uint8_t header[HEADER + 4];
    size_t header_bytes, data_bytes;
};

#define IDX(type, rank, ...)                                                                       \
    {                                                                                              \
        0, 0, type, rank, __VA_ARGS__                                                              \
    }
static const struct bad bads[] = {
    {"1 byte", "ends within the IDX header", NULL, {0}, 1, 0},
    {"2 bytes", "ends within the IDX header", NULL, {0}, 2, 0},
    {"3 bytes", "ends within the IDX header", NULL, {0, 0, 8}, 3, 0},
    {"byte 0", "not an IDX file: begins with the bytes 01 00", NULL, {1, 0, 8, 1}, 4, 8},
    {"byte 1", "not an IDX file: begins with the bytes 00 ff", NULL, {0, 255, 8, 1}, 4, 8},
    {"an HTML page", "not an IDX file: an HTML or XML page", NULL, "<!DOCTYPE html>", 15, 99},
    {"zlib data", "not an IDX file: begins with the bytes 78 9c", NULL, {0x78, 0x9c, 1, 1}, 4, 20},
    {"type 00", "unknown data type 00", NULL, IDX(0, 1, 0, 0, 0, 8), 8, 8},
    {"type 07", "unknown data type 07", NULL, IDX(7, 1, 0, 0, 0, 8), 8, 8},
    {"type 0A", "unknown data type 0a", NULL, IDX(10, 1, 0, 0, 0, 8), 8, 8},
    {"type 0F", "unknown data type 0f", NULL, IDX(15, 1, 0, 0, 0, 8), 8, 8},
    {"type FF", "unknown data type ff", NULL, IDX(255, 1, 0, 0, 0, 8), 8, 8},
    {"signed", "unsupported IDX data type: signed bytes (09)", NULL, IDX(9, 1, 0, 0, 0, 8), 8, 8},
    {"short", "unsupported IDX data type: 16-bit", NULL, IDX(11, 1, 0, 0, 0, 4), 8, 8},
    {"int", "unsupported IDX data type: 32-bit", NULL, IDX(12, 1, 0, 0, 0, 2), 8, 8},
    {"float", "unsupported IDX data type: floats", NULL, IDX(13, 1, 0, 0, 0, 2), 8, 8},
    {"double", "unsupported IDX data type: doubles", NULL, IDX(14, 1, 0, 0, 0, 1), 8, 8},
    {"rank 0", "rank 0", NULL, IDX(8, 0, 0), 4, 1},
    {"rank 5", "rank 5", NULL, IDX(8, 5, 0, 0, 0, 1), 8, 20},
    {"rank 255", "rank 255", NULL, IDX(8, 255, 0, 0, 0, 1), 8, 2000},
    {"no sizes", "ends within the IDX header", NULL, IDX(8, 3, 0), 4, 0},
    {"cut in a size", "ends within the IDX header", NULL, IDX(8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0), 13,
     0},
    {"little-endian sizes", "sizes in the IDX header are too large", NULL,
     IDX(8, 3, 3, 0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0), 16, 24},
    {"no rows", "size 0 in dimension 0", NULL, IDX(8, 3, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 4), 16,
     0},
    {"no rows, rank 1", "size 0 in dimension 0", NULL, IDX(8, 1, 0), 8, 0},
    {"no height", "size 0 in dimension 1", NULL, IDX(8, 3, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4), 16,
     0},
    {"no width", "size 0 in dimension 2", NULL, IDX(8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 0), 16,
     0},
    {"product 2^32", "truncated: 24 bytes, but the IDX header requires 4294967308",
     WIDE ? "truncated: 12 bytes of data" : "too large to decompress",
     IDX(8, 2, 0, 1, 0, 0, 0, 1, 0, 0), 12, 12},
    {"product 2^32 + 2^16", "truncated", "too large to decompress",
     IDX(8, 2, 0, 1, 0, 1, 0, 1, 0, 0), 12, 12},
    {"product 2^64", "sizes in the IDX header are too large", NULL,
     IDX(8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255), 16, 12},
    {"product 2^128", "sizes in the IDX header are too large", NULL,
     IDX(8, 4, 128, 0, 0, 0, 128, 0, 0, 0, 128, 0, 0, 0, 128, 0, 0, 0), 20, 12},
    {"product 0 modulo 2^64", "sizes in the IDX header are too large", NULL,
     IDX(8, 4, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0), 20, 0},
    {"no data", "truncated: 16 bytes, but the IDX header requires 40", "truncated: 0 bytes of data",
     IDX(8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 4), 16, 0},
    {"a row short", "truncated: 32 bytes, but the IDX header requires 40",
     "truncated: 16 bytes of data", IDX(8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 4), 16, 16},
    {"a byte short", "truncated: 39 bytes, but the IDX header requires 40",
     "truncated: 23 bytes of data", IDX(8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 4), 16, 23},
    {"a byte too many", "too long: 41 bytes, but the IDX header requires 40",
     "too long: more than the 24", IDX(8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 4), 16, 25},
    {"1000 bytes too many", "too long", NULL, IDX(8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 4), 16,
     1024},
};

START_TEST(bad_bytes_refused)
{
    const struct bad *bad = &bads[_i];
    uint8_t bytes[4096] = {0}, packed[8192];
    memcpy(bytes, bad->header, bad->header_bytes);
    size_t count = bad->header_bytes + bad->data_bytes;
    put_file("bad", bytes, count);
    refused(bad->what, "bad", "bad: ", bad->fragment);
    unlink("bad");
    put_file("bad.gz", packed, deflate_to(packed, sizeof packed, bytes, count));
    refused(bad->what, "bad", "bad.gz: ", bad->inflated ? bad->inflated : bad->fragment);
    unlink("bad.gz");
}
END_TEST

/* ---- bad gzip ---- */

static uint8_t packed[4096];
static size_t packed_bytes;

static void pack_good(void)
{
    uint8_t good[WHOLE];
    make_good(good);
    packed_bytes = deflate_to(packed, sizeof packed, good, sizeof good);
}

static void refused_packed(const char *what, size_t count, const char *fragment)
{
    put_file("g.gz", packed, count);
    refused(what, "g", "g.gz: ", fragment);
}

START_TEST(gzip_truncated)
{
    pack_good();
    for (size_t count = 2; count < packed_bytes; count++)
        refused_packed("cut", count, "truncated: ");
    refused_packed("only 1f", 1, "ends within the IDX header");
    refused_packed("empty", 0, "empty, not an IDX file");
}
END_TEST

START_TEST(gzip_damaged)
{
    static const struct {
        const char *what, *fragment;
        int at; /* below 0: from the end */
        uint8_t flip;
    } damage[] = {
        {"magic", "not an IDX file", 0, 0x01},
        {"magic", "not an IDX file", 1, 0x01},
        {"method", "unknown compression method", 2, 0x01},
        {"reserved flags", "unknown header flags set", 3, 0x20},
        {"reserved flags", "unknown header flags set", 3, 0x80},
        {"header crc", "header crc mismatch", 3, 0x02},
        {"extra field without end", "truncated", 3, 0x04},
        {"name without end", "truncated", 3, 0x08},
        {"comment without end", "truncated", 3, 0x10},
        {"block type", "damaged gzip data: invalid block type", 10, 0x04},
        {"checksum", "incorrect data check", -8, 0x01},
        {"checksum", "incorrect data check", -5, 0x80},
        {"length", "incorrect length check", -4, 0x01},
        {"length", "incorrect length check", -1, 0x80},
    };
    for (size_t i = 0; i < FM_COUNT(damage); i++) {
        pack_good();
        size_t at = damage[i].at < 0 ? packed_bytes - (size_t)-damage[i].at : (size_t)damage[i].at;
        packed[at] ^= damage[i].flip;
        /* No zero bytes: a name would end at them. */
        for (size_t k = 4; (packed[3] & 0x1c) && k < packed_bytes; k++)
            packed[k] |= 0x40;
        refused_packed(damage[i].what, packed_bytes, damage[i].fragment);
    }
}
END_TEST

/* The fixed block type says "stored": its length and the length's complement must agree. */
START_TEST(gzip_stored_length)
{
    static const uint8_t stored[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 4, 0, 4, 0, 0, 0, 8, 1};
    put_file("g.gz", stored, sizeof stored);
    refused("stored", "g", "g.gz: ", "invalid stored block lengths");
}
END_TEST

/* The padding bits in the last byte of the stream mean nothing; all others matter. */
START_TEST(gzip_any_bit)
{
    uint8_t good[WHOLE], bytes[DATA];
    make_good(good);
    pack_good();
    unsigned accepted = 0;
    for (size_t bit = (size_t)8 * 10; bit < 8 * packed_bytes; bit++) {
        packed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        put_file("g.gz", packed, packed_bytes);
        struct fmnn_idx *idx = fmnn_idx_open("g.gz", NULL);
        if (idx) {
            ck_assert_int_eq(fmnn_idx_read(idx, 0, ROWS, bytes, NULL), 0);
            ck_assert_msg(memcmp(bytes, good + HEADER, DATA) == 0, "bit %zu flipped", bit);
            accepted++;
        }
        struct fmnn_idx *forward = fm_idx_open_forward("g.gz", NULL);
        ck_assert(!idx == (!forward || fmnn_idx_read(forward, 0, ROWS, bytes, NULL) != 0));
        fmnn_idx_close(forward);
        fmnn_idx_close(idx);
        packed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    ck_assert_uint_le(accepted, 7);
}
END_TEST

START_TEST(gzip_garbage_after)
{
    pack_good();
    packed[packed_bytes] = 'x';
    refused_packed("a byte", packed_bytes + 1, "garbage after the gzip data");
    packed[packed_bytes] = 0;
    packed[packed_bytes + 1] = 0x1f;
    refused_packed("a byte behind a zero", packed_bytes + 2, "garbage after the gzip data");
    packed[packed_bytes] = 0x1f;
    refused_packed("half a magic", packed_bytes + 1, "truncated");
    memcpy(packed + packed_bytes, packed, packed_bytes);
    refused_packed("the file twice", 2 * packed_bytes, "too long");
}
END_TEST

static void check_good(const char *path, const char *opened)
{
    struct fmnn_error err = {0};
    struct fmnn_idx *idx = fmnn_idx_open(path, &err);
    ck_assert_msg(idx != NULL, "%s", err.message);
    ck_assert_str_eq(fmnn_idx_path(idx), opened);
    ck_assert_uint_eq(fmnn_idx_rank(idx), 3);
    ck_assert_uint_eq(fmnn_idx_size(idx, 0), 3);
    ck_assert_uint_eq(fmnn_idx_size(idx, 1), 2);
    ck_assert_uint_eq(fmnn_idx_size(idx, 2), 4);
    ck_assert_uint_eq(fmnn_idx_size(idx, 3), 0);
    ck_assert_uint_eq(fmnn_idx_row_bytes(idx), ROW);
    uint8_t bytes[DATA];
    ck_assert_int_eq(fmnn_idx_read(idx, 1, 2, bytes, &err), 0);
    for (unsigned i = 0; i < 2 * ROW; i++)
        ck_assert_uint_eq(bytes[i], ROW + i);
    ck_assert_int_eq(fmnn_idx_read(idx, 3, 0, bytes, &err), 0);
    ck_assert_int_eq(fmnn_idx_read(idx, 3, 1, bytes, &err), -1);
    check_message("row 3", &err, opened, "no row 3: the rows are 0 to 2");
    ck_assert_int_eq(fmnn_idx_read(idx, 1, 3, bytes, &err), -1);
    check_message("rows 1 to 3", &err, opened, "no row 3");
    ck_assert_int_eq(fmnn_idx_read(idx, 1, SIZE_MAX, bytes, NULL), -1);
    ck_assert_int_eq(fmnn_idx_read(idx, SIZE_MAX, SIZE_MAX, bytes, NULL), -1);
    fmnn_idx_close(idx);

    unsigned rank;
    size_t size[4];
    ck_assert_int_eq(fmnn_idx_shape(path, &rank, size, &err), 0);
    ck_assert_uint_eq(rank, 3);
    ck_assert(size[0] == 3 && size[1] == 2 && size[2] == 4 && size[3] == 0);
    ck_assert_int_eq(fmnn_idx_check(path, &rank, size, &err), 0);
    ck_assert_uint_eq(rank, 3);
    ck_assert(size[0] == 3 && size[1] == 2 && size[2] == 4 && size[3] == 0);
}

START_TEST(good_plain_and_gzip)
{
    uint8_t good[WHOLE];
    make_good(good);
    pack_good();
    put_file("good.gz", packed, packed_bytes);
    check_good("good", "good.gz");
    check_good("good.gz", "good.gz");
    put_file("good", good, sizeof good);
    put_file("good.gz", "", 0);
    check_good("good", "good"); /* the plain file comes first */
    put_file("good", packed, packed_bytes);
    check_good("good", "good"); /* the content decides, not the name */
    put_file("good.gz", good, sizeof good);
    check_good("good.gz", "good.gz");
}
END_TEST

START_TEST(gzip_members)
{
    uint8_t good[WHOLE];
    make_good(good);
    size_t used = deflate_to(packed, sizeof packed, good, 0); /* an empty member first */
    for (size_t at = 0; at < WHOLE; at += 10)
        used += deflate_to(packed + used, sizeof packed - used, good + at, 10);
    used += deflate_to(packed + used, sizeof packed - used, good, 0);
    put_file("members.gz", packed, used);
    check_good("members", "members.gz");
}
END_TEST

START_TEST(gzip_of_gzip)
{
    uint8_t twice[4096];
    pack_good();
    put_file("twice.gz", twice, deflate_to(twice, sizeof twice, packed, packed_bytes));
    refused("gzip of gzip", "twice", "twice.gz: ", "not an IDX file: compressed twice");
}
END_TEST

/* 64 MiB of zeros behind a header that requires 24 bytes. */
START_TEST(gzip_bomb)
{
    static uint8_t zeros[1 << 20];
    gzFile gz = gzopen("bomb.gz", "wb9");
    make_good(zeros);
    ck_assert_ptr_nonnull(gz);
    for (int i = 0; i < 64; i++)
        ck_assert_int_gt(gzwrite(gz, zeros, sizeof zeros), 0);
    ck_assert_int_eq(gzclose(gz), Z_OK);
    refused("bomb", "bomb", "bomb.gz: ", "too long: more than the 24 bytes");
    /* The shape needs the header only. */
    unsigned rank;
    size_t size[4];
    ck_assert_int_eq(fmnn_idx_shape("bomb", &rank, size, NULL), 0);
    ck_assert_uint_eq(size[0], 3);
}
END_TEST

/* ---- the file itself ---- */

START_TEST(not_a_regular_file)
{
    refused("none", "none", "none[.gz]: ", "No such file or directory");
    put_file("file", "x", 1);
    refused("below a file", "file/none", "file/none: ", "Not a directory");
    ck_assert_int_eq(mkdir("directory", 0777), 0);
    refused("a directory", "directory", "directory: ", "a directory, not an IDX file");
    ck_assert_int_eq(mkfifo("fifo", 0666), 0);
    refused("a FIFO", "fifo", "fifo: ", "not a regular file");
    refused("a device", "/dev/null", "/dev/null: ", "not a regular file");
    put_file("empty", "", 0);
    refused("empty", "empty", "empty: ", "empty, not an IDX file");
    put_file("secret", "x", 1);
    ck_assert_int_eq(chmod("secret", 0), 0);
    if (access("secret", R_OK) != 0)
        refused("secret", "secret", "secret: ", "Permission denied");
    unsigned rank;
    size_t size[4];
    struct fmnn_error err;
    ck_assert_int_eq(fmnn_idx_shape("none", &rank, size, &err), -1);
    check_message("shape of none", &err, "none[.gz]: ", "No such file");
}
END_TEST

START_TEST(sparse_file_refused_by_header)
{
    uint8_t good[WHOLE];
    make_good(good);
    put_file("sparse", good, sizeof good);
    ck_assert_int_eq(truncate("sparse", (off_t)2 << 30), 0);
    refused("sparse", "sparse", "sparse: ", "too long: 2147483648 bytes");
    unlink("sparse");
}
END_TEST

START_TEST(shrinks_while_open)
{
    uint8_t good[WHOLE], bytes[DATA];
    struct fmnn_error err;
    make_good(good);
    put_file("shrinks", good, sizeof good);
    struct fmnn_idx *idx = fmnn_idx_open("shrinks", NULL);
    ck_assert_ptr_nonnull(idx);
    ck_assert_int_eq(truncate("shrinks", 20), 0);
    ck_assert_int_eq(fmnn_idx_read(idx, 0, 3, bytes, &err), -1);
    check_message("shrinks", &err, "shrinks", "shrank while it was being read");
    fmnn_idx_close(idx);
}
END_TEST

static void check_rows(struct fmnn_idx *idx, const uint8_t *data, size_t first, size_t many,
                       uint8_t *got)
{
    size_t row = fmnn_idx_row_bytes(idx);
    struct fmnn_error err = {0};
    ck_assert_msg(fmnn_idx_read(idx, first, many, got, &err) == 0, "%s", err.message);
    ck_assert_int_eq(memcmp(data + first * row, got, many * row), 0);
}

static void check_orders(struct fmnn_idx *idx, const uint8_t *data, uint8_t *got)
{
    ck_assert_ptr_nonnull(idx);
    size_t rows = fmnn_idx_size(idx, 0);
    for (size_t i = 0; i < rows; i += 1 + i % 5) /* forward, with leaps */
        check_rows(idx, data, i, i % 3 && i + 2 < rows ? 2 : 1, got);
    check_rows(idx, data, 0, rows, got);
    for (size_t i = 0; i < rows; i++) {
        size_t k[3] = {i, rows - 1 - i, i * 7919 % rows};
        for (int way = 0; way < 3; way++) {
            size_t many = way == 2 ? 1 + i % 3 : 1;
            check_rows(idx, data, k[way], many < rows - k[way] ? many : rows - k[way], got);
        }
    }
    for (size_t i = 0; i < rows; i++)
        check_rows(idx, data, i, 1, got);
    fmnn_idx_close(idx);
}

/* Any order of reading gives the same rows: forward, backward, with leaps, several at once, also if
   a row is larger than the block that is read ahead. */
START_TEST(reading_in_any_order)
{
    static const size_t sizes[][2] = {{5000, 84}, {7, 70000}, {3, 65536}, {40, 32768}};
    size_t bytes = sizes[_i][0] * sizes[_i][1];
    uint8_t *data = malloc(bytes), *got = malloc(bytes), *file = malloc(2 * bytes);
    ck_assert(data && got && file);
    for (size_t i = 0; i < bytes; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    FILE *stream = fopen("order", "w+b");
    ck_assert_ptr_nonnull(stream);
    ck_assert_int_eq(fmnn_idx_write(stream, 2, sizes[_i], data, NULL), 0);
    rewind(stream);
    size_t count = fread(file, 1, bytes + 12, stream);
    ck_assert_uint_eq(count, bytes + 12);
    ck_assert_int_eq(fclose(stream), 0);
    check_orders(fmnn_idx_open("order", NULL), data, got);
    check_orders(fm_idx_open_forward("order", NULL), data, got);
    uint8_t *z = malloc(2 * bytes);
    ck_assert_ptr_nonnull(z);
    put_file("order.z", z, deflate_to(z, 2 * bytes, file, count));
    check_orders(fmnn_idx_open("order.z", NULL), data, got);
    check_orders(fm_idx_open_forward("order.z", NULL), data, got);
    free(z);
    free(file);
    free(data);
    free(got);
}
END_TEST

/* The rows before the damage can be read; reading on, or going back, fails. */
START_TEST(forward_until_damage)
{
    enum { MANY = 1000, LONG = 784 };
    static const size_t size[2] = {MANY, LONG};
    uint8_t *data = malloc(MANY * LONG), *file = malloc(2 * MANY * LONG), row[LONG];
    ck_assert(data && file);
    for (size_t i = 0; i < MANY * LONG; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 15);
    FILE *stream = fopen("whole", "w+b");
    ck_assert(stream && fmnn_idx_write(stream, 2, size, data, NULL) == 0);
    rewind(stream);
    size_t count = fread(file, 1, MANY * LONG + 12, stream);
    fclose(stream);
    uint8_t *z = malloc(2 * MANY * LONG);
    ck_assert_ptr_nonnull(z);
    size_t packed_size = deflate_to(z, 2 * MANY * LONG, file, count);
    for (int damage = 0; damage < 2; damage++) {
        z[packed_size - 8] ^= (uint8_t)damage; /* the checksum */
        put_file("part.gz", z, damage ? packed_size : packed_size / 2);
        struct fmnn_error err = {0};
        struct fmnn_idx *idx = fm_idx_open_forward("part", &err);
        ck_assert_msg(idx != NULL, "%s", err.message);
        for (size_t i = 0; i < 200; i++)
            check_rows(idx, data, i, 1, row);
        ck_assert_int_eq(fmnn_idx_read(idx, MANY - 1, 1, row, &err), -1);
        check_message("end", &err, "part.gz: ", damage ? "incorrect data check" : "truncated: ");
        for (int again = 0; again < 2; again++)
            ck_assert_int_eq(fmnn_idx_read(idx, 0, 1, row, &err), -1);
        fmnn_idx_close(idx);
    }
    free(z);
    free(file);
    free(data);
}
END_TEST

/* The content of an open file is replaced, then an earlier row is read. Other sizes are noticed,
   and so is content that is no longer an IDX file. */
START_TEST(changes_while_open)
{
    enum { ROWS_HERE = 300, LONG = 784 };
    static const size_t size[2][3] = {{ROWS_HERE, LONG, 1}, {ROWS_HERE, LONG / 2, 2}};
    static uint8_t data[ROWS_HERE * LONG], bytes[ROWS_HERE * LONG + 16];
    static uint8_t z[2][2 * ROWS_HERE * LONG];
    size_t lengths[2];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 15);
    for (unsigned k = 0; k < 2; k++) {
        FILE *stream = fopen("whole", "w+b");
        ck_assert(stream && fmnn_idx_write(stream, 3, size[k], data, NULL) == 0);
        rewind(stream);
        size_t count = fread(bytes, 1, sizeof bytes, stream);
        fclose(stream);
        lengths[k] = deflate_to(z[k], sizeof z[k], bytes, count);
    }
    for (unsigned k = 0; k < 3; k++) {
        uint8_t row[LONG];
        struct fmnn_error err = {0};
        put_file("part.gz", z[0], lengths[0]);
        struct fmnn_idx *idx = fm_idx_open_forward("part", &err);
        ck_assert_msg(idx != NULL, "%s", err.message);
        for (size_t i = 0; i < 200; i++)
            ck_assert_int_eq(fmnn_idx_read(idx, i, 1, row, &err), 0);
        if (k == 2)
            put_file("part.gz", "not what it was", 15);
        else
            put_file("part.gz", z[k], lengths[k]);
        int status = fmnn_idx_read(idx, 0, 1, row, &err);
        ck_assert_int_eq(status, k == 0 ? 0 : -1);
        if (k == 0)
            ck_assert_int_eq(memcmp(row, data, LONG), 0);
        else
            check_message("changed", &err, "part.gz: ",
                          k == 1 ? "changed while it was being read" : "damaged gzip data");
        fmnn_idx_close(idx);
    }
}
END_TEST

/* The file is longer than its header says, by one byte in a later block. */
START_TEST(check_finds_excess_data)
{
    enum { MANY = 100000 };
    static uint8_t bytes[8 + MANY + 1] = {
        0, 0, 8, 1, MANY >> 24, MANY >> 16 & 255, MANY >> 8 & 255, MANY & 255};
    static uint8_t z[2 * MANY];
    struct fmnn_error err;
    unsigned rank;
    size_t size[4];
    for (size_t more = 0; more < 2; more++) {
        put_file("tail.gz", z, deflate_to(z, sizeof z, bytes, 8 + MANY + more));
        ck_assert_int_eq(fmnn_idx_check("tail", &rank, size, &err), more ? -1 : 0);
        if (more)
            check_message("tail", &err, "tail.gz: ", "too long");
    }
}
END_TEST

/* After a failure it is not known which row comes next, so there is none. */
START_TEST(no_row_after_a_failure)
{
    enum {
        MANY = 1000,
        LONG = 784,
        MORE = 15 * LONG + 1
    }; /* some rows behind the last, and a byte */
    static uint8_t bytes[12 + MANY * LONG + MORE] = {
        0, 0, 8, 2, 0, 0, MANY >> 8, MANY & 255, 0, 0, LONG >> 8, LONG & 255};
    static uint8_t z[2 * sizeof bytes];
    uint8_t row[LONG];
    for (size_t i = 12; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 15);
    put_file("more.gz", z, deflate_to(z, sizeof z, bytes, sizeof bytes));
    struct fmnn_error err = {0};
    struct fmnn_idx *idx = fm_idx_open_forward("more", &err);
    ck_assert_msg(idx != NULL, "%s", err.message);
    size_t first = 0;
    while (first < MANY && fmnn_idx_read(idx, first, 1, row, &err) == 0) {
        ck_assert_mem_eq(row, bytes + 12 + first * LONG, LONG);
        first++;
    }
    check_message("the last rows", &err, "more.gz: ", "too long");
    ck_assert_uint_lt(first, MANY);
    for (size_t i = 0; i < MANY; i++) {
        ck_assert_int_eq(fmnn_idx_read(idx, i, 1, row, &err), -1);
        check_message("any row", &err, "more.gz: ", "an earlier read of the file failed");
    }
    fmnn_idx_close(idx);
}
END_TEST

START_TEST(name_too_long)
{
    static char name[5000];
    struct fmnn_error err;
    char end[100]; /* each C library has words of its own */
    snprintf(end, sizeof end, ".gz: %s", strerror(ENAMETOOLONG));
    memset(name, 'n', 254); /* fits, but not with .gz */
    ck_assert_ptr_null(fmnn_idx_open(name, &err));
    check_message("long", &err, "nnn", end);
    memset(name, 'n', sizeof name - 1);
    ck_assert_ptr_null(fmnn_idx_open(name, &err));
    snprintf(end, sizeof end, "nnn: %s", strerror(ENAMETOOLONG));
    check_message("longer", &err, "nnn", end);
}
END_TEST

START_TEST(write_refuses_bad_shapes)
{
    static const size_t none[2] = {3, 0};
    struct fmnn_error err;
    uint8_t byte = 0;
    ck_assert_int_eq(fmnn_idx_write(stdout, 5, none, &byte, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.message, "rank 5"));
    ck_assert_int_eq(fmnn_idx_write(stdout, 0, none, &byte, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.message, "rank 0"));
    static const size_t huge[4] = {UINT32_MAX, UINT32_MAX, 2, 1},
                        wide[1] = {(size_t)UINT32_MAX + 1};
    ck_assert_int_eq(fmnn_idx_write(stdout, 3, huge, &byte, &err), -1);
    ck_assert_ptr_nonnull(
        strstr(err.message, WIDE ? "size 2 in dimension 2" : "size 4294967295 in dimension 1"));
    ck_assert_int_eq(fmnn_idx_write(stdout, 1, wide, &byte, &err), -1);
    ck_assert_ptr_nonnull(
        strstr(err.message, WIDE ? "size 4294967296 in dimension 0" : "size 0 in dimension 0"));
    ck_assert_int_eq(fmnn_idx_write(stdout, 2, none, &byte, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.message, "size 0 in dimension 1"));
    FILE *closed = fopen("/dev/full", "wb");
    static const size_t one[1] = {1};
    if (closed) {
        setvbuf(closed, NULL, _IONBF, 0);
        ck_assert_int_eq(fmnn_idx_write(closed, 1, one, &byte, &err), -1);
        ck_assert_int_eq(err.status, FMNN_SYSTEM);
        fclose(closed);
    }
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("idx");
    tcase_add_loop_test(tcase, bad_bytes_refused, 0, FM_COUNT(bads));
    tcase_add_test(tcase, gzip_truncated);
    tcase_add_test(tcase, gzip_damaged);
    tcase_add_test(tcase, gzip_stored_length);
    tcase_add_test(tcase, gzip_any_bit);
    tcase_add_test(tcase, gzip_garbage_after);
    tcase_add_test(tcase, good_plain_and_gzip);
    tcase_add_test(tcase, gzip_members);
    tcase_add_test(tcase, gzip_of_gzip);
    tcase_add_test(tcase, gzip_bomb);
    tcase_add_test(tcase, not_a_regular_file);
    tcase_add_test(tcase, sparse_file_refused_by_header);
    tcase_add_test(tcase, shrinks_while_open);
    tcase_add_loop_test(tcase, reading_in_any_order, 0, 4);
    tcase_add_test(tcase, forward_until_damage);
    tcase_add_test(tcase, changes_while_open);
    tcase_add_test(tcase, check_finds_excess_data);
    tcase_add_test(tcase, no_row_after_a_failure);
    tcase_add_test(tcase, name_too_long);
    tcase_add_test(tcase, write_refuses_bad_shapes);
    scratch_enter();
    int status = run_tests("idx", tcase);
    scratch_leave();
    return status;
}
