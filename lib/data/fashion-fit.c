/* fashion-fit.c -- a photo of a product becomes an image like those of Fashion-MNIST, by the steps
   of figure 1 of arXiv:1708.07747: trim what has the colour of the corners, within 5 % of the
   maximum; reduce the longest side by leaving out rows and columns; sharpen by a Gaussian of radius
   and standard deviation 1; extend the shorter side; negate; gray. In integers, and in the order of
   ImageMagick's operators -trim, -sample, -sharpen, -extent. */
#include "base/shape.h"
#include "data/image-input.h"

/* The distance of two colours, squared, at which they still are alike: 5 % of the greatest distance
   in each of three channels. */
static bool alike(const uint8_t *plane, size_t count, size_t channels, size_t i, size_t k)
{
    unsigned distance = 0;
    for (size_t c = 0; c < 3; c++) {
        const uint8_t *p = plane + (channels == 3 ? c : 0) * count;
        int difference = p[i] - p[k];
        distance += (unsigned)(difference * difference);
    }
    return distance * 400u <= 3u * 255 * 255;
}

struct box {
    size_t top, left, bottom, right; /* bottom and right are behind the last */
};

/* The smallest box around the pixels that differ from the corner of their side: the first pixel for
   top and left, the last of the first row for right, the first of the last row for bottom. The
   whole image if no pixel differs. */
static struct box find_box(struct fmnn_shape s, const uint8_t *planes)
{
    size_t count = s.height * s.width, right = s.width - 1, bottom = count - s.width;
    struct box box = {s.height, s.width, 0, 0};
    for (size_t y = 0; y < s.height; y++)
        for (size_t x = 0; x < s.width; x++) {
            size_t i = y * s.width + x;
            bool first = (y < box.top || x < box.left) && !alike(planes, count, s.channels, i, 0);
            box.top = first && y < box.top ? y : box.top;
            box.left = first && x < box.left ? x : box.left;
            if (x >= box.right && !alike(planes, count, s.channels, i, right))
                box.right = x + 1;
            if (y >= box.bottom && !alike(planes, count, s.channels, i, bottom))
                box.bottom = y + 1;
        }
    bool found = box.top < box.bottom && box.left < box.right;
    return found ? box : (struct box){0, 0, s.height, s.width};
}

/* The size in the input: the side that is relatively longer fills it. */
static void find_size(struct fmnn_shape room, const struct box *box, size_t *height, size_t *width)
{
    size_t h = box->bottom - box->top, w = box->right - box->left;
    *height = room.height;
    *width = room.width;
    if (w * room.height > h * room.width)
        *height = (2 * h * room.width + w) / (2 * w);
    else
        *width = (2 * w * room.height + h) / (2 * h);
    *height = *height ? *height : 1;
    *width = *width ? *width : 1;
}

/* The pixel in the middle of each part. */
static void sample(const uint8_t *plane, size_t stride, const struct box *box, uint8_t *to,
                   size_t height, size_t width)
{
    size_t h = box->bottom - box->top, w = box->right - box->left;
    for (size_t y = 0; y < height; y++) {
        const uint8_t *row = plane + (box->top + (2 * y + 1) * h / (2 * height)) * stride;
        for (size_t x = 0; x < width; x++)
            *to++ = row[box->left + (2 * x + 1) * w / (2 * width)];
    }
}

/* The pixel twice, less the mean around it: weights -exp(-d/2) for the squared distance d, and
   twice their sum in the middle, over their total, times 2^16. Beyond the edge lie copies of it. */
static uint8_t sharp(const uint8_t *from, size_t height, size_t width, size_t y, size_t x)
{
    enum { SIDE = -6740, CORNER = -4088, MIDDLE = 65536 - 4 * (SIDE + CORNER) };
    size_t up = y ? y - 1 : 0, down = y + 1 < height ? y + 1 : y;
    size_t left = x ? x - 1 : 0, right = x + 1 < width ? x + 1 : x;
    int sides = from[up * width + x] + from[down * width + x] + from[y * width + left] +
                from[y * width + right];
    int corners = from[up * width + left] + from[up * width + right] + from[down * width + left] +
                  from[down * width + right];
    int sum = MIDDLE * from[y * width + x] + SIDE * sides + CORNER * corners;
    return sum < 0 ? 0 : sum >= 255 << 16 ? 255 : (uint8_t)((sum + (1 << 15)) >> 16);
}

static void place(const struct fmnn_input *input, uint8_t ground, const uint8_t *from,
                  size_t height, size_t width, uint8_t *to)
{
    struct fmnn_shape room = input->shape;
    memset(to, ground, room.height * room.width);
    /* The odd row or column lies above or left, as in the data set. */
    to += (room.height / 2 - height / 2) * room.width + room.width / 2 - width / 2;
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++)
            to[y * room.width + x] = sharp(from, height, width, y, x);
}

int fm_fit_fashion(const struct fmnn_input *input, struct fmnn_shape shape, const uint8_t *planes,
                   uint8_t *pixels, struct fmnn_error *err)
{
    size_t height, width, room = input->shape.height * input->shape.width;
    struct box box = find_box(shape, planes);
    find_size(input->shape, &box, &height, &width);
    uint8_t *fitted = fm_alloc(4, room, err), *small = fitted ? fitted + 3 * room : NULL;
    if (!fitted)
        return -1;
    for (size_t c = 0; c < 3; c++) {
        const uint8_t *plane = planes + (shape.channels == 3 ? c : 0) * shape.height * shape.width;
        sample(plane, shape.width, &box, small, height, width);
        place(input, input->background[c], small, height, width, fitted + c * room);
    }
    for (size_t i = 0; i < 3 * room; i++) /* inverted once more, it is as it was */
        fitted[i] = input->invert ? fitted[i] : (uint8_t)(255 - fitted[i]);
    for (size_t i = 0; i < room && input->shape.channels == 1; i++)
        pixels[i] = fm_luma(fitted[i], fitted[room + i], fitted[2 * room + i]);
    if (input->shape.channels == 3)
        memcpy(pixels, fitted, 3 * room);
    free(fitted);
    return 0;
}
