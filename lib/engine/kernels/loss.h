/* loss.h -- softmax, cross-entropy, and the gradient of the loss. */
#include "base/internal.h"

static float greatest(const float *row, size_t classes)
{
    float max = row[0];
    for (size_t c = 1; c < classes; c++)
        max = row[c] > max ? row[c] : max;
    return max;
}

/* e^(x - most) of a row to e, and their sum. The row is filled up to sixteens with huge negative
   numbers: e^that is nothing. */
static float exponentials(const float *row, size_t classes, float max, float *e)
{
    float sums[16] = {0}, f[16];
    const vec shift = v_splat(max);
    for (size_t c = 0; c < classes; c += 16) {
        for (size_t l = 0; l < 16; l += VL)
            v_store(f + l, v_splat(-3e38f));
        memcpy(f, row + c, (classes - c < 16 ? classes - c : 16) * sizeof *f);
        for (size_t l = 0; l < 16; l += VL) {
            vec x = v_sub(v_load(f + l), shift);
            vec power = v_select(v_greater(v_splat(-87.0f), x), v_splat(0), v_exp(x));
            v_store(e + c + l, power);
            v_store(sums + l, v_add(v_load(sums + l), power));
        }
    }
    return sum16(sums);
}

/* Softmax, cross-entropy against the label, and the gradient of the batch's mean. */
static void one_loss(const struct fm_op *op, const struct fm_run *run, size_t n)
{
    size_t classes = op->in_shape.c, room = (classes + 15) / 16 * 16;
    const float *row = run->workspace + op->in.offset + n * op->in.stride_n;
    float *e = run->workspace + op->softmax + n * room;
    float max = greatest(row, classes);
    float sum = exponentials(row, classes, max, e);
    for (size_t c = 0; c < classes; c += VL)
        v_store(e + c, v_div(v_load(e + c), v_splat(sum)));
    if (run->probabilities)
        memcpy(run->probabilities + n * classes, e, classes * sizeof *e);
    if (!run->labels)
        return;
    size_t label = run->labels[n];
    run->loss[n] = fm_log((double)sum) - ((double)row[label] - (double)max);
    run->correct[n] = fmnn_best_class(e, classes) == label;
    if (!run->backward)
        return;
    float *grad_out = run->workspace + op->grad_in.offset + n * op->grad_in.stride_n;
    float share = 1.0f / (float)run->images;
    for (size_t c = 0; c < classes; c++)
        grad_out[c] = (e[c] - (c == label ? 1.0f : 0.0f)) * share;
}

static void block_loss(const struct fm_plan *plan, const struct fm_op *op, const struct fm_run *run,
                       size_t first, size_t count)
{
    (void)plan;
    for (size_t n = first; n < first + count; n++)
        one_loss(op, run, n);
}
