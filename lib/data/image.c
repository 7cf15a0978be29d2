/* image.c -- pixels to gray or to planes of colours, over a background. */
#include "data/image.h"

#if defined __GNUC__ && !defined __clang__
#pragma GCC optimize("O3") /* vectors, as clang has at -O2 */
#endif

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

enum { TOGETHER = 32 }; /* pixels whose colours are split at once */

/* A perfect shuffle: compilers make it of instructions that interleave vectors. */
static void shuffle(const uint8_t *restrict from, uint8_t *restrict to)
{
    enum { HALF = 3 * TOGETHER / 2 };
    for (size_t i = 0; i < HALF; i++) {
        to[2 * i] = from[i];
        to[2 * i + 1] = from[HALF + i];
    }
}

/* Shuffling takes byte i to 2 i, modulo the number of bytes less one, which is 95. Five times make
   that 32 i, and so the bytes 0, 3, 6, ... come to 0, 1, 2, ... */
void fm_split_colours(const uint8_t *p, size_t count, uint8_t *red, uint8_t *green, uint8_t *blue)
{
    for (; count >= TOGETHER; count -= TOGETHER, p += 3 * TOGETHER) {
        uint8_t a[3 * TOGETHER], b[3 * TOGETHER];
        shuffle(p, a);
        shuffle(a, b);
        shuffle(b, a);
        shuffle(a, b);
        shuffle(b, a);
        memcpy(red, a, TOGETHER);
        memcpy(green, a + TOGETHER, TOGETHER);
        memcpy(blue, a + 2 * TOGETHER, TOGETHER);
        red += TOGETHER;
        green += TOGETHER;
        blue += TOGETHER;
    }
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
        fm_split_colours(image->pixels, count, to, to + count, to + 2 * count);
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
