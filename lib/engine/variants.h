/* variants.h -- test-time augmentation: the variants of an image, and the mean of their logits. */
#ifndef FM_VARIANTS_H
#define FM_VARIANTS_H

#include "base/internal.h"

/* The number of variants of an image, itself included. */
size_t fm_variants(enum fmnn_tta tta);
/* Draws the variant v. from, to (C,H,W). The first variant is the image itself. */
void fm_variant_draw(enum fmnn_tta tta, size_t v, struct fmnn_shape shape, const uint8_t *from,
                     uint8_t *to);
/* mean (classes) of the logits (variants, classes), with the weights of the variants. */
void fm_variants_mean(enum fmnn_tta tta, const float *logits, size_t classes, float *mean);

#endif
