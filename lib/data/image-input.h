/* image-input.h -- from an image to the input of a net. */
#ifndef FM_IMAGE_INPUT_H
#define FM_IMAGE_INPUT_H

#include "data/image.h"

/* What fmnn_fit_name() and fmnn_filter_name() return, ended by NULL. */
extern const char *const fm_fit_names[], *const fm_filter_names[];
/* Checks the members of an input. */
int fm_check_input(const struct fmnn_input *input, struct fmnn_error *err);
/* Writes the pixels of the input, (C,H,W). Without a fit the image must have its size. name begins
   messages. */
int fm_input_make(const struct fmnn_input *input, const struct fm_image *image, const char *name,
                  uint8_t *pixels, struct fmnn_error *err);
/* The same for planes that are not in a file: shape says how many and how large. */
int fm_input_planes(const struct fmnn_input *input, struct fmnn_shape shape, const uint8_t *planes,
                    uint8_t *pixels, struct fmnn_error *err);
/* The error of an image that has another shape than the one that is needed. Returns -1. */
int fm_wrong_shape(const char *name, struct fmnn_shape is, struct fmnn_shape needed,
                   struct fmnn_error *err);
bool fm_same_input(const struct fmnn_input *a, const struct fmnn_input *b);

/* fashion-fit.c. Planes (channels of `shape`) to one or three planes of the input, by the recipe of
   Fashion-MNIST; see there. */
int fm_fit_fashion(const struct fmnn_input *input, struct fmnn_shape shape, const uint8_t *planes,
                   uint8_t *pixels, struct fmnn_error *err);

#endif
