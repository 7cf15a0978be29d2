/* confusion-data.c -- an evaluation for programs: TSV and JSON. Both give a metric the same name.

   Contents: 1. TSV  2. JSON */
#include "confusion/fm-confusion.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>

/* ---- 1. TSV ---- */

static void tsv_matrix(const struct evaluation *e)
{
    char fraction[32];
    printf("label\tpredicted\tcount%s\n", e->fraction ? "\tnormalized" : "");
    for (size_t i = 0; i < e->classes; i++)
        for (size_t k = 0; k < e->classes; k++) {
            printf("%zu\t%zu\t%" PRIu64, fmnn_confusion_label(e->matrix, i),
                   fmnn_confusion_label(e->matrix, k), fmnn_confusion_count(e->matrix, i, k));
            if (e->fraction) {
                fmnn_format_number(fraction, e->fraction[i * e->classes + k]);
                printf("\t%s", fraction);
            }
            putchar('\n');
        }
}

static void tsv_number(double number)
{
    char text[32] = "";
    if (!isnan(number))
        fmnn_format_number(text, number);
    printf("\t%s", text);
}

/* ranking: NULL, or for two columns more. */
static void tsv_score(const char *class, const char *name, const struct fmnn_score *score,
                      const struct fmnn_ranking_score *ranking)
{
    fputs(class, stdout);
    tsv_number(score->precision);
    tsv_number(score->recall);
    tsv_number(score->f1);
    printf("\t%" PRIu64 "\t%s", score->support, name);
    if (ranking) {
        tsv_number(ranking->roc_auc);
        tsv_number(ranking->average_precision);
    }
    putchar('\n');
}

/* A metric of the whole, in the column of the F1 score. */
static void tsv_whole(const struct evaluation *e, const char *name, double value)
{
    printf("%s\t\t", name);
    tsv_number(value);
    printf("\t%" PRIu64 "\t%s\n", e->report->macro.support, e->ranking ? "\t\t" : "");
}

static void tsv_report(const struct evaluation *e)
{
    char text[32];
    const struct fmnn_report *report = e->report;
    const struct fmnn_ranking_report *ranking = e->ranking;
    printf("class\tprecision\trecall\tf1\tsupport\tname%s\n",
           ranking ? "\troc_auc\taverage_precision" : "");
    for (size_t i = 0; i < e->classes; i++) {
        snprintf(text, sizeof text, "%zu", fmnn_confusion_label(e->matrix, i));
        struct fmnn_ranking_score rank = rank_of_class(e, i);
        tsv_score(text, e->named ? e->name[i] : "", &report->score[i], ranking ? &rank : NULL);
    }
    tsv_whole(e, "accuracy", report->accuracy);
    tsv_score("macro", "", &report->macro, ranking ? &ranking->macro : NULL);
    tsv_score("weighted", "", &report->weighted, ranking ? &ranking->weighted : NULL);
    tsv_whole(e, "balanced_accuracy", report->balanced_accuracy);
    tsv_whole(e, "kappa", report->kappa);
    tsv_whole(e, "mcc", report->mcc);
    if (ranking) {
        printf("micro\t\t\t\t%" PRIu64 "\t", report->macro.support);
        tsv_number(ranking->micro.roc_auc);
        tsv_number(ranking->micro.average_precision);
        putchar('\n');
    }
}

static void tsv_pairs(const struct evaluation *e)
{
    printf("label\tpredicted\tcount\n");
    for (size_t i = 0; i < e->pairs; i++)
        printf("%zu\t%zu\t%" PRIu64 "\n", fmnn_confusion_label(e->matrix, e->pair[i].truth),
               fmnn_confusion_label(e->matrix, e->pair[i].predicted), e->pair[i].count);
}

static void tsv_numbers(const double *number, size_t count)
{
    for (size_t i = 0; i < count; i++)
        tsv_number(number[i]);
    putchar('\n');
}

static void tsv_top(const struct evaluation *e)
{
    uint64_t rows = fmnn_confusion_total(e->matrix);
    struct fmnn_interval in = fmnn_wilson(e->top_correct, rows);
    printf("top\tcorrect\trows\taccuracy\tlow\thigh\n");
    printf("%zu\t%" PRIu64 "\t%" PRIu64, e->top, e->top_correct, rows);
    tsv_numbers((double[]){top_accuracy(e), in.low, in.high}, 3);
}

static void tsv_reliability(const struct evaluation *e)
{
    char from[32], to[32];
    printf("from\tto\trows\tcorrect\tconfidence\taccuracy\tlow\thigh\n");
    for (size_t i = 0; i < fmnn_calibration_bins(e->calibration); i++) {
        struct fmnn_bin bin = fmnn_calibration_bin(e->calibration, i);
        struct fmnn_interval in = fmnn_wilson(bin.correct, bin.rows);
        fmnn_format_number(from, bin.from);
        fmnn_format_number(to, bin.to);
        printf("%s\t%s\t%" PRIu64 "\t%" PRIu64, from, to, bin.rows, bin.correct);
        tsv_numbers((double[]){bin.confidence, bin.accuracy, in.low, in.high}, 4);
    }
}

static const char *const agreement_names[AGREEMENTS] = {"both", "first", "second", "neither"};

static void tsv_comparison(const struct evaluation *e)
{
    const struct comparison_counts *c = e->comparison;
    struct comparison_metrics m = comparison_metrics(c);
    printf("metric\tvalue\nrows\t%" PRIu64 "\n", m.rows);
    for (size_t i = 0; i < AGREEMENTS; i++)
        printf("%s\t%" PRIu64 "\n", agreement_names[i], c->rows[i]);
    printf("left_out\t%" PRIu64 "\nleft_out_against\t%" PRIu64 "\n", c->left_out,
           c->left_out_against);
    printf("accuracy");
    tsv_numbers(&m.accuracy, 1);
    printf("accuracy_against");
    tsv_numbers(&m.accuracy_against, 1);
    printf("p_exact");
    tsv_numbers(&m.test.exact, 1);
    printf("chi2");
    tsv_numbers(&m.test.chi2, 1);
    printf("p_chi2");
    tsv_numbers(&m.test.p, 1);
}

/* One table only: a reader need not find where the next one begins. */
void print_tsv(const struct evaluation *e)
{
    if (e->report_wanted)
        tsv_report(e);
    else if (e->pairs_wanted)
        tsv_pairs(e);
    else if (e->top)
        tsv_top(e);
    else if (e->reliability_wanted)
        tsv_reliability(e);
    else if (e->comparison)
        tsv_comparison(e);
    else
        tsv_matrix(e);
}

/* ---- 2. JSON ---- */

/* Puts a value, which it takes over, under a key, or into an array if key is NULL. */
static void put(json_t *into, const char *key, json_t *value)
{
    int status = key ? json_object_set_new(into, key, value) : json_array_append_new(into, value);
    if (!value || status != 0)
        die("cannot make the JSON text: out of memory, or a class name is not UTF-8");
}

static json_t *fresh(json_t *value)
{
    if (!value)
        die("out of memory");
    return value;
}

static void put_count(json_t *into, const char *key, uint64_t count)
{
    put(into, key, json_integer((json_int_t)count));
}

static json_t *json_matrix(const struct evaluation *e, bool normalized)
{
    json_t *rows = fresh(json_array());
    for (size_t i = 0; i < e->classes; i++) {
        json_t *row = fresh(json_array());
        for (size_t k = 0; k < e->classes; k++)
            if (normalized)
                put(row, NULL, json_real(e->fraction[i * e->classes + k]));
            else
                put_count(row, NULL, fmnn_confusion_count(e->matrix, i, k));
        put(rows, NULL, row);
    }
    return rows;
}

static json_t *json_score(const struct fmnn_score *score)
{
    json_t *object = fresh(json_object());
    put(object, "precision", json_real(score->precision));
    put(object, "recall", json_real(score->recall));
    put(object, "f1-score", json_real(score->f1));
    put(object, "support", json_real((double)score->support));
    return object;
}

/* Puts the score of a class under its name, with the number in front of a name that another member
   has, or will have: a list can repeat a name, and a class can have the name "accuracy". */
static void put_score(const struct evaluation *e, size_t i, json_t *object)
{
    static const char *const others[] = {"accuracy", "macro avg", "weighted avg"};
    char *key = text_format("%s", e->name[i]);
    bool taken = false;
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        taken |= !strcmp(key, others[k]);
    while (taken || json_object_get(object, key)) {
        char *longer = text_format("%zu %s", fmnn_confusion_label(e->matrix, i), key);
        free(key);
        key = longer;
        taken = false;
    }
    put(object, key, json_score(&e->report->score[i]));
    free(key);
}

/* The dictionary that scikit-learn's classification_report(output_dict=True) gives. */
static json_t *json_report(const struct evaluation *e)
{
    json_t *object = fresh(json_object());
    for (size_t i = 0; i < e->classes; i++)
        put_score(e, i, object);
    put(object, "accuracy", json_real(e->report->accuracy));
    put(object, "macro avg", json_score(&e->report->macro));
    put(object, "weighted avg", json_score(&e->report->weighted));
    return object;
}

static json_t *json_number(double number)
{
    return isnan(number) ? json_null() : json_real(number);
}

static json_t *json_rank(const struct fmnn_ranking_score *score)
{
    json_t *object = fresh(json_object());
    put(object, "roc_auc", json_number(score->roc_auc));
    put(object, "average_precision", json_number(score->average_precision));
    return object;
}

static json_t *json_ranking(const struct evaluation *e)
{
    json_t *object = fresh(json_object()), *classes = fresh(json_array());
    for (size_t i = 0; i < e->classes; i++) {
        struct fmnn_ranking_score score = rank_of_class(e, i);
        put(classes, NULL, json_rank(&score));
    }
    put(object, "classes", classes);
    put(object, "macro", json_rank(&e->ranking->macro));
    put(object, "weighted", json_rank(&e->ranking->weighted));
    put(object, "micro", json_rank(&e->ranking->micro));
    return object;
}

static json_t *json_pairs(const struct evaluation *e)
{
    json_t *list = fresh(json_array());
    for (size_t i = 0; i < e->pairs; i++) {
        json_t *object = fresh(json_object());
        put_count(object, "label", fmnn_confusion_label(e->matrix, e->pair[i].truth));
        put_count(object, "predicted", fmnn_confusion_label(e->matrix, e->pair[i].predicted));
        put_count(object, "count", e->pair[i].count);
        put(list, NULL, object);
    }
    return list;
}

static void put_classes(const struct evaluation *e, json_t *object)
{
    json_t *labels = fresh(json_array()), *names = fresh(json_array());
    for (size_t i = 0; i < e->classes; i++) {
        put_count(labels, NULL, fmnn_confusion_label(e->matrix, i));
        put(names, NULL, json_string(e->name[i]));
    }
    put(object, "labels", labels);
    put(object, "names", names);
}

static json_t *json_interval(uint64_t correct, uint64_t rows)
{
    struct fmnn_interval interval = fmnn_wilson(correct, rows);
    json_t *list = fresh(json_array());
    put(list, NULL, json_real(interval.low));
    put(list, NULL, json_real(interval.high));
    return list;
}

static json_t *json_top(const struct evaluation *e)
{
    uint64_t rows = fmnn_confusion_total(e->matrix);
    json_t *object = fresh(json_object());
    put_count(object, "k", e->top);
    put_count(object, "correct", e->top_correct);
    put(object, "accuracy", json_real(top_accuracy(e)));
    put(object, "interval", json_interval(e->top_correct, rows));
    return object;
}

static json_t *json_bin(const struct fmnn_bin *bin)
{
    json_t *object = fresh(json_object());
    put(object, "from", json_real(bin->from));
    put(object, "to", json_real(bin->to));
    put_count(object, "rows", bin->rows);
    put_count(object, "correct", bin->correct);
    put(object, "confidence", bin->rows ? json_real(bin->confidence) : json_null());
    put(object, "accuracy", bin->rows ? json_real(bin->accuracy) : json_null());
    put(object, "interval", json_interval(bin->correct, bin->rows));
    return object;
}

static json_t *json_calibration(const struct evaluation *e)
{
    const struct fmnn_calibration *c = e->calibration;
    json_t *object = fresh(json_object());
    put_count(object, "bins", fmnn_calibration_bins(c));
    put(object, "error", json_real(fmnn_calibration_error(c)));
    put(object, "worst", json_real(fmnn_calibration_max_error(c)));
    put(object, "confidence", json_real(fmnn_calibration_total(c).confidence));
    if (!e->reliability_wanted)
        return object;
    json_t *list = fresh(json_array());
    for (size_t i = 0; i < fmnn_calibration_bins(c); i++) {
        struct fmnn_bin bin = fmnn_calibration_bin(c, i);
        put(list, NULL, json_bin(&bin));
    }
    put(object, "reliability", list);
    return object;
}

static json_t *json_comparison(const struct evaluation *e)
{
    const struct comparison_counts *c = e->comparison;
    struct comparison_metrics m = comparison_metrics(c);
    json_t *object = fresh(json_object()), *test = fresh(json_object());
    json_t *name = json_string(e->other); /* NULL: a file's name need not be UTF-8 */
    put(object, "name", name ? name : json_null());
    put_count(object, "rows", m.rows);
    for (size_t i = 0; i < AGREEMENTS; i++)
        put_count(object, agreement_names[i], c->rows[i]);
    put_count(object, "left_out", c->left_out);
    put_count(object, "left_out_against", c->left_out_against);
    put(object, "accuracy", json_real(m.accuracy));
    put(object, "accuracy_against", json_real(m.accuracy_against));
    put(test, "p_exact", json_real(m.test.exact));
    put(test, "chi2", json_real(m.test.chi2));
    put(test, "p_chi2", json_real(m.test.p));
    put(object, "mcnemar", test);
    return object;
}

static void put_matrix(const struct evaluation *e, json_t *object)
{
    put(object, "matrix", json_matrix(e, false));
    if (e->fraction) {
        put(object, "normalize", json_string(e->normalize));
        put(object, "normalized", json_matrix(e, true));
    }
}

static void put_metrics(const struct evaluation *e, json_t *object)
{
    put_count(object, "rows", fmnn_confusion_total(e->matrix));
    put_count(object, "correct", fmnn_confusion_correct(e->matrix));
    put_count(object, "skipped", e->skipped);
    put(object, "accuracy", json_real(e->report->accuracy));
    put(object, "cross_entropy", json_number(e->cross_entropy));
    put(object, "interval",
        json_interval(fmnn_confusion_correct(e->matrix), fmnn_confusion_total(e->matrix)));
    if (e->top)
        put(object, "top", json_top(e));
    put(object, "calibration", e->calibration ? json_calibration(e) : json_null());
}

static void put_agreement(const struct evaluation *e, json_t *object)
{
    put(object, "balanced_accuracy", json_number(e->report->balanced_accuracy));
    put(object, "kappa", json_number(e->report->kappa));
    put(object, "mcc", json_real(e->report->mcc));
    if (!e->ranking)
        return;
    put(object, "roc_auc", json_number(e->ranking->macro.roc_auc));
    put(object, "average_precision", json_number(e->ranking->macro.average_precision));
    put(object, "ranking", json_ranking(e));
}

static void put_extras(const struct evaluation *e, json_t *object)
{
    if (e->report_wanted) {
        put(object, "report", json_report(e));
        put_count(object, "unpredicted", e->report->unpredicted);
        put_count(object, "unsupported", e->report->unsupported);
        put_agreement(e, object);
    }
    if (e->pairs_wanted)
        put(object, "pairs", json_pairs(e));
    if (e->comparison)
        put(object, "against", json_comparison(e));
}

void print_json(const struct evaluation *e)
{
    json_t *object = fresh(json_object());
    put_classes(e, object);
    put_matrix(e, object);
    put_metrics(e, object);
    put_extras(e, object);
    /* A failed write is reported when standard output is closed. */
    json_dumpf(object, stdout, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
    putchar('\n');
    json_decref(object);
}
