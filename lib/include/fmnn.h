/* fmnn.h -- libfmnn: trains, judges and uses small image classifiers.

   Contents
     1. Errors
     2. Known data sets and class names
     3. IDX files
     4. PNG files
     5. Images by name
     6. Tables
     7. Choosing the rows that validate
     8. Models (text)
     9. Nets
    10. Training
    11. Prediction
    12. Weight files
    13. Confusion matrices
    14. Calibration
    15. Chance

   Conventions
     - Functions that return int return 0 when done and -1 on error; those that return a pointer
       return NULL on error. The last argument, struct fmnn_error *, says why; it may be NULL.
     - An object that a _new, _open, _read or _parse function returns belongs to the caller and is
       given back by the matching _free or _close function, which takes NULL.
     - Images are unsigned bytes, row-major, one byte a pixel, 0 black to 255 white. Shapes are
       always in the order (N,C,H,W): images, channels, rows, columns.
     - The library never prints, never exits, reads no environment and keeps no global state.
       Objects are independent of each other; one object is for one thread at a time. */
#ifndef FMNN_H
#define FMNN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined __GNUC__
#define FMNN_API __attribute__((visibility("default")))
#define FMNN_PRINTF(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define FMNN_API
#define FMNN_PRINTF(text, first)
#endif

FMNN_API const char *fmnn_version(void); /* of the library in use, "0.1.0" */

/* The maximum height and width of an image. */
enum { FMNN_MAX_SIDE = 4096 };

/* The shape of one image, or of a layer's output for one image: pixels and values lie in memory in
   this order, (C,H,W). Images are gray for now: functions that take the shape of an image refuse
   any other number of channels than 1 with FMNN_USAGE. */
struct fmnn_shape {
    size_t channels, height, width;
};

/* ---- 1. Errors ------------------------------------------------------------------------------ */

enum fmnn_status {
    FMNN_OK = 0,
    FMNN_SYSTEM, /* the system refused: no such file, disk full; the message ends in its reason */
    FMNN_DATA,   /* a file or table is not what it should be */
    FMNN_USAGE,  /* an argument that cannot be: an unknown layer, a fold that does not exist */
    FMNN_MEMORY, /* out of memory */
};

struct fmnn_error {
    enum fmnn_status status;
    char message[1024]; /* one line without a full stop, control characters masked */
};

/* The word of the NULL-terminated list that is most like the given one, or NULL when none is. */
FMNN_API const char *fmnn_suggest(const char *word, const char *const *known);
/* The length in bytes of the UTF-8 character at the start of text, and its code point in *code; 0 if
   the text does not start with valid UTF-8. The terminating zero is a character of length 1. */
FMNN_API size_t fmnn_utf8_next(const char *text, uint32_t *code);

/* ---- 2. Known data sets and class names ----------------------------------------------------- */

enum { FMNN_DATASET_FILES = 4 };

struct fmnn_dataset_file {
    const char *name;   /* "train-images-idx3-ubyte" */
    uint64_t bytes;     /* of the uncompressed file; 0: any number */
    const char *sha256; /* of the uncompressed file, 64 hexadecimal digits; NULL: not pinned */
};

struct fmnn_dataset {
    const char *name;  /* "fashion-mnist": also the name of its directory */
    const char *title; /* "Fashion-MNIST" */
    struct fmnn_dataset_file
        files[FMNN_DATASET_FILES]; /* train images, train labels, test images, test labels */
    size_t class_count;
    const char *const *classes; /* class_count names */
    /* How it is handed about, where that differs: labels from 1, rows and columns exchanged. */
    unsigned first_label;
    bool transposed;
};

/* The known sets, from 0; NULL beyond the last. The strings are constants. */
FMNN_API const struct fmnn_dataset *fmnn_dataset_at(size_t i);
FMNN_API const struct fmnn_dataset *fmnn_dataset_find(const char *name); /* NULL: not known */

/* A list of class names. */
struct fmnn_names {
    size_t count;
    char **name;
};
FMNN_API void fmnn_names_free(struct fmnn_names *names);
FMNN_API struct fmnn_names *fmnn_names_copy(const char *const *names, size_t count,
                                            struct fmnn_error *err);
/* Reads a file with one name a line (UTF-8, no control characters, none empty, at most 65,536). */
FMNN_API struct fmnn_names *fmnn_names_read(const char *path, struct fmnn_error *err);
/* The names for a data directory: DIR/classes.txt, else those of the known set whose name the
   directory bears. *out is NULL, and 0 returned, where there are none. */
FMNN_API int fmnn_names_of_directory(const char *directory, struct fmnn_names **out,
                                     struct fmnn_error *err);

/* ---- 3. IDX files --------------------------------------------------------------------------- */

/* An open IDX file of unsigned bytes (type 08), plain or gzip. Format:
   00 00 08 RANK, RANK sizes of 32 bits big-endian, the data row-major. Rank 1 to 4, no size 0. */
struct fmnn_idx;

/* Opens PATH or, where that does not exist, PATH.gz. The header, and the file's size against
   what the header promises, are checked at once; a gzip file is inflated whole (4 GiB are the
   most) and its checksum checked. Files only: no pipes. */
FMNN_API struct fmnn_idx *fmnn_idx_open(const char *path, struct fmnn_error *err);
FMNN_API void fmnn_idx_close(struct fmnn_idx *idx);
FMNN_API const char *fmnn_idx_path(const struct fmnn_idx *idx); /* the file in fact opened */
FMNN_API unsigned fmnn_idx_rank(const struct fmnn_idx *idx);    /* 1 labels, 3 images */
FMNN_API size_t fmnn_idx_size(const struct fmnn_idx *idx, unsigned dimension); /* 0 is rows */
FMNN_API size_t fmnn_idx_row_bytes(const struct fmnn_idx *idx);
/* Copies rows first .. first+count-1 into bytes. A row that does not exist is FMNN_DATA. */
FMNN_API int fmnn_idx_read(struct fmnn_idx *idx, size_t first, size_t count, uint8_t *bytes,
                           struct fmnn_error *err);
/* The sizes alone, without inflating more than the header; a plain file's size is checked.
   size[] is zero beyond the rank. */
FMNN_API int fmnn_idx_shape(const char *path, unsigned *rank, size_t size[4],
                            struct fmnn_error *err);
/* The same, and a gzip file is inflated whole, though nothing of it is kept: no fault of it is left
   to be found later. */
FMNN_API int fmnn_idx_check(const char *path, unsigned *rank, size_t size[4],
                            struct fmnn_error *err);
/* Writes an IDX file of unsigned bytes, plain: rank 1 to 4, no size 0. */
FMNN_API int fmnn_idx_write(FILE *stream, unsigned rank, const size_t *size, const uint8_t *bytes,
                            struct fmnn_error *err);

/* ---- 4. PNG files --------------------------------------------------------------------------- */

/* Reads a PNG image as gray bytes: colour by luma (Rec. 601, integers), 16 bits scaled to 8,
   alpha over black. *pixels is malloc'ed, (C,H,W) with one channel. Images above FMNN_MAX_SIDE in
   either direction, and damaged ones, are refused. */
FMNN_API int fmnn_png_read(const char *path, struct fmnn_shape *shape, uint8_t **pixels,
                           struct fmnn_error *err);

/* The format of an image file by the suffix of its name, such as "PNG"; NULL if the name has no suffix
   of a known format. */
FMNN_API const char *fmnn_image_format(const char *path);

/* ---- 5. Images by name -------------------------------------------------------------------- */

/* Opens what the `image` fields of tables name, and keeps it open: "train:N" or "test:N" (row N,
   from 0, of that file in the data directory), "PATH:N" (row N of any IDX file; the last colon
   counts), or a path that ends in ".png". */
struct fmnn_images;

/* data_directory may be NULL: then "train:N" is an error that says what to do. */
FMNN_API struct fmnn_images *fmnn_images_new(const char *data_directory, struct fmnn_error *err);
FMNN_API void fmnn_images_free(struct fmnn_images *images);
/* The shape of an image. */
FMNN_API int fmnn_images_shape(struct fmnn_images *images, const char *image,
                               struct fmnn_shape *shape, struct fmnn_error *err);
/* Reads an image into pixels, (C,H,W). An image of another shape is FMNN_DATA. */
FMNN_API int fmnn_images_read(struct fmnn_images *images, const char *image,
                              struct fmnn_shape shape, uint8_t *pixels, struct fmnn_error *err);
/* The directory that holds the file which an `image` field names: malloc'ed. */
FMNN_API char *fmnn_images_directory(struct fmnn_images *images, const char *image,
                                     struct fmnn_error *err);

/* ---- 6. Tables ------------------------------------------------------------------------------ */

/* TSV with a first line of column names; see fmnn(7). A reader finds columns by name, takes a
   first line without any known name as data in the kind's order of columns, skips later lines
   that equal the header, and refuses short lines, NUL bytes, carriage returns and lines above 1
   MiB. A header alone is an empty table, zero bytes are an error. */
struct fmnn_table;

enum fmnn_table_kind {
    FMNN_TABLE_ROWS, /* image label split predicted confidence p0 p1 ...: samples and predictions */
    FMNN_TABLE_HISTORY, /* epoch loss accuracy val_loss val_accuracy lr seconds */
    FMNN_TABLE_COUNTS,  /* label predicted count */
};

/* Opens a file, or standard input for "-"; reads the first line. */
FMNN_API struct fmnn_table *fmnn_table_open(const char *path, enum fmnn_table_kind kind,
                                            struct fmnn_error *err);
FMNN_API void fmnn_table_close(struct fmnn_table *table);
FMNN_API const char *
fmnn_table_name(const struct fmnn_table *table); /* path, or "standard input" */
FMNN_API size_t fmnn_table_columns(const struct fmnn_table *table);
FMNN_API const char *fmnn_table_column(const struct fmnn_table *table, size_t column);
/* The column of that name, or -1; with _need, a table without it is an error. */
FMNN_API int fmnn_table_find(const struct fmnn_table *table, const char *name);
FMNN_API int fmnn_table_need(const struct fmnn_table *table, const char *name,
                             struct fmnn_error *err);
/* Lets only rows pass whose `split` is one of the comma-separated words. */
FMNN_API int fmnn_table_only(struct fmnn_table *table, const char *splits, struct fmnn_error *err);

/* The next row: 1, or 0 at the end, or -1. Its fields stay until the next call. */
FMNN_API int fmnn_table_next(struct fmnn_table *table, struct fmnn_error *err);
FMNN_API size_t fmnn_table_line(const struct fmnn_table *table); /* of the current row, from 1 */
FMNN_API const char *fmnn_table_field(const struct fmnn_table *table, size_t column);
/* True when the next row would have to be waited for: the writer has paused. */
FMNN_API bool fmnn_table_paused(struct fmnn_table *table);

/* Typed fields; an error names file and line. An empty label is -1. class_count 0: any label up to
   65,535. */
FMNN_API int fmnn_table_label(const struct fmnn_table *table, size_t column, size_t class_count,
                              int *label, struct fmnn_error *err);
FMNN_API int fmnn_table_number(const struct fmnn_table *table, size_t column, double *number,
                               struct fmnn_error *err);
/* Raises an error about the current row: "NAME:LINE: ...". Returns -1. */
FMNN_API int fmnn_table_fail(const struct fmnn_table *table, struct fmnn_error *err,
                             const char *format, ...) FMNN_PRINTF(3, 4);

/* A double as tables have it, "%.9g" with '.', whatever the locale. text has room for 32 bytes. */
FMNN_API void fmnn_format_number(char text[32], double number);

/* ---- 7. Choosing the rows that validate ----------------------------------------------------- */

struct fmnn_split {
    size_t valid;   /* so many rows validate ... */
    double percent; /* ... or, where this is above 0, this share (rounded down) */
    unsigned folds; /* K > 0: K-fold instead of the two above, ... */
    unsigned fold;  /* ... and this one, 1..K, validates */
    bool shuffle;   /* chosen at random rather than the first */
    bool stratify;  /* the same share of every class */
    uint64_t seed;
};
/* Sets validates[i] to 1 for the rows chosen, else 0. labels: n bytes. */
FMNN_API int fmnn_split_choose(const struct fmnn_split *split, const uint8_t *labels, size_t n,
                               uint8_t *validates, struct fmnn_error *err);

/* ---- 8. Models (text) ----------------------------------------------------------------------- */

/* A model is a text of layers and of defaults for training; see fmnn-model(5). */
struct fmnn_model;

/* name stands before the errors' line numbers: "NAME:LINE: ...". */
FMNN_API struct fmnn_model *fmnn_model_parse(const char *text, const char *name,
                                             struct fmnn_error *err);
FMNN_API void fmnn_model_free(struct fmnn_model *model);

/* The settings of a training: optimizer, learning rate and so on. */
struct fmnn_recipe;

/* The recipe of the model: its `set` lines, and defaults. It belongs to the model. */
FMNN_API const struct fmnn_recipe *fmnn_model_recipe(const struct fmnn_model *model);
/* Returns a copy of the recipe, or the defaults if recipe is NULL. */
FMNN_API struct fmnn_recipe *fmnn_recipe_new(const struct fmnn_recipe *recipe,
                                             struct fmnn_error *err);
FMNN_API void fmnn_recipe_free(struct fmnn_recipe *recipe);
/* Sets one setting from text, like a `set` line of a model. An unknown name and a value that is not
   allowed are FMNN_USAGE. */
FMNN_API int fmnn_recipe_set(struct fmnn_recipe *recipe, const char *name, const char *value,
                             struct fmnn_error *err);
/* The value of a setting as text, malloc'ed. */
FMNN_API char *fmnn_recipe_get(const struct fmnn_recipe *recipe, const char *name,
                               struct fmnn_error *err);
/* Whether the setting has an effect: false if it belongs to another optimizer than the recipe's. */
FMNN_API bool fmnn_recipe_uses(const struct fmnn_recipe *recipe, const char *name);

enum fmnn_setting_kind {
    FMNN_SETTING_COUNT, /* a whole number, min to max */
    FMNN_SETTING_REAL,  /* a number, min to max */
    FMNN_SETTING_WORD,  /* one of words */
};

struct fmnn_setting {
    const char *name;     /* "momentum" */
    const char *argument; /* the value's name in a help text: "X" */
    const char *help;     /* "momentum of sgd" */
    enum fmnn_setting_kind kind;
    double min, max;
    const char *const *words; /* ends in NULL */
    const char *fallback;     /* the default; if it depends on other settings, a description */
    const char *optimizer;    /* the only optimizer that uses the setting; NULL: all use it */
};
/* The settings from 0; NULL beyond the last. They are constants. */
FMNN_API const struct fmnn_setting *fmnn_recipe_setting(size_t i);

/* ---- 9. Nets -------------------------------------------------------------------------------- */

/* A model with shapes, and its weights. */
struct fmnn_net;

/* Makes a net for images of the given shape: height and width from 1 to FMNN_MAX_SIDE, 1 channel.
   classes: 1 to 65,536. The weights are zero; more than 2^30 of them are FMNN_USAGE. */
FMNN_API struct fmnn_net *fmnn_net_new(const struct fmnn_model *model, struct fmnn_shape shape,
                                       size_t classes, struct fmnn_error *err);
FMNN_API void fmnn_net_free(struct fmnn_net *net);
/* Starting weights: he_normal as in Keras (normal truncated at two deviations), biases zero; the
   same for any number of threads, 0 being all processors. */
FMNN_API void fmnn_net_initialise(struct fmnn_net *net, uint64_t seed, unsigned threads);
FMNN_API struct fmnn_shape fmnn_net_shape(const struct fmnn_net *net); /* of an image */
FMNN_API size_t fmnn_net_classes(const struct fmnn_net *net);
/* Whether it computes convolutions by their definition, as it was trained (`exact`), and not by
   fewer products, which round a little otherwise. Its file has it; a net never trained is not. */
FMNN_API bool fmnn_net_exact(const struct fmnn_net *net);
/* The names of the classes, NULL where they have none. _set_ copies; the count must fit,
   and the names be such as fmnn_names_read takes. */
FMNN_API const struct fmnn_names *fmnn_net_names(const struct fmnn_net *net);
FMNN_API int fmnn_net_set_names(struct fmnn_net *net, const struct fmnn_names *names,
                                struct fmnn_error *err);
/* The canonical text of the layers: "dense 128 relu | dense 10". */
FMNN_API const char *fmnn_net_text(const struct fmnn_net *net);

struct fmnn_layer {
    const char *text;        /* "conv 6 5x5 relu" */
    struct fmnn_shape shape; /* of the output for one image */
    uint64_t parameters;
    uint64_t multiply_adds; /* an image, forward */
};
/* The layers from 0; false beyond the last. */
FMNN_API bool fmnn_net_layer(const struct fmnn_net *net, size_t i, struct fmnn_layer *layer);

struct fmnn_tensor {
    const char *name; /* as PyTorch's nn.Sequential names it: "0.weight" */
    unsigned rank;
    size_t size[4]; /* conv (out,in,kh,kw), dense (out,in), bias (out) */
};
/* The tensors from 0; false beyond the last. */
FMNN_API bool fmnn_net_tensor(const struct fmnn_net *net, size_t i, struct fmnn_tensor *tensor);
/* Copies a tensor's values out of or into the net, row-major in the order of its sizes. */
FMNN_API void fmnn_net_get(const struct fmnn_net *net, size_t i, float *values);
FMNN_API void fmnn_net_set(struct fmnn_net *net, size_t i, const float *values);

/* ---- 10. Training --------------------------------------------------------------------------- */

/* Images and labels in memory, one byte a pixel. */
struct fmnn_data;
/* Makes an empty data set of images of a shape that fmnn_net_new accepts. */
FMNN_API struct fmnn_data *fmnn_data_new(struct fmnn_shape shape, struct fmnn_error *err);
FMNN_API void fmnn_data_free(struct fmnn_data *data);
/* Appends an image. Returns its pixels, (C,H,W), which the caller must fill in. */
FMNN_API uint8_t *fmnn_data_add(struct fmnn_data *data, unsigned label, struct fmnn_error *err);
FMNN_API size_t fmnn_data_count(const struct fmnn_data *data);

struct fmnn_training {
    const struct fmnn_recipe *recipe; /* copied; NULL: the defaults */
    uint64_t seed;
    unsigned threads;    /* 0: as many as there are processors */
    const char *kernels; /* "generic", "avx2", ...; NULL: the best for this CPU */
    bool exact;          /* convolutions by their definition; the net keeps that, see below */
    bool keep_last;      /* rather than the first epoch of highest validation accuracy */
    unsigned patience;   /* stop after so many epochs without a better one; 0: never */
    bool profile;        /* measure where the time goes; changes no bit */
};

struct fmnn_epoch {
    unsigned epoch;                /* from 1 */
    double loss, accuracy;         /* running means over the epoch's batches */
    double val_loss, val_accuracy; /* after the epoch; where validated */
    double lr, seconds;
    bool validated;
};

struct fmnn_trainer;
/* net, train and valid are borrowed until the trainer is freed. valid may be empty or NULL. The
   net is trained from the weights it has; whether it is exact from now on, `training` says. */
FMNN_API struct fmnn_trainer *fmnn_trainer_new(struct fmnn_net *net, const struct fmnn_data *train,
                                               const struct fmnn_data *valid,
                                               const struct fmnn_training *training,
                                               struct fmnn_error *err);
FMNN_API void fmnn_trainer_free(struct fmnn_trainer *trainer);

enum fmnn_progress {
    FMNN_BATCH, /* a batch was trained or validated */
    FMNN_EPOCH, /* that ended an epoch: fmnn_trainer_epoch tells its figures */
    FMNN_DONE,  /* nothing is left to do: all epochs, or out of patience */
};
/* Does the next batch. -1 on error (a loss or weights that are not finite: FMNN_DATA, with the
   step, the epoch and the layer); nothing can be done then but to finish. */
FMNN_API int fmnn_trainer_advance(struct fmnn_trainer *trainer, struct fmnn_error *err);
/* The figures of an epoch that has ended, from 1; NULL: it has not. */
FMNN_API const struct fmnn_epoch *fmnn_trainer_epoch(const struct fmnn_trainer *trainer,
                                                     unsigned epoch);
/* The epoch under way: its metrics so far, which stay until the next call, and how many of its
   batches, for training and validation together, are done. */
FMNN_API const struct fmnn_epoch *fmnn_trainer_progress(struct fmnn_trainer *trainer, size_t *done,
                                                        size_t *all);
/* The epoch whose weights are kept so far, 0: none has ended. */
FMNN_API unsigned fmnn_trainer_kept(const struct fmnn_trainer *trainer);

/* Where the time of the calls of fmnn_trainer_advance went, if the trainer was made with
   `profile`: a row for each step of the work on a batch, in their order, then those of feeding
   and waiting. */
struct fmnn_profile_row {
    size_t layer;     /* from 1; 0: of none */
    const char *text; /* "conv 6 5x5 relu", or "" */
    const char *
        phase; /* "forward", "backward-data" (the gradient of the layer's input), "backward-weights" (of
                          its weights, and their update); else "gather" (bytes to floats), "loss",
                          "feed" (choosing a batch and adding up its figures), "wait" (threads
                          without work) */
    const char *job; /* what the kernels call it */
    uint64_t runs;
    double seconds; /* the time of all threads, divided by their number: adds up to the whole */
    /* Floating-point operations, as the definition of the layer has them, zeros beyond the
       image's edge included, and as they were done, which may be fewer. 0: not counted. */
    double flops, flops_done;
    /* Of weights, and of the optimizer's numbers beside them, read and written. */
    double bytes;
};
/* The rows from 0; false beyond the last, and where nothing was measured. */
FMNN_API bool fmnn_trainer_profile(const struct fmnn_trainer *trainer, size_t i,
                                   struct fmnn_profile_row *row);
/* The most floating-point operations a second that the trainer's threads and kernels can do,
   measured now, in some hundredths of a second. */
FMNN_API double fmnn_trainer_peak(const struct fmnn_trainer *trainer);

/* Puts the weights to keep into the net, with the record of the training that its file will
   bear. The trainer is at its end then. Of a training that failed these are those of the epoch that
   fmnn_trainer_kept tells; -1 where it tells none, or where a checkpoint was read since that was
   made inside an epoch and has no weights but those of its last step. */
FMNN_API int fmnn_trainer_finish(struct fmnn_trainer *trainer, struct fmnn_error *err);
/* Writes a checkpoint; reads one back into a trainer made with the same net, data and recipe. A
   trainer that has failed goes on from there; a checkpoint that turns out to be bad after a part of
   it was read leaves one that has failed. */
FMNN_API int fmnn_trainer_save(const struct fmnn_trainer *trainer, FILE *stream,
                               struct fmnn_error *err);
FMNN_API int fmnn_trainer_resume(struct fmnn_trainer *trainer, const char *path,
                                 struct fmnn_error *err);

/* ---- 11. Prediction ------------------------------------------------------------------------- */

struct fmnn_predictor;
/* The net is borrowed and must not change. batch: how many images are worked on at once; 0: as
   many as suit the net's size. */
FMNN_API struct fmnn_predictor *fmnn_predictor_new(const struct fmnn_net *net, size_t batch,
                                                   unsigned threads, const char *kernels,
                                                   struct fmnn_error *err);
FMNN_API void fmnn_predictor_free(struct fmnn_predictor *predictor);
FMNN_API size_t fmnn_predictor_batch(const struct fmnn_predictor *predictor);
/* pixels (n,h,w) to probabilities (n,classes); any n. An image's result depends on nothing but its
   pixels and the weights. */
FMNN_API void fmnn_predictor_run(struct fmnn_predictor *predictor, const uint8_t *pixels, size_t n,
                                 float *probabilities);
/* The class of highest probability, the first of equals. */
FMNN_API size_t fmnn_best_class(const float *probabilities, size_t classes);

/* The names of the kernel sets that this CPU can run, best first; NULL beyond the last. */
FMNN_API const char *fmnn_kernels_at(size_t i);

/* ---- 12. Weight files ----------------------------------------------------------------------- */

/* Reads weights, or a checkpoint's. See fmnn-weights(5). */
FMNN_API struct fmnn_net *fmnn_net_read(const char *path, struct fmnn_error *err);
FMNN_API int fmnn_net_write(const struct fmnn_net *net, FILE *stream, struct fmnn_error *err);

/* ---- 13. Confusion matrices ----------------------------------------------------------------- */

/* Counts of rows by their true class and the class predicted. The matrix has the classes 0 ..
   K-1 or, where K is not known beforehand, those that occur, in the order of their labels. Rows
   of the matrix are the truth, columns the predictions. */
struct fmnn_confusion;

enum { FMNN_CONFUSION_MAX_CLASSES = 4096 }; /* at most: labels are below it */

/* classes: K, or 0 for those that occur. */
FMNN_API struct fmnn_confusion *fmnn_confusion_new(size_t classes, struct fmnn_error *err);
FMNN_API void fmnn_confusion_free(struct fmnn_confusion *confusion);
/* Counts `count` rows, also none: then the classes occur. A label that the matrix cannot have,
   and a total above 2^63 - 1, are FMNN_DATA. */
FMNN_API int fmnn_confusion_add(struct fmnn_confusion *confusion, size_t truth, size_t predicted,
                                uint64_t count, struct fmnn_error *err);
/* Adds to the cross-entropy: the probability that `count` rows gave their true class. It is
   clipped to [eps, 1 - eps], eps that of double, so that a zero does not make the sum infinite. */
FMNN_API void fmnn_confusion_add_probability(struct fmnn_confusion *confusion, double probability,
                                             uint64_t count);

/* How many classes the matrix has, and their labels, ascending; classes are known by their index
   0 .. classes-1 from here on. */
FMNN_API size_t fmnn_confusion_classes(const struct fmnn_confusion *confusion);
FMNN_API size_t fmnn_confusion_label(const struct fmnn_confusion *confusion, size_t i);
FMNN_API uint64_t fmnn_confusion_count(const struct fmnn_confusion *confusion, size_t truth,
                                       size_t predicted);
FMNN_API uint64_t fmnn_confusion_total(const struct fmnn_confusion *confusion);
FMNN_API uint64_t fmnn_confusion_correct(const struct fmnn_confusion *confusion); /* the diagonal */
/* The share that is right; 0 for an empty matrix. */
FMNN_API double fmnn_confusion_accuracy(const struct fmnn_confusion *confusion);
/* The mean over the rows whose probabilities were added; NaN where none were. */
FMNN_API double fmnn_confusion_cross_entropy(const struct fmnn_confusion *confusion);

enum fmnn_normalize {
    FMNN_NORMALIZE_TRUE, /* each row of the matrix by its sum: recall is on the diagonal */
    FMNN_NORMALIZE_PRED, /* each column by its sum: precision is on the diagonal */
    FMNN_NORMALIZE_ALL,  /* all by the total */
};
/* The matrix as shares, (classes,classes) row-major, malloc'ed; 0 where a sum is 0. */
FMNN_API double *fmnn_confusion_fractions(const struct fmnn_confusion *confusion,
                                          enum fmnn_normalize by, struct fmnn_error *err);

struct fmnn_score {
    double precision, recall, f1; /* 0 where the division is by zero */
    uint64_t support;             /* rows of that true class */
};
/* Figures a class and their means, computed in the order in which scikit-learn's
   classification_report computes them, so that they round alike. */
struct fmnn_report {
    size_t classes;
    struct fmnn_score macro;    /* plain means over all classes; support is the total */
    struct fmnn_score weighted; /* means weighted by support */
    double accuracy;
    size_t unpredicted; /* classes never predicted: their precision is 0 for want of a divisor */
    size_t unsupported; /* classes without a row: so is their recall */
    struct fmnn_score *score; /* one a class; part of the report's own memory */
};
/* malloc'ed: free() gives it back. */
FMNN_API struct fmnn_report *fmnn_confusion_report(const struct fmnn_confusion *confusion,
                                                   struct fmnn_error *err);

struct fmnn_pair {
    size_t truth, predicted; /* indices of classes; (a,b) and (b,a) are two pairs */
    uint64_t count;          /* above 0 */
};
/* The pairs that were confused, most frequent first, equals by truth, then prediction. *pairs is
   malloc'ed; NULL where nothing was confused. */
FMNN_API int fmnn_confusion_pairs(const struct fmnn_confusion *confusion, struct fmnn_pair **pairs,
                                  size_t *count, struct fmnn_error *err);

/* ---- 14. Calibration ------------------------------------------------------------------------ */

/* Whether confidence can be believed: rows in bins of equal width by the confidence that their
   prediction had. */
struct fmnn_calibration;

enum { FMNN_CALIBRATION_MAX_BINS = 1000 }; /* at most */

struct fmnn_bin {
    double from, to;        /* confidence: above `from`, but for the first bin, and up to `to` */
    uint64_t rows, correct; /* how many there are, how many were predicted rightly */
    double confidence;      /* the mean; NaN where there is no row, */
    double accuracy;        /* and so is the share that is right */
};

FMNN_API struct fmnn_calibration *fmnn_calibration_new(size_t bins, struct fmnn_error *err);
FMNN_API void fmnn_calibration_free(struct fmnn_calibration *calibration);
/* Adds `count` rows of one confidence, all predicted rightly or all wrongly. A confidence that is
   not in 0..1, by more than rounding, and a total above 2^63 - 1, are FMNN_DATA. */
FMNN_API int fmnn_calibration_add(struct fmnn_calibration *calibration, double confidence,
                                  bool correct, uint64_t count, struct fmnn_error *err);
FMNN_API size_t fmnn_calibration_bins(const struct fmnn_calibration *calibration);
FMNN_API struct fmnn_bin fmnn_calibration_bin(const struct fmnn_calibration *calibration, size_t i);
FMNN_API struct fmnn_bin fmnn_calibration_total(const struct fmnn_calibration *calibration);
/* The expected calibration error: the mean over the rows of how far accuracy and mean confidence of
   their bin lie apart. NaN where there is no row. */
FMNN_API double fmnn_calibration_error(const struct fmnn_calibration *calibration);
/* The same of the worst bin that has a row. */
FMNN_API double fmnn_calibration_max_error(const struct fmnn_calibration *calibration);

/* ---- 15. Chance ----------------------------------------------------------------------------- */

struct fmnn_interval {
    double low, high;
};
/* Between what shares the true one lies where `right` of `total` were seen, with 95 % confidence:
   Wilson's score interval. 0..1 where total is 0. */
FMNN_API struct fmnn_interval fmnn_wilson(uint64_t correct, uint64_t total);

/* McNemar's test of two classifiers that were given the same images. */
struct fmnn_mcnemar {
    double exact; /* p, two-sided, by the binomial distribution; above 2^40 rows that differ the
                     same as p */
    double chi2;  /* the statistic (|first - second| - 1)^2 / (first + second), not below 0 */
    double p;     /* that chi-square with one degree of freedom is so large or larger */
};
/* Of the rows that one classifier alone predicts rightly: how many the first, how many the second.
   Without any, both p are 1. */
FMNN_API struct fmnn_mcnemar fmnn_mcnemar(uint64_t first, uint64_t second);

#ifdef __cplusplus
}
#endif

#endif
