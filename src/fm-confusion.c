/* fm-confusion.c -- evaluates predictions: the confusion matrix and the metrics that follow from
   it.

   Contents: 1. Options  2. Evaluation  3. main */
#include "confusion/fm-confusion.h"
#include "confusion/issues.h"
#include "common/predictions.h"

#include <math.h>

/* ---- 1. Options ---- */

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
    unsigned format, list; /* indices of formats, lists */
    enum fmnn_normalize normalize;
    bool report, issues;
    unsigned digits;
    size_t max_pairs;    /* 0: not given */
    double min_accuracy; /* below 0: not given */
};

#define TARGET(member) OPTION_TARGET(struct settings, member)

static const struct option_row rows[] = {
    {.help = "Input"},
    {0, "only", "SPLIT[,SPLIT]", "read only rows of these splits", OPTION_SPLITS,
     TARGET(input.only)},
    {0, "suffix", "WORD", "read columns predicted_WORD, p0_WORD ...", OPTION_SUFFIX,
     TARGET(input.suffix)},
    CLASS_COLUMN_ROWS(struct settings, input.label_column, input.predicted_column),
    {0, "classes", "FILE|WEIGHTS|none", "where to find the class names", OPTION_FILE,
     TARGET(input.classes)},
    {'d', "data", "DIR", "data directory, which holds train:N and test:N", OPTION_DIRECTORY,
     TARGET(input.data)},
    ROOT_ROW(struct settings, input.root),
    {.help = "Output"},
    {'f', "format", "FORMAT", "output format", OPTION_WORD, TARGET(format), .words = format_names,
     .initial = "text"},
    {0, "normalize", NULL,
     "print fractions of the true class, of the predicted class, or of all rows", OPTION_WORD,
     TARGET(normalize), .words = normalize_names},
    {0, "report", NULL,
     "print precision, recall, F1 score, support and ROC AUC of each class, Cohen's kappa, "
     "Matthews' correlation, and more",
     OPTION_FLAG, TARGET(report)},
    {0, "digits", "N", "digits after the decimal point in the report", OPTION_COUNT, TARGET(digits),
     .max = 17, .initial = "2"},
    {0, "pairs", "N", "number of most frequent confusions to print", OPTION_COUNT,
     TARGET(max_pairs), .min = 1},
    {0, "top", "K", "print the top-K accuracy", OPTION_COUNT, TARGET(input.top), .min = 1,
     .max = FMNN_CONFUSION_MAX_CLASSES},
    {0, "reliability", NULL, "print the accuracy by confidence", OPTION_FLAG,
     TARGET(input.must_calibrate)},
    {0, "bins", "N", "number of confidence bins", OPTION_COUNT, TARGET(input.bins), .min = 1,
     .max = FMNN_CALIBRATION_MAX_BINS, .initial = "10"},
    {0, "min-accuracy", "X", "exit with status 1 if the accuracy is below X", OPTION_REAL,
     TARGET(min_accuracy), .max = 1},
    {0, "label-issues", NULL, "print only rows whose label is probably wrong", OPTION_FLAG,
     TARGET(issues)},
    {.help = "Comparison"},
    {0, "against", "FILE", "compare with the predictions in FILE, image by image", OPTION_FILE,
     TARGET(compare.file)},
    {0, "against-suffix", "WORD", "compare with the column predicted_WORD", OPTION_SUFFIX,
     TARGET(compare.suffix)},
    {0, "list", "WHICH", "print only rows that this prediction alone gets right", OPTION_WORD,
     TARGET(list), .words = list_names},
    {0},
};

static const struct program program = {
    .name = "fm-confusion",
    .synopsis = "[OPTION]... [TABLE]",
    .purpose = "Evaluate predictions: confusion matrix, accuracy, and per-class metrics.",
    .options = rows,
    .negative = "the accuracy is below --min-accuracy",
};

static bool compares(const struct settings *settings)
{
    return settings->compare.file || settings->compare.suffix;
}

/* The number of outputs that were asked for besides the matrix. */
static int count_outputs(const struct settings *settings)
{
    return settings->report + (settings->max_pairs > 0) + option_given("normalize") +
           settings->input.must_calibrate + (settings->input.top > 0);
}

static void check_comparison(const struct settings *settings)
{
    const char *file = settings->compare.file, *table = settings->input.table;
    if (settings->compare.list && !compares(settings))
        usage_error("--list needs --against FILE or --against-suffix WORD");
    if (settings->compare.list && (option_given("format") || count_outputs(settings)))
        usage_error("--list prints rows only: it cannot be combined with --format or other output");
    if (file && !strcmp(file, "-") && (!table || !strcmp(table, "-")))
        usage_error("TABLE and --against cannot both be standard input");
    if (!file && settings->compare.suffix && settings->input.suffix &&
        !strcmp(settings->compare.suffix, settings->input.suffix))
        usage_error("--suffix and --against-suffix select the same predictions");
}

static void check_issues(const struct settings *settings)
{
    if (settings->issues &&
        (option_given("format") || count_outputs(settings) || compares(settings)))
        usage_error("--label-issues prints rows only: it cannot be combined with --format or "
                    "other output");
}

static void check_together(const struct settings *settings)
{
    void (*print)(const struct evaluation *) = formats[settings->format];
    bool tsv = print == print_tsv, json = print == print_json;
    if (tsv && count_outputs(settings) + compares(settings) > 1)
        usage_error(
            "--format tsv prints a single table: choose one of --report, --pairs, --normalize, "
            "--top, --reliability and --against");
    if (option_given("digits") && (!settings->report || tsv || json))
        note("--digits has no effect: it needs --report, and a format other than tsv or json");
    check_comparison(settings);
    check_issues(settings);
}

static struct settings read_options(int argc, char **argv)
{
    struct settings settings = {.input = {.purpose = "evaluate", .entropy = true},
                                .min_accuracy = -1};
    char **operands = parse_options(argc, argv, &settings);
    if (operands[0] && operands[1])
        usage_error("unexpected operand '%s': there is one table; --against FILE compares another",
                    operands[1]);
    settings.input.table = operands[0];
    settings.compare.only = settings.input.only;
    settings.compare.label_column = settings.input.label_column;
    settings.input.ranking = settings.report && formats[settings.format] != print_numpy;
    if (option_given("list"))
        settings.compare.list = lists[settings.list];
    check_together(&settings);
    check_class_columns(&settings.input);
    return settings;
}

/* ---- 2. Evaluation ---- */

static void make_names(struct evaluation *e, const struct matrix *matrix)
{
    e->named = matrix->names != NULL;
    e->classes = fmnn_confusion_classes(matrix->counts);
    e->name = xcalloc(e->classes, sizeof *e->name);
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

static void make_ranking(struct evaluation *e, struct fmnn_ranking *ranking)
{
    struct fmnn_error error;
    if (!ranking)
        return;
    e->ranking = fmnn_ranking_report(ranking, &error);
    if (!e->ranking)
        die_error(&error);
    if (e->ranking->undefined)
        note("ROC AUC is undefined for %zu of %zu classes, which have no rows, or all: the means "
             "leave them out",
             e->ranking->undefined, e->ranking->classes);
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
        .digits = (int)settings->digits,
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
    make_ranking(&e, matrix->ranking);
    if (option_given("normalize"))
        make_fractions(&e, settings->normalize);
    if (settings->max_pairs)
        make_pairs(&e, settings->max_pairs);
    return e;
}

static void free_evaluation(struct evaluation *e)
{
    for (size_t i = 0; i < e->classes; i++)
        free(e->name[i]);
    free(e->name);
    free(e->report);
    free(e->ranking);
    free(e->fraction);
    free(e->pair);
}

double top_accuracy(const struct evaluation *e)
{
    return (double)e->top_correct / (double)fmnn_confusion_total(e->matrix);
}

struct fmnn_ranking_score rank_of_class(const struct evaluation *e, size_t i)
{
    size_t label = fmnn_confusion_label(e->matrix, i);
    return e->ranking && label < e->ranking->classes
               ? e->ranking->score[label]
               : (struct fmnn_ranking_score){(double)NAN, (double)NAN, 0};
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

static struct matrix read_tables(const struct settings *settings, struct comparison_counts *counts,
                                 struct issues *issues)
{
    struct matrix_request input = settings->input;
    if (issues) {
        input.probabilities = issues_row;
        input.context = issues;
        input.entropy = false;
        input.bins = 0;
    }
    struct comparison *comparison = compares(settings) ? comparison_open(&settings->compare) : NULL;
    if (comparison) {
        input.start = comparison_start;
        input.each = comparison_row;
        input.turned = comparison_turned;
        input.context = comparison;
    }
    struct matrix matrix = matrix_read(&input);
    if (option_given("bins") && !issues && !matrix.calibration)
        note("--bins has no effect: there are no confidences");
    if (comparison)
        *counts = comparison_finish(comparison);
    comparison_close(comparison);
    return matrix;
}

static void print_evaluation(const struct matrix *matrix, const struct comparison_counts *counts,
                             const struct settings *settings)
{
    struct evaluation e = evaluate(matrix, compares(settings) ? counts : NULL, settings);
    if (matrix->words && formats[settings->format] == print_tsv)
        note("classes are numbered in the order of the names that occur; --classes gives their "
             "list");
    formats[settings->format](&e);
    free_evaluation(&e);
}

int main(int argc, char **argv)
{
    program_start(&program);
    const struct settings settings = read_options(argc, argv);
    struct comparison_counts counts;
    struct issues *issues = settings.issues ? issues_new() : NULL;
    struct matrix matrix = read_tables(&settings, &counts, issues);
    if (issues)
        issues_print(issues, matrix.names);
    else if (!settings.compare.list)
        print_evaluation(&matrix, &counts, &settings);
    issues_free(issues);
    double accuracy = fmnn_confusion_accuracy(matrix.counts);
    matrix_free(&matrix);
    if (accuracy < settings.min_accuracy) {
        note("accuracy %.9g is below %.9g", accuracy, settings.min_accuracy);
        return EXIT_NEGATIVE;
    }
    return 0;
}
