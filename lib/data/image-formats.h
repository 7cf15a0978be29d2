/* image-formats.h -- the formats of image files that can be read: one row of a table each. */
#ifndef FM_IMAGE_FORMATS_H
#define FM_IMAGE_FORMATS_H

#include "base/internal.h"

struct fm_image_format {
    const char *suffix; /* of file names, in any case: ".png" */
    const char *name;   /* "PNG" */
    /* Reads a file as gray bytes (C,H,W), malloc'ed. Refuses damaged files, and images above
       FMNN_MAX_SIDE in either direction. */
    int (*read)(const char *path, struct fmnn_shape *shape, uint8_t **pixels,
                struct fmnn_error *err);
};

/* The format of a file by its name; NULL if it has no suffix of a known format. */
const struct fm_image_format *fm_image_format(const char *path);
/* The suffixes as text for messages: ".png", or ".a, .b or .c". Returns text. */
char *fm_image_suffixes(char *text, size_t size);

#endif
