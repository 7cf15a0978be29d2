/* confusion-data.c -- the judgement for programs: TSV, and JSON.

   Contents: 1. TSV  2. JSON */
#include "confusion/fm-confusion.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>

/* ---- 1. TSV ---- */

static void tsv_matrix(const struct judgement *j)
{
    char share[32];
    printf("label\tpredicted\tcount%s\n", j->share ? "\tshare" : "");
    for (size_t i = 0; i < j->classes; i++)
        for (size_t k = 0; k < j->classes; k++) {
            printf("%zu\t%zu\t%" PRIu64, fmnn_confusion_label(j->matrix, i),
                   fmnn_confusion_label(j->matrix, k), fmnn_confusion_count(j->matrix, i, k));
            if (j->share) {
                fmnn_format_number(share, j->share[i * j->classes + k]);
                printf("\t%s", share);
            }
            putchar('\n');
        }
}

static void tsv_score(const char *class, const char *name, const struct fmnn_score *score)
{
    char precision[32], recall[32], f1[32];
    fmnn_format_number(precision, score->precision);
    fmnn_format_number(recall, score->recall);
    fmnn_format_number(f1, score->f1);
    printf("%s\t%s\t%s\t%s\t%" PRIu64 "\t%s\n", class, precision, recall, f1, score->support, name);
}

static void tsv_report(const struct judgement *j)
{
    char text[32];
    printf("class\tprecision\trecall\tf1\tsupport\tname\n");
    for (size_t i = 0; i < j->classes; i++) {
        snprintf(text, sizeof text, "%zu", fmnn_confusion_label(j->matrix, i));
        tsv_score(text, j->named ? j->name[i] : "", &j->report->score[i]);
    }
    fmnn_format_number(text, j->report->accuracy);
    printf("accuracy\t\t\t%s\t%" PRIu64 "\t\n", text, j->report->macro.support);
    tsv_score("macro", "", &j->report->macro);
    tsv_score("weighted", "", &j->report->weighted);
}

static void tsv_pairs(const struct judgement *j)
{
    printf("label\tpredicted\tcount\n");
    for (size_t i = 0; i < j->pairs; i++)
        printf("%zu\t%zu\t%" PRIu64 "\n", fmnn_confusion_label(j->matrix, j->pair[i].truth),
               fmnn_confusion_label(j->matrix, j->pair[i].predicted), j->pair[i].count);
}

static void tsv_numbers(const double *number, size_t count)
{
    char text[32];
    for (size_t i = 0; i < count; i++) {
        if (isnan(number[i]))
            text[0] = 0;
        else
            fmnn_format_number(text, number[i]);
        printf("\t%s", text);
    }
    putchar('\n');
}

static void tsv_top(const struct judgement *j)
{
    uint64_t rows = fmnn_confusion_total(j->matrix);
    struct fmnn_interval in = fmnn_wilson(j->top_correct, rows);
    printf("top\tright\trows\taccuracy\tlow\thigh\n");
    printf("%zu\t%" PRIu64 "\t%" PRIu64, j->top, j->top_correct, rows);
    tsv_numbers((double[]){top_share(j), in.low, in.high}, 3);
}

static void tsv_reliability(const struct judgement *j)
{
    char from[32], to[32];
    printf("from\tto\trows\tright\tconfidence\taccuracy\tlow\thigh\n");
    for (size_t i = 0; i < fmnn_calibration_bins(j->calibration); i++) {
        struct fmnn_bin bin = fmnn_calibration_bin(j->calibration, i);
        struct fmnn_interval in = fmnn_wilson(bin.correct, bin.rows);
        fmnn_format_number(from, bin.from);
        fmnn_format_number(to, bin.to);
        printf("%s\t%s\t%" PRIu64 "\t%" PRIu64, from, to, bin.rows, bin.correct);
        tsv_numbers((double[]){bin.confidence, bin.accuracy, in.low, in.high}, 4);
    }
}

static const char *const agreement_names[AGREEMENTS] = {"both", "first", "second", "neither"};

static void tsv_comparison(const struct judgement *j)
{
    const struct comparison *c = j->comparison;
    struct verdict v = verdict_of(c);
    printf("figure\tvalue\nrows\t%" PRIu64 "\n", v.rows);
    for (size_t i = 0; i < AGREEMENTS; i++)
        printf("%s\t%" PRIu64 "\n", agreement_names[i], c->rows[i]);
    printf("left_out\t%" PRIu64 "\nleft_out_against\t%" PRIu64 "\n", c->alone, c->alone_there);
    printf("accuracy");
    tsv_numbers(&v.here, 1);
    printf("accuracy_against");
    tsv_numbers(&v.there, 1);
    printf("p_exact");
    tsv_numbers(&v.test.exact, 1);
    printf("chi2");
    tsv_numbers(&v.test.chi2, 1);
    printf("p_chi2");
    tsv_numbers(&v.test.p, 1);
}

/* One table only: whoever reads it should not have to find where the next begins. */
void print_tsv(const struct judgement *j)
{
    if (j->report_wanted)
        tsv_report(j);
    else if (j->pairs_wanted)
        tsv_pairs(j);
    else if (j->top)
        tsv_top(j);
    else if (j->reliability_wanted)
        tsv_reliability(j);
    else if (j->comparison)
        tsv_comparison(j);
    else
        tsv_matrix(j);
}

/* ---- 2. JSON ---- */

/* Puts a value, which it takes over, under a key; into an array where key is NULL. */
static void put(json_t *into, const char *key, json_t *value)
{
    int status = key ? json_object_set_new(into, key, value) : json_array_append_new(into, value);
    if (!value || status != 0)
        die("cannot make the JSON text: out of memory, or a class name that is not UTF-8");
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

static json_t *json_matrix(const struct judgement *j, bool shares)
{
    json_t *rows = fresh(json_array());
    for (size_t i = 0; i < j->classes; i++) {
        json_t *row = fresh(json_array());
        for (size_t k = 0; k < j->classes; k++)
            if (shares)
                put(row, NULL, json_real(j->share[i * j->classes + k]));
            else
                put_count(row, NULL, fmnn_confusion_count(j->matrix, i, k));
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

/* The dictionary that scikit-learn's classification_report(output_dict=True) gives. */
static json_t *json_report(const struct judgement *j)
{
    json_t *object = fresh(json_object());
    for (size_t i = 0; i < j->classes; i++)
        put(object, j->name[i], json_score(&j->report->score[i]));
    put(object, "accuracy", json_real(j->report->accuracy));
    put(object, "macro avg", json_score(&j->report->macro));
    put(object, "weighted avg", json_score(&j->report->weighted));
    return object;
}

static json_t *json_pairs(const struct judgement *j)
{
    json_t *list = fresh(json_array());
    for (size_t i = 0; i < j->pairs; i++) {
        json_t *object = fresh(json_object());
        put_count(object, "label", fmnn_confusion_label(j->matrix, j->pair[i].truth));
        put_count(object, "predicted", fmnn_confusion_label(j->matrix, j->pair[i].predicted));
        put_count(object, "count", j->pair[i].count);
        put(list, NULL, object);
    }
    return list;
}

static void put_classes(const struct judgement *j, json_t *object)
{
    json_t *labels = fresh(json_array()), *names = fresh(json_array());
    for (size_t i = 0; i < j->classes; i++) {
        put_count(labels, NULL, fmnn_confusion_label(j->matrix, i));
        put(names, NULL, json_string(j->name[i]));
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

static json_t *json_top(const struct judgement *j)
{
    uint64_t rows = fmnn_confusion_total(j->matrix);
    json_t *object = fresh(json_object());
    put_count(object, "k", j->top);
    put_count(object, "right", j->top_correct);
    put(object, "share", json_real(top_share(j)));
    put(object, "interval", json_interval(j->top_correct, rows));
    return object;
}

static json_t *json_bin(const struct fmnn_bin *bin)
{
    json_t *object = fresh(json_object());
    put(object, "from", json_real(bin->from));
    put(object, "to", json_real(bin->to));
    put_count(object, "rows", bin->rows);
    put_count(object, "right", bin->correct);
    put(object, "confidence", bin->rows ? json_real(bin->confidence) : json_null());
    put(object, "share", bin->rows ? json_real(bin->accuracy) : json_null());
    put(object, "interval", json_interval(bin->correct, bin->rows));
    return object;
}

static json_t *json_calibration(const struct judgement *j)
{
    const struct fmnn_calibration *c = j->calibration;
    json_t *object = fresh(json_object());
    put_count(object, "bins", fmnn_calibration_bins(c));
    put(object, "error", json_real(fmnn_calibration_error(c)));
    put(object, "worst", json_real(fmnn_calibration_max_error(c)));
    put(object, "confidence", json_real(fmnn_calibration_total(c).confidence));
    if (!j->reliability_wanted)
        return object;
    json_t *list = fresh(json_array());
    for (size_t i = 0; i < fmnn_calibration_bins(c); i++) {
        struct fmnn_bin bin = fmnn_calibration_bin(c, i);
        put(list, NULL, json_bin(&bin));
    }
    put(object, "reliability", list);
    return object;
}

static json_t *json_comparison(const struct judgement *j)
{
    const struct comparison *c = j->comparison;
    struct verdict v = verdict_of(c);
    json_t *object = fresh(json_object()), *test = fresh(json_object());
    json_t *name = json_string(j->other); /* a file's name need not be UTF-8 */
    put(object, "name", name ? name : json_null());
    put_count(object, "rows", v.rows);
    for (size_t i = 0; i < AGREEMENTS; i++)
        put_count(object, agreement_names[i], c->rows[i]);
    put_count(object, "left_out", c->alone);
    put_count(object, "left_out_against", c->alone_there);
    put(object, "share", json_real(v.here));
    put(object, "share_against", json_real(v.there));
    put(test, "p_exact", json_real(v.test.exact));
    put(test, "chi2", json_real(v.test.chi2));
    put(test, "p_chi2", json_real(v.test.p));
    put(object, "mcnemar", test);
    return object;
}

void print_json(const struct judgement *j)
{
    json_t *object = fresh(json_object());
    put_classes(j, object);
    put(object, "matrix", json_matrix(j, false));
    if (j->share) {
        put(object, "normalize", json_string(j->normalize));
        put(object, "normalized", json_matrix(j, true));
    }
    put_count(object, "rows", fmnn_confusion_total(j->matrix));
    put_count(object, "right", fmnn_confusion_correct(j->matrix));
    put_count(object, "skipped", j->skipped);
    put(object, "accuracy", json_real(j->report->accuracy));
    put(object, "cross_entropy",
        isnan(j->cross_entropy) ? json_null() : json_real(j->cross_entropy));
    put(object, "interval",
        json_interval(fmnn_confusion_correct(j->matrix), fmnn_confusion_total(j->matrix)));
    if (j->top)
        put(object, "top", json_top(j));
    put(object, "calibration", j->calibration ? json_calibration(j) : json_null());
    if (j->report_wanted) {
        put(object, "report", json_report(j));
        put_count(object, "unpredicted", j->report->unpredicted);
        put_count(object, "unsupported", j->report->unsupported);
    }
    if (j->pairs_wanted)
        put(object, "pairs", json_pairs(j));
    if (j->comparison)
        put(object, "against", json_comparison(j));
    /* A failed write shows when standard output is closed; want of memory has ended the program. */
    json_dumpf(object, stdout, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
    putchar('\n');
    json_decref(object);
}
