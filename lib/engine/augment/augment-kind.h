/* augment-kind.h -- a kind of augmentation: its words, and what it does to an image. */
#ifndef FM_AUGMENT_KIND_H
#define FM_AUGMENT_KIND_H

#include "engine/augment/augment.h"

enum fm_augment_argument {
    FM_AUGMENT_NOTHING,
    FM_AUGMENT_PIXELS,      /* N: 1 .. FMNN_MAX_SIDE, and not larger than the image */
    FM_AUGMENT_PROBABILITY, /* P: 0 .. 1 */
    FM_AUGMENT_INVERSE,     /* A: 1 divided by a whole number, up to FM_MAX_INVERSE */
};
enum { FM_MAX_INVERSE = 100 };

struct fm_augment_kind {
    const char *name;
    const char *option; /* a word that may follow the name, or NULL */
    enum fm_augment_argument argument;
    bool fills; /* uses image->fill */
    /* One of them. mix() returns the share that the image keeps; partner: its pixels. */
    void (*apply)(const struct fm_augment_part *part, const struct fm_augment_image *image);
    double (*mix)(const struct fm_augment_part *part, const struct fm_augment_image *image,
                  const uint8_t *partner);
};

extern const struct fm_augment_kind fm_augment_kinds[]; /* ends in a row without a name */

#endif
