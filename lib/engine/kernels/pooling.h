/* pool.h -- pools of squares without overlap. Jobs: images. */
#include "base/internal.h"

static inline const float *pixel_at(const float *origin, const struct fm_place *place, size_t y,
                                    size_t x)
{
    return origin + y * place->row + x * place->pixel;
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
typedef vec pool_cell(const struct fm_step *step, const float *cell, size_t c);
/* What of the cell's gradient g goes to its i-th pixel; which: what another pool_cell makes of it. */
typedef vec pool_share(const struct fm_step *step, vec which, size_t i, vec g);

static inline void pool(const struct fm_step *step, const struct fm_run *run, size_t image,
                        pool_cell *become)
{
    if (image >= run->images)
        return;
    const float *in = run->workspace + step->in.origin + image * step->in.image;
    float *out = run->workspace + step->out.origin + image * step->out.image;
    size_t side = step->window.stride, channels = step->in_shape.c;
    for (size_t y = 0; y < step->out_shape.h; y++)
        for (size_t x = 0; x < step->out_shape.w; x++)
            for (size_t c = 0; c < channels; c += VL)
                store_channels(out + y * step->out.row + x * step->out.pixel, c, channels,
                               become(step, pixel_at(in, &step->in, y * side, x * side), c));
}

/* Channels c .. of a cell, or of what is left of one at the edge, which gets nothing: back is NULL. */
static inline void share_out(const struct fm_step *step, const float *cell, const float *back,
                             float *to, size_t rows, size_t columns, size_t c, pool_cell *choose,
                             pool_share *share)
{
    size_t side = step->window.stride, channels = step->in_shape.c;
    vec which = back ? choose(step, cell, c) : v_splat(0);
    vec g = back ? load_channels(back, c, channels) : v_splat(0);
    for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < columns; x++) {
            vec value = load_channels(pixel_at(cell, &step->in, y, x), c, channels);
            vec part = share(step, which, y * side + x, g);
            store_channels(to + y * step->in_back.row + x * step->in_back.pixel, c, channels,
                           activate_back(step->activation, part, value));
        }
}

static inline void pool_back(const struct fm_step *step, const struct fm_run *run, size_t image,
                             pool_cell *choose, pool_share *share)
{
    if (image >= run->images)
        return;
    const float *in = run->workspace + step->in.origin + image * step->in.image;
    const float *back = run->workspace + step->back.origin + image * step->back.image;
    float *to = run->workspace + step->in_back.origin + image * step->in_back.image;
    size_t side = step->window.stride, h = step->in_shape.h, w = step->in_shape.w;
    for (size_t y = 0; y < h; y += side)
        for (size_t x = 0; x < w; x += side) {
            bool whole = y + side <= h && x + side <= w;
            const float *cell = pixel_at(in, &step->in, y, x);
            const float *g = whole ? pixel_at(back, &step->back, y / side, x / side) : NULL;
            float *shares = to + y * step->in_back.row + x * step->in_back.pixel;
            size_t rows = h - y < side ? h - y : side, columns = w - x < side ? w - x : side;
            for (size_t c = 0; c < step->in_shape.c; c += VL)
                share_out(step, cell, g, shares, rows, columns, c, choose, share);
        }
}

/* ---- the average */

static inline vec one_share(const struct fm_step *step)
{
    return v_splat(1.0f / (float)(step->window.stride * step->window.stride));
}

static inline vec cell_average(const struct fm_step *step, const float *cell, size_t c)
{
    vec sum = v_splat(0);
    for (size_t y = 0; y < step->window.stride; y++)
        for (size_t x = 0; x < step->window.stride; x++)
            sum = v_add(sum, load_channels(pixel_at(cell, &step->in, y, x), c, step->in_shape.c));
    return v_mul(sum, one_share(step));
}

static inline vec none_chosen(const struct fm_step *step, const float *cell, size_t c)
{
    (void)step, (void)cell, (void)c;
    return v_splat(0);
}

static inline vec average_share(const struct fm_step *step, vec which, size_t i, vec g)
{
    (void)which, (void)i;
    return v_mul(g, one_share(step));
}

static void job_avgpool(const struct fm_plan *plan, const struct fm_step *step,
                        const struct fm_run *run, size_t job)
{
    (void)plan;
    pool(step, run, job, cell_average);
}

static void job_avgpool_back(const struct fm_plan *plan, const struct fm_step *step,
                             const struct fm_run *run, size_t job)
{
    (void)plan;
    pool_back(step, run, job, none_chosen, average_share);
}

/* ---- the greatest, the first of equals */

static inline vec greatest_of_cell(const struct fm_step *step, const float *cell, size_t c,
                                   vec *which)
{
    size_t side = step->window.stride;
    vec max = load_channels(cell, c, step->in_shape.c);
    *which = v_splat(0);
    for (size_t i = 1; i < side * side; i++) {
        vec x = load_channels(pixel_at(cell, &step->in, i / side, i % side), c, step->in_shape.c);
        mask greater = v_greater(x, max);
        max = v_select(greater, x, max);
        *which = v_select(greater, v_splat((float)i), *which);
    }
    return max;
}

static inline vec cell_greatest(const struct fm_step *step, const float *cell, size_t c)
{
    vec which;
    return greatest_of_cell(step, cell, c, &which);
}

static inline vec which_is_greatest(const struct fm_step *step, const float *cell, size_t c)
{
    vec which;
    greatest_of_cell(step, cell, c, &which);
    return which;
}

static inline vec greatest_share(const struct fm_step *step, vec which, size_t i, vec g)
{
    const vec zero = v_splat(0), mine = v_splat((float)i);
    (void)step;
    g = v_select(v_greater(mine, which), zero, g);
    return v_select(v_greater(which, mine), zero, g);
}

static void job_maxpool(const struct fm_plan *plan, const struct fm_step *step,
                        const struct fm_run *run, size_t job)
{
    (void)plan;
    pool(step, run, job, cell_greatest);
}

static void job_maxpool_back(const struct fm_plan *plan, const struct fm_step *step,
                             const struct fm_run *run, size_t job)
{
    (void)plan;
    pool_back(step, run, job, which_is_greatest, greatest_share);
}
