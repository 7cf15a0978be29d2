/* confusion.h -- a judged table, and the formats in which fm-confusion prints it. */
#ifndef CONFUSION_H
#define CONFUSION_H

#include "confusion/compare.h"

struct judgement {
    const struct fmnn_confusion *matrix;
    size_t classes;
    char **name; /* of each class; its label where it has none */
    bool named;
    const struct fmnn_report *report;
    bool report_wanted;
    int digits;            /* of the report */
    const double *share;   /* the normalised matrix, (classes,classes); NULL: counts are wanted */
    const char *normalize; /* "true", "pred", "all" */
    const struct fmnn_pair *pair;
    size_t pairs; /* to print */
    bool pairs_wanted;
    uint64_t skipped;     /* rows without label */
    double cross_entropy; /* NaN: there are no probabilities */
    size_t top;           /* 0: not asked for */
    uint64_t top_correct;
    const struct fmnn_calibration *calibration; /* NULL: there are no confidences */
    bool reliability_wanted;
    const struct comparison *comparison; /* NULL: not asked for */
    const char *other;                   /* what names the other prediction */
};

/* Of all rows, those that have their class among the `top` most probable. */
double top_share(const struct judgement *judgement);

/* The rest of a comparison. */
struct verdict {
    uint64_t rows;
    double here, there; /* accuracies */
    struct fmnn_mcnemar test;
};
struct verdict verdict_of(const struct comparison *comparison);

/* Each prints all that was asked for to standard output. */
void print_text(const struct judgement *judgement);
void print_numpy(const struct judgement *judgement);
void print_tsv(const struct judgement *judgement);
void print_json(const struct judgement *judgement);
void print_markdown(const struct judgement *judgement);

/* What text and numpy share: the report as scikit-learn's classification_report prints it, the
   pairs, reliability and comparison, each where it is wanted. */
void print_extras(const struct judgement *judgement);

#endif
