/* import.h -- what the parts of `fm-fetch --from SOURCE` share: a data set is made of another form.

   import.c finds out what the source is, and one of the readers gives its images, one by one, to
   the sink, which writes IDX files. They appear in the data directory when all of them are
   whole. */
#ifndef FM_IMPORT_H
#define FM_IMPORT_H

#include "common/common.h"
#include "common/folder.h"

#include <stdio.h>

enum { IMPORT_TRAIN, IMPORT_TEST, IMPORT_PARTS };

struct import_settings {
    const char *from; /* file or directory */
    /* The files of `from` that were fetched: an archive, or images and labels of both parts. NULL:
       none were. */
    const char *fetched[FMNN_DATASET_FILES];
    const char *directory;            /* to fill */
    const char *name;                 /* of the data set: files may begin with it */
    const struct fmnn_dataset *known; /* or NULL; with its class names */
    bool transpose;
    unsigned first_label;
    struct fmnn_shape size; /* --size; 0: not given */
    /* Of a folder of images: */
    size_t channels; /* 0: not given */
    struct fitting fitting;
    struct bad_images *bad;
};

/* ---- import-sink.c */

struct import_part {
    char *images_path, *labels_path;
    struct output *images, *labels; /* NULL: nothing has come */
    struct fmnn_shape shape;
    size_t count;
    unsigned max_label;
};

struct import {
    const struct import_settings *settings;
    struct import_part part[IMPORT_PARTS];
    struct fmnn_names *names; /* that the source has, or NULL */
    uint8_t *turned;          /* an image that is transposed */
};

/* Begins a part whose images all have this shape, before the first of them. source: for
   messages. */
void import_begin(struct import *import, int part, struct fmnn_shape shape, const char *source);
/* The next image of a part, (H,W,C) bytes, and its label before --first-label is subtracted.
   source: for messages, with the number of the row. All images have the same shape. */
void import_add(struct import *import, int part, struct fmnn_shape shape, const uint8_t *pixels,
                double label, const char *source);
/* The files appear, the paths are printed. */
void import_finish(struct import *import);

/* ---- import-bytes.c: a file's bytes, gzip or not */

struct bytes_in;
struct bytes_in *bytes_open(const char *path);
void bytes_close(struct bytes_in *in);
const char *bytes_path(const struct bytes_in *in);
size_t bytes_read(struct bytes_in *in, void *bytes, size_t size); /* less only at the end */
void bytes_need(struct bytes_in *in, void *bytes, size_t size);   /* less is trouble */
int bytes_next(struct bytes_in *in);                              /* one; -1: the end */
void bytes_rewind(struct bytes_in *in);
/* The sizes of an IDX file of unsigned bytes and this rank; false if the file is something else. */
bool bytes_are_idx(const char *path, unsigned rank, uint64_t size[3]);
/* Whether there are zeros behind the data of such a file, and nothing else. */
bool bytes_are_padded(const char *path);
/* What some first bytes are if they are no data: "an HTML or XML page", ...; or NULL. */
const char *bytes_foreign(const unsigned char *bytes, size_t size);

/* ---- readers; each says whether the source is of its form before it reads */

bool is_idx_source(const struct import_settings *settings);
void read_idx_source(struct import *import);
bool is_cifar_source(const struct import_settings *settings);
void read_cifar_source(struct import *import);
bool is_csv_source(const struct import_settings *settings);
void read_csv_source(struct import *import);

bool is_folder_source(const struct import_settings *settings);
void read_folder_source(struct import *import);

/* ---- import-names.c: what the name of a file says */

/* Of a name such as "emnist-letters-test-images-idx3-ubyte.gz". */
struct part_name {
    int part;      /* IMPORT_TRAIN or IMPORT_TEST; -1: the name does not say */
    size_t prefix; /* the length of what comes before it */
    /* The prefix is another name, empty, or the name of the data set. */
    enum { OTHER_PREFIX, NO_PREFIX, OWN_PREFIX } kind;
};

struct part_name part_name(const char *name, const struct import_settings *settings);
/* Keeps the names in a list, which ends in NULL and may be NULL, that `keep` wants; frees the
   others. */
typedef bool keep_name(const char *name, const struct import_settings *s, bool flag);
void keep_names(char **list, keep_name *keep, const struct import_settings *s, bool flag);
/* The class names in the directory `from`, or NULL. */
struct fmnn_names *names_of_source(const struct import_settings *settings);
/* Exits if some of the files, in the directory `from`, are by their names those of another known
   data set, or of several. */
void refuse_mixture(const struct import_settings *settings, const char *const *names, size_t count);

/* ---- import.c */

/* The first option on the command line that only a folder of images takes; NULL: there is none. */
const char *folder_option(void);
/* Whether the source has one of the forms. */
bool can_import(const struct import_settings *settings);
void import_source(const struct import_settings *settings);

#endif
