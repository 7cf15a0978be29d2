/* issues.h -- the rows whose label is probably wrong. */
#ifndef ISSUES_H
#define ISSUES_H

#include "common/predictions.h"

struct issues;
struct issues *issues_new(void);
void issues_free(struct issues *issues);
/* Takes a row; a callback for matrix_request.probabilities. */
void issues_row(void *issues, struct fmnn_table *table, size_t label, const double *probabilities,
                size_t classes);
/* Prints the rows with issues, the most certain first, with the columns suggested, self_confidence
   and, if the classes have names, suggested_class. */
void issues_print(struct issues *issues, const struct fmnn_names *names);

#endif
