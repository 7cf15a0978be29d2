/* winograd-transform.h -- small matrices on both sides of a tile, for all channels of a panel: the
   transforms of winograd-products.h.

   The elements of a tile are pixels, or points of the Winograd domain, with their channels side by
   side. Matrices of the usual forms have functions of their own, in which sizes and zeros are
   constants. These leave out terms with a factor of zero, which changes nothing but the sign of a
   zero, and that only if an earlier term has underflowed. combine_any() takes any matrix. */
#include "base/internal.h"

enum { POINTS = FM_MAX_POINTS * FM_MAX_POINTS };

/* A row or a column of a tile, in floats: `first` is the offset of its first element, the others
   follow `step` apart, and the last one is `extra` further on. */
struct line {
    size_t first, step, extra;
};

/* The rows of a tile, or its columns. */
struct lines {
    struct line at[FM_MAX_POINTS];
};

/* Lines `next` apart, as an initial value. */
#define EVEN_LINE(i, next, step_) {.first = (i) * (next), .step = (step_)}
#define EVEN_LINES(next, step)                                                                     \
    {{EVEN_LINE(0, next, step), EVEN_LINE(1, next, step), EVEN_LINE(2, next, step),                \
      EVEN_LINE(3, next, step), EVEN_LINE(4, next, step), EVEN_LINE(5, next, step),                \
      EVEN_LINE(6, next, step)}}
_Static_assert(FM_MAX_POINTS == 7, "EVEN_LINES");

/* Element i of n. */
static inline size_t element(const struct line *line, size_t i, size_t n)
{
    return line->first + i * line->step + (i + 1 == n ? line->extra : 0);
}

enum { PAIR = 2 * VL }; /* floats of a pair of vectors */

/* For each of `count` lines, out[i] = sum over k of m[i][k] in[k], k ascending, from zero, where
   in[k] and out[i] are pairs of vectors, the elements of a line. stream: write past the caches. */
typedef void combine(const struct fm_matrix *m, size_t count, const float *in,
                     const struct line *in_at, float *out, const struct line *out_at, bool stream);

__attribute__((always_inline)) static inline void store_pair(float *to, vec low, vec high,
                                                             bool stream)
{
    if (stream) {
        v_stream(to, low);
        v_stream(to + VL, high);
    } else {
        v_store(to, low);
        v_store(to + VL, high);
    }
}

static void combine_any(const struct fm_matrix *m, size_t count, const float *in,
                        const struct line *in_at, float *out, const struct line *out_at,
                        bool stream)
{
    for (; count > 0; count--, in_at++, out_at++)
        for (size_t i = 0; i < m->rows; i++) {
            vec low = v_splat(0), high = v_splat(0);
            for (size_t k = 0; k < m->columns; k++) {
                const float *from = in + element(in_at, k, m->columns);
                low = v_fma(v_splat(m->at[i][k]), v_load(from), low);
                high = v_fma(v_splat(m->at[i][k]), v_load(from + VL), high);
            }
            store_pair(out + element(out_at, i, m->rows), low, high, stream);
        }
}

/* combine() for one line and constants: all loops are unrolled, and zeros are left out. */
__attribute__((always_inline)) static inline void
combine_line(const struct fm_matrix *m, enum fm_zeros zeros, size_t rows, size_t columns,
             const float *in, const struct line *in_at, float *out, const struct line *out_at,
             bool stream)
{
    vec low[FM_MAX_POINTS], high[FM_MAX_POINTS];
#pragma GCC unroll 7
    for (size_t k = 0; k < columns; k++) {
        const float *from = in + element(in_at, k, columns);
        low[k] = v_load(from);
        high[k] = v_load(from + VL);
    }
#pragma GCC unroll 7
    for (size_t i = 0; i < rows; i++) {
        vec sum_low = v_splat(0), sum_high = v_splat(0);
#pragma GCC unroll 7
        for (size_t k = 0; k < columns; k++) {
            if (fm_is_zero(zeros, rows, columns, i, k))
                continue;
            const vec factor = v_splat(m->at[i][k]);
            sum_low = v_fma(factor, low[k], sum_low);
            sum_high = v_fma(factor, high[k], sum_high);
        }
        store_pair(out + element(out_at, i, rows), sum_low, sum_high, stream);
    }
}

#define COMBINE_FORM(zeros, rows, columns)                                                         \
    static void combine_##zeros##_##rows##_##columns(                                              \
        const struct fm_matrix *m, size_t count, const float *in, const struct line *in_at,        \
        float *out, const struct line *out_at, bool stream)                                        \
    {                                                                                              \
        for (; count > 0; count--)                                                                 \
            combine_line(m, FM_ZEROS_##zeros, rows, columns, in, in_at++, out, out_at++,     \
                         stream);                                                                  \
    }
FM_MATRIX_FORMS(COMBINE_FORM)
#undef COMBINE_FORM

static combine *const combine_by_form[FM_MATRIX_FORM_COUNT] = {
    combine_any,
#define COMBINE_FORM(zeros, rows, columns)                                                         \
    [FM_MATRIX_##zeros##_##rows##_##columns] = combine_##zeros##_##rows##_##columns,
    FM_MATRIX_FORMS(COMBINE_FORM)
#undef COMBINE_FORM
};

/* out = y in x' for a tile of pairs of vectors: y (rows of out, rows of in), x (columns of out,
   columns of in). in_columns, out_rows: where they lie. */
static void transform(const struct fm_matrix *y, const struct fm_matrix *x, const float *in,
                      const struct lines *in_columns, float *out, const struct lines *out_rows,
                      bool stream)
{
    _Alignas(64) float middle[POINTS * PAIR];
    static const struct lines columns = EVEN_LINES(PAIR, FM_MAX_POINTS * PAIR);
    static const struct lines rows = EVEN_LINES(FM_MAX_POINTS * PAIR, PAIR);
    combine_by_form[y->form](y, x->columns, in, in_columns->at, middle, columns.at, false);
    combine_by_form[x->form](x, y->rows, middle, rows.at, out, out_rows->at, stream);
}

/* The same for the 32 channels of a panel. in has the first `lanes` of them; the others count as
   zero. */
static void transform_panel(const struct fm_matrix *y, const struct fm_matrix *x, const float *in,
                            const struct lines *in_columns, size_t lanes, float *out,
                            const struct lines *out_rows, bool stream)
{
    for (size_t l = 0; l < FM_PANEL; l += PAIR) {
        if (l + PAIR <= lanes) {
            transform(y, x, in + l, in_columns, out + l, out_rows, stream);
            continue;
        }
        _Alignas(64) float part[POINTS * PAIR] = {0};
        static const struct lines part_columns = EVEN_LINES(PAIR, FM_MAX_POINTS * PAIR);
        for (size_t i = 0; i < y->columns && l < lanes; i++)
            for (size_t k = 0; k < x->columns; k++)
                memcpy(part + (i * FM_MAX_POINTS + k) * PAIR,
                       in + l + element(&in_columns->at[k], i, y->columns),
                       (lanes - l) * sizeof *part);
        transform(y, x, part, &part_columns, out + l, out_rows, stream);
    }
}
