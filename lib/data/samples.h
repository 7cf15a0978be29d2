/* samples.h -- images and labels in memory. */
#ifndef FM_SAMPLES_H
#define FM_SAMPLES_H

#include "base/internal.h"

struct fmnn_data {
    struct fmnn_shape shape; /* of an image */
    size_t count;
    uint8_t *pixels; /* (count,C,H,W) */
    size_t pixel_capacity;
    uint16_t *labels; /* (count) */
    size_t label_capacity;
};

/* The pixels [n] and labels [n] of images order[from .. from+n-1], or from .. from+n-1 if order is
   NULL. */
void fm_data_batch(const struct fmnn_data *data, const uint32_t *order, size_t from, size_t n,
                   const uint8_t **pixels, uint16_t *labels);
/* 128 bits that tell one set of training and validation rows from another: XXH3 over their sizes,
   labels and pixels. valid may be NULL. digits: 32 hexadecimal ones and a zero byte. */
int fm_data_fingerprint(const struct fmnn_data *train, const struct fmnn_data *valid,
                        char digits[33], struct fmnn_error *err);

#endif
