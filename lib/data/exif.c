/* exif.c -- the orientation that cameras record, and images turned by it. */
#include "data/image.h"

static uint32_t number(const uint8_t *p, unsigned bytes, bool big)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= (uint32_t)p[i] << 8 * (big ? bytes - 1 - i : i);
    return value;
}

/* A TIFF header, then directories of entries of 12 bytes: tag, type, count, value. Only the first
   directory describes the image. */
unsigned fm_exif_orientation(const uint8_t *bytes, size_t size)
{
    enum { HEADER = 8, ENTRY = 12, TAG = 0x112, SHORT = 3, LONG = 4 };
    if (size < HEADER || (memcmp(bytes, "II*\0", 4) != 0 && memcmp(bytes, "MM\0*", 4) != 0))
        return 1;
    bool big = bytes[0] == 'M';
    size_t at = number(bytes + 4, 4, big);
    if (at < HEADER || at > size - 2)
        return 1;
    size_t entries = number(bytes + at, 2, big);
    at += 2;
    if (entries > (size - at) / ENTRY)
        entries = (size - at) / ENTRY;
    for (; entries > 0; entries--, at += ENTRY) {
        const uint8_t *entry = bytes + at;
        uint32_t type = number(entry + 2, 2, big);
        if (number(entry, 2, big) != TAG)
            continue;
        if ((type != SHORT && type != LONG) || number(entry + 4, 4, big) != 1)
            return 1;
        uint32_t value = number(entry + 8, type == SHORT ? 2 : 4, big);
        return value >= 1 && value <= 8 ? value : 1;
    }
    return 1;
}

/* Where the first pixel of the upright image lies in the stored one, and the steps, in pixels, from
   one pixel to the next and from one row to the next. */
struct walk {
    ptrdiff_t first, column, row;
};

static struct walk walk_of(const struct fm_image *image, unsigned orientation)
{
    ptrdiff_t h = (ptrdiff_t)image->height, w = (ptrdiff_t)image->width;
    switch (orientation) {
    case 2: /* mirrored */
        return (struct walk){w - 1, -1, w};
    case 3: /* upside down */
        return (struct walk){h * w - 1, -1, -w};
    case 4: /* upside down, mirrored */
        return (struct walk){(h - 1) * w, 1, -w};
    case 5: /* rows and columns exchanged */
        return (struct walk){0, w, 1};
    case 6: /* to be turned clockwise */
        return (struct walk){(h - 1) * w, -w, 1};
    case 7: /* exchanged and upside down */
        return (struct walk){h * w - 1, -w, -1};
    case 8: /* to be turned anticlockwise */
        return (struct walk){w - 1, w, -1};
    default:
        return (struct walk){0, 1, w};
    }
}

int fm_image_turn(struct fm_image *image, unsigned orientation, struct fmnn_error *err)
{
    if (orientation < 2)
        return 0;
    struct walk walk = walk_of(image, orientation);
    size_t n = image->channels;
    size_t height = orientation < 5 ? image->height : image->width;
    size_t width = orientation < 5 ? image->width : image->height;
    uint8_t *pixels = fm_alloc(height * width, n, err), *to = pixels;
    if (!pixels)
        return -1;
    for (size_t y = 0; y < height; y++) {
        ptrdiff_t from = walk.first + (ptrdiff_t)y * walk.row;
        for (size_t x = 0; x < width; x++, from += walk.column)
            for (size_t c = 0; c < n; c++)
                *to++ = image->pixels[(size_t)from * n + c];
    }
    free(image->pixels);
    *image = (struct fm_image){height, width, n, pixels};
    return 0;
}

int fm_image_make_room(struct fm_image *image, const char *path, size_t height, size_t width,
                       size_t channels, struct fmnn_error *err)
{
    if (height > FM_MAX_IMAGE_SIDE || width > FM_MAX_IMAGE_SIDE ||
        height * width > FM_MAX_IMAGE_PIXELS)
        return fm_fail(
            err, FMNN_DATA,
            "%s: the image of %zux%zu is too large; the maximum is %d million pixels and "
            "sides of %d",
            path, height, width, FM_MAX_IMAGE_PIXELS / 1000000, FM_MAX_IMAGE_SIDE);
    *image = (struct fm_image){height, width, channels, NULL};
    image->pixels = fm_alloc_bare(height * width, channels, err);
    return image->pixels ? 0 : -1;
}
