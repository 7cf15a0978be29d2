/* loading.h -- images on their way into a net: the options that say how, images that are bad, notes
   about images of which nothing is seen. */
#ifndef LOADING_H
#define LOADING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <fmnn.h>

#include "common/options.h"

/* ---- options */

struct background {
    bool given;
    uint8_t colour[3];
};

struct fitting {
    enum fmnn_fit fit; /* FMNN_FIT_NONE: not given */
    enum fmnn_filter filter;
    bool invert;
    struct background background;
};

/* The words of --fit, where the first one is no word of the option, and of --filter. */
extern const char *const fit_words[], *const filter_words[];

void parse_fit(const struct option_row *row, const char *text, void *fit); /* not "none" */
/* "HxW" or "N"; "#rrggbb" or a word. Other texts are trouble. */
void parse_image_size(const struct option_row *row, const char *text, void *shape);
void parse_background(const struct option_row *row, const char *text, void *background);

/* Changes an input as the options say. The size stays. */
void fitting_apply(const struct fitting *fitting, struct fmnn_input *input);

/* The rows of a program's options; `type` has a struct fitting as `member`. */
#define FITTING_ROWS(type, member, by_weights)                                                     \
    {0,                                                                                            \
     "fit",                                                                                        \
     "stretch|pad|crop|fashion-mnist",                                                             \
     "how images of other sizes fit",                                                              \
     OPTION_TEXT,                                                                                  \
     OPTION_TARGET(type, member.fit),                                                              \
     .parse = parse_fit,                                                                           \
     .words = fit_words + 1,                                                                       \
     .by_default = by_weights},                                                                    \
        {0,                                                                                        \
         "filter",                                                                                 \
         NULL,                                                                                     \
         "how they are resized",                                                                   \
         OPTION_WORD,                                                                              \
         OPTION_TARGET(type, member.filter),                                                       \
         .words = filter_words,                                                                    \
         .by_default = by_weights},                                                                \
        {0,           "invert",                                                                    \
         NULL,        "negate images: black becomes white",                                        \
         OPTION_FLAG, OPTION_TARGET(type, member.invert)},                                         \
    {                                                                                              \
        0, "background", "COLOUR", "of transparent and padded pixels: #rrggbb, 0..255, white",     \
            OPTION_TEXT, OPTION_TARGET(type, member.background), .parse = parse_background,        \
                                                                 .by_default = by_weights          \
    }

/* The option for tables of images; `type` has a const char * as `member`. */
#define ROOT_ROW(type, member)                                                                     \
    {                                                                                              \
        0, "root", "DIR", "directory in which relative paths of images begin", OPTION_DIRECTORY,   \
            OPTION_TARGET(type, member), .by_default = "the working directory"                     \
    }

/* ---- operands that may be images, or a table */

/* An operand whose first bytes were read. */
struct operand {
    const char *path; /* "-": standard input */
    bool image;       /* an image, by its first bytes or its name; else a table */
    int error;        /* why it could not be opened; 0: it could */
    int fd;           /* of what cannot be opened again: a pipe, standard input; else -1 */
    uint8_t head[16];
    size_t count; /* bytes of head; 0 if the file is opened anew */
};

/* path NULL: standard input, which must not be a terminal. */
struct operand operand_open(const char *path);
/* The rest of a source that is an image, malloc'ed. */
uint8_t *operand_read(struct operand *source, size_t *size);
struct fmnn_table *operand_table(const struct operand *source, enum fmnn_table_kind kind,
                                 const char *only);

/* ---- images that cannot be read */

struct bad_images {
    bool skip; /* --skip-bad */
    size_t count;
};

/* Where the name of an image comes from. */
struct origin {
    const char *table; /* its name */
    size_t line;
    const char *image;
    const char *root; /* --root, or NULL */
};
/* What is wrong with an image of a table. If it is near the table (roots.h), the text says that
   --root would find it. Malloc'ed. */
char *image_trouble(const struct origin *origin, const struct fmnn_error *why);
/* The same as an error: "TABLE:LINE: ...". */
struct fmnn_error error_of_image(const struct origin *origin, const struct fmnn_error *why);
/* Reports the error of an image: dies of it or, if bad images are skipped, counts it. */
void bad_image(struct bad_images *bad, const struct fmnn_error *error);
/* The exit status: EXIT_NEGATIVE, after a line that tells how many, if some were skipped. */
int bad_images_status(const struct bad_images *bad);

/* Progress, while images are read; the last call has done == all. */
void show_reading(size_t done, size_t all);
/* A note if all pixels of an image are equal; one for each cause, once in a program. */
void note_flat_image(const char *name, const struct fmnn_loaded *loaded);

#endif
