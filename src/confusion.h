/* confusion.h -- a judged table, and the formats in which fm-confusion prints it. */
#ifndef CONFUSION_H
#define CONFUSION_H

#include "common.h"

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
};

/* Each prints all that was asked for to standard output. */
void print_text(const struct judgement *judgement);
void print_numpy(const struct judgement *judgement);
void print_tsv(const struct judgement *judgement);
void print_json(const struct judgement *judgement);
void print_markdown(const struct judgement *judgement);

/* What text and numpy share: the report as scikit-learn's classification_report prints it, and the
   pairs, each where it is wanted. */
void print_extras(const struct judgement *judgement);

#endif
