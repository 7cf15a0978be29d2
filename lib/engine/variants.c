/* variants.c -- test-time augmentation: the variants of an image, and the mean of their logits.

   The six of flip,shift are those of K. Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU"
   (2024, arXiv:2404.00498), with zeros instead of reflected pixels at the edges. */
#include "engine/variants.h"

struct variant {
    double weight;
    int shift; /* rows down and columns to the right */
    bool mirrored;
};

static const struct variant itself[] = {{1, 0, false}};
static const struct variant flip[] = {{0.5, 0, false}, {0.5, 0, true}};
static const struct variant flip_shift[] = {{0.25, 0, false},   {0.25, 0, true},
                                            {0.125, -1, false}, {0.125, -1, true},
                                            {0.125, 1, false},  {0.125, 1, true}};

static const struct {
    const struct variant *variant;
    size_t count;
} kinds[] = {[FMNN_TTA_NONE] = {itself, FM_COUNT(itself)},
             [FMNN_TTA_FLIP] = {flip, FM_COUNT(flip)},
             [FMNN_TTA_FLIP_SHIFT] = {flip_shift, FM_COUNT(flip_shift)}};

size_t fm_variants(enum fmnn_tta tta)
{
    return kinds[tta].count;
}

static void mirror(uint8_t *row, size_t w)
{
    for (size_t a = 0, b = w - 1; a < b; a++, b--) {
        uint8_t pixel = row[a];
        row[a] = row[b];
        row[b] = pixel;
    }
}

/* Row y of an image moved by `shift`; zeros move in. image (h,w), row (w). */
static void move_row(const uint8_t *image, size_t h, size_t w, size_t y, int shift, uint8_t *row)
{
    size_t by = shift != 0;
    bool inside = shift < 0 ? y + by < h : y >= by;
    memset(row, 0, w);
    if (inside && shift < 0)
        memcpy(row, image + (y + by) * w + by, w - by);
    else if (inside)
        memcpy(row + by, image + (y - by) * w, w - by);
}

void fm_variant_draw(enum fmnn_tta tta, size_t v, struct fmnn_shape shape, const uint8_t *from,
                     uint8_t *to)
{
    const struct variant *variant = &kinds[tta].variant[v];
    size_t h = shape.height, w = shape.width;
    for (size_t c = 0; c < shape.channels; c++, from += h * w)
        for (size_t y = 0; y < h; y++, to += w) {
            move_row(from, h, w, y, variant->shift, to);
            if (variant->mirrored)
                mirror(to, w);
        }
}

/* The weights are powers of two, so that the products are exact. */
void fm_variants_mean(enum fmnn_tta tta, const float *logits, size_t classes, float *mean)
{
    const struct variant *variant = kinds[tta].variant;
    for (size_t c = 0; c < classes; c++) {
        double sum = 0;
        for (size_t v = 0; v < kinds[tta].count; v++)
            sum += variant[v].weight * (double)logits[v * classes + c];
        mean[c] = (float)sum;
    }
}
