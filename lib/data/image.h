/* image.h -- an image as a file holds it, before it becomes the input of a net. */
#ifndef FM_IMAGE_H
#define FM_IMAGE_H

#include "base/internal.h"

/* What decoders accept: photos of any camera, but no bombs. These are checked before memory is
   taken for pixels. */
enum {
    FM_MAX_IMAGE_SIDE = 65535,
    FM_MAX_IMAGE_PIXELS = 100000000,
};

/* Pixels of 8 bits, (height,width,channels): gray; gray and alpha; red, green, blue; or these and
   alpha. */
struct fm_image {
    size_t height, width, channels;
    uint8_t *pixels; /* malloc'ed */
};

static inline bool fm_image_has_alpha(const struct fm_image *image)
{
    return image->channels == 2 || image->channels == 4;
}

/* The luma of Rec. 601, by integers, rounded. */
static inline uint8_t fm_luma(unsigned red, unsigned green, unsigned blue)
{
    return (uint8_t)((299 * red + 587 * green + 114 * blue + 500) / 1000);
}

/* Refuses sizes beyond the limits, and takes memory for the pixels. path begins the message. */
int fm_image_make_room(struct fm_image *image, const char *path, size_t height, size_t width,
                       size_t channels, struct fmnn_error *err);

/* image.c. Gray pixels (height,width), and planes of red, green and blue (3,height,width), of an
   image over a background. For gray ones, `to` may be the image's own pixels. fm_image_is_colour():
   whether some pixel is clearly not gray. */
void fm_image_gray(const struct fm_image *image, uint8_t background, uint8_t *to);
void fm_image_planes(const struct fm_image *image, const uint8_t background[3], uint8_t *to);
bool fm_image_is_colour(const struct fm_image *image);
/* Pixels of red, green and blue to three rows. */
void fm_split_colours(const uint8_t *pixels, size_t count, uint8_t *red, uint8_t *green,
                      uint8_t *blue);

/* exif.c. How a camera was held, by the EXIF data of TIFF form: 1 (upright) to 8; 1 if the data do
   not say it. */
unsigned fm_exif_orientation(const uint8_t *bytes, size_t size);
/* Turns and mirrors the image so that it is upright. */
int fm_image_turn(struct fm_image *image, unsigned orientation, struct fmnn_error *err);

#endif
