/* alone.c -- trains the tests' models with one kernel set, predicts with them, and prints a digest
   of weights and probabilities, the same everywhere. It needs no library, so that it is easily
   built for another machine: see tests/bench/neon, and races. */
#include "engine.h"

#include "data/samples.h"
#include "engine/profile.h"

struct training {
    const struct fmnn_data *data;
    const uint8_t *pixels[64];
    uint16_t labels[64];
    double loss[64], power[FM_POWERS];
    uint8_t correct[64];
    const struct fm_optimizer *optimizer;
    struct fmnn_recipe recipe;
    struct fm_update update;
    unsigned step;
};

static bool feed(void *state, struct fm_run *run)
{
    struct training *t = state;
    size_t n = t->step % 3 ? 17 : 5; /* a short batch now and then */
    if (t->step == 20)
        return false;
    const struct fm_rate rate = {.lr = t->recipe.lr};
    t->optimizer->begin(&t->recipe, &rate, ++t->step, t->power, &t->update);
    run->images = n;
    for (size_t i = 0; i < n; i++) {
        t->pixels[i] = t->data->pixels + i * fm_elements(t->data->shape);
        t->labels[i] = t->data->labels[i];
    }
    return true;
}

/* 64 bits by FNV-1a. */
static uint64_t digest(uint64_t hash, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        hash = (hash ^ bits) * 0x100000001b3;
    }
    return hash;
}

/* Enough images for all threads, and a last batch that is short. */
static uint64_t predict(uint64_t hash, const struct fmnn_net *net, const char *kernels,
                        unsigned threads)
{
    enum { IMAGES = 5000 };
    struct fmnn_data *data = make_data(net, IMAGES, 33);
    struct fmnn_prediction prediction = {.threads = threads, .kernels = kernels};
    struct fmnn_predictor *predictor = fmnn_predictor_new(net, &prediction, NULL);
    float *probabilities = malloc(IMAGES * net->classes * sizeof *probabilities);
    fmnn_predictor_run(predictor, data->pixels, IMAGES, probabilities);
    hash = digest(hash, probabilities, IMAGES * net->classes);
    free(probabilities);
    fmnn_predictor_free(predictor);
    fmnn_data_free(data);
    return hash;
}

static uint64_t train(size_t model, const struct fm_kernels *kernels, unsigned threads,
                      enum fm_optimizer_id id)
{
    struct fmnn_net *net = make_net(model, 31);
    struct fmnn_data *data = make_data(net, 17, 32);
    struct fm_plan *plan = fm_plan_new(net, 17, 8, true, id, NULL);
    float *slots = fm_alloc_aligned(2 * net->stored, sizeof *slots, NULL);
    struct training t = {.data = data,
                         .power = {1, 1},
                         .optimizer = fm_optimizer_at(id),
                         .recipe = {.lr = 0.01, .momentum = 0.9}};
    struct fm_run run = {.mode = FM_TRAIN,
                         .pixels = t.pixels,
                         .labels = t.labels,
                         .weights = net->weights,
                         .slots = {slots, slots + net->stored},
                         .update = &t.update,
                         .loss = t.loss,
                         .correct = t.correct,
                         .backward = true,
                         .profile = fm_profile_new(plan->op_count, threads, NULL)};
    fm_plan_loop(plan, kernels, threads, &run, feed, &t);
    fm_profile_free(run.profile);
    uint64_t hash = digest(0xcbf29ce484222325, net->weights, net->stored);
    hash = predict(hash, net, kernels->name, threads);
    free(slots);
    fm_plan_free(plan);
    fmnn_data_free(data);
    fmnn_net_free(net);
    return hash;
}

/* KERNELS THREADS; without: the names of the kernel sets there are. */
int main(int argc, char **argv)
{
    const char *name;
    if (argc < 3) {
        for (size_t i = 0; (name = fmnn_kernels_at(i)) != NULL; i++)
            puts(name);
        return 0;
    }
    const struct fm_kernels *kernels = fm_kernels_find(argv[1], NULL);
    unsigned threads = (unsigned)strtoul(argv[2], NULL, 10);
    for (size_t m = 0; kernels && m < NETS; m++)
        for (int i = 0; i < FM_OPTIMIZER_COUNT; i++) {
            enum fm_optimizer_id id = (enum fm_optimizer_id)i;
            printf("%016llx %s %s\n", (unsigned long long)train(m, kernels, threads, id),
                   fm_optimizer_at((size_t)i)->name, net_text(m));
        }
    return kernels ? 0 : 2;
}
