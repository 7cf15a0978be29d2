/* compare.h -- compares two predictions of the same images: which of them gets which image
   right. */
#ifndef COMPARE_H
#define COMPARE_H

#include "common/predictions.h"

enum agreement { BOTH_CORRECT, FIRST_CORRECT, SECOND_CORRECT, NEITHER_CORRECT, AGREEMENTS };

struct comparison_request {
    const char *file;         /* the second table; NULL: one table has both predictions */
    const char *suffix;       /* of the second prediction's columns, or NULL */
    const char *only;         /* splits, or NULL */
    const char *label_column; /* --label-column, or NULL; the second table need not have it */
    unsigned list; /* bits, 1 << enum agreement: rows to print as they are read; 0: none */
};

struct comparison_counts {
    uint64_t rows[AGREEMENTS];
    uint64_t left_out, left_out_against; /* images that only the first, the second table has */
};

struct comparison;
/* Opens the second table, if there is one. */
struct comparison *comparison_open(const struct comparison_request *request);
/* Reads it, and takes a row of the first table; callbacks for matrix_request.start and .each. */
void comparison_start(void *comparison, struct reader *reader, struct fmnn_table *table);
void comparison_row(void *comparison, struct fmnn_table *table, int label, int predicted,
                    uint64_t count);
/* Callback for matrix_request.turned. */
void comparison_turned(void *comparison);
/* At the end of the first table. It is trouble if the tables have no labelled image in common. */
struct comparison_counts comparison_finish(struct comparison *comparison);
void comparison_close(struct comparison *comparison);

#endif
