/* layer-registry.c -- all layer types and activations, and helpers for their parsers. */
#include "engine/layer.h"

static const struct fm_layer_type *const types[] = {
#define ROW(name) &fm_##name,
    FM_LAYERS(ROW)
#undef ROW
};

const struct fm_layer_type *fm_layer_type_at(size_t i)
{
    return i < FM_COUNT(types) ? types[i] : NULL;
}

const char *const fm_activation_names[FM_ACTIVATIONS + 1] = {
    [FM_LINEAR] = "linear", [FM_RELU] = "relu", [FM_SIGMOID] = "sigmoid",
    [FM_TANH] = "tanh",     [FM_SILU] = "silu", [FM_GELU] = "gelu"};

const char *fm_next_word(struct fm_words *words)
{
    return words->next < words->count ? words->word[words->next++] : NULL;
}

bool fm_take_word(struct fm_words *words, const char *wanted)
{
    bool is = words->next < words->count && !strcmp(words->word[words->next], wanted);
    words->next += is;
    return is;
}

int fm_word_count(struct fm_words *words, const char *what, size_t max, size_t *value,
                  struct fmnn_error *err)
{
    const char *word = fm_next_word(words);
    uint64_t number;
    if (!word)
        return fm_fail(err, FMNN_USAGE, "%s is missing", what);
    if (!fm_parse_unsigned(word, max, &number) || number < 1)
        return fm_fail(err, FMNN_USAGE, "%s '%s' is not a number in 1..%zu", what, word, max);
    *value = (size_t)number;
    return 0;
}

int fm_word_size(struct fm_words *words, size_t max, size_t *h, size_t *w, struct fmnn_error *err)
{
    const char *word = fm_next_word(words);
    if (!word)
        return fm_fail(err, FMNN_USAGE, "the kernel's size, such as 3x3, is missing");
    char rows[16];
    size_t length = strcspn(word, "x");
    uint64_t a = 0, b = 0;
    bool good = word[length] == 'x' && length < sizeof rows;
    if (good) {
        memcpy(rows, word, length);
        rows[length] = 0;
        good = fm_parse_unsigned(rows, max, &a) && fm_parse_unsigned(word + length + 1, max, &b);
    }
    if (!good || a < 1 || b < 1)
        return fm_fail(err, FMNN_USAGE, "'%s' is not a kernel's size, such as 3x3", word);
    *h = (size_t)a;
    *w = (size_t)b;
    return 0;
}

void fm_word_activation(struct fm_words *words, enum fm_activation *activation)
{
    for (int i = 0; i < FM_ACTIVATIONS; i++)
        if (fm_take_word(words, fm_activation_names[i])) {
            *activation = (enum fm_activation)i;
            return;
        }
}
