/* resize.c -- images of other sizes.

   Each output pixel is a weighted sum of the input pixels under a filter that is centred on it,
   along rows and along columns, rounded to 8 bits in between. The weights are rounded to
   22 bits after the point, as Pillow's are; the sums are exact, so their order does not matter.
   The weights themselves come from + - * / alone, also the sine of Lanczos's filter. */
#include "data/resize.h"

#include "base/float.h"
#include "data/image.h"

#if defined __GNUC__ && !defined __clang__
#pragma GCC optimize("O3") /* vectors, as clang has at -O2; the sums are of integers */
#endif

enum {
    FRACTION = 22, /* bits of a weight after the point */
    LANES = 8,
    LOW = 11, /* bits of the lower part of a weight; the products of 16 bits are fast on all CPUs */
};

/* ---- filters, as functions of the distance in output pixels ---- */

static double box(double x)
{
    return x > -0.5 && x <= 0.5 ? 1 : 0;
}

static double triangle(double x)
{
    x = x < 0 ? -x : x;
    return x < 1 ? 1 - x : 0;
}

/* sin(pi x), for x of a few units: reduced to -0.5 .. 0.5, where Taylor's series ends below
   1e-17. */
static double sin_pi(double x)
{
    double turns = (double)(long)(x < 0 ? x - 0.5 : x + 0.5),
           r = (x - turns) * 3.14159265358979323846;
    double term = r, sum = r;
    for (int k = 2; k < 26; k += 2) {
        term *= -r * r / (k * (k + 1));
        sum += term;
    }
    return (long)turns % 2 ? -sum : sum;
}

static double sinc(double x)
{
    return x == 0 ? 1 : sin_pi(x) / (x * 3.14159265358979323846);
}

static double lanczos(double x)
{
    return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

static const struct {
    double (*weight)(double x);
    double support; /* half of its width */
} filters[] = {
    [FMNN_FILTER_BILINEAR] = {triangle, 1},
    [FMNN_FILTER_BOX] = {box, 0.5},
    [FMNN_FILTER_LANCZOS] = {lanczos, 3},
};

/* ---- weights ---- */

struct weights {
    size_t size;    /* of each output pixel's row of weights; a multiple of LANES */
    size_t *first;  /* [outputs] the first input pixel */
    size_t *count;  /* [outputs] */
    int32_t *value; /* (outputs,size), zero behind count */
    int16_t *parts; /* (outputs,2,size): value = first << LOW + second, 0 <= second < 1 << LOW */
};

static void free_weights(struct weights *w)
{
    free(w->first);
    free(w->count);
    free(w->value);
    free(w->parts);
}

static void weigh(struct weights *w, size_t out, size_t in, double scale, double support,
                  double (*filter)(double), double *exact)
{
    double center = ((double)out + 0.5) * scale, sum = 0, shrink = scale < 1 ? 1 : scale;
    double from = center - support + 0.5, to = center + support + 0.5;
    size_t first = from < 0 ? 0 : (size_t)from, end = to > (double)in ? in : (size_t)to;
    w->first[out] = first;
    w->count[out] = end - first;
    for (size_t i = 0; i < end - first; i++) {
        exact[i] = filter(((double)(i + first) - center + 0.5) * (1 / shrink));
        sum += exact[i];
    }
    for (size_t i = 0; i < end - first; i++) {
        double value = (sum != 0 ? exact[i] / sum : exact[i]) * (1 << FRACTION);
        int32_t rounded = (int32_t)(value < 0 ? value - 0.5 : value + 0.5);
        w->value[out * w->size + i] = rounded;
        w->parts[2 * out * w->size + i] = (int16_t)(rounded >> LOW);
        w->parts[(2 * out + 1) * w->size + i] = (int16_t)(rounded & ((1 << LOW) - 1));
    }
}

static int make_weights(struct weights *w, enum fmnn_filter kind, size_t in, size_t out,
                        struct fmnn_error *err)
{
    fm_float_state before = fm_float_enter(); /* the rest of resizing computes with integers */
    double scale = (double)in / (double)out;
    double support = filters[kind].support * (scale < 1 ? 1 : scale);
    size_t most = (size_t)support * 2 + 4;
    *w = (struct weights){.size = (most + LANES - 1) / LANES * LANES};
    w->first = fm_alloc(out, sizeof *w->first, err);
    w->count = fm_alloc(out, sizeof *w->count, err);
    w->value = w->count ? fm_alloc(out * w->size, sizeof *w->value, err) : NULL;
    w->parts = w->value ? fm_alloc(2 * out * w->size, sizeof *w->parts, err) : NULL;
    double *exact = w->first && w->parts ? fm_alloc(most, sizeof *exact, err) : NULL;
    for (size_t i = 0; exact && i < out; i++)
        weigh(w, i, in, scale, support, filters[kind].weight, exact);
    fm_float_leave(before);
    if (!exact)
        free_weights(w);
    free(exact);
    return exact ? 0 : -1;
}

/* ---- passes ---- */

static uint8_t to_byte(int32_t sum)
{
    int32_t value = sum >> FRACTION; /* arithmetic, as gcc and clang define it */
    return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)value;
}

static const int32_t half = 1 << (FRACTION - 1);

/* Along a row, behind which there are as many bytes as a weight has: the weights there are zero. */
static void pass_row(const uint8_t *from, const struct weights *w, size_t width, uint8_t *to)
{
    size_t size = w->size / LANES * LANES; /* which the compiler does not know */
    for (size_t x = 0; x < width; x++) {
        const int16_t *high = w->parts + 2 * x * w->size, *low = high + w->size;
        const uint8_t *p = from + w->first[x];
        uint32_t highs = 0, lows = 0; /* modulo 2^32: the sum of both is in range */
        for (size_t i = 0; i < size; i++) {
            highs += (uint32_t)((int16_t)p[i] * high[i]);
            lows += (uint32_t)((int16_t)p[i] * low[i]);
        }
        to[x] = to_byte((int32_t)((highs << LOW) + lows + (uint32_t)half));
    }
}

/* Along columns: rows of the image are added, with weights. */
static void pass_column(const uint8_t *from, size_t stride, const int32_t *k, size_t count,
                        size_t width, uint8_t *to)
{
    for (size_t x = 0; x < width; x += LANES) {
        size_t n = width - x < LANES ? width - x : LANES;
        int32_t lane[LANES];
        for (size_t l = 0; l < LANES; l++)
            lane[l] = half;
        const uint8_t *p = from + x;
        if (n == LANES)
            for (size_t i = 0; i < count; i++, p += stride)
                for (size_t l = 0; l < LANES; l++)
                    lane[l] += p[l] * k[i];
        else
            for (size_t i = 0; i < count; i++, p += stride)
                for (size_t l = 0; l < n; l++)
                    lane[l] += p[l] * k[i];
        for (size_t l = 0; l < n; l++)
            to[x + l] = to_byte(lane[l]);
    }
}

/* Row y of the source as one or three rows, `apart` from each other. */
static void take_row(const struct fm_plane *from, size_t y, uint8_t *row, size_t apart)
{
    const uint8_t *pixels = from->pixels + y * from->stride;
    if (from->channels == 1)
        memcpy(row, pixels, from->width);
    else
        fm_split_colours(pixels, from->width, row, row + apart, row + 2 * apart);
}

/* Rows of the source to rows of another width. */
static int resize_rows(const struct fm_plane *from, enum fmnn_filter filter,
                       const struct fm_planes *to, struct fmnn_error *err)
{
    struct weights w;
    if (make_weights(&w, filter, from->width, to->width, err) != 0)
        return -1;
    size_t apart = from->width + w.size;
    uint8_t *row = fm_alloc(from->channels, apart, err);
    for (size_t y = 0; row && y < from->height; y++) {
        take_row(from, y, row, apart);
        for (size_t c = 0; c < from->channels; c++)
            pass_row(row + c * apart, &w, to->width, to->pixels + c * to->apart + y * to->stride);
    }
    free_weights(&w);
    free(row);
    return row ? 0 : -1;
}

static int resize_columns(const struct fm_plane *from, enum fmnn_filter filter, uint8_t *to,
                          size_t height, size_t stride, struct fmnn_error *err)
{
    struct weights w;
    if (make_weights(&w, filter, from->height, height, err) != 0)
        return -1;
    for (size_t y = 0; y < height; y++)
        pass_column(from->pixels + w.first[y] * from->stride, from->stride, w.value + y * w.size,
                    w.count[y], from->width, to + y * stride);
    free_weights(&w);
    return 0;
}

/* Rows first, unless the height shrinks by more than twice as much as the width. The order matters,
   because results are rounded and limited in between. */
static bool columns_first(const struct fm_plane *from, size_t height, size_t width)
{
    return height < from->height && from->height + 2 * width > height + 2 * from->width;
}

/* One plane, whose rows do not come first. */
static int resize_plane(const struct fm_plane *from, enum fmnn_filter filter,
                        const struct fm_planes *to, struct fmnn_error *err)
{
    if (to->width == from->width && to->height == from->height) {
        for (size_t y = 0; y < to->height; y++)
            memcpy(to->pixels + y * to->stride, from->pixels + y * from->stride, to->width);
        return 0;
    }
    if (to->width == from->width)
        return resize_columns(from, filter, to->pixels, to->height, to->stride, err);
    uint8_t *pixels = fm_alloc_bare(to->height, from->width, err);
    struct fm_plane half_way = {pixels, to->height, from->width, from->width, 1};
    int status = pixels ? resize_columns(from, filter, pixels, to->height, from->width, err) : -1;
    if (status == 0)
        status = resize_rows(&half_way, filter, to, err);
    free(pixels);
    return status;
}

/* Colours become planes first. */
static int resize_planes(const struct fm_plane *from, enum fmnn_filter filter,
                         const struct fm_planes *to, struct fmnn_error *err)
{
    size_t size = from->height * from->width;
    if (from->channels == 1)
        return resize_plane(from, filter, to, err);
    uint8_t *planes = fm_alloc_bare(3, size, err);
    int status = planes ? 0 : -1;
    for (size_t y = 0; planes && y < from->height; y++)
        take_row(from, y, planes + y * from->width, size);
    for (size_t c = 0; status == 0 && c < 3; c++) {
        struct fm_plane plane = {planes + c * size, from->height, from->width, from->width, 1};
        struct fm_planes one = *to;
        one.pixels += c * to->apart;
        status = resize_plane(&plane, filter, &one, err);
    }
    free(planes);
    return status;
}

int fm_resize(const struct fm_plane *from, enum fmnn_filter filter, const struct fm_planes *to,
              struct fmnn_error *err)
{
    if (to->width == from->width ||
        (to->height != from->height && columns_first(from, to->height, to->width)))
        return resize_planes(from, filter, to, err);
    if (to->height == from->height)
        return resize_rows(from, filter, to, err);
    size_t size = from->height * to->width;
    uint8_t *pixels = fm_alloc_bare(from->channels, size, err);
    const struct fm_planes half_way = {pixels, from->height, to->width, to->width, size};
    int status = pixels ? resize_rows(from, filter, &half_way, err) : -1;
    for (size_t c = 0; status == 0 && c < from->channels; c++) {
        struct fm_plane plane = {pixels + c * size, from->height, to->width, to->width, 1};
        status =
            resize_columns(&plane, filter, to->pixels + c * to->apart, to->height, to->stride, err);
    }
    free(pixels);
    return status;
}

int fmnn_resize(const uint8_t *from, size_t height, size_t width, enum fmnn_filter filter,
                uint8_t *to, size_t to_height, size_t to_width, struct fmnn_error *err)
{
    const struct fm_plane plane = {from, height, width, width, 1};
    const struct fm_planes planes = {to, to_height, to_width, to_width, 0};
    if (!height || !width || !to_height || !to_width || filter > FMNN_FILTER_LANCZOS)
        return fm_fail(err, FMNN_USAGE, "a size is 0, or the filter is unknown");
    return fm_resize(&plane, filter, &planes, err);
}
