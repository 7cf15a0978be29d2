/* pointwise.h -- activations whose derivative needs their input, and dropout. Jobs: blocks of
   images.

   Values and gradients are (n,h,w,c), each by the strides of its own view. */
#include "base/internal.h"

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
static void image_activate_forward(const struct fm_plan *plan, const struct fm_op *op,
                                   const struct fm_run *run, size_t n)
{
    const enum fm_activation activation = op->node->layer.activation;
    size_t channels = op->out_shape.c;
    (void)plan;
    struct walk at = walk_from(op->out_shape, n * op->out_shape.h * op->out_shape.w);
    for (; at.n == n; walk_on(&at)) {
        const float *in = run->workspace + offset_of(&op->in, &at, 1);
        float *out = run->workspace + offset_of(&op->out, &at, 1);
        for (size_t c = 0; c < channels; c += VL)
            store_channels(out, c, channels, pointwise(activation, load_channels(in, c, channels)));
    }
}

/* grad_in (+)= grad_out * activation'(in). */
static void image_activate_backward(const struct fm_plan *plan, const struct fm_op *op,
                                    const struct fm_run *run, size_t n)
{
    const enum fm_activation activation = op->node->layer.activation;
    (void)plan;
    struct walk at = walk_from(op->in_shape, n * op->in_shape.h * op->in_shape.w);
    for (; at.n == n; walk_on(&at)) {
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

/* Values side by side in a row of pixels share a random number, of which each makes its own. */
enum { DROPOUT_GROUP = 64 };

struct dropout {
    uint64_t seed, row;
    enum fm_purpose purpose;
    uint32_t epoch;
    uint32_t limit; /* below this, of 2^24, a value is dropped */
    float factor;   /* of values that are kept */
    size_t groups;  /* of a row of pixels */
};

static inline struct dropout dropout_from(const struct fm_plan *plan, const struct fm_op *op,
                                          const struct fm_run *run, size_t image)
{
    double rate = op->node->layer.rate;
    size_t number = fm_node_number(plan->net, op->node), row = op->out_shape.w * op->out_shape.c;
    return (struct dropout){.seed = run->seed,
                            .row = run->index ? run->index[image] : image,
                            .purpose = (enum fm_purpose)(FM_RNG_DROPOUT + number),
                            .epoch = run->epoch,
                            .limit = (uint32_t)(rate * (1 << 24) + 0.5),
                            .factor = (float)(1 / (1 - rate)),
                            .groups = (row + DROPOUT_GROUP - 1) / DROPOUT_GROUP};
}

/* What the values of a group are multiplied with: 0 or the factor. The random number becomes one
   for each value by murmur3's 32-bit finalizer (A. Appleby), which compilers turn into vectors. */
static void dropout_group(const struct dropout *d, size_t y, size_t group,
                          float factor[DROPOUT_GROUP])
{
    uint64_t bits =
        fm_random(d->seed, d->purpose, d->epoch, d->row << 32 | (y * d->groups + group));
    uint32_t low = (uint32_t)bits, high = (uint32_t)(bits >> 32);
    for (uint32_t l = 0; l < DROPOUT_GROUP; l++) {
        uint32_t x = low + l * 0x9e3779b9u;
        x = (x ^ x >> 16) * 0x85ebca6bu;
        x = (x ^ x >> 13 ^ high) * 0xc2b2ae35u;
        factor[l] = (x ^ x >> 16) >> 8 < d->limit ? 0 : d->factor;
    }
}

/* to = from * factor, all (count), count a group at most. What is dropped is 0, even if it was
   infinite. */
static inline void dropout_values(float *to, const float *from, const float *factor, size_t count)
{
    const vec zero = v_splat(0);
    for (size_t i = 0; i < count; i += VL) {
        vec f = v_load(factor + i);
        vec x = v_mul(load_channels(from, i, count), f);
        store_channels(to, i, count, v_select(v_greater(f, zero), x, zero));
    }
}

/* out = in in prediction. The pixels of a value's row lie side by side. */
static void image_dropout_forward(const struct fm_plan *plan, const struct fm_op *op,
                                  const struct fm_run *run, size_t n)
{
    const struct dropout dropout = dropout_from(plan, op, run, n);
    size_t row = op->out_shape.w * op->out_shape.c;
    for (size_t y = 0; y < op->out_shape.h; y++) {
        const struct walk at = {.n = n, .y = y};
        const float *in = run->workspace + offset_of(&op->in, &at, 1);
        float *out = run->workspace + offset_of(&op->out, &at, 1), factor[DROPOUT_GROUP];
        if (run->mode != FM_TRAIN)
            memcpy(out, in, row * sizeof *out);
        for (size_t i = 0; i < row && run->mode == FM_TRAIN; i += DROPOUT_GROUP) {
            size_t count = row - i < DROPOUT_GROUP ? row - i : DROPOUT_GROUP;
            dropout_group(&dropout, y, i / DROPOUT_GROUP, factor);
            dropout_values(out + i, in + i, factor, count);
        }
    }
}

/* A group's gradients, from value i of row y on, to grad_in, whose pixels may be dilated. */
static void dropout_store(const struct fm_op *op, const struct fm_run *run, struct walk at,
                          size_t i, const float *part, size_t count)
{
    size_t channels = op->in_shape.c, n;
    for (size_t k = 0; k < count; k += n) {
        size_t c = (i + k) % channels;
        bool whole = op->grad_in.stride_w == channels;
        at.x = (i + k) / channels;
        n = whole || channels - c > count - k ? count - k : channels - c;
        store_backward(op, run->workspace + offset_of(&op->grad_in, &at, 1) + c, part + k,
                       run->workspace + offset_of(&op->in, &at, 1) + c, n);
    }
}

/* grad_in (+)= grad_out, by the same random numbers. */
static void image_dropout_backward(const struct fm_plan *plan, const struct fm_op *op,
                                   const struct fm_run *run, size_t n)
{
    const struct dropout dropout = dropout_from(plan, op, run, n);
    size_t row = op->in_shape.w * op->in_shape.c;
    for (size_t y = 0; y < op->in_shape.h; y++) {
        const struct walk at = {.n = n, .y = y};
        const float *g = run->workspace + offset_of(&op->grad_out, &at, 1);
        for (size_t i = 0; i < row; i += DROPOUT_GROUP) {
            float factor[DROPOUT_GROUP], part[DROPOUT_GROUP];
            size_t count = row - i < DROPOUT_GROUP ? row - i : DROPOUT_GROUP;
            dropout_group(&dropout, y, i / DROPOUT_GROUP, factor);
            dropout_values(part, g + i, factor, count);
            dropout_store(op, run, at, i, part, count);
        }
    }
}
