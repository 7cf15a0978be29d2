/* loss.h -- softmax, cross-entropy, and the gradient of the loss by the logits. */
#include "base/internal.h"

/* row (classes). */
static float max_of(const float *row, size_t classes)
{
    float max = row[0];
    for (size_t c = 1; c < classes; c++)
        max = row[c] > max ? row[c] : max;
    return max;
}

/* e[c] = e^(row[c] - max), and returns their sum. row (classes), e (classes rounded up to 16): the
   row is padded with large negative numbers, whose exponential is 0. */
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

/* The softmax of a row: row (classes), softmax (classes rounded up to 16). Returns its denominator,
   the sum of e^(row[c] - max). */
static float softmax_row(const float *row, size_t classes, float max, float *softmax)
{
    float sum = exponentials(row, classes, max, softmax);
    for (size_t c = 0; c < classes; c += VL)
        v_store(softmax + c, v_div(v_load(softmax + c), v_splat(sum)));
    return sum;
}

/* The same for logits that were computed outside of a plan. */
static void softmax_of(const float *logits, size_t classes, float *softmax)
{
    softmax_row(logits, classes, max_of(logits, classes), softmax);
}

/* An image's own label and its partner's, with their parts of the loss: shares times class weights.
   Without a partner the second part is 0. */
struct targets {
    size_t label[2];
    double part[2];
};

static struct targets targets_of(const struct fm_run *run, size_t n)
{
    const double *share = run->augmented ? run->augmented->share : NULL;
    size_t other = share ? fm_augment_partner(run->images, n) : n;
    struct targets t = {{run->labels[n], run->labels[other]},
                        {share ? share[n] : 1, share ? 1 - share[n] : 0}};
    for (int i = 0; i < 2 && run->class_weights; i++)
        t.part[i] *= (double)run->class_weights[t.label[i]];
    return t;
}

/* The label of greater share. */
static size_t heavier_label(const struct fm_run *run, size_t n)
{
    const double *share = run->augmented ? run->augmented->share : NULL;
    return run->labels[share && share[n] < 0.5 ? fm_augment_partner(run->images, n) : n];
}

/* The loss and its gradient for targets that are mixed, smoothed or weighted: the sum over i of
   part[i] * ((1 - smooth) * CE(label[i]) + smooth * mean over all classes of CE). e: the softmax;
   log_sum: the logarithm of its denominator. */
static void soft_loss(const struct fm_op *op, const struct fm_run *run, size_t n, const float *row,
                      const float *e, float max, double log_sum)
{
    size_t classes = op->in_shape.c;
    struct targets t = targets_of(run, n);
    double all = t.part[0] + t.part[1], sharp = 1 - run->smooth, sum = 0;
    for (size_t c = 0; c < classes; c++)
        sum += (double)row[c] - (double)max;
    double loss = run->smooth * all * (log_sum - sum / (double)classes);
    for (int i = 0; i < 2; i++)
        loss += sharp * t.part[i] * (log_sum - ((double)row[t.label[i]] - (double)max));
    run->loss[n] = loss;
    if (!run->backward)
        return;
    float *gradient = run->workspace + op->grad_in.offset + n * op->grad_in.stride_n;
    double factor = 1 / (double)run->images, even = all * run->smooth / (double)classes;
    for (size_t c = 0; c < classes; c++) {
        double target = even + (c == t.label[0] ? sharp * t.part[0] : 0) +
                        (c == t.label[1] ? sharp * t.part[1] : 0);
        gradient[c] = (float)((all * (double)e[c] - target) * factor);
    }
}

/* Softmax, cross-entropy against the label, and the gradient of the batch's mean loss, for image n.
   in        (n, classes) by op->in: the logits
   softmax   (n, classes rounded up to 16)
   grad_in   (n, classes) by op->grad_in: (softmax - target) / images, the target being the one-hot
             label, or in training what soft_loss() says
   run->logits and run->probabilities (n, classes), if they are wanted; run->loss (n) and
   run->correct (n), if there are labels. */
static void one_loss(const struct fm_op *op, const struct fm_run *run, size_t n)
{
    size_t classes = op->in_shape.c, padded = (classes + 15) / 16 * 16;
    const float *row = run->workspace + op->in.offset + n * op->in.stride_n;
    float *e = run->workspace + op->softmax + n * padded;
    float max = max_of(row, classes);
    float sum = softmax_row(row, classes, max, e);
    if (run->logits)
        memcpy(run->logits + n * classes, row, classes * sizeof *row);
    if (run->probabilities)
        memcpy(run->probabilities + n * classes, e, classes * sizeof *e);
    if (!run->labels)
        return;
    size_t label = run->labels[n];
    run->correct[n] = fmnn_best_class(e, classes) == heavier_label(run, n);
    if (run->smooth > 0 || run->class_weights || (run->augmented && run->augmented->share)) {
        soft_loss(op, run, n, row, e, max, fm_log((double)sum));
        return;
    }
    run->loss[n] = fm_log((double)sum) - ((double)row[label] - (double)max);
    if (!run->backward)
        return;
    float *gradient = run->workspace + op->grad_in.offset + n * op->grad_in.stride_n;
    float factor = 1.0f / (float)run->images;
    for (size_t c = 0; c < classes; c++)
        gradient[c] = (e[c] - (c == label ? 1.0f : 0.0f)) * factor;
}

/* Blocks: images first .. first + count - 1. */
static void block_loss(const struct fm_plan *plan, const struct fm_op *op, const struct fm_run *run,
                       size_t first, size_t count)
{
    (void)plan;
    for (size_t n = first; n < first + count; n++)
        one_loss(op, run, n);
}
