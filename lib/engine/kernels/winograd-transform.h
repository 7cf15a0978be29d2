/* winograd-transform.h -- small matrices on both sides of a tile, for all channels of a panel: the
   transforms of winograd-products.h. */
#include "base/internal.h"

enum { POINTS = FM_MAX_POINTS * FM_MAX_POINTS };

/* Offsets of the elements of a tile: of (y,x) at [y * FM_MAX_POINTS + x]. An element is a pixel, or
   a point of the Winograd domain, with its channels side by side. */
struct tile_offsets {
    size_t at[POINTS];
};

static inline struct tile_offsets even_offsets(size_t stride_h, size_t stride_w)
{
    struct tile_offsets offsets;
    for (size_t y = 0; y < FM_MAX_POINTS; y++)
        for (size_t x = 0; x < FM_MAX_POINTS; x++)
            offsets.at[y * FM_MAX_POINTS + x] = y * stride_h + x * stride_w;
    return offsets;
}

#define EACH_1(X) X(0)
#define EACH_2(X) EACH_1(X) X(1)
#define EACH_3(X) EACH_2(X) X(2)
#define EACH_4(X) EACH_3(X) X(3)
#define EACH_5(X) EACH_4(X) X(4)
#define EACH_6(X) EACH_5(X) X(5)
#define EACH_7(X) EACH_6(X) X(6)

#define COMBINE_LOAD(k)                                                                            \
    const float *from##k = in + in_at[(k)*in_stride];                                              \
    vec low##k = v_load(from##k), high##k = v_load(from##k + VL);
#define COMBINE_TERM(k)                                                                            \
    {                                                                                              \
        vec factor = v_splat(row[k]);                                                              \
        low = v_fma(factor, low##k, low);                                                          \
        high = v_fma(factor, high##k, high);                                                       \
    }
#define COMBINE(n)                                                                                 \
    case n: {                                                                                      \
        EACH_##n(COMBINE_LOAD) for (size_t i = 0; i < rows; i++)                                   \
        {                                                                                          \
            const float *row = m->at[i];                                                           \
            float *to = out + out_at[i * out_stride];                                              \
            vec low = v_splat(0), high = v_splat(0);                                               \
            EACH_##n(COMBINE_TERM) if (stream)                                                     \
            {                                                                                      \
                v_stream(to, low);                                                                 \
                v_stream(to + VL, high);                                                           \
            }                                                                                      \
            else                                                                                   \
            {                                                                                      \
                v_store(to, low);                                                                  \
                v_store(to + VL, high);                                                            \
            }                                                                                      \
        }                                                                                          \
        break;                                                                                     \
    }

/* out[i] = sum over k of m[i][k] in[k], where in[k] and out[i] are pairs of vectors at offsets
   in_at[k * in_stride] and out_at[i * out_stride]. stream: write past the caches. */
static inline void combine(const struct fm_matrix *m, const float *in, const size_t *in_at,
                           size_t in_stride, float *out, const size_t *out_at, size_t out_stride,
                           bool stream)
{
    size_t rows = m->rows;
    switch (m->columns) {
        COMBINE(1)
        COMBINE(2)
        COMBINE(3)
        COMBINE(4)
        COMBINE(5)
        COMBINE(6)
        COMBINE(7)
    }
}

enum { PAIR = 2 * VL }; /* floats of a pair of vectors */

/* out = y in x' for a tile of pairs of vectors: y (rows of out, rows of in), x (columns of out,
   columns of in). */
static void transform(const struct fm_matrix *y, const struct fm_matrix *x, const float *in,
                      const struct tile_offsets *in_at, float *out,
                      const struct tile_offsets *out_at, bool stream)
{
    _Alignas(64) float middle[POINTS * PAIR];
    size_t middle_at[POINTS];
    for (size_t i = 0; i < POINTS; i++)
        middle_at[i] = i * PAIR;
    for (size_t k = 0; k < x->columns; k++)
        combine(y, in, in_at->at + k, FM_MAX_POINTS, middle, middle_at + k, FM_MAX_POINTS, false);
    for (size_t i = 0; i < y->rows; i++)
        combine(x, middle, middle_at + i * FM_MAX_POINTS, 1, out, out_at->at + i * FM_MAX_POINTS, 1,
                stream);
}

/* The same for the 32 channels of a panel. in has the first `lanes` of them; the others count as
   zero. */
static void transform_panel(const struct fm_matrix *y, const struct fm_matrix *x, const float *in,
                            const struct tile_offsets *in_at, size_t lanes, float *out,
                            const struct tile_offsets *out_at, bool stream)
{
    for (size_t l = 0; l < FM_PANEL; l += PAIR) {
        if (l + PAIR <= lanes) {
            transform(y, x, in + l, in_at, out + l, out_at, stream);
            continue;
        }
        _Alignas(64) float part[POINTS * PAIR] = {0};
        const struct tile_offsets part_at = even_offsets(FM_MAX_POINTS * PAIR, PAIR);
        for (size_t i = 0; i < y->columns && l < lanes; i++)
            for (size_t k = 0; k < x->columns; k++)
                memcpy(part + part_at.at[i * FM_MAX_POINTS + k],
                       in + l + in_at->at[i * FM_MAX_POINTS + k], (lanes - l) * sizeof *part);
        transform(y, x, part, &part_at, out + l, out_at, stream);
    }
}
