/* addition.h -- sums of two values of the same shape. Jobs: blocks of images.

   Values and gradients are (n,h,w,c), each by the strides of its own view. */
#include "base/internal.h"

/* out = activation(a + b), all (count). */
__attribute__((always_inline)) static inline void
add_values(float *out, const float *a, const float *b, size_t count, enum fm_activation activation)
{
    for (size_t i = 0; i < count; i += VL) {
        vec sum = v_add(load_channels(a, i, count), load_channels(b, i, count));
        store_channels(out, i, count, activate(activation, sum));
    }
}

/* The pixels of a value's row lie side by side, so a row is worked on as one. */
static void image_add_forward(const struct fm_plan *plan, const struct fm_op *op,
                              const struct fm_run *run, size_t n)
{
    (void)plan;
    size_t row = op->out_shape.w * op->out_shape.c;
    for (size_t y = 0; y < op->out_shape.h; y++) {
        const struct walk at = {.n = n, .y = y};
        float *out = run->workspace + offset_of(&op->out, &at, 1);
        const float *a = run->workspace + offset_of(&op->in, &at, 1);
        const float *b = run->workspace + offset_of(&op->other, &at, 1);
        if (op->activation == FM_RELU)
            add_values(out, a, b, row, FM_RELU);
        else
            add_values(out, a, b, row, op->activation);
    }
}

/* grad_in (+)= grad_out, for one of the two inputs, whose values are at op->in. Gradients may be
   dilated. */
static void image_add_backward(const struct fm_plan *plan, const struct fm_op *op,
                               const struct fm_run *run, size_t n)
{
    (void)plan;
    struct fm_shape s = op->in_shape;
    bool rows = op->grad_in.stride_w == s.c && op->grad_out.stride_w == s.c;
    size_t pixels = rows ? s.w : 1;
    for (size_t y = 0; y < s.h; y++)
        for (size_t x = 0; x < s.w; x += pixels) {
            const struct walk at = {.n = n, .y = y, .x = x};
            store_backward(op, run->workspace + offset_of(&op->grad_in, &at, 1),
                           run->workspace + offset_of(&op->grad_out, &at, 1),
                           run->workspace + offset_of(&op->in, &at, 1), pixels * s.c);
        }
}
