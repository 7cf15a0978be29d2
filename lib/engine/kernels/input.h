/* input.h -- the batch's images: bytes to floats, and masks of the non-zero pixels.

   An image comes as (c,h,w) bytes and becomes (h,w,c) floats; the bytes of an image in colour are
   reordered first. If the first layer is dense, it leaves out terms whose pixel is zero; they would
   not change the sum. Two masks say which pixels are non-zero; those of three channels count as
   three pixels, in the order of the floats:
   nonzero_pairs    for forward: (pair of images, words of 64 pixels), uint64_t; the bit of a pixel
                    is set if it is non-zero in either image
   nonzero_groups   for backward weights: (block of FM_BLOCK images, groups of FM_MASK_PIXELS
                    pixels), uint16_t; the bit of an image is set if any pixel of the group is
                    non-zero in it */
#include "base/internal.h"

/* The pixels (h,w,c) of image n: in training perhaps changed ones, which are made by the op itself.
   Those in colour lie in the scratch memory, in place 0 or 1. */
static inline const uint8_t *pixels_of(const struct fm_op *op, const struct fm_run *run, size_t n,
                                       size_t place)
{
    struct fm_shape s = op->out_shape;
    size_t size = s.h * s.w;
    const uint8_t *from = run->augmented ? run->augmented->pixels + n * s.c * size : run->pixels[n];
    if (s.c != 3) /* 1: fm_check_shape() admits no other number */
        return from;
    uint8_t *to = (uint8_t *)(run->scratch + place * fm_interleaved_floats(s));
    for (size_t i = 0; i < size; i++) {
        to[3 * i] = from[i];
        to[3 * i + 1] = from[size + i];
        to[3 * i + 2] = from[2 * size + i];
    }
    return to;
}

/* to[i] = from[i] / 255, both (n): by the reciprocal and a correction with the remainder, which is
   exact for all 256 values. */
static inline void gather_row(float *to, const uint8_t *from, size_t n)
{
    const vec reciprocal = v_splat(1 / 255.0f), minus = v_splat(-255);
    size_t i = 0;
    for (; i + VL <= n; i += VL) {
        vec x = v_bytes(from + i), q = v_mul(x, reciprocal);
        v_store(to + i, v_fma(v_fma(q, minus, x), reciprocal, q));
    }
    for (; i < n; i++)
        to[i] = (float)from[i] / 255.0f;
}

static inline size_t pixels_in(const struct fm_op *op)
{
    return op->out_shape.h * op->out_shape.w * op->out_shape.c;
}

/* The bits of image n in the masks of its block; the first image of a block clears them. */
static void mask_groups(const struct fm_op *op, const struct fm_run *run, size_t n,
                        const uint8_t *pixel)
{
    size_t groups = pixels_in(op) / FM_MASK_PIXELS;
    uint16_t *mask_bits = (uint16_t *)(run->workspace + op->nonzero_groups) + n / FM_BLOCK * groups;
    if (n % FM_BLOCK == 0)
        memset(mask_bits, 0, groups * sizeof *mask_bits);
    for (size_t i = 0; i < groups; i++, pixel += FM_MASK_PIXELS) {
        uint32_t four;
        uint16_t two;
        memcpy(&four, pixel, sizeof four);
        memcpy(&two, pixel + sizeof four, sizeof two);
        mask_bits[i] |= (uint16_t)((unsigned)((four | two) != 0) << n % FM_BLOCK);
    }
}

/* Eight bytes as a number; the first byte is the lowest. */
static inline uint64_t eight_bytes(const uint8_t *p)
{
    uint64_t x;
    memcpy(&x, p, sizeof x);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}

/* One bit for each of the first eight bytes of a and b, or of `count`: set if the byte is non-zero
   in a or in b. The first byte has the lowest bit. */
static inline uint64_t bits_of_bytes(const uint8_t *a, const uint8_t *b, size_t count)
{
    const uint64_t low = UINT64_C(0x7f7f7f7f7f7f7f7f);
    uint64_t bits = 0;
    for (size_t i = 0; i < count && count < 8; i++)
        bits |= (uint64_t)((a[i] | b[i]) != 0) << i;
    if (count < 8)
        return bits;
    uint64_t x = eight_bytes(a) | eight_bytes(b);
    x = (((x & low) + low) | x) & ~low; /* each byte's highest bit */
    return (x >> 7) * UINT64_C(0x0102040810204080) >> 56;
}

/* The mask of a pair of images, n and n + 1; n is even. An image without a partner is its own. */
static void mask_pair(const struct fm_op *op, const struct fm_run *run, size_t n, const uint8_t *a,
                      const uint8_t *b)
{
    size_t pixels = pixels_in(op), words = (pixels + 63) / 64;
    float *to = run->workspace + op->nonzero_pairs + n / 2 * words * 2;
    for (size_t w = 0; w < words; w++) {
        uint64_t bits = 0;
        for (size_t i = w * 64; i < w * 64 + 64 && i < pixels; i += 8)
            bits |= bits_of_bytes(a + i, b + i, pixels - i < 8 ? pixels - i : 8) << i % 64;
        memcpy(to + w * 2, &bits, sizeof bits);
    }
}

/* One image: its floats, and its part of the masks of groups. Returns its pixels. */
static inline const uint8_t *gather_image(const struct fm_op *op, const struct fm_run *run,
                                          size_t n, size_t place)
{
    const uint8_t *pixels = pixels_of(op, run, n, place);
    size_t h = op->out_shape.h, row = op->out_shape.w * op->out_shape.c;
    if (op->out.stride_h == row) { /* no padding: the image is a single row */
        row *= h;
        h = 1;
    }
    for (size_t y = 0; y < h; y++)
        gather_row(run->workspace + op->out.offset + n * op->out.stride_n + y * op->out.stride_h,
                   pixels + y * row, row);
    if (op->nonzero_groups)
        mask_groups(op, run, n, pixels);
    return pixels;
}

/* Copies images of the run into the workspace; before that, changes them if they are augmented.
   pixels         run->pixels[n], each (c,h,w) bytes
   out            (n,h,w,c) by op->out
   nonzero_*      the masks above, if the op has them
   Blocks: images first .. first + count - 1; first is even if there are masks. */
static void block_gather(const struct fm_plan *plan, const struct fm_op *op,
                         const struct fm_run *run, size_t first, size_t count)
{
    (void)plan;
    for (size_t n = first; run->augmented && n < first + count; n++)
        fm_augment_one(run->augmented, run->seed, run->epoch, run->pixels, run->index, run->images,
                       n);
    for (size_t n = first; n < first + count; n += 2) {
        const uint8_t *a = gather_image(op, run, n, 0);
        const uint8_t *b = n + 1 < first + count ? gather_image(op, run, n + 1, 1) : a;
        if (op->nonzero_pairs)
            mask_pair(op, run, n, a, b);
    }
}
