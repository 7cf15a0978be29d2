/* predict.c -- images to probabilities. */
#include "engine/kernels.h"
#include "engine/plan.h"
#include "base/threads.h"

struct fmnn_predictor {
    const struct fmnn_net *net;
    const struct fm_kernels *kernels;
    unsigned threads;
    size_t batch;
    struct fm_plan *plan;
    const uint8_t **pixels; /* [batch] */
    double work;            /* multiply-adds per image */
};

/* The largest batch whose values take no more than 2^24 floats: a power of two, 256 at most. */
static size_t fitting_batch(const struct fmnn_net *net)
{
    const size_t max = 16 * 1024 * 1024;
    size_t floats = 1, batch = 256;
    for (size_t i = 0; i < net->value_count; i++)
        floats += net->value[i].shape.c * net->value[i].shape.h * net->value[i].shape.w;
    while (batch > 1 && batch * floats > max)
        batch /= 2;
    return batch;
}

static double work_of(const struct fmnn_net *net)
{
    double work = 0;
    struct fmnn_layer layer;
    for (size_t i = 0; fmnn_net_layer(net, i, &layer); i++)
        work += (double)layer.multiply_adds;
    return work;
}

struct fmnn_predictor *fmnn_predictor_new(const struct fmnn_net *net, size_t batch,
                                          unsigned threads, const char *kernels,
                                          struct fmnn_error *err)
{
    struct fmnn_predictor *predictor = fm_alloc(1, sizeof *predictor, err);
    if (!predictor)
        return NULL;
    predictor->net = net;
    predictor->threads = fm_threads(threads);
    predictor->work = work_of(net);
    predictor->batch = batch ? batch : fitting_batch(net);
    predictor->kernels = fm_kernels_find(kernels, err);
    if (predictor->kernels)
        predictor->plan =
            fm_plan_new(net, predictor->batch, predictor->threads, false, FM_OPTIMIZER_adam, err);
    if (predictor->plan)
        predictor->pixels = fm_alloc(predictor->batch, sizeof *predictor->pixels, err);
    if (predictor->pixels)
        return predictor;
    fmnn_predictor_free(predictor);
    return NULL;
}

void fmnn_predictor_free(struct fmnn_predictor *predictor)
{
    if (!predictor)
        return;
    fm_plan_free(predictor->plan);
    free(predictor->pixels);
    free(predictor);
}

size_t fmnn_predictor_batch(const struct fmnn_predictor *predictor)
{
    return predictor->batch;
}

/* The images that are still to be predicted. */
struct rest {
    struct fmnn_predictor *predictor;
    const uint8_t *pixels;
    size_t count;
    float *probabilities;
};

static bool feed(void *state, struct fm_run *run)
{
    struct rest *rest = state;
    struct fmnn_predictor *predictor = rest->predictor;
    const struct fmnn_net *net = predictor->net;
    size_t n = rest->count < predictor->batch ? rest->count : predictor->batch;
    for (size_t i = 0; i < n; i++, rest->pixels += fm_elements(net->shape))
        predictor->pixels[i] = rest->pixels;
    run->images = n;
    run->probabilities = rest->probabilities;
    rest->count -= n;
    rest->probabilities += n * net->classes;
    return n > 0;
}

/* Starting a thread, or waking it, takes as long as some million multiply-adds, so few images
   are predicted by few threads. 2^22 was found by experiment; the machine is not on record. */
static unsigned threads_for(const struct fmnn_predictor *predictor, size_t n)
{
    double worth = 1 + predictor->work * (double)n / (1 << 22);
    return worth < predictor->threads ? (unsigned)worth : predictor->threads;
}

void fmnn_predictor_run(struct fmnn_predictor *predictor, const uint8_t *pixels, size_t n,
                        float *probabilities)
{
    struct rest rest = {predictor, pixels, n, probabilities};
    struct fm_run run = {
        .mode = FM_PREDICT, .pixels = predictor->pixels, .weights = predictor->net->weights};
    fm_plan_loop(predictor->plan, predictor->kernels, threads_for(predictor, n), &run, feed, &rest);
}

size_t fmnn_best_class(const float *probabilities, size_t classes)
{
    size_t best = 0;
    for (size_t c = 1; c < classes; c++)
        if (probabilities[c] > probabilities[best])
            best = c;
    return best;
}
