/* train-classes.h -- the classes of a training. */
#ifndef TRAIN_CLASSES_H
#define TRAIN_CLASSES_H

#include "common/common.h"
#include "common/class-pairs.h"

/* What a row is for. */
enum use { NOT_USED, FOR_TRAINING, FOR_VALIDATION, USES };

struct classes {
    const struct fmnn_table *table;
    int label, class; /* columns; -1: missing */
    struct class_of {
        uint64_t rows[USES];
    } * of;
    size_t count, capacity;
    size_t labels; /* 1 + the highest label that is used or has a name */
    struct class_pairs pairs; /* label and class */
    struct class_words words; /* the names in the column `class`, if there are no labels */
    unsigned noted;           /* words of splits that have been noted */
};

/* nameless: do not read the column `class` if there are labels. */
struct classes *classes_new(const struct fmnn_table *table, bool nameless);
void classes_free(struct classes *c);
/* Whether the column `class` is read. */
bool classes_are_in_table(const struct classes *c);
/* The class of the current row, -1: unknown. given: the names that the user or a checkpoint gives,
   or NULL; found: those of the images' directory, or NULL, in which labels are looked up that are
   names. If the table has no labels, the number is that of the first occurrence. */
int classes_of_row(struct classes *c, const struct fmnn_names *given,
                   const struct fmnn_names *found);
void classes_count(struct classes *c, int label, enum use use);
/* At the end: the names of the classes, or NULL; one of the lists given and found (as above), or
   another one. If the table has no labels, *to, malloc'ed, has the label for each number that
   classes_of_row() returned; else it is NULL. */
struct fmnn_names *classes_name(struct classes *c, struct fmnn_names *given,
                                struct fmnn_names *found, size_t **to);
/* Notes gaps between labels, those of rows that are not used, too, unless the names are listed, and
   classes without validation images. */
void classes_note(const struct classes *c, bool listed, size_t classes);
/* Notes, once, that nobody uses rows of a split whose name is similar to that of another. */
void classes_note_split(struct classes *c, const char *split);

#endif
