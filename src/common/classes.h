/* classes.h -- the classes in the fields of a table: numbers, or names of a list or of the
   table. */
#ifndef CLASSES_H
#define CLASSES_H

#include <stdbool.h>
#include <stddef.h>

#include <fmnn.h>

/* The number that a field is: "3", "3.0" as pandas writes it, "-0.0", and "True" and "False", which
   are 1 and 0. False if it is none, or above the maximum of a label. */
bool class_number(const char *text, size_t *number);
/* Whether the field is a negative whole number, which some programs use as a label. */
bool class_is_negative(const char *text);

/* Names of classes, numbered from 0. */
struct class_words {
    char **word;
    size_t *sorted; /* their numbers, in the order of the names */
    size_t count, capacity, sorted_capacity;
};

/* The names of a list in its order. */
void words_take(struct class_words *words, const struct fmnn_names *names);
/* The number of a name; -1 if there is none. */
int words_find(const struct class_words *words, const char *text);
/* The number of a name, which is added if it is new. A whole number is the same name in all its
   forms: "-1" and "-1.0", "0" and "-0". */
size_t words_add(struct class_words *words, const char *text);
/* The same for words that are no classes: "1" and "1.0" differ. */
size_t words_add_exactly(struct class_words *words, const char *text);
/* The names in order, as scikit-learn sorts them: by their bytes, or by value if all are whole
   numbers. *rank: the place of each number in that order; both are malloc'ed. */
struct fmnn_names *words_in_order(const struct class_words *words, size_t **rank);
void words_free(struct class_words *words);

#endif
