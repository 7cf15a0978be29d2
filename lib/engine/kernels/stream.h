/* stream.h -- GEMMs over arrays that are read once: c (rows,32) += a b, b (k,32).

   row_tile() takes a as (rows,32) with k = the 32 columns of one or more panels, column_tile() as
   (k,32) with the rows of c = the columns of a. The rows are at constant distances, so no table of
   rows is needed. While a register tile is computed, the data of the next one are prefetched, two
   cache lines for each k. The order of summation is that of gemm.h. */
#include "base/internal.h"

#define STREAM_ROW(i)                                                                              \
    {                                                                                              \
        vec x = v_splat(a[(i)*FM_PANEL]);                                                          \
        low##i = v_fma(x, b0, low##i);                                                             \
        high##i = v_fma(x, b1, high##i);                                                           \
    }
#define STREAM_COLUMN(i)                                                                           \
    {                                                                                              \
        vec x = v_splat(a[i]);                                                                     \
        low##i = v_fma(x, b0, low##i);                                                             \
        high##i = v_fma(x, b1, high##i);                                                           \
    }

/* k is (taps, inner). b (taps, inner, 32) has no gaps; taps of a are `tap` floats apart. */
struct stream {
    const float *a, *b;
    size_t taps, tap, inner;
    const float *next_a, *next_b; /* to be prefetched */
    size_t next_tap;              /* from one tap of next_a to the next */
    bool fresh;                   /* the first group: c may hold anything */
};

/* c, with rows FM_PANEL apart, += a b for a group of k. ROW: a term of each row; k_stride: from one
   k of a to the next. */
#define DEFINE_STREAM_TILE(name, rows, ROW, k_stride)                                              \
    static void name##_##rows(const struct stream *s, size_t lane, float *c)                       \
    {                                                                                              \
        const float *b = s->b + lane, *next_b = s->next_b;                                         \
        c += lane;                                                                                 \
        ROWS_##rows(TILE_ZERO) for (size_t t = 0; t < s->taps; t++)                                \
        {                                                                                          \
            const float *a = s->a + t * s->tap, *next_a = s->next_a + t * s->next_tap;             \
            for (size_t k = 0; k < s->inner; k++) {                                                \
                vec b0 = v_load(b), b1 = v_load(b + VL);                                           \
                FM_PREFETCH(next_a);                                                               \
                FM_PREFETCH(next_b);                                                               \
                ROWS_##rows(ROW) a += k_stride;                                                    \
                b += FM_PANEL, next_a += LINE, next_b += LINE;                                     \
            }                                                                                      \
        }                                                                                          \
        if (s->fresh) {                                                                            \
            ROWS_##rows(TILE_FRESH_END)                                                            \
        } else {                                                                                   \
            ROWS_##rows(TILE_END)                                                                  \
        }                                                                                          \
    }

/* Register tiles of all sizes, and name(), which calls the one for this number of rows. */
#define DEFINE_STREAM_TILES(name, ROW, k_stride)                                                   \
    DEFINE_STREAM_TILE(name, 1, ROW, k_stride)                                                     \
    DEFINE_STREAM_TILE(name, 2, ROW, k_stride)                                                     \
    DEFINE_STREAM_TILE(name, 4, ROW, k_stride)                                                     \
    DEFINE_STREAM_TILE(name, 6, ROW, k_stride)                                                     \
    DEFINE_STREAM_TILE(name, 8, ROW, k_stride)                                                     \
    DEFINE_STREAM_TILE(name, 10, ROW, k_stride)                                                    \
    DEFINE_STREAM_TILE(name, 12, ROW, k_stride)                                                    \
    static inline void name(const struct stream *s, size_t rows, size_t lane, float *c)            \
    {                                                                                              \
        CALL_TILE(name, rows, s, lane, c)                                                          \
    }

DEFINE_STREAM_TILES(row_tile, STREAM_ROW, 1)
DEFINE_STREAM_TILES(column_tile, STREAM_COLUMN, FM_PANEL)

/* Sets the lanes of c (rows,32) that no register tile reaches to zero. */
static inline void clear_unused_lanes(float *c, size_t rows, size_t lanes)
{
    size_t used = (lanes + NR - 1) / NR * NR;
    for (size_t r = 0; r < rows && used < FM_PANEL; r++)
        memset(c + r * FM_PANEL + used, 0, (FM_PANEL - used) * sizeof *c);
}

/* out = in b.
   in     (panels, rows, 32), panels `panel` floats apart: k is (panel, 32)
   next   laid out like `in`: the rows of the next call, which are prefetched
   b      (panels, 32, 32)
   out    (rows,32), of which the first `lanes` lanes are needed */
static void multiply_rows(const float *in, const float *next, size_t panel, size_t panels,
                          size_t rows, const float *b, size_t lanes, float *out)
{
    enum { AT_ONCE = FM_KC / FM_PANEL }; /* panels of a group of k */
    clear_unused_lanes(out, rows, lanes);
    for (size_t from = 0; from < panels; from += AT_ONCE) {
        size_t taps = panels - from < AT_ONCE ? panels - from : AT_ONCE, n, lines = 0;
        size_t floats = taps * FM_PANEL * FM_PANEL;
        struct stream s = {.b = b + from * FM_PANEL * FM_PANEL,
                           .taps = taps,
                           .tap = panel,
                           .inner = FM_PANEL,
                           .next_tap = panel,
                           .fresh = from == 0};
        for (size_t r = 0; r < rows; r += n, lines += floats / 2) {
            n = tile_rows(rows - r);
            s.a = in + from * panel + r * FM_PANEL;
            s.next_a = r + n < rows ? s.a + n * FM_PANEL : next + from * panel;
            s.next_b = lines < floats ? s.b + floats + lines : s.b;
            for (size_t lane = 0; lane < lanes; lane += NR)
                row_tile(&s, n, lane, out + r * FM_PANEL);
        }
    }
}
