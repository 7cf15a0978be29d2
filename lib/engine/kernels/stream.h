/* stream.h -- products of what is read once, c (rows,32) += a b, where b is (k,32).

   The rows of a are 32 elements of k apart at a constant distance, or the other way round for
   gradients, so that a tile needs no table of rows. What comes next is fetched while a tile is
   under way, two lines for each k. The order of summation is that of product.h. */
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

/* k is (tap, so many): taps of a are `tap` apart, the rest of it `step`; b has no gaps. */
struct stream {
    const float *a, *b;
    size_t taps, tap, inner;
    const float *next_a, *next_b;
    size_t next_tap; /* next_a's taps */
};

#define DEFINE_STREAM_TILE(name, rows, ROW, op)                                                    \
    static void name##_##rows(const struct stream *s, size_t lane, float *c)                       \
    {                                                                                              \
        const float *b = s->b + lane, *next_b = s->next_b;                                         \
        c += lane;                                                                                 \
        ROWS_##rows(TILE_ZERO) for (size_t t = 0; t < s->taps; t++)                                \
        {                                                                                          \
            const float *a = s->a + t * s->tap, *next_a = s->next_a + t * s->next_tap;             \
            for (size_t k = 0; k < s->inner; k++) {                                                \
                vec b0 = v_load(b), b1 = v_load(b + VL);                                           \
                v_prefetch(next_a);                                                                \
                v_prefetch(next_b);                                                                \
                ROWS_##rows(ROW) a += op;                                                          \
                b += FM_PANEL, next_a += LINE, next_b += LINE;                                     \
            }                                                                                      \
        }                                                                                          \
        ROWS_##rows(TILE_END)                                                                      \
    }

/* All sizes up to the largest that the registers hold. */
#define DEFINE_STREAM_TILES(name, ROW, op)                                                         \
    DEFINE_STREAM_TILE(name, 1, ROW, op)                                                           \
    DEFINE_STREAM_TILE(name, 2, ROW, op)                                                           \
    DEFINE_STREAM_TILE(name, 4, ROW, op)                                                           \
    DEFINE_STREAM_TILE(name, 6, ROW, op)                                                           \
    DEFINE_STREAM_TILE(name, 8, ROW, op)                                                           \
    DEFINE_STREAM_TILE(name, 10, ROW, op)                                                          \
    DEFINE_STREAM_TILE(name, 12, ROW, op)                                                          \
    static inline void name(const struct stream *s, size_t rows, size_t lane, float *c)            \
    {                                                                                              \
        CALL_TILE(name, rows, s, lane, c)                                                          \
    }

DEFINE_STREAM_TILES(row_tile, STREAM_ROW, 1)
DEFINE_STREAM_TILES(column_tile, STREAM_COLUMN, FM_PANEL)

/* Rows of inputs, in panels of 32, times (inputs,32). in: of the first of so many panels, which are
   `panel` apart; next: where the next rows will be read. */
static void multiply_rows(const float *in, const float *next, size_t panel, size_t panels,
                          size_t rows, const float *b, size_t lanes, float *out)
{
    enum { AT_ONCE = FM_KC / FM_PANEL };
    memset(out, 0, rows * FM_PANEL * sizeof *out);
    for (size_t from = 0; from < panels; from += AT_ONCE) {
        size_t taps = panels - from < AT_ONCE ? panels - from : AT_ONCE, n, lines = 0;
        size_t floats = taps * FM_PANEL * FM_PANEL;
        struct stream s = {.b = b + from * FM_PANEL * FM_PANEL,
                           .taps = taps,
                           .tap = panel,
                           .inner = FM_PANEL,
                           .next_tap = panel};
        for (size_t r = 0; r < rows; r += n, lines += floats / 2) {
            n = tile_rows(rows - r);
            s.a = in + from * panel + r * FM_PANEL;
            s.next_a = r + n < rows ? s.a + n * FM_PANEL : next + from * panel;
            s.next_b = lines < floats ? s.b + floats + lines : s.b;
            for (size_t lane = 0; lane < lanes; lane += 2 * VL)
                row_tile(&s, n, lane, out + r * FM_PANEL);
        }
    }
}
