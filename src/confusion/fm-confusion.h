/* fm-confusion.h -- the evaluation of a table, and the formats in which fm-confusion prints it. */
#ifndef FM_CONFUSION_H
#define FM_CONFUSION_H

#include "confusion/compare.h"

struct evaluation {
    const struct fmnn_confusion *matrix;
    size_t classes;
    char **name; /* of each class; its label if it has no name */
    bool named;
    struct fmnn_report *report;
    struct fmnn_ranking_report *ranking; /* NULL: there are no probabilities, or no report */
    bool report_wanted;
    int digits;            /* of the report */
    double *fraction;      /* the normalised matrix, (classes,classes); NULL: print counts */
    const char *normalize; /* "true", "pred", "all" */
    struct fmnn_pair *pair;
    size_t pairs; /* to print */
    bool pairs_wanted;
    uint64_t skipped;     /* rows without a label */
    double cross_entropy; /* NaN: there are no probabilities */
    size_t top;           /* K of --top; 0: not given */
    uint64_t top_correct;
    const struct fmnn_calibration *calibration; /* NULL: there are no confidences */
    bool reliability_wanted;
    const struct comparison_counts *comparison; /* NULL: not wanted */
    const char *other;                          /* names the other prediction */
};

/* The fraction of rows whose true class is among the `top` most probable classes. */
double top_accuracy(const struct evaluation *evaluation);

/* The areas of the i-th class of the matrix; NaN if there are no probabilities of the class. */
struct fmnn_ranking_score rank_of_class(const struct evaluation *evaluation, size_t i);

/* What follows from the counts of a comparison. */
struct comparison_metrics {
    uint64_t rows;
    double accuracy, accuracy_against; /* of the first prediction, of the second */
    struct fmnn_mcnemar test;
};
struct comparison_metrics comparison_metrics(const struct comparison_counts *counts);

/* Each prints everything that was asked for to standard output. */
void print_text(const struct evaluation *evaluation);
void print_numpy(const struct evaluation *evaluation);
void print_tsv(const struct evaluation *evaluation);
void print_json(const struct evaluation *evaluation);
void print_markdown(const struct evaluation *evaluation);

/* The part common to text and numpy: the report as scikit-learn's classification_report prints it,
   the pairs, reliability and comparison, each if it is wanted. */
void print_extras(const struct evaluation *evaluation);

#endif
