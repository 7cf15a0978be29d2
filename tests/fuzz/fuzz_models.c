/* fuzz_models.c -- the text of models. An accepted model becomes a net for some size of image,
   and its canonical text must give the same net. Small nets are planned; then they
   predict, or are trained by the model's recipe. */
#include "fuzz.h"

#include <math.h>
#include <xxhash.h>

#include "base/internal.h"
#include "engine/kernels.h"
#include "engine/model.h"
#include "engine/augment/augment-kind.h"
#include "engine/net.h"
#include "engine/optim/average.h"
#include "engine/optim/schedule.h"
#include "engine/plan.h"

const char fuzz_target[] = "models";

enum { SMALL = 4096 };

/* The canonical value, read again. */
static void same_setting(const struct fmnn_recipe *recipe, const char *name)
{
    struct fmnn_recipe *copy = fmnn_recipe_new(recipe, NULL);
    char *value = fmnn_recipe_get(recipe, name, NULL);
    HOLDS(copy && value && fmnn_recipe_set(copy, name, value, NULL) == 0);
    char *again = fmnn_recipe_get(copy, name, NULL);
    HOLDS(again && !strcmp(again, value));
    free(again);
    free(value);
    fmnn_recipe_free(copy);
}

static void look_at_recipe(const struct fmnn_recipe *recipe)
{
    HOLDS(fm_optimizer_find(recipe->optimizer) >= 0);
    HOLDS(recipe->lr >= 0 && recipe->lr <= 1e3);
    HOLDS(recipe->momentum >= 0 && recipe->momentum <= 1);
    HOLDS(recipe->batch >= 1 && recipe->batch <= 65536 && recipe->epochs <= 1000000);
    for (size_t i = 0; fmnn_recipe_setting(i); i++)
        same_setting(recipe, fmnn_recipe_setting(i)->name);
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

static struct fmnn_data *images_for(const struct fmnn_net *net, size_t n)
{
    struct fmnn_data *data = fmnn_data_new(net->shape, NULL);
    for (size_t i = 0; i < n; i++) {
        uint8_t *pixels = fmnn_data_add(data, (unsigned)(i % net->classes), NULL);
        HOLDS(pixels);
        for (size_t k = 0; k < fm_elements(net->shape); k++)
            pixels[k] = (uint8_t)(i * 37 + k * 11);
    }
    return data;
}

/* Two epochs. A recipe may not fit the images or classes, and weights may become infinite. */
static void train(struct fmnn_net *net, const struct fmnn_recipe *text)
{
    struct fmnn_error err;
    struct fmnn_recipe recipe = *text;
    recipe.batch = recipe.batch < 4 ? recipe.batch : 4;
    recipe.epochs = 2;
    recipe.min_steps = 0;
    struct fmnn_data *data = images_for(net, 7);
    struct fmnn_training training = {.recipe = &recipe, .threads = 1, .kernels = "generic"};
    struct fmnn_trainer *trainer = fmnn_trainer_new(net, data, data, &training, &err);
    int status = trainer ? FMNN_BATCH : FMNN_DONE;
    HOLDS(trainer || err.status == FMNN_USAGE);
    while (status != FMNN_DONE && status >= 0)
        status = fmnn_trainer_advance(trainer, &err);
    HOLDS(status == FMNN_DONE || err.status == FMNN_DATA);
    HOLDS(!trainer || fmnn_trainer_finish(trainer, &err) == 0);
    for (size_t i = 0; i < net->stored; i++)
        HOLDS(isfinite(net->weights[i]));
    fmnn_trainer_free(trainer);
    fmnn_data_free(data);
}

static void work(struct fmnn_net *net, const struct fmnn_recipe *recipe, uint64_t digest)
{
    struct fmnn_error err;
    int id = fm_optimizer_find(recipe->optimizer);
    struct fm_plan *plan = fm_plan_new(net, 3, 2, true, (enum fm_optimizer_id)id, &err);
    HOLDS(plan && plan->op_count > 0 && plan->forward_ops < plan->op_count);
    fm_plan_free(plan);
    HOLDS(fm_net_allocate(net, true, &err) == 0);
    fmnn_net_start(net, recipe, digest, 1);
    if (digest >> 9 & 1)
        predict(net);
    else
        train(net, recipe);
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
                work(net, fmnn_model_recipe(model), digest);
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
                                    "set class-weights balanced;",
                                    "set class-weights 1,0.5,2;"};

/* ---- settings, all that the tables have */

static const char *number(uint64_t *state)
{
    static const char *const numbers[] = {"0",   "1",    "2",   "3",   "7",     "0.5", "0.1",
                                          "0.9", "1e-3", "100", "1e9", "1,2,3", "-1",  "0.25"};
    return numbers[fuzz_below(state, FM_COUNT(numbers))];
}

/* The i-th name for words of a setting, over and over. */
static const char *name_of(const char *setting, size_t i)
{
    size_t n = 0;
    if (!strcmp(setting, "schedule")) {
        while (fm_schedule_name(n))
            n++;
        return fm_schedule_name(i % n);
    }
    if (!strcmp(setting, "average")) {
        while (fm_average_kinds[n].name)
            n++;
        return fm_average_kinds[i % n].name;
    }
    if (!strcmp(setting, "augment")) {
        while (fm_augment_kinds[n].name)
            n++;
        return fm_augment_kinds[i % n].name;
    }
    return "balanced";
}

static void value_of(const struct fmnn_setting *s, uint64_t *state, char *text, size_t size)
{
    size_t choices = 0, used = 0;
    text[0] = 0;
    while (s->words && s->words[choices])
        choices++;
    if (choices) {
        snprintf(text, size, "%s", s->words[fuzz_below(state, choices)]);
        return;
    }
    if (s->kind != FMNN_SETTING_TEXT) {
        snprintf(text, size, "%s", number(state));
        return;
    }
    for (size_t n = 1 + fuzz_below(state, 4); n > 0 && used < size; n--)
        used += (size_t)snprintf(
            text + used, size - used, " %s",
            used && fuzz_below(state, 3) ? number(state) : name_of(s->name, fuzz_random(state)));
}

/* "set NAME VALUE;" */
static size_t statement(uint64_t *state, char *text, size_t size)
{
    char value[96];
    size_t settings = 0;
    while (fmnn_recipe_setting(settings))
        settings++;
    const struct fmnn_setting *s = fmnn_recipe_setting(fuzz_below(state, settings));
    value_of(s, state, value, sizeof value);
    return (size_t)snprintf(text, size, "set %s %s;", s->name, value);
}

static bool blank(uint8_t c)
{
    return c && strchr(" \t\n|;{}", c);
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t count, size_t max, unsigned seed)
{
    uint64_t state = seed;
    unsigned kind = (unsigned)fuzz_below(&state, 10);
    if (kind >= 8) {
        char text[160];
        return fuzz_splice(bytes, count, max, 0, 0, text, statement(&state, text, sizeof text));
    }
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
