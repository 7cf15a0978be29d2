/* corpus-idx.c -- data sets of two images with one bad file: IDX, IDX within gzip, and bad gzip.
   Each has a directory of its own. */
#include "corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define IMAGES "train-images-idx3-ubyte"
#define LABELS "train-labels-idx1-ubyte"
enum { COUNT = 2, PIXELS = SIDE * SIDE, HEADER = 16 };

/* The numbers of a header: type and rank, then sizes. */
#define IDX(type, rank, ...)                                                                       \
    {                                                                                              \
        (type) << 8 | (rank), __VA_ARGS__                                                          \
    }

static const struct row {
    const char *name, *verdict, *message, *packed,
        *what; /* packed: the message for gzip, if it differs */
    uint32_t header[5];
    unsigned header_bytes, data_bytes;
    bool labels; /* this is the file of labels */
} rows[] = {
    {"good", GOOD, "", NULL, "a valid file", IDX(8, 3, 2, 4, 4), 16, 32, false},
    {"one", BAD, "ends within the IDX header", NULL, "one byte", {0}, 1, 0, false},
    {"two", BAD, "ends within the IDX header", NULL, "two bytes", {0}, 2, 0, false},
    {"three", BAD, "ends within the IDX header", NULL, "three bytes", IDX(8, 3, 0), 3, 0, false},
    {"byte-0",
     BAD,
     "not an IDX file: begins with the bytes 01 00",
     NULL,
     "byte 0 not zero",
     {0x01000803, 2, 4, 4},
     16,
     32,
     false},
    {"byte-1",
     BAD,
     "not an IDX file: begins with the bytes 00 ff",
     NULL,
     "byte 1 not zero",
     {0x00ff0803, 2, 4, 4},
     16,
     32,
     false},
    {"page",
     BAD,
     "not an IDX file: an HTML or XML page",
     NULL,
     "an HTML page",
     {0x3c68746d, 0x6c3e0a00},
     6,
     99,
     false},
    {"zlib",
     BAD,
     "not an IDX file: begins with the bytes 78 9c",
     NULL,
     "zlib data",
     {0x789c0803, 2, 4, 4},
     16,
     32,
     false},
    {"type-00", BAD, "unknown data type 00", NULL, "type 00", IDX(0, 3, 2, 4, 4), 16, 32, false},
    {"type-07", BAD, "unknown data type 07", NULL, "type 07", IDX(7, 3, 2, 4, 4), 16, 32, false},
    {"type-0a", BAD, "unknown data type 0a", NULL, "type 0A", IDX(10, 3, 2, 4, 4), 16, 32, false},
    {"type-0f", BAD, "unknown data type 0f", NULL, "type 0F", IDX(15, 3, 2, 4, 4), 16, 32, false},
    {"type-ff", BAD, "unknown data type ff", NULL, "type FF", IDX(255, 3, 2, 4, 4), 16, 32, false},
    {"signed", UNSUPPORTED, "unsupported IDX data type: signed bytes", NULL, "signed bytes",
     IDX(9, 3, 2, 4, 4), 16, 32, false},
    {"short", UNSUPPORTED, "unsupported IDX data type: 16-bit", NULL, "16 bits",
     IDX(11, 3, 2, 4, 4), 16, 64, false},
    {"int", UNSUPPORTED, "unsupported IDX data type: 32-bit", NULL, "32 bits", IDX(12, 3, 2, 4, 4),
     16, 128, false},
    {"float", UNSUPPORTED, "unsupported IDX data type: floats", NULL, "floats", IDX(13, 3, 2, 4, 4),
     16, 128, false},
    {"double", UNSUPPORTED, "unsupported IDX data type: doubles", NULL, "doubles",
     IDX(14, 3, 2, 4, 4), 16, 256, false},
    {"rank-0", BAD, "rank 0", NULL, "no dimension", IDX(8, 0, 0), 4, 1, false},
    {"rank-2", BAD, "rank 2", NULL, "two dimensions", IDX(8, 2, 2, 16), 12, 32, false},
    {"rank-4", GOOD, "", NULL, "images with one channel", IDX(8, 4, 2, 4, 4, 1), 20, 32, false},
    {"two-channels", UNSUPPORTED, "rank 4 and 2 channels", NULL, "images with two channels",
     IDX(8, 4, 2, 4, 4, 2), 20, 64, false},
    {"four-channels", UNSUPPORTED, "rank 4 and 4 channels", NULL, "images with four channels",
     IDX(8, 4, 2, 4, 4, 4), 20, 128, false},
    {"rank-255", BAD, "rank 255", NULL, "255 dimensions", IDX(8, 255, 2, 4, 4), 16, 1020, false},
    {"no-sizes", BAD, "ends within the IDX header", NULL, "no sizes", IDX(8, 3, 0), 4, 0, false},
    {"cut-size", BAD, "ends within the IDX header", NULL, "cut in a size", IDX(8, 3, 2, 4, 4), 13,
     0, false},
    {"little", BAD, "the sizes in the IDX header are too large", NULL, "little-endian sizes",
     IDX(8, 3, 2u << 24, 4 << 24, 4 << 24), 16, 32, false},
    {"no-images", BAD, "size 0 in dimension 0", NULL, "no images", IDX(8, 3, 0, 4, 4), 16, 0,
     false},
    {"no-height", BAD, "size 0 in dimension 1", NULL, "no height", IDX(8, 3, 2, 0, 4), 16, 0,
     false},
    {"no-width", BAD, "size 0 in dimension 2", NULL, "no width", IDX(8, 3, 2, 4, 0), 16, 0, false},
    {"2-to-32", BAD, "truncated", "", "4 GB promised", IDX(8, 3, 65536, 256, 256), 16, 32, false},
    {"2-to-64", BAD, "the sizes in the IDX header are too large", NULL, "a product beyond 2^64",
     IDX(8, 3, UINT32_MAX, UINT32_MAX, UINT32_MAX), 16, 32, false},
    {"0-of-2-to-64", BAD, "the sizes in the IDX header are too large", NULL,
     "a product that is 0 modulo 2^64", IDX(8, 4, 65536, 65536, 65536, 65536), 20, 0, false},
    {"large-images", UNSUPPORTED, "has images of 5000x1", NULL, "images of 5000 x 1",
     IDX(8, 3, 2, 5000, 1), 16, 10000, false},
    {"no-data", BAD, "truncated: 16 bytes, but the IDX header requires 48", "truncated: 0 bytes",
     "no data", IDX(8, 3, 2, 4, 4), 16, 0, false},
    {"row-less", BAD, "truncated: 44 bytes", "truncated: 28 bytes", "a row of pixels too few",
     IDX(8, 3, 2, 4, 4), 16, 28, false},
    {"byte-less", BAD, "truncated: 47 bytes", "truncated: 31 bytes", "a byte too few",
     IDX(8, 3, 2, 4, 4), 16, 31, false},
    {"byte-more", BAD, "too long: 49 bytes", "too long: more than the 32", "a byte too many",
     IDX(8, 3, 2, 4, 4), 16, 33, false},
    {"much-more", BAD, "too long: 1048 bytes", "too long: more than the 32", "1,000 bytes too many",
     IDX(8, 3, 2, 4, 4), 16, 1032, false},
    {"labels-for-images", BAD, "is a label file, not images", NULL, "labels for images",
     IDX(8, 1, 2), 8, 2, false},
    {"images-for-labels", BAD, "is an image file, not labels", NULL, "images for labels",
     IDX(8, 3, 2, 4, 4), 16, 32, true},
    {"labels-more", BAD, "has 2 images, but", NULL, "more labels than images", IDX(8, 1, 3), 8, 3,
     true},
    {"labels-less", BAD, "has 2 images, but", NULL, "fewer labels than images", IDX(8, 1, 1), 8, 1,
     true},
    {"labels-cut", BAD, "truncated", NULL, "truncated labels", IDX(8, 1, 2), 8, 1, true},
    {"labels-long", BAD, "too long", NULL, "labels too many for their header", IDX(8, 1, 2), 8, 3,
     true},
    {"labels-none", BAD, "size 0 in dimension 0", NULL, "no labels", IDX(8, 1, 0), 8, 0, true},
    {"labels-signed", UNSUPPORTED, "unsupported IDX data type", NULL, "signed labels", IDX(9, 1, 2),
     8, 2, true},
};

static struct buffer make_file(const uint32_t header[5], unsigned header_bytes, unsigned data_bytes,
                               bool labels)
{
    struct buffer file = {0};
    for (unsigned i = 0; i < 5; i++)
        put_big(&file, header[i]);
    file.used = header_bytes;
    for (unsigned i = 0; i < data_bytes; i++)
        put(&file, (uint8_t[]){labels ? (uint8_t)i : pixel(i / SIDE % SIDE, i % SIDE)}, 1);
    return file;
}

static struct buffer make_good(bool labels)
{
    static const uint32_t images[5] = IDX(8, 3, COUNT, SIDE, SIDE), two[5] = IDX(8, 1, COUNT);
    return labels ? make_file(two, 8, COUNT, true)
                  : make_file(images, HEADER, COUNT * PIXELS, false);
}

/* Writes the directory of a case: the given file, and a good one for the other. Frees the file. */
static void finish(const char *name, const char *verdict, const char *message, const char *what,
                   struct buffer *file, bool labels, bool packed)
{
    char *directory = text("idx/%s", name), *path;
    struct buffer other = make_good(!labels);
    make_directory(directory);
    path = text("%s/%s%s", directory, labels ? LABELS : IMAGES, packed ? ".gz" : "");
    save(path, file);
    free(path);
    path = text("%s/%s", directory, labels ? IMAGES : LABELS);
    save(path, &other);
    free(path);
    list(labels ? "labels" : "idx", directory, verdict, message, what);
    free(directory);
    free(other.bytes);
    free(file->bytes);
}

/* ---- gzip */

/* Raw deflate data. flush: without the end of the stream. */
static struct buffer squeeze(const void *bytes, size_t count, bool flush)
{
    struct buffer out = {0};
    z_stream z = {0};
    out.room = count + 4096;
    out.bytes = malloc(out.room);
    if (!out.bytes || deflateInit2(&z, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        exit(2);
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)count;
    z.next_out = out.bytes;
    z.avail_out = (uInt)out.room;
    deflate(&z, flush ? Z_FULL_FLUSH : Z_FINISH);
    out.used = out.room - z.avail_out;
    deflateEnd(&z);
    return out;
}

/* The header of a gzip member: method 8, and the flags. */
static void put_start(struct buffer *out, uint8_t flags)
{
    put(out, (uint8_t[]){0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3}, 10);
}

static void put_member(struct buffer *out, const struct buffer *file)
{
    struct buffer body = squeeze(file->bytes, file->used, false);
    put(out, body.bytes, body.used);
    put_little(out, (uint32_t)crc32(0, file->bytes, (uInt)file->used));
    put_little(out, (uint32_t)file->used);
    free(body.bytes);
}

static struct buffer pack(const struct buffer *file)
{
    struct buffer out = {0};
    put_start(&out, 0);
    put_member(&out, file);
    return out;
}

static void finish_packed(const char *name, const char *verdict, const char *message,
                          const char *what, struct buffer *file)
{
    finish(name, verdict, message, what, file, false, true);
}

/* Headers with optional fields. Flags: 2 checksum of the header, 4 extra field, 8 name, 16
   comment. */
static void make_flags(void)
{
    static const struct {
        const char *name, *verdict, *message, *what, *fields;
        size_t count;
        uint8_t flags;
        bool good_sum, no_data;
    } heads[] = {
        {"gz-name", GOOD, "", "gzip with the file's name", "images\0", 7, 8, false, false},
        {"gz-comment", GOOD, "", "gzip with a comment", "hi\0", 3, 16, false, false},
        {"gz-extra", GOOD, "", "gzip with an extra field", "\4\0ab\0\0", 6, 4, false, false},
        {"gz-all", GOOD, "", "gzip with all of these and a checksum", "\2\0xxname\0comment\0", 17,
         30, true, false},
        {"gz-sum", BAD, "damaged gzip data: header crc mismatch", "a wrong checksum of the header",
         "\1\2", 2, 2, false, false},
        {"gz-reserved", BAD, "damaged gzip data: unknown header flags set", "a reserved flag", "",
         0, 32, false, false},
        {"gz-name-open", BAD, "the gzip data ends early", "a name without end", "images", 6, 8,
         false, true},
        {"gz-extra-open", BAD, "the gzip data ends early", "an extra field without end",
         "\377\377ab", 4, 4, false, true},
        {"gz-sum-open", BAD, "the gzip data ends early", "half a checksum of the header", "\1", 1,
         2, false, true},
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        struct buffer out = {0}, file = make_good(false);
        put_start(&out, heads[i].flags);
        put(&out, heads[i].fields, heads[i].count);
        if (heads[i].good_sum) {
            uLong sum = crc32(0, out.bytes, (uInt)out.used);
            put(&out, (uint8_t[]){(uint8_t)sum, (uint8_t)(sum >> 8)}, 2);
        }
        if (!heads[i].no_data)
            put_member(&out, &file);
        finish_packed(heads[i].name, heads[i].verdict, heads[i].message, heads[i].what, &out);
        free(file.bytes);
    }
}

/* A good file, truncated or with a byte changed. */
static void make_cuts(void)
{
    static const struct {
        const char *name, *message, *what;
        int keep, at; /* bytes kept; byte changed; negative: from the end */
    } cuts[] = {
        {"gz-cut-2", "", "only the magic number of gzip", 2, 0},
        {"gz-cut-9", "the gzip data ends early", "truncated in the gzip header", 9, 0},
        {"gz-cut-data", "the gzip data ends early", "truncated in the data", 20, 0},
        {"gz-cut-sum", "the gzip data ends early", "truncated in the checksum", -6, 0},
        {"gz-cut-size", "the gzip data ends early", "truncated in the length", -1, 0},
        {"gz-method", "damaged gzip data: unknown compression method", "a method other than 8", 0,
         2},
        {"gz-data", "damaged gzip data", "a bit flipped in the data", 0, 10},
        {"gz-crc", "damaged gzip data: incorrect data check", "a wrong checksum", 0, -8},
        {"gz-isize", "damaged gzip data: incorrect length check", "a wrong length", 0, -4},
    };
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        struct buffer file = make_good(false), out = pack(&file);
        int used = (int)out.used, keep = cuts[i].keep, at = cuts[i].at;
        if (keep)
            out.used = (size_t)(keep < 0 ? used + keep : keep);
        if (at)
            out.bytes[at < 0 ? used + at : at] ^= 6;
        finish_packed(cuts[i].name, BAD, cuts[i].message, cuts[i].what, &out);
        free(file.bytes);
    }
}

/* Several members, bytes after the last member, gzip in gzip. */
static void make_members(void)
{
    struct buffer file = make_good(false), empty = {0}, half = file, rest = file, out = {0};
    half.used = 21;
    rest.bytes += 21;
    rest.used -= 21;
    put_start(&out, 0);
    put_member(&out, &half);
    put_start(&out, 0);
    put_member(&out, &rest);
    finish_packed("gz-two", GOOD, "", "two gzip members", &out);

    out = (struct buffer){0};
    put_start(&out, 0);
    put_member(&out, &empty);
    put_start(&out, 0);
    put_member(&out, &file);
    finish_packed("gz-empty-first", GOOD, "", "an empty member first", &out);

    out = pack(&empty);
    finish_packed("gz-empty", BAD, "ends within the IDX header", "only an empty member", &out);

    out = pack(&file);
    put_text(&out, "x");
    finish_packed("gz-byte-more", BAD, "garbage after the gzip data", "a byte after the end", &out);

    out = pack(&file);
    put_zeros(&out, 512);
    finish_packed("gz-zeros", GOOD, "", "zeros after the end", &out);

    out = pack(&file);
    put_start(&out, 0);
    finish_packed("gz-half-more", BAD, "the gzip data ends early",
                  "a second member that is truncated", &out);

    struct buffer once = pack(&file);
    out = pack(&once);
    finish_packed("gz-gz", BAD, "not an IDX file: compressed twice", "gzip in gzip", &out);
    free(once.bytes);

    out = (struct buffer){0};
    put_start(&out, 0);
    put(&out, (uint8_t[]){1, 48, 0, 0, 0},
        5); /* a stored block without the complement of its length */
    put(&out, file.bytes, file.used);
    finish_packed("gz-stored", BAD, "damaged gzip data: invalid stored block lengths",
                  "a stored block whose lengths disagree", &out);
    free(file.bytes);
}

/* 1 GB of zeros in 1 MB, with IDX headers that do and do not announce it. */
static void make_bombs(void)
{
    enum { BLOCK = 1 << 20, BLOCKS = 1024 };
    static const struct {
        const char *name, *message, *what;
        uint32_t header[5];
    } bombs[] = {
        {"gz-bomb", "too long: more than the 32", "1 GB in gzip instead of 32 bytes",
         IDX(8, 3, COUNT, SIDE, SIDE)},
        {"gz-bomb-wide", "has images of 32768x32768", "1 GB in gzip as one image",
         IDX(8, 3, 1, 32768, 32768)},
        {"gz-bomb-4", "rank 4", "1 GB in gzip as one image in colour",
         IDX(8, 4, 1, 16384, 16384, 4)},
    };
    uint8_t *zeros = calloc(BLOCK, 1);
    struct buffer block = squeeze(zeros, BLOCK, true);
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        unsigned rank = bombs[i].header[0] & 255;
        struct buffer out = {0}, file = make_file(bombs[i].header, 4 + 4 * rank, 0, false);
        struct buffer start = squeeze(file.bytes, file.used, true);
        put_start(&out, 0);
        put(&out, start.bytes, start.used);
        for (unsigned k = 0; k < BLOCKS; k++)
            put(&out, block.bytes, block.used);
        finish_packed(bombs[i].name, BAD, bombs[i].message, bombs[i].what, &out);
        free(start.bytes);
        free(file.bytes);
    }
    free(block.bytes);
    free(zeros);
}

/* ---- other files */

static void make_others(void)
{
    struct buffer labels = make_good(true), file = make_good(false), empty = {0};
    finish("empty", BAD, "empty, not an IDX file", "no bytes", &empty, false, false);

    make_directory("idx/directory");
    make_directory("idx/directory/" IMAGES);
    save("idx/directory/" LABELS, &labels);
    list("idx", "idx/directory", BAD, "a directory, not an IDX file", "a directory");

    make_directory("idx/fifo");
    if (mkfifo("idx/fifo/" IMAGES, 0666) != 0)
        perror("idx/fifo");
    save("idx/fifo/" LABELS, &labels);
    list("idx", "idx/fifo", BAD, "not a regular file", "a named pipe");

    make_directory("idx/absent");
    save("idx/absent/" LABELS, &labels);
    list("idx", "idx/absent", BAD, "No such file", "no images, but labels");

    make_directory("idx/sparse");
    save("idx/sparse/" IMAGES, &file);
    save("idx/sparse/" LABELS, &labels);
    FILE *stream = fopen("idx/sparse/" IMAGES, "r+b");
    if (!stream || fseek(stream, 0x7fffffff, SEEK_SET) != 0 || putc(0, stream) < 0 ||
        fclose(stream) != 0)
        perror("idx/sparse");
    list("idx", "idx/sparse", BAD, "too long: 2147483648 bytes", "2 GB of holes");
    free(labels.bytes);
    free(file.bytes);
}

void make_idx(void)
{
    make_directory("idx");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct buffer file =
            make_file(row->header, row->header_bytes, row->data_bytes, row->labels);
        struct buffer packed = pack(&file);
        finish(row->name, row->verdict, row->message, row->what, &file, row->labels, false);
        char *name = text("%s-gz", row->name), *what = text("%s, in gzip", row->what);
        finish(name, row->verdict, row->packed ? row->packed : row->message, what, &packed,
               row->labels, true);
        free(name);
        free(what);
    }
    make_flags();
    make_cuts();
    make_members();
    make_bombs();
    make_others();
}
