/* activation.h -- activations, and their derivatives in terms of the activation's output. */
#include "base/internal.h"

/* 1 / (1 + e^-x). */
static inline vec logistic(vec x)
{
    return v_div(v_splat(1), v_add(v_splat(1), v_exp(v_sub(v_splat(0), x))));
}

static inline vec activate(enum fm_activation activation, vec x)
{
    const vec zero = v_splat(0), one = v_splat(1);
    switch (activation) {
    case FM_RELU:
        return v_select(v_greater(zero, x), zero, x); /* NaN stays NaN */
    case FM_SIGMOID:
        return logistic(x);
    case FM_TANH: /* 1 - 2 / (e^2x + 1) */
        return v_sub(one, v_div(v_splat(2), v_add(v_exp(v_add(x, x)), one)));
    default:
        return x;
    }
}

/* The gradient by the activation's input, from the gradient g by its output y. */
static inline vec activate_backward(enum fm_activation activation, vec g, vec y)
{
    const vec zero = v_splat(0), one = v_splat(1);
    switch (activation) {
    case FM_RELU:
        return v_select(v_greater(y, zero), g, zero);
    case FM_SIGMOID:
        return v_mul(g, v_mul(y, v_sub(one, y)));
    case FM_TANH:
        return v_mul(g, v_sub(one, v_mul(y, y)));
    default:
        return g;
    }
}
