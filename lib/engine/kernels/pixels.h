/* pixels.h -- pixels of a batch in the workspace, and stores of their channels.

   Values and gradients are (n,h,w,c) with the strides of a struct fm_view, channels side by side.
   `lanes` is the number of elements that exist, where a panel has room for 32. */
#include "base/internal.h"

/* Walks over the pixels of all images in order, (n,y,x), without a division per pixel. */
struct walk {
    size_t h, w, n, y, x;
};

/* row: the number of the first pixel, counted over (n,h,w). */
static inline struct walk walk_from(struct fm_shape shape, size_t row)
{
    return (struct walk){.h = shape.h,
                         .w = shape.w,
                         .n = row / (shape.h * shape.w),
                         .y = row / shape.w % shape.h,
                         .x = row % shape.w};
}

static inline void walk_on(struct walk *walk)
{
    if (++walk->x == walk->w) {
        walk->x = 0;
        if (++walk->y == walk->h) {
            walk->y = 0;
            walk->n++;
        }
    }
}

/* The offset in the workspace of pixel (n, y*stride, x*stride). */
static inline size_t offset_of(const struct fm_view *view, const struct walk *at, size_t stride)
{
    return view->offset + at->n * view->stride_n + at->y * stride * view->stride_h +
           at->x * stride * view->stride_w;
}

/* The offsets of `count` pixels from `walk` on, as offset_of(). */
static inline void list_offsets(size_t *offset, const struct fm_view *view, struct walk walk,
                                size_t count, size_t stride)
{
    for (size_t i = 0, end; i < count; i = end) {
        size_t at = offset_of(view, &walk, stride), step = stride * view->stride_w;
        end = count - i < walk.w - walk.x ? count : i + walk.w - walk.x;
        walk.x = walk.w - 1; /* the next row */
        walk_on(&walk);
        for (size_t k = i; k < end; k++, at += step)
            offset[k] = at;
    }
}

/* The rows of a block of FM_MC: first .. first + rows - 1 of `all`. False if the block is empty. */
static inline bool rows_of_block(size_t all, size_t block, size_t *first, size_t *rows)
{
    *first = block * FM_MC;
    if (*first >= all)
        return false;
    *rows = all - *first < FM_MC ? all - *first : FM_MC;
    return true;
}

static inline size_t lanes_of_panel(size_t units, size_t panel)
{
    size_t left = units - panel * FM_PANEL;
    return left < FM_PANEL ? left : FM_PANEL;
}

/* The bias (32) of a panel, and of those behind it; a layer without one has zeros, as many as a job
   can need. */
static inline const float *bias_of(const struct fm_op *op, const struct fm_run *run, size_t panel)
{
    static const float none[FM_PANELS_PER_JOB * FM_PANEL];
    return op->bias ? run->weights + op->bias->offset + panel * FM_PANEL : none;
}

/* tile (rows,32): the lanes from `lanes` on become zero. Spare weights stay zero because their
   gradients are. */
static inline void clear_spare(float *tile, size_t rows, size_t lanes)
{
    for (size_t r = 0; r < rows && lanes < FM_PANEL; r++)
        for (size_t l = lanes; l < FM_PANEL; l++)
            tile[r * FM_PANEL + l] = 0;
}

/* ---- channels */

/* Channels c .. c+VL-1 of a pixel (channels); 0 beyond the last. */
static inline vec load_channels(const float *pixel, size_t c, size_t channels)
{
    return c + VL <= channels ? v_load(pixel + c) : v_load_part(pixel + c, channels - c, 0);
}

static inline void store_channels(float *pixel, size_t c, size_t channels, vec a)
{
    if (c + VL <= channels)
        v_store(pixel + c, a);
    else
        v_store_part(pixel + c, a, channels - c);
}

/* y[l] = activation(x[l]); y (lanes), x readable up to a multiple of VL. */
static inline void store_lanes(float *y, const float *x, size_t lanes,
                               enum fm_activation activation)
{
    size_t l = 0;
    for (; l + VL <= lanes; l += VL)
        v_store(y + l, activate(activation, v_load(x + l)));
    if (l < lanes)
        v_store_part(y + l, activate(activation, v_load(x + l)), lanes - l);
}

/* Stores a part of grad_in, or adds it after other readers of the value, and multiplies the sum by
   the derivative of the value's activation. g, to, y (lanes): the gradient, its place in grad_in,
   and the value there. */
__attribute__((always_inline)) static inline void store_gradient(float *to, const float *g,
                                                                 const float *y, size_t lanes,
                                                                 bool add,
                                                                 enum fm_activation activation)
{
    for (size_t l = 0; l < lanes; l += VL) {
        vec sum = load_channels(g, l, lanes);
        if (add)
            sum = v_add(load_channels(to, l, lanes), sum);
        /* without an activation, the values may not be there any more */
        vec value = activation == FM_LINEAR ? sum : load_channels(y, l, lanes);
        store_channels(to, l, lanes, activate_backward(activation, sum, value));
    }
}

/* The activation whose derivative an op applies to grad_in: only the last reader of the value does
   so. */
static inline enum fm_activation last_activation(const struct fm_op *op)
{
    return op->last ? op->activation : FM_LINEAR;
}

/* store_gradient() as the op says. */
static inline void store_backward(const struct fm_op *op, float *to, const float *g, const float *y,
                                  size_t lanes)
{
    store_gradient(to, g, y, lanes, op->add, last_activation(op));
}
