/* class-pairs.h -- the names that a table gives to the numbers of classes: in the columns label and
   class, predicted and predicted_class. */
#ifndef CLASS_PAIRS_H
#define CLASS_PAIRS_H

#include "common/classes.h"

struct class_pairs {
    struct class_pair {
        char *name; /* NULL: the number has none */
        char *column, *table; /* where it stood first */
    } * of; /* of each number */
    size_t count, capacity;
    struct class_words words; /* the names */
    size_t *number;           /* of each word */
    size_t numbers;           /* capacity */
};

/* Takes a pair of the current row; a number, which is in that column, and a name must always go
   together, else it is trouble. */
void pairs_add(struct class_pairs *pairs, const struct fmnn_table *table, const char *column,
               size_t number, const char *name);
/* The names of the first `count` numbers or more: those of another list that is found with the
   images (NULL: none), if it agrees with all pairs, else those of the pairs, after a note; numbers
   without a name have themselves as names, or "class 2" if "2" is the name of another. NULL if
   there are no names. Returns `found` or a new list. */
struct fmnn_names *pairs_names(const struct class_pairs *pairs, size_t count,
                               struct fmnn_names *found, const char *table);
void pairs_free(struct class_pairs *pairs);

/* Compares a pair of the current row with a list of names, whose source is for messages. If the
   name has another number there, returns -1 and an error; if it is not there, that is noted
   once. */
int pair_check(const struct fmnn_names *names, const char *source, const struct fmnn_table *table,
               const char *column, size_t number, const char *name, bool *noted,
               struct fmnn_error *err);

/* A note on the first class of two lists that has another number in the other one; false if there
   is none. The sources are for the note, which begins with `where`. */
bool note_other_order(const char *where, const struct fmnn_names *names, const char *source,
                      const struct fmnn_names *others, const char *other_source);

#endif
