/* fuzz_models.c -- the text of models. An accepted model becomes a net for some size of image,
   and its canonical text must give the same net. Small nets are planned, and some of them run. */
#include "fuzz.h"

#include <math.h>
#include <xxhash.h>

#include "base/internal.h"
#include "engine/kernels.h"
#include "engine/model.h"
#include "engine/net.h"
#include "engine/plan.h"

const char fuzz_target[] = "models";

enum { SMALL = 4096 };

static void look_at_recipe(const struct fmnn_recipe *recipe)
{
    HOLDS(fm_optimizer_find(recipe->optimizer) >= 0);
    HOLDS(recipe->lr >= 0 && recipe->lr <= 1e3);
    HOLDS(recipe->momentum >= 0 && recipe->momentum <= 1);
    HOLDS(recipe->batch >= 1 && recipe->batch <= 65536 && recipe->epochs <= 1000000);
}

static void look_at_net(const struct fmnn_net *net)
{
    struct fmnn_layer layer;
    struct fmnn_tensor tensor;
    size_t layers = 0, tensors = 0, end[2] = {net->trained, 0}; /* of statistics, of weights */
    for (; fmnn_net_layer(net, layers, &layer); layers++)
        HOLDS(layer.shape.channels && layer.shape.height && layer.shape.width && layer.text[0]);
    HOLDS(layer.depth == 0 && layers == net->node_count && layer.shape.channels == net->classes);
    for (; fmnn_net_tensor(net, tensors, &tensor); tensors++) {
        const struct fm_parameter *p = &net->parameter[tensors];
        HOLDS(p->offset == end[p->trained] && p->stored >= fm_parameter_count(p));
        end[p->trained] += p->stored;
    }
    HOLDS(end[1] == net->trained && end[0] == net->stored && net->stored <= 1 << 30);
}

/* The canonical text, read again. */
static void same_net(const struct fmnn_net *net)
{
    struct fmnn_error err;
    struct fmnn_model *model = fmnn_model_parse(net->text, "again", &err);
    HOLDS(model);
    struct fmnn_net *copy = fm_net_build(model, net->shape, net->classes, &err);
    HOLDS(copy && !strcmp(copy->text, net->text) && copy->stored == net->stored);
    HOLDS(copy->parameter_count == net->parameter_count);
    for (size_t i = 0; i < net->parameter_count; i++)
        HOLDS(!strcmp(copy->parameter[i].name, net->parameter[i].name) &&
              copy->parameter[i].offset == net->parameter[i].offset);
    fmnn_net_free(copy);
    fmnn_model_free(model);
}

/* Whether values and weights are few. */
static bool is_small(const struct fmnn_net *net)
{
    size_t floats = net->stored;
    for (size_t i = 0; i < net->value_count && floats <= SMALL; i++) {
        struct fm_shape s = net->value[i].shape;
        floats += s.c * s.h * s.w;
        floats += s.c; /* panels are padded */
    }
    return floats <= SMALL;
}

static void predict(struct fmnn_net *net)
{
    static uint8_t pixels[SMALL];
    static float p[2][SMALL];
    struct fmnn_predictor *predictor = fmnn_predictor_new(
        net, &(struct fmnn_prediction){.batch = 2, .threads = 1, .kernels = "generic"}, NULL);
    HOLDS(predictor && fm_elements(net->shape) * 2 <= SMALL && net->classes <= SMALL / 2);
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 7);
    fmnn_predictor_run(predictor, pixels, 2, p[0]);
    fmnn_predictor_run(predictor, pixels + fm_elements(net->shape), 1, p[1]);
    double sum = 0;
    for (size_t i = 0; i < net->classes; i++) {
        sum += (double)p[1][i];
        HOLDS(p[1][i] == p[0][net->classes + i]); /* independent of the other images */
    }
    HOLDS(fabs(sum - 1) < 1e-3);
    fmnn_predictor_free(predictor);
}

static void work(struct fmnn_net *net, uint64_t digest)
{
    struct fmnn_error err;
    struct fm_plan *plan =
        fm_plan_new(net, 3, 2, true, digest >> 8 & 1 ? FM_OPTIMIZER_sgd : FM_OPTIMIZER_adam, &err);
    HOLDS(plan && plan->op_count > 0 && plan->forward_ops < plan->op_count);
    fm_plan_free(plan);
    if (digest >> 9 & 63)
        return;
    HOLDS(fm_net_allocate(net, true, &err) == 0);
    fmnn_net_initialise(net, digest, 1);
    predict(net);
}

static void look_at_number(const char *text)
{
    double number, same;
    char shown[32], again[32];
    if (!fm_parse_double(text, &number))
        return;
    fmnn_format_number(shown, number);
    if (!fm_parse_double(shown, &same))
        return;
    fmnn_format_number(again, same);
    HOLDS(isfinite(number) && strcmp(shown, again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    static const struct {
        size_t height, width, classes;
    } sizes[] = {{28, 28, 10}, {1, 1, 1}, {5, 7, 3}, {9, 8, 10}, {4096, 4096, 65536}};
    struct fmnn_error err = {0};
    char *text =
        malloc(count + 1); /* exactly this long, so that the sanitizer sees reads beyond it */
    HOLDS(text);
    if (count)
        memcpy(text, bytes, count);
    text[count] = 0;
    uint64_t digest = XXH3_64bits(text, strlen(text));
    look_at_number(text);
    struct fmnn_model *model = fmnn_model_parse(text, "text", &err);
    if (!model) {
        HOLDS(err.status == FMNN_USAGE && !strncmp(err.message, "text:", 5));
    } else {
        size_t size = digest % FM_COUNT(sizes);
        look_at_recipe(fmnn_model_recipe(model));
        HOLDS(model->layer_count >= 1);
        HOLDS(model->layer_count + model->block_count <= FM_MAX_LAYERS);
        struct fmnn_net *net =
            fm_net_build(model, (struct fmnn_shape){1, sizes[size].height, sizes[size].width},
                         sizes[size].classes, &err);
        if (net) {
            fuzz_accepted++;
            look_at_net(net);
            same_net(net);
            if (is_small(net))
                work(net, digest);
        } else {
            HOLDS(err.status == FMNN_USAGE && err.message[0]);
        }
        fmnn_net_free(net);
    }
    fmnn_model_free(model);
    free(text);
    return 0;
}

/* ---- mutations: of words */

static const char *const words[] = {"conv",
                                    "dense",
                                    "avgpool",
                                    "maxpool",
                                    "set",
                                    "classes",
                                    "stride",
                                    "valid",
                                    "relu",
                                    "tanh",
                                    "sigmoid",
                                    "linear",
                                    "lr",
                                    "momentum",
                                    "batch",
                                    "epochs",
                                    "optimizer",
                                    "adam",
                                    "sgd",
                                    "|",
                                    ";",
                                    "\n",
                                    "#",
                                    "1",
                                    "2",
                                    "3",
                                    "10",
                                    "32",
                                    "255",
                                    "256",
                                    "65536",
                                    "65537",
                                    "1048576",
                                    "0",
                                    "3x3",
                                    "1x1",
                                    "2x5",
                                    "255x255",
                                    "0x3",
                                    "1e-4",
                                    "0.9",
                                    "1e3",
                                    "-1",
                                    "dens",
                                    "4294967296",
                                    "18446744073709551616",
                                    "conv 2 3x3 relu |",
                                    "maxpool 2 |",
                                    "residual",
                                    "residual {",
                                    "project {",
                                    "repeat 2 {",
                                    "repeat",
                                    "1024 {",
                                    "{",
                                    "}",
                                    "} relu",
                                    "bn",
                                    "bn relu |",
                                    "nobias",
                                    "all",
                                    "avgpool all |",
                                    "dropout",
                                    "dropout 0.5 |",
                                    "silu",
                                    "gelu",
                                    "residual { conv 2 3x3 bn }",
                                    "residual project { conv 3 1x1 } relu",
                                    "set lr 1e-3;",
                                    "set augment mixup 0.2 flip",
                                    "set class-weights balanced;"};

static bool blank(uint8_t c)
{
    return c && strchr(" \t\n|;{}", c);
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t count, size_t max, unsigned seed)
{
    uint64_t state = seed;
    unsigned kind = (unsigned)fuzz_below(&state, 8);
    if (count == 0 || kind < 3)
        return LLVMFuzzerMutate(bytes, count, max);
    size_t from = fuzz_below(&state, count), to = from;
    while (from > 0 && !blank(bytes[from - 1]))
        from--;
    while (to < count && !blank(bytes[to]))
        to++;
    char word[64];
    int length = snprintf(word, sizeof word, "%s%s", words[fuzz_below(&state, FM_COUNT(words))],
                          kind < 6 ? "" : " ");
    if (kind == 7)
        length = 0; /* the word goes */
    return fuzz_splice(bytes, count, max, from, kind == 6 ? 0 : to - from, word, (size_t)length);
}
