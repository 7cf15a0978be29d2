/* model.c -- reads a model's text (fmnn-model(5)): statements between '|', ';' and line ends. */
#include "engine/model.h"

enum { MAX_WORDS = 16 };

/* ---- statements */

static int unknown_layer(const char *word, struct fmnn_error *err)
{
    const char *names[16] = {"set"};
    const struct fm_layer_type *type;
    for (size_t i = 0, n = 1; n + 1 < FM_COUNT(names) && (type = fm_layer_type_at(i)); i++)
        if (type->parse)
            names[n++] = type->name;
    const char *nearest = fmnn_suggest(word, names);
    if (nearest)
        return fm_fail(err, FMNN_USAGE, "unknown layer '%s'; did you mean '%s'?", word, nearest);
    return fm_fail(err, FMNN_USAGE, "unknown layer '%s' (see fmnn-model(5))", word);
}

static const struct fm_layer_type *find_type(const char *name)
{
    const struct fm_layer_type *type = NULL;
    for (size_t i = 0; (type = fm_layer_type_at(i)) != NULL; i++)
        if (type->parse && !strcmp(type->name, name))
            break;
    return type;
}

static int left_over(const struct fm_layer_type *type, const char *word, struct fmnn_error *err)
{
    const char *known[FM_ACTIVATIONS + 3] = {"stride", "valid"};
    for (int i = 0; i < FM_ACTIVATIONS; i++)
        known[i + 2] = fm_activation_names[i];
    const char *nearest = fmnn_suggest(word, known);
    if (nearest && strcmp(nearest, word) != 0)
        return fm_fail(err, FMNN_USAGE, "unknown word '%s'; did you mean '%s'?", word, nearest);
    return fm_fail(err, FMNN_USAGE, "'%s' does not belong there (%s)", word, type->synopsis);
}

static int parse_set(struct fmnn_model *model, struct fm_words *words, struct fmnn_error *err)
{
    const char *option = fm_next_word(words), *value = fm_next_word(words);
    if (!value || words->next < words->count)
        return fm_fail(err, FMNN_USAGE, "'set' takes an option and a value");
    return fmnn_recipe_set(&model->recipe, option, value, err);
}

static int parse_layer(struct fmnn_model *model, struct fm_words *words, unsigned line,
                       struct fmnn_error *err)
{
    const char *name = fm_next_word(words);
    struct fm_layer layer = {.type = find_type(name), .line = line, .stride = 1};
    if (!layer.type)
        return unknown_layer(name, err);
    if (layer.type->parse(&layer, words, err) != 0)
        return -1;
    if (words->next < words->count)
        return left_over(layer.type, words->word[words->next], err);
    if (model->layer_count == FM_MAX_LAYERS)
        return fm_fail(err, FMNN_USAGE, "more than %d layers", FM_MAX_LAYERS);
    void *array = model->layer;
    if (fm_grow(&array, &model->layer_capacity, model->layer_count + 1, sizeof layer, err) != 0)
        return -1;
    model->layer = array;
    model->layer[model->layer_count++] = layer;
    return 0;
}

/* Splits one statement, which it overwrites, into words, and parses it. *empty: there was none. */
static int parse_statement(struct fmnn_model *model, char *text, unsigned line, bool *empty,
                           struct fmnn_error *err)
{
    char *word[MAX_WORDS], *rest = NULL;
    struct fm_words words = {.word = word};
    for (char *w = strtok_r(text, " \t\r", &rest); w; w = strtok_r(NULL, " \t\r", &rest)) {
        if (words.count == MAX_WORDS)
            return fm_fail(err, FMNN_USAGE, "'%s': too many words for one layer", word[0]);
        word[words.count++] = w;
    }
    *empty = words.count == 0;
    if (*empty)
        return 0;
    if (!strcmp(word[0], "set")) {
        words.next = 1;
        return parse_set(model, &words, err);
    }
    return parse_layer(model, &words, line, err);
}

/* Puts "NAME:LINE: " before the message. */
static int locate(const struct fmnn_model *model, unsigned line, struct fmnn_error *err)
{
    struct fmnn_error inner;
    if (!err)
        return -1;
    inner = *err;
    return fm_fail(err, inner.status, "%s:%u: %s", model->name, line, inner.message);
}

static int parse_text(struct fmnn_model *model, char *text, struct fmnn_error *err)
{
    unsigned line = 1, pipe_line = 0; /* pipe_line: where an open '|' waits for its layer */
    bool any = false;                 /* there was a statement before */
    for (char *start = text;;) {
        char *end = start + strcspn(start, "|;\n#");
        char separator = *end;
        if (separator == '#') {
            size_t comment = strcspn(end, "\n");
            separator = end[comment] ? '\n' : 0;
            *end = 0;
            end += comment;
        }
        *end = 0;
        bool empty;
        if (parse_statement(model, start, line, &empty, err) != 0)
            return locate(model, line, err);
        if (!empty) {
            pipe_line = 0;
            any = true;
        }
        if (separator == '|') {
            if (pipe_line || !any) {
                fm_fail(err, FMNN_USAGE, "there is no layer before the '|'");
                return locate(model, line, err);
            }
            pipe_line = line;
        }
        if (!separator)
            break;
        line += separator == '\n';
        start = end + 1;
    }
    if (pipe_line) {
        fm_fail(err, FMNN_USAGE, "there is no layer after the '|'");
        return locate(model, pipe_line, err);
    }
    return 0;
}

struct fmnn_model *fmnn_model_parse(const char *text, const char *name, struct fmnn_error *err)
{
    struct fmnn_model *model = fm_alloc(1, sizeof *model, err);
    char *copy = NULL;
    if (!model)
        return NULL;
    fm_recipe_init(&model->recipe);
    model->name = fm_strdup(name, err);
    if (!model->name)
        goto fail;
    if (strlen(text) > FM_MAX_MODEL_TEXT) {
        fm_fail(err, FMNN_USAGE, "%s: a model's text has at most %d bytes", name,
                FM_MAX_MODEL_TEXT);
        goto fail;
    }
    copy = fm_strdup(text, err);
    if (!copy || parse_text(model, copy, err) != 0)
        goto fail;
    if (model->layer_count == 0) {
        fm_fail(err, FMNN_USAGE, "%s: there is no layer", name);
        goto fail;
    }
    free(copy);
    return model;
fail:
    free(copy);
    fmnn_model_free(model);
    return NULL;
}

void fmnn_model_free(struct fmnn_model *model)
{
    if (!model)
        return;
    free(model->name);
    free(model->layer);
    free(model);
}

const struct fmnn_recipe *fmnn_model_recipe(const struct fmnn_model *model)
{
    return &model->recipe;
}
