/* addition.h -- sums of two values of the same shape. Jobs: images.

   Values and gradients are (n,h,w,c), each by the strides of its own view. */
#include "base/internal.h"

/* out = activation(a + b), all (channels): one pixel. */
static inline void add_pixel(float *out, const float *a, const float *b, size_t channels,
                             enum fm_activation activation)
{
    for (size_t c = 0; c < channels; c += VL) {
        vec sum =
            v_add(load_channels(a + c, 0, channels - c), load_channels(b + c, 0, channels - c));
        store_channels(out + c, 0, channels - c, activate(activation, sum));
    }
}

/* out = activation(in + other), by op->out, op->in and op->other. */
static void job_add_forward(const struct fm_plan *plan, const struct fm_op *op,
                            const struct fm_run *run, size_t job)
{
    (void)plan;
    if (job >= run->images)
        return;
    struct walk at = walk_from(op->out_shape, job * op->out_shape.h * op->out_shape.w);
    for (; at.n == job; walk_on(&at))
        add_pixel(run->workspace + offset_of(&op->out, &at, 1),
                  run->workspace + offset_of(&op->in, &at, 1),
                  run->workspace + offset_of(&op->other, &at, 1), op->out_shape.c, op->activation);
}

/* grad_in (+)= grad_out, for one of the two inputs, whose values are at op->in. */
static void job_add_backward(const struct fm_plan *plan, const struct fm_op *op,
                             const struct fm_run *run, size_t job)
{
    (void)plan;
    if (job >= run->images)
        return;
    struct walk at = walk_from(op->in_shape, job * op->in_shape.h * op->in_shape.w);
    for (; at.n == job; walk_on(&at))
        store_backward(op, run->workspace + offset_of(&op->grad_in, &at, 1),
                       run->workspace + offset_of(&op->grad_out, &at, 1),
                       run->workspace + offset_of(&op->in, &at, 1), op->in_shape.c);
}
