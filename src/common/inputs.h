/* inputs.h -- what programs read: tables, nets, images, class names. What cannot be opened or read
   is trouble. */
#ifndef INPUTS_H
#define INPUTS_H

#include <stdbool.h>
#include <stddef.h>

#include <fmnn.h>

/* ---- tables */

/* Opens the table operand, or standard input if it is "-" or NULL; if that is a terminal, the error
   says what the program waits for. only: the splits whose rows are read, or NULL for all. */
struct fmnn_table *open_table(const char *operand, enum fmnn_table_kind kind, const char *only);
/* A table of predictions, if columns is not NULL: further names that make the first line a header;
   ends in NULL. */
struct fmnn_table *open_table_columns(const char *operand, enum fmnn_table_kind kind,
                                      const char *const *columns, const char *only);
size_t need_column(const struct fmnn_table *table, const char *name);
bool next_row(struct fmnn_table *table); /* false at the end */
/* The fields of the row (text: fmnn_table_field) or the names of the columns (fmnn_table_column),
   between tabs; malloc'ed. */
char *table_line(const struct fmnn_table *table,
                 const char *(*text)(const struct fmnn_table *table, size_t column));
/* The class in a column, a number or one of the names; -1 if the field is empty. names NULL: labels
   are numbers. */
int row_class(const struct fmnn_table *table, size_t column, const struct fmnn_names *names);
/* "TABLE:LINE: ..." of the current row. */
_Noreturn void die_at_row(const struct fmnn_table *table, const char *format, ...)
    FMNN_PRINTF(2, 3);
/* "predicted", or "predicted_WORD" if a suffix is not NULL; malloc'ed. */
char *suffixed(const char *name, const char *suffix);
/* "; did you mean 'test'?" if no row has the split `word` and that name is near; else "". */
const char *split_hint(const char *word);

/* ---- nets and images */

struct fmnn_net *open_net(const char *path);
/* Images by name; train:N and test:N are in the data directory (-d, or NULL), and relative paths
   begin in root (--root, or NULL: the working directory). */
struct fmnn_images *open_images(const char *data, const char *root);
const char *kernels_wanted(void); /* $FMNN_KERNELS; NULL if unset or empty: the CPU's best */

/* ---- the data directory */

/* Whether files of a data set are in the directory. */
bool holds_data(const char *directory);
/* A file's path in a directory: name and suffix after its slash; malloc'ed. */
char *path_in(const char *directory, const char *name, const char *suffix);
/* -d, else $FMNN_DATA, else ${XDG_DATA_HOME:-~/.local/share}/fmnn/fashion-mnist, else
   /usr/share/datasets/fashion-mnist; malloc'ed, or NULL if neither of the last two holds data. */
char *data_directory(const char *option);
/* The same for another data set, with its name in place of fashion-mnist. */
char *dataset_directory(const char *option, const char *dataset);
/* ${XDG_DATA_HOME:-~/.local/share}/fmnn/DATASET, whether it exists or not; malloc'ed, NULL if there
   is no home directory. */
char *user_directory(const char *dataset);

/* ---- class names */

struct fmnn_names *copy_names(const char *const *name, size_t count);
/* Of its classes.txt; NULL if there is none. */
struct fmnn_names *names_in_directory(const char *directory);
bool is_weights(const char *path);                     /* by its first bytes */
struct fmnn_names *names_in_weights(const char *path); /* NULL if the weights have none */
/* Class names: --classes FILE|WEIGHTS|none (option; NULL: not given), else those of the directory
   that holds `image`, the table's first image (may be NULL). NULL if there are none. */
struct fmnn_names *class_names(const char *option, struct fmnn_images *images, const char *image);

#endif
