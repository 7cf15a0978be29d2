/* fuzz_tables.c -- tables. The first byte says how the rest is read: by the library's reader, as
   one of the three kinds of table, whole and in pieces of some size with pauses between; or as the
   programs read it, which judge, compare and plot tables. Read in pieces a table must give the same
   rows or the same error as read whole; written again, the same rows. */
#include "fuzz.h"

#include <math.h>
#include <xxhash.h>

#include "confusion/compare.h"
#include "confusion/issues.h"
#include "base/internal.h"
#include "common/predictions.h"
#include "plot/fm-plot.h"
#include "program.h"
#include "split/fm-split.h"

const char fuzz_target[] = "tables";

enum { KINDS = 3, PIECES = 4, LIBRARY = KINDS * PIECES * 2 };

/* As which the programs read it. */
enum {
    WHOLE,
    TOP,
    SUFFIX,
    NAMED,
    TWO_TABLES,
    TWO_COLUMNS,
    COLUMNS,
    ISSUES,
    SPLIT,
    DUPLICATES,
    PLOTS
};
static const struct plot_kind *const plots[] = {&plot_history, &plot_confusion, &plot_reliability,
                                                &plot_roc};
enum { PROGRAMS = PLOTS + FM_COUNT(plots), MODES = LIBRARY + PROGRAMS };

static unsigned mode_of(const uint8_t *bytes, size_t count)
{
    return count ? (uint8_t)(bytes[0] - '@') % MODES : 0;
}

/* ---- the library's reader */

/* The result of a reading: a digest of all rows, their number, and the error at the end. */
struct outcome {
    uint64_t digest;
    size_t rows, columns;
    bool good;
    bool unclear; /* written again it would be another: quotes come off, or the line is blank */
    char message[sizeof((struct fmnn_error *)NULL)->message];
};

static void digest_row(struct outcome *o, const struct fmnn_table *table, bool names)
{
    bool blank = true;
    for (size_t i = 0; i < o->columns; i++) {
        const char *text = names ? fmnn_table_column(table, i) : fmnn_table_field(table, i);
        size_t length = strlen(text);
        HOLDS(!memchr(text, '\t', length) && !memchr(text, '\n', length));
        o->unclear |= length > 1 && text[0] == '"' && text[length - 1] == '"';
        blank &= strspn(text, " \xc2\xa0") == length;
        o->digest = XXH3_64bits_withSeed(text, length, o->digest + length);
    }
    o->unclear |= blank;
}

/* Numbers come back from the text that they are written as. */
static void look_at_field(const struct fmnn_table *table, size_t column)
{
    char text[32], again[32];
    double number, same;
    int label;
    struct fmnn_error err = {0};
    if (fmnn_table_label(table, column, 10, &label, &err) == 0)
        HOLDS(label >= -1 && label < 10);
    else
        HOLDS(err.status == FMNN_DATA && strchr(err.message, ':'));
    if (fmnn_table_number(table, column, &number, NULL) != 0)
        return;
    HOLDS(isfinite(number));
    fmnn_format_number(text, number);
    if (!fm_parse_double(text, &same)) { /* only numbers that are rounded up beyond the largest */
        HOLDS(fabs(number) > 1.79e308);
        return;
    }
    fmnn_format_number(again, same);
    HOLDS(strcmp(text, again) == 0);
}

static FILE *append(FILE *copy, const struct fmnn_table *table, bool names, size_t columns)
{
    for (size_t i = 0; copy && i < columns; i++)
        fprintf(copy, "%s%s", i ? "\t" : "",
                names ? fmnn_table_column(table, i) : fmnn_table_field(table, i));
    if (copy)
        putc('\n', copy);
    return copy;
}

/* Reads to the end; pauses are asked for where `pieces` is not 0. The rows go to copy, too. */
static struct outcome read_table(enum fmnn_table_kind kind, size_t pieces, const char *only,
                                 FILE *copy)
{
    struct outcome o = {0};
    struct fmnn_error err = {0};
    fuzz_file_pieces(pieces);
    struct fmnn_table *table = fmnn_table_open(FUZZ_PATH, kind, &err);
    int status = table ? 1 : -1;
    if (table && only && fmnn_table_only(table, only, &err) != 0)
        status = -1;
    if (status > 0) {
        o.columns = fmnn_table_columns(table);
        digest_row(&o, table, true);
        append(copy, table, true, o.columns);
    }
    while (status > 0) {
        for (int i = 0; pieces && i < 3; i++)
            fmnn_table_paused(table);
        status = fmnn_table_next(table, &err);
        if (status <= 0)
            break;
        o.rows++;
        digest_row(&o, table, false);
        append(copy, table, false, o.columns);
        for (size_t i = 0; !pieces && o.rows <= 8 && i < o.columns && i < 16; i++)
            look_at_field(table, i);
    }
    o.good = status == 0;
    if (!o.good) {
        HOLDS(err.status != FMNN_OK && !strpbrk(err.message, "\n\r\t"));
        memcpy(o.message, err.message, sizeof o.message);
    } else {
        HOLDS(fmnn_table_next(table, &err) == 0);
    }
    fmnn_table_close(table);
    return o;
}

static void read_library(unsigned mode, const uint8_t *bytes, size_t count)
{
    static const size_t pieces[PIECES] = {0, 1, 7, 64};
    static char copy[1 << 16];
    enum fmnn_table_kind kind = (enum fmnn_table_kind)(mode % KINDS);
    size_t piece = pieces[mode / KINDS % PIECES];
    const char *only = mode >= KINDS * PIECES ? "test,valid" : NULL;
    fuzz_file(bytes, count);
    FILE *stream = piece || only ? NULL : fmemopen(copy, sizeof copy, "w");
    struct outcome whole = read_table(kind, 0, only, stream);
    size_t length = stream ? (size_t)ftell(stream) : 0;
    if (stream)
        fclose(stream);
    fuzz_accepted += whole.good;
    if (piece) {
        struct outcome same = read_table(kind, piece, only, NULL);
        HOLDS(same.digest == whole.digest && same.rows == whole.rows);
        HOLDS(same.good == whole.good && !strcmp(same.message, whole.message));
    }
    if (length && whole.good && !whole.unclear && length < sizeof copy - 1) {
        fuzz_file((uint8_t *)copy, length);
        struct outcome same = read_table(kind, 0, NULL, NULL);
        HOLDS(same.good && same.digest == whole.digest && same.rows == whole.rows);
    }
}

/* ---- as the programs read it */

static void evaluate(const struct matrix_request *request)
{
    struct matrix matrix = matrix_read(request);
    size_t classes = fmnn_confusion_classes(matrix.counts);
    HOLDS(classes >= 1 && fmnn_confusion_total(matrix.counts) >= 1);
    HOLDS(fmnn_confusion_correct(matrix.counts) <= fmnn_confusion_total(matrix.counts));
    HOLDS(matrix.top_correct <= fmnn_confusion_total(matrix.counts));
    HOLDS(isnan(matrix.cross_entropy) || matrix.cross_entropy >= 0);
    free(matrix_class(&matrix, classes - 1));
    struct fmnn_report *report = fmnn_confusion_report(matrix.counts, NULL);
    HOLDS(report && report->accuracy >= 0 && report->accuracy <= 1);
    free(report);
    if (matrix.calibration) {
        double error = fmnn_calibration_error(matrix.calibration);
        HOLDS(isnan(error) || (error >= 0 && error <= 1.001));
    }
    matrix_free(&matrix);
}

static void compare(struct matrix_request *request, bool two_tables)
{
    struct comparison_request other = {.file = two_tables ? FUZZ_PATH : NULL,
                                       .suffix = two_tables ? NULL : "b"};
    struct comparison *comparison = comparison_open(&other);
    request->start = comparison_start;
    request->each = comparison_row;
    request->context = comparison;
    evaluate(request);
    struct comparison_counts counts = comparison_finish(comparison);
    HOLDS(!two_tables || (!counts.left_out && !counts.left_out_against));
    HOLDS(!two_tables || (!counts.rows[FIRST_CORRECT] && !counts.rows[SECOND_CORRECT]));
    comparison_close(comparison);
}

static void plot(const struct plot_kind *kind)
{
    static char text[1 << 21];
    char *files[] = {(char *)(uintptr_t)FUZZ_PATH, (char *)(uintptr_t)FUZZ_PATH};
    struct plot_request request = {
        .files = files, .file_count = 1, .title = "it's", .classes = "none", .directory = "."};
    void *read = kind->read(&request);
    FILE *stream = fmemopen(text, sizeof text, "w");
    HOLDS(stream);
    kind->gnuplot(read, &request, NULL, stream);
    HOLDS(fflush(stream) == 0 && !strstr(text, "\ninput") && !strstr(text, "\nsystem"));
    rewind(stream);
    request.width = 60;
    kind->text(read, &request, stream);
    HOLDS(fclose(stream) == 0);
    kind->free(read);
}

static void find_issues(struct matrix_request *request)
{
    struct issues *issues = issues_new();
    request->probabilities = issues_row;
    request->context = issues;
    struct matrix matrix = matrix_read(request);
    issues_print(issues, matrix.names);
    issues_free(issues);
    matrix_free(&matrix);
}

/* fm-split asks whether options were given: these, which were not. */
static const struct option_row split_options[] = {{.name = "valid", .help = ""},
                                                  {.name = "test", .help = ""},
                                                  {.name = "only", .help = ""},
                                                  {.help = NULL}};
static const struct program split_program = {.name = "fmnn", .options = split_options};

static void split(bool duplicates)
{
    options_start(&split_program);
    struct settings settings = {.data = ".", .wanted = {true, true, true}};
    settings.test.percent = 25;
    settings.duplicates = duplicates ? REPORT_DUPLICATES : KEEP_DUPLICATES;
    split_table(FUZZ_PATH, &settings);
}

static void as_program(void *context)
{
    unsigned which = *(const unsigned *)context;
    struct matrix_request request = {
        .table = FUZZ_PATH, .classes = "none", .data = ".", .purpose = "evaluate"};
    switch (which) {
    case WHOLE:
        request.entropy = request.ranking = true;
        request.bins = 10;
        evaluate(&request);
        break;
    case TOP:
        request.top = 2;
        request.must_calibrate = true;
        request.bins = 1;
        evaluate(&request);
        break;
    case SUFFIX:
        request.only = "test";
        request.suffix = "b";
        evaluate(&request);
        break;
    case NAMED:
        request.classes = NULL; /* the directory's, of which there is none */
        evaluate(&request);
        break;
    case TWO_TABLES:
    case TWO_COLUMNS:
        compare(&request, which == TWO_TABLES);
        break;
    case COLUMNS:
        request.label_column = "image";
        request.predicted_column = "split";
        evaluate(&request);
        break;
    case ISSUES:
        find_issues(&request);
        break;
    case SPLIT:
    case DUPLICATES:
        split(which == DUPLICATES);
        break;
    default:
        plot(plots[which - PLOTS]);
    }
}

/* A program that gives up has said why, in lines that begin with its name. */
static void read_program(unsigned which, const uint8_t *bytes, size_t count)
{
    static char said[1 << 14];
    fuzz_file(bytes, count);
    int status = fuzz_program(as_program, &which, said, sizeof said);
    HOLDS(status == -1 || status == EXIT_TROUBLE);
    HOLDS(status == -1 || said[0]);
    fuzz_accepted += status == -1;
    fuzz_file_end(status >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    unsigned mode = mode_of(bytes, count);
    const uint8_t *text = count ? bytes + 1 : bytes;
    count -= count > 0;
    if (mode >= LIBRARY) {
        read_program(mode - LIBRARY, text, count);
    } else {
        read_library(mode, text, count);
        fuzz_file_end(false);
    }
    fuzz_program_end();
    return 0;
}

/* ---- mutations: of lines and fields */

static const char *const words[] = {"image",
                                    "label",
                                    "split",
                                    "predicted",
                                    "confidence",
                                    "p0",
                                    "p1",
                                    "epoch",
                                    "loss",
                                    "accuracy",
                                    "val_loss",
                                    "val_accuracy",
                                    "lr",
                                    "seconds",
                                    "count",
                                    "predicted_b",
                                    "train:0",
                                    "test:7",
                                    "a.png",
                                    "x/y:3",
                                    "train",
                                    "test",
                                    "valid",
                                    "",
                                    "0",
                                    "1",
                                    "9",
                                    "65535",
                                    "65536",
                                    "40",
                                    "4096",
                                    "18446744073709551615",
                                    "9223372036854775807",
                                    "0.5",
                                    "1e-9",
                                    "-1",
                                    "1e308",
                                    "1e999",
                                    "nan",
                                    "inf",
                                    "1.0000001",
                                    "\xef\xbb\xbf",
                                    "\r",
                                    "0x1p3",
                                    "+1",
                                    "1.",
                                    ".5",
                                    "label\tpredicted\tcount",
                                    "image\tlabel\tsplit"};

/* The field, or with `line` the line, that holds bytes[at]. */
static size_t span_at(const uint8_t *bytes, size_t count, size_t at, bool line, size_t *length)
{
    size_t from = at, to = at;
    while (from > 1 && bytes[from - 1] != '\n' && (line || bytes[from - 1] != '\t'))
        from--;
    while (to < count && bytes[to] != '\n' && (line || bytes[to] != '\t'))
        to++;
    to += line && to < count;
    *length = to - from;
    return from;
}

static bool is_field(const uint8_t *bytes, size_t count, size_t from, size_t to)
{
    return (from == 1 || bytes[from - 1] == '\t' || bytes[from - 1] == '\n') &&
           (to == count || bytes[to] == '\t' || bytes[to] == '\n');
}

/* A matrix of thousands of classes takes milliseconds: of what programs read few get labels of more
   than two digits. */
static size_t temper(uint8_t *bytes, size_t count, size_t max, uint64_t *state)
{
    if (count == 0 || mode_of(bytes, count) < LIBRARY || fuzz_below(state, 16) == 0)
        return count;
    for (size_t from = 1, to; from < count; from = to + 1) {
        for (to = from; to < count && bytes[to] >= '0' && bytes[to] <= '9'; to++)
            ;
        if (to - from >= 3 && to - from <= 4 && is_field(bytes, count, from, to)) {
            count = fuzz_splice(bytes, count, max, from, to - from - 2, NULL, 0);
            to = from + 2;
        }
    }
    return count;
}

static size_t mutate(uint8_t *bytes, size_t count, size_t max, uint64_t *state)
{
    size_t length, other_length;
    unsigned kind = (unsigned)fuzz_below(state, 8);
    if (count < 2 || kind < 3)
        return LLVMFuzzerMutate(bytes, count, max);
    size_t at = 1 + fuzz_below(state, count - 1);
    if (kind == 3) { /* another way to read it */
        bytes[0] = (uint8_t)('@' + fuzz_below(state, MODES));
        return count;
    }
    size_t from = span_at(bytes, count, at, kind == 7, &length);
    if (kind < 6) { /* a field becomes a known word */
        const char *word = words[fuzz_below(state, FM_COUNT(words))];
        return fuzz_splice(bytes, count, max, from, length, word, strlen(word));
    }
    uint8_t copy[256];
    size_t other = span_at(bytes, count, 1 + fuzz_below(state, count - 1), kind == 7,
                           &other_length); /* a field or a line is copied elsewhere, or goes */
    if (other_length > sizeof copy || fuzz_below(state, 4) == 0)
        return fuzz_splice(bytes, count, max, from, length, NULL, 0);
    memcpy(copy, bytes + other, other_length);
    return fuzz_splice(bytes, count, max, from, kind == 7 ? 0 : length, copy, other_length);
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t count, size_t max, unsigned seed)
{
    uint64_t state = seed;
    return temper(bytes, mutate(bytes, count, max, &state), max, &state);
}
