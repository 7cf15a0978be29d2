/* image.c -- pixels to gray or to planes of colours, over a background. */
#include "data/image.h"

/* A pixel over a background, by its alpha, rounded. */
static uint8_t over(unsigned value, unsigned alpha, unsigned background)
{
    return (uint8_t)((value * alpha + background * (255 - alpha) + 127) / 255);
}

void fm_image_gray(const struct fm_image *image, uint8_t background, uint8_t *to)
{
    const uint8_t *p = image->pixels, *end = p + image->height * image->width * image->channels;
    switch (image->channels) {
    case 1:
        memmove(to, p, (size_t)(end - p));
        break;
    case 2:
        for (; p < end; p += 2)
            *to++ = over(p[0], p[1], background);
        break;
    case 3:
        for (; p < end; p += 3)
            *to++ = fm_luma(p[0], p[1], p[2]);
        break;
    default:
        for (; p < end; p += 4)
            *to++ = over(fm_luma(p[0], p[1], p[2]), p[3], background);
    }
}

/* Colours without alpha: most photos. */
static void split_colours(const uint8_t *p, size_t count, uint8_t *to)
{
    uint8_t *red = to, *green = to + count, *blue = to + 2 * count;
    for (size_t i = 0; i < count; i++, p += 3) {
        red[i] = p[0];
        green[i] = p[1];
        blue[i] = p[2];
    }
}

void fm_image_planes(const struct fm_image *image, const uint8_t background[3], uint8_t *to)
{
    size_t n = image->channels, count = image->height * image->width;
    bool gray = n < 3, alpha = fm_image_has_alpha(image);
    if (n == 3) {
        split_colours(image->pixels, count, to);
        return;
    }
    for (size_t c = 0; c < 3; c++, to += count) {
        const uint8_t *p = image->pixels + (gray ? 0 : c);
        for (size_t i = 0; i < count; i++)
            to[i] = alpha ? over(p[i * n], image->pixels[i * n + n - 1], background[c]) : p[i * n];
    }
}

bool fm_image_is_colour(const struct fm_image *image)
{
    enum { CLEARLY = 8 }; /* levels between the channels of a pixel: more than rounding */
    size_t n = image->channels;
    if (n < 3)
        return false;
    const uint8_t *p = image->pixels, *end = p + image->height * image->width * n;
    for (; p < end; p += n) {
        unsigned max = p[0] > p[1] ? p[0] : p[1], min = p[0] < p[1] ? p[0] : p[1];
        max = max > p[2] ? max : p[2];
        min = min < p[2] ? min : p[2];
        if (max - min > CLEARLY && (n == 3 || p[3] > 0))
            return true;
    }
    return false;
}
