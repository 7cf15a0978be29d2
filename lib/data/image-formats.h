/* image-formats.h -- the formats of image files that can be read: one row of a table each. */
#ifndef FM_IMAGE_FORMATS_H
#define FM_IMAGE_FORMATS_H

#include "data/image.h"

struct fm_image_format {
    const char *name;            /* "PNG" */
    const char *const *suffixes; /* of file names, in any case: ".png"; ends in NULL */
    /* Whether a file begins like one of this format. */
    bool (*is)(const uint8_t *bytes, size_t size);
    /* Decodes a file's bytes; turns the image upright. Refuses damaged files and images beyond the
       limits, which it checks before it takes memory. path begins messages. On error
       image->pixels is freed or was not allocated. NULL: built without the library. */
    int (*decode)(const char *path, const uint8_t *bytes, size_t size, struct fm_image *image,
                  struct fmnn_error *err);
};

/* Decodes a file's bytes of any known format, or reads such a file; its first bytes tell which. */
int fm_image_decode(const char *path, const uint8_t *bytes, size_t size, struct fm_image *image,
                    struct fmnn_error *err);
int fm_image_read(const char *path, struct fm_image *image, struct fmnn_error *err);
/* Reads a whole file, at most FMNN_MAX_IMAGE_FILE bytes; *bytes is malloc'ed. */
int fm_read_file(const char *path, uint8_t **bytes, size_t *size, struct fmnn_error *err);

int fm_png_decode(const char *path, const uint8_t *bytes, size_t size, struct fm_image *image,
                  struct fmnn_error *err);
int fm_jpeg_decode(const char *path, const uint8_t *bytes, size_t size, struct fm_image *image,
                   struct fmnn_error *err);
int fm_webp_decode(const char *path, const uint8_t *bytes, size_t size, struct fm_image *image,
                   struct fmnn_error *err);
int fm_pnm_decode(const char *path, const uint8_t *bytes, size_t size, struct fm_image *image,
                  struct fmnn_error *err);

#endif
