/* mkforms.c -- writes one small data set in all the forms that `fm-fetch --from` takes, for
   import.test: mkforms DIR

   Directories with IDX files of several types; the binary versions of CIFAR-10 and CIFAR-100, also
   as a tar archive; tables of pixels. `plain` and `colour` have what must come out of them. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

enum { ROWS = 30, TEST_ROWS = 10, SIDE = 6, SIZE = SIDE * SIDE, CLASSES = 5 };
enum { C_SIDE = 32, C_SIZE = C_SIDE * C_SIDE, BATCH = 20 };
enum { U8 = 8, S8 = 9, S16 = 0xb, S32 = 0xc, F32 = 0xd, F64 = 0xe };

static const char *directory;

static void give_up(const char *what)
{
    perror(what);
    exit(2);
}

static const char *path_of(const char *set, const char *name)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/%s", directory, set);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s", directory, set, name);
    return path;
}

static gzFile create(const char *set, const char *name)
{
    const char *path = path_of(set, name);
    bool packed = strlen(path) > 2 && !strcmp(path + strlen(path) - 2, "gz");
    gzFile file = gzopen(path, packed ? "wb" : "wbT");
    if (!file)
        give_up(path);
    return file;
}

static void put(gzFile file, const void *bytes, size_t size)
{
    if (size && gzwrite(file, bytes, (unsigned)size) != (int)size)
        give_up("mkforms");
}

static void finish(gzFile file)
{
    if (gzclose(file) != Z_OK)
        give_up("mkforms");
}

static void put_big(gzFile file, uint64_t value, unsigned bytes)
{
    for (unsigned i = bytes; i-- > 0;)
        gzputc(file, (int)(value >> 8 * i & 255));
}

/* ---- the data */

static unsigned label_of(unsigned row)
{
    return (row * 7 + row / 3) % CLASSES;
}

/* All values from 0 to 255 occur; the corners are black. */
static unsigned pixel_of(unsigned row, unsigned i)
{
    return i == 0 || i == SIZE - 1 ? 0 : (row * SIZE + i * 5) % 256;
}

/* A noisy colour picture of class 0 to 9: its colour and the half in which it lies tell the
   class. */
static unsigned colour_of(unsigned row, unsigned class, unsigned channel, unsigned y, unsigned x)
{
    static const uint8_t colour[5][3] = {
        {220, 40, 40}, {40, 220, 40}, {40, 40, 220}, {220, 220, 40}, {220, 40, 220}};
    unsigned noise = (row * 7919 + y * 104729 + x * 1299709 + channel * 15485863) % 61 % 30;
    unsigned top = class < 5 ? 3 + row % 4 : 17 + row % 4, left = 5 + row * 3 % 12;
    bool inside = y >= top && y < top + 10 && x >= left && x < left + 10;
    return noise + (inside ? colour[class % 5][channel] : 20);
}

/* ---- IDX */

static void put_header(gzFile file, unsigned type, unsigned rank, const unsigned *size)
{
    put_big(file, type << 8 | rank, 4);
    for (unsigned i = 0; i < rank; i++)
        put_big(file, size[i], 4);
}

static void put_value(gzFile file, unsigned type, int value, bool fraction)
{
    double real = fraction ? value / 255.0 : value;
    float single = (float)real;
    uint32_t bits32;
    uint64_t bits64;
    memcpy(&bits32, &single, sizeof bits32);
    memcpy(&bits64, &real, sizeof bits64);
    if (type == F32)
        put_big(file, bits32, 4);
    else if (type == F64)
        put_big(file, bits64, 8);
    else
        put_big(file, (uint64_t)(int64_t)value, type == S32 ? 4 : type == S16 ? 2 : 1);
}

/* How a directory has the data. */
static const struct form {
    const char *set;
    unsigned type, rank;                /* of the images */
    bool planes;                        /* rank 4: (N,C,H,W) */
    unsigned label_type, label_columns; /* columns 0: rank 1 */
    const char *prefix, *test, *label_rank, *suffix;
    unsigned zeros; /* behind the data */
    bool no_test;
} forms[] = {
    {"plain", U8, 3, 0, U8, 0, "", "t10k", "1-ubyte", "", 0, 0},
    {"int8", S8, 3, 0, U8, 0, "", "t10k", "1-ubyte", "", 0, 0},
    {"int16", S16, 3, 0, S16, 0, "", "t10k", "1-ubyte", "", 0, 0},
    {"int32", S32, 3, 0, S32, 0, "", "t10k", "1-ubyte", ".gz", 0, 0},
    {"float", F32, 3, 0, F32, 0, "", "t10k", "1-ubyte", "", 0, 0},
    {"double", F64, 3, 0, F64, 0, "", "t10k", "1-ubyte", "", 0, 0},
    {"channel", U8, 4, 0, U8, 0, "", "t10k", "1-ubyte", "", 0, 0},
    {"planes", U8, 4, 1, U8, 0, "", "t10k", "1-ubyte", "", 0, 0},
    {"rows", U8, 2, 0, U8, 0, "", "t10k", "1-ubyte", "", 0, 0},
    {"column", U8, 3, 0, U8, 1, "", "t10k", "1-ubyte", "", 0, 0},
    {"onehot", U8, 3, 0, U8, CLASSES, "", "t10k", "1-ubyte", "", 0, 0},
    {"onehot-float", U8, 3, 0, F32, CLASSES, "", "t10k", "1-ubyte", "", 0, 0},
    {"qmnist", U8, 3, 0, S32, 8, "qmnist-", "test", "2-int", ".gz", 0, 0},
    {"padded", U8, 3, 0, U8, 0, "", "t10k", "1-ubyte", "", 100, 0},
    {"no-test", U8, 3, 0, U8, 0, "", "t10k", "1-ubyte", "", 0, 1},
};

static void write_images(const struct form *form, const char *name, unsigned first, unsigned rows)
{
    const unsigned size[4] = {rows,
                              form->rank == 2 ? SIZE
                              : form->planes  ? 1
                                              : SIDE,
                              SIDE, form->planes ? SIDE : 1};
    gzFile file = create(form->set, name);
    put_header(file, form->type, form->rank, size);
    for (unsigned i = 0; i < rows * SIZE; i++) {
        int value = (int)pixel_of(first + i / SIZE, i % SIZE);
        put_value(file, form->type, form->type == S8 ? value - 128 : value, form->type >= F32);
    }
    for (unsigned i = 0; i < form->zeros; i++)
        gzputc(file, 0);
    finish(file);
}

static void write_labels(const struct form *form, const char *name, unsigned first, unsigned rows)
{
    unsigned columns = form->label_columns ? form->label_columns : 1;
    const unsigned size[2] = {rows, columns};
    gzFile file = create(form->set, name);
    put_header(file, form->label_type, form->label_columns ? 2 : 1, size);
    for (unsigned i = 0; i < rows * columns; i++) {
        unsigned label = label_of(first + i / columns), k = i % columns;
        bool hot = columns == CLASSES;
        put_value(file, form->label_type,
                  hot      ? label == k
                  : k == 0 ? (int)label
                           : (int)(i + k),
                  false);
    }
    finish(file);
}

static void write_idx(const struct form *form)
{
    char name[256];
    for (unsigned part = 0; part < (form->no_test ? 1 : 2); part++) {
        unsigned first = part * ROWS, rows = part ? TEST_ROWS : ROWS;
        const char *word = part ? form->test : "train";
        snprintf(name, sizeof name, "%s%s-images-idx3-ubyte%s", form->prefix, word, form->suffix);
        write_images(form, name, first, rows);
        snprintf(name, sizeof name, "%s%s-labels-idx%s%s", form->prefix, word, form->label_rank,
                 form->suffix);
        write_labels(form, name, first, rows);
    }
}

/* ---- CIFAR */

static size_t make_batch(uint8_t *to, unsigned first, unsigned labels)
{
    uint8_t *begin = to;
    for (unsigned row = first; row < first + BATCH; row++) {
        unsigned class = (row * 3 + row / 7) % 10;
        if (labels == 2)
            *to++ = (uint8_t)(class / 2);
        *to++ = (uint8_t) class;
        for (unsigned i = 0; i < 3 * C_SIZE; i++)
            *to++ = (uint8_t)colour_of(row, class, i / C_SIZE, i % C_SIZE / C_SIDE, i % C_SIDE);
    }
    return (size_t)(to - begin);
}

static void put_entry(gzFile tar, const char *name, char type, const uint8_t *bytes, size_t size)
{
    char header[512] = "", zeros[512] = "";
    unsigned sum = 0;
    snprintf(header, 100, "cifar-10-batches-bin/%s", name);
    snprintf(header + 100, 8, "%07o", 0644u);
    snprintf(header + 124, 12, "%011zo", size);
    memset(header + 148, ' ', 8);
    header[156] = type;
    memcpy(header + 257, "ustar", 5);
    for (size_t i = 0; i < sizeof header; i++)
        sum += (unsigned char)header[i];
    snprintf(header + 148, 8, "%06o", sum);
    put(tar, header, sizeof header);
    put(tar, bytes, size);
    put(tar, zeros, (512 - size % 512) % 512);
}

/* The batches of the archive are not in order, as in the published one. */
static void write_cifar_10(uint8_t *bytes)
{
    static const unsigned order[] = {1, 3, 4, 6, 5, 2};
    char name[64], zeros[1024] = "";
    gzFile tar = create("archive", "cifar-10-binary.tar.gz");
    put_entry(tar, "", '5', NULL, 0);
    put_entry(tar, "batches.meta.txt", '0', (const uint8_t *)"airplane\n", 9);
    for (unsigned i = 0; i < 6; i++) {
        size_t size = make_batch(bytes, order[i] * BATCH, 1);
        snprintf(name, sizeof name, order[i] == 6 ? "test_batch.bin" : "data_batch_%u.bin",
                 order[i]);
        gzFile file = create("cifar-10", name);
        put(file, bytes, size);
        finish(file);
        put_entry(tar, name, '0', bytes, size);
    }
    put(tar, zeros, sizeof zeros);
    finish(tar);
}

static void write_cifar_100(uint8_t *bytes)
{
    for (unsigned part = 0; part < 2; part++) {
        gzFile file = create("cifar-100", part ? "test.bin" : "train.bin");
        for (unsigned batch = part ? 6 : 1; batch <= (part ? 6u : 5u); batch++)
            put(file, bytes, make_batch(bytes, batch * BATCH, 2));
        finish(file);
    }
}

/* What must come out: (N,H,W,C). */
static void write_colour(uint8_t *bytes)
{
    for (unsigned part = 0; part < 2; part++) {
        const unsigned rows = part ? BATCH : 5 * BATCH, size[4] = {rows, C_SIDE, C_SIDE, 3};
        gzFile images =
            create("colour", part ? "t10k-images-idx3-ubyte" : "train-images-idx3-ubyte");
        gzFile labels =
            create("colour", part ? "t10k-labels-idx1-ubyte" : "train-labels-idx1-ubyte");
        put_header(images, U8, 4, size);
        put_header(labels, U8, 1, size);
        for (unsigned batch = part ? 6 : 1; batch <= (part ? 6u : 5u); batch++) {
            make_batch(bytes, batch * BATCH, 1);
            for (unsigned n = 0; n < BATCH; n++) {
                const uint8_t *record = bytes + n * (1 + 3 * C_SIZE);
                gzputc(labels, record[0]);
                for (unsigned i = 0; i < 3 * C_SIZE; i++)
                    gzputc(images, record[1 + i % 3 * C_SIZE + i / 3]);
            }
        }
        finish(images);
        finish(labels);
    }
}

/* ---- tables */

static void write_csv(const char *set, const char *name, unsigned first, unsigned rows, bool header,
                      bool last, bool fraction, const char *end)
{
    gzFile file = create(set, name);
    if (header && !last)
        gzprintf(file, "label,");
    for (unsigned i = 0; header && i < SIZE; i++)
        gzprintf(file, "%spixel%u", i ? "," : "", i);
    if (header)
        gzprintf(file, "%s%s", last ? ",\"label\"" : "", end);
    for (unsigned row = first; row < first + rows; row++) {
        if (!last)
            gzprintf(file, "%u,", label_of(row));
        for (unsigned i = 0; i < SIZE; i++) {
            if (fraction)
                gzprintf(file, "%s%.7f", i ? "," : "", pixel_of(row, i) / 255.0);
            else
                gzprintf(file, "%s%u", i ? "," : "", pixel_of(row, i));
        }
        if (last)
            gzprintf(file, ",%u", label_of(row));
        gzprintf(file, "%s", end);
    }
    finish(file);
}

static void write_tables(void)
{
    write_csv("kaggle", "train.csv", 0, ROWS, true, false, false, "\n");
    write_csv("kaggle", "test.csv", ROWS, TEST_ROWS, true, false, false, "\n");
    write_csv("csv-last", "set_train.csv.gz", 0, ROWS, false, true, false, "\n");
    write_csv("csv-last", "set_test.csv.gz", ROWS, TEST_ROWS, false, true, false, "\n");
    write_csv("csv-fractions", "train.csv", 0, ROWS, true, true, true, "\r\n");
    write_csv("csv-fractions", "test.csv", ROWS, TEST_ROWS, true, true, true, "\r\n");
}

int main(int argc, char **argv)
{
    uint8_t *bytes = malloc((size_t)BATCH * (2 + 3 * C_SIZE));
    if (argc != 2 || !bytes) {
        fprintf(stderr, "Usage: mkforms DIR\n");
        return 2;
    }
    directory = argv[1];
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        write_idx(&forms[i]);
    write_cifar_10(bytes);
    write_cifar_100(bytes);
    write_colour(bytes);
    write_tables();
    free(bytes);
    return 0;
}
