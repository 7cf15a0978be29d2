/* pointwise.h -- activations whose derivative needs their input, and dropout. Jobs: images.

   Values and gradients are (n,h,w,c), each by the strides of its own view. */
#include "base/internal.h"

/* 1 / (1 + e^-x). */
static inline vec logistic(vec x)
{
    return v_div(v_splat(1), v_add(v_splat(1), v_exp(v_sub(v_splat(0), x))));
}

/* The distribution function of the normal distribution, and *density, its density. 1 - erf by
   M. Abramowitz and I. Stegun, "Handbook of Mathematical Functions" (1964), 7.1.26: the error is
   below 1e-7. */
static inline vec normal(vec x, vec *density)
{
    static const float a[] = {0.254829592f, -0.284496736f, 1.421413741f, -1.453152027f,
                              1.061405429f};
    const vec zero = v_splat(0), one = v_splat(1);
    mask negative = v_greater(zero, x);
    vec z = v_mul(v_select(negative, v_sub(zero, x), x), v_splat(0.70710678f));
    vec power = v_exp(v_sub(zero, v_mul(z, z)));
    power = v_select(v_greater(z, v_splat(9)), zero, power);
    vec t = v_div(one, v_fma(z, v_splat(0.3275911f), one)), tail = v_splat(a[4]);
    for (int i = 3; i >= 0; i--)
        tail = v_fma(tail, t, v_splat(a[i]));
    tail = v_mul(v_mul(v_mul(tail, t), power), v_splat(0.5f));
    *density = v_mul(power, v_splat(0.39894228f)); /* 1 / sqrt(2 pi) */
    return v_select(negative, tail, v_sub(one, tail));
}

/* silu: S. Elfwing and others, "Sigmoid-Weighted Linear Units" (2018). gelu: D. Hendrycks and
   K. Gimpel, "Gaussian Error Linear Units" (2016), by the normal distribution, as in PyTorch. */
static inline vec pointwise(enum fm_activation activation, vec x)
{
    vec density;
    return v_mul(x, activation == FM_SILU ? logistic(x) : normal(x, &density));
}

static inline vec pointwise_slope(enum fm_activation activation, vec x)
{
    vec density, share;
    if (activation == FM_SILU) {
        share = logistic(x);
        return v_fma(v_mul(x, share), v_sub(v_splat(1), share), share);
    }
    share = normal(x, &density);
    return v_fma(x, density, share);
}

/* out = activation(in). */
static void job_activate_forward(const struct fm_plan *plan, const struct fm_op *op,
                                 const struct fm_run *run, size_t job)
{
    const enum fm_activation activation = op->node->layer.activation;
    size_t channels = op->out_shape.c;
    (void)plan;
    if (job >= run->images)
        return;
    struct walk at = walk_from(op->out_shape, job * op->out_shape.h * op->out_shape.w);
    for (; at.n == job; walk_on(&at)) {
        const float *in = run->workspace + offset_of(&op->in, &at, 1);
        float *out = run->workspace + offset_of(&op->out, &at, 1);
        for (size_t c = 0; c < channels; c += VL)
            store_channels(out, c, channels, pointwise(activation, load_channels(in, c, channels)));
    }
}

/* grad_in (+)= grad_out * activation'(in). */
static void job_activate_backward(const struct fm_plan *plan, const struct fm_op *op,
                                  const struct fm_run *run, size_t job)
{
    const enum fm_activation activation = op->node->layer.activation;
    (void)plan;
    if (job >= run->images)
        return;
    struct walk at = walk_from(op->in_shape, job * op->in_shape.h * op->in_shape.w);
    for (; at.n == job; walk_on(&at)) {
        const float *in = run->workspace + offset_of(&op->in, &at, 1);
        const float *g = run->workspace + offset_of(&op->grad_out, &at, 1);
        float *to = run->workspace + offset_of(&op->grad_in, &at, 1);
        for (size_t c = 0; c < op->in_shape.c; c += VL) {
            size_t lanes = op->in_shape.c - c < VL ? op->in_shape.c - c : VL;
            float part[VL];
            vec x = load_channels(in, c, op->in_shape.c);
            v_store(part,
                    v_mul(load_channels(g, c, op->in_shape.c), pointwise_slope(activation, x)));
            store_backward(op, to + c, part, in + c, lanes);
        }
    }
}

/* ---- dropout: N. Srivastava and others, "Dropout" (2014), with the division in training */

/* Values of an image, in the order (h,w,c), share random numbers, 16 bits each. */
enum { DROPOUT_VALUES = 4 };

struct dropout {
    uint64_t seed, row, bits;
    enum fm_purpose purpose;
    uint32_t epoch;
    unsigned limit; /* below this, of 65536, a value is dropped */
    float factor;   /* of values that are kept */
    size_t value;   /* the next one's number */
};

static inline struct dropout dropout_from(const struct fm_plan *plan, const struct fm_op *op,
                                          const struct fm_run *run, size_t image)
{
    double rate = op->node->layer.rate;
    size_t number = fm_node_number(plan->net, op->node);
    return (struct dropout){.seed = run->seed,
                            .row = run->index ? run->index[image] : image,
                            .purpose = (enum fm_purpose)(FM_RNG_DROPOUT + number),
                            .epoch = run->epoch,
                            .limit = (unsigned)(rate * 65536 + 0.5),
                            .factor = (float)(1 / (1 - rate))};
}

/* What the next value is multiplied with: 0 or the factor. */
static inline float dropout_next(struct dropout *d)
{
    if (d->value % DROPOUT_VALUES == 0)
        d->bits =
            fm_random(d->seed, d->purpose, d->epoch, d->row << 32 | d->value / DROPOUT_VALUES);
    unsigned mine = (unsigned)(d->bits >> d->value % DROPOUT_VALUES * 16) & 0xffff;
    d->value++;
    return mine < d->limit ? 0 : d->factor;
}

static inline void dropout_pixel(struct dropout *d, float *to, const float *from, size_t channels)
{
    for (size_t c = 0; c < channels; c++) {
        float factor = dropout_next(d);
        to[c] = factor > 0 ? from[c] * factor : 0;
    }
}

/* out = in in prediction. */
static void job_dropout_forward(const struct fm_plan *plan, const struct fm_op *op,
                                const struct fm_run *run, size_t job)
{
    if (job >= run->images)
        return;
    struct dropout dropout = dropout_from(plan, op, run, job);
    struct walk at = walk_from(op->out_shape, job * op->out_shape.h * op->out_shape.w);
    for (; at.n == job; walk_on(&at)) {
        const float *in = run->workspace + offset_of(&op->in, &at, 1);
        float *out = run->workspace + offset_of(&op->out, &at, 1);
        if (run->mode == FM_TRAIN)
            dropout_pixel(&dropout, out, in, op->out_shape.c);
        else
            memcpy(out, in, op->out_shape.c * sizeof *out);
    }
}

/* grad_in (+)= grad_out, by the same random numbers. */
static void job_dropout_backward(const struct fm_plan *plan, const struct fm_op *op,
                                 const struct fm_run *run, size_t job)
{
    if (job >= run->images)
        return;
    struct dropout dropout = dropout_from(plan, op, run, job);
    struct walk at = walk_from(op->in_shape, job * op->in_shape.h * op->in_shape.w);
    for (; at.n == job; walk_on(&at)) {
        const float *g = run->workspace + offset_of(&op->grad_out, &at, 1);
        const float *in = run->workspace + offset_of(&op->in, &at, 1);
        float *to = run->workspace + offset_of(&op->grad_in, &at, 1);
        for (size_t c = 0; c < op->in_shape.c; c += FM_PANEL) {
            size_t lanes = op->in_shape.c - c < FM_PANEL ? op->in_shape.c - c : FM_PANEL;
            float part[FM_PANEL] = {0};
            dropout_pixel(&dropout, part, g + c, lanes);
            store_backward(op, to + c, part, in + c, lanes);
        }
    }
}
