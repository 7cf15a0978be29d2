/* table-names.h -- the names of a table's columns: those that are known, and those that a table
   without a header would have had. */
#ifndef FM_TABLE_NAMES_H
#define FM_TABLE_NAMES_H

#include "base/internal.h"

/* The columns of a table without a header, in order; ends in NULL. */
const char *const *fm_table_columns(enum fmnn_table_kind kind);
/* Whether a line names columns: one known name is enough, in any case and between blanks. */
bool fm_table_is_header(enum fmnn_table_kind kind, char *const *field, size_t count);
/* If a line that is not a header of this kind is one of another kind, what is wrong: "a history,
   not a table of images"; else NULL. */
const char *fm_table_other_kind(enum fmnn_table_kind kind, char *const *field, size_t count);
/* Writes known names in lower case and without the blanks around them, unless the header has that
   name as well; and likewise the columns that are wished (NULL: none). The fields are changed in
   place. */
void fm_table_plain_names(enum fmnn_table_kind kind, const char *const *columns, char **field,
                          size_t count);
/* Whether the name of a column is known, in the form that fm_table_plain_names() gives it. */
bool fm_table_is_known(enum fmnn_table_kind kind, const char *name);
/* Whether two names are equal but for case and blanks around them. */
bool fm_table_same_name(const char *a, const char *b);
/* Another name of a column: Keras' older name for one of a history; or NULL. */
const char *fm_table_alias(enum fmnn_table_kind kind, const char *name);
/* The header that a table with this first row would have had, malloc'ed. */
char *fm_table_lost_header(enum fmnn_table_kind kind, char *const *field, size_t count,
                           struct fmnn_error *err);
/* Whether the fields of a first line that was taken for data look like column names; writes them
   into text: "'file', 'kind'". */
bool fm_table_like_names(char *const *field, size_t count, char *text, size_t size);

#endif
