/* gemm.h -- the panel GEMM, on which every direct convolution and dense layer runs:

     tile(r, lane) += sum over k of a[row(r) + tap(k)] * b[k][lane]

   for up to MC = FM_MC rows and the 32 lanes of a panel. k runs over (tap, inner): a table of
   offsets, and within each tap evenly spaced elements. The names are those of BLIS (F. Van Zee and
   R. van de Geijn, "BLIS: A Framework for Rapidly Instantiating BLAS Functionality", 2015; K. Goto
   and R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008): the
   micro-kernel keeps a register tile of up to MR rows by NR = two vectors; k is cut into groups of
   up to KC = FM_KC. Weights are stored in panels, so b needs no packing; a is not packed.

   A group is summed from zero, k ascending, one fused multiply-add per term, and the groups are
   added in order. The shape alone decides this order, not the register tile, so every kernel set
   gives the same bits. Groups keep the rounding errors of long sums small (100,352 terms in the
   largest layer of cnn), and a group's part of the panel stays in the first-level cache while all
   rows use it. */
#include "base/internal.h"

struct gemm {
    const float *a, *b;
    const size_t *row;           /* [rows] offsets into a */
    const size_t *a_tap, *b_tap; /* [taps] offsets into a and b */
    size_t taps, inner;
    size_t a_stride, b_stride; /* from one inner element to the next */
    size_t lanes;              /* of the 32 that are needed; the others hold anything */
    bool fresh;                /* the sums start from zero, whatever the tile holds */
};

/* A group of up to KC terms. */
struct group {
    size_t tap_from, tap_to, from, to; /* taps, and inner elements of each */
    bool fresh;                        /* the first of a fresh GEMM */
    size_t ahead;                      /* prefetch b this number of floats ahead; 0: do not */
};

enum { LINE = 16 }; /* floats of a cache line */

#define ROWS_1(X) X(0)
#define ROWS_2(X) ROWS_1(X) X(1)
#define ROWS_4(X) ROWS_2(X) X(2) X(3)
#define ROWS_6(X) ROWS_4(X) X(4) X(5)
#define ROWS_8(X) ROWS_6(X) X(6) X(7)
#define ROWS_10(X) ROWS_8(X) X(8) X(9)
#define ROWS_12(X) ROWS_10(X) X(10) X(11)

#define TILE_ZERO(i) vec low##i = v_splat(0), high##i = v_splat(0);
#define TILE_START(i) TILE_ZERO(i) const float *a##i = p->a + row[i];
#define TILE_TERM(i)                                                                               \
    {                                                                                              \
        vec x = v_splat(a##i[o]);                                                                  \
        low##i = v_fma(x, b0, low##i);                                                             \
        high##i = v_fma(x, b1, high##i);                                                           \
    }
#define TILE_END(i)                                                                                \
    v_store(c + (i)*FM_PANEL, v_add(v_load(c + (i)*FM_PANEL), low##i));                            \
    v_store(c + (i)*FM_PANEL + VL, v_add(v_load(c + (i)*FM_PANEL + VL), high##i));

/* Zero is added, for a sum may be -0. */
#define TILE_FRESH_END(i)                                                                          \
    v_store(c + (i)*FM_PANEL, v_add(v_splat(0), low##i));                                          \
    v_store(c + (i)*FM_PANEL + VL, v_add(v_splat(0), high##i));

/* `rows` rows by NR lanes, += a part of a group, `count` elements of a tap. With the usual strides
   as constants and no prefetch, the addresses of 12 rows fit the registers of x86-64. */
#define TILE_PART(rows, count, a_step, b_step, FETCH)                                              \
    for (const float *const end = b + (count) * (b_step); b != end;                                \
         o += (a_step), b += (b_step)) {                                                           \
        vec b0 = v_load(b), b1 = v_load(b + VL);                                                   \
        FETCH ROWS_##rows(TILE_TERM)                                                               \
    }

/* The micro-kernel for a register tile of `rows` rows by NR lanes: adds a group of k to c, whose
   rows are FM_PANEL apart. row [rows]: offsets into a; lane: the first of the NR. */
#define DEFINE_TILE(rows)                                                                          \
    static void tile_##rows(const struct gemm *p, const size_t *row, struct group k, size_t lane,  \
                            float *c)                                                              \
    {                                                                                              \
        const size_t a_stride = p->a_stride, b_stride = p->b_stride;                               \
        const bool usual = a_stride == 1 && b_stride == FM_PANEL && !k.ahead;                      \
        c += lane;                                                                                 \
        ROWS_##rows(TILE_START) for (size_t t = k.tap_from; t < k.tap_to; t++)                     \
        {                                                                                          \
            size_t o = p->a_tap[t] + k.from * a_stride, count = k.to - k.from;                     \
            const float *b = p->b + p->b_tap[t] + k.from * b_stride + lane;                        \
            const float *next = b + k.ahead;                                                       \
            if (usual) {                                                                           \
                TILE_PART(rows, count, 1, FM_PANEL, )                                              \
            } else {                                                                               \
                TILE_PART(rows, count, a_stride, b_stride, FM_PREFETCH(next);                      \
                          next += k.ahead ? LINE : 0;)                                             \
            }                                                                                      \
        }                                                                                          \
        if (k.fresh) {                                                                             \
            ROWS_##rows(TILE_FRESH_END)                                                            \
        } else {                                                                                   \
            ROWS_##rows(TILE_END)                                                                  \
        }                                                                                          \
    }

DEFINE_TILE(1)
DEFINE_TILE(2)
DEFINE_TILE(4)
DEFINE_TILE(6)
DEFINE_TILE(8)
DEFINE_TILE(10)
DEFINE_TILE(12)

/* Calls the micro-kernel for this number of rows, MR at most. */
#define CALL_TILE(name, rows, ...)                                                                 \
    if (MR >= 12 && rows == 12)                                                                    \
        name##_12(__VA_ARGS__);                                                                    \
    else if (MR >= 10 && rows == 10)                                                               \
        name##_10(__VA_ARGS__);                                                                    \
    else if (MR >= 8 && rows == 8)                                                                 \
        name##_8(__VA_ARGS__);                                                                     \
    else if (MR >= 6 && rows == 6)                                                                 \
        name##_6(__VA_ARGS__);                                                                     \
    else if (rows == 4)                                                                            \
        name##_4(__VA_ARGS__);                                                                     \
    else if (rows == 2)                                                                            \
        name##_2(__VA_ARGS__);                                                                     \
    else                                                                                           \
        name##_1(__VA_ARGS__);

/* The number of rows of the next register tile. The last two tiles share their rows evenly: a small
   tile is slow, because each fused multiply-add must wait for the one before. */
static inline size_t tile_rows(size_t left)
{
    if (left >= 2 * MR)
        return MR;
    if (left > MR)
        return (left + 3) / 4 * 2;
    return left == 1 ? 1 : left & ~(size_t)1;
}

/* If b is read once and from memory, the register tiles of a group prefetch the next group's part
   of it, one cache line for each k. Returns the distance in floats; 0: no prefetch. tiles: the
   number of register tiles of this group that came before. */
static size_t prefetch_distance(const struct gemm *p, struct group k, size_t tiles)
{
    /* Floats of b that stay in a cache. Found by experiment; the machine is not on record. */
    enum { MANY = 1 << 17 };
    size_t count = k.to - k.from, on = tiles * count * LINE;
    return p->taps == 1 && p->inner * p->b_stride > MANY && on < count * p->b_stride
               ? count * p->b_stride + on
               : 0;
}

/* One group of k for all rows; tile (rows,32). */
static void gemm_group(const struct gemm *p, size_t rows, struct group k, float *tile)
{
    size_t tiles = 0;
    for (size_t lane = 0; lane < p->lanes; lane += NR)
        for (size_t r = 0, n; r < rows; r += n) {
            const size_t *row = p->row + r;
            float *c = tile + r * FM_PANEL;
            n = tile_rows(rows - r);
            k.ahead = prefetch_distance(p, k, tiles++);
            CALL_TILE(tile, n, p, row, k, lane, c)
        }
}

/* `count` GEMMs with the same a, row, taps and inner. Each group of k is done for all of them
   before the next group, so that the rows of a are still in the cache. tile (count, FM_MC, 32), of
   which `rows` rows are used: the start of the sums, then the sums. */
static void gemm_batch(const struct gemm *p, size_t count, size_t rows, float *tile)
{
    size_t taps_at_once = fm_taps_of_group(p->inner);
    for (size_t t = 0; t < p->taps; t += taps_at_once) {
        struct group k = {.tap_from = t,
                          .tap_to = t + taps_at_once < p->taps ? t + taps_at_once : p->taps};
        for (k.from = 0; k.from < p->inner; k.from = k.to) {
            k.to = p->inner - k.from > FM_KC ? k.from + FM_KC : p->inner;
            k.fresh = p->fresh && t == 0 && k.from == 0;
            for (size_t i = 0; i < count; i++)
                gemm_group(&p[i], rows, k, tile + i * FM_MC * FM_PANEL);
        }
    }
}

/* tile (rows,32). */
static inline void gemm(const struct gemm *p, size_t rows, float *tile)
{
    gemm_batch(p, 1, rows, tile);
}
