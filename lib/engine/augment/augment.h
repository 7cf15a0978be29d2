/* augment.h -- augmentation: random changes of training images, each image by itself, as bytes.

   Each random number depends on the seed, the epoch and the image's row in its table. So what
   becomes of an image depends neither on the batch size nor on the threads. Only a mixed image also
   depends on its batch, from which its partner comes. Everything is done in whole numbers, or by
   operations that IEEE 754 defines. */
#ifndef FM_AUGMENT_H
#define FM_AUGMENT_H

#include "base/internal.h"

struct fm_augment_kind;

/* A kind, and what its text gives for it. */
struct fm_augment_part {
    const struct fm_augment_kind *kind; /* NULL: none */
    bool option;                        /* its option was given */
    double number;                      /* its argument */
};

enum { FM_MAX_AUGMENT_PARTS = 8 };

struct fm_augment {
    size_t count;
    struct fm_augment_part part[FM_MAX_AUGMENT_PARTS]; /* in the order of the text */
    struct fm_augment_part mix; /* comes last, wherever it stands in the text */
};

/* Reads "flip shift 2 cutout 8"; "none" and "" have no parts. */
int fm_augment_parse(struct fm_augment *augment, const char *text, struct fmnn_error *err);
/* Writes it in canonical form. */
void fm_augment_print(const struct fm_augment *augment, char *text, size_t size);
/* Fails if a part is larger than images of this shape. */
int fm_augment_check(const struct fm_augment *augment, struct fmnn_shape shape,
                     struct fmnn_error *err);
bool fm_augment_fills(const struct fm_augment *augment); /* needs the fill below */

/* An image, or two that are mixed: (C,H,W). */
struct fm_augment_image {
    uint8_t *pixels;
    struct fmnn_shape shape;
    uint64_t seed;
    uint32_t epoch, row;
    const uint8_t *fill; /* [channels]: of what is cut out */
};

/* ---- a batch */

/* Memory for a batch, and what its images have in common. */
struct fm_augment_batch {
    const struct fm_augment *augment;
    struct fmnn_shape shape;
    uint8_t *fill;    /* [channels]: of what is cut out */
    uint8_t *pixels;  /* (batch,C,H,W): the augmented images */
    uint8_t *partner; /* the same, if images are mixed: the partner of each */
    /* [batch], if images are mixed: the share of the image itself. Its partner has the rest. */
    double *share;
};

/* Writes image n of a batch of `images` images: from[i] are the pixels of image i, index[i] its
   row. Writes to nothing that belongs to another image. */
void fm_augment_one(const struct fm_augment_batch *batch, uint64_t seed, uint32_t epoch,
                    const uint8_t *const *from, const uint32_t *index, size_t images, size_t n);
/* The partner of image n of a batch: the image at the same distance from the other end. The one in
   the middle is its own. */
static inline size_t fm_augment_partner(size_t images, size_t n)
{
    return images - 1 - n;
}

/* The means of the channels over `count` images (count,C,H,W), rounded to whole numbers. */
void fm_augment_means(const uint8_t *pixels, size_t count, struct fmnn_shape shape, uint8_t *means);

#endif
