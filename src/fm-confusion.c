/* fm-confusion.c -- judges predictions: the confusion matrix and the figures that follow from it.

   Contents: 1. Options  2. Reading the table  3. Judging  4. main */
#include "confusion.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>

/* ---- 1. Options ---- */

enum { REPORT = 256, DIGITS, NORMALIZE, PAIRS, MIN_ACCURACY, CLASSES, ONLY, SUFFIX };

static const struct option_row rows[] = {
    {0, NULL, NULL, "What is read"},
    {ONLY, "only", "SPLIT[,SPLIT]", "only rows of these splits"},
    {SUFFIX, "suffix", "WORD", "judge predicted_WORD, by p0_WORD, p1_WORD ..."},
    {CLASSES, "classes", "FILE|WEIGHTS|none", "the names of the classes (default: looked for)"},
    {'d', "data", "DIR", "the data directory, which may know the classes' names"},
    {0, NULL, NULL, "What is printed"},
    {'f', "format", "FORMAT", "text (default), numpy, tsv, json or markdown"},
    {NORMALIZE, "normalize", "true|pred|all", "shares of the true class, the predicted, or all"},
    {REPORT, "report", NULL, "precision, recall, F1 and support of each class"},
    {DIGITS, "digits", "N", "of the report, after the point (default: 2)"},
    {PAIRS, "pairs", "N", "the N pairs of classes most confused"},
    {MIN_ACCURACY, "min-accuracy", "X", "exit 1 when the accuracy, 0..1, is below X"},
    {0, NULL, NULL, NULL},
};

static const struct program program = {
    .name = "fm-confusion",
    .synopsis = "[OPTION]... [TABLE]",
    .purpose = "Judge the predictions of a table: confusion matrix, accuracy, figures a class.",
    .options = rows,
    .epilogue = ";\n1 when --min-accuracy is missed.",
};

static const struct format {
    const char *name;
    void (*print)(const struct judgement *judgement);
} formats[] = {{"text", print_text},
               {"numpy", print_numpy},
               {"tsv", print_tsv},
               {"json", print_json},
               {"markdown", print_markdown}};
static const char *const format_names[] = {"text", "numpy", "tsv", "json", "markdown", NULL};
static const char *const normalize_names[] = {"true", "pred", "all", NULL};

struct settings {
    const char *table, *only, *suffix, *classes, *data;
    const struct format *format;
    bool normalized;
    enum fmnn_normalize normalize;
    bool report, pairs, digits_given;
    int digits;
    size_t most_pairs;
    double min_accuracy; /* below 0: not asked */
};

static void check_together(const struct settings *settings)
{
    bool tsv = settings->format->print == print_tsv, json = settings->format->print == print_json;
    if (tsv && settings->report + settings->pairs + settings->normalized > 1)
        usage_error("--format tsv prints one table: --report, --pairs and --normalize exclude "
                    "each other");
    if (settings->digits_given && (!settings->report || tsv || json))
        note("--digits changes nothing without --report, nor in tsv and json");
    if (settings->suffix && (!settings->suffix[0] || strpbrk(settings->suffix, "\t\n\r")))
        usage_error("--suffix: '%s' cannot be part of a column's name", settings->suffix);
}

static void set_option(struct settings *settings, int code)
{
    switch (code) {
    case 'd':
        settings->data = optarg;
        break;
    case 'f':
        settings->format = &formats[option_word("--format", optarg, format_names)];
        break;
    case NORMALIZE:
        settings->normalized = true;
        settings->normalize =
            (enum fmnn_normalize)option_word("--normalize", optarg, normalize_names);
        break;
    case REPORT:
        settings->report = true;
        break;
    case DIGITS:
        settings->digits_given = true;
        settings->digits = (int)option_unsigned("--digits", optarg, 0, 17);
        break;
    case PAIRS:
        settings->pairs = true;
        settings->most_pairs = (size_t)option_unsigned("--pairs", optarg, 1, UINT32_MAX);
        break;
    case MIN_ACCURACY:
        settings->min_accuracy = option_double("--min-accuracy", optarg, 0, 1);
        break;
    case CLASSES:
        settings->classes = optarg;
        break;
    case ONLY:
        settings->only = optarg;
        break;
    case SUFFIX:
        settings->suffix = optarg;
        break;
    }
}

static struct settings read_options(int argc, char **argv)
{
    struct settings settings = {.format = formats, .digits = 2, .min_accuracy = -1};
    int code;
    while ((code = next_option(argc, argv)) != -1)
        set_option(&settings, code);
    at_most(argc, argv, 1);
    if (optind < argc)
        settings.table = argv[optind];
    check_together(&settings);
    return settings;
}

/* ---- 2. Reading the table ---- */

static void *checked(void *p)
{
    if (!p)
        die("out of memory");
    return p;
}

struct reader {
    struct fmnn_table *table;
    int label, predicted;
    int count;                /* the column of a table of counts, or -1 */
    int *probability;         /* the columns p0, p1, ... */
    size_t probabilities;     /* how many there are without a gap */
    struct fmnn_names *names; /* NULL: classes have none */
    struct fmnn_confusion *matrix;
    uint64_t read, skipped; /* rows; those without label */
    bool entropy;           /* the cross-entropy can be told, so far */
};

static _Noreturn void bad_row(const struct reader *reader, const char *what)
{
    struct fmnn_error error;
    fmnn_table_fail(reader->table, &error, "%s", what);
    die_error(&error);
}

/* The column of this name, or with --suffix of this name and the word; -1: there is none. */
static int find_column(const struct reader *reader, const struct settings *settings,
                       const char *name, bool needed)
{
    struct fmnn_error error;
    const char *suffix = settings->suffix;
    size_t size = strlen(name) + (suffix ? strlen(suffix) : 0) + 2;
    char *whole = checked(malloc(size));
    snprintf(whole, size, "%s%s%s", name, suffix ? "_" : "", suffix ? suffix : "");
    int column = needed ? fmnn_table_need(reader->table, whole, &error)
                        : fmnn_table_find(reader->table, whole);
    free(whole);
    if (column < 0 && needed)
        die_error(&error);
    return column;
}

static void find_columns(struct reader *reader, const struct settings *settings)
{
    struct fmnn_error error;
    reader->label = fmnn_table_need(reader->table, "label", &error);
    if (reader->label < 0)
        die_error(&error);
    reader->predicted = find_column(reader, settings, "predicted", true);
    /* A table of pictures may well have a column `count` that means something else. */
    reader->count =
        fmnn_table_find(reader->table, "image") < 0 ? fmnn_table_find(reader->table, "count") : -1;
    size_t columns = fmnn_table_columns(reader->table);
    size_t most = columns < FMNN_CONFUSION_CLASSES ? columns : FMNN_CONFUSION_CLASSES;
    reader->probability = checked(calloc(most + 1, sizeof *reader->probability));
    for (size_t *n = &reader->probabilities; *n < most; ++*n) {
        char name[32];
        snprintf(name, sizeof name, "p%zu", *n);
        reader->probability[*n] = find_column(reader, settings, name, false);
        if (reader->probability[*n] < 0)
            break;
    }
}

/* The names decide how many classes there are, so they come before the first count. */
static void learn_names(struct reader *reader, const struct settings *settings)
{
    struct fmnn_error error;
    int column = fmnn_table_find(reader->table, "image");
    const char *image = column < 0 ? NULL : fmnn_table_field(reader->table, (size_t)column);
    char *directory = data_directory(settings->data);
    struct fmnn_images *images = fmnn_images_new(directory, &error);
    if (!images)
        die_error(&error);
    reader->names = class_names(settings->classes, NULL, images, image);
    fmnn_images_free(images);
    free(directory);
}

static void start_matrix(struct reader *reader, const struct settings *settings)
{
    struct fmnn_error error;
    learn_names(reader, settings);
    size_t named = reader->names ? reader->names->count : 0;
    reader->matrix = fmnn_confusion_new(named, &error);
    if (!reader->matrix)
        die_error(&error);
    reader->entropy = reader->probabilities > 0 && (!named || reader->probabilities == named);
    if (reader->probabilities && !reader->entropy)
        note("no cross-entropy: there are probabilities of %zu classes, and %zu are named",
             reader->probabilities, named);
}

/* An empty label is -1. */
static int read_class(const struct reader *reader, int column)
{
    struct fmnn_error error;
    int class;
    size_t named = reader->names ? reader->names->count : FMNN_CONFUSION_CLASSES;
    if (fmnn_table_label(reader->table, (size_t)column, named, &class, &error) != 0)
        die_error(&error);
    return class;
}

static uint64_t read_count(const struct reader *reader)
{
    if (reader->count < 0)
        return 1;
    const char *text = fmnn_table_field(reader->table, (size_t)reader->count);
    if (!text[0] || text[strspn(text, "0123456789")])
        bad_row(reader, "the count is not a whole number");
    errno = 0;
    unsigned long long count = strtoull(text, NULL, 10);
    if (errno || count > INT64_MAX)
        bad_row(reader, "the count is too large");
    return count;
}

static void read_probability(struct reader *reader, int label, uint64_t count)
{
    struct fmnn_error error;
    double p;
    if ((size_t)label >= reader->probabilities) {
        note("no cross-entropy: class %d has no column of probabilities", label);
        reader->entropy = false;
        return;
    }
    if (fmnn_table_number(reader->table, (size_t)reader->probability[label], &p, &error) != 0)
        die_error(&error);
    if (p < 0 || p > 1.000001) /* 1 and what rounding may have added */
        bad_row(reader, "a probability is not in 0..1");
    fmnn_confusion_add_probability(reader->matrix, p, count);
}

static void read_row(struct reader *reader)
{
    struct fmnn_error error;
    uint64_t count = read_count(reader);
    int label = read_class(reader, reader->label);
    if (label < 0) {
        reader->skipped += count;
        return;
    }
    int predicted = read_class(reader, reader->predicted);
    if (predicted < 0)
        bad_row(reader, "there is a label, but no prediction");
    if (fmnn_confusion_add(reader->matrix, (size_t)label, (size_t)predicted, count, &error) != 0)
        bad_row(reader, error.message);
    if (reader->entropy)
        read_probability(reader, label, count);
}

static void read_table(struct reader *reader, const struct settings *settings)
{
    struct fmnn_error error;
    int status;
    reader->table = open_table(settings->table, FMNN_TABLE_ROWS);
    find_columns(reader, settings);
    if (settings->only && fmnn_table_only(reader->table, settings->only, &error) != 0)
        die_error(&error);
    while ((status = fmnn_table_next(reader->table, &error)) == 1) {
        if (!reader->matrix)
            start_matrix(reader, settings);
        read_row(reader);
        reader->read++;
    }
    if (status < 0)
        die_error(&error);
    const char *name = fmnn_table_name(reader->table);
    if (!reader->read)
        die("%s: no rows%s%s: there is nothing to judge", name, settings->only ? " of split " : "",
            settings->only ? settings->only : "");
    if (!fmnn_confusion_total(reader->matrix))
        die("%s: no row has a label: there is nothing to judge", name);
    if (reader->skipped)
        note("%s: skipped %llu row%s without label", name, (unsigned long long)reader->skipped,
             reader->skipped == 1 ? "" : "s");
}

/* ---- 3. Judging ---- */

static char **make_names(const struct reader *reader, size_t classes)
{
    char **name = checked(calloc(classes, sizeof *name));
    for (size_t i = 0; i < classes; i++) {
        char text[32];
        snprintf(text, sizeof text, "%zu", fmnn_confusion_label(reader->matrix, i));
        name[i] = checked(strdup(reader->names ? reader->names->name[i] : text));
    }
    return name;
}

/* Prints in the format asked for. */
static void judge(const struct reader *reader, const struct settings *settings)
{
    struct fmnn_error error;
    const struct fmnn_confusion *matrix = reader->matrix;
    struct fmnn_pair *pairs = NULL;
    double *share = NULL;
    struct fmnn_report *report = fmnn_confusion_report(matrix, &error);
    if (!report)
        die_error(&error);
    struct judgement j = {
        .matrix = matrix,
        .classes = fmnn_confusion_classes(matrix),
        .named = reader->names != NULL,
        .report = report,
        .report_wanted = settings->report,
        .digits = settings->digits,
        .normalize = normalize_names[settings->normalize],
        .pairs_wanted = settings->pairs,
        .skipped = reader->skipped,
        .cross_entropy = reader->entropy ? fmnn_confusion_cross_entropy(matrix) : (double)NAN,
    };
    if (settings->normalized &&
        !(share = fmnn_confusion_shares(matrix, settings->normalize, &error)))
        die_error(&error);
    if (settings->pairs && fmnn_confusion_pairs(matrix, &pairs, &j.pairs, &error) != 0)
        die_error(&error);
    j.share = share;
    j.pair = pairs;
    if (j.pairs > settings->most_pairs)
        j.pairs = settings->most_pairs;
    j.name = make_names(reader, j.classes);
    if (report->unpredicted || report->unsupported)
        info("%zu of %zu classes have no precision, for none was predicted, and %zu no recall, for "
             "there is none: 0 stands for those",
             report->unpredicted, j.classes, report->unsupported);
    settings->format->print(&j);
    for (size_t i = 0; i < j.classes; i++)
        free(j.name[i]);
    free(j.name);
    free(pairs);
    free(share);
    free(report);
}

/* ---- 4. main ---- */

int main(int argc, char **argv)
{
    program_start(&program);
    struct settings settings = read_options(argc, argv);
    struct reader reader = {0};
    read_table(&reader, &settings);
    judge(&reader, &settings);
    double accuracy = fmnn_confusion_accuracy(reader.matrix);
    fmnn_confusion_free(reader.matrix);
    fmnn_names_free(reader.names);
    fmnn_table_close(reader.table);
    free(reader.probability);
    if (accuracy < settings.min_accuracy) {
        note("accuracy %.9g is below %.9g", accuracy, settings.min_accuracy);
        return EXIT_NEGATIVE;
    }
    return 0;
}
