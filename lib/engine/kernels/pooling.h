/* pooling.h -- average and maximum pooling over windows that do not overlap.

     in         (n,h,w,c) by op->in
     out        (n, rows of windows, columns of windows, c) by op->out
     grad_out   like out, by op->grad_out
     grad_in    like in, by op->grad_in
     chosen     maxpool (n, rows of windows, columns of windows, c): the pixel of each window that
                had the maximum, its number as a float; c rounded up, see op.h

   A window has op->window.kernel_h x kernel_w pixels, or fewer at the edge if out has a pixel for
   it. Rows and columns of the input without a pixel of out are dropped; their gradient is zero.
   All kernels here go by images. */
#include "base/internal.h"

/* A window of rows x columns pixels. */
struct pool_window {
    const float *in;       /* its first pixel */
    const float *grad_out; /* the output pixel's gradient (c); NULL: none, the window is dropped */
    float *grad_in;        /* the first pixel's */
    float *chosen;         /* of the window (c); NULL: not kept */
    size_t rows, columns;
    size_t channels; /* SIZE_MAX: of each vector all */
};

/* Pixel (y,x) of an image, or of a window, whose first pixel is at origin. */
static inline const float *pixel_at(const float *origin, const struct fm_view *view, size_t y,
                                    size_t x)
{
    return origin + y * view->stride_h + x * view->stride_w;
}

/* A result for channels c .. c+VL-1 of a window, whose first pixel is `window`: the pool's output,
   or the pixel that gets the gradient. */
typedef vec pool_reduce(const struct fm_op *op, const struct pool_window *window, size_t c);
/* The part of the window's gradient g that pixel i of the window gets; which: the result of a
   pool_reduce. */
typedef vec pool_gradient(const struct pool_window *window, vec which, size_t i, vec g);

/* The place in `chosen` of output pixel (y,x) of an image; NULL if there is none. */
static inline float *chosen_at(const struct fm_op *op, const struct fm_run *run, size_t image,
                               size_t y, size_t x)
{
    size_t pixel = (image * op->out_shape.h + y) * op->out_shape.w + x;
    return op->chosen ? run->workspace + op->chosen + pixel * fm_chosen_floats(op) : NULL;
}

/* The window at window row y and column x. */
static inline struct pool_window window_at(const struct fm_op *op, const float *in, float *chosen,
                                           size_t y, size_t x)
{
    size_t h = op->window.kernel_h, w = op->window.kernel_w;
    size_t rows = op->in_shape.h - y * h, columns = op->in_shape.w - x * w;
    return (struct pool_window){.in = pixel_at(in, &op->in, y * h, x * w),
                                .chosen = chosen,
                                .rows = rows < h ? rows : h,
                                .columns = columns < w ? columns : w,
                                .channels = op->in_shape.c};
}

/* A window of 2x2 pixels and whole vectors is the usual one: with constants in place of its sizes,
   the compiler unrolls all loops. */
static inline bool is_usual(const struct pool_window *window)
{
    return window->rows == 2 && window->columns == 2 && window->channels % VL == 0;
}

static inline struct pool_window usual_window(const struct pool_window *window)
{
    return (struct pool_window){.in = window->in,
                                .chosen = window->chosen,
                                .grad_out = window->grad_out,
                                .grad_in = window->grad_in,
                                .rows = 2,
                                .columns = 2,
                                .channels = SIZE_MAX};
}

/* out (c): the window's pixel. */
__attribute__((always_inline)) static inline void
pool_one(const struct fm_op *op, const struct pool_window *window, float *out, pool_reduce *reduce)
{
    for (size_t c = 0; c < op->in_shape.c; c += VL)
        store_channels(out, c, window->channels, reduce(op, window, c));
}

__attribute__((always_inline)) static inline void
pool(const struct fm_op *op, const struct fm_run *run, size_t image, pool_reduce *reduce)
{
    const float *in = run->workspace + op->in.offset + image * op->in.stride_n;
    float *out = run->workspace + op->out.offset + image * op->out.stride_n;
    for (size_t y = 0; y < op->out_shape.h; y++)
        for (size_t x = 0; x < op->out_shape.w; x++) {
            float *chosen = chosen_at(op, run, image, y, x);
            const struct pool_window window = window_at(op, in, chosen, y, x),
                                     usual = usual_window(&window);
            float *to = out + y * op->out.stride_h + x * op->out.stride_w;
            if (is_usual(&window))
                pool_one(op, &usual, to, reduce);
            else
                pool_one(op, &window, to, reduce);
        }
}

/* How a gradient is stored: added to what is there; through the derivative of the activation. */
struct pool_store {
    bool add;
    enum fm_activation activation;
};

/* The gradient of a window to its pixels. */
__attribute__((always_inline)) static inline void
scatter_gradient(const struct fm_op *op, const struct pool_window *window, struct pool_store store,
                 pool_reduce *choose, pool_gradient *part_of)
{
    for (size_t c = 0; c < op->in_shape.c; c += VL) {
        size_t channels = window->channels;
        vec which = window->grad_out ? choose(op, window, c) : v_splat(0);
        vec g = window->grad_out ? load_channels(window->grad_out, c, channels) : v_splat(0);
        for (size_t y = 0; y < window->rows; y++)
            for (size_t x = 0; x < window->columns; x++) {
                vec part = part_of(window, which, y * window->columns + x, g);
                vec value = part; /* without an activation, the values may not be there any more */
                if (store.activation != FM_LINEAR)
                    value = load_channels(pixel_at(window->in, &op->in, y, x), c, channels);
                float *to = window->grad_in + y * op->grad_in.stride_h + x * op->grad_in.stride_w;
                if (store.add)
                    part = v_add(load_channels(to, c, channels), part);
                store_channels(to, c, channels, activate_backward(store.activation, part, value));
            }
    }
}

/* The same, with constants in the usual cases. */
__attribute__((always_inline)) static inline void scatter(const struct fm_op *op,
                                                          const struct pool_window *window,
                                                          pool_reduce *choose,
                                                          pool_gradient *part_of)
{
    const struct pool_store store = {op->add, last_activation(op)};
    const struct pool_store plain = {false, FM_LINEAR}, relu = {false, FM_RELU};
    const struct pool_window usual = usual_window(window);
    bool constant = is_usual(window) && window->grad_out && !store.add;
    if (constant && store.activation == FM_LINEAR)
        scatter_gradient(op, &usual, plain, choose, part_of);
    else if (constant && store.activation == FM_RELU)
        scatter_gradient(op, &usual, relu, choose, part_of);
    else
        scatter_gradient(op, window, store, choose, part_of);
}

__attribute__((always_inline)) static inline void pool_backward(const struct fm_op *op,
                                                                const struct fm_run *run,
                                                                size_t image, pool_reduce *choose,
                                                                pool_gradient *part_of)
{
    const float *in = run->workspace + op->in.offset + image * op->in.stride_n;
    const float *grad_out = run->workspace + op->grad_out.offset + image * op->grad_out.stride_n;
    float *grad_in = run->workspace + op->grad_in.offset + image * op->grad_in.stride_n;
    size_t height = op->window.kernel_h, width = op->window.kernel_w;
    for (size_t y = 0; y * height < op->in_shape.h; y++)
        for (size_t x = 0; x * width < op->in_shape.w; x++) {
            struct pool_window window = window_at(op, in, chosen_at(op, run, image, y, x), y, x);
            if (y < op->out_shape.h && x < op->out_shape.w)
                window.grad_out = pixel_at(grad_out, &op->grad_out, y, x);
            window.grad_in =
                grad_in + y * height * op->grad_in.stride_h + x * width * op->grad_in.stride_w;
            scatter(op, &window, choose, part_of);
        }
}

/* ---- average */

/* 1 / pixels. */
static inline vec mean_factor(const struct pool_window *window)
{
    return v_splat(1.0f / (float)(window->rows * window->columns));
}

/* The sum of a row added to another sum. */
static inline vec add_row(const struct fm_op *op, const struct pool_window *window, size_t y,
                          size_t c, vec sum)
{
    for (size_t x = 0; x < window->columns; x++)
        sum = v_add(sum, load_channels(pixel_at(window->in, &op->in, y, x), c, window->channels));
    return sum;
}

/* Large windows are summed row by row: one sum of a million values would lose a hundredth. */
static inline vec window_mean(const struct fm_op *op, const struct pool_window *window, size_t c)
{
    enum { LARGE = 4096 };
    vec sum = v_splat(0);
    if (window->rows * window->columns <= LARGE)
        for (size_t y = 0; y < window->rows; y++)
            sum = add_row(op, window, y, c, sum);
    else
        for (size_t y = 0; y < window->rows; y++)
            sum = v_add(sum, add_row(op, window, y, c, v_splat(0)));
    return v_mul(sum, mean_factor(window));
}

static inline vec no_choice(const struct fm_op *op, const struct pool_window *window, size_t c)
{
    (void)op, (void)window, (void)c;
    return v_splat(0);
}

static inline vec mean_gradient(const struct pool_window *window, vec which, size_t i, vec g)
{
    (void)which, (void)i;
    return v_mul(g, mean_factor(window));
}

/* out = the mean of each window. */
static void image_avgpool_forward(const struct fm_plan *plan, const struct fm_op *op,
                                  const struct fm_run *run, size_t n)
{
    (void)plan;
    pool(op, run, n, window_mean);
}

/* grad_in (+)= the mean gradient: each pixel of a window gets an equal part. */
static void image_avgpool_backward(const struct fm_plan *plan, const struct fm_op *op,
                                   const struct fm_run *run, size_t n)
{
    (void)plan;
    pool_backward(op, run, n, no_choice, mean_gradient);
}

/* ---- maximum; of equal pixels, the first one gets the gradient */

/* *argmax: the number of the first pixel that has the maximum. */
__attribute__((always_inline)) static inline vec
find_max(const struct fm_op *op, const struct pool_window *window, size_t c, vec *argmax)
{
    vec max = load_channels(window->in, c, window->channels);
    *argmax = v_splat(0);
    for (size_t y = 0, i = 0; y < window->rows; y++)
        for (size_t x = 0; x < window->columns; x++, i++) {
            vec value = load_channels(pixel_at(window->in, &op->in, y, x), c, window->channels);
            mask greater = v_greater(value, max);
            max = v_select(greater, value, max);
            *argmax = v_select(greater, v_splat((float)i), *argmax);
        }
    return max;
}

static inline vec window_max(const struct fm_op *op, const struct pool_window *window, size_t c)
{
    vec argmax;
    return find_max(op, window, c, &argmax);
}

static inline vec window_max_kept(const struct fm_op *op, const struct pool_window *window,
                                  size_t c)
{
    vec argmax, max = find_max(op, window, c, &argmax);
    v_store(window->chosen + c, argmax);
    return max;
}

static inline vec window_argmax(const struct fm_op *op, const struct pool_window *window, size_t c)
{
    (void)op;
    return v_load(window->chosen + c);
}

static inline vec max_gradient(const struct pool_window *window, vec which, size_t i, vec g)
{
    const vec zero = v_splat(0), mine = v_splat((float)i);
    (void)window;
    g = v_select(v_greater(mine, which), zero, g);
    return v_select(v_greater(which, mine), zero, g);
}

/* out = the maximum of each window. */
static void image_maxpool_forward(const struct fm_plan *plan, const struct fm_op *op,
                                  const struct fm_run *run, size_t n)
{
    (void)plan;
    if (op->chosen)
        pool(op, run, n, window_max_kept);
    else
        pool(op, run, n, window_max);
}

/* grad_in (+)= the gradient of each window, to its first maximum. */
static void image_maxpool_backward(const struct fm_plan *plan, const struct fm_op *op,
                                   const struct fm_run *run, size_t n)
{
    (void)plan;
    pool_backward(op, run, n, window_argmax, max_gradient);
}
