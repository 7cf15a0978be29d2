/* activation.h -- activations, and their derivatives by the value that came out. */
#include "base/internal.h"

static inline vec activate(enum fm_activation activation, vec x)
{
    const vec zero = v_splat(0), one = v_splat(1);
    switch (activation) {
    case FM_RELU:
        return v_select(v_greater(zero, x), zero, x); /* so that NaN comes through */
    case FM_SIGMOID:
        return v_div(one, v_add(one, v_exp(v_sub(zero, x))));
    case FM_TANH: /* 1 - 2 / (e^2x + 1) */
        return v_sub(one, v_div(v_splat(2), v_add(v_exp(v_add(x, x)), one)));
    default:
        return x;
    }
}

/* The gradient g of an output y becomes that of what went into the activation. */
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
