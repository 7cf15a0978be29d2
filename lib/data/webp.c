/* webp.c -- reads WebP files with libwebp: still images, lossy and lossless. */
#include "data/image-formats.h"

#ifdef HAVE_WEBP

#include <webp/decode.h>

static size_t get_u32(const uint8_t *p)
{
    return (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
}

/* The file is a list of chunks: name, length, data, and a byte more if the length is odd. */
static unsigned find_orientation(const uint8_t *bytes, size_t size)
{
    static const char exif[6] = "Exif\0";
    enum { HEADER = 12, FRAME = 8 };
    for (size_t at = HEADER; at + FRAME <= size;) {
        const uint8_t *data = bytes + at + FRAME;
        size_t length = get_u32(bytes + at + 4);
        if (length > size - at - FRAME)
            return 1;
        if (!memcmp(bytes + at, "EXIF", 4)) {
            /* Some programs write JPEG's mark before the data. */
            size_t skip =
                length > sizeof exif && !memcmp(data, exif, sizeof exif) ? sizeof exif : 0;
            return fm_exif_orientation(data + skip, length - skip);
        }
        at += FRAME + length + length % 2;
    }
    return 1;
}

static int fail_status(const char *path, VP8StatusCode status, struct fmnn_error *err)
{
    if (status == VP8_STATUS_OUT_OF_MEMORY)
        return fm_fail(err, FMNN_MEMORY, "%s: out of memory", path);
    if (status == VP8_STATUS_NOT_ENOUGH_DATA || status == VP8_STATUS_SUSPENDED)
        return fm_fail(err, FMNN_DATA, "%s: truncated: the WebP file ends early", path);
    return fm_fail(err, FMNN_DATA, "%s: damaged WebP file", path);
}

static int decode(const char *path, const uint8_t *bytes, size_t size, struct fm_image *image,
                  struct fmnn_error *err)
{
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config))
        return fm_fail(err, FMNN_DATA, "%s: libwebp differs from the one fmnn was built with",
                       path);
    VP8StatusCode status = WebPGetFeatures(bytes, size, &config.input);
    if (status != VP8_STATUS_OK)
        return fail_status(path, status, err);
    if (config.input.has_animation)
        return fm_fail(err, FMNN_DATA, "%s: an animated WebP image; only still images can be read",
                       path);
    if (get_u32(bytes + 4) > size - 8)
        return fail_status(path, VP8_STATUS_NOT_ENOUGH_DATA, err);
    size_t channels = config.input.has_alpha ? 4 : 3;
    if (fm_image_make_room(image, path, (size_t)config.input.height, (size_t)config.input.width,
                           channels, err) != 0)
        return -1;
    config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = image->pixels;
    config.output.u.RGBA.stride = (int)(image->width * channels);
    config.output.u.RGBA.size = image->height * image->width * channels;
    status = WebPDecode(bytes, size, &config);
    WebPFreeDecBuffer(&config.output);
    return status == VP8_STATUS_OK ? 0 : fail_status(path, status, err);
}

int fm_webp_decode(const char *path, const uint8_t *bytes, size_t size, struct fm_image *image,
                   struct fmnn_error *err)
{
    image->pixels = NULL;
    if (decode(path, bytes, size, image, err) == 0 &&
        fm_image_turn(image, find_orientation(bytes, size), err) == 0)
        return 0;
    free(image->pixels);
    image->pixels = NULL;
    return -1;
}
#endif
