/* pnm.c -- reads PNM files: PBM, PGM and PPM, as text (P1 to P3) and binary (P4 to P6). */
#include "data/image-formats.h"

struct reader {
    const char *path;
    const uint8_t *at, *end;
    struct fmnn_error *err;
};

static int truncated(const struct reader *r)
{
    return fm_fail(r->err, FMNN_DATA, "%s: truncated: the PNM file ends early", r->path);
}

static int damaged(const struct reader *r, const char *what)
{
    return fm_fail(r->err, FMNN_DATA, "%s: damaged PNM file: %s", r->path, what);
}

static bool is_blank(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* Skips blanks and comments, which begin with # and end with the line. */
static void skip_blanks(struct reader *r)
{
    bool comment = false;
    for (; r->at < r->end; r->at++) {
        if (*r->at == '#')
            comment = true;
        if (*r->at == '\n' || *r->at == '\r')
            comment = false;
        if (!comment && !is_blank(*r->at))
            return;
    }
}

/* The header ends with one blank. It is the line's end behind a comment that follows the last
   number. */
static int end_header(struct reader *r)
{
    if (r->at < r->end && *r->at == '#')
        while (r->at < r->end && *r->at != '\n' && *r->at != '\r')
            r->at++;
    if (r->at < r->end && !is_blank(*r->at))
        return damaged(r, "no blank after the header");
    r->at += r->at < r->end;
    return 0;
}

static int read_number(struct reader *r, size_t max, size_t *number)
{
    skip_blanks(r);
    if (r->at == r->end)
        return truncated(r);
    if (*r->at < '0' || *r->at > '9')
        return damaged(r, "a number was expected");
    for (*number = 0; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
        *number = *number * 10 + (*r->at - '0');
        if (*number > max)
            return damaged(r, "a number is too large");
    }
    return 0;
}

/* Samples of `bytes` bytes, or text if bytes is 0, from 0 to max, become 8 bits. */
static int read_samples(struct reader *r, struct fm_image *image, size_t max, size_t bytes)
{
    size_t count = image->height * image->width * image->channels;
    for (size_t i = 0; i < count; i++) {
        size_t value;
        if (bytes) {
            value = bytes == 1 ? r->at[0] : (size_t)r->at[0] << 8 | r->at[1];
            r->at += bytes;
            if (value > max)
                return damaged(r, "a sample is above the maximum value");
        } else if (read_number(r, max, &value) != 0) {
            return -1;
        }
        image->pixels[i] = (uint8_t)((value * 255 + max / 2) / max);
    }
    return 0;
}

/* In bitmaps 1 is black. As text, digits need no blanks between them. */
static int read_bits(struct reader *r, struct fm_image *image, bool binary)
{
    uint8_t *to = image->pixels;
    for (size_t y = 0; y < image->height; y++) {
        for (size_t x = 0; x < image->width; x++) {
            bool black;
            if (binary) {
                black = r->at[x / 8] >> (7 - x % 8) & 1;
            } else {
                skip_blanks(r);
                if (r->at == r->end)
                    return truncated(r);
                if (*r->at != '0' && *r->at != '1')
                    return damaged(r, "a bit is not 0 or 1");
                black = *r->at++ == '1';
            }
            *to++ = black ? 0 : 255;
        }
        if (binary)
            r->at += (image->width + 7) / 8;
    }
    return 0;
}

/* The bytes that the pixels need at least: digits and blanks between them, or samples. */
static size_t least_bytes(unsigned kind, size_t height, size_t width, size_t max)
{
    size_t samples = height * width * (kind % 3 == 0 ? 3 : 1);
    switch (kind) {
    case 1:
        return samples;
    case 4:
        return height * ((width + 7) / 8);
    case 2:
    case 3:
        return 2 * samples - 1;
    default:
        return samples * (max > 255 ? 2 : 1);
    }
}

static int read_pixels(struct reader *r, unsigned kind, struct fm_image *image, size_t max)
{
    if (kind % 3 == 1)
        return read_bits(r, image, kind == 4);
    return read_samples(r, image, max, kind < 4 ? 0 : max > 255 ? 2 : 1);
}

int fm_pnm_decode(const char *path, const uint8_t *bytes, size_t size, struct fm_image *image,
                  struct fmnn_error *err)
{
    struct reader r = {path, bytes + 2, bytes + size, err};
    unsigned kind = (unsigned)(bytes[1] - '0');
    size_t width, height, max = 1;
    if (read_number(&r, FM_MAX_IMAGE_PIXELS, &width) != 0 ||
        read_number(&r, FM_MAX_IMAGE_PIXELS, &height) != 0 ||
        (kind % 3 != 1 && read_number(&r, 65535, &max) != 0))
        return -1;
    if (!width || !height || !max)
        return damaged(&r, "a size or the maximum value is 0");
    if (end_header(&r) != 0)
        return -1;
    bool fits = height <= FM_MAX_IMAGE_SIDE && width <= FM_MAX_IMAGE_SIDE &&
                height * width <= FM_MAX_IMAGE_PIXELS;
    if (fits && (size_t)(r.end - r.at) < least_bytes(kind, height, width, max))
        return truncated(&r);
    if (fm_image_make_room(image, path, height, width, kind % 3 == 0 ? 3 : 1, err) != 0)
        return -1;
    if (read_pixels(&r, kind, image, max) == 0)
        return 0;
    free(image->pixels);
    image->pixels = NULL;
    return -1;
}
