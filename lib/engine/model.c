/* model.c -- reads a model's text (fmnn-model(5)): statements between '|', ';' and line ends. */
#include "engine/model.h"

#include <stdio.h>

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
    return fm_fail(err, FMNN_USAGE, "unexpected '%s' (expected: %s)", word, type->synopsis);
}

static int parse_set(struct fmnn_model *model, struct fm_words *words, struct fmnn_error *err)
{
    const char *option = fm_next_word(words), *word = fm_next_word(words);
    if (!word)
        return fm_fail(err, FMNN_USAGE, "'set' takes an option and a value");
    char value[FM_MAX_VALUE] = "";
    for (size_t used = 0; word; word = fm_next_word(words)) {
        int more = snprintf(value + used, sizeof value - used, "%s%s", used ? " " : "", word);
        used += (size_t)more;
        if (used >= sizeof value)
            return fm_fail(err, FMNN_USAGE, "the value of '%s' has more than %d bytes", option,
                           FM_MAX_VALUE - 1);
    }
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
        return fm_fail(err, FMNN_USAGE, "a model has at most %d layers", FM_MAX_LAYERS);
    void *array = model->layer;
    if (fm_grow(&array, &model->layer_capacity, model->layer_count + 1, sizeof layer, err) != 0)
        return -1;
    model->layer = array;
    model->layer[model->layer_count++] = layer;
    return 0;
}

/* Splits a statement, which it overwrites, into words and parses it. *empty: it has no words. */
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

/* Cuts a statement off *text, up to '|', ';', the end of the line or of the text, without its
   comment. Returns what ended it; 0: the end of the text. */
static char cut_statement(char **text)
{
    char *end = *text + strcspn(*text, "|;\n#");
    if (*end == '#') {
        size_t comment = strcspn(end, "\n");
        *end = 0;
        end += comment;
    }
    char separator = *end;
    *end = 0;
    *text = end + 1;
    return separator;
}

static int no_layer(const struct fmnn_model *model, unsigned line, const char *where,
                    struct fmnn_error *err)
{
    fm_fail(err, FMNN_USAGE, "there is no layer %s the '|'", where);
    return locate(model, line, err);
}

static int parse_text(struct fmnn_model *model, char *text, struct fmnn_error *err)
{
    unsigned line = 1, open = 0; /* the line of a '|' whose layer has not come yet */
    bool any = false, empty = true;
    char separator;
    do {
        char *statement = text;
        separator = cut_statement(&text);
        if (parse_statement(model, statement, line, &empty, err) != 0)
            return locate(model, line, err);
        any |= !empty;
        open = empty ? open : 0;
        if (separator == '|' && (open || !any))
            return no_layer(model, line, "before", err);
        if (separator == '|')
            open = line;
        line += separator == '\n';
    } while (separator);
    return open ? no_layer(model, open, "after", err) : 0;
}

static int read_model(struct fmnn_model *model, const char *text, const char *name,
                      struct fmnn_error *err)
{
    model->name = fm_strdup(name, err);
    if (!model->name)
        return -1;
    if (strlen(text) > FM_MAX_MODEL_TEXT)
        return fm_fail(err, FMNN_USAGE, "%s: the text of a model has at most %d bytes", name,
                       FM_MAX_MODEL_TEXT);
    char *copy = fm_strdup(text, err);
    int status = copy ? parse_text(model, copy, err) : -1;
    free(copy);
    if (status == 0 && model->layer_count == 0)
        return fm_fail(err, FMNN_USAGE, "%s: there is no layer", name);
    return status;
}

struct fmnn_model *fmnn_model_parse(const char *text, const char *name, struct fmnn_error *err)
{
    struct fmnn_model *model = fm_alloc(1, sizeof *model, err);
    if (!model)
        return NULL;
    fm_recipe_init(&model->recipe);
    if (read_model(model, text, name, err) == 0)
        return model;
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
