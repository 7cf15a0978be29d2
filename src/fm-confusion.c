/* fm-confusion.c -- evaluates predictions: the confusion matrix and the metrics that follow from it.

   Contents: 1. Options  2. Evaluation  3. main */
#include "confusion/fm-confusion.h"
#include "common/predictions.h"

#include <getopt.h>

/* ---- 1. Options ---- */

enum {
    OPT_REPORT = 256,
    OPT_DIGITS,
    OPT_NORMALIZE,
    OPT_PAIRS,
    OPT_TOP,
    OPT_RELIABILITY,
    OPT_BINS,
    OPT_AGAINST,
    OPT_AGAINST_SUFFIX,
    OPT_LIST,
    OPT_MIN_ACCURACY,
    OPT_CLASSES,
    OPT_ONLY,
    OPT_SUFFIX
};

static const struct option_row rows[] = {
    {0, NULL, NULL, "Input"},
    {OPT_ONLY, "only", "SPLIT[,SPLIT]", "only rows of these splits"},
    {OPT_SUFFIX, "suffix", "WORD", "read the columns predicted_WORD, p0_WORD, ..."},
    {OPT_CLASSES, "classes", "FILE|WEIGHTS|none", "where to find the class names"},
    {'d', "data", "DIR", "the data directory for images train:N, test:N"},
    {0, NULL, NULL, "Output"},
    {'f', "format", "FORMAT", "text, numpy, tsv, json or markdown [text]"},
    {OPT_NORMALIZE, "normalize", "true|pred|all",
     "fractions of the true, the predicted, or all rows"},
    {OPT_REPORT, "report", NULL, "precision, recall, F1 score and support per class"},
    {OPT_DIGITS, "digits", "N", "digits after the decimal point in the report [2]"},
    {OPT_PAIRS, "pairs", "N", "the N most frequent confusions of two classes"},
    {OPT_TOP, "top", "K", "top-K accuracy"},
    {OPT_RELIABILITY, "reliability", NULL, "accuracy by confidence"},
    {OPT_BINS, "bins", "N", "number of confidence bins [10]"},
    {OPT_MIN_ACCURACY, "min-accuracy", "X", "exit with status 1 below this accuracy, 0..1"},
    {0, NULL, NULL, "Comparison"},
    {OPT_AGAINST, "against", "FILE", "compare with FILE's predictions, by image"},
    {OPT_AGAINST_SUFFIX, "against-suffix", "WORD", "compare with the column predicted_WORD"},
    {OPT_LIST, "list", "WHICH", "images that first|second|one|neither gets right"},
    {0, NULL, NULL, NULL},
};

static const struct program program = {
    .name = "fm-confusion",
    .synopsis = "[OPTION]... [TABLE]",
    .purpose = "Evaluate predictions: confusion matrix, accuracy, and per-class metrics.",
    .options = rows,
    .negative = "the accuracy is below --min-accuracy",
};

static const char *const format_names[] = {"text", "numpy", "tsv", "json", "markdown", NULL};
static void (*const formats[])(const struct evaluation *) = {print_text, print_numpy, print_tsv,
                                                             print_json, print_markdown};
static const char *const normalize_names[] = {"true", "pred", "all", NULL};
static const char *const list_names[] = {"first", "second", "one", "neither", NULL};
static const unsigned lists[] = {1U << FIRST_CORRECT, 1U << SECOND_CORRECT,
                                 1U << FIRST_CORRECT | 1U << SECOND_CORRECT, 1U << NEITHER_CORRECT};

struct settings {
    struct matrix_request input;
    struct comparison_request compare;
    bool format_given, bins_given;
    void (*print)(const struct evaluation *); /* in the format of --format */
    bool normalized;
    enum fmnn_normalize normalize;
    bool report, pairs, digits_given;
    int digits;
    size_t max_pairs;
    double min_accuracy; /* below 0: not given */
};

static bool compares(const struct settings *settings)
{
    return settings->compare.file || settings->compare.suffix;
}

/* The number of outputs that were asked for besides the matrix. */
static int count_outputs(const struct settings *settings)
{
    return settings->report + settings->pairs + settings->normalized +
           settings->input.must_calibrate + (settings->input.top > 0);
}

static void check_comparison(const struct settings *settings)
{
    const char *file = settings->compare.file, *table = settings->input.table;
    if (settings->compare.list && !compares(settings))
        usage_error("--list needs --against FILE or --against-suffix WORD");
    if (settings->compare.list && (settings->format_given || count_outputs(settings)))
        usage_error("--list prints rows only: it cannot be combined with --format or other output");
    if (file && !strcmp(file, "-") && (!table || !strcmp(table, "-")))
        usage_error("TABLE and --against cannot both be standard input");
    if (!file && settings->compare.suffix && settings->input.suffix &&
        !strcmp(settings->compare.suffix, settings->input.suffix))
        usage_error("--suffix and --against-suffix select the same predictions");
}

static void check_together(const struct settings *settings)
{
    bool tsv = settings->print == print_tsv, json = settings->print == print_json;
    if (tsv && count_outputs(settings) + compares(settings) > 1)
        usage_error(
            "--format tsv prints a single table: choose one of --report, --pairs, --normalize, "
            "--top, --reliability and --against");
    if (settings->digits_given && (!settings->report || tsv || json))
        note("--digits has no effect: it needs --report, and a format other than tsv or json");
    check_comparison(settings);
}

static void set_option(struct settings *settings, int code)
{
    switch (code) {
    case 'd':
        settings->input.data = optarg;
        break;
    case 'f':
        settings->print = formats[option_word("--format", optarg, format_names)];
        settings->format_given = true;
        break;
    case OPT_NORMALIZE:
        settings->normalized = true;
        settings->normalize =
            (enum fmnn_normalize)option_word("--normalize", optarg, normalize_names);
        break;
    case OPT_REPORT:
        settings->report = true;
        break;
    case OPT_DIGITS:
        settings->digits_given = true;
        settings->digits = (int)option_unsigned("--digits", optarg, 0, 17);
        break;
    case OPT_PAIRS:
        settings->pairs = true;
        settings->max_pairs = (size_t)option_unsigned("--pairs", optarg, 1, UINT32_MAX);
        break;
    case OPT_TOP:
        settings->input.top =
            (size_t)option_unsigned("--top", optarg, 1, FMNN_CONFUSION_MAX_CLASSES);
        break;
    case OPT_RELIABILITY:
        settings->input.must_calibrate = true;
        break;
    case OPT_BINS:
        settings->bins_given = true;
        settings->input.bins =
            (size_t)option_unsigned("--bins", optarg, 1, FMNN_CALIBRATION_MAX_BINS);
        break;
    case OPT_AGAINST:
        settings->compare.file = optarg;
        break;
    case OPT_AGAINST_SUFFIX:
        settings->compare.suffix = option_suffix("--against-suffix", optarg);
        break;
    case OPT_LIST:
        settings->compare.list = lists[option_word("--list", optarg, list_names)];
        break;
    case OPT_MIN_ACCURACY:
        settings->min_accuracy = option_double("--min-accuracy", optarg, 0, 1);
        break;
    case OPT_CLASSES:
        settings->input.classes = optarg;
        break;
    case OPT_ONLY:
        settings->input.only = settings->compare.only = optarg;
        break;
    case OPT_SUFFIX:
        settings->input.suffix = option_suffix("--suffix", optarg);
        break;
    }
}

static struct settings read_options(int argc, char **argv)
{
    struct settings settings = {
        .input = {.purpose = "evaluate", .entropy = true, .bins = DEFAULT_BINS},
        .print = print_text,
        .digits = 2,
        .min_accuracy = -1};
    int code;
    while ((code = next_option(argc, argv)) != -1)
        set_option(&settings, code);
    at_most(argc, argv, 1);
    if (optind < argc)
        settings.input.table = argv[optind];
    check_together(&settings);
    return settings;
}

/* ---- 2. Evaluation ---- */

static void make_names(struct evaluation *e, const struct matrix *matrix)
{
    e->named = matrix->names != NULL;
    e->classes = fmnn_confusion_classes(matrix->counts);
    e->name = allocate(e->classes, sizeof *e->name);
    for (size_t i = 0; i < e->classes; i++)
        e->name[i] = matrix_class(matrix, i);
}

static void make_report(struct evaluation *e)
{
    struct fmnn_error error;
    e->report = fmnn_confusion_report(e->matrix, &error);
    if (!e->report)
        die_error(&error);
    if (e->report->unpredicted || e->report->unsupported)
        info("precision is undefined for %zu of %zu classes (never predicted) and recall for %zu "
             "(no rows): shown as 0",
             e->report->unpredicted, e->classes, e->report->unsupported);
}

static void make_fractions(struct evaluation *e, enum fmnn_normalize how)
{
    struct fmnn_error error;
    e->normalize = normalize_names[how];
    e->fraction = fmnn_confusion_fractions(e->matrix, how, &error);
    if (!e->fraction)
        die_error(&error);
}

static void make_pairs(struct evaluation *e, size_t max)
{
    struct fmnn_error error;
    e->pairs_wanted = true;
    if (fmnn_confusion_pairs(e->matrix, &e->pair, &e->pairs, &error) != 0)
        die_error(&error);
    if (e->pairs > max)
        e->pairs = max;
}

static struct evaluation evaluate(const struct matrix *matrix,
                                  const struct comparison_counts *comparison,
                                  const struct settings *settings)
{
    struct evaluation e = {
        .matrix = matrix->counts,
        .report_wanted = settings->report,
        .digits = settings->digits,
        .skipped = matrix->skipped,
        .cross_entropy = matrix->cross_entropy,
        .top = settings->input.top,
        .top_correct = matrix->top_correct,
        .calibration = matrix->calibration,
        .reliability_wanted = settings->input.must_calibrate,
        .comparison = comparison,
        .other = settings->compare.file ? settings->compare.file : settings->compare.suffix,
    };
    make_names(&e, matrix);
    make_report(&e);
    if (settings->normalized)
        make_fractions(&e, settings->normalize);
    if (settings->pairs)
        make_pairs(&e, settings->max_pairs);
    return e;
}

static void free_evaluation(struct evaluation *e)
{
    for (size_t i = 0; i < e->classes; i++)
        free(e->name[i]);
    free(e->name);
    free(e->report);
    free(e->fraction);
    free(e->pair);
}

double top_accuracy(const struct evaluation *e)
{
    return (double)e->top_correct / (double)fmnn_confusion_total(e->matrix);
}

struct comparison_metrics comparison_metrics(const struct comparison_counts *counts)
{
    const uint64_t *n = counts->rows;
    struct comparison_metrics m = {.test = fmnn_mcnemar(n[FIRST_CORRECT], n[SECOND_CORRECT])};
    for (size_t i = 0; i < AGREEMENTS; i++)
        m.rows += n[i];
    m.accuracy = (double)(n[BOTH_CORRECT] + n[FIRST_CORRECT]) / (double)m.rows;
    m.accuracy_against = (double)(n[BOTH_CORRECT] + n[SECOND_CORRECT]) / (double)m.rows;
    return m;
}

/* ---- 3. main ---- */

static struct matrix read_tables(const struct settings *settings, struct comparison_counts *counts)
{
    struct matrix_request input = settings->input;
    struct comparison *comparison = compares(settings) ? comparison_open(&settings->compare) : NULL;
    if (comparison) {
        input.each = comparison_row;
        input.context = comparison;
    }
    struct matrix matrix = matrix_read(&input);
    if (settings->bins_given && !matrix.calibration)
        note("--bins has no effect: there are no confidences");
    if (comparison)
        *counts = comparison_finish(comparison);
    comparison_close(comparison);
    return matrix;
}

int main(int argc, char **argv)
{
    program_start(&program);
    const struct settings settings = read_options(argc, argv);
    struct comparison_counts counts;
    struct matrix matrix = read_tables(&settings, &counts);
    if (!settings.compare.list) {
        struct evaluation e = evaluate(&matrix, compares(&settings) ? &counts : NULL, &settings);
        settings.print(&e);
        free_evaluation(&e);
    }
    double accuracy = fmnn_confusion_accuracy(matrix.counts);
    matrix_free(&matrix);
    if (accuracy < settings.min_accuracy) {
        note("accuracy %.9g is below %.9g", accuracy, settings.min_accuracy);
        return EXIT_NEGATIVE;
    }
    return 0;
}
