/* fuzz_imports.c -- the sources of `fm-fetch --from`. The first byte says what the rest is: a table
   of pixels, files or an archive of CIFAR, or a pair of IDX files, of which two more bytes give the
   length of the first. What is imported must be images of one shape with whole pixels; a reader
   that gives up has said why.

   Here are the functions that the readers call: of import-bytes.c, without gzip, of import.c,
   fetch-forms.c and import-sink.c. */
#include "fuzz.h"

#include <math.h>

#include "fetch/fm-fetch.h"
#include "fetch/import.h"
#include "program.h"

const char fuzz_target[] = "imports";

enum { CSV, CSV_SIZED, IDX, IDX_SIZED, ARCHIVE, CIFAR_10, CIFAR_100, FORMS }; /* CSV is '@' */

static struct {
    const uint8_t *bytes[2];
    size_t count[2];
    unsigned form;
    struct fmnn_shape shape;
    size_t images, sum;
} source;

/* ---- import-bytes.c */

struct bytes_in {
    const uint8_t *bytes;
    size_t count, at;
    char *path;
};

struct bytes_in *bytes_open(const char *path)
{
    struct bytes_in *in = xcalloc(1, sizeof *in);
    size_t which = strstr(path, "labels") != NULL;
    in->bytes = source.bytes[which];
    in->count = source.count[which];
    in->path = text_format("%s", path);
    return in;
}

void bytes_close(struct bytes_in *in)
{
    free(in->path);
    free(in);
}

const char *bytes_path(const struct bytes_in *in)
{
    return in->path;
}

size_t bytes_read(struct bytes_in *in, void *bytes, size_t size)
{
    size_t left = in->count - in->at, n = size < left ? size : left;
    if (n)
        memcpy(bytes, in->bytes + in->at, n);
    in->at += n;
    return n;
}

void bytes_need(struct bytes_in *in, void *bytes, size_t size)
{
    if (bytes_read(in, bytes, size) < size)
        die("%s: truncated: the file ends early", in->path);
}

int bytes_next(struct bytes_in *in)
{
    return in->at < in->count ? in->bytes[in->at++] : -1;
}

void bytes_rewind(struct bytes_in *in)
{
    in->at = 0;
}

const char *bytes_foreign(const unsigned char *bytes, size_t size)
{
    return size > 3 && !memcmp(bytes, "PK\3\4", 4) ? "a ZIP archive" : NULL;
}

/* ---- import.c: directories */

bool is_directory(const char *path)
{
    return !strcmp(path, "set");
}

char **list_directory(const char *path)
{
    static const char *const names[FORMS][7] = {
        [IDX] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
        [IDX_SIZED] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
        [CIFAR_10] = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                      "data_batch_4.bin", "data_batch_5.bin", "test_batch.bin"},
        [CIFAR_100] = {"test.bin", "train.bin"}};
    char **list = is_directory(path) ? xcalloc(8, sizeof *list) : NULL;
    for (size_t i = 0; list && i < 7 && names[source.form][i]; i++)
        list[i] = text_format("%s", names[source.form][i]);
    return list;
}

void free_list(char **list)
{
    for (char **name = list; name && *name; name++)
        free(*name);
    free(list);
}

/* ---- fetch-forms.c */

struct fmnn_names *names_beside(const char *directory, const char *set, unsigned first_label)
{
    HOLDS(directory && set && !first_label);
    return NULL;
}

/* ---- import-sink.c */

void import_begin(struct import *import, int part, struct fmnn_shape shape, const char *name)
{
    HOLDS(import && (part == IMPORT_TRAIN || part == IMPORT_TEST) && name);
    HOLDS((shape.channels == 1 || shape.channels == 3) && shape.height && shape.width);
}

void import_add(struct import *import, int part, struct fmnn_shape shape, const uint8_t *pixels,
                double label, const char *name)
{
    size_t size = shape.channels * shape.height * shape.width;
    HOLDS(import && (part == IMPORT_TRAIN || part == IMPORT_TEST) && name);
    if (isnan(label)) /* import-sink.c refuses it */
        die("%s: no label", name);
    HOLDS((shape.channels == 1 || shape.channels == 3) && size);
    if (source.images++ == 0)
        source.shape = shape;
    HOLDS(shape.channels == source.shape.channels && shape.height == source.shape.height &&
          shape.width == source.shape.width);
    for (size_t i = 0; i < size; i++)
        source.sum += pixels[i]; /* so that the sanitizer checks them */
}

static void read_source(void *context)
{
    static void (*const readers[FORMS])(struct import *) = {
        read_csv_source,   read_csv_source,   read_idx_source,  read_idx_source,
        read_cifar_source, read_cifar_source, read_cifar_source};
    static const char *const from[FORMS] = {"a.csv", "a.csv", "set", "set", "a.tar", "set", "set"};
    bool sized = source.form == CSV_SIZED || source.form == IDX_SIZED;
    struct import_settings settings = {.from = from[source.form],
                                       .directory = ".",
                                       .name = "mnist",
                                       .size = {.height = sized ? 2 : 0, .width = sized ? 3 : 0}};
    struct import import = {.settings = &settings};
    (void)context;
    readers[source.form](&import);
    fmnn_names_free(import.names);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static char said[1 << 12];
    memset(&source, 0, sizeof source);
    source.form = count ? (uint8_t)(bytes[0] - '@') % FORMS : 0;
    size_t at = count > 0, first = count;
    if ((source.form == IDX || source.form == IDX_SIZED) && count > 3) {
        at = 3;
        first = at + (bytes[1] << 8 | bytes[2]) % (count - 2);
    }
    source.bytes[0] = bytes + at;
    source.count[0] = first - at;
    source.bytes[1] = bytes + first;
    source.count[1] = count - first;
    fuzz_file((const uint8_t *)"", 0); /* no other file can be read */
    int status = fuzz_program(read_source, NULL, said, sizeof said);
    HOLDS(status == -1 || (status == EXIT_TROUBLE && said[0]));
    fuzz_accepted += status == -1 && source.images;
    fuzz_file_end(false);
    fuzz_program_end();
    return 0;
}

/* ---- mutations */

enum { RECORD = 512, CHECKSUM = 148 };

/* Gives the headers of an archive the checksums of their bytes. */
static void sign_archive(uint8_t *bytes, size_t count)
{
    for (size_t at = 1; at + RECORD <= count && bytes[at];) {
        uint8_t *p = bytes + at;
        unsigned sum = 8 * ' ', size = 0;
        for (size_t i = 0; i < RECORD; i++)
            sum += i >= CHECKSUM && i < CHECKSUM + 8 ? 0 : p[i];
        for (size_t i = 0; i < 6; i++)
            p[CHECKSUM + i] = (uint8_t)('0' + (sum >> (3 * (5 - i)) & 7));
        p[CHECKSUM + 6] = 0;
        for (size_t i = 124; i < 136 && p[i] >= '0' && p[i] <= '7'; i++)
            size = size << 3 | (p[i] & 7u);
        at += RECORD + ((size_t)size + RECORD - 1) / RECORD * RECORD;
    }
}

static const char *const fields[] = {"label", "pixel0", "0",   "1", "255",   "256", "-1", "0.5",
                                     "1e3",   "1e-400", "nan", "",  "\"7\"", " 3 ", ",",  "\n"};

/* A field of a table becomes another, or comes twice. */
static size_t mutate_table(uint8_t *bytes, size_t count, size_t max, uint64_t *state)
{
    size_t from = 1 + fuzz_below(state, count - 1), to = from;
    while (from > 1 && !strchr(",\n", bytes[from - 1]))
        from--;
    while (to < count && !strchr(",\n", bytes[to]))
        to++;
    const char *field = fields[fuzz_below(state, sizeof fields / sizeof *fields)];
    return fuzz_splice(bytes, count, max, from, to - from, field, strlen(field));
}

/* A byte of a header, where sizes, types and names are; at times it is one of another size. */
static size_t mutate_header(uint8_t *bytes, size_t count, uint64_t *state, size_t begin,
                            size_t length)
{
    size_t at = begin + fuzz_below(state, length);
    if (at < count && fuzz_below(state, 4))
        bytes[at] += fuzz_below(state, 2) ? 1 : 255;
    else if (at < count)
        bytes[at] = (uint8_t)fuzz_below(state, 256);
    return count;
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t count, size_t max, unsigned seed)
{
    uint64_t state = seed;
    unsigned form = count ? (uint8_t)(bytes[0] - '@') % FORMS : 0;
    if (count < 8 || fuzz_below(&state, 3) == 0)
        count = LLVMFuzzerMutate(bytes, count, max);
    else if (form == CSV || form == CSV_SIZED)
        count = mutate_table(bytes, count, max, &state);
    else if (form == IDX || form == IDX_SIZED)
        count = mutate_header(bytes, count, &state, 1, 20);
    else
        count = mutate_header(bytes, count, &state, 1, form == ARCHIVE ? 160 : 2);
    if (count && (uint8_t)(bytes[0] - '@') % FORMS == ARCHIVE && fuzz_below(&state, 16))
        sign_archive(bytes, count);
    return count;
}
