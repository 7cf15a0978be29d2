/* check_safetensors.c -- the container of weights files: good files are read back, bad ones
   refused. */
#include "base/internal.h"

#include <check.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <xxhash.h>

#include "runner.h"
#include "files/safetensors.h"
#include "scratch.h"

/* ---- writing ---- */

static const float weights[6] = {1, -2.5f, 3e-38f, -0.0f, 1e30f, 7};
static const float bias[3] = {0.5f, 0.25f, 0.125f};
static const uint64_t state[2] = {UINT64_C(0x0123456789abcdef), UINT64_MAX};
static const struct fm_tensor entries[] = {
    {.name = "0.weight", .dtype = FM_F32, .rank = 2, .size = {3, 2}, .data = weights},
    {.name = "0.bias", .dtype = FM_F32, .rank = 1, .size = {3}, .data = bias},
    {.name = "state", .dtype = FM_U64, .rank = 1, .size = {2}, .data = state},
    {.name = "nothing \"\\/\u00e9", .dtype = FM_F32, .rank = 3, .size = {4, 0, 4}},
    {.name = "one", .dtype = FM_F32, .data = bias},
};
static const struct fm_metadata pairs[] = {{"fmnn.version", "1.0"},
                                           {"fmnn.classes", "[\"T-shirt/top\",\"b\"]"},
                                           {"zz", "tab\tline\nquote\" \\ \u00e9 \x01"}};

static void write_good(const char *name)
{
    struct fmnn_error err;
    FILE *stream = fopen(name, "wb");
    ck_assert_ptr_nonnull(stream);
    ck_assert_msg(
        fm_safetensors_write(stream, pairs, FM_COUNT(pairs), entries, FM_COUNT(entries), &err) == 0,
        "%s", err.message);
    ck_assert_int_eq(fclose(stream), 0);
}

static uint8_t file[FM_MAX_HEADER + (1 << 20)];
static size_t used;

static void load_file(const char *name)
{
    FILE *stream = fopen(name, "rb");
    ck_assert_ptr_nonnull(stream);
    used = fread(file, 1, sizeof file, stream);
    fclose(stream);
}

static void check_good(struct fm_safetensors *got)
{
    ck_assert_str_eq(fm_safetensors_text(got, "format"), "fmnn");
    ck_assert_uint_eq(strlen(fm_safetensors_text(got, "fmnn.xxh128")), 32);
    for (size_t i = 0; i < FM_COUNT(pairs); i++)
        ck_assert_str_eq(fm_safetensors_text(got, pairs[i].key), pairs[i].value);
    ck_assert_ptr_null(fm_safetensors_text(got, "fmnn."));
    ck_assert_str_eq(fm_safetensors_at(got, 0)->name, "state");
    ck_assert_ptr_null(fm_safetensors_at(got, FM_COUNT(entries)));
    ck_assert_ptr_null(fm_safetensors_find(got, "1.bias"));
    ck_assert_ptr_null(fm_safetensors_find(got, "__metadata__"));
    ck_assert_uint_eq((uintptr_t)fm_safetensors_at(got, 0)->data % 64, 0);
    for (size_t i = 0; i < FM_COUNT(entries); i++) {
        const struct fm_tensor *entry = fm_safetensors_find(got, entries[i].name);
        ck_assert_ptr_nonnull(entry);
        ck_assert_str_eq(entry->name, entries[i].name);
        ck_assert_int_eq(entry->dtype, entries[i].dtype);
        ck_assert_uint_eq(entry->rank, entries[i].rank);
        ck_assert_int_eq(memcmp(entry->size, entries[i].size, sizeof entry->size), 0);
        if (entry->bytes)
            ck_assert_int_eq(memcmp(entry->data, entries[i].data, entry->bytes), 0);
    }
}

START_TEST(round_trip)
{
    struct fmnn_error err;
    write_good("good");
    struct fm_safetensors *got = fm_safetensors_read("good", &err);
    ck_assert_msg(got != NULL, "%s", err.message);
    ck_assert_str_eq(fm_safetensors_name(got), "good");
    check_good(got);
    fm_safetensors_free(got);
    fm_safetensors_free(NULL);
}
END_TEST

/* The format promises these very bytes. */
START_TEST(canonical_bytes)
{
    static const char wanted[] =
        "{\"__metadata__\":{\"fmnn.classes\":\"[\\\"T-shirt/top\\\",\\\"b\\\"]\","
        "\"fmnn.version\":\"1.0\",\"fmnn.xxh128\":\"DIGEST\",\"format\":\"fmnn\","
        "\"zz\":\"tab\\tline\\nquote\\\" \\\\ \u00e9 \\u0001\"},"
        "\"state\":{\"dtype\":\"U64\",\"shape\":[2],\"data_offsets\":[0,16]},"
        "\"0.weight\":{\"dtype\":\"F32\",\"shape\":[3,2],\"data_offsets\":[16,40]},"
        "\"0.bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[40,52]},"
        "\"nothing "
        "\\\"\\\\/\u00e9\":{\"dtype\":\"F32\",\"shape\":[4,0,4],\"data_offsets\":[52,52]},"
        "\"one\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[52,56]}}";
    write_good("good");
    load_file("good");
    size_t header = file[0] + 256u * file[1];
    ck_assert_uint_eq((8 + header) % 64, 0);
    ck_assert_uint_eq(used, 8 + header + 56);
    const char *place = strstr(wanted, "DIGEST");
    size_t before = (size_t)(place - wanted), after = strlen(place + 6);
    ck_assert_int_eq(memcmp(file + 8, wanted, before), 0);
    ck_assert_int_eq(memcmp(file + 8 + before + 32, place + 6, after), 0);
    for (size_t i = 8 + before + 32 + after; i < 8 + header; i++)
        ck_assert_int_eq(file[i], ' ');
    static const uint8_t little[8] = {0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x01};
    ck_assert_int_eq(memcmp(file + 8 + header, little, 8), 0);
    static const uint8_t minus[4] = {0, 0, 0x20, 0xc0}; /* -2.5 */
    ck_assert_int_eq(memcmp(file + 8 + header + 20, minus, 4), 0);
}
END_TEST

static struct fm_safetensors *read_from_pipe(const void *bytes, size_t count,
                                             struct fmnn_error *err)
{
    int ends[2], kept = dup(STDIN_FILENO);
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        const uint8_t *p = bytes;
        close(ends[0]);
        while (count) {
            ssize_t n = write(ends[1], p, count < 1000 ? count : 1000);
            if (n < 0)
                _exit(1);
            p += n;
            count -= (size_t)n;
        }
        _exit(0);
    }
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    struct fm_safetensors *got = fm_safetensors_read("-", err);
    if (kept >= 0)
        dup2(kept, STDIN_FILENO);
    waitpid(child, NULL, 0);
    return got;
}

START_TEST(reading_from_pipe)
{
    struct fmnn_error err;
    write_good("good");
    load_file("good");
    struct fm_safetensors *got = read_from_pipe(file, used, &err);
    ck_assert_msg(got != NULL, "%s", err.message);
    ck_assert_str_eq(fm_safetensors_name(got), "standard input");
    check_good(got);
    fm_safetensors_free(got);
    for (size_t cut = 0; cut < used; cut += if_quick(211, 7))
        ck_assert_ptr_null(read_from_pipe(file, cut, &err));
    check_message("pipe", &err, "standard input: ", "truncated: ");
    ck_assert_ptr_null(read_from_pipe(file, used + 1, &err));
    check_message("pipe", &err, "standard input: ", "too long");
}
END_TEST

/* Larger than the first buffer for a pipe; also read from the middle of a file. */
START_TEST(large_file)
{
    enum { SIZE = 900001 };
    float *values = malloc(SIZE * sizeof *values);
    ck_assert_ptr_nonnull(values);
    for (int i = 0; i < SIZE; i++)
        values[i] = (float)i * 0.25f;
    struct fm_tensor entry = {
        .name = "w", .dtype = FM_F32, .rank = 1, .size = {SIZE}, .data = values};
    FILE *stream = fopen("large", "wb");
    ck_assert(stream && fputc('x', stream) == 'x');
    ck_assert_int_eq(fm_safetensors_write(stream, NULL, 0, &entry, 1, NULL), 0);
    ck_assert_int_eq(fclose(stream), 0);
    load_file("large");
    struct fmnn_error err;
    struct fm_safetensors *got = read_from_pipe(file + 1, used - 1, &err);
    ck_assert_msg(got != NULL, "%s", err.message);
    ck_assert_int_eq(memcmp(fm_safetensors_find(got, "w")->data, values, sizeof(float) * SIZE), 0);
    fm_safetensors_free(got);
    int fd = open("large", O_RDONLY);
    ck_assert_int_eq(lseek(fd, 1, SEEK_SET), 1);
    ck_assert_int_eq(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    got = fm_safetensors_read("-", &err);
    ck_assert_msg(got != NULL, "%s", err.message);
    fm_safetensors_free(got);
    close(fd);
    free(values);
}
END_TEST

/* Tensors that are written and read in pieces, through callbacks. */
enum { PIECE_ROWS = 53, PIECE_ROW = 99991 }; /* 20 MB: several pieces */

static float element(size_t i)
{
    return (float)(i * 2654435761u >> 7 & 0xffffff);
}

static void give_elements(const struct fm_tensor *entry, size_t row, size_t rows, float *values)
{
    size_t first = *(const size_t *)entry->giver, width = entry->rank ? PIECE_ROW : 1;
    for (size_t i = 0; i < rows * width; i++)
        values[i] = element(first + row * width + i);
}

struct taken {
    size_t rows, pieces;
    bool refuse;
};

static int take_elements(void *to, const struct fm_tensor *entry, size_t row, size_t rows,
                         const float *values, struct fmnn_error *err)
{
    struct taken *taken = to;
    if (taken->refuse)
        return fm_fail(err, FMNN_DATA, "not that one");
    if (entry->rank == 0) {
        ck_assert(row == 0 && rows == 1 && values[0] == element(7));
        return 0;
    }
    ck_assert_uint_eq(row, taken->rows);
    size_t wrong = 0; /* one assertion for all, because Check sends a message for each */
    for (size_t i = 0; i < rows * PIECE_ROW; i++)
        wrong += values[i] != element(row * PIECE_ROW + i);
    ck_assert_uint_eq(wrong, 0);
    taken->rows += rows;
    taken->pieces++;
    return 0;
}

START_TEST(tensors_in_pieces)
{
    static const size_t none = 0, seven = 7;
    float *values = malloc(sizeof(float) * PIECE_ROWS * PIECE_ROW), one = element(7);
    ck_assert_ptr_nonnull(values);
    for (size_t i = 0; i < (size_t)PIECE_ROWS * PIECE_ROW; i++)
        values[i] = element(i);
    struct fm_tensor held[] = {
        {.name = "w", .rank = 2, .size = {PIECE_ROWS, PIECE_ROW}},
        {.name = "n", .dtype = FM_U64, .rank = 1, .size = {2}, .data = state},
        {.name = "o"}};
    struct fm_tensor given[3];
    memcpy(given, held, sizeof held);
    held[0].data = values;
    held[2].data = &one;
    given[0].give = given[2].give = give_elements;
    given[0].giver = &none;
    given[2].giver = &seven;
    for (int way = 0; way < 2; way++) {
        FILE *stream = fopen(way ? "given" : "held", "wb");
        ck_assert_ptr_nonnull(stream);
        ck_assert_int_eq(
            fm_safetensors_write(stream, NULL, 0, way ? given : held, FM_COUNT(held), NULL), 0);
        ck_assert_int_eq(fclose(stream), 0);
    }
    ck_assert_int_eq(system("cmp held given"), 0);
    struct fmnn_error err = {0};
    struct taken taken = {0};
    struct fm_safetensors *got = fm_safetensors_open("given", &err);
    ck_assert_msg(got != NULL, "%s", err.message);
    ck_assert_int_eq(fm_safetensors_load(got, take_elements, &taken, &err), 0);
    ck_assert_uint_eq(taken.rows, PIECE_ROWS);
    ck_assert_uint_gt(taken.pieces, 2);
    ck_assert_int_eq(memcmp(fm_safetensors_find(got, "n")->data, state, sizeof state), 0);
    ck_assert_ptr_null(fm_safetensors_find(got, "w")->data);
    fm_safetensors_free(got);
    got = fm_safetensors_open("given", &err);
    ck_assert_int_eq(fm_safetensors_load(got, take_elements, &(struct taken){.refuse = true}, &err),
                     -1);
    ck_assert_str_eq(err.message, "not that one");
    fm_safetensors_free(got);
    free(values);
}
END_TEST

/* A row longer than a piece, no rows, and rows of length 0. */
enum { WIDE = (8 << 20) / 4 + 5 };

static void give_rows(const struct fm_tensor *entry, size_t row, size_t rows, float *values)
{
    for (size_t i = 0; i < rows * entry->size[1]; i++)
        values[i] = element(row * entry->size[1] + i);
}

static int take_rows(void *to, const struct fm_tensor *entry, size_t row, size_t rows,
                     const float *values, struct fmnn_error *err)
{
    size_t *taken = to, wrong = 0;
    (void)err;
    for (size_t i = 0; i < rows * entry->size[1]; i++)
        wrong += values[i] != element(row * entry->size[1] + i);
    ck_assert_uint_eq(wrong, 0);
    if (strcmp(entry->name, "wide") == 0)
        ck_assert_uint_eq(rows, 1);
    *taken += rows;
    return 0;
}

START_TEST(rows_of_any_length)
{
    struct fm_tensor entry[] = {{.name = "columns", .rank = 2, .size = {0, 3}, .give = give_rows},
                                {.name = "rows", .rank = 2, .size = {3, 0}, .give = give_rows},
                                {.name = "wide", .rank = 2, .size = {2, WIDE}, .give = give_rows}};
    struct fmnn_error err = {0};
    size_t taken = 0;
    FILE *stream = fopen("wide", "wb");
    ck_assert_ptr_nonnull(stream);
    ck_assert_int_eq(fm_safetensors_write(stream, NULL, 0, entry, FM_COUNT(entry), &err), 0);
    ck_assert_int_eq(fclose(stream), 0);
    struct fm_safetensors *got = fm_safetensors_open("wide", &err);
    ck_assert_msg(got != NULL, "%s", err.message);
    ck_assert_int_eq(fm_safetensors_load(got, take_rows, &taken, &err), 0);
    ck_assert_uint_eq(taken, 2 + 3);
    fm_safetensors_free(got);
}
END_TEST

START_TEST(many_tensors)
{
    enum { COUNT = 10000 };
    static struct fm_tensor all[COUNT];
    static char names[COUNT][16];
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "t%d", i);
        all[i] = (struct fm_tensor){.name = names[i], .dtype = FM_F32, .data = bias};
    }
    FILE *stream = fopen("many", "wb");
    ck_assert_ptr_nonnull(stream);
    ck_assert_int_eq(fm_safetensors_write(stream, NULL, 0, all, COUNT, NULL), 0);
    ck_assert_int_eq(fclose(stream), 0);
    struct fm_safetensors *got = fm_safetensors_read("many", NULL);
    ck_assert_ptr_nonnull(got);
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert_str_eq(fm_safetensors_at(got, i)->name, names[i]);
        ck_assert_ptr_eq(fm_safetensors_find(got, names[i]), fm_safetensors_at(got, i));
    }
    fm_safetensors_free(got);
}
END_TEST

static void write_refused(const struct fm_metadata *pair, const struct fm_tensor *entry,
                          size_t count, const char *fragment)
{
    struct fmnn_error err;
    FILE *stream = tmpfile();
    ck_assert_ptr_nonnull(stream);
    ck_assert_int_eq(fm_safetensors_write(stream, pair, pair ? 1 : 0, entry, count, &err), -1);
    ck_assert_msg(strstr(err.message, fragment) != NULL, "%s", err.message);
    ck_assert_int_eq(err.status, FMNN_USAGE);
    ck_assert_int_eq(ftell(stream), 0);
    fclose(stream);
}

START_TEST(invalid_tensors_not_written)
{
    static char long_name[FM_MAX_NAME + 2], huge[FM_MAX_HEADER];
    memset(long_name, 'n', FM_MAX_NAME + 1);
    memset(huge, 'h', sizeof huge - 1);
    struct fm_tensor bad[2] = {entries[0], entries[0]};
    write_refused(NULL, bad, 2, "given twice");
    bad[0].name = "";
    write_refused(NULL, bad, 1, "empty name");
    bad[0].name = long_name;
    write_refused(NULL, bad, 1, "too long");
    bad[0].name = "__metadata__";
    write_refused(NULL, bad, 1, "given twice");
    bad[0].name = "\xff";
    write_refused(NULL, bad, 1, "not UTF-8");
    bad[0] = entries[0];
    bad[0].rank = 9;
    write_refused(NULL, bad, 1, "too large");
    bad[0].rank = 2;
    bad[0].size[0] = bad[0].size[1] = (size_t)1 << (4 * sizeof(size_t) - 1);
    write_refused(NULL, bad, 1, "too large");
    write_refused(NULL, bad, FM_MAX_TENSORS + 1, "too many tensors");
    write_refused(&(struct fm_metadata){"format", "x"}, NULL, 0, "'format' given twice");
    write_refused(&(struct fm_metadata){"fmnn.xxh128", "x"}, NULL, 0, "given twice");
    write_refused(&(struct fm_metadata){"k", "\xc3"}, NULL, 0, "not UTF-8");
    write_refused(&(struct fm_metadata){"\xc3", "k"}, NULL, 0, "not UTF-8");
    struct fm_tensor big[3] = {entries[0], entries[0], entries[0]};
    static const char *const names[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++) { /* each alone is possible, but not all together */
        big[i].name = names[i];
        big[i].rank = 1;
        big[i].size[0] = (size_t)INT64_MAX / 2 / 4;
    }
    write_refused(NULL, big, 3, "too large");
    write_refused(&(struct fm_metadata){"k", huge}, NULL, 0,
                  "the header of the weights file would have");
    FILE *full = fopen("/dev/full", "wb");
    struct fmnn_error err;
    if (full) {
        setvbuf(full, NULL, _IONBF, 0);
        ck_assert_int_eq(fm_safetensors_write(full, NULL, 0, entries, 1, &err), -1);
        ck_assert_ptr_nonnull(strstr(err.message, "cannot write the weights: No space"));
        fclose(full);
    }
}
END_TEST

/* ---- reading files made by hand ---- */

#define ZEROS "00000000000000000000000000000000"
#define DIGEST "\"fmnn.xxh128\":\"" ZEROS "\""
#define META "\"__metadata__\":{\"format\":\"fmnn\"," DIGEST "}"
#define T(name, dtype, shape, begin, end)                                                          \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end   \
    "]}"
#define A T("a", "F32", "[2]", "0", "8")

/* Inserts the correct digest if the file has a place for it. */
static void seal(uint8_t *bytes, size_t count)
{
    uint8_t *place = NULL;
    for (size_t i = 0; !place && i + sizeof DIGEST <= count; i++)
        if (memcmp(bytes + i, DIGEST, sizeof DIGEST - 1) == 0)
            place = bytes + i + sizeof DIGEST - 2 - 32;
    if (!place)
        return;
    XXH128_canonical_t digest;
    char digits[33];
    XXH128_canonicalFromHash(&digest, XXH3_128bits(bytes, count));
    for (size_t i = 0; i < 16; i++)
        snprintf(digits + 2 * i, 3, "%02x", digest.digest[i]);
    memcpy(place, digits, 32);
}

static void put_header(size_t length, const char *header, size_t header_bytes, size_t data_bytes)
{
    memset(file, 0, 8 + header_bytes + data_bytes);
    for (unsigned i = 0; i < 8; i++)
        file[i] = (uint8_t)((uint64_t)length >> 8 * i);
    memcpy(file + 8, header, header_bytes);
    used = 8 + header_bytes + data_bytes;
    seal(file, used);
    put_file("hand", file, used);
}

static void refused(const char *what, const char *fragment)
{
    struct fmnn_error err = {0};
    struct fm_safetensors *got = fm_safetensors_read("hand", &err);
    ck_assert_msg(!got, "%s: accepted", what);
    check_message(what, &err, "hand: ", fragment);
    ck_assert_ptr_null(fm_safetensors_read("hand", NULL));
}

static const struct {
    const char *header;
    size_t data;
} goods[] = {
    {"{" META "}", 0},
    {"{" META "," A "}", 8},
    {"{" A "," META "}", 8},
    {"{" META "," A "}          ", 8},
    {"{ \n\t" META "\r , " A " }", 8},
    {"{" META "," T("b", "U64", "[1,1]", "8", "16") "," A "}", 16},
    {"{" META "," T("s", "F32", "[]", "0", "4") "}", 4},
    {"{" META "," T("e", "F32", "[0]", "8", "8") "," A "}", 8},
#if SIZE_MAX > UINT32_MAX
    {"{" META "," T("e", "F32", "[0,9000000000000000]", "0", "0") "," A "}", 8},
#endif
    {"{" META "," T("e", "F32", "[1,1,1,1,1,1,1,2]", "0", "8") "}", 8},
    {"{" META "," T("\\u00e9\\n\\\"", "F32", "[2]", "0", "8") "}", 8},
    {"{\"__metadata__\":{" DIGEST ",\"\":\"\",\"format\":\"fmnn\"}," A "}", 8},
    {"{\"\\u005f_metadata__\":{\"format\":\"fmnn\"," DIGEST "}}", 0},
};

START_TEST(good_by_hand)
{
    struct fmnn_error err;
    put_header(strlen(goods[_i].header), goods[_i].header, strlen(goods[_i].header),
               goods[_i].data);
    struct fm_safetensors *got = fm_safetensors_read("hand", &err);
    ck_assert_msg(got != NULL, "%s: %s", goods[_i].header, err.message);
    fm_safetensors_free(got);
}
END_TEST

static const struct {
    const char *header, *fragment;
    size_t data;
} bads[] = {
    /* the text */
    {"", "does not begin with '{'", 0},
    {" {" META "}", "does not begin with '{'", 0},
    {"[]", "does not begin with '{'", 0},
    {"{" META "}\n", "does not end with '}' and spaces", 0},
    {"{" META "}\t ", "does not end with '}' and spaces", 0},
    {"{" META "}x", "does not end with '}' and spaces", 0},
    {"{" META "}{}", "damaged header: ", 0},
    {"{" META "} }", "has an unmatched bracket", 0},
    {"{" META, "damaged header: ", 0},
    {"{" META ",}", "damaged header: ", 0},
    {"{", "does not end with '}'", 0},
    {"{'a':1}", "is not JSON of strings and numbers", 0},
    {"{\"a\":null}", "is not JSON", 0},
    {"{\"a\":true}", "is not JSON", 0},
    {"{\"a\":NaN}", "is not JSON", 0},
    {"{/**/" META "}", "is not JSON", 0},
    {"{" META ",\"a\":[[[[1]]]]}", "is nested too deeply", 0},
    {"{" META ",\"\xff\":{}}", "damaged header: ", 0},
    {"{" META ",\"\xc0\xaf\":{}}", "damaged header: ", 0},
    {"{" META ",\"\xed\xa0\x80\":{}}", "damaged header: ", 0},
    {"{" META ",\"\\ud800\":{}}", "damaged header: ", 0},
    {"{" META "," T("a\\u0000b", "F32", "[2]", "0", "8") "}", "damaged header: ", 8},
    {"{" META "," T("a\nb", "F32", "[2]", "0", "8") "}", "damaged header: ", 8},
    /* the metadata */
    {"{}", "not written by fmnn (no fmnn. metadata)", 0},
    {"{" A "}", "not written by fmnn", 8},
    {"{\"__metadata__\":{\"format\":\"pt\"}," A "}", "not written by fmnn", 8},
    {"{\"__metadata__\":[\"format\"]}", "not written by fmnn", 0},
    {"{\"__metadata__\":{\"format\":1}}", "not written by fmnn", 0},
    {"{\"__metadata__\":{\"format\":\"fmnn\"}}", "it has no checksum", 0},
    {"{\"__metadata__\":{\"format\":\"fmnn\",\"x\":1," DIGEST "}}", "'x' is not a string", 0},
    {"{\"__metadata__\":{\"format\":\"fmnn\",\"x\":{}," DIGEST "}}", "'x' is not a string", 0},
    {"{\"__metadata__\":{\"format\":\"fmnn\",\"fmnn.xxh128\":\"0\"}}", "its checksum is malformed",
     0},
    {"{\"__metadata__\":{\"format\":\"fmnn\",\"fmnn.xxh128\":\"G" ZEROS "\"}}", "is malformed", 0},
    {"{\"__metadata__\":{\"format\":\"fmnn\",\"fmnn.xxh128\": \"" ZEROS "\"}}", "no checksum", 0},
    {"{\"__metadata__\":{\"format\":\"fmnn\",\"fmnn.xxh128\":\"0123456789abcdef0123456789abcdef\"}"
     "}",
     "damaged: checksum ", 0},
    {"{" META ",\"b\\\"fmnn.xxh128\":\"x\"}", "tensor 'b\"fmnn.xxh128': not an object", 0},
    /* duplicates */
    {"{" META "," A "," A "}", "damaged header: duplicate object key", 8},
    {"{" META "," A "," T("\\u0061", "F32", "[2]", "0", "8") "}", "duplicate object key", 8},
    {"{" META "," T("e", "F32", "[0]", "0", "0") "," T("e", "F32", "[0]", "0", "0") "}",
     "duplicate object key", 0},
    {"{" META ",\"__metadata__\":{}}", "duplicate object key", 0},
    {"{\"__metadata__\":{\"format\":\"fmnn\",\"format\":\"fmnn\"," DIGEST "}}",
     "duplicate object key", 0},
    {"{" META ",\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
     "duplicate object key", 8},
    /* the members of a tensor */
    {"{" META ",\"a\":1}", "tensor 'a': not an object", 0},
    {"{" META ",\"a\":\"F32\"}", "tensor 'a': not an object", 0},
    {"{" META ",\"a\":[]}", "tensor 'a': not an object", 0},
    {"{" META ",\"a\":[1]}", "tensor 'a': not an object", 0},
    {"{" META ",\"a\":{}}", "tensor 'a': no dtype", 0},
    {"{" META ",\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", "no dtype", 8},
    {"{" META ",\"a\":{\"dtype\":7,\"shape\":[2],\"data_offsets\":[0,8]}}", "no dtype", 8},
    {"{" META ",\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", "no shape", 8},
    {"{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":2,\"data_offsets\":[0,8]}}", "no shape", 8},
    {"{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":{},\"data_offsets\":[0,8]}}", "no shape", 8},
    {"{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", "no pair of data_offsets", 8},
    {"{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0]}}", "no pair of data_",
     8},
    {"{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8,8]}}",
     "no pair of data_", 8},
    {"{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,\"8\"]}}",
     "no pair of data_", 8},
    {"{" META ",\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":[]}}",
     "unknown members", 8},
    {"{" META "," T("", "F32", "[2]", "0", "8") "}", "a tensor's name has 0 bytes", 8},
    {"{" META "," T("a", "F16", "[4]", "0", "8") "}", "unsupported dtype F16", 8},
    {"{" META "," T("a", "BF16", "[4]", "0", "8") "}", "unsupported dtype BF16", 8},
    {"{" META "," T("a", "F64", "[1]", "0", "8") "}", "unsupported dtype F64", 8},
    {"{" META "," T("a", "f32", "[2]", "0", "8") "}", "unsupported dtype f32", 8},
    {"{" META "," T("a", "", "[2]", "0", "8") "}", "unsupported dtype ", 8},
    {"{" META "," T("a", "F32", "[1,1,1,1,1,1,1,1,2]", "0", "8") "}", "more than 8 sizes", 8},
    {"{" META "," T("a", "F32", "[\"2\"]", "0", "8") "}", "a size in its shape", 8},
    /* numbers */
    {"{" META "," T("a", "F32", "[2.0]", "0", "8") "}", "other than strings and whole", 8},
    {"{" META "," T("a", "F32", "[2e0]", "0", "8") "}", "other than strings and whole", 8},
    {"{" META "," T("a", "F32", "[-2]", "0", "8") "}", "other than strings and whole", 8},
    {"{" META "," T("a", "F32", "[2]", "-0", "8") "}", "other than strings and whole", 8},
    {"{" META "," T("a", "F32", "[+2]", "0", "8") "}", "other than strings and whole", 8},
    {"{" META "," T("a", "F32", "[02]", "0", "8") "}", "damaged header: ", 8},
    {"{" META "," T("a", "F32", "[0x2]", "0", "8") "}", "is not JSON", 8},
    {"{" META "," T("a", "F32", "[9223372036854775808]", "0", "8") "}", "damaged header: ", 8},
    {"{" META "," T("a", "F32", "[18446744073709551618]", "0", "8") "}", "damaged header: ", 8},
    {"{" META "," T("a", "F32", "[4294967296,4294967296]", "0", "0") "}", "shape is too large", 0},
    {"{" META "," T("a", "F32", "[4611686018427387904]", "0", "0") "}", "shape is too large", 0},
    {"{" META "," T("a", "F32", "[4611686018427387904,4,0]", "0", "0") "}", "shape is too large",
     0},
    {"{" META "," T("a", "U64", "[2305843009213693952,8]", "0", "0") "}", "shape is too large", 0},
    /* offsets */
    {"{" META "," T("a", "F32", "[2]", "0", "4") "}", "do not agree with its shape", 4},
    {"{" META "," T("a", "F32", "[2]", "0", "12") "}", "do not agree with its shape", 12},
    {"{" META "," T("a", "F32", "[2]", "8", "0") "}", "do not agree with its shape", 8},
    {"{" META "," T("a", "F32", "[0]", "0", "8") "}", "do not agree with its shape", 8},
    {"{" META "," T("a", "F32", "[2]", "4", "12") "}", "a gap before its data", 12},
    {"{" META "," A "," T("b", "F32", "[1]", "12", "16") "}", "tensor 'b': a gap before its data",
     16},
    {"{" META "," A "," T("b", "F32", "[1]", "4", "8") "}", "tensor 'b': its data overlap", 8},
    {"{" META "," A "," T("b", "F32", "[2]", "0", "8") "}", "tensor 'b': its data overlap", 8},
    {"{" META "," A "," T("b", "F32", "[1]", "0", "4") "}", "tensor 'a': its data overlap", 8},
    {"{" META "," T("b", "F32", "[1]", "0", "4") "," A "}", "tensor 'a': its data overlap", 8},
    {"{" META "," A "," T("b", "F32", "[0]", "4", "4") "}", "tensor 'b': its data overlap", 8},
    {"{" META "," A "," T("b", "F32", "[0]", "12", "12") "}", "tensor 'b': a gap", 8},
    {"{" META "," T("a", "F32", "[1]", "0", "4") "," T("b", "U64", "[1]", "4", "12") "}",
     "tensor 'b': its data are not aligned", 12},
    {"{" META "," A "}", "truncated: 7 bytes of tensors, but its header announces 8", 7},
    {"{" META "," A "}", "truncated: 0 bytes of tensors", 0},
    {"{" META "," A "}", "too long: data follow the 8 bytes", 9},
    {"{" META "}", "too long: data follow the 0 bytes", 1},
    {"{" META "," T("a", "F32", "[1152921504606846975]", "0", "4611686018427387900") "," T(
         "b", "F32", "[1]", "4611686018427387900", "4611686018427387904") "}",
     SIZE_MAX > UINT32_MAX ? "its tensors are too large" : "its shape is too large", 0},
    {"{" META "," T("a", "F32", "[2]", "\"0\"", "8") "}", "no pair of data_", 8},
    {"{\"__metadata__\":{\"format\":\"fmnn\",\"k\":7," DIGEST "}}", "is not a string", 0},
    {"{" META "," T("a", "F32", "[1000000000000]", "0", "4000000000000") "}",
     SIZE_MAX > UINT32_MAX ? "truncated: 8 bytes" : "its shape is too large", 8},
};

START_TEST(bad_by_hand)
{
    put_header(strlen(bads[_i].header), bads[_i].header, strlen(bads[_i].header), bads[_i].data);
    refused(bads[_i].header, bads[_i].fragment);
}
END_TEST

START_TEST(bad_lengths)
{
    static const char header[] = "{" META "," A "}";
    const size_t length = sizeof header - 1;
    put_header(length + 8 + 1, header, length, 8);
    refused("N beyond the end", "truncated: it ends inside its header");
    put_header(length + 8, header, length, 8);
    refused("N to the end", "does not end with '}'");
    put_header(length - 1, header, length, 8);
    refused("N one less", "damaged header");
    put_header(FM_MAX_HEADER, header, length, 8);
    refused("N at the limit", "truncated: it ends inside its header");
    put_header(FM_MAX_HEADER + 1, header, length, 8);
    refused("N above the limit", "its header would have 4194305 bytes; the maximum is 4194304");
    put_header(SIZE_MAX, header, length, 8);
    refused("N of ones", "not a weights file: its header would have ");
    put_header(SIZE_MAX - 7, header, length, 8);
    refused("8 + N is 0", "not a weights file: its header would have ");
    put_file("hand", "", 0);
    refused("empty", "empty, not a weights file");
    put_file("hand", "\1\0\0\0\0\0\0", 7);
    refused("7 bytes", "truncated");
    put_file("hand", "image\tlabel\tsplit\n", 18);
    refused("a table", "not a weights file");
    put_file("hand", "\0\0\10\3\0\0\352\140\0\0\0\34\0\0\0\34", 16);
    refused("an IDX file", "not a weights file");
}
END_TEST

/* A header of maximum length, 200,000 brackets, names of 255 and 256 bytes, 65,537 tensors. */
START_TEST(limits)
{
    static char text[FM_MAX_HEADER + 1];
    static const char good[] = "{" META "," A "}";
    memset(text, ' ', FM_MAX_HEADER);
    memcpy(text, good, sizeof good - 1);
    put_header(FM_MAX_HEADER, text, FM_MAX_HEADER, 8);
    struct fm_safetensors *got = fm_safetensors_read("hand", NULL);
    ck_assert_ptr_nonnull(got);
    fm_safetensors_free(got);

    memset(text, '[', FM_MAX_HEADER);
    memcpy(text, "{\"a\":", 5);
    text[200000] = '}';
    put_header(200001, text, 200001, 0);
    refused("brackets", "is nested too deeply");

    for (size_t length = FM_MAX_NAME; length <= FM_MAX_NAME + 1; length++) {
        char name[FM_MAX_NAME + 2] = "";
        memset(name, 'n', length);
        int bytes =
            snprintf(text, sizeof text, "{" META "," T("%s", "F32", "[2]", "0", "8") "}", name);
        put_header((size_t)bytes, text, (size_t)bytes, 8);
        if (length > FM_MAX_NAME)
            refused("a long name", "a tensor's name has 256 bytes; expected 1 to 255");
        got = fm_safetensors_read("hand", NULL);
        ck_assert_int_eq(got != NULL, length == FM_MAX_NAME);
        fm_safetensors_free(got);
    }

    static char crowd[(size_t)4 << 20];
    char *q = crowd + sprintf(crowd, "{" META);
    for (int i = 0; i <= FM_MAX_TENSORS; i++)
        q += sprintf(q, ",\"%x\":0", i);
    q += sprintf(q, "}");
    ck_assert_int_lt(q - crowd, FM_MAX_HEADER);
    put_header((size_t)(q - crowd), crowd, (size_t)(q - crowd), 0);
    refused("too many", "65537 tensors; the maximum is 65536");

    char *p = text + sprintf(text, "{" META);
    for (int i = 0; i <= 21000; i++)
        p += sprintf(p, ",\"%x\":{\"dtype\":\"F32\",\"shape\":[],\"", i);
    ck_assert_int_lt(p - text, FM_MAX_HEADER);
    put_header((size_t)(p - text), text, (size_t)(p - text), 0);
    refused("many, cut", "does not end with '}'");
}
END_TEST

START_TEST(truncated_anywhere)
{
    write_good("good");
    load_file("good");
    for (size_t step = if_quick(13, 1), count = used; count-- > 0; count -= count % step) {
        put_file("hand", file, count);
        refused("cut", count == 0 ? "empty, " : "truncated: ");
    }
    for (size_t more = 1; more < 100; more += 7) {
        put_file("hand", file, used + more);
        refused("longer", "too long: ");
    }
}
END_TEST

START_TEST(any_bit_flipped)
{
    write_good("good");
    load_file("good");
    struct fmnn_error err;
    for (size_t bit = 0; bit < 8 * used; bit += if_quick(29, 1)) {
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
        put_file("hand", file, used);
        struct fm_safetensors *got = fm_safetensors_read("hand", &err);
        ck_assert_msg(!got, "bit %zu flipped: accepted", bit);
        check_message("flipped", &err, "hand: ", "");
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    file[used - 1] ^= 1;
    put_file("hand", file, used);
    refused("the last byte", "damaged: checksum ");
}
END_TEST

START_TEST(unreadable_files)
{
    struct fmnn_error err;
    ck_assert_ptr_null(fm_safetensors_read("none", &err));
    check_message("none", &err, "none: ", "No such file or directory");
    ck_assert_ptr_null(fm_safetensors_read(".", &err));
    check_message("directory", &err, ".: ", "Is a directory");
    ck_assert_ptr_null(fm_safetensors_read("/dev/null", &err));
    check_message("null", &err, "/dev/null: ", "empty");
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("safetensors");
    tcase_add_test(tcase, round_trip);
    tcase_add_test(tcase, canonical_bytes);
    tcase_add_test(tcase, reading_from_pipe);
    tcase_add_test(tcase, large_file);
    tcase_add_test(tcase, tensors_in_pieces);
    tcase_add_test(tcase, rows_of_any_length);
    tcase_add_test(tcase, many_tensors);
    tcase_add_test(tcase, invalid_tensors_not_written);
    tcase_add_loop_test(tcase, good_by_hand, 0, FM_COUNT(goods));
    tcase_add_loop_test(tcase, bad_by_hand, 0, FM_COUNT(bads));
    tcase_add_test(tcase, bad_lengths);
    tcase_add_test(tcase, limits);
    tcase_add_test(tcase, truncated_anywhere);
    tcase_add_test(tcase, any_bit_flipped);
    tcase_add_test(tcase, unreadable_files);
    scratch_enter();
    int status = run_tests("safetensors", tcase);
    scratch_leave();
    return status;
}
