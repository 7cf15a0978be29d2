/* predictions.h -- reads a table of predictions, or of their counts, into a confusion matrix. */
#ifndef PREDICTIONS_H
#define PREDICTIONS_H

#include "common/common.h"

/* The options for tables of other programs; `type` has const char * members of these names. */
#define CLASS_COLUMN_ROWS(type, label, predicted)                                                  \
    {0,           "label-column",                                                                  \
     "NAME",      "read the true classes from this column",                                        \
     OPTION_TEXT, OPTION_TARGET(type, label)},                                                     \
    {                                                                                              \
        0, "predicted-column", "NAME", "read the predictions from this column", OPTION_TEXT,       \
            OPTION_TARGET(type, predicted)                                                         \
    }

struct reader; /* of a table: its rules of what is a class */

struct matrix_request {
    const char *table;                           /* operand; NULL: standard input */
    const char *only, *suffix, *classes, *data;  /* the options of these names; NULL: not given */
    const char *root;                            /* likewise */
    const char *label_column, *predicted_column; /* likewise */
    const char *purpose; /* a verb: an empty table leaves nothing to "evaluate", "draw" */
    bool entropy;        /* compute the cross-entropy if there are probabilities */
    bool ranking;        /* collect the probabilities for ROC curves, if there are any */
    bool must_rank;      /* it is trouble if there are none */
    size_t top;          /* count rows whose class is among the `top` most probable; 0: do not */
    size_t bins;         /* of confidence; 0: do not compute the calibration */
    bool must_calibrate; /* it is trouble if the calibration cannot be computed */
    /* NULL, or called for each row as it is read, with the row's class (-1: it has no label), the
       predicted class (-1: there is no label) and the number of rows that it stands for. */
    void (*each)(void *context, struct fmnn_table *table, int label, int predicted, uint64_t count);
    /* NULL, or called before the first row with a label, when it is known what the classes are. */
    void (*start)(void *context, struct reader *reader, struct fmnn_table *table);
    /* NULL, or called when the classes become names, because a negative one occurs: what was read
       as a number before is now reader_word() of it. Not called while a row is in `each`. */
    void (*turned)(void *context);
    /* NULL, or called likewise for each row with a label, with its probabilities (classes); it is
       trouble if there are none. */
    void (*probabilities)(void *context, struct fmnn_table *table, size_t label,
                          const double *probabilities, size_t classes);
    void *context;
};

struct matrix {
    struct fmnn_confusion *counts;
    struct fmnn_names *names; /* of the classes 0 .. classes-1, or NULL */
    bool words;               /* the table has names of classes, and no list gives their order */
    uint64_t skipped;         /* rows without a label */
    double cross_entropy;     /* NaN: unknown, or not asked for */
    uint64_t top_correct;
    struct fmnn_ranking *ranking;         /* NULL: unknown, or not asked for */
    struct fmnn_calibration *calibration; /* NULL: unknown, or not asked for */
};

/* The class in a column of the current row, of this table or another one, by the names that count
   for this one: a number, or the number of a name; -1 if the field is empty. names: the column has
   names only, even if they look like numbers. */
int reader_class(struct reader *reader, const struct fmnn_table *table, size_t column, bool names);
/* Whether the labels are in the column `class`, because there is no `label`. */
bool reader_has_names(const struct reader *reader);
/* Takes the name that the row has for a class that reader_class() read from `column`; name_column:
   -1 if the table has none. It is trouble if number and name do not go together as in the list, or
   in all rows of both tables. */
void reader_pair(struct reader *reader, const struct fmnn_table *table, int class, size_t column,
                 int name_column);
/* What a class is called in a list of rows: its number, or its name if the tables have names only;
   malloc'ed. */
char *reader_text(const struct reader *reader, int class);
/* The number of the name that a class has which was read as a number; see `turned`. -1 stays -1. */
int reader_word(struct reader *reader, int class);
/* Has another column of predictions read before the row is passed to `each`. */
void reader_also(struct reader *reader, size_t column, bool names);
/* The column of the predictions. */
size_t reader_predicted(const struct reader *reader);

/* Columns that exclude each other are trouble. */
void check_class_columns(const struct matrix_request *request);
/* Reads the whole table. It is trouble if no row has a label. */
struct matrix matrix_read(const struct matrix_request *request);
void matrix_free(struct matrix *matrix);
/* The name of the i-th class, or its number if it has no name; malloc'ed. */
char *matrix_class(const struct matrix *matrix, size_t i);

#endif
