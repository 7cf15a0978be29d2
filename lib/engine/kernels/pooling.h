/* pool.h -- pools of squares without overlap. Jobs: images. */
#include "base/internal.h"

static inline const float *pixel_at(const float *origin, const struct fm_view *view, size_t y,
                                    size_t x)
{
    return origin + y * view->stride_h + x * view->stride_w;
}

/* Channels c .. c+VL-1 of a pixel, or what there is of them. */
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

/* What a cell, whose first pixel is given, becomes. */
typedef vec pool_cell(const struct fm_op *op, const float *cell, size_t c);
/* What of the cell's gradient g goes to its i-th pixel; which: what another pool_cell makes of it. */
typedef vec pool_share(const struct fm_op *op, vec which, size_t i, vec g);

static inline void pool(const struct fm_op *op, const struct fm_run *run, size_t image,
                        pool_cell *become)
{
    if (image >= run->images)
        return;
    const float *in = run->workspace + op->in.offset + image * op->in.stride_n;
    float *out = run->workspace + op->out.offset + image * op->out.stride_n;
    size_t side = op->window.stride, channels = op->in_shape.c;
    for (size_t y = 0; y < op->out_shape.h; y++)
        for (size_t x = 0; x < op->out_shape.w; x++)
            for (size_t c = 0; c < channels; c += VL)
                store_channels(out + y * op->out.stride_h + x * op->out.stride_w, c, channels,
                               become(op, pixel_at(in, &op->in, y * side, x * side), c));
}

/* Channels c .. of a cell, or of what is left of one at the edge, which gets nothing: back is NULL. */
static inline void share_out(const struct fm_op *op, const float *cell, const float *grad_out,
                             float *to, size_t rows, size_t columns, size_t c, pool_cell *choose,
                             pool_share *share)
{
    size_t side = op->window.stride, channels = op->in_shape.c;
    vec which = grad_out ? choose(op, cell, c) : v_splat(0);
    vec g = grad_out ? load_channels(grad_out, c, channels) : v_splat(0);
    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < columns; x++) {
            vec value = load_channels(pixel_at(cell, &op->in, y, x), c, channels);
            vec part = share(op, which, y * side + x, g);
            float *g_in = to + y * op->grad_in.stride_h + x * op->grad_in.stride_w;
            if (op->add)
                part = v_add(load_channels(g_in, c, channels), part);
            if (op->last)
                part = activate_backward(op->activation, part, value);
            store_channels(g_in, c, channels, part);
        }
}

static inline void pool_backward(const struct fm_op *op, const struct fm_run *run, size_t image,
                                 pool_cell *choose, pool_share *share)
{
    if (image >= run->images)
        return;
    const float *in = run->workspace + op->in.offset + image * op->in.stride_n;
    const float *grad_out = run->workspace + op->grad_out.offset + image * op->grad_out.stride_n;
    float *to = run->workspace + op->grad_in.offset + image * op->grad_in.stride_n;
    size_t side = op->window.stride, h = op->in_shape.h, w = op->in_shape.w;
    for (size_t y = 0; y < h; y += side)
        for (size_t x = 0; x < w; x += side) {
            bool whole = y + side <= h && x + side <= w;
            const float *cell = pixel_at(in, &op->in, y, x);
            const float *g = whole ? pixel_at(grad_out, &op->grad_out, y / side, x / side) : NULL;
            float *shares = to + y * op->grad_in.stride_h + x * op->grad_in.stride_w;
            size_t rows = h - y < side ? h - y : side, columns = w - x < side ? w - x : side;
            for (size_t c = 0; c < op->in_shape.c; c += VL)
                share_out(op, cell, g, shares, rows, columns, c, choose, share);
        }
}

/* ---- the average */

static inline vec one_share(const struct fm_op *op)
{
    return v_splat(1.0f / (float)(op->window.stride * op->window.stride));
}

static inline vec cell_average(const struct fm_op *op, const float *cell, size_t c)
{
    vec sum = v_splat(0);
    for (size_t y = 0; y < op->window.stride; y++)
        for (size_t x = 0; x < op->window.stride; x++)
            sum = v_add(sum, load_channels(pixel_at(cell, &op->in, y, x), c, op->in_shape.c));
    return v_mul(sum, one_share(op));
}

static inline vec none_chosen(const struct fm_op *op, const float *cell, size_t c)
{
    (void)op, (void)cell, (void)c;
    return v_splat(0);
}

static inline vec average_share(const struct fm_op *op, vec which, size_t i, vec g)
{
    (void)which, (void)i;
    return v_mul(g, one_share(op));
}

static void job_avgpool_forward(const struct fm_plan *plan, const struct fm_op *op,
                                const struct fm_run *run, size_t job)
{
    (void)plan;
    pool(op, run, job, cell_average);
}

static void job_avgpool_backward(const struct fm_plan *plan, const struct fm_op *op,
                                 const struct fm_run *run, size_t job)
{
    (void)plan;
    pool_backward(op, run, job, none_chosen, average_share);
}

/* ---- the greatest, the first of equals */

static inline vec greatest_of_cell(const struct fm_op *op, const float *cell, size_t c, vec *which)
{
    size_t side = op->window.stride;
    vec max = load_channels(cell, c, op->in_shape.c);
    *which = v_splat(0);
    for (size_t i = 1; i < side * side; i++) {
        vec x = load_channels(pixel_at(cell, &op->in, i / side, i % side), c, op->in_shape.c);
        mask greater = v_greater(x, max);
        max = v_select(greater, x, max);
        *which = v_select(greater, v_splat((float)i), *which);
    }
    return max;
}

static inline vec cell_greatest(const struct fm_op *op, const float *cell, size_t c)
{
    vec which;
    return greatest_of_cell(op, cell, c, &which);
}

static inline vec which_is_greatest(const struct fm_op *op, const float *cell, size_t c)
{
    vec which;
    greatest_of_cell(op, cell, c, &which);
    return which;
}

static inline vec greatest_share(const struct fm_op *op, vec which, size_t i, vec g)
{
    const vec zero = v_splat(0), mine = v_splat((float)i);
    (void)op;
    g = v_select(v_greater(mine, which), zero, g);
    return v_select(v_greater(which, mine), zero, g);
}

static void job_maxpool_forward(const struct fm_plan *plan, const struct fm_op *op,
                                const struct fm_run *run, size_t job)
{
    (void)plan;
    pool(op, run, job, cell_greatest);
}

static void job_maxpool_backward(const struct fm_plan *plan, const struct fm_op *op,
                                 const struct fm_run *run, size_t job)
{
    (void)plan;
    pool_backward(op, run, job, which_is_greatest, greatest_share);
}
