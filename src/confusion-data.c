/* confusion-data.c -- the judgement for programs: TSV, and JSON.

   Contents: 1. TSV  2. JSON */
#include "confusion.h"

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

/* One table only: whoever reads it should not have to find where the next begins. */
void print_tsv(const struct judgement *j)
{
    if (j->report_wanted)
        tsv_report(j);
    else if (j->pairs_wanted)
        tsv_pairs(j);
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
    put_count(object, "right", fmnn_confusion_right(j->matrix));
    put_count(object, "skipped", j->skipped);
    put(object, "accuracy", json_real(j->report->accuracy));
    put(object, "cross_entropy",
        isnan(j->cross_entropy) ? json_null() : json_real(j->cross_entropy));
    if (j->report_wanted) {
        put(object, "report", json_report(j));
        put_count(object, "unpredicted", j->report->unpredicted);
        put_count(object, "unsupported", j->report->unsupported);
    }
    if (j->pairs_wanted)
        put(object, "pairs", json_pairs(j));
    /* A failed write shows when standard output is closed. */
    json_dumpf(object, stdout, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
    putchar('\n');
    json_decref(object);
}
