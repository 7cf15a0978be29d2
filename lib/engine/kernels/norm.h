/* norm.h -- batch normalisation: statistics over the images at hand, and their use.

   S. Ioffe and C. Szegedy, "Batch Normalization" (2015), in PyTorch's form. With m = images * h * w
   values of a channel, their mean and their variance (the sum of squares divided by m):
       xh = (x - mean) / sqrt(variance + epsilon)          y = weight xh + bias
       running mean += share (mean - running mean)
       running variance += share (variance m / (m - 1) - running variance)
   Prediction uses the running values in place of the batch's, and so does a layer that is not
   trained. From one value there is no variance: y = bias, the input has no gradient, and the
   running variance stays.

   The order of all sums is fixed: over a row of pixels, over the rows of an image, in float; then
   over the images, in double. The first two are of differences from a value of the image, so that
   they lose nothing if the mean is large. Lanes are channels, so no sum goes across lanes.

   moments    (image, 2, panels * 32): sums of differences, and of their squares; backward: of the
              output's gradient dy, and of dy xh
   channels   (FM_NORM_ROWS, panels * 32): see op.h
   Values and gradients are (n,h,w,c), each by the strides of its own view. */
#include "base/internal.h"

enum { NORM_VECTORS = FM_PANEL / VL };

static inline float *norm_channels(const struct fm_op *op, const struct fm_run *run, int row)
{
    return run->workspace + op->channels + (size_t)row * fm_panels(op->units) * FM_PANEL;
}

static inline float *norm_moments(const struct fm_op *op, const struct fm_run *run, size_t image,
                                  size_t which)
{
    return run->workspace + op->moments + (2 * image + which) * fm_panels(op->units) * FM_PANEL;
}

/* The channels of a panel at a pixel (lanes); 0 beyond. */
static inline void load_panel(vec v[NORM_VECTORS], const float *pixel, size_t lanes)
{
    for (size_t i = 0; i < NORM_VECTORS; i++)
        v[i] = i * VL < lanes ? load_channels(pixel, i * VL, lanes) : v_splat(0);
}

/* The pixel whose value the others are compared with. */
static inline const float *norm_origin(const struct fm_op *op, const struct fm_run *run,
                                       size_t image)
{
    return run->workspace + op->in.offset + image * op->in.stride_n +
           op->in_shape.h / 2 * op->in.stride_h + op->in_shape.w / 2 * op->in.stride_w;
}

/* The two sums of a panel over one image. origin: of the differences. */
__attribute__((always_inline)) static inline void norm_sums(const struct fm_op *op,
                                                            const struct fm_run *run, size_t image,
                                                            size_t panel, size_t lanes)
{
    size_t first = panel * FM_PANEL;
    const float *in = run->workspace + op->in.offset + image * op->in.stride_n + first;
    vec origin[NORM_VECTORS], sum[NORM_VECTORS], square[NORM_VECTORS];
    load_panel(origin, norm_origin(op, run, image) + first, lanes);
    for (size_t i = 0; i < NORM_VECTORS; i++)
        sum[i] = square[i] = v_splat(0);
    for (size_t y = 0; y < op->in_shape.h; y++) {
        vec row[NORM_VECTORS], row_square[NORM_VECTORS];
        const float *pixel = in + y * op->in.stride_h;
        for (size_t i = 0; i < NORM_VECTORS; i++)
            row[i] = row_square[i] = v_splat(0);
        for (size_t x = 0; x < op->in_shape.w; x++, pixel += op->in.stride_w) {
            vec v[NORM_VECTORS];
            load_panel(v, pixel, lanes);
            for (size_t i = 0; i < NORM_VECTORS; i++) {
                v[i] = v_sub(v[i], origin[i]);
                row[i] = v_add(row[i], v[i]);
                row_square[i] = v_fma(v[i], v[i], row_square[i]);
            }
        }
        for (size_t i = 0; i < NORM_VECTORS; i++) {
            sum[i] = v_add(sum[i], row[i]);
            square[i] = v_add(square[i], row_square[i]);
        }
    }
    for (size_t i = 0; i < NORM_VECTORS; i++) {
        v_store(norm_moments(op, run, image, 0) + first + i * VL, sum[i]);
        v_store(norm_moments(op, run, image, 1) + first + i * VL, square[i]);
    }
}

static void image_norm_moments(const struct fm_plan *plan, const struct fm_op *op,
                               const struct fm_run *run, size_t n)
{
    (void)plan;
    if (run->mode != FM_TRAIN)
        return;
    for (size_t panel = 0; panel < fm_panels(op->units); panel++) {
        size_t lanes = lanes_of_panel(op->units, panel);
        if (lanes == FM_PANEL)
            norm_sums(op, run, n, panel, FM_PANEL);
        else
            norm_sums(op, run, n, panel, lanes);
    }
}

/* Mean and variance of channel c over the batch. The sums of squares about each image's mean are
   put together as T. Chan, G. Golub and R. LeVeque have it ("Updating formulae and a pairwise
   algorithm for computing sample variances", 1979). */
static void norm_batch(const struct fm_op *op, const struct fm_run *run, size_t c, double *mean,
                       double *variance)
{
    double pixels = (double)(op->in_shape.h * op->in_shape.w), sum = 0, squares = 0;
    for (size_t n = 0; n < run->images; n++)
        sum += (double)norm_origin(op, run, n)[c] + (double)norm_moments(op, run, n, 0)[c] / pixels;
    *mean = sum / (double)run->images;
    for (size_t n = 0; n < run->images; n++) {
        double difference = (double)norm_moments(op, run, n, 0)[c];
        double own = (double)norm_origin(op, run, n)[c] + difference / pixels - *mean;
        squares += (double)norm_moments(op, run, n, 1)[c] - difference * difference / pixels;
        squares += pixels * own * own;
    }
    *variance = squares > 0 ? squares / (pixels * (double)run->images) : 0;
}

/* Moves the running statistics of channel c, of m values. */
static void norm_running(const struct fm_op *op, const struct fm_run *run, size_t c, double m,
                         double mean, double variance)
{
    float *running_mean = run->weights + op->weight[FM_RUNNING_MEAN].offset + c;
    float *running_variance = run->weights + op->weight[FM_RUNNING_VARIANCE].offset + c;
    double old_mean = (double)*running_mean, old_variance = (double)*running_variance;
    *running_mean = (float)(old_mean + run->share * (mean - old_mean));
    if (m > 1)
        *running_variance =
            (float)(old_variance + run->share * (variance * m / (m - 1) - old_variance));
}

/* A layer that is not trained has no gradients to sum: grad_in is dy times FM_NORM_FACTOR. */
static void norm_still(const struct fm_op *op, const struct fm_run *run, size_t c)
{
    norm_channels(op, run, FM_NORM_GRADIENT)[c] = 0;
    norm_channels(op, run, FM_NORM_SLOPE)[c] = 0;
}

/* Sums the moments up and moves the running statistics. Jobs: panels. */
static void job_norm_finish(const struct fm_plan *plan, const struct fm_op *op,
                            const struct fm_run *run, size_t job)
{
    (void)plan;
    double m = (double)(op->in_shape.h * op->in_shape.w) * (double)run->images;
    bool batch = run->mode == FM_TRAIN && op->weight->trained;
    for (size_t l = 0; l < lanes_of_panel(op->units, job); l++) {
        size_t c = job * FM_PANEL + l;
        double mean = (double)run->weights[op->weight[FM_RUNNING_MEAN].offset + c];
        double variance = (double)run->weights[op->weight[FM_RUNNING_VARIANCE].offset + c];
        if (batch) {
            norm_batch(op, run, c, &mean, &variance);
            norm_running(op, run, c, m, mean, variance);
        }
        double inverse = 1 / sqrt(variance + FM_NORM_EPSILON);
        if (batch && !(m > 1))
            inverse = 0;
        if (!op->weight->trained)
            norm_still(op, run, c);
        norm_channels(op, run, FM_NORM_MEAN)[c] = (float)mean;
        norm_channels(op, run, FM_NORM_INVERSE)[c] = (float)inverse;
        norm_channels(op, run, FM_NORM_FACTOR)[c] =
            (float)(inverse * (double)run->weights[op->weight->offset + c]);
        norm_channels(op, run, FM_NORM_BIAS)[c] = run->weights[op->bias->offset + c];
    }
}

/* out = activation((in - mean) factor + bias): a panel of a row of pixels. channels: the panel's,
   rows `stride` apart. */
__attribute__((always_inline)) static inline void norm_row(const struct fm_op *op, float *out,
                                                           const float *in, const float *channels,
                                                           size_t stride, size_t lanes,
                                                           enum fm_activation activation)
{
    vec mean[NORM_VECTORS], factor[NORM_VECTORS], bias[NORM_VECTORS];
    load_panel(mean, channels + FM_NORM_MEAN * stride, FM_PANEL);
    load_panel(factor, channels + FM_NORM_FACTOR * stride, FM_PANEL);
    load_panel(bias, channels + FM_NORM_BIAS * stride, FM_PANEL);
    for (size_t x = 0; x < op->in_shape.w; x++) {
        for (size_t i = 0; i < NORM_VECTORS && i * VL < lanes; i++) {
            vec v = v_sub(load_channels(in, i * VL, lanes), mean[i]);
            store_channels(out, i * VL, lanes, activate(activation, v_fma(v, factor[i], bias[i])));
        }
        in += op->in.stride_w;
        out += op->out.stride_w;
    }
}

static void image_norm_forward(const struct fm_plan *plan, const struct fm_op *op,
                               const struct fm_run *run, size_t n)
{
    (void)plan;
    const float *in = run->workspace + op->in.offset + n * op->in.stride_n;
    float *out = run->workspace + op->out.offset + n * op->out.stride_n;
    size_t stride = fm_panels(op->units) * FM_PANEL;
    for (size_t y = 0; y < op->in_shape.h; y++)
        for (size_t c = 0; c < op->units; c += FM_PANEL) {
            size_t lanes = lanes_of_panel(op->units, c / FM_PANEL);
            const float *from = in + y * op->in.stride_h + c;
            const float *channels = norm_channels(op, run, 0) + c;
            float *to = out + y * op->out.stride_h + c;
            if (lanes == FM_PANEL && op->activation == FM_RELU)
                norm_row(op, to, from, channels, stride, FM_PANEL, FM_RELU);
            else if (lanes == FM_PANEL && op->activation == FM_LINEAR)
                norm_row(op, to, from, channels, stride, FM_PANEL, FM_LINEAR);
            else
                norm_row(op, to, from, channels, stride, lanes, op->activation);
        }
}

/* ---- backward */

/* Prefetches a panel of a later pixel into the second-level cache. Backward, values and gradients
   come from memory, and the first-level cache waits for too few lines at a time: with 24 on their
   way, of 64 bytes and 170 ns each, it gets 9 GB/s. On Zen 4, this makes the sums 40 % and
   image_norm_backward() 30 % faster; 32 to 128 pixels ahead are equally good, and prefetches into
   the first-level cache make no difference. */
static inline void norm_prefetch(const float *pixel, size_t stride)
{
    enum { AHEAD = 64, WRITE = 0, SECOND_LEVEL = 2 };
    for (size_t l = 0; l < FM_PANEL; l += LINE)
        FM_PREFETCH(pixel + AHEAD * stride + l, WRITE, SECOND_LEVEL);
}

/* dy of the values v, by the derivative of ReLU: where y, as norm_row() computes it, is not above
   0, it is 0. So y need not be kept. */
static inline vec norm_relu_gradient(vec dy, vec v, vec mean, vec factor, vec bias)
{
    return activate_backward(FM_RELU, dy, v_fma(v_sub(v, mean), factor, bias));
}

/* The sums of dy and of dy xh of a panel over one image. */
__attribute__((always_inline)) static inline void
norm_gradient_sums(const struct fm_op *op, const struct fm_run *run, size_t image, size_t panel,
                   size_t lanes, bool relu)
{
    size_t first = panel * FM_PANEL;
    const float *in = run->workspace + op->in.offset + image * op->in.stride_n + first;
    const float *gradient =
        run->workspace + op->grad_out.offset + image * op->grad_out.stride_n + first;
    vec mean[NORM_VECTORS], factor[NORM_VECTORS], bias[NORM_VECTORS];
    vec sum[NORM_VECTORS], product[NORM_VECTORS];
    load_panel(mean, norm_channels(op, run, FM_NORM_MEAN) + first, FM_PANEL);
    load_panel(factor, norm_channels(op, run, FM_NORM_FACTOR) + first, FM_PANEL);
    load_panel(bias, norm_channels(op, run, FM_NORM_BIAS) + first, FM_PANEL);
    for (size_t i = 0; i < NORM_VECTORS; i++)
        sum[i] = product[i] = v_splat(0);
    for (size_t y = 0; y < op->in_shape.h; y++) {
        vec row[NORM_VECTORS], row_product[NORM_VECTORS];
        const float *pixel = in + y * op->in.stride_h;
        const float *g = gradient + y * op->grad_out.stride_h;
        for (size_t i = 0; i < NORM_VECTORS; i++)
            row[i] = row_product[i] = v_splat(0);
        for (size_t x = 0; x < op->in_shape.w; x++) {
            vec v[NORM_VECTORS], dy[NORM_VECTORS];
            norm_prefetch(pixel, op->in.stride_w);
            norm_prefetch(g, op->grad_out.stride_w);
            load_panel(v, pixel, lanes);
            load_panel(dy, g, lanes);
            for (size_t i = 0; i < NORM_VECTORS; i++) {
                if (relu)
                    dy[i] = norm_relu_gradient(dy[i], v[i], mean[i], factor[i], bias[i]);
                row[i] = v_add(row[i], dy[i]);
                row_product[i] = v_fma(dy[i], v_sub(v[i], mean[i]), row_product[i]);
            }
            pixel += op->in.stride_w;
            g += op->grad_out.stride_w;
        }
        for (size_t i = 0; i < NORM_VECTORS; i++) {
            sum[i] = v_add(sum[i], row[i]);
            product[i] = v_add(product[i], row_product[i]);
        }
    }
    for (size_t i = 0; i < NORM_VECTORS; i++) {
        vec inverse = v_load(norm_channels(op, run, FM_NORM_INVERSE) + first + i * VL);
        v_store(norm_moments(op, run, image, 0) + first + i * VL, sum[i]);
        v_store(norm_moments(op, run, image, 1) + first + i * VL, v_mul(product[i], inverse));
    }
}

static void image_norm_gradient_moments(const struct fm_plan *plan, const struct fm_op *op,
                                        const struct fm_run *run, size_t n)
{
    (void)plan;
    for (size_t panel = 0; panel < fm_panels(op->units); panel++) {
        size_t lanes = lanes_of_panel(op->units, panel);
        if (lanes == FM_PANEL && op->undo_relu)
            norm_gradient_sums(op, run, n, panel, FM_PANEL, true);
        else if (lanes == FM_PANEL)
            norm_gradient_sums(op, run, n, panel, FM_PANEL, false);
        else
            norm_gradient_sums(op, run, n, panel, lanes, op->undo_relu);
    }
}

/* The gradients of weight and bias, and what image_norm_backward() needs. Jobs: panels. */
static void job_norm_gradient_finish(const struct fm_plan *plan, const struct fm_op *op,
                                     const struct fm_run *run, size_t job)
{
    double m = (double)(op->in_shape.h * op->in_shape.w) * (double)run->images;
    float bias[FM_PANEL] = {0}, weight[FM_PANEL] = {0};
    for (size_t l = 0; l < lanes_of_panel(op->units, job); l++) {
        size_t c = job * FM_PANEL + l;
        double sum = 0, product = 0;
        for (size_t n = 0; n < run->images; n++) {
            sum += (double)norm_moments(op, run, n, 0)[c];
            product += (double)norm_moments(op, run, n, 1)[c];
        }
        bias[l] = (float)sum;
        weight[l] = (float)product;
        norm_channels(op, run, FM_NORM_GRADIENT)[c] = (float)(sum / m);
        norm_channels(op, run, FM_NORM_SLOPE)[c] =
            (float)(product / m * (double)norm_channels(op, run, FM_NORM_INVERSE)[c]);
    }
    sink(plan, run, op->weight, job * FM_PANEL, weight, FM_PANEL);
    sink(plan, run, op->bias, job * FM_PANEL, bias, FM_PANEL);
}

/* grad_in (+)= factor (dy - mean of dy - xh mean of (dy xh)): a panel of a row of pixels, as in
   norm_row(). */
__attribute__((always_inline)) static inline void
norm_backward_row(const struct fm_op *op, float *to, const float *in, const float *dy,
                  const float *channels, size_t stride, size_t lanes, bool relu, bool add,
                  enum fm_activation activation)
{
    vec mean[NORM_VECTORS], factor[NORM_VECTORS], bias[NORM_VECTORS];
    vec gradient[NORM_VECTORS], slope[NORM_VECTORS];
    load_panel(mean, channels + FM_NORM_MEAN * stride, FM_PANEL);
    load_panel(factor, channels + FM_NORM_FACTOR * stride, FM_PANEL);
    load_panel(bias, channels + FM_NORM_BIAS * stride, FM_PANEL);
    load_panel(gradient, channels + FM_NORM_GRADIENT * stride, FM_PANEL);
    load_panel(slope, channels + FM_NORM_SLOPE * stride, FM_PANEL);
    for (size_t x = 0; x < op->in_shape.w; x++) {
        norm_prefetch(in, op->in.stride_w);
        norm_prefetch(dy, op->grad_out.stride_w);
        for (size_t i = 0; i < NORM_VECTORS && i * VL < lanes; i++) {
            vec value = load_channels(in, i * VL, lanes);
            vec g = load_channels(dy, i * VL, lanes);
            if (relu)
                g = norm_relu_gradient(g, value, mean[i], factor[i], bias[i]);
            g = v_sub(g, gradient[i]);
            g = v_mul(v_fma(v_sub(mean[i], value), slope[i], g), factor[i]);
            if (add)
                g = v_add(load_channels(to, i * VL, lanes), g);
            store_channels(to, i * VL, lanes, activate_backward(activation, g, value));
        }
        in += op->in.stride_w;
        dy += op->grad_out.stride_w;
        to += op->grad_in.stride_w;
    }
}

static void image_norm_backward(const struct fm_plan *plan, const struct fm_op *op,
                                const struct fm_run *run, size_t n)
{
    (void)plan;
    const float *in = run->workspace + op->in.offset + n * op->in.stride_n;
    const float *dy = run->workspace + op->grad_out.offset + n * op->grad_out.stride_n;
    float *to = run->workspace + op->grad_in.offset + n * op->grad_in.stride_n;
    size_t stride = fm_panels(op->units) * FM_PANEL;
    const enum fm_activation activation = last_activation(op);
    for (size_t y = 0; y < op->in_shape.h; y++)
        for (size_t c = 0; c < op->units; c += FM_PANEL) {
            size_t lanes = lanes_of_panel(op->units, c / FM_PANEL);
            const float *x = in + y * op->in.stride_h + c;
            const float *g = dy + y * op->grad_out.stride_h + c;
            const float *channels = norm_channels(op, run, 0) + c;
            float *row = to + y * op->grad_in.stride_h + c;
            bool usual = lanes == FM_PANEL && !op->add && activation == FM_LINEAR;
            if (usual && op->undo_relu)
                norm_backward_row(op, row, x, g, channels, stride, FM_PANEL, true, false,
                                  FM_LINEAR);
            else if (usual)
                norm_backward_row(op, row, x, g, channels, stride, FM_PANEL, false, false,
                                  FM_LINEAR);
            else
                norm_backward_row(op, row, x, g, channels, stride, lanes, op->undo_relu, op->add,
                                  activation);
        }
}
