/* fm-split.h -- what the parts of fm-split share. */
#ifndef FM_SPLIT_H
#define FM_SPLIT_H

#include "common/common.h"

enum { TRAIN, VALID, TEST, OTHER /* another word, which remains */, SPLITS = OTHER };
extern const char *const split_names[];

struct settings {
    const char *data;
    struct fmnn_split split; /* what validates */
    struct fmnn_split test;  /* what tests: `valid` or `percent` */
    uint64_t limit;
    bool wanted[SPLITS];
    bool names, absolute;
    enum { KEEP_DUPLICATES, REPORT_DUPLICATES, DROP_DUPLICATES } duplicates;
};

/* ---- split-rows.c: rows of folders and tables, and which of them validate or test */

enum { NO_CLASS = -1 };

struct row {
    char *image;
    char *before, *after; /* of a table: the fields around the split */
    int class;            /* its number, to stratify; or NO_CLASS */
    int split;
    size_t equal; /* 1 + the row before it that has the same pixels; 0: none */
    bool dropped;
};

struct rows {
    struct row *row;
    size_t count, capacity, classes;
    uint64_t written[SPLITS];
};

/* The number of rows that validate if no option says it. */
size_t default_valid(size_t rows);
/* A note on classes that are in only one of two splits, by their rows there, (classes); none on a split
   that has fewer rows than there are classes, because it lacks some in any case. hint: what to do,
   or "". */
void note_missing(const char *what, size_t classes, const size_t *train, const size_t *valid,
                  const char *hint);

struct row *add_row(struct rows *rows);
/* Chooses what tests, then what validates, from rows that may still become either. Rows that have a
   split keep it, unless an option says how to choose. what: the folder or table, for messages. */
void choose_splits(struct rows *rows, struct settings *settings, const char *what);
/* Finds rows whose images have the same pixels, and drops them if that is wished. */
void find_duplicates(struct rows *rows, const struct settings *settings);
/* After the splits are chosen: says how many there are. */
void report_duplicates(const struct rows *rows, const struct settings *settings, const char *what);
/* Whether the row is to be written; counts it. */
bool is_written(struct rows *rows, const struct row *row, const struct settings *settings);
/* Writes the field duplicate_of, if it is wished. */
void print_equal(const struct rows *rows, const struct row *row, const struct settings *settings);
void say_written(const struct rows *rows, const char *what);
void free_rows(struct rows *rows);

/* ---- split-folder.c, split-table.c: the other kinds of input */

void split_folder(const char *path, struct settings *settings);
void split_table(const char *path, struct settings *settings);

#endif
