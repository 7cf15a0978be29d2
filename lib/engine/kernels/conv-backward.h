/* affine-back.h -- convolutions: the gradient of their input.

   It is another convolution: the output's gradient, spread out by the stride and with zeros around
   it, under the kernel turned round, channels in and out exchanged. */
#include "base/internal.h"

/* x[0..lanes) through the activation of y[0..lanes), to where gradients lie. */
static inline void store_back(float *to, const float *g, const float *y, size_t lanes,
                              enum fm_activation activation)
{
    size_t l = 0;
    for (; l + VL <= lanes; l += VL)
        v_store(to + l, activate_back(activation, v_load(g + l), v_load(y + l)));
    if (l < lanes)
        v_store_part(to + l,
                     activate_back(activation, v_load_part(g + l, lanes - l, 0),
                                   v_load_part(y + l, lanes - l, 0)),
                     lanes - l);
}

/* Jobs: panels of input channels. scratch: (panel, kernel_h, kernel_w, units, 32), the kernel
   turned. */
static void job_transpose_weight(const struct fm_plan *plan, const struct fm_step *step,
                                 const struct fm_run *run, size_t job)
{
    (void)plan;
    size_t channels = step->in_shape.c, kernel = step->window.kernel_h * step->window.kernel_w;
    size_t lanes = lanes_of_panel(channels, job);
    float *to = run->workspace + step->scratch + job * kernel * step->units * FM_PANEL;
    for (size_t tap = 0; tap < kernel; tap++)
        for (size_t unit = 0; unit < step->units; unit++, to += FM_PANEL) {
            const float *from =
                run->weights + step->weight + unit % FM_PANEL +
                (unit / FM_PANEL * step->taps + (kernel - 1 - tap) * channels + job * FM_PANEL) *
                    FM_PANEL;
            for (size_t l = 0; l < lanes; l++)
                to[l] = from[l * FM_PANEL];
        }
}

/* Jobs: (panel of input channels, block of input pixels). */
static void job_affine_back(const struct fm_plan *plan, const struct fm_step *step,
                            const struct fm_run *run, size_t job)
{
    (void)plan;
    float tile[FM_ROWS * FM_PANEL] = {0};
    size_t row[FM_ROWS], value[FM_ROWS], to[FM_ROWS], first, rows;
    struct fm_shape shape = step->in_shape;
    size_t panels = fm_panels(shape.c), panel = job % panels;
    size_t kernel = step->window.kernel_h * step->window.kernel_w;
    if (!rows_of_part(run->images * shape.h * shape.w, job / panels, &first, &rows))
        return;
    struct walk walk = walk_from(shape, first);
    struct fm_place spread =
        step->back; /* its pixels one by one, from the corner of the zeros around */
    spread.origin -=
        (step->window.kernel_h - 1 - step->window.top) * step->back.row / step->window.stride +
        (step->window.kernel_w - 1 - step->window.left) * step->units;
    spread.row /= step->window.stride;
    spread.pixel = step->units;
    for (size_t r = 0; r < rows; r++, walk_on(&walk)) {
        row[r] = place_of(&spread, &walk, 1);
        value[r] = place_of(&step->in, &walk, 1) + step->window.top * step->in.row +
                   step->window.left * step->in.pixel;
        to[r] = place_of(&step->in_back, &walk, 1);
    }
    struct window_taps taps;
    find_taps(&taps, step->window.kernel_h, step->window.kernel_w, step->units, spread.row);
    struct product p = {.a = run->workspace,
                        .b = run->workspace + step->scratch +
                             panel * kernel * step->units * FM_PANEL,
                        .row = row,
                        .a_tap = taps.a,
                        .b_tap = taps.b,
                        .taps = taps.count,
                        .inner = taps.inner,
                        .a_step = 1,
                        .b_step = FM_PANEL,
                        .lanes = lanes_of_panel(shape.c, panel)};
    product(&p, rows, tile);
    for (size_t r = 0; r < rows; r++)
        store_back(run->workspace + to[r] + panel * FM_PANEL, tile + r * FM_PANEL,
                   run->workspace + value[r] + panel * FM_PANEL, p.lanes, step->activation);
}
