/* image-input.c -- from an image to the input of a net: background, gray or colours, size,
   negation, in this order. */
#include "data/image-input.h"

#include "base/shape.h"
#include "data/resize.h"

const char *const fm_fit_names[] = {[FMNN_FIT_NONE] = "none",
                                    [FMNN_FIT_STRETCH] = "stretch",
                                    [FMNN_FIT_PAD] = "pad",
                                    [FMNN_FIT_CROP] = "crop",
                                    [FMNN_FIT_FASHION_MNIST] = "fashion-mnist",
                                    NULL};
const char *const fm_filter_names[] = {[FMNN_FILTER_BILINEAR] = "bilinear",
                                       [FMNN_FILTER_BOX] = "box",
                                       [FMNN_FILTER_LANCZOS] = "lanczos",
                                       NULL};

const char *fmnn_fit_name(enum fmnn_fit fit)
{
    return (size_t)fit < sizeof fm_fit_names / sizeof *fm_fit_names ? fm_fit_names[fit] : NULL;
}

const char *fmnn_filter_name(enum fmnn_filter filter)
{
    return (size_t)filter < sizeof fm_filter_names / sizeof *fm_filter_names
               ? fm_filter_names[filter]
               : NULL;
}

int fm_check_input(const struct fmnn_input *input, struct fmnn_error *err)
{
    if (fm_check_shape(input->shape, err) != 0)
        return -1;
    if (input->fit > FMNN_FIT_FASHION_MNIST || input->filter > FMNN_FILTER_LANCZOS)
        return fm_fail(err, FMNN_USAGE, "an unknown fit or filter");
    return 0;
}

bool fm_same_input(const struct fmnn_input *a, const struct fmnn_input *b)
{
    return fm_same_shape(a->shape, b->shape) && a->fit == b->fit && a->filter == b->filter &&
           a->invert == b->invert && !memcmp(a->background, b->background, sizeof a->background);
}

/* Sides of an image in another proportion: `side` * to / from, rounded, at least 1. */
static size_t scaled(size_t side, size_t to, size_t from)
{
    size_t result = (2 * side * to + from) / (2 * from);
    return result ? result : 1;
}

static uint8_t ground(const struct fmnn_input *input, size_t channel)
{
    const uint8_t *b = input->background;
    return input->shape.channels == 1 ? fm_luma(b[0], b[1], b[2]) : b[channel];
}

/* The image whole, in the middle; the rest has the colour of the background. */
static struct fm_planes pad(const struct fmnn_input *input, const struct fm_plane *from,
                            size_t channel, struct fm_planes to)
{
    size_t height = to.height, width = to.width, h = height, w = width;
    if (from->width * height > from->height * width)
        h = scaled(from->height, width, from->width);
    else
        w = scaled(from->width, height, from->height);
    to.height = h < height ? h : height;
    to.width = w < width ? w : width;
    for (size_t c = 0; c < from->channels; c++)
        memset(to.pixels + c * to.apart, ground(input, channel + c), height * width);
    to.pixels += (height - to.height) / 2 * width + (width - to.width) / 2;
    return to;
}

/* The largest part in the middle that has the proportions of the input. */
static struct fm_plane crop(const struct fmnn_input *input, struct fm_plane plane)
{
    size_t height = input->shape.height, width = input->shape.width;
    size_t h = plane.height, w = plane.width;
    if (w * height > h * width)
        w = scaled(h, width, height) < w ? scaled(h, width, height) : w;
    else
        h = scaled(w, height, width) < h ? scaled(w, height, width) : h;
    plane.pixels += (plane.height - h) / 2 * plane.stride + (plane.width - w) / 2 * plane.channels;
    plane.height = h;
    plane.width = w;
    return plane;
}

/* One plane of the input, or all of them. */
static int fit_plane(const struct fmnn_input *input, struct fm_plane plane, size_t channel,
                     uint8_t *pixels, struct fmnn_error *err)
{
    size_t height = input->shape.height, width = input->shape.width;
    struct fm_planes to = {pixels + channel * height * width, height, width, width, height * width};
    if (input->fit == FMNN_FIT_PAD)
        to = pad(input, &plane, channel, to);
    if (input->fit == FMNN_FIT_CROP)
        plane = crop(input, plane);
    return fm_resize(&plane, input->filter, &to, err);
}

static void invert(const struct fmnn_input *input, uint8_t *pixels)
{
    for (size_t i = 0; input->invert && i < fm_elements(input->shape); i++)
        pixels[i] = (uint8_t)(255 - pixels[i]);
}

/* Planes of as many channels as the input has. */
static int fit_planes(const struct fmnn_input *input, size_t height, size_t width,
                      const uint8_t *planes, uint8_t *pixels, struct fmnn_error *err)
{
    struct fmnn_shape shape = input->shape;
    for (size_t c = 0; c < shape.channels; c++) {
        struct fm_plane plane = {planes + c * height * width, height, width, width, 1};
        if (fit_plane(input, plane, c, pixels, err) != 0)
            return -1;
    }
    invert(input, pixels);
    return 0;
}

int fm_input_planes(const struct fmnn_input *input, struct fmnn_shape shape, const uint8_t *planes,
                    uint8_t *pixels, struct fmnn_error *err)
{
    if (input->fit == FMNN_FIT_FASHION_MNIST)
        return fm_fit_fashion(input, shape, planes, pixels, err);
    if (shape.channels == input->shape.channels)
        return fit_planes(input, shape.height, shape.width, planes, pixels, err);
    size_t count = shape.height * shape.width;
    uint8_t *other = fm_alloc(input->shape.channels, count, err);
    if (!other)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (shape.channels == 3)
            other[i] = fm_luma(planes[i], planes[count + i], planes[2 * count + i]);
        else
            other[i] = other[count + i] = other[2 * count + i] = planes[i];
    int status = fit_planes(input, shape.height, shape.width, other, pixels, err);
    free(other);
    return status;
}

/* The planes of an image over the background: gray, unless the input has colours or they are needed
   to find the edges. */
static uint8_t *make_planes(const struct fmnn_input *input, const struct fm_image *image,
                            struct fmnn_shape *shape, struct fmnn_error *err)
{
    bool gray = input->fit != FMNN_FIT_FASHION_MNIST && input->shape.channels == 1;
    *shape = (struct fmnn_shape){gray ? 1 : 3, image->height, image->width};
    uint8_t *planes = fm_alloc_bare(shape->channels, image->height * image->width, err);
    if (planes && gray)
        fm_image_gray(image, ground(input, 0), planes);
    else if (planes)
        fm_image_planes(image, input->background, planes);
    return planes;
}

int fm_wrong_shape(const char *name, struct fmnn_shape is, struct fmnn_shape needed,
                   struct fmnn_error *err)
{
    struct fm_two_shapes shapes = fm_two_shapes(is, needed);
    return fm_fail(err, FMNN_DATA, "%s: the image is %s, but %s is needed; --fit resizes images",
                   name, shapes.a, shapes.b);
}

int fm_input_make(const struct fmnn_input *input, const struct fm_image *image, const char *name,
                  uint8_t *pixels, struct fmnn_error *err)
{
    struct fmnn_shape shape = {input->shape.channels, image->height, image->width};
    bool same = fm_same_shape(shape, input->shape);
    if (input->fit == FMNN_FIT_NONE && !same)
        return fm_wrong_shape(name, shape, input->shape, err);
    if (same && input->fit != FMNN_FIT_FASHION_MNIST) {
        if (shape.channels == 1)
            fm_image_gray(image, ground(input, 0), pixels);
        else
            fm_image_planes(image, input->background, pixels);
        invert(input, pixels);
        return 0;
    }
    if (image->channels == 3 && shape.channels == 3 && input->fit != FMNN_FIT_FASHION_MNIST) {
        const struct fm_plane all = {image->pixels, shape.height, shape.width, 3 * shape.width, 3};
        if (fit_plane(input, all, 0, pixels, err) != 0)
            return -1;
        invert(input, pixels);
        return 0;
    }
    uint8_t *planes = make_planes(input, image, &shape, err);
    int status = planes ? fm_input_planes(input, shape, planes, pixels, err) : -1;
    free(planes);
    return status;
}
