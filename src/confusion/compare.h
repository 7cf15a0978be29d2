/* against.h -- two predictions of the same images: what the one gets right and the other
   wrong. */
#ifndef AGAINST_H
#define AGAINST_H

#include "common/common.h"

enum agreement { BOTH_RIGHT, FIRST_RIGHT, SECOND_RIGHT, NEITHER_RIGHT, AGREEMENTS };

struct against_request {
    const char *file;   /* the second table; NULL: the same has both predictions */
    const char *suffix; /* of the second prediction's columns, or NULL */
    const char *only;   /* splits, or NULL */
    unsigned list;      /* bits, 1 << enum agreement: rows to print as they are read; 0: none */
};

struct comparison {
    uint64_t rows[AGREEMENTS];
    uint64_t alone, alone_there; /* images of one table only: they do not count */
};

struct against;
/* Reads the second table, where there is one. */
struct against *against_open(const struct against_request *request);
/* For each row of the first table, as matrix_request.each wants it. */
void against_row(void *against, struct fmnn_table *table, int label, int predicted, uint64_t count);
/* At the end: there is at least one row of both, or trouble. */
struct comparison against_result(const struct against *against);
void against_close(struct against *against);

#endif
