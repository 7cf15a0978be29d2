/* fm-confusion.c -- judges predictions: the confusion matrix and the figures that follow from it.

   Contents: 1. Options  2. Judging  3. main */
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
    {0, NULL, NULL, "What is read"},
    {OPT_ONLY, "only", "SPLIT[,SPLIT]", "only rows of these splits"},
    {OPT_SUFFIX, "suffix", "WORD", "read the columns predicted_WORD, p0_WORD ..."},
    {OPT_CLASSES, "classes", "FILE|WEIGHTS|none", "the names of the classes [looked for]"},
    {'d', "data", "DIR", "the data directory, where train:N and test:N are"},
    {0, NULL, NULL, "What is printed"},
    {'f', "format", "FORMAT", "text, numpy, tsv, json or markdown [text]"},
    {OPT_NORMALIZE, "normalize", "true|pred|all",
     "shares of the true class, the predicted, or all"},
    {OPT_REPORT, "report", NULL, "precision, recall, F1 and support of each class"},
    {OPT_DIGITS, "digits", "N", "of the report, after the point [2]"},
    {OPT_PAIRS, "pairs", "N", "the N pairs of classes most confused"},
    {OPT_TOP, "top", "K", "how many are of the K most probable classes"},
    {OPT_RELIABILITY, "reliability", NULL, "accuracy by confidence"},
    {OPT_BINS, "bins", "N", "of confidence [10]"},
    {OPT_MIN_ACCURACY, "min-accuracy", "X", "exit 1 when the accuracy, 0..1, is below X"},
    {0, NULL, NULL, "Two predictions"},
    {OPT_AGAINST, "against", "FILE", "compare with the predictions of FILE, by image"},
    {OPT_AGAINST_SUFFIX, "against-suffix", "WORD", "with predicted_WORD, of FILE or TABLE"},
    {OPT_LIST, "list", "WHICH", "images that first|second|one|neither has right"},
    {0, NULL, NULL, NULL},
};

static const struct program program = {
    .name = "fm-confusion",
    .synopsis = "[OPTION]... [TABLE]",
    .purpose = "Judge the predictions of a table: confusion matrix, accuracy, figures a class.",
    .options = rows,
    .negative = "--min-accuracy is missed",
};

static const char *const format_names[] = {"text", "numpy", "tsv", "json", "markdown", NULL};
static void (*const formats[])(const struct judgement *) = {print_text, print_numpy, print_tsv,
                                                            print_json, print_markdown};
static const char *const normalize_names[] = {"true", "pred", "all", NULL};
static const char *const list_names[] = {"first", "second", "one", "neither", NULL};
static const unsigned lists[] = {1U << FIRST_RIGHT, 1U << SECOND_RIGHT,
                                 1U << FIRST_RIGHT | 1U << SECOND_RIGHT, 1U << NEITHER_RIGHT};

struct settings {
    struct matrix_request input;
    struct against_request against;
    bool format_given, bins_given;
    void (*print)(const struct judgement *); /* in the format wanted */
    bool normalized;
    enum fmnn_normalize normalize;
    bool report, pairs, digits_given;
    int digits;
    size_t most_pairs;
    double min_accuracy; /* below 0: not asked */
};

static bool compares(const struct settings *settings)
{
    return settings->against.file || settings->against.suffix;
}

/* How many kinds of output besides the plain matrix. */
static int kinds_wanted(const struct settings *settings)
{
    return settings->report + settings->pairs + settings->normalized +
           settings->input.must_calibrate + (settings->input.top > 0);
}

static void check_comparison(const struct settings *settings)
{
    const char *file = settings->against.file, *table = settings->input.table;
    if (settings->against.list && !compares(settings))
        usage_error("--list needs --against FILE or --against-suffix WORD");
    if (settings->against.list && (settings->format_given || kinds_wanted(settings)))
        usage_error("--list prints images, and nothing else that can be asked for");
    if (file && !strcmp(file, "-") && (!table || !strcmp(table, "-")))
        usage_error("both tables cannot come from standard input");
    if (!file && settings->against.suffix && settings->input.suffix &&
        !strcmp(settings->against.suffix, settings->input.suffix))
        usage_error("--suffix and --against-suffix name the same predictions");
}

static void check_together(const struct settings *settings)
{
    bool tsv = settings->print == print_tsv, json = settings->print == print_json;
    if (tsv && kinds_wanted(settings) + compares(settings) > 1)
        usage_error("--format tsv prints one table: --report, --pairs, --normalize, --top, "
                    "--reliability and --against exclude each other");
    if (settings->digits_given && (!settings->report || tsv || json))
        note("--digits changes nothing without --report, nor in tsv and json");
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
        settings->most_pairs = (size_t)option_unsigned("--pairs", optarg, 1, UINT32_MAX);
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
        settings->against.file = optarg;
        break;
    case OPT_AGAINST_SUFFIX:
        settings->against.suffix = option_suffix("--against-suffix", optarg);
        break;
    case OPT_LIST:
        settings->against.list = lists[option_word("--list", optarg, list_names)];
        break;
    case OPT_MIN_ACCURACY:
        settings->min_accuracy = option_double("--min-accuracy", optarg, 0, 1);
        break;
    case OPT_CLASSES:
        settings->input.classes = optarg;
        break;
    case OPT_ONLY:
        settings->input.only = settings->against.only = optarg;
        break;
    case OPT_SUFFIX:
        settings->input.suffix = option_suffix("--suffix", optarg);
        break;
    }
}

static struct settings read_options(int argc, char **argv)
{
    struct settings settings = {
        .input = {.purpose = "judge", .entropy = true, .bins = DEFAULT_BINS},
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

/* ---- 2. Judging ---- */

/* Prints in the format asked for. */
static void judge(const struct matrix *matrix, const struct comparison *comparison,
                  const struct settings *settings)
{
    struct fmnn_error error;
    const struct fmnn_confusion *counts = matrix->counts;
    struct fmnn_pair *pairs = NULL;
    double *share = NULL;
    struct fmnn_report *report = fmnn_confusion_report(counts, &error);
    if (!report)
        die_error(&error);
    struct judgement j = {
        .matrix = counts,
        .classes = fmnn_confusion_classes(counts),
        .named = matrix->names != NULL,
        .report = report,
        .report_wanted = settings->report,
        .digits = settings->digits,
        .normalize = normalize_names[settings->normalize],
        .pairs_wanted = settings->pairs,
        .skipped = matrix->skipped,
        .cross_entropy = matrix->cross_entropy,
        .top = settings->input.top,
        .top_correct = matrix->top_correct,
        .calibration = matrix->calibration,
        .reliability_wanted = settings->input.must_calibrate,
        .comparison = comparison,
        .other = settings->against.file ? settings->against.file : settings->against.suffix,
    };
    if (settings->normalized &&
        !(share = fmnn_confusion_fractions(counts, settings->normalize, &error)))
        die_error(&error);
    if (settings->pairs && fmnn_confusion_pairs(counts, &pairs, &j.pairs, &error) != 0)
        die_error(&error);
    j.share = share;
    j.pair = pairs;
    if (j.pairs > settings->most_pairs)
        j.pairs = settings->most_pairs;
    j.name = allocate(j.classes, sizeof *j.name);
    for (size_t i = 0; i < j.classes; i++)
        j.name[i] = matrix_class(matrix, i);
    if (report->unpredicted || report->unsupported)
        info("%zu of %zu classes have no precision, for none was predicted, and %zu no recall, for "
             "there is none: 0 stands for those",
             report->unpredicted, j.classes, report->unsupported);
    settings->print(&j);
    for (size_t i = 0; i < j.classes; i++)
        free(j.name[i]);
    free(j.name);
    free(pairs);
    free(share);
    free(report);
}

double top_share(const struct judgement *judgement)
{
    return (double)judgement->top_correct / (double)fmnn_confusion_total(judgement->matrix);
}

struct verdict verdict_of(const struct comparison *comparison)
{
    const uint64_t *n = comparison->rows;
    struct verdict v = {.test = fmnn_mcnemar(n[FIRST_RIGHT], n[SECOND_RIGHT])};
    for (size_t i = 0; i < AGREEMENTS; i++)
        v.rows += n[i];
    v.here = (double)(n[BOTH_RIGHT] + n[FIRST_RIGHT]) / (double)v.rows;
    v.there = (double)(n[BOTH_RIGHT] + n[SECOND_RIGHT]) / (double)v.rows;
    return v;
}

/* ---- 3. main ---- */

int main(int argc, char **argv)
{
    program_start(&program);
    struct settings settings = read_options(argc, argv);
    struct comparison comparison = {0};
    struct against *against = compares(&settings) ? against_open(&settings.against) : NULL;
    if (against) {
        settings.input.each = against_row;
        settings.input.context = against;
    }
    struct matrix matrix = matrix_read(&settings.input);
    if (settings.bins_given && !matrix.calibration)
        note("--bins changes nothing where there are no confidences");
    if (against)
        comparison = against_result(against);
    against_close(against);
    if (!settings.against.list)
        judge(&matrix, against ? &comparison : NULL, &settings);
    double accuracy = fmnn_confusion_accuracy(matrix.counts);
    matrix_free(&matrix);
    if (accuracy < settings.min_accuracy) {
        note("accuracy %.9g is below %.9g", accuracy, settings.min_accuracy);
        return EXIT_NEGATIVE;
    }
    return 0;
}
