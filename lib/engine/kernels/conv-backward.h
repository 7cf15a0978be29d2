/* affine-back.h -- convolutions: the gradient of their input.

   It is another convolution: the output's gradient, spread out by the stride and with zeros around
   it, under the kernel turned round, channels in and out exchanged. */
#include "base/internal.h"

/* Part of a gradient, g[0..lanes), to where it belongs: stored or, after other readers of the value
   y, added; the last reader takes the sum through the value's activation. */
static inline void store_backward(const struct fm_op *op, float *to, const float *g, const float *y,
                                  size_t lanes)
{
    const enum fm_activation activation = op->last ? op->activation : FM_LINEAR;
    const bool add = op->add;
    size_t l = 0;
    for (; l + VL <= lanes; l += VL) {
        vec sum = v_load(g + l);
        if (add)
            sum = v_add(v_load(to + l), sum);
        v_store(to + l, activate_backward(activation, sum, v_load(y + l)));
    }
    if (l < lanes) {
        vec sum = v_load_part(g + l, lanes - l, 0);
        if (add)
            sum = v_add(v_load_part(to + l, lanes - l, 0), sum);
        v_store_part(to + l, activate_backward(activation, sum, v_load_part(y + l, lanes - l, 0)),
                     lanes - l);
    }
}

/* Jobs: panels of input channels. rotated: (panel, kernel_h, kernel_w, units, 32), the kernel
   turned. */
static void job_conv_rotate_weights(const struct fm_plan *plan, const struct fm_op *op,
                                    const struct fm_run *run, size_t job)
{
    (void)plan;
    size_t channels = op->in_shape.c, kernel = op->window.kernel_h * op->window.kernel_w;
    size_t lanes = lanes_of_panel(channels, job);
    float *to = run->workspace + op->rotated + job * kernel * op->units * FM_PANEL;
    for (size_t tap = 0; tap < kernel; tap++)
        for (size_t unit = 0; unit < op->units; unit++, to += FM_PANEL) {
            const float *from =
                run->weights + op->weight->offset + unit % FM_PANEL +
                (unit / FM_PANEL * op->taps + (kernel - 1 - tap) * channels + job * FM_PANEL) *
                    FM_PANEL;
            for (size_t l = 0; l < lanes; l++)
                to[l] = from[l * FM_PANEL];
        }
}

/* Jobs: (panel of input channels, block of input pixels). */
static void job_conv_backward_data(const struct fm_plan *plan, const struct fm_op *op,
                                   const struct fm_run *run, size_t job)
{
    (void)plan;
    float tile[FM_MC * FM_PANEL] = {0};
    size_t row[FM_MC], value[FM_MC], to[FM_MC], first, rows;
    struct fm_shape shape = op->in_shape;
    size_t panels = fm_panels(shape.c), panel = job % panels;
    size_t kernel = op->window.kernel_h * op->window.kernel_w;
    if (!rows_of_part(run->images * shape.h * shape.w, job / panels, &first, &rows))
        return;
    struct walk walk = walk_from(shape, first);
    struct fm_view from =
        op->grad_out; /* its pixels one by one, from the corner of the zeros around */
    from.offset -=
        (op->window.kernel_h - 1 - op->window.top) * op->grad_out.stride_h / op->window.stride +
        (op->window.kernel_w - 1 - op->window.left) * op->units;
    from.stride_h /= op->window.stride;
    from.stride_w = op->units;
    for (size_t r = 0; r < rows; r++, walk_on(&walk)) {
        row[r] = offset_of(&from, &walk, 1);
        value[r] = offset_of(&op->in, &walk, 1);
        to[r] = offset_of(&op->grad_in, &walk, 1);
    }
    struct window_taps taps;
    find_taps(&taps, op->window.kernel_h, op->window.kernel_w, op->units, from.stride_h);
    struct gemm p = {.a = run->workspace,
                     .b = run->workspace + op->rotated + panel * kernel * op->units * FM_PANEL,
                     .row = row,
                     .a_tap = taps.a,
                     .b_tap = taps.b,
                     .taps = taps.count,
                     .inner = taps.inner,
                     .a_stride = 1,
                     .b_stride = FM_PANEL,
                     .lanes = lanes_of_panel(shape.c, panel)};
    gemm(&p, rows, tile);
    for (size_t r = 0; r < rows; r++)
        store_backward(op, run->workspace + to[r] + panel * FM_PANEL, tile + r * FM_PANEL,
                       run->workspace + value[r] + panel * FM_PANEL, p.lanes);
}
