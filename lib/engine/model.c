/* model.c -- reads a model's text (fmnn-model(5)): statements between '|', ';' and line ends, and
   blocks of statements between braces. */
#include "engine/model.h"

#include <stdio.h>

enum { MAX_WORDS = 16 };

/* ---- the blocks that are open */

struct block_type {
    const char *name, *synopsis;
};

enum { RESIDUAL, REPEAT, BLOCK_TYPES };

static const struct block_type block_types[BLOCK_TYPES] = {
    [RESIDUAL] = {"residual", "residual [project] { LAYERS } [ACTIVATION]"},
    [REPEAT] = {"repeat", "repeat N { LAYERS }"}};

struct open {
    const struct block_type *type;
    unsigned line;
    size_t times;                    /* of 'repeat' */
    bool project;                    /* of 'residual' */
    size_t first_layer, first_block; /* the model's numbers of both where the block begins */
};

struct parser {
    struct fmnn_model *model;
    char *text; /* what has not been read */
    unsigned line;
    struct open open[FM_MAX_DEPTH];
    size_t depth;
    struct fm_block *closed; /* whose '}' came just before: an activation may follow; or NULL */
    unsigned bar;            /* the line of a '|' whose layer has not come yet, or 0 */
    bool any;                /* statement came */
};

/* ---- words that fit nowhere */

/* The nearest of the names, unless it is the word itself. */
static const char *nearest(const char *word, const char *const *names)
{
    const char *name = fmnn_suggest(word, names);
    return name && strcmp(name, word) != 0 ? name : NULL;
}

static int unknown_layer(const struct parser *p, const char *word, struct fmnn_error *err)
{
    const char *names[24 + FM_ACTIVATIONS] = {"set"};
    const struct fm_layer_type *type;
    size_t n = 1;
    for (size_t i = 0; i < BLOCK_TYPES; i++)
        names[n++] = block_types[i].name;
    for (size_t i = 0; n < 23 && (type = fm_layer_type_at(i)); i++)
        if (type->parse)
            names[n++] = type->name;
    for (size_t i = 0; i < FM_ACTIVATIONS; i++) {
        if (!strcmp(word, fm_activation_names[i]))
            return fm_fail(err, FMNN_USAGE,
                           "'%s' is an activation, which belongs at the end of a layer's statement",
                           word);
        if (p->closed)
            names[n++] = fm_activation_names[i];
    }
    const char *name = nearest(word, names);
    if (name)
        return fm_fail(err, FMNN_USAGE, "unknown layer '%s'; did you mean '%s'?", word, name);
    return fm_fail(err, FMNN_USAGE, "unknown layer '%s' (see fmnn-model(5))", word);
}

static int left_over(const char *synopsis, const char *word, struct fmnn_error *err)
{
    const char *known[FM_ACTIVATIONS + 8] = {"stride", "valid", "nobias", "bn", "all", "project"};
    for (int i = 0, n = 6; i < FM_ACTIVATIONS; i++)
        known[n++] = fm_activation_names[i];
    const char *name = nearest(word, known);
    if (name)
        return fm_fail(err, FMNN_USAGE, "unknown word '%s'; did you mean '%s'?", word, name);
    return fm_fail(err, FMNN_USAGE, "unexpected '%s' (expected: %s)", word, synopsis);
}

/* ---- statements */

static const struct fm_layer_type *find_type(const char *name)
{
    const struct fm_layer_type *type = NULL;
    for (size_t i = 0; (type = fm_layer_type_at(i)) != NULL; i++)
        if (type->parse && !strcmp(type->name, name))
            break;
    return type;
}

static int parse_set(struct parser *p, struct fm_words *words, struct fmnn_error *err)
{
    const char *option = fm_next_word(words), *word = fm_next_word(words);
    if (p->depth)
        return fm_fail(err, FMNN_USAGE, "'set' cannot be inside a block ('%s' at line %u)",
                       p->open[p->depth - 1].type->name, p->open[p->depth - 1].line);
    if (!word)
        return fm_fail(err, FMNN_USAGE, "'set' takes an option and a value");
    char value[FM_MAX_LIST] = "";
    for (size_t used = 0; word; word = fm_next_word(words)) {
        int more = snprintf(value + used, sizeof value - used, "%s%s", used ? " " : "", word);
        used += (size_t)more;
        if (used >= sizeof value)
            return fm_fail(err, FMNN_USAGE, "the value of '%s' has more than %d bytes", option,
                           FM_MAX_LIST - 1);
    }
    return fmnn_recipe_set(&p->model->recipe, option, value, err);
}

/* Room for more layers and blocks, which count together. */
static int make_room(struct fmnn_model *model, size_t layers, size_t blocks, struct fmnn_error *err)
{
    void *layer = model->layer, *block = model->block;
    if (layers + blocks > FM_MAX_LAYERS - model->layer_count - model->block_count)
        return fm_fail(err, FMNN_USAGE, "a model has at most %d layers", FM_MAX_LAYERS);
    int status = fm_grow(&layer, &model->layer_capacity, model->layer_count + layers,
                         sizeof *model->layer, err);
    model->layer = layer;
    if (status != 0)
        return -1;
    status = fm_grow(&block, &model->block_capacity, model->block_count + blocks,
                     sizeof *model->block, err);
    model->block = block;
    return status;
}

static int parse_layer(struct parser *p, struct fm_words *words, struct fmnn_error *err)
{
    struct fmnn_model *model = p->model;
    const char *name = fm_next_word(words);
    struct fm_layer layer = {.type = find_type(name), .line = p->line, .stride = 1};
    if (!layer.type)
        return unknown_layer(p, name, err);
    if (layer.type->parse(&layer, words, err) != 0)
        return -1;
    if (words->next < words->count)
        return left_over(layer.type->synopsis, words->word[words->next], err);
    if (make_room(model, 1, 0, err) != 0)
        return -1;
    model->layer[model->layer_count++] = layer;
    return 0;
}

/* ---- blocks */

static const struct block_type *find_block(const char *name)
{
    for (size_t i = 0; i < BLOCK_TYPES; i++)
        if (!strcmp(name, block_types[i].name))
            return &block_types[i];
    return NULL;
}

/* Takes a '{' that stands behind line ends and comments. */
static bool brace_follows(struct parser *p)
{
    char *at = p->text;
    unsigned line = p->line; /* the caller counts the line end that has been read */
    for (; *at && strchr(" \t\r\n#", *at); at++) {
        if (*at == '#')
            at += strcspn(at, "\n");
        if (!*at)
            return false;
        line += *at == '\n';
    }
    if (*at != '{')
        return false;
    p->text = at + 1;
    p->line = line;
    return true;
}

static int parse_head(struct open *open, struct fm_words *words, struct fmnn_error *err)
{
    const struct block_type *type = open->type;
    if (type == &block_types[REPEAT] &&
        fm_word_count(words, "the number of repetitions", FM_MAX_LAYERS, &open->times, err) != 0)
        return -1;
    if (type == &block_types[RESIDUAL])
        open->project = fm_take_word(words, "project");
    const char *word = fm_next_word(words);
    return word ? left_over(type->synopsis, word, err) : 0;
}

static int open_block(struct parser *p, const struct block_type *type, struct fm_words *words,
                      char separator, struct fmnn_error *err)
{
    struct fmnn_model *model = p->model;
    struct open open = {.type = type,
                        .line = p->line,
                        .first_layer = model->layer_count,
                        .first_block = model->block_count};
    words->next++;
    if (parse_head(&open, words, err) != 0)
        return -1;
    if (separator != '{' && (separator != '\n' || !brace_follows(p)))
        return fm_fail(err, FMNN_USAGE, "the '{' of '%s' is missing (expected: %s)", type->name,
                       type->synopsis);
    if (p->depth == FM_MAX_DEPTH)
        return fm_fail(err, FMNN_USAGE, "blocks are more than %d deep", FM_MAX_DEPTH);
    if (type == &block_types[RESIDUAL]) {
        if (make_room(model, 0, 1, err) != 0)
            return -1;
        model->block[model->block_count++] = (struct fm_block){
            .first = model->layer_count, .line = open.line, .project = open.project};
    }
    p->open[p->depth++] = open;
    return 0;
}

/* The layers and blocks since the block's begin, as often as it says. */
static int repeat(struct fmnn_model *model, const struct open *open, struct fmnn_error *err)
{
    size_t layers = model->layer_count - open->first_layer;
    size_t blocks = model->block_count - open->first_block, more = open->times - 1;
    if (make_room(model, more * layers, more * blocks, err) != 0)
        return -1;
    for (size_t i = 0; i < more * layers; i++) {
        model->layer[model->layer_count] = model->layer[model->layer_count - layers];
        model->layer_count++;
    }
    for (size_t i = 0; i < more * blocks; i++) {
        struct fm_block *block = &model->block[model->block_count++];
        *block = *(block - blocks);
        block->first += layers;
        block->end += layers;
    }
    return 0;
}

/* Errors are those of the block's first line. */
static int close_block(struct parser *p, struct fmnn_error *err)
{
    struct fmnn_model *model = p->model;
    if (p->depth == 0)
        return fm_fail(err, FMNN_USAGE, "there is no '{' for this '}'");
    const struct open *open = &p->open[--p->depth];
    unsigned line = p->line;
    p->line = open->line;
    if (model->layer_count == open->first_layer)
        return fm_fail(err, FMNN_USAGE, "there is no layer between the braces of '%s'",
                       open->type->name);
    if (open->type == &block_types[REPEAT]) {
        if (repeat(model, open, err) != 0)
            return -1;
    } else {
        p->closed = &model->block[open->first_block];
        p->closed->end = model->layer_count;
        p->closed->end_line = line;
    }
    p->line = line;
    p->bar = 0;
    return 0;
}

/* ---- the text */

/* After a residual's '}', up to the next separator: the activation. */
static int parse_end_of_block(struct parser *p, struct fm_words *words, struct fmnn_error *err)
{
    size_t first = words->next;
    fm_word_activation(words, &p->closed->activation);
    if (words->next > first && words->next < words->count)
        return left_over(block_types[RESIDUAL].synopsis, words->word[words->next], err);
    return 0;
}

static int parse_words(struct parser *p, struct fm_words *words, char separator,
                       struct fmnn_error *err)
{
    if (p->closed && parse_end_of_block(p, words, err) != 0)
        return -1;
    const struct block_type *block = NULL;
    bool left = words->next < words->count;
    if (left)
        block = find_block(words->word[words->next]);
    if (block)
        return open_block(p, block, words, separator, err);
    bool known =
        left && (find_type(words->word[words->next]) || !strcmp(words->word[words->next], "set"));
    if (separator == '{' && (known || !left))
        return fm_fail(err, FMNN_USAGE, "'{' can only follow 'residual' or 'repeat'");
    if (!left)
        return 0;
    if (strcmp(words->word[words->next], "set") != 0)
        return parse_layer(p, words, err);
    words->next++;
    return parse_set(p, words, err);
}

/* Splits a statement, which it overwrites, into words and parses it. */
static int parse_statement(struct parser *p, char *text, char separator, struct fmnn_error *err)
{
    char *word[MAX_WORDS], *rest = NULL;
    struct fm_words words = {.word = word};
    for (char *w = strtok_r(text, " \t\r", &rest); w; w = strtok_r(NULL, " \t\r", &rest)) {
        if (words.count == MAX_WORDS)
            return fm_fail(err, FMNN_USAGE, "'%s': too many words for one layer", word[0]);
        word[words.count++] = w;
    }
    if (words.count > 0) {
        p->any = true;
        p->bar = 0;
    }
    int status = parse_words(p, &words, separator, err);
    p->closed = NULL;
    return status;
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

/* Cuts a statement off *text, up to '|', ';', a brace, the end of the line or of the text, without
   its comment. Returns what ended it; 0: the end of the text. */
static char cut_statement(char **text)
{
    char *end = *text + strcspn(*text, "|;{}\n#");
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

static int no_layer(const char *where, struct fmnn_error *err)
{
    return fm_fail(err, FMNN_USAGE, "there is no layer %s the '|'", where);
}

static int parse_separator(struct parser *p, char separator, struct fmnn_error *err)
{
    if (separator == '}')
        return close_block(p, err);
    if (separator == '|') {
        if (p->bar || !p->any)
            return no_layer("before", err);
        p->bar = p->line;
    }
    p->line += separator == '\n';
    return 0;
}

static int parse_end(struct parser *p, struct fmnn_error *err)
{
    if (p->depth) {
        const struct open *open = &p->open[p->depth - 1];
        p->line = open->line;
        return fm_fail(err, FMNN_USAGE, "the '{' of '%s' is never closed", open->type->name);
    }
    if (!p->bar)
        return 0;
    p->line = p->bar;
    return no_layer("after", err);
}

static int parse_text(struct fmnn_model *model, char *text, struct fmnn_error *err)
{
    struct parser p = {.model = model, .text = text, .line = 1};
    char separator;
    do {
        char *statement = p.text;
        separator = cut_statement(&p.text);
        if (parse_statement(&p, statement, separator, err) != 0 ||
            parse_separator(&p, separator, err) != 0)
            return locate(model, p.line, err);
    } while (separator);
    return parse_end(&p, err) != 0 ? locate(model, p.line, err) : 0;
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
    free(model->block);
    free(model);
}

const struct fmnn_recipe *fmnn_model_recipe(const struct fmnn_model *model)
{
    return &model->recipe;
}

/* ---- and writes it */

enum { LAYER_TEXT = 128 };

/* The node of an activation bears only its name. */
static void print_layer(const struct fm_layer *layer, char text[LAYER_TEXT])
{
    const char *name = layer->type == &fm_activate ? "" : layer->type->name;
    char words[LAYER_TEXT / 2] = "";
    if (layer->type->print)
        layer->type->print(layer, words, sizeof words);
    bool active = layer->activation != FM_LINEAR;
    snprintf(text, LAYER_TEXT, "%s%s%s%s%s", name, *words ? " " : "", words,
             active && *name ? " " : "", active ? fm_activation_names[layer->activation] : "");
}

char *fm_layer_text(const struct fm_layer *layer, struct fmnn_error *err)
{
    char text[LAYER_TEXT];
    print_layer(layer, text);
    return fm_strdup(text, err);
}

struct printer {
    char *text;
    size_t used, capacity;
    struct fmnn_error *err;
    int status;
};

static void append(struct printer *printer, const char *text)
{
    size_t length = strlen(text);
    void *array = printer->text;
    if (printer->status != 0)
        return;
    printer->status =
        fm_grow(&array, &printer->capacity, printer->used + length + 1, 1, printer->err);
    printer->text = array;
    if (printer->status != 0)
        return;
    memcpy(printer->text + printer->used, text, length + 1);
    printer->used += length;
}

static void append_end(struct printer *printer, const struct fm_block *block)
{
    append(printer, " }");
    if (block->activation != FM_LINEAR) {
        append(printer, " ");
        append(printer, fm_activation_names[block->activation]);
    }
}

char *fm_model_text(const struct fmnn_model *model, size_t classes, struct fmnn_error *err)
{
    struct printer printer = {.err = err};
    const struct fm_block *next = model->block, *end = next ? next + model->block_count : NULL;
    const struct fm_block *open[FM_MAX_DEPTH];
    size_t depth = 0;
    for (size_t i = 0; i < model->layer_count; i++) {
        struct fm_layer layer = model->layer[i];
        char text[LAYER_TEXT];
        bool first = i == 0;
        for (; next < end && next->first == i; open[depth++] = next++) {
            append(&printer, first ? "" : " | ");
            append(&printer, next->project ? "residual project { " : "residual { ");
            first = true;
        }
        fm_layer_fill_in(&layer, classes);
        print_layer(&layer, text);
        append(&printer, first ? "" : " | ");
        append(&printer, text);
        while (depth && open[depth - 1]->end == i + 1)
            append_end(&printer, open[--depth]);
    }
    if (printer.status == 0)
        return printer.text;
    free(printer.text);
    return NULL;
}
