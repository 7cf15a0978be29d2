/* check_model.c -- models' texts, and the nets they become. */
#include "base/internal.h"

#include <check.h>
#include <math.h>

#include "engine/model.h"
#include "engine/net.h"
#include "engine/optim/optimizer.h"
#include "base/rng.h"
#include "runner.h"

static struct fmnn_net *net_of(const char *text, size_t h, size_t w, size_t classes,
                               struct fmnn_error *err)
{
    struct fmnn_model *model = fmnn_model_parse(text, "m", err);
    struct fmnn_net *net =
        model ? fmnn_net_new(model, (struct fmnn_shape){1, h, w}, classes, err) : NULL;
    fmnn_model_free(model);
    return net;
}

static const char cnn[] =
    "set lr 1e-4; set epochs 10\n"
    "conv 6 5x5 relu | avgpool 2 | conv 32 3x3 relu | conv 64 3x3 relu | conv 128 3x3 relu\n"
    "| conv 256 3x3 relu | conv 512 3x3 relu | dense 256 relu | dense classes\n";

START_TEST(presets_have_the_known_sizes)
{
    static const struct {
        const char *text;
        uint64_t parameters, multiply_adds;
    } known[] = {{"dense 128 relu | dense 32 relu | dense classes", 104938, 104768},
                 {cnn, 27262534, 333226080}};
    for (size_t i = 0; i < 2; i++) {
        struct fmnn_net *net = net_of(known[i].text, 28, 28, 10, NULL);
        struct fmnn_layer layer;
        uint64_t parameters = 0, multiply_adds = 0;
        ck_assert_ptr_nonnull(net);
        for (size_t k = 0; fmnn_net_layer(net, k, &layer); k++) {
            parameters += layer.parameters;
            multiply_adds += layer.multiply_adds;
        }
        ck_assert_uint_eq(parameters, known[i].parameters);
        ck_assert_uint_eq(multiply_adds, known[i].multiply_adds);
        fmnn_net_free(net);
    }
}
END_TEST

START_TEST(texts_are_read_and_written_canonically)
{
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {"dense classes", "dense 3"},
        {"  dense 12 relu|dense classes  ", "dense 12 relu | dense 3"},
        {"dense 5 linear\n\n# comment | dense 9\ndense 3", "dense 5 | dense 3"},
        {"# only\nset lr 1;set batch 4 # four\ndense 4 tanh\n| dense 3 # end",
         "dense 4 tanh | dense 3"},
        {"dense 4 |\n\n dense classes", "dense 4 | dense 3"},
        {"conv 2 3x3 valid stride 2 sigmoid | dense classes",
         "conv 2 3x3 stride 2 valid sigmoid | dense 3"},
        {"conv 2 3x3 stride 1 | maxpool 2\r\ndense classes\r\n",
         "conv 2 3x3 | maxpool 2 | dense 3"},
        {"conv 2 3x3 stride 2 bn relu | dense 5 nobias | dense classes nobias",
         "conv 2 3x3 stride 2 bn relu | dense 5 nobias | dense 3 nobias"},
        {"conv 2 3x3 nobias bn linear;bn|bn tanh|dense classes",
         "conv 2 3x3 bn | bn | bn tanh | dense 3"},
        {"conv 2 3x3 silu | dense 4 bn gelu | dense classes",
         "conv 2 3x3 silu | dense 4 bn gelu | dense 3"},
        {"conv 2 3x3 | dropout 5e-1 | avgpool all | dropout 0 | dense 4 | dropout .125 | dense 3",
         "conv 2 3x3 | dropout 0.5 | avgpool all | dropout 0 | dense 4 | dropout 0.125 | dense 3"},
        {"residual{conv 1 3x3}dense classes", "residual { conv 1 3x3 } | dense 3"},
        {"residual { | conv 1 3x3 | } relu | dense classes",
         "residual { conv 1 3x3 } relu | dense 3"},
        {"residual # here\n\n # there\n{\nconv 1 3x3;;\n}relu\ndense classes",
         "residual { conv 1 3x3 } relu | dense 3"},
        {"residual { conv 1 3x3 } linear; dense classes", "residual { conv 1 3x3 } | dense 3"},
        {"residual project { conv 4 3x3 stride 2 bn gelu | conv 4 3x3 } silu | dense classes",
         "residual project { conv 4 3x3 stride 2 bn gelu | conv 4 3x3 } silu | dense 3"},
        {"repeat 2 { conv 4 3x3 relu } dense classes",
         "conv 4 3x3 relu | conv 4 3x3 relu | dense 3"},
        {"conv 2 3x3\nrepeat 2 {\n residual { conv 2 3x3 bn }\n}\ndense classes",
         "conv 2 3x3 | residual { conv 2 3x3 bn } | residual { conv 2 3x3 bn } | dense 3"},
        {"residual { residual { conv 1 3x3 } residual { conv 1 1x1 } relu } dense classes",
         "residual { residual { conv 1 3x3 } | residual { conv 1 1x1 } relu } | dense 3"},
        {"repeat 2 { residual { repeat 2 { conv 1 3x3 } conv 1 1x1 } tanh } dense classes",
         "residual { conv 1 3x3 | conv 1 3x3 | conv 1 1x1 } tanh | "
         "residual { conv 1 3x3 | conv 1 3x3 | conv 1 1x1 } tanh | dense 3"},
        {"repeat 1 { repeat 1 { residual { residual { residual { conv 1 2x2 } relu } } } }"
         "| dense classes",
         "residual { residual { residual { conv 1 2x2 } relu } } | dense 3"},
        {"dense 3 | residual { dense 3 relu | dense classes } residual project { dense 7 bn relu | "
         "bn } dense 3",
         "dense 3 | residual { dense 3 relu | dense 3 } | residual project { dense 7 bn relu | bn "
         "} | dense 3"},
    };
    for (size_t i = 0; i < FM_COUNT(cases); i++) {
        struct fmnn_error err = {0};
        struct fmnn_net *net = net_of(cases[i].text, 8, 8, 3, &err);
        ck_assert_msg(net != NULL, "%s: %s", cases[i].text, err.message);
        ck_assert_str_eq(fmnn_net_text(net), cases[i].canonical);
        struct fmnn_net *again = net_of(fmnn_net_text(net), 8, 8, 3, &err);
        ck_assert_str_eq(fmnn_net_text(again), cases[i].canonical);
        fmnn_net_free(again);
        fmnn_net_free(net);
    }
}
END_TEST

static const struct {
    const char *text, *message;
} mistakes[] = {
    {"", "m: there is no layer"},
    {"# nothing\n\n", "m: there is no layer"},
    {"set lr 1", "m: there is no layer"},
    {"dense 5 |", "m:1: there is no layer after the '|'"},
    {"| dense 5", "m:1: there is no layer before the '|'"},
    {"dense 5 | | dense classes", "m:1: there is no layer before the '|'"},
    {"dense 5\n|\n\n| dense classes", "m:4: there is no layer before the '|'"},
    {"dens 5 relu", "m:1: unknown layer 'dens'; did you mean 'dense'?"},
    {"dense 5\nconvolution 3", "m:2: unknown layer 'convolution' (see fmnn-model(5))"},
    {"set zzzzzzzz 3\ndense 5", "m:1: unknown option 'zzzzzzzz' (known: SETTINGS)"},
    {"set lr -1\ndense 5", "m:1: lr -1 is not in 0..1000"},
    {"set lr 1001\ndense 5", "m:1: lr 1001 is not in 0..1000"},
    {"set lr 0\ndense 5", "m:1: lr 0 is not above 0"},
    {"set smooth 0.9999999999\ndense 5", "m:1: smooth 0.9999999999 is not below 1"},
    {"set momentum 1.5\ndense 5", "m:1: momentum 1.5 is not in 0..1"},
    {"set momentum -1e-9\ndense 5", "m:1: momentum -1e-9 is not in 0..1"},
    {"set batch 0\ndense 5", "m:1: batch 0 is not in 1..65536"},
    {"set batch 65537\ndense 5", "m:1: batch 65537 is not in 1..65536"},
    {"set epochs 1000001\ndense 5", "m:1: epochs 1000001 is not in 0..1000000"},
    {"set epochs x\ndense 5", "m:1: epochs 'x' is not a whole number"},
    {"set a-word-of-more-than-sixty-four-letters-is-like-no-other-word-there-is-at-all "
     "3\ndense 5",
     "m:1: unknown option "
     "'a-word-of-more-than-sixty-four-letters-is-like-no-other-word-there-is-at-all' "
     "(known: SETTINGS)"},
    {"dense", "m:1: the number of units is missing"},
    {"dense 0", "m:1: the number of units '0' is not a number in 1..1048576"},
    {"dense -3", "m:1: the number of units '-3' is not a number in 1..1048576"},
    {"dense 1.5", "m:1: the number of units '1.5' is not a number in 1..1048576"},
    {"dense 5 rleu | dense classes", "m:1: unknown word 'rleu'; did you mean 'relu'?"},
    {"dense 5 relu relu", "m:1: unexpected 'relu' (expected: dense UNITS|classes [nobias] "
                          "[bn] [ACTIVATION])"},
    {"dense clases", "m:1: the number of units 'clases' is not a number in 1..1048576"},
    {"conv 5", "m:1: the kernel's size, such as 3x3, is missing"},
    {"conv 5 3", "m:1: '3' is not a kernel's size, such as 3x3"},
    {"conv 5 3x", "m:1: '3x' is not a kernel's size, such as 3x3"},
    {"conv 5 0x3", "m:1: '0x3' is not a kernel's size, such as 3x3"},
    {"conv 5 3x256", "m:1: '3x256' is not a kernel's size, such as 3x3"},
    {"conv 5 3x3 stride", "m:1: the stride is missing"},
    {"conv 5 3x3 stride 0", "m:1: the stride '0' is not a number in 1..255"},
    {"conv 5 3x3 vaild | dense classes", "m:1: unknown word 'vaild'; did you mean 'valid'?"},
    {"avgpool", "m:1: the side of the pool is missing"},
    {"avgpool 2 relu", "m:1: unexpected 'relu' (expected: avgpool N [same] | avgpool all)"},
    {"set", "m:1: 'set' takes an option and a value"},
    {"set lr", "m:1: 'set' takes an option and a value"},
    {"set lr 1 2", "m:1: lr '1 2' is not a number"},
    {"set lr nan", "m:1: lr 'nan' is not a number"},
    {"set lr 1e999", "m:1: lr '1e999' is not a number"},
    {"set batsh 3", "m:1: unknown option 'batsh'; did you mean 'batch'?"},
    {"set optimizer adan", "m:1: unknown optimizer 'adan'; did you mean 'adam'?"},
    {"dense 4 | dense 12",
     "m:1: the last layer has 12 units, but there are 3 classes ('dense classes' always fits)"},
    {"conv 4 3x3", "m:1: the last layer, 'conv 4 3x3', is not a dense layer"},
    {"dense classes relu",
     "m:1: the last layer, 'dense 3 relu', gives the logits and takes no activation"},
    {"dense 4\nconv 4 3x3\ndense classes", "m:2: 'conv 4 3x3' cannot follow a dense layer"},
    {"conv 4 9x3 valid\ndense classes",
     "m:1: conv 4 9x3 valid: a kernel of 9x3 does not fit into 8x8"},
    {"maxpool 3 | maxpool 3\ndense classes", "m:1: maxpool 3: a pool of 3x3 does not fit into 2x2"},
    {"dense 1048576 | dense 1048576 | dense classes",
     "m:1: the net has more than 1073741824 parameters"},
    {"dense 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6", "m:1: 'dense': too many words for one layer"},
    {"conv 5 3x3 bn nobias",
     "m:1: unexpected 'nobias' (expected: conv FILTERS HxW [stride S] [valid] [nobias] [bn] "
     "[ACTIVATION])"},
    {"dropout", "m:1: the fraction of values that are dropped is missing"},
    {"dropout 1", "m:1: the fraction of values '1' is not in 0..1, 1 excluded"},
    {"dropout 0.9999999999",
     "m:1: the fraction of values '0.9999999999' is not in 0..1, 1 excluded"},
    {"dropout -0.1", "m:1: the fraction of values '-0.1' is not in 0..1, 1 excluded"},
    {"dropout nan", "m:1: the fraction of values 'nan' is not in 0..1, 1 excluded"},
    {"dropout 0.5 relu", "m:1: unexpected 'relu' (expected: dropout P)"},
    {"maxpool al", "m:1: the side of the pool 'al' is not a number in 1..255"},
    {"maxpool all same", "m:1: unexpected 'same' (expected: maxpool N [same] | maxpool all)"},
    {"bn 3", "m:1: unexpected '3' (expected: bn [ACTIVATION])"},
    {"dropuot 0.5", "m:1: unknown layer 'dropuot'; did you mean 'dropout'?"},
    {"dense 4 | avgpool all\ndense classes", "m:1: 'avgpool all' cannot follow a dense layer"},
    {"conv 5 3x3 nobais", "m:1: unknown word 'nobais'; did you mean 'nobias'?"},
    {"conv 5 3x3 | relu | dense classes",
     "m:1: 'relu' is an activation, which belongs at the end of a layer's statement"},
    {"residul { dense 3 }", "m:1: unknown layer 'residul'; did you mean 'residual'?"},
    {"repaet 3 { dense 3 }", "m:1: unknown layer 'repaet'; did you mean 'repeat'?"},
};

/* Of blocks: each names the line of the block, or of what is wrong in it. */
static const struct {
    const char *text, *message;
} block_mistakes[] = {
    {"residual { conv 1 3x3\ndense classes", "m:1: the '{' of 'residual' is never closed"},
    {"\nresidual {\nrepeat 2\n\n{ conv 1 3x3\n", "m:3: the '{' of 'repeat' is never closed"},
    {"conv 1 3x3 }\ndense classes", "m:1: there is no '{' for this '}'"},
    {"residual { conv 1 3x3 }\n}", "m:2: there is no '{' for this '}'"},
    {"\nresidual\n{\n}", "m:2: there is no layer between the braces of 'residual'"},
    {"repeat 2 { | }", "m:1: there is no layer between the braces of 'repeat'"},
    {"repeat 2 { residual { } }", "m:1: there is no layer between the braces of 'residual'"},
    {"{ dense 3 }", "m:1: '{' can only follow 'residual' or 'repeat'"},
    {"dense 3 {", "m:1: '{' can only follow 'residual' or 'repeat'"},
    {"residual { dense 3 } {", "m:1: '{' can only follow 'residual' or 'repeat'"},
    {"residual { dense 3 } relu {", "m:1: '{' can only follow 'residual' or 'repeat'"},
    {"set lr 1 {", "m:1: '{' can only follow 'residual' or 'repeat'"},
    {"residual", "m:1: the '{' of 'residual' is missing (expected: residual [project] { LAYERS } "
                 "[ACTIVATION])"},
    {"residual\n# no brace",
     "m:1: the '{' of 'residual' is missing (expected: residual [project] { LAYERS } "
     "[ACTIVATION])"},
    {"repeat 3 | dense 3", "m:1: the '{' of 'repeat' is missing (expected: repeat N { LAYERS })"},
    {"repeat { dense 3 }", "m:1: the number of repetitions is missing"},
    {"repeat 0 { dense 3 }", "m:1: the number of repetitions '0' is not a number in 1..1024"},
    {"repeat 1025 { dense 3 }", "m:1: the number of repetitions '1025' is not a number in 1..1024"},
    {"repeat 2 3 { dense 3 }", "m:1: unexpected '3' (expected: repeat N { LAYERS })"},
    {"residual projct { dense 3 }", "m:1: unknown word 'projct'; did you mean 'project'?"},
    {"residual { dense 3 } rleu", "m:1: unknown layer 'rleu'; did you mean 'relu'?"},
    {"residual { dense 3 } relu dense 3",
     "m:1: unexpected 'dense' (expected: residual [project] { LAYERS } [ACTIVATION])"},
    {"residual { dense 3 }\nrelu",
     "m:2: 'relu' is an activation, which belongs at the end of a layer's statement"},
    {"repeat 2 { dense 3 } relu",
     "m:1: 'relu' is an activation, which belongs at the end of a layer's statement"},
    {"residual { dense 3 | | dense 3 }", "m:1: there is no layer before the '|'"},
    {"residual { dense 3 } |", "m:1: there is no layer after the '|'"},
    {"residual { dense 3 }\n|\n|", "m:3: there is no layer before the '|'"},
    {"\nresidual {\nset lr 1\n dense 3 }",
     "m:3: 'set' cannot be inside a block ('residual' at line 2)"},
    {"repeat 2 { set lr 1 }", "m:1: 'set' cannot be inside a block ('repeat' at line 1)"},
    {"repeat 1 { repeat 1 { repeat 1 { repeat 1 { repeat 1 { repeat 1 { repeat 1 { repeat 1 {\n"
     "residual { dense 3",
     "m:2: blocks are more than 8 deep"},
    {"conv 4 3x3\nresidual {\n conv 8 3x3\n}\ndense classes",
     "m:4: residual at line 2: its layers make 8x8x8 of 4x8x8; 'residual project' would add a 1x1 "
     "convolution"},
    {"residual { conv 1 3x3 stride 2 }\ndense classes",
     "m:1: residual at line 1: its layers make 1x4x4 of 1x8x8; 'residual project' would add a 1x1 "
     "convolution"},
    {"residual { conv 1 3x3 valid }\ndense classes",
     "m:1: residual at line 1: its layers make 1x6x6 of 1x8x8; without 'project', they must be "
     "equal"},
    {"residual { conv 1 3x1 valid }\ndense classes",
     "m:1: residual at line 1: its layers make 1x6x8 of 1x8x8; without 'project', they must be "
     "equal"},
    {"residual { conv 1 1x3 valid }\ndense classes",
     "m:1: residual at line 1: its layers make 1x8x6 of 1x8x8; without 'project', they must be "
     "equal"},
    {"residual project { conv 2 1x3 valid }\ndense classes",
     "m:1: residual project at line 1: its layers make 2x8x6 of 1x8x8, which a 1x1 convolution "
     "with the strides of the block does not"},
    {"residual { dense 5 }\ndense classes",
     "m:1: residual at line 1: its layers make 5x1x1 of 1x8x8; 'residual project' would add a "
     "dense layer"},
    {"residual project {\nconv 1 3x3 }\ndense classes",
     "m:2: residual project at line 1: its layers make 1x8x8 of 1x8x8, so 'project' would change "
     "nothing but add weights: write 'residual'"},
    {"residual project { conv 4 3x3 | avgpool all } dense classes",
     "m:1: residual project at line 1: its layers make 4x1x1 of 1x8x8, which a 1x1 convolution "
     "with the strides of the block does not"},
    {"residual project { maxpool 3 }\ndense classes",
     "m:1: residual project at line 1: its layers make 1x2x2 of 1x8x8, which a 1x1 convolution "
     "with the strides of the block does not"},
    {"residual { conv 4 3x3 | dense 5 }\ndense classes",
     "m:1: 'conv 4 3x3' and a dense layer cannot be in the same residual"},
    {"conv 4 3x3 | residual project {\nbn | dense 5 }\ndense classes",
     "m:2: 'bn' and a dense layer cannot be in the same residual"},
    {"dense 5 | residual {\nconv 4 3x3 }\ndense classes",
     "m:2: 'conv 4 3x3' cannot follow a dense layer"},
    {"conv 1 3x3\nrepeat 2 { residual {\n conv 2 3x3 } }\ndense classes",
     "m:3: residual at line 2: its layers make 2x8x8 of 1x8x8; 'residual project' would add a 1x1 "
     "convolution"},
    {"residual { residual project {\nconv 4 9x9 valid } }\ndense classes",
     "m:2: conv 4 9x9 valid: a kernel of 9x9 does not fit into 8x8"},
    {"dense 3 | residual { dense 3 }", "m:1: the last layer, a residual, is not a dense layer"},
    {"dense classes bn", "m:1: the last layer, 'dense 3 bn', gives the logits and takes no bn"},
    {"dense classes | bn", "m:1: the last layer, 'bn', is not a dense layer"},
    {"repeat 600 { dense 3 | dense 3 }", "m:1: a model has at most 1024 layers"},
    {"\nrepeat 1024 {\nrepeat 1024 { dense 1 } }", "m:2: a model has at most 1024 layers"},
    {"repeat 512 { residual { dense 3 } dense 3 }", "m:1: a model has at most 1024 layers"},
};

/* The message with the names of all settings in place of SETTINGS. */
static const char *with_settings(const char *message, char text[1024])
{
    const char *at = strstr(message, "SETTINGS");
    const struct fmnn_setting *setting;
    if (!at)
        return message;
    snprintf(text, 1024, "%.*s", (int)(at - message), message);
    for (size_t i = 0; (setting = fmnn_recipe_setting(i)) != NULL; i++)
        strcat(strcat(text, i ? ", " : ""), setting->name);
    return strcat(text, at + strlen("SETTINGS"));
}

static void is_mistake(const char *text, const char *message)
{
    struct fmnn_error err = {0};
    struct fmnn_net *net = net_of(text, 8, 8, 3, &err);
    ck_assert_msg(net == NULL, "%s", text);
    char wanted[1024];
    ck_assert_str_eq(err.message, with_settings(message, wanted));
}

START_TEST(mistakes_are_met_with_one_line)
{
    for (size_t i = 0; i < FM_COUNT(mistakes); i++)
        is_mistake(mistakes[i].text, mistakes[i].message);
}
END_TEST

START_TEST(mistakes_in_blocks_are_met_with_one_line)
{
    for (size_t i = 0; i < FM_COUNT(block_mistakes); i++)
        is_mistake(block_mistakes[i].text, block_mistakes[i].message);
}
END_TEST

START_TEST(the_nearest_word)
{
    static const char *const exchanged[] = {"optimizerab", "optimizre", NULL};
    static const char *const first[] = {"epochsa", "epochsb", NULL};
    static const char *const far[] = {"a", "b", NULL};
    static const char *const shorter[] = {"epoch", NULL};
    static const char *const swapped[] = {"rl", NULL};
    char longer[256] = "";
    ck_assert_str_eq(fmnn_suggest("optimizer", exchanged), "optimizre");
    ck_assert_str_eq(fmnn_suggest("epochs", first), "epochsa");
    ck_assert_str_eq(fmnn_suggest("epochs", shorter), "epoch");
    ck_assert_str_eq(fmnn_suggest("LR", swapped), "rl");
    ck_assert_ptr_null(fmnn_suggest("abcdef", far));
    ck_assert_ptr_null(fmnn_suggest("x", far));
    ck_assert_ptr_null(fmnn_suggest("", far));
    memset(longer, 'x', sizeof longer - 1);
    ck_assert_ptr_null(fmnn_suggest(longer, shorter));
}
END_TEST

START_TEST(bounds_belong_to_it)
{
    struct fmnn_recipe recipe = {0};
    ck_assert_int_eq(fmnn_recipe_set(&recipe, "batch", "1", NULL), 0);
    ck_assert_uint_eq(recipe.batch, 1);
    ck_assert_int_eq(fmnn_recipe_set(&recipe, "batch", "65536", NULL), 0);
    ck_assert_uint_eq(recipe.batch, 65536);
}
END_TEST

START_TEST(long_texts_end)
{
    struct fmnn_error err;
    size_t size = FM_MAX_MODEL_TEXT + 2;
    char *text = malloc(size);
    memset(text, ' ', size);
    text[size - 1] = 0;
    ck_assert_ptr_null(fmnn_model_parse(text, "m", &err));
    ck_assert_str_eq(err.message, "m: the text of a model has at most 65536 bytes");
    for (size_t i = 0; i + 10 < size; i += 10)
        memcpy(text + i, "dense 1 | ", 10);
    memcpy(text + FM_MAX_MODEL_TEXT - 10, " dense 1 ", 10);
    ck_assert_ptr_null(fmnn_model_parse(text, "m", &err));
    ck_assert_str_eq(err.message, "m:1: a model has at most 1024 layers");
    free(text);
}
END_TEST

/* `part` as often as it fits, refused with this message. */
static void hostile(const char *part, const char *end, const char *message)
{
    struct fmnn_error err = {0};
    size_t length = strlen(part), n = (FM_MAX_MODEL_TEXT - strlen(end)) / length;
    char *text = calloc(FM_MAX_MODEL_TEXT + 1, 1);
    for (size_t i = 0; i < n; i++)
        memcpy(text + i * length, part, length);
    strcpy(text + n * length, end);
    struct fmnn_model *model = fmnn_model_parse(text, "m", &err);
    ck_assert_msg(model == NULL, "%s", part);
    ck_assert_str_eq(err.message, message);
    free(text);
}

START_TEST(hostile_texts_end)
{
    hostile("{", "", "m:1: '{' can only follow 'residual' or 'repeat'");
    hostile("}", "", "m:1: there is no '{' for this '}'");
    hostile("residual{", "", "m:1: blocks are more than 8 deep");
    hostile("residual\n{", "", "m:9: blocks are more than 8 deep");
    hostile("repeat 1024 {", "", "m:1: blocks are more than 8 deep");
    hostile("residual ", "", "m:1: 'residual': too many words for one layer");
    hostile("repeat 1{dense 1}", "", "m:1: a model has at most 1024 layers");
    hostile("residual{dense 1}", "", "m:1: a model has at most 1024 layers");
    hostile("repeat 2{", "", "m:1: blocks are more than 8 deep");
    hostile("#{\n", "repeat 1024{dense 1}dense 1", "m:21837: a model has at most 1024 layers");
    hostile("\n", "residual",
            "m:65529: the '{' of 'residual' is missing (expected: residual "
            "[project] { LAYERS } [ACTIVATION])");
    hostile(" ",
            "repeat 1024{repeat 1024{repeat 1024{repeat 1024{repeat 1024{repeat 1024{repeat 1024{"
            "repeat 1024{dense 1}}}}}}}}",
            "m:1: a model has at most 1024 layers");
}
END_TEST

/* The longest layers are written in no more bytes than a model may have. */
START_TEST(longest_canonical_text)
{
    char text[256] = "repeat 1023 { conv 65536 255x255 stride 255 valid nobias sigmoid } dense 1";
    struct fmnn_model *model = fmnn_model_parse(text, "m", NULL);
    ck_assert_ptr_nonnull(model);
    ck_assert_uint_eq(model->layer_count, FM_MAX_LAYERS);
    char *canonical = fm_model_text(model, 1, NULL);
    ck_assert_uint_lt(strlen(canonical), FM_MAX_MODEL_TEXT);
    struct fmnn_model *again = fmnn_model_parse(canonical, "m", NULL);
    ck_assert_ptr_nonnull(again);
    ck_assert_uint_eq(again->layer_count, FM_MAX_LAYERS);
    free(canonical);
    fmnn_model_free(model);
    fmnn_model_free(again);
}
END_TEST

/* Every row of the table: its default is a value that it accepts, and a value set is the one
   got. */
START_TEST(settings_have_the_values_set)
{
    struct fmnn_recipe *recipe = fmnn_recipe_new(NULL, NULL);
    const struct fmnn_setting *s;
    size_t i = 0;
    for (; (s = fmnn_recipe_setting(i)) != NULL; i++) {
        ck_assert_msg(s->argument && s->help && s->fallback, "%s", s->name);
        if (!strcmp(s->name, "lr") || !strcmp(s->name, "decay")) /* see below */
            continue;
        char *value = fmnn_recipe_get(recipe, s->name, NULL);
        ck_assert_str_eq(value, s->fallback);
        ck_assert_int_eq(fmnn_recipe_set(recipe, s->name, value, NULL), 0);
        free(value);
        ck_assert_int_eq(fmnn_recipe_set(recipe, s->name, "no value", NULL), -1);
    }
    ck_assert_uint_ge(i, 5);
    ck_assert_int_eq(fmnn_recipe_set(recipe, "momentum", "0.25", NULL), 0);
    struct fmnn_recipe *copy = fmnn_recipe_new(recipe, NULL);
    char *value = fmnn_recipe_get(copy, "momentum", NULL);
    ck_assert_str_eq(value, "0.25");
    free(value);
    ck_assert_int_eq(fmnn_recipe_set(copy, "lr", "0.00123456789123", NULL), 0);
    ck_assert_double_eq(copy->lr, 0.00123456789); /* what records have */
    struct fmnn_error err;
    ck_assert_ptr_null(fmnn_recipe_get(copy, "batches", &err));
    ck_assert_str_eq(err.message, "unknown option 'batches'; did you mean 'batch'?");
    ck_assert_ptr_null(fmnn_recipe_get(copy, "x", &err));
    char wanted[1024];
    ck_assert_str_eq(err.message, with_settings("unknown option 'x' (known: SETTINGS)", wanted));
    fmnn_recipe_free(recipe);
    fmnn_recipe_free(copy);
}
END_TEST

/* The learning rate's default is the optimizer's, and its description says so. */
START_TEST(defaults_that_depend_on_the_optimizer)
{
    struct fmnn_recipe *recipe = fmnn_recipe_new(NULL, NULL);
    static const char *const depending[] = {"lr", "decay", NULL};
    for (size_t i = 0; fm_optimizer_at(i); i++) {
        const char *name = fm_optimizer_at(i)->name;
        ck_assert_int_eq(fmnn_recipe_set(recipe, "optimizer", name, NULL), 0);
        for (const char *const *setting = depending; *setting; setting++) {
            char *value = fmnn_recipe_get(recipe, *setting, NULL), after[32];
            snprintf(after, sizeof after, "%s ", name);
            const char *at = strstr(fm_setting_find(*setting)->shown.fallback, after);
            ck_assert_ptr_nonnull(at);
            ck_assert(strtod(at + strlen(after), NULL) == strtod(value, NULL));
            free(value);
        }
        ck_assert_int_eq(fmnn_recipe_uses(recipe, "momentum"), !strcmp(name, "sgd"));
        ck_assert(fmnn_recipe_uses(recipe, "lr"));
    }
    ck_assert(!fmnn_recipe_uses(recipe, "no setting"));
    fmnn_recipe_free(recipe);
}
END_TEST

START_TEST(recipes_come_from_the_text)
{
    struct fmnn_model *model = fmnn_model_parse(cnn, "m", NULL);
    const struct fmnn_recipe *r = fmnn_model_recipe(model);
    ck_assert_str_eq(r->optimizer, "adam");
    ck_assert(r->lr == 1e-4);
    ck_assert_uint_eq(r->epochs, 10);
    ck_assert_uint_eq(r->batch, 32);
    fmnn_model_free(model);
    model =
        fmnn_model_parse("set optimizer sgd | set momentum 0.5; set batch 7\ndense 2", "m", NULL);
    r = fmnn_model_recipe(model);
    ck_assert_str_eq(r->optimizer, "sgd");
    ck_assert(r->momentum == 0.5);
    ck_assert(!(r->lr > 0)); /* the optimizer's own */
    ck_assert_uint_eq(r->batch, 7);
    ck_assert_uint_eq(r->epochs, 10);
    fmnn_model_free(model);
    model = fmnn_model_parse("set optimizer sgd; set optimizer adam\ndense 2", "m", NULL);
    ck_assert_ptr_nonnull(model);
    ck_assert_str_eq(fmnn_model_recipe(model)->optimizer, "adam");
    fmnn_model_free(model);
}
END_TEST

/* As Keras: ceil(size / stride) outputs, the odd row or column of padding at the end. */
START_TEST(shapes_are_those_of_keras)
{
    static const struct {
        const char *layer;
        size_t h, w, c, oh, ow;
    } cases[] = {
        {"conv 4 3x3", 7, 9, 4, 7, 9},
        {"conv 4 4x2", 7, 9, 4, 7, 9},
        {"conv 4 3x3 stride 2", 7, 8, 4, 4, 4},
        {"conv 4 2x2 stride 3", 7, 8, 4, 3, 3},
        {"conv 4 3x2 valid", 7, 8, 4, 5, 7},
        {"conv 4 3x3 valid stride 2", 7, 8, 4, 3, 3},
        {"conv 4 1x1 stride 5", 11, 10, 4, 3, 2},
        {"avgpool 2", 7, 8, 1, 3, 4},
        {"maxpool 3", 11, 3, 1, 3, 1},
        {"conv 4 9x9", 2, 2, 4, 2, 2},
    };
    for (size_t i = 0; i < FM_COUNT(cases); i++) {
        char text[64];
        struct fmnn_layer layer;
        snprintf(text, sizeof text, "%s | dense classes", cases[i].layer);
        struct fmnn_net *net = net_of(text, cases[i].h, cases[i].w, 2, NULL);
        ck_assert(fmnn_net_layer(net, 0, &layer));
        ck_assert_uint_eq(layer.shape.channels, cases[i].c);
        ck_assert_uint_eq(layer.shape.height, cases[i].oh);
        ck_assert_uint_eq(layer.shape.width, cases[i].ow);
        fmnn_net_free(net);
    }
}
END_TEST

/* Modules count as in PyTorch: activations, pools, the padding before a strided "same"
   convolution, and the flatten before the first dense layer. */
/* Keras pads max((ceil(n/s) - 1) s + k - n, 0) in all, the odd row or column at the end. */
START_TEST(padding_is_that_of_keras)
{
    static const struct {
        size_t n, kernel, stride, before, after;
    } cases[] = {{9, 3, 1, 1, 1}, {9, 2, 1, 0, 1},  {9, 4, 1, 1, 2},       {8, 3, 2, 0, 1},
                 {9, 3, 2, 1, 1}, {28, 5, 3, 2, 2}, {10, 3, 3, 1, 1},      {11, 3, 3, 0, 1},
                 {7, 1, 2, 0, 0}, {5, 2, 5, 0, 0},  {1, 255, 1, 127, 127}, {1, 4, 7, 1, 2}};
    for (size_t i = 0; i < FM_COUNT(cases); i++) {
        struct fm_layer layer = {.units = 1, .stride = cases[i].stride};
        layer.kernel_h = layer.kernel_w = cases[i].kernel;
        struct fm_window w = fm_conv.window(&layer, (struct fm_shape){1, cases[i].n, cases[i].n});
        ck_assert_msg(w.top == cases[i].before && w.left == cases[i].before &&
                          w.bottom == cases[i].after && w.right == cases[i].after,
                      "case %zu: %zu,%zu and %zu,%zu", i, w.top, w.bottom, w.left, w.right);
        layer.valid = true;
        w = fm_conv.window(&layer, (struct fm_shape){1, 255, 255});
        ck_assert(!w.top && !w.left && !w.bottom && !w.right);
    }
}
END_TEST

START_TEST(tensors_bear_pytorchs_names)
{
    struct fmnn_net *net =
        net_of("conv 3 3x2 relu | maxpool 2 | conv 5 3x3 stride 2 | conv 4 1x1 valid "
               "stride 2 tanh | dense 6 relu | dense classes",
               9, 9, 4, NULL);
    static const struct {
        const char *name;
        unsigned rank;
        size_t size[4];
    } wanted[] = {{"0.weight", 4, {3, 1, 3, 2}}, {"0.bias", 1, {3}},
                  {"4.weight", 4, {5, 3, 3, 3}}, {"4.bias", 1, {5}},
                  {"5.weight", 4, {4, 5, 1, 1}}, {"5.bias", 1, {4}},
                  {"8.weight", 2, {6, 4}},       {"8.bias", 1, {6}},
                  {"10.weight", 2, {4, 6}},      {"10.bias", 1, {4}}};
    struct fmnn_tensor tensor;
    for (size_t i = 0; i < FM_COUNT(wanted); i++) {
        ck_assert(fmnn_net_tensor(net, i, &tensor));
        ck_assert_str_eq(tensor.name, wanted[i].name);
        ck_assert_uint_eq(tensor.rank, wanted[i].rank);
        for (unsigned k = 0; k < tensor.rank; k++)
            ck_assert_uint_eq(tensor.size[k], wanted[i].size[k]);
    }
    ck_assert(!fmnn_net_tensor(net, FM_COUNT(wanted), &tensor));
    fmnn_net_free(net);
}
END_TEST

/* A residual is one module with a body and, if it projects, a skip. The Flatten before the first
   dense layer stands before the residual that contains this layer. */
START_TEST(tensors_in_residuals_bear_pytorchs_names)
{
    static const struct {
        const char *text, *names;
    } cases[] = {
        {"conv 4 3x3 bn relu | bn silu | conv 4 3x3 nobias gelu | dense classes",
         "0.weight 1.weight 1.bias 1.running_mean 1.running_var 3.weight 3.bias 3.running_mean "
         "3.running_var 5.weight 8.weight 8.bias "},
        {"conv 4 3x3 relu | residual { conv 4 3x3 relu | conv 4 3x3 } relu | conv 2 1x1 | dense "
         "classes",
         "0.weight 0.bias 2.body.0.weight 2.body.0.bias 2.body.2.weight 2.body.2.bias 4.weight "
         "4.bias 6.weight 6.bias "},
        {"conv 2 3x3 | dropout 0.5 | maxpool all | bn | dropout 0 | dense 4 gelu | dropout 0.5 | "
         "dense classes",
         "0.weight 0.bias 3.weight 3.bias 3.running_mean 3.running_var 6.weight 6.bias 9.weight "
         "9.bias "},
        {"residual project { conv 4 3x3 stride 2 bn relu | conv 4 3x3 bn } | dense classes",
         "0.body.1.weight 0.body.2.weight 0.body.2.bias 0.body.2.running_mean "
         "0.body.2.running_var 0.body.4.weight 0.body.5.weight 0.body.5.bias "
         "0.body.5.running_mean 0.body.5.running_var 0.skip.0.weight 0.skip.1.weight "
         "0.skip.1.bias 0.skip.1.running_mean 0.skip.1.running_var 2.weight 2.bias "},
        {"conv 2 3x3 | residual { residual { conv 2 1x1 } silu | residual project { conv 3 3x3 } "
         "| conv 2 3x3 } tanh | dense classes",
         "0.weight 0.bias 1.body.0.body.0.weight 1.body.0.body.0.bias 1.body.2.body.0.weight "
         "1.body.2.body.0.bias 1.body.2.skip.0.weight 1.body.2.skip.1.weight 1.body.2.skip.1.bias "
         "1.body.2.skip.1.running_mean 1.body.2.skip.1.running_var 1.body.3.weight 1.body.3.bias "
         "4.weight 4.bias "},
        {"conv 2 3x3 | residual project { dense 4 relu | dense 5 } relu | residual { dense 5 } | "
         "dense classes",
         "0.weight 0.bias 2.body.0.weight 2.body.0.bias 2.body.2.weight 2.body.2.bias "
         "2.skip.0.weight 2.skip.1.weight 2.skip.1.bias 2.skip.1.running_mean "
         "2.skip.1.running_var 4.body.0.weight 4.body.0.bias 5.weight 5.bias "},
    };
    for (size_t i = 0; i < FM_COUNT(cases); i++) {
        struct fmnn_error err = {0};
        struct fmnn_net *net = net_of(cases[i].text, 8, 8, 3, &err);
        ck_assert_msg(net != NULL, "%s", err.message);
        struct fmnn_tensor tensor;
        char names[1024] = "";
        for (size_t k = 0; fmnn_net_tensor(net, k, &tensor); k++)
            strcat(strcat(names, tensor.name), " ");
        ck_assert_str_eq(names, cases[i].names);
        fmnn_net_free(net);
    }
}
END_TEST

/* The input of the last node, a dense layer, after a projection. */
START_TEST(projections_have_the_stride_of_the_block)
{
    static const struct {
        const char *layers;
        size_t h, w, c, oh, ow;
    } cases[] = {
        {"conv 4 3x3 stride 2", 9, 8, 4, 5, 4},
        {"conv 4 3x3 stride 2 | maxpool 2", 8, 16, 4, 2, 4},
        {"conv 4 3x3 stride 3 | conv 5 1x1 stride 2", 14, 7, 5, 3, 2},
        {"avgpool 2 | conv 3 3x3", 8, 8, 3, 4, 4},
        {"conv 6 5x5", 3, 3, 6, 3, 3},
        {"residual project { conv 4 3x3 stride 2 } conv 7 3x3 stride 2", 8, 8, 7, 2, 2},
        {"conv 2 1x1 stride 255 | conv 2 1x1 stride 255 | conv 2 1x1 stride 255 | conv 2 1x1 "
         "stride 255",
         3, 300, 2, 1, 1},
    };
    for (size_t i = 0; i < FM_COUNT(cases); i++) {
        char text[256];
        struct fmnn_error err = {0};
        struct fmnn_layer layer;
        snprintf(text, sizeof text, "residual project { %s } relu | dense classes",
                 cases[i].layers);
        struct fmnn_net *net = net_of(text, cases[i].h, cases[i].w, 2, &err);
        ck_assert_msg(net != NULL, "%s", err.message);
        ck_assert(fmnn_net_layer(net, net->node_count - 2, &layer));
        ck_assert_str_eq(layer.text, "add relu");
        ck_assert_uint_eq(layer.shape.channels, cases[i].c);
        ck_assert_uint_eq(layer.shape.height, cases[i].oh);
        ck_assert_uint_eq(layer.shape.width, cases[i].ow);
        fmnn_net_free(net);
    }
}
END_TEST

/* Depths and the residuals that begin, as --summary prints them. */
START_TEST(layers_tell_their_blocks)
{
    struct fmnn_net *net = net_of("residual { residual project { conv 64 3x3 bn relu } conv 1 3x3 "
                                  "} relu | dense classes",
                                  8, 8, 3, NULL);
    static const struct {
        const char *text, *opens;
        unsigned depth;
        bool winograd;
        uint64_t parameters;
    } wanted[] = {{"conv 64 3x3 nobias", "residual { residual project {", 2, false, 576},
                  {"bn relu", NULL, 2, false, 128},
                  {"project: conv 64 1x1 valid nobias", NULL, 2, false, 64},
                  {"project: bn", NULL, 2, false, 128},
                  {"add", NULL, 1, false, 0},
                  {"conv 1 3x3", NULL, 1, false, 577},
                  {"add relu", NULL, 0, false, 0},
                  {"dense 3", NULL, 0, false, 195}};
    struct fmnn_layer layer;
    ck_assert_ptr_nonnull(net);
    ck_assert_uint_eq(net->node_count, FM_COUNT(wanted));
    for (size_t i = 0; i < FM_COUNT(wanted); i++) {
        ck_assert(fmnn_net_layer(net, i, &layer));
        ck_assert_str_eq(layer.text, wanted[i].text);
        ck_assert_pstr_eq(layer.opens, wanted[i].opens);
        ck_assert_uint_eq(layer.depth, wanted[i].depth);
        ck_assert_int_eq(layer.winograd, wanted[i].winograd);
        ck_assert_uint_eq(layer.parameters, wanted[i].parameters);
    }
    fmnn_net_free(net);
}
END_TEST

START_TEST(values_survive_the_stored_order)
{
    struct fmnn_net *net = net_of("conv 35 3x2 relu | dense 33 | dense classes", 4, 5, 7, NULL);
    ck_assert_ptr_nonnull(net);
    for (size_t i = 0; i < net->parameter_count; i++) {
        size_t count = fm_parameter_count(&net->parameter[i]);
        float *in = malloc(count * sizeof *in), *out = malloc(count * sizeof *out);
        for (size_t k = 0; k < count; k++)
            in[k] = (float)(k + 1);
        fmnn_net_set(net, i, in);
        fmnn_net_get(net, i, out);
        ck_assert_int_eq(memcmp(in, out, count * sizeof *in), 0);
        free(in);
        free(out);
    }
    size_t set = 0, elements = 0; /* and nothing else was touched */
    for (size_t k = 0; k < net->stored; k++)
        set += net->weights[k] > 0;
    for (size_t i = 0; i < net->parameter_count; i++)
        elements += fm_parameter_count(&net->parameter[i]);
    ck_assert_uint_eq(set, elements);
    fmnn_net_free(net);
}
END_TEST

/* Where an element lies, in plain words. */
static size_t stored_place(const struct fm_parameter *p, size_t k)
{
    size_t x = k % p->w, y = k / p->w % p->h, c = k / (p->w * p->h) % p->c;
    size_t unit = k / (p->w * p->h * p->c), tap = (y * p->w + x) * p->c + c;
    return p->offset + (unit / 32 * (p->h * p->w * p->c) + tap) * 32 + unit % 32;
}

static const char *const odd_models[] = {
    "conv 33 3x5 | conv 5 3x3 relu | dense 70 relu | dense 300 | dense 33 relu | dense classes",
    "dense 65 | dense 257 | dense 1 | dense classes",
};

/* Whole, or some units at a time, wherever panels begin. */
START_TEST(parameters_lie_in_panels)
{
    static const size_t steps[] = {SIZE_MAX, 32, 7, 1, 45};
    struct fmnn_net *net = net_of(odd_models[_i], 19, 17, 3, NULL);
    ck_assert_ptr_nonnull(net);
    for (size_t i = 0; i < net->parameter_count; i++) {
        const struct fm_parameter *p = &net->parameter[i];
        size_t count = fm_parameter_count(p), row = count / p->units;
        float *in = malloc(count * sizeof *in), *out = malloc(count * sizeof *out);
        for (size_t s = 0; s < FM_COUNT(steps); s++) {
            for (size_t k = 0; k < count; k++)
                in[k] = (float)(k + s + 1);
            for (size_t unit = 0, n; unit < p->units; unit += n) {
                n = steps[s] < p->units - unit ? steps[s] : p->units - unit;
                fm_parameter_set_units(p, net->weights, unit, n, in + unit * row);
                fm_parameter_get_units(p, net->weights, unit, n, out + unit * row);
            }
            ck_assert_int_eq(memcmp(in, out, count * sizeof *in), 0);
            size_t wrong = 0;
            for (size_t k = 0; k < count; k++)
                wrong += net->weights[stored_place(p, k)] != in[k];
            ck_assert_uint_eq(wrong, 0);
        }
        free(in);
        free(out);
    }
    fmnn_net_free(net);
}
END_TEST

START_TEST(starting_weights_go_by_their_place)
{
    struct fmnn_net *net = net_of(odd_models[_i], 19, 17, 3, NULL);
    ck_assert_ptr_nonnull(net);
    for (unsigned threads = 0; threads < if_quick(1, 4); threads++) {
        fmnn_net_initialise(net, 40 + threads, threads);
        for (size_t i = 0; i < net->parameter_count; i += 2) {
            const struct fm_parameter *p = &net->parameter[i];
            double deviation = sqrt(2.0 / (double)(p->c * p->h * p->w));
            for (uint64_t k = 0; k < fm_parameter_count(p); k++) {
                uint64_t bits = fm_random(40 + threads, FM_RNG_INIT, 0, (uint64_t)i << 40 | k);
                float want = (float)(deviation * fm_random_truncated_normal(bits));
                ck_assert(net->weights[stored_place(p, k)] == want);
            }
        }
    }
    fmnn_net_free(net);
}
END_TEST

START_TEST(starting_weights_are_he_normal)
{
    struct fmnn_net *net =
        net_of("conv 64 5x5 relu | dense 40 relu | dense classes", 8, 8, 3, NULL);
    fmnn_net_initialise(net, 3, 0);
    for (size_t i = 0; i < 4; i++) {
        const struct fm_parameter *p = &net->parameter[i];
        size_t count = fm_parameter_count(p);
        float *w = malloc(count * sizeof *w);
        fmnn_net_get(net, i, w);
        double sum = 0, squares = 0, max = 0, deviation = sqrt(2.0 / (double)(p->c * p->h * p->w));
        for (size_t k = 0; k < count; k++) {
            sum += (double)w[k];
            squares += (double)w[k] * (double)w[k];
            max = fmax(max, fabs((double)w[k]));
        }
        if (p->rank == 1) {
            ck_assert(!(max > 0));
        } else {
            double n = (double)count;
            ck_assert_double_lt(fabs(sum / n), 4 * deviation / sqrt(n));
            ck_assert_double_lt(fabs(sqrt(squares / n) / deviation - 1), 4 / sqrt(n));
            ck_assert_double_lt(max, 2 * deviation / 0.8796);
        }
        free(w);
    }
    fmnn_net_free(net);
}
END_TEST

/* `set init dirac`: as many identities as there are channels, if there are filters enough. */
START_TEST(dirac_starts_with_identities)
{
    static const struct {
        size_t tensor, units, c, h, w;
    } conv[] = {{0, 5, 1, 3, 3}, {2, 37, 5, 2, 3}, {4, 37, 37, 4, 6}, {6, 4, 37, 1, 1}};
    struct fmnn_model *model = fmnn_model_parse(
        "set init dirac | conv 5 3x3 | conv 37 2x3 | conv 37 4x6 | conv 4 1x1 | dense classes",
        "text", NULL);
    struct fmnn_net *net = fmnn_net_new(model, (struct fmnn_shape){1, 6, 7}, 3, NULL);
    struct fmnn_net *he = fmnn_net_new(model, (struct fmnn_shape){1, 6, 7}, 3, NULL);
    fmnn_net_start(net, fmnn_model_recipe(model), 8, 2);
    fmnn_net_start(he, NULL, 8, 1);
    for (size_t i = 0; i < FM_COUNT(conv); i++) {
        size_t taps = conv[i].c * conv[i].h * conv[i].w;
        size_t identities = conv[i].c <= conv[i].units ? conv[i].c : 0;
        float *a = calloc(conv[i].units * taps, sizeof *a);
        float *b = calloc(conv[i].units * taps, sizeof *b);
        fmnn_net_get(net, conv[i].tensor, a);
        fmnn_net_get(he, conv[i].tensor, b);
        for (size_t u = 0; u < identities; u++)
            for (size_t k = 0; k < taps; k++) {
                size_t y = (conv[i].h - 1) / 2, x = (conv[i].w - 1) / 2;
                size_t centre = (u * conv[i].h + y) * conv[i].w + x;
                ck_assert(a[u * taps + k] == (k == centre ? 1 : 0));
            }
        size_t rest = identities * taps;
        ck_assert(!memcmp(a + rest, b + rest, (conv[i].units * taps - rest) * sizeof *a));
        free(a);
        free(b);
    }
    fmnn_net_free(net);
    fmnn_net_free(he);
    fmnn_model_free(model);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("model");
    tcase_add_test(tcase, dirac_starts_with_identities);
    tcase_add_test(tcase, presets_have_the_known_sizes);
    tcase_add_test(tcase, texts_are_read_and_written_canonically);
    tcase_add_test(tcase, mistakes_are_met_with_one_line);
    tcase_add_test(tcase, mistakes_in_blocks_are_met_with_one_line);
    tcase_add_test(tcase, hostile_texts_end);
    tcase_add_test(tcase, longest_canonical_text);
    tcase_add_test(tcase, the_nearest_word);
    tcase_add_test(tcase, bounds_belong_to_it);
    tcase_add_test(tcase, long_texts_end);
    tcase_add_test(tcase, settings_have_the_values_set);
    tcase_add_test(tcase, defaults_that_depend_on_the_optimizer);
    tcase_add_test(tcase, recipes_come_from_the_text);
    tcase_add_test(tcase, shapes_are_those_of_keras);
    tcase_add_test(tcase, padding_is_that_of_keras);
    tcase_add_test(tcase, tensors_bear_pytorchs_names);
    tcase_add_test(tcase, tensors_in_residuals_bear_pytorchs_names);
    tcase_add_test(tcase, projections_have_the_stride_of_the_block);
    tcase_add_test(tcase, layers_tell_their_blocks);
    tcase_add_loop_test(tcase, parameters_lie_in_panels, 0, FM_COUNT(odd_models));
    tcase_add_loop_test(tcase, starting_weights_go_by_their_place, 0, FM_COUNT(odd_models));
    tcase_add_test(tcase, values_survive_the_stored_order);
    tcase_add_test(tcase, starting_weights_are_he_normal);
    return run_tests("model", tcase);
}
