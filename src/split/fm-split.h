/* fm-split.h -- what the parts of fm-split share. */
#ifndef FM_SPLIT_H
#define FM_SPLIT_H

#include "common/common.h"

#include "common/classes.h"

enum { TRAIN, VALID, TEST, OTHER /* another word, which remains */, SPLITS = OTHER };
extern const char *const split_names[];

struct settings {
    const char *data, *root, *only;
    struct fmnn_split split; /* what validates */
    struct fmnn_split test;  /* what tests: `valid` or `percent` */
    uint64_t limit;
    bool wanted[SPLITS]; /* as --only says */
    bool names, absolute;
    enum { KEEP_DUPLICATES, REPORT_DUPLICATES, DROP_DUPLICATES } duplicates;
    struct bad_images bad;
};

/* ---- split-rows.c: rows, and which of them validate or test */

enum { NO_CLASS = -1 };

struct row {
    char *image;
    char *before, *after; /* of a table: the fields around the split */
    size_t line;          /* of a table */
    int class;            /* its number, to stratify; or NO_CLASS */
    int split;
    size_t other; /* if that is OTHER: the number of its word */
    size_t equal; /* 1 + the row before it that has the same pixels; 0: none */
    bool dropped; /* a duplicate, or bad */
};

struct rows {
    struct row *row;
    size_t count, capacity, classes;
    bool from_data_set;             /* of IDX files */
    const struct fmnn_names *names; /* for the column `class`; NULL: none */
    const char *name;               /* of the folder or table, for messages */
    struct class_words others;      /* the other words for splits, */
    bool *other_wanted;             /* whether --only names each, */
    uint64_t *other_written;        /* and its rows that were written */
    uint64_t written[SPLITS];
};

struct row *add_row(struct rows *rows);
/* Reads the images if duplicates are looked for or bad images left out, and chooses what tests and
   what validates. what: the data set, folder or table, for messages. */
void choose_rows(struct rows *rows, struct settings *settings, const char *what);
/* Whether the row is to be written; counts it. */
bool is_written(struct rows *rows, const struct row *row, const struct settings *settings);
/* The field duplicate_of. */
const char *equal_image(const struct rows *rows, const struct row *row);
/* Writes the table: image, label, split, and what else is wished. */
void write_rows(struct rows *rows, const struct settings *settings);
/* Frees the rows; says how many were written, and how many were bad. Returns the exit status. */
int end_rows(struct rows *rows, const struct settings *settings, const char *what);

/* ---- split-folder.c, split-table.c: the other kinds of input. They return the exit status. */

int split_folder(const char *path, struct settings *settings);
int split_table(const char *path, struct settings *settings);

#endif
