/* predict.c -- images to probabilities, of one net or as the mean over several.

   Contents: 1. The object  2. One net  3. Several nets */
#include "base/float.h"
#include "engine/fold.h"
#include "engine/kernels.h"
#include "engine/plan.h"
#include "engine/variants.h"
#include "base/threads.h"

/* A plan, and whether it has run before. */
struct planned {
    struct fm_plan *plan;
    bool prepared;
};

struct fmnn_predictor {
    const struct fmnn_net *given; /* the caller's net */
    const struct fmnn_net *net;   /* the same, or the folded one */
    struct fmnn_net *folded;      /* NULL: nothing to fold */
    const struct fm_kernels *kernels;
    unsigned threads;
    size_t wanted, batch; /* as in struct fmnn_prediction, and the one that is used */
    /* For a batch, and for an image with its variants, whose ops are shared out among the threads
       by panels, not by images. single.plan is NULL if a batch is no more than that. The bits are
       the same. */
    struct planned many, single;
    const uint8_t **pixels; /* [batch] */
    double work;            /* multiply-adds per image, of all its variants */

    /* Test-time augmentation: a batch holds all variants of its images. */
    enum fmnn_tta tta;
    size_t variants;
    uint8_t *drawn;        /* (batch,C,H,W): the variants that are not the image itself */
    float *logits;         /* (batch, classes) */
    float *mean, *softmax; /* (classes rounded up to 16) */

    /* Several nets: each has a predictor, which knows the next one. Of the first: */
    struct fmnn_predictor *next;
    size_t most; /* images at a time */
    double *sum; /* (most,classes): of the probabilities */
};

/* ---- 1. The object */

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

static int allocate(struct fmnn_predictor *predictor, struct fmnn_error *err)
{
    const struct fmnn_net *net = predictor->net;
    size_t batch = predictor->batch, classes = (net->classes + 15) / 16 * 16;
    predictor->pixels = fm_alloc(batch, sizeof *predictor->pixels, err);
    if (!predictor->pixels || predictor->variants == 1)
        return predictor->pixels ? 0 : -1;
    predictor->drawn = fm_alloc(batch, fm_elements(net->shape), err);
    predictor->logits = fm_alloc(batch, net->classes * sizeof *predictor->logits, err);
    predictor->mean = fm_alloc(classes, sizeof *predictor->mean, err);
    predictor->softmax = fm_alloc(classes, sizeof *predictor->softmax, err);
    return predictor->drawn && predictor->logits && predictor->mean && predictor->softmax ? 0 : -1;
}

static int make_plan(const struct fmnn_predictor *predictor, struct planned *planned, size_t batch,
                     struct fmnn_error *err)
{
    planned->plan =
        fm_plan_new(predictor->net, batch, predictor->threads, false, FM_OPTIMIZER_adam, err);
    return planned->plan ? 0 : -1;
}

static int prepare(struct fmnn_predictor *predictor, const struct fmnn_prediction *prediction,
                   struct fmnn_error *err)
{
    const struct fmnn_net *net = predictor->net;
    size_t batch = prediction->batch ? prediction->batch : fitting_batch(net);
    if ((unsigned)prediction->tta > FMNN_TTA_FLIP_SHIFT)
        return fm_fail(err, FMNN_USAGE, "unknown test-time augmentation");
    predictor->wanted = prediction->batch;
    predictor->tta = prediction->tta;
    predictor->variants = fm_variants(prediction->tta);
    predictor->threads = fm_threads(prediction->threads);
    predictor->work = work_of(net) * (double)predictor->variants;
    batch -= batch % predictor->variants;
    predictor->batch = batch ? batch : predictor->variants;
    predictor->kernels = fm_kernels_find(prediction->kernels, err);
    if (!predictor->kernels)
        return -1;
    if (make_plan(predictor, &predictor->many, predictor->batch, err) != 0 ||
        (predictor->batch > predictor->variants &&
         make_plan(predictor, &predictor->single, predictor->variants, err) != 0))
        return -1;
    if (predictor->single.plan)
        fm_plan_join(predictor->single.plan, predictor->many.plan);
    return allocate(predictor, err);
}

struct fmnn_predictor *fmnn_predictor_new(const struct fmnn_net *net,
                                          const struct fmnn_prediction *prediction,
                                          struct fmnn_error *err)
{
    static const struct fmnn_prediction defaults = {0};
    struct fmnn_predictor *predictor = fm_alloc(1, sizeof *predictor, err);
    if (!predictor)
        return NULL;
    predictor->given = predictor->net = net;
    if (fm_can_fold(net))
        predictor->net = predictor->folded = fm_net_folded(net, err);
    if (predictor->net && prepare(predictor, prediction ? prediction : &defaults, err) == 0)
        return predictor;
    fmnn_predictor_free(predictor);
    return NULL;
}

static void free_one(struct fmnn_predictor *predictor)
{
    fm_plan_free(predictor->single.plan); /* a guest of the other */
    fm_plan_free(predictor->many.plan);
    fmnn_net_free(predictor->folded);
    free(predictor->pixels);
    free(predictor->drawn);
    free(predictor->logits);
    free(predictor->mean);
    free(predictor->softmax);
    free(predictor->sum);
    free(predictor);
}

void fmnn_predictor_free(struct fmnn_predictor *predictor)
{
    while (predictor) {
        struct fmnn_predictor *next = predictor->next;
        free_one(predictor);
        predictor = next;
    }
}

size_t fmnn_predictor_batch(const struct fmnn_predictor *predictor)
{
    size_t batch = 0;
    for (; predictor; predictor = predictor->next)
        batch = predictor->batch > batch ? predictor->batch : batch;
    return batch;
}

/* ---- 2. One net */

/* The images that are still to be predicted. */
struct rest {
    struct fmnn_predictor *predictor;
    const uint8_t *pixels;
    size_t count;
    float *probabilities; /* of the run at hand; between runs, of the next one */
};

/* Puts the variants of an image into the batch from place n on. */
static void add_variants(struct fmnn_predictor *predictor, const uint8_t *image, size_t n)
{
    size_t size = fm_elements(predictor->net->shape);
    predictor->pixels[n] = image;
    for (size_t v = 1; v < predictor->variants; v++) {
        uint8_t *drawn = predictor->drawn + (n + v) * size;
        fm_variant_draw(predictor->tta, v, predictor->net->shape, image, drawn);
        predictor->pixels[n + v] = drawn;
    }
}

/* The probabilities of an image whose variants lie from place n on. */
static void average(const struct fmnn_predictor *predictor, size_t n, float *probabilities)
{
    size_t classes = predictor->net->classes;
    fm_variants_mean(predictor->tta, predictor->logits + n * classes, classes, predictor->mean);
    predictor->kernels->softmax(predictor->mean, classes, predictor->softmax);
    memcpy(probabilities, predictor->softmax, classes * sizeof *probabilities);
}

static void take_results(struct rest *rest, size_t images)
{
    const struct fmnn_predictor *predictor = rest->predictor;
    size_t classes = predictor->net->classes;
    for (size_t n = 0; n < images; n += predictor->variants, rest->probabilities += classes)
        if (predictor->variants > 1)
            average(predictor, n, rest->probabilities);
}

static bool feed(void *state, struct fm_run *run)
{
    struct rest *rest = state;
    struct fmnn_predictor *predictor = rest->predictor;
    size_t variants = predictor->variants, room = predictor->batch / variants;
    size_t n = rest->count < room ? rest->count : room;
    take_results(rest, run->images);
    for (size_t i = 0; i < n; i++, rest->pixels += fm_elements(predictor->net->shape))
        add_variants(predictor, rest->pixels, i * variants);
    run->images = n * variants;
    run->logits = predictor->logits;
    run->probabilities = variants > 1 ? NULL : rest->probabilities;
    rest->count -= n;
    return n > 0;
}

/* Starting a thread, or waking it, takes as long as some million multiply-adds, so few images
   are predicted by few threads. 2^22 was found by experiment; the machine is not on record. */
static unsigned threads_for(const struct fmnn_predictor *predictor, size_t n)
{
    double worth = 1 + predictor->work * (double)n / (1 << 22);
    return worth < predictor->threads ? (unsigned)worth : predictor->threads;
}

static void run_one(struct fmnn_predictor *predictor, const uint8_t *pixels, size_t n,
                    float *probabilities)
{
    struct rest rest = {predictor, pixels, n, probabilities};
    struct planned *planned =
        n == 1 && predictor->single.plan ? &predictor->single : &predictor->many;
    struct fm_run run = {.mode = FM_PREDICT,
                         .prepared = planned->prepared,
                         .pixels = predictor->pixels,
                         .weights = predictor->net->weights};
    fm_plan_loop(planned->plan, predictor->kernels, threads_for(predictor, n), &run, feed, &rest);
    planned->prepared = planned->prepared || n > 0;
}

/* ---- 3. Several nets */

/* The images of as many batches as have 2^18 probabilities at most, but at least one batch: waking
   the threads takes time. */
static size_t images_at_a_time(const struct fmnn_predictor *predictor)
{
    const size_t max = 1 << 18;
    size_t batch = fmnn_predictor_batch(predictor), classes = predictor->net->classes;
    size_t images = max / classes;
    return images < batch ? batch : images - images % batch;
}

int fmnn_predictor_add(struct fmnn_predictor *predictor, const struct fmnn_net *net,
                       struct fmnn_error *err)
{
    const struct fmnn_prediction prediction = {predictor->wanted, predictor->threads,
                                               predictor->kernels->name, predictor->tta};
    struct fmnn_predictor *last = predictor;
    while (last->next)
        last = last->next;
    if (fmnn_net_agree(net, predictor->given, err) != 0 ||
        !(last->next = fmnn_predictor_new(net, &prediction, err)))
        return -1;
    size_t most = images_at_a_time(predictor);
    double *sum = fm_alloc(most, predictor->net->classes * sizeof *sum, err);
    if (!sum) {
        fmnn_predictor_free(last->next);
        last->next = NULL;
        return -1;
    }
    free(predictor->sum);
    predictor->sum = sum;
    predictor->most = most;
    return 0;
}

/* The mean over the nets, in their order. */
static void run_all(struct fmnn_predictor *predictor, const uint8_t *pixels, size_t n,
                    float *probabilities)
{
    size_t numbers = n * predictor->net->classes, nets = 0;
    double *sum = predictor->sum;
    memset(sum, 0, numbers * sizeof *sum);
    for (struct fmnn_predictor *p = predictor; p; p = p->next, nets++) {
        run_one(p, pixels, n, probabilities);
        for (size_t k = 0; k < numbers; k++)
            sum[k] += (double)probabilities[k];
    }
    for (size_t k = 0; k < numbers; k++)
        probabilities[k] = (float)(sum[k] / (double)nets);
}

void fmnn_predictor_run(struct fmnn_predictor *predictor, const uint8_t *pixels, size_t n,
                        float *probabilities)
{
    size_t size = fm_elements(predictor->net->shape), classes = predictor->net->classes;
    if (!predictor->next) {
        run_one(predictor, pixels, n, probabilities);
        return;
    }
    fm_float_state before = fm_float_enter();
    for (size_t done = 0, part; done < n; done += part) {
        part = n - done < predictor->most ? n - done : predictor->most;
        run_all(predictor, pixels + done * size, part, probabilities + done * classes);
    }
    fm_float_leave(before);
}

size_t fmnn_best_class(const float *probabilities, size_t classes)
{
    size_t best = 0;
    for (size_t c = 1; c < classes; c++)
        if (probabilities[c] > probabilities[best])
            best = c;
    return best;
}
