/* fmnn.h -- libfmnn: trains, evaluates and uses small image classifiers.

   Contents
     1. Errors
     2. Known data sets and class names
     3. IDX files
     4. Image files
     5. Images by name
     6. Tables
     7. Choosing the validation set
     8. Models and recipes
     9. Nets
    10. Training
    11. Prediction
    12. Weight files
    13. Confusion matrices
    14. Calibration
    15. Significance
    16. Ranking
    17. Label issues

   Conventions
     - A function that can fail takes a struct fmnn_error * as its last argument, which may be NULL.
       If it returns int, it returns 0 on success and -1 on error, unless its comment says
       otherwise. If it returns a pointer, it returns NULL on error.
     - The caller owns an object that a _new, _open, _read, _copy or _parse function returns, and
       frees it with the matching _free or _close function, which accepts NULL. The caller frees
       memory described as malloc'ed with free().
     - Pixels are unsigned bytes from 0, black, to 255, white. Images are row-major in the order
       (N,C,H,W): images, channels, rows, columns.
     - The default number of threads is the number of processors that the affinity of the process
       allows, or fewer, if the CPU quota of its control groups pays for fewer.
     - The library never prints, never exits, does not read environment variables and has no global
       state. Objects are independent of each other. Only one thread at a time may use an object. */
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

FMNN_API const char *fmnn_version(void); /* of the library at run time: "0.1.0" */

/* The maximum height and width of an image. */
enum { FMNN_MAX_SIDE = 4096 };

/* The shape (C,H,W) of one image, or of a layer's output for one image. An image has 1 channel,
   gray, or 3, red, green and blue; functions that take the shape of an image fail with FMNN_USAGE
   if it has another number. */
struct fmnn_shape {
    size_t channels, height, width;
};

/* Formats the shape of an image for messages: "28x28" if it is gray, else "3x32x32". */
enum { FMNN_SHAPE_TEXT = 64 };
FMNN_API void fmnn_format_shape(char text[FMNN_SHAPE_TEXT], struct fmnn_shape shape);

/* ---- 1. Errors ------------------------------------------------------------------------------ */

enum fmnn_status {
    FMNN_OK = 0,
    FMNN_SYSTEM, /* a system call failed; the message ends in its reason */
    FMNN_DATA,   /* a file or table is invalid, or does not fit its use */
    FMNN_USAGE,  /* an argument is invalid: an unknown layer, a fold that does not exist */
    FMNN_MEMORY, /* out of memory */
};

struct fmnn_error {
    enum fmnn_status status;
    char message[1024]; /* one line without a final full stop; control characters become '?' */
};

/* The word of a NULL-terminated list that is most similar to the given word; NULL if none is
   similar. */
FMNN_API const char *fmnn_suggest(const char *word, const char *const *known);
/* The length in bytes of the UTF-8 character at the start of text, and its code point in *code; 0
   if the text does not start with valid UTF-8. The terminating zero is a character of length 1. */
FMNN_API size_t fmnn_utf8_next(const char *text, uint32_t *code);

/* ---- 2. Known data sets and class names ----------------------------------------------------- */

enum { FMNN_DATASET_FILES = 4 };

struct fmnn_dataset_file {
    const char *name;   /* "train-images-idx3-ubyte" */
    uint64_t bytes;     /* size of the uncompressed file; 0: unknown */
    const char *sha256; /* of the uncompressed file, 64 hexadecimal digits; NULL: unknown */
};

struct fmnn_dataset {
    const char *name;  /* "fashion-mnist", which is also the name of its directory */
    const char *title; /* "Fashion-MNIST" */
    struct fmnn_dataset_file
        files[FMNN_DATASET_FILES]; /* train images, train labels, test images, test labels */
    size_t class_count;
    const char *const *classes; /* class_count names */
    /* How the files as published differ from the usual form. */
    unsigned first_label; /* the label of the first class */
    bool transposed;      /* rows and columns of images are exchanged */
};

/* The known data sets, counted from 0; NULL after the last one. They are constants. */
FMNN_API const struct fmnn_dataset *fmnn_dataset_at(size_t i);
FMNN_API const struct fmnn_dataset *fmnn_dataset_find(const char *name); /* NULL: unknown */

/* A list of class names. */
struct fmnn_names {
    size_t count;
    char **name;
    char *source; /* where the names come from, for messages: a file or a data set; or NULL */
};
FMNN_API void fmnn_names_free(struct fmnn_names *names);
FMNN_API struct fmnn_names *fmnn_names_copy(const char *const *names, size_t count,
                                            struct fmnn_error *err);
/* The first class of that name; names->count if there is none. */
FMNN_API size_t fmnn_names_find(const struct fmnn_names *names, const char *name);
/* Reads a file with one name per line: at most 65,536 names, UTF-8 without control characters, none
   empty. The file may have a byte order mark, the line ends of Windows, blanks around the names,
   and blank lines at its end. */
FMNN_API struct fmnn_names *fmnn_names_read(const char *path, struct fmnn_error *err);
/* Finds the class names for a data directory: in its file classes.txt or, if there is none, those
   of the known data set that the directory is named after. If there are no names, *out is NULL and
   the function returns 0. */
FMNN_API int fmnn_names_of_directory(const char *directory, struct fmnn_names **out,
                                     struct fmnn_error *err);

/* ---- 3. IDX files --------------------------------------------------------------------------- */

/* An open IDX file of unsigned bytes (type 08), plain or gzip. Format:
   00 00 08 RANK, RANK big-endian sizes of 32 bits, the data row-major. The rank is 1 to 4; no size
   is 0. Labels have rank 1 (N); gray images have rank 3, (N,H,W); images with channels have rank 4,
   (N,H,W,C), and as images, in section 5, they become (C,H,W). Zeros behind gzip data are
   padding. */
struct fmnn_idx;

/* Opens PATH or, if it does not exist, PATH.gz, and checks that header and size of the file agree.
   A gzip file, of at most 4 GiB uncompressed, is decompressed into memory and its checksum checked.
   The file must not be a pipe. */
FMNN_API struct fmnn_idx *fmnn_idx_open(const char *path, struct fmnn_error *err);
FMNN_API void fmnn_idx_close(struct fmnn_idx *idx);
FMNN_API const char *
fmnn_idx_path(const struct fmnn_idx *idx);                   /* the file opened: PATH or PATH.gz */
FMNN_API unsigned fmnn_idx_rank(const struct fmnn_idx *idx); /* 1 labels, 3 or 4 images */
FMNN_API size_t fmnn_idx_size(const struct fmnn_idx *idx, unsigned dimension); /* 0: rows */
FMNN_API size_t fmnn_idx_row_bytes(const struct fmnn_idx *idx);
/* Copies rows first .. first+count-1 into bytes[count * fmnn_idx_row_bytes()]. If a row does not
   exist, the error is FMNN_DATA. */
FMNN_API int fmnn_idx_read(struct fmnn_idx *idx, size_t first, size_t count, uint8_t *bytes,
                           struct fmnn_error *err);
/* Reads only rank and sizes; sizes beyond the rank are zero. Checks the size of a plain file, but
   decompresses only the header of a gzip file. */
FMNN_API int fmnn_idx_shape(const char *path, unsigned *rank, size_t size[4],
                            struct fmnn_error *err);
/* The same, but also checks the whole contents of a gzip file, without keeping them. */
FMNN_API int fmnn_idx_check(const char *path, unsigned *rank, size_t size[4],
                            struct fmnn_error *err);
/* Writes a plain IDX file of unsigned bytes. The rank must be 1 to 4 and no size 0. The stream is
   not closed. */
FMNN_API int fmnn_idx_write(FILE *stream, unsigned rank, const size_t *size, const uint8_t *bytes,
                            struct fmnn_error *err);

/* ---- 4. Image files ------------------------------------------------------------------------- */

/* Image files are PNG, JPEG, WebP (still images) and PNM (P1 to P6); their first bytes tell which.
   16 bits become 8, palettes become colours, and images are turned upright as their EXIF data say.
   Damaged files, files above FMNN_MAX_IMAGE_FILE bytes, and images of more than 100 million pixels
   or with a side above 65,535, are FMNN_DATA. */
enum { FMNN_MAX_IMAGE_FILE = 512 << 20 };

/* How an image that has not the size of a net's input gets it. */
enum fmnn_fit {
    FMNN_FIT_NONE,    /* it must have that size */
    FMNN_FIT_STRETCH, /* each side by itself */
    FMNN_FIT_PAD,     /* both sides alike; the background fills the rest */
    FMNN_FIT_CROP,    /* both sides alike; what does not fit, around the middle, is left out */
    /* The recipe of Fashion-MNIST (arXiv:1708.07747, figure 1): trims what has the colour of the
       corners, leaves out rows and columns, sharpens, extends by the background, negates. */
    FMNN_FIT_FASHION_MNIST,
};
/* Its name in weight files and options: "none", "stretch" ...; NULL beyond the last one. */
FMNN_API const char *fmnn_fit_name(enum fmnn_fit fit);

/* How pixels are computed when an image is resized; except by FMNN_FIT_FASHION_MNIST. The filters
   widen when the image is reduced, so that each pixel counts. The results are those of Pillow. */
enum fmnn_filter { FMNN_FILTER_BILINEAR, FMNN_FILTER_BOX, FMNN_FILTER_LANCZOS };
FMNN_API const char *fmnn_filter_name(enum fmnn_filter filter); /* likewise */

/* How an image becomes the input of a net. Zero in each member after the shape is its default. */
struct fmnn_input {
    struct fmnn_shape shape; /* gray: by luma (Rec. 601, in integers); or colours */
    enum fmnn_fit fit;
    enum fmnn_filter filter;
    bool invert;           /* negate the pixels: black becomes white */
    uint8_t background[3]; /* red, green, blue: of transparent pixels and what is padded */
};

/* Reads a PNG file as a gray image: colours become luma (Rec. 601, in integers), 16 bits become 8,
   and transparent pixels are drawn over black. *pixels is malloc'ed, (C,H,W). Damaged files and
   images higher or wider than FMNN_MAX_SIDE are FMNN_DATA. */
FMNN_API int fmnn_png_read(const char *path, struct fmnn_shape *shape, uint8_t **pixels,
                           struct fmnn_error *err);

/* The format that the suffix of a file's name stands for, such as "PNG"; NULL if it is unknown. */
FMNN_API const char *fmnn_image_format(const char *path);
/* The format of an image file by its first bytes, of which 12 suffice; NULL if it is unknown. */
FMNN_API const char *fmnn_image_kind(const void *head, size_t count);
/* What a file is that people take for an image that can be read, by its first bytes: "a GIF image",
   "an HTML or XML page"; NULL: nothing of this kind. */
FMNN_API const char *fmnn_image_other(const void *head, size_t count);
/* The same for any file: also "a gzip file", "an array of NumPy". */
FMNN_API const char *fmnn_file_other(const void *head, size_t count);
/* Resizes one channel, (height,width). */
FMNN_API int fmnn_resize(const uint8_t *from, size_t height, size_t width, enum fmnn_filter filter,
                         uint8_t *to, size_t to_height, size_t to_width, struct fmnn_error *err);

/* ---- 5. Images by name -------------------------------------------------------------------- */

/* Reads images by their names in tables, and keeps files open between calls. A name is "train:N" or
   "test:N" for row N, counted from 0, of the training or test images in the data directory;
   "PATH:N" for row N of an IDX file (the last colon counts); or the path of an image file. */
struct fmnn_images;

/* If data_directory is NULL, names such as "train:N" are errors that say how to get the data set.
   */
FMNN_API struct fmnn_images *fmnn_images_new(const char *data_directory, struct fmnn_error *err);
FMNN_API void fmnn_images_free(struct fmnn_images *images);
/* From now on, relative paths in names begin in this directory, and messages name the whole path.
   NULL: in the working directory, as at first. Names such as "train:N" mean the same as before. */
FMNN_API int fmnn_images_set_root(struct fmnn_images *images, const char *root,
                                  struct fmnn_error *err);
/* Finds the shape of an image; that of an image file has 3 channels if it is in colour. */
FMNN_API int fmnn_images_shape(struct fmnn_images *images, const char *image,
                               struct fmnn_shape *shape, struct fmnn_error *err);
/* Reads an image into pixels, (C,H,W). If it has another size, the error is FMNN_DATA. The colours
   of an image file become gray if the shape has one channel, and gray becomes three equal channels
   if it has three; a row of an IDX file must have the channels of the shape. */
FMNN_API int fmnn_images_read(struct fmnn_images *images, const char *image,
                              struct fmnn_shape shape, uint8_t *pixels, struct fmnn_error *err);
struct fmnn_loaded {
    struct fmnn_error error; /* its status is FMNN_OK if the image was read */
    struct fmnn_shape shape; /* of the image itself; zeros if it could not be decoded */
    bool file;               /* an image file that could be decoded, not a row of an IDX file */
    bool colour;             /* some pixel is clearly not gray; of a row: it has 3 channels */
    bool transparent;        /* some pixel is not opaque */
    bool flat;               /* all pixels of the input, more than one, are equal */
};
/* Reads n images as the input of a net into pixels (n,C,H,W), and tells in loaded[n] how that went.
   The threads (0: the number of processors) decode and resize image files; the results do not
   depend on their number. Returns -1 only if the input is invalid, which is FMNN_USAGE, or memory
   runs out for more than one image. */
FMNN_API int fmnn_images_load(struct fmnn_images *images, const char *const *names, size_t n,
                              const struct fmnn_input *input, unsigned threads, uint8_t *pixels,
                              struct fmnn_loaded *loaded, struct fmnn_error *err);
/* Reads one image whose file is in memory into pixels, (C,H,W) of the input; name stands for it in
   messages. On error, returns -1, and loaded->error says why. */
FMNN_API int fmnn_image_load(const void *bytes, size_t size, const char *name,
                             const struct fmnn_input *input, uint8_t *pixels,
                             struct fmnn_loaded *loaded);
/* What identifies an image: two images whose shapes and pixels are equal have the same one. */
struct fmnn_digest {
    struct fmnn_error error; /* its status is FMNN_OK if the image was read */
    struct fmnn_shape shape; /* as fmnn_images_shape() finds it, of any size */
    uint64_t pixels[2];      /* of the pixels over black: XXH3, 128 bits */
};
/* Reads n images and fills digests[n]. The threads decode image files, like fmnn_images_load(). */
FMNN_API int fmnn_images_digest(struct fmnn_images *images, const char *const *names, size_t n,
                                unsigned threads, struct fmnn_digest *digests,
                                struct fmnn_error *err);
/* The directory of the file that contains the image, malloc'ed. */
FMNN_API char *fmnn_images_directory(struct fmnn_images *images, const char *image,
                                     struct fmnn_error *err);

/* ---- 6. Tables ------------------------------------------------------------------------------ */

/* A table in TSV whose first line names the columns; see fmnn(7). If the first line has no known
   name, it is data, and the columns are in the order of the kind of table. Later lines that equal
   the header are skipped. Known names can be in any case and between blanks; lines can begin with a
   byte order mark and end as on Windows; fields can be quoted as CSV writers do; fields of known
   columns other than `image` can be between blanks; and there can be blank lines at the end. Names
   and fields are returned without all this. A line with another number of fields than the header,
   or longer than 1 MiB, a NUL byte, another carriage return and a file of zero bytes are FMNN_DATA.
   A header alone is an empty table. */
struct fmnn_table;

enum fmnn_table_kind {
    /* image label split predicted confidence p0 p1 ...: samples and predictions. The names of the
       classes may be there, too: class before predicted, predicted_class before p0. */
    FMNN_TABLE_ROWS,
    FMNN_TABLE_HISTORY, /* epoch loss accuracy val_loss val_accuracy lr seconds */
    FMNN_TABLE_COUNTS,  /* label predicted count */
};

/* Opens a file, or standard input if path is "-", and reads the first line. */
FMNN_API struct fmnn_table *fmnn_table_open(const char *path, enum fmnn_table_kind kind,
                                            struct fmnn_error *err);
/* The same for a table of another program: the first line is also a header if it has one of these
   names, which end in NULL. columns may be NULL. */
FMNN_API struct fmnn_table *fmnn_table_open_columns(const char *path, enum fmnn_table_kind kind,
                                                    const char *const *columns,
                                                    struct fmnn_error *err);
/* The same, when the first `count` bytes of the file were already read from fd; the rest comes from
   fd, which is not closed. path is only a name. */
FMNN_API struct fmnn_table *fmnn_table_open_read(const char *path, int fd, const void *head,
                                                 size_t count, enum fmnn_table_kind kind,
                                                 struct fmnn_error *err);
FMNN_API void fmnn_table_close(struct fmnn_table *table);
FMNN_API const char *
fmnn_table_name(const struct fmnn_table *table); /* path, or "standard input" */
FMNN_API size_t fmnn_table_columns(const struct fmnn_table *table);
FMNN_API const char *fmnn_table_column(const struct fmnn_table *table, size_t column);
/* The number of the column of that name, or -1 if there is none; for _need that is an error. */
FMNN_API int fmnn_table_find(const struct fmnn_table *table, const char *name);
FMNN_API int fmnn_table_need(const struct fmnn_table *table, const char *name,
                             struct fmnn_error *err);
/* From now on, skips rows whose `split` is not one of the words, which are separated by commas. */
FMNN_API int fmnn_table_only(struct fmnn_table *table, const char *splits, struct fmnn_error *err);

/* Reads the next row, whose fields stay valid until the next call. Returns 1, 0 at the end, or -1.
   */
FMNN_API int fmnn_table_next(struct fmnn_table *table, struct fmnn_error *err);
FMNN_API size_t fmnn_table_line(const struct fmnn_table *table); /* of the row, from 1 */
FMNN_API const char *fmnn_table_field(const struct fmnn_table *table, size_t column);
/* Whether reading the next row would have to wait for the program that writes the table. */
FMNN_API bool fmnn_table_paused(struct fmnn_table *table);

/* Parse a field of the current row; errors name file and line. A label can be written 3, 3.0 or
   between blanks; True and False are 1 and 0. A field that is empty or, as R and pandas
   write it, NA or NaN has the label -1. If class_count is 0, labels can be up to 65,535. */
FMNN_API int fmnn_table_label(const struct fmnn_table *table, size_t column, size_t class_count,
                              int *label, struct fmnn_error *err);
/* The same for classes that may have names (NULL: they have none): a label that is no number is
   looked up among the names. */
FMNN_API int fmnn_table_class(const struct fmnn_table *table, size_t column,
                              const struct fmnn_names *names, int *label, struct fmnn_error *err);
FMNN_API int fmnn_table_number(const struct fmnn_table *table, size_t column, double *number,
                               struct fmnn_error *err);
/* Sets an FMNN_DATA error about the current row, "NAME:LINE: ...", and returns -1. */
FMNN_API int fmnn_table_fail(const struct fmnn_table *table, struct fmnn_error *err,
                             const char *format, ...) FMNN_PRINTF(3, 4);

/* Formats a number for a table: "%.9g" with '.' in every locale. */
FMNN_API void fmnn_format_number(char text[32], double number);

/* ---- 7. Choosing the validation set --------------------------------------------------------- */

struct fmnn_split {
    /* The size of the validation set: one of the three. */
    size_t valid;         /* rows */
    double percent;       /* above 0: percent of the rows, rounded down, instead of `valid` */
    unsigned folds, fold; /* folds above 0: fold 1..folds of a cross-validation instead */
    bool shuffle;         /* chosen at random; else the first rows */
    bool stratify;        /* the same fraction of every class */
    uint64_t seed;
};
/* Sets validates[i] to 1 if row i of n is in the validation set, else to 0. The labels are needed
   only to stratify. */
FMNN_API int fmnn_split_choose(const struct fmnn_split *split, const uint16_t *labels, size_t n,
                               uint8_t *validates, struct fmnn_error *err);

/* ---- 8. Models and recipes ------------------------------------------------------------------ */

/* The layers of a net, and defaults for its training, as text; see fmnn-model(5). */
struct fmnn_model;

/* Errors are FMNN_USAGE and begin with name and line: "NAME:LINE: ...". */
FMNN_API struct fmnn_model *fmnn_model_parse(const char *text, const char *name,
                                             struct fmnn_error *err);
FMNN_API void fmnn_model_free(struct fmnn_model *model);

/* The settings of a training: optimizer, learning rate and so on. */
struct fmnn_recipe;

/* The recipe of the model: its `set` lines, and defaults for the rest. It belongs to the model. */
FMNN_API const struct fmnn_recipe *fmnn_model_recipe(const struct fmnn_model *model);
/* Returns a copy of the recipe, or the defaults if recipe is NULL. */
FMNN_API struct fmnn_recipe *fmnn_recipe_new(const struct fmnn_recipe *recipe,
                                             struct fmnn_error *err);
FMNN_API void fmnn_recipe_free(struct fmnn_recipe *recipe);
/* Sets one setting from text, like a `set` line of a model. Numbers are rounded to nine digits, as
   records have them. If the name is unknown or the value not allowed, the error is FMNN_USAGE. */
FMNN_API int fmnn_recipe_set(struct fmnn_recipe *recipe, const char *name, const char *value,
                             struct fmnn_error *err);
/* The value of a setting as text, malloc'ed. */
FMNN_API char *fmnn_recipe_get(const struct fmnn_recipe *recipe, const char *name,
                               struct fmnn_error *err);
/* Whether the setting has an effect: false if it belongs to another optimizer than the recipe's. */
FMNN_API bool fmnn_recipe_uses(const struct fmnn_recipe *recipe, const char *name);
/* Whether there is reason to doubt the recipe for a training on this number of images: then
   *warning has it as its message. */
FMNN_API bool fmnn_recipe_warning(const struct fmnn_recipe *recipe, size_t images,
                                  struct fmnn_error *warning);

enum fmnn_setting_kind {
    FMNN_SETTING_COUNT, /* a whole number, min to max */
    FMNN_SETTING_REAL,  /* a number, min to max */
    FMNN_SETTING_WORD,  /* one of words */
    FMNN_SETTING_TEXT,  /* words between blanks, as its manual page says */
};

struct fmnn_setting {
    const char *name;     /* "momentum" */
    const char *argument; /* the value's name in a help text: "X" */
    const char *help;     /* "momentum of sgd" */
    enum fmnn_setting_kind kind;
    double min, max;          /* but lr must be above min, and smooth below max */
    const char *const *words; /* ends in NULL */
    const char *fallback;     /* the default; if it depends on other settings, a description */
    const char *optimizer;    /* the only optimizer that uses the setting; NULL: all use it */
};
/* The settings, counted from 0; NULL after the last one. They are constants. */
FMNN_API const struct fmnn_setting *fmnn_recipe_setting(size_t i);

/* ---- 9. Nets -------------------------------------------------------------------------------- */

/* A model applied to images of one shape, with its weights. */
struct fmnn_net;

/* Makes a net whose weights are zero. Height and width of images are 1 to FMNN_MAX_SIDE, the number
   of classes 1 to 65,536, and the number of weights at most 2^30, the outputs of each layer rounded
   up to a multiple of 32; else the error is FMNN_USAGE. */
FMNN_API struct fmnn_net *fmnn_net_new(const struct fmnn_model *model, struct fmnn_shape shape,
                                       size_t classes, struct fmnn_error *err);
FMNN_API void fmnn_net_free(struct fmnn_net *net);
/* Sets the initial weights: he_normal as in Keras (a normal distribution truncated at two standard
   deviations), biases zero. They depend on the seed only. threads 0: the number of processors. */
FMNN_API void fmnn_net_initialise(struct fmnn_net *net, uint64_t seed, unsigned threads);
/* The same, as the recipe's `init` says: with `dirac`, the first filters of each convolution become
   identities, one for each channel that it reads, unless it reads more channels than it has
   filters. recipe NULL: the defaults. */
FMNN_API void fmnn_net_start(struct fmnn_net *net, const struct fmnn_recipe *recipe, uint64_t seed,
                             unsigned threads);
/* Takes the weights of another net: of each layer whose parameters have the same names and shapes
   in both nets, running statistics included. The other layers keep the weights that they have, and
   *anew, unless anew is NULL, says so: a line for each, such as "6.weight: 10 outputs, the net has
   3: starts anew"; to be freed with fmnn_names_free(). freeze: training does not change the layers
   that were taken; their running statistics stay, too. If no layer can be taken, or none is left to
   train, the error is FMNN_USAGE. Training records the digest of the file that `from` was read
   from, and checkpoints need the same one. */
FMNN_API int fmnn_net_take(struct fmnn_net *net, const struct fmnn_net *from, bool freeze,
                           struct fmnn_names **anew, struct fmnn_error *err);
FMNN_API struct fmnn_shape fmnn_net_shape(const struct fmnn_net *net); /* of an image */
FMNN_API size_t fmnn_net_classes(const struct fmnn_net *net);
/* How images become the net's input; weight files record it. The shape is that of the net. If
   fmnn_net_set_input() gets another shape, the error is FMNN_USAGE. */
FMNN_API const struct fmnn_input *fmnn_net_input(const struct fmnn_net *net);
FMNN_API int fmnn_net_set_input(struct fmnn_net *net, const struct fmnn_input *input,
                                struct fmnn_error *err);
/* Whether the net was trained with `exact`: then it computes convolutions directly, without
   Winograd's algorithm, whose rounding differs slightly. Weight files record this. */
FMNN_API bool fmnn_net_exact(const struct fmnn_net *net);
/* The names of the classes; NULL if they have none. fmnn_net_set_names() copies the names; there
   must be one for each class, and each must be one that fmnn_names_read() accepts. */
FMNN_API const struct fmnn_names *fmnn_net_names(const struct fmnn_net *net);
FMNN_API int fmnn_net_set_names(struct fmnn_net *net, const struct fmnn_names *names,
                                struct fmnn_error *err);
/* Whether the predictions of two nets can be averaged: images become their input in the same way
   (fmnn_net_input()), and there are the same classes, with the same names in the same order. If
   not, the error is FMNN_USAGE and says what is different: "images of 28x28, not 32x32". */
FMNN_API int fmnn_net_agree(const struct fmnn_net *net, const struct fmnn_net *other,
                            struct fmnn_error *err);
/* The canonical text of the layers: "dense 128 relu | dense 10". */
FMNN_API const char *fmnn_net_text(const struct fmnn_net *net);

struct fmnn_layer {
    const char *text;        /* "conv 6 5x5 relu" */
    struct fmnn_shape shape; /* of the output for one image */
    uint64_t parameters;     /* those that are trained, as PyTorch counts: no running statistics */
    uint64_t multiply_adds;  /* of convolutions and dense layers, for one image, forward */
    bool winograd;           /* done by Winograd's algorithm, with fewer multiplications */
    unsigned depth;          /* the number of residuals that contain the layer */
    const char *opens;       /* the residuals that begin with the layer: "residual {"; or NULL */
};
/* The layers, counted from 0; false after the last one. A convolution or dense layer with `bn` is
   two layers, and so is a layer with the activation silu or gelu. A residual's layers have one more
   depth than the sum, "add relu", which comes after them. Before it come the layers of the
   projection, if there is one: "project: conv 32 1x1". */
FMNN_API bool fmnn_net_layer(const struct fmnn_net *net, size_t i, struct fmnn_layer *layer);

struct fmnn_tensor {
    const char *name; /* as PyTorch's nn.Sequential names it: "0.weight" */
    unsigned rank;
    size_t size[4]; /* conv (out,in,kh,kw), dense (out,in), bias (out) */
};
/* The parameter tensors, counted from 0; false after the last one. */
FMNN_API bool fmnn_net_tensor(const struct fmnn_net *net, size_t i, struct fmnn_tensor *tensor);
/* Copy the values of a tensor, row-major in the order of its sizes. */
FMNN_API void fmnn_net_get(const struct fmnn_net *net, size_t i, float *values);
FMNN_API void fmnn_net_set(struct fmnn_net *net, size_t i, const float *values);

/* ---- 10. Training --------------------------------------------------------------------------- */

/* Images and their labels in memory. */
struct fmnn_data;
/* Makes an empty list of images of one shape, which must be one that fmnn_net_new() accepts. */
FMNN_API struct fmnn_data *fmnn_data_new(struct fmnn_shape shape, struct fmnn_error *err);
FMNN_API void fmnn_data_free(struct fmnn_data *data);
/* Makes room for this number of images in all. Optional: if the number is known, images are neither
   moved when more are added, nor in more pages of memory than necessary. */
FMNN_API int fmnn_data_reserve(struct fmnn_data *data, size_t count, struct fmnn_error *err);
/* Appends an image. Returns its pixels, (C,H,W), which the caller must write before the next call.
   */
FMNN_API uint8_t *fmnn_data_add(struct fmnn_data *data, unsigned label, struct fmnn_error *err);
FMNN_API size_t fmnn_data_count(const struct fmnn_data *data);

/* Writes pixels (n,C,H,W) of the rows first .. first + n - 1 as a training on this data sees them
   in an epoch, counted from 1, by the recipe's `augment`. Rows count from 0. What becomes of a row
   depends on its number, not on first and n; but images are mixed as if these rows were one batch,
   so that a row's partner is the one at the same distance from the other end. */
FMNN_API int fmnn_data_augment(const struct fmnn_data *data, const struct fmnn_recipe *recipe,
                               uint64_t seed, unsigned epoch, size_t first, size_t n,
                               uint8_t *pixels, struct fmnn_error *err);

struct fmnn_training {
    const struct fmnn_recipe *recipe; /* copied; NULL: the defaults */
    uint64_t seed;
    unsigned threads;    /* 0: the number of processors */
    const char *kernels; /* "generic", "avx2", ...; NULL: the best for this CPU */
    bool exact;          /* direct convolution, without Winograd; see fmnn_net_exact() */
    unsigned patience;   /* stop after this number of epochs without a better one; 0: never */
    /* If the checkpoint that is resumed has another number of epochs, the schedule keeps its
       length, and later steps have its last rate. Otherwise another number is an error, unless the
       schedule is constant. */
    bool extend;
    bool profile; /* measure where the time goes; see fmnn_trainer_profile() */
};

struct fmnn_epoch {
    unsigned epoch;                /* from 1 */
    double loss, accuracy;         /* means over the images as they were trained */
    double val_loss, val_accuracy; /* on the validation set after the epoch, if validated */
    double lr;                     /* of the epoch's last step */
    double seconds;
    bool validated;
};

struct fmnn_trainer;
/* Makes a trainer that continues from the net's weights and makes the net exact if the training is.
   It borrows net, train and valid until it is freed, and copies *training. valid may be empty or
   NULL. Zero in each member of *training is its default. */
FMNN_API struct fmnn_trainer *fmnn_trainer_new(struct fmnn_net *net, const struct fmnn_data *train,
                                               const struct fmnn_data *valid,
                                               const struct fmnn_training *training,
                                               struct fmnn_error *err);
FMNN_API void fmnn_trainer_free(struct fmnn_trainer *trainer);

enum fmnn_progress {
    FMNN_BATCH, /* at least one batch was trained or validated; the epoch is not at its end */
    FMNN_EPOCH, /* the epoch has ended: see fmnn_trainer_epoch() */
    FMNN_DONE,  /* nothing was done: all epochs have ended, or patience has run out */
};
/* Trains or validates for about 20 ms, but at least one batch and at most to the end of the epoch.
   Returns an enum fmnn_progress, or -1 on error. If the loss or a weight is not finite, the error
   is FMNN_DATA and names step, epoch and layer. After an error, fmnn_trainer_finish() or
   fmnn_trainer_resume() can still succeed, but no further call of this function. */
FMNN_API int fmnn_trainer_advance(struct fmnn_trainer *trainer, struct fmnn_error *err);
/* The metrics of an epoch, counted from 1; NULL if it has not ended. */
FMNN_API const struct fmnn_epoch *fmnn_trainer_epoch(const struct fmnn_trainer *trainer,
                                                     unsigned epoch);
/* The metrics of the current epoch so far, valid until the next call. *done of *all batches of the
   epoch, for training and validation together, are done. */
FMNN_API const struct fmnn_epoch *fmnn_trainer_progress(struct fmnn_trainer *trainer, size_t *done,
                                                        size_t *all);
/* The epochs that the training is to have: the recipe's, or more because of its min-steps. */
FMNN_API unsigned fmnn_trainer_epochs(const struct fmnn_trainer *trainer);
/* What fmnn_recipe_warning() says of the trainer's recipe and images. */
FMNN_API bool fmnn_trainer_warning(const struct fmnn_trainer *trainer, struct fmnn_error *warning);
/* The epoch whose weights fmnn_trainer_finish() would restore. 0: no epoch has ended, or the latest
   weights are kept, and the current epoch has begun but not ended. */
FMNN_API unsigned fmnn_trainer_kept(const struct fmnn_trainer *trainer);

/* Where the time of fmnn_trainer_advance() went, if the training has `profile` set: a row for each
   operation on a batch in the order in which they run, then the rows "feed" and "wait". */
struct fmnn_profile_row {
    size_t layer;     /* from 1; 0: none */
    const char *text; /* of the layer: "conv 6 5x5 relu"; or "" */
    /* "forward"; "backward-data", the gradient of the layer's input; "backward-weights", the
       gradient of its weights, and their update; "gather", bytes to floats; "loss"; if the recipe
       has clip or average, "gradient_squares", "gradient_norm", "update" and "average"; "feed",
       choosing a batch and adding up its metrics; "wait", threads without work. */
    const char *phase;
    const char *job; /* the kernels' name of the operation */
    uint64_t runs;
    double seconds; /* summed over threads and divided by their number: the rows add up */
    /* Floating-point operations of direct convolution, padding included, and those actually done;
       0 if they are not counted. */
    double flops, flops_done;
    /* Read and written: weights and optimizer state, and values and gradients, but those that only
       a chain of operations uses, block by block, in the cache. */
    double bytes;
};
/* The rows, counted from 0; false after the last one, or if nothing was measured. */
FMNN_API bool fmnn_trainer_profile(const struct fmnn_trainer *trainer, size_t i,
                                   struct fmnn_profile_row *row);
/* The maximum number of floating-point operations per second of the trainer's threads and kernels,
   which the function measures. That takes some hundredths of a second. If the training has
   `profile` set, the training has also measured it every two seconds, and the function returns the
   mean of all measurements. */
FMNN_API double fmnn_trainer_peak(const struct fmnn_trainer *trainer);

/* Ends the training: restores the weights to keep into the net, together with the record of the
   training for its file. If training failed, restores the weights of epoch fmnn_trainer_kept().
   Returns -1 if there is no such epoch, or if the trainer was resumed from a mid-epoch checkpoint,
   which holds only its latest weights. */
FMNN_API int fmnn_trainer_finish(struct fmnn_trainer *trainer, struct fmnn_error *err);
/* Write a checkpoint, and continue from one. After fmnn_trainer_finish(), unless that kept the
   latest weights, there is nothing to save: the error is FMNN_USAGE. If the training has failed, or
   a weight is not finite, it is FMNN_DATA. The trainer that reads a checkpoint must have been made
   with the same model, data, input, recipe, seed and `exact`, and the same weights taken from
   another net, but can have another number of epochs; else the error is FMNN_USAGE and names the
   difference. A trainer that has failed can continue from a checkpoint; one that
   fmnn_trainer_finish() has ended cannot, and the error is FMNN_USAGE. If the file turns out to be
   damaged after it was read in part, the trainer has failed. */
FMNN_API int fmnn_trainer_save(const struct fmnn_trainer *trainer, FILE *stream,
                               struct fmnn_error *err);
FMNN_API int fmnn_trainer_resume(struct fmnn_trainer *trainer, const char *path,
                                 struct fmnn_error *err);

/* ---- 11. Prediction ------------------------------------------------------------------------- */

/* Test-time augmentation: the net sees an image in several variants, and the mean of their logits
   counts. */
enum fmnn_tta {
    FMNN_TTA_NONE,      /* the image alone */
    FMNN_TTA_FLIP,      /* the image and its mirror image */
    FMNN_TTA_FLIP_SHIFT /* half of the mean is these two; the other half is the image moved by one
                           pixel up and left, and down and right, and the mirror images of both */
};

struct fmnn_prediction {
    /* The number of images that are computed at once, of which each variant is one; 0: chosen by
       the net's size. */
    size_t batch;
    unsigned threads;    /* 0: the number of processors */
    const char *kernels; /* "generic", "avx2", ...; NULL: the best for this CPU */
    enum fmnn_tta tta;
};

struct fmnn_predictor;
/* Makes a predictor, which borrows the net until it is freed; the net must not change. Zero in each
   member of *prediction is its default; NULL: all defaults. The first run of
   several images, and that of a single one, prepare the weights, so the next ones are faster, those
   of a single image most of all: keep a predictor. */
FMNN_API struct fmnn_predictor *fmnn_predictor_new(const struct fmnn_net *net,
                                                   const struct fmnn_prediction *prediction,
                                                   struct fmnn_error *err);
FMNN_API void fmnn_predictor_free(struct fmnn_predictor *predictor);
/* Adds another net, which is borrowed like the first one. The predictor then gives the mean of the
   probabilities of all its nets. The order in which they were added can change the last digits. If
   fmnn_net_agree() says that the nets do not agree, the error is FMNN_USAGE. After an error the
   predictor is as before. */
FMNN_API int fmnn_predictor_add(struct fmnn_predictor *predictor, const struct fmnn_net *net,
                                struct fmnn_error *err);
/* The number of images, all their variants included, that are computed at once: the largest of all
   nets. */
FMNN_API size_t fmnn_predictor_batch(const struct fmnn_predictor *predictor);
/* Computes probabilities (n,classes) from pixels (n,C,H,W), for any n. The result for an image
   depends only on its pixels and the weights. */
FMNN_API void fmnn_predictor_run(struct fmnn_predictor *predictor, const uint8_t *pixels, size_t n,
                                 float *probabilities);
/* The class of highest probability; the first one if several are equal. */
FMNN_API size_t fmnn_best_class(const float *probabilities, size_t classes);

/* The names of the kernels that this CPU can run, the best first; NULL after the last one. */
FMNN_API const char *fmnn_kernels_at(size_t i);

/* ---- 12. Weight files ----------------------------------------------------------------------- */

/* Read and write a weights file; see fmnn-weights(5). A checkpoint can be read as well. */
FMNN_API struct fmnn_net *fmnn_net_read(const char *path, struct fmnn_error *err);
/* The same, and files that another program wrote, such as PyTorch: safetensors whose format is not
   fmnn. They need no digest. If their metadata have fmnn.model, that describes the net, and they
   must have fmnn.input, too; else `like` does, which has exactly these tensors; if it is NULL, the
   error is FMNN_USAGE. */
FMNN_API struct fmnn_net *fmnn_net_read_any(const char *path, const struct fmnn_net *like,
                                            struct fmnn_error *err);
FMNN_API int fmnn_net_write(const struct fmnn_net *net, FILE *stream, struct fmnn_error *err);

/* ---- 13. Confusion matrices ----------------------------------------------------------------- */

/* The number of images for each pair of true class (row) and predicted class (column). The classes
   are 0 .. K-1 or, if K is unknown, those that occur, in the order of their labels. */
struct fmnn_confusion;

enum { FMNN_CONFUSION_MAX_CLASSES = 4096 }; /* labels must be below this */

/* classes: K, or 0 for the classes that occur. */
FMNN_API struct fmnn_confusion *fmnn_confusion_new(size_t classes, struct fmnn_error *err);
FMNN_API void fmnn_confusion_free(struct fmnn_confusion *confusion);
/* Adds `count` images; even if count is 0, both classes occur. If a label is too large or the total
   exceeds 2^63 - 1, the error is FMNN_DATA. */
FMNN_API int fmnn_confusion_add(struct fmnn_confusion *confusion, size_t truth, size_t predicted,
                                uint64_t count, struct fmnn_error *err);
/* Adds to the cross-entropy the probability that was predicted for the true class of `count`
   images. It is clipped to [eps, 1 - eps] with the epsilon of double, so that zero does not give
   infinity. */
FMNN_API void fmnn_confusion_add_probability(struct fmnn_confusion *confusion, double probability,
                                             uint64_t count);

/* The number of classes of the matrix, and their labels in ascending order. The functions below
   take the index of a class, 0 .. classes-1. */
FMNN_API size_t fmnn_confusion_classes(const struct fmnn_confusion *confusion);
FMNN_API size_t fmnn_confusion_label(const struct fmnn_confusion *confusion, size_t i);
FMNN_API uint64_t fmnn_confusion_count(const struct fmnn_confusion *confusion, size_t truth,
                                       size_t predicted);
FMNN_API uint64_t fmnn_confusion_total(const struct fmnn_confusion *confusion);
FMNN_API uint64_t fmnn_confusion_correct(const struct fmnn_confusion *confusion); /* the diagonal */
/* The fraction of correct predictions; 0 if the matrix is empty. */
FMNN_API double fmnn_confusion_accuracy(const struct fmnn_confusion *confusion);
/* The mean over the images whose probabilities were added; NaN if there are none. */
FMNN_API double fmnn_confusion_cross_entropy(const struct fmnn_confusion *confusion);

enum fmnn_normalize {
    FMNN_NORMALIZE_TRUE, /* divide rows by their sums: the diagonal is recall */
    FMNN_NORMALIZE_PRED, /* divide columns by their sums: the diagonal is precision */
    FMNN_NORMALIZE_ALL,  /* divide all by the total */
};
/* The matrix as fractions (classes,classes), row-major, malloc'ed; 0 if the divisor is 0. */
FMNN_API double *fmnn_confusion_fractions(const struct fmnn_confusion *confusion,
                                          enum fmnn_normalize by, struct fmnn_error *err);

struct fmnn_score {
    double precision, recall, f1; /* 0 where the division is by zero */
    uint64_t support;             /* images of the class */
};
/* Metrics of each class and their means, computed in the same order as in scikit-learn's
   classification_report, so that they are rounded alike. */
struct fmnn_report {
    size_t classes;
    struct fmnn_score macro;    /* plain means over all classes; support is the total */
    struct fmnn_score weighted; /* means weighted by support */
    double accuracy;
    double balanced_accuracy; /* the mean recall of the classes that have images */
    double kappa;             /* Cohen's; NaN if all images are of one class and predicted as it */
    double mcc;               /* Matthews' correlation, of all classes; 0 if undefined */
    size_t unpredicted;       /* number of classes never predicted: precision undefined, set to 0 */
    size_t unsupported;       /* number of classes without images: recall undefined, set to 0 */
    struct fmnn_score *score; /* (classes); freed with the report */
};
/* The report is malloc'ed. */
FMNN_API struct fmnn_report *fmnn_confusion_report(const struct fmnn_confusion *confusion,
                                                   struct fmnn_error *err);

struct fmnn_pair {
    size_t truth, predicted; /* indices of classes; (a,b) and (b,a) are different pairs */
    uint64_t count;          /* above 0 */
};
/* The pairs of classes that were confused, the most frequent first; pairs of equal counts in the
   order of truth, then prediction. *pairs is malloc'ed; NULL if nothing was confused. */
FMNN_API int fmnn_confusion_pairs(const struct fmnn_confusion *confusion, struct fmnn_pair **pairs,
                                  size_t *count, struct fmnn_error *err);

/* ---- 14. Calibration ------------------------------------------------------------------------ */

/* Compares the confidence of predictions with their accuracy, in bins of equal width of confidence.
   */
struct fmnn_calibration;

enum { FMNN_CALIBRATION_MAX_BINS = 1000 };

struct fmnn_bin {
    double from, to; /* confidence above `from` and up to `to`; the first bin includes `from` */
    uint64_t rows, correct; /* predictions, and correct predictions */
    double confidence;      /* mean confidence; NaN if rows is 0 */
    double accuracy;        /* correct / rows; NaN if rows is 0 */
};

/* bins: 1 to FMNN_CALIBRATION_MAX_BINS; else the error is FMNN_USAGE. */
FMNN_API struct fmnn_calibration *fmnn_calibration_new(size_t bins, struct fmnn_error *err);
FMNN_API void fmnn_calibration_free(struct fmnn_calibration *calibration);
/* Adds `count` predictions of the same confidence, all correct or all incorrect. If the confidence
   is not in 0..1, apart from rounding, or the total exceeds 2^63 - 1, the error is FMNN_DATA. */
FMNN_API int fmnn_calibration_add(struct fmnn_calibration *calibration, double confidence,
                                  bool correct, uint64_t count, struct fmnn_error *err);
FMNN_API size_t fmnn_calibration_bins(const struct fmnn_calibration *calibration);
FMNN_API struct fmnn_bin fmnn_calibration_bin(const struct fmnn_calibration *calibration, size_t i);
FMNN_API struct fmnn_bin fmnn_calibration_total(const struct fmnn_calibration *calibration);
/* The expected calibration error: the mean over all predictions of |accuracy - mean confidence| of
   their bins; NaN if there are none. */
FMNN_API double fmnn_calibration_error(const struct fmnn_calibration *calibration);
/* The maximum of |accuracy - mean confidence| over the bins that are not empty; NaN if all are. */
FMNN_API double fmnn_calibration_max_error(const struct fmnn_calibration *calibration);

/* ---- 15. Significance ----------------------------------------------------------------------- */

struct fmnn_interval {
    double low, high;
};
/* The 95 % confidence interval of an accuracy of correct / total: Wilson's score interval. It is
   0..1 if total is 0. */
FMNN_API struct fmnn_interval fmnn_wilson(uint64_t correct, uint64_t total);

/* McNemar's test of two classifiers on the same images. */
struct fmnn_mcnemar {
    double exact; /* two-sided p-value of the binomial distribution; equals p if
                     first + second > 2^40 */
    double chi2;  /* the statistic max(|first - second| - 1, 0)^2 / (first + second) */
    double p;     /* p-value of chi2 for one degree of freedom */
};
/* first and second are the numbers of images that only the first, or only the second classifier
   predicts correctly. If they are equal, chi2 is 0 and both p-values are 1. */
FMNN_API struct fmnn_mcnemar fmnn_mcnemar(uint64_t first, uint64_t second);

/* ---- 16. Ranking ---------------------------------------------------------------------------- */

/* How well the probability of a class tells its images from all others (one class against the
   rest): ROC and precision-recall curves, and the areas below them. It holds 8 bytes for each image
   and class. */
struct fmnn_ranking;

/* classes: 1 to FMNN_CONFUSION_MAX_CLASSES. */
FMNN_API struct fmnn_ranking *fmnn_ranking_new(size_t classes, struct fmnn_error *err);
FMNN_API void fmnn_ranking_free(struct fmnn_ranking *ranking);
/* Adds an image: its class and the probabilities (classes). If one is not in 0..1, apart from
   rounding, the error is FMNN_DATA. After an error, only fmnn_ranking_free() can be called. */
FMNN_API int fmnn_ranking_add(struct fmnn_ranking *ranking, size_t truth,
                              const double *probabilities, struct fmnn_error *err);

struct fmnn_ranking_score {
    double roc_auc;           /* NaN if the class has no images, or all of them */
    double average_precision; /* NaN if the class has no images */
    uint64_t support;         /* images of the class */
};
/* As scikit-learn's roc_auc_score and average_precision_score give them. Classes without a value
   are left out of the means. */
struct fmnn_ranking_report {
    size_t classes;
    struct fmnn_ranking_score macro;    /* plain means; support is the total */
    struct fmnn_ranking_score weighted; /* means weighted by support */
    struct fmnn_ranking_score micro;    /* of all pairs of an image and a class */
    size_t undefined;                   /* number of classes without a ROC AUC */
    struct fmnn_ranking_score *score;   /* (classes); freed with the report */
};
/* The report is malloc'ed. Images can be added later. */
FMNN_API struct fmnn_ranking_report *fmnn_ranking_report(struct fmnn_ranking *ranking,
                                                         struct fmnn_error *err);

enum fmnn_curve {
    FMNN_CURVE_ROC,             /* x: false positive rate; y: true positive rate; from (0,0) */
    FMNN_CURVE_PRECISION_RECALL /* x: recall; y: precision; from (0,1), as in scikit-learn */
};
struct fmnn_point {
    double x, y;
};
/* The curve of a class, with a point for each different probability; a ROC curve without those on
   straight lines. *points is malloc'ed. If the curve is undefined, *count is 0 and *points NULL. */
FMNN_API int fmnn_ranking_curve(struct fmnn_ranking *ranking, size_t class_index,
                                enum fmnn_curve curve, struct fmnn_point **points, size_t *count,
                                struct fmnn_error *err);

/* ---- 17. Label issues ----------------------------------------------------------------------- */

struct fmnn_label_issue {
    size_t image;           /* its index, from 0 */
    size_t suggested;       /* the class of highest probability, apart from its label */
    double self_confidence; /* the probability of its label */
};
/* Finds the images whose label is probably wrong by confident learning (Northcutt, Jiang and
   Chuang, 2021), as cleanlab's find_label_issues() does with prune_by_noise_rate and one example at
   least per class. probabilities are (n,classes), each row from a net that was not trained on that
   image. *issues, malloc'ed or NULL, are sorted by self-confidence, lowest first, then by image. Of
   images that are equally probable the first ones count. If a label is not below `classes`, the
   error is FMNN_DATA. */
FMNN_API int fmnn_label_issues(const double *probabilities, const uint32_t *labels, size_t n,
                               size_t classes, struct fmnn_label_issue **issues, size_t *count,
                               struct fmnn_error *err);

#ifdef __cplusplus
}
#endif

#endif
