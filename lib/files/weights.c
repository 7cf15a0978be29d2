/* weights.c -- nets to and from weight files; see fmnn-weights(5). */
#include "files/weights.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "data/class-names.h"
#include "data/image-input.h"
#include "engine/model.h"

/* 1/255 as text, because JSON libraries print real numbers differently. */
#define PIXEL_SCALE "0.00392156862745098"

/* ---- 1. writing */

static int no_memory(struct fmnn_error *err)
{
    return fm_fail(err, FMNN_MEMORY, "out of memory");
}

/* Compact, keys sorted: the same object is always the same text. */
static char *dump(json_t *object)
{
    char *text = fm_json_text(object, JSON_COMPACT | JSON_SORT_KEYS, NULL);
    json_decref(object);
    return text;
}

static char *names_text(const struct fmnn_names *names)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < names->count; i++)
        if (json_array_append_new(list, json_string(names->name[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return dump(list);
}

int fm_writer_text(struct fm_writer *writer, const char *key, char *value)
{
    assert(writer->metadata_count < FM_COUNT(writer->metadata));
    if (!value)
        return -1;
    writer->metadata[writer->metadata_count++] = (struct fm_metadata){key, value};
    return 0;
}

/* Members that have their defaults are left out, so that images of the net's own size, without
   options, need none. */
static char *input_text(const struct fmnn_input *input, struct fmnn_error *err)
{
    char background[32] = "", fit[32] = "", filter[32] = "";
    const uint8_t *b = input->background;
    if (b[0] || b[1] || b[2])
        snprintf(background, sizeof background, "\"background\":\"#%02x%02x%02x\",", b[0], b[1],
                 b[2]);
    if (input->filter)
        snprintf(filter, sizeof filter, "\"filter\":\"%s\",", fm_filter_names[input->filter]);
    if (input->fit)
        snprintf(fit, sizeof fit, "\"fit\":\"%s\",", fm_fit_names[input->fit]);
    return fm_format(err, "{%s%s%s%s\"scale\":" PIXEL_SCALE ",\"shape\":[%zu,%zu,%zu]}", background,
                     filter, fit, input->invert ? "\"invert\":true," : "", input->shape.channels,
                     input->shape.height, input->shape.width);
}

int fm_writer_net(struct fm_writer *writer, const struct fmnn_net *net, const char *training,
                  struct fmnn_error *err)
{
    char *input = input_text(&net->input, err);
    if (fm_writer_text(writer, "fmnn.input", input) != 0 ||
        fm_writer_text(writer, "fmnn.version", fm_strdup(PACKAGE_VERSION, err)) != 0 ||
        fm_writer_text(writer, "fmnn.model", fm_strdup(net->text, err)) != 0)
        return no_memory(err);
    if (net->exact && fm_writer_text(writer, "fmnn.exact", fm_strdup("true", err)) != 0)
        return no_memory(err);
    if (net->names && fm_writer_text(writer, "fmnn.classes", names_text(net->names)) != 0)
        return no_memory(err);
    if (training && fm_writer_text(writer, "fmnn.training", fm_strdup(training, err)) != 0)
        return no_memory(err);
    return 0;
}

static void free_tensor(const struct fm_tensor *tensor)
{
    free((void *)(uintptr_t)tensor->name);
    if (!tensor->give)
        free((void *)(uintptr_t)tensor->data);
}

/* Takes ownership of the name, and of the data unless they are given row by row. */
static int add_tensor(struct fm_writer *writer, struct fm_tensor tensor, struct fmnn_error *err)
{
    void *array = writer->tensor;
    if (!tensor.data || !tensor.name ||
        fm_grow(&array, &writer->tensor_capacity, writer->tensor_count + 1, sizeof tensor, err) !=
            0) {
        free_tensor(&tensor);
        return no_memory(err);
    }
    writer->tensor = array;
    writer->tensor[writer->tensor_count++] = tensor;
    return 0;
}

static void give_units(const struct fm_tensor *tensor, size_t row, size_t rows, float *values)
{
    fm_parameter_get_units(tensor->giver, tensor->data, row, rows, values);
}

int fm_writer_parameters(struct fm_writer *writer, const struct fmnn_net *net, const char *prefix,
                         bool trained, const float *block, struct fmnn_error *err)
{
    for (size_t i = 0; i < net->parameter_count; i++) {
        const struct fm_parameter *p = &net->parameter[i];
        struct fmnn_tensor wanted;
        if (trained && !p->trained)
            continue;
        fmnn_net_tensor(net, i, &wanted);
        struct fm_tensor tensor = {.name = fm_format(err, "%s%s", prefix, p->name),
                                   .dtype = FM_F32,
                                   .rank = wanted.rank,
                                   .data = block,
                                   .give = give_units,
                                   .giver = p};
        memcpy(tensor.size, wanted.size, sizeof wanted.size);
        if (add_tensor(writer, tensor, err) != 0)
            return -1;
    }
    return 0;
}

int fm_writer_numbers(struct fm_writer *writer, const char *name, const uint64_t *numbers,
                      size_t rows, size_t columns, struct fmnn_error *err)
{
    uint64_t *copy = fm_alloc(rows * columns, sizeof *copy, err);
    if (copy && rows)
        memcpy(copy, numbers, rows * columns * sizeof *copy);
    return add_tensor(writer,
                      (struct fm_tensor){.name = fm_strdup(name, err),
                                         .dtype = FM_U64,
                                         .rank = 2,
                                         .size = {rows, columns},
                                         .data = copy},
                      err);
}

int fm_writer_write(const struct fm_writer *writer, FILE *stream, struct fmnn_error *err)
{
    return fm_safetensors_write(stream, writer->metadata, writer->metadata_count, writer->tensor,
                                writer->tensor_count, err);
}

void fm_writer_free(struct fm_writer *writer)
{
    for (size_t i = 0; i < writer->metadata_count; i++)
        free((void *)(uintptr_t)writer->metadata[i].value);
    for (size_t i = 0; i < writer->tensor_count; i++)
        free_tensor(&writer->tensor[i]);
    free(writer->tensor);
}

int fmnn_net_write(const struct fmnn_net *net, FILE *stream, struct fmnn_error *err)
{
    struct fm_writer writer = {0};
    int status = fm_writer_net(&writer, net, net->training, err);
    if (status == 0)
        status = fm_writer_parameters(&writer, net, "", false, net->weights, err);
    if (status == 0)
        status = fm_writer_write(&writer, stream, err);
    fm_writer_free(&writer);
    return status;
}

/* ---- 2. reading */

static const char *needed_text(const struct fm_safetensors *file, const char *key,
                               struct fmnn_error *err)
{
    const char *text = fm_safetensors_text(file, key);
    if (!text)
        fm_fail(err, FMNN_DATA, "%s: the metadata '%s' is missing", fm_safetensors_name(file), key);
    return text;
}

static json_t *parse_json(const struct fm_safetensors *file, const char *key, const char *text,
                          struct fmnn_error *err)
{
    json_error_t why;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    if (!value)
        fm_fail(err, FMNN_DATA, "%s: %s: %s", fm_safetensors_name(file), key, why.text);
    return value;
}

/* The number of a word in a list whose first entry is the default, which is not written; false if
   it is not there. */
static bool find_word(const char *const *words, const char *word, unsigned *number)
{
    *number = 0;
    while (word && words[++*number])
        if (!strcmp(words[*number], word))
            return true;
    return !word;
}

static bool read_background(const char *text, uint8_t background[3])
{
    static const char digits[] = "0123456789abcdef";
    if (!text)
        return true;
    if (strlen(text) != 7 || text[0] != '#' || strspn(text + 1, digits) != 6)
        return false;
    for (int i = 0; i < 3; i++)
        background[i] = (uint8_t)((strchr(digits, text[1 + 2 * i]) - digits) << 4 |
                                  (strchr(digits, text[2 + 2 * i]) - digits));
    return true;
}

/* Casting must not make a valid size of another number. */
static bool is_size(json_int_t n)
{
    return n >= 0 && n <= FMNN_MAX_SIDE;
}

static bool unpack_input(json_t *object, struct fmnn_input *input)
{
    json_int_t c = 0, h = 0, w = 0;
    double scale = 0;
    const char *background = NULL, *fit = NULL, *filter = NULL;
    int invert = 0;
    unsigned fit_number, filter_number;
    if (json_unpack_ex(object, NULL, JSON_STRICT, "{s:[I,I,I],s:F,s?s,s?s,s?s,s?b}", "shape", &c,
                       &h, &w, "scale", &scale, "background", &background, "fit", &fit, "filter",
                       &filter, "invert", &invert) != 0 ||
        !is_size(c) || !is_size(h) || !is_size(w) || !find_word(fm_fit_names, fit, &fit_number) ||
        !find_word(fm_filter_names, filter, &filter_number))
        return false;
    *input = (struct fmnn_input){.shape = {(size_t)c, (size_t)h, (size_t)w},
                                 .fit = (enum fmnn_fit)fit_number,
                                 .filter = (enum fmnn_filter)filter_number,
                                 .invert = invert != 0};
    return read_background(background, input->background) && fm_check_input(input, NULL) == 0 &&
           fabs(scale - 1.0 / 255) < 1e-15;
}

int fm_read_input(const struct fm_safetensors *file, struct fmnn_input *input,
                  struct fmnn_error *err)
{
    const char *text = needed_text(file, "fmnn.input", err);
    json_t *object = text ? parse_json(file, "fmnn.input", text, err) : NULL;
    if (!object)
        return -1;
    bool good = unpack_input(object, input);
    json_decref(object);
    if (!good)
        return fm_fail(err, FMNN_DATA,
                       "%s: fmnn.input does not describe images of 1 or 3 channels scaled by 1/255",
                       fm_safetensors_name(file));
    return 0;
}

static int read_names(const struct fm_safetensors *file, struct fmnn_net *net,
                      struct fmnn_error *err)
{
    const char *text = fm_safetensors_text(file, "fmnn.classes");
    if (!text)
        return 0;
    json_t *list = parse_json(file, "fmnn.classes", text, err);
    if (!list)
        return -1;
    size_t count = json_array_size(list);
    const char **name = count == net->classes ? fm_alloc(count, sizeof *name, err) : NULL;
    bool starved = count == net->classes && !name, good = name != NULL;
    for (size_t i = 0; good && i < count; i++) {
        name[i] = json_string_value(json_array_get(list, i));
        good = name[i] && !fm_class_name_fault(name[i], strlen(name[i]));
    }
    if (good)
        net->names = fmnn_names_copy(name, count, err);
    free(name);
    json_decref(list);
    if (!good && !starved)
        return fm_fail(err, FMNN_DATA, "%s: fmnn.classes is not a list of %zu names",
                       fm_safetensors_name(file), net->classes);
    return net->names ? 0 : -1;
}

/* The only value is 'true', so that files have one form only. */
int fm_read_exact(const struct fm_safetensors *file, bool *exact, struct fmnn_error *err)
{
    const char *text = fm_safetensors_text(file, "fmnn.exact");
    *exact = text != NULL;
    if (text && strcmp(text, "true") != 0)
        return fm_fail(err, FMNN_DATA, "%s: fmnn.exact is not 'true'", fm_safetensors_name(file));
    return 0;
}

static int check_sizes(const struct fm_safetensors *file, const struct fm_tensor *tensor,
                       const struct fmnn_tensor *wanted, struct fmnn_error *err)
{
    bool good = tensor->dtype == FM_F32 && tensor->rank == wanted->rank;
    for (unsigned i = 0; good && i < wanted->rank; i++)
        good = tensor->size[i] == wanted->size[i];
    if (good)
        return 0;
    char is[160] = "", want[160] = "";
    for (unsigned i = 0; i < tensor->rank; i++)
        snprintf(is + strlen(is), sizeof is - strlen(is), "%s%zu", i ? "," : "", tensor->size[i]);
    for (unsigned i = 0; i < wanted->rank; i++)
        snprintf(want + strlen(want), sizeof want - strlen(want), "%s%zu", i ? "," : "",
                 wanted->size[i]);
    return fm_fail(err, FMNN_DATA, "%s: tensor '%s' is %s (%s), but the model needs F32 (%s)",
                   fm_safetensors_name(file), tensor->name, tensor->dtype == FM_F32 ? "F32" : "U64",
                   is, want);
}

/* The tensor PREFIX NAME of the i-th parameter, if it is there and of the right sizes. */
static const struct fm_tensor *find_parameter(const struct fm_safetensors *file,
                                              const struct fmnn_net *net, const char *prefix,
                                              size_t i, struct fmnn_error *err)
{
    struct fmnn_tensor wanted;
    fmnn_net_tensor(net, i, &wanted);
    char *name = fm_format(err, "%s%s", prefix, wanted.name);
    if (!name)
        return NULL;
    const struct fm_tensor *tensor = fm_safetensors_find(file, name);
    if (!tensor)
        fm_fail(err, FMNN_DATA, "%s: tensor '%s' is missing", fm_safetensors_name(file), name);
    free(name);
    return tensor && check_sizes(file, tensor, &wanted, err) == 0 ? tensor : NULL;
}

static bool all_finite(const float *values, size_t count)
{
    enum { RUN = 64 };
    uint32_t bits[RUN], bad = 0;
    for (size_t i = 0; i < count; i += RUN) {
        size_t n = count - i < RUN ? count - i : RUN;
        if (n < RUN)
            memset(bits, 0, sizeof bits);
        memcpy(bits, values + i, n * sizeof *values);
        for (size_t k = 0; k < RUN; k++) /* without a branch: many at once */
            bad |= (uint32_t)0 - ((bits[k] & 0x7f800000) == 0x7f800000);
    }
    return !bad;
}

/* Where the tensors of a file are copied to. */
struct filling {
    const struct fmnn_net *net;
    const struct fm_part *part;
    size_t parts;
    const struct fm_tensor *tensor; /* the current tensor, and its destination */
    const struct fm_parameter *parameter;
    float *block;
    const struct fm_tensor *bad; /* the first such tensor */
    const char *why;             /* what is wrong with one of its values */
};

static bool is_variance(const struct fm_parameter *p)
{
    const char *dot = strrchr(p->name, '.');
    return dot && !strcmp(dot, ".running_var");
}

/* What is wrong with one of the values, if anything. */
static const char *trouble_with(const struct fm_parameter *p, const float *values, size_t count)
{
    if (!all_finite(values, count))
        return "value that is not finite";
    for (size_t i = 0; is_variance(p) && i < count; i++)
        if (values[i] < 0)
            return "variance that is negative";
    return NULL;
}

static void find_place(struct filling *f, const struct fm_tensor *tensor)
{
    f->tensor = tensor;
    f->parameter = NULL;
    for (size_t i = 0; i < f->parts; i++) {
        size_t length = strlen(f->part[i].prefix);
        if (strncmp(tensor->name, f->part[i].prefix, length) != 0)
            continue;
        for (size_t k = 0; k < f->net->parameter_count; k++)
            if (!strcmp(tensor->name + length, f->net->parameter[k].name) &&
                (f->net->parameter[k].trained || !f->part[i].trained)) {
                f->parameter = &f->net->parameter[k];
                f->block = f->part[i].block;
                return;
            }
    }
}

static int take_rows(void *state, const struct fm_tensor *tensor, size_t row, size_t rows,
                     const float *values, struct fmnn_error *err)
{
    struct filling *f = state;
    (void)err;
    if (f->tensor != tensor)
        find_place(f, tensor);
    if (!f->parameter)
        return 0;
    const struct fm_parameter *p = f->parameter;
    if (!f->bad && (f->why = trouble_with(p, values, rows * p->c * p->h * p->w)) != NULL)
        f->bad = tensor;
    fm_parameter_set_units(p, f->block, row, rows, values);
    return 0;
}

int fm_read_parameters(struct fm_safetensors *file, const struct fmnn_net *net,
                       const struct fm_part *part, size_t parts, struct fmnn_error *err)
{
    struct filling f = {.net = net, .part = part, .parts = parts};
    for (size_t k = 0; k < parts; k++)
        for (size_t i = 0; i < net->parameter_count; i++)
            if ((net->parameter[i].trained || !part[k].trained) &&
                !find_parameter(file, net, part[k].prefix, i, err))
                return fm_damage_first(file, err);
    if (fm_safetensors_load(file, take_rows, &f, err) != 0)
        return -1;
    if (f.bad)
        return fm_fail(err, FMNN_DATA, "%s: tensor '%s' holds a %s", fm_safetensors_name(file),
                       f.bad->name, f.why);
    return 0;
}

static int take_nothing(void *state, const struct fm_tensor *tensor, size_t row, size_t rows,
                        const float *values, struct fmnn_error *err)
{
    (void)state, (void)tensor, (void)row, (void)rows, (void)values, (void)err;
    return 0;
}

int fm_damage_first(struct fm_safetensors *file, struct fmnn_error *err)
{
    struct fmnn_error damage;
    if (fm_safetensors_load(file, take_nothing, NULL, &damage) != 0 && err)
        *err = damage;
    return -1;
}

/* In a file of another program, each tensor must be one of the net. */
static int check_names(const struct fm_safetensors *file, const struct fmnn_net *net,
                       struct fmnn_error *err)
{
    const struct fm_tensor *tensor;
    for (size_t i = 0; (tensor = fm_safetensors_at(file, i)) != NULL; i++) {
        size_t k = 0;
        while (k < net->parameter_count && strcmp(net->parameter[k].name, tensor->name) != 0)
            k++;
        if (k == net->parameter_count && !fm_is_counter(tensor))
            return fm_fail(err, FMNN_DATA, "%s: tensor '%s' is not in the model '%s'",
                           fm_safetensors_name(file), tensor->name, net->text);
    }
    return 0;
}

/* A weights file holds the parameters and nothing else; a checkpoint more. This comes before
   memory is taken for the weights, so that a small file whose model is a huge net is refused
   cheaply. */
static int check_tensors(const struct fm_safetensors *file, const struct fmnn_net *net,
                         struct fmnn_error *err)
{
    size_t count = 0;
    const struct fm_tensor *tensor;
    for (size_t i = 0; (tensor = fm_safetensors_at(file, i)) != NULL; i++)
        count += !fm_is_counter(tensor);
    if (fm_safetensors_foreign(file) && check_names(file, net, err) != 0)
        return -1;
    if (count != net->parameter_count && !fm_safetensors_text(file, "fmnn.checkpoint"))
        return fm_fail(err, FMNN_DATA, "%s: %zu tensors, but the model has %zu",
                       fm_safetensors_name(file), count, net->parameter_count);
    for (size_t i = 0; i < net->parameter_count; i++)
        if (!find_parameter(file, net, "", i, err))
            return -1;
    return 0;
}

/* The model in the file, and its number of classes. */
static struct fmnn_model *read_model(const struct fm_safetensors *file, size_t *classes,
                                     struct fmnn_error *err)
{
    const char *text = needed_text(file, "fmnn.model", err);
    if (!text)
        return NULL;
    char *name = fm_format(err, "%s: fmnn.model", fm_safetensors_name(file));
    struct fmnn_model *model = name ? fmnn_model_parse(text, name, err) : NULL;
    free(name);
    if (!model)
        return NULL;
    *classes = model->layer[model->layer_count - 1].units;
    if (*classes != FM_CLASSES)
        return model;
    fm_fail(err, FMNN_DATA, "%s: fmnn.model does not say how many classes there are",
            fm_safetensors_name(file));
    fmnn_model_free(model);
    return NULL;
}

/* The net that the metadata describe, without weights. Errors in them are FMNN_DATA. */
static struct fmnn_net *read_shape(const struct fm_safetensors *file, struct fmnn_error *err)
{
    struct fmnn_input input;
    size_t classes;
    struct fmnn_error why = {0};
    struct fmnn_net *net = NULL;
    bool versioned = fm_safetensors_foreign(file) || needed_text(file, "fmnn.version", err);
    if (!versioned || fm_read_input(file, &input, err) != 0)
        return NULL;
    struct fmnn_model *model = read_model(file, &classes, &why);
    if (model)
        net = fm_net_build(model, input.shape, classes, &why);
    fmnn_model_free(model);
    if (!net)
        fm_fail(err, why.status == FMNN_USAGE ? FMNN_DATA : why.status, "%s", why.message);
    else
        net->input = input;
    return net;
}

/* Everything except the weights. */
static struct fmnn_net *read_texts(const struct fm_safetensors *file, struct fmnn_error *err)
{
    struct fmnn_net *net = read_shape(file, err);
    const char *training = fm_safetensors_text(file, "fmnn.training");
    if (net && fm_read_exact(file, &net->exact, err) == 0 && read_names(file, net, err) == 0 &&
        check_tensors(file, net, err) == 0 &&
        (!training || (net->training = fm_strdup(training, err)) != NULL))
        return net;
    fmnn_net_free(net);
    return NULL;
}

/* A net of the same model and shape, without weights. */
static struct fmnn_net *same_shape(const struct fmnn_net *like, struct fmnn_error *err)
{
    struct fmnn_model *model = fmnn_model_parse(like->text, "the model", err);
    struct fmnn_net *net = model ? fm_net_build(model, like->shape, like->classes, err) : NULL;
    fmnn_model_free(model);
    if (net)
        net->exact = like->exact;
    return net;
}

/* The same for a file of another program. What it may have kept of fmnn's metadata describes the
   net; but not the training, after which the weights may have changed. */
static struct fmnn_net *read_foreign_texts(const struct fm_safetensors *file,
                                           const struct fmnn_net *like, struct fmnn_error *err)
{
    bool described = fm_safetensors_text(file, "fmnn.model") != NULL;
    if (!described && !like) {
        fm_fail(err, FMNN_USAGE,
                "%s: not written by fmnn (no fmnn.model in its metadata): name the model that its "
                "weights belong to",
                fm_safetensors_name(file));
        return NULL;
    }
    struct fmnn_net *net = described ? read_shape(file, err) : same_shape(like, err);
    bool good = net && (!described || (fm_read_exact(file, &net->exact, err) == 0 &&
                                       read_names(file, net, err) == 0));
    if (good && check_tensors(file, net, err) == 0)
        return net;
    fmnn_net_free(net);
    return NULL;
}

static struct fmnn_net *read_net(struct fm_safetensors *file, const struct fmnn_net *like,
                                 struct fmnn_error *err)
{
    bool foreign = fm_safetensors_foreign(file);
    struct fmnn_net *net = foreign ? read_foreign_texts(file, like, err) : read_texts(file, err);
    if (!net && foreign)
        return NULL;
    if (!net) {
        fm_damage_first(file, err);
        return NULL;
    }
    if (fm_net_allocate(net, false, err) == 0) {
        struct fm_part part = {"", net->weights, false};
        if (fm_read_parameters(file, net, &part, 1, err) == 0) {
            snprintf(net->digest, sizeof net->digest, "%s", fm_safetensors_digest(file));
            return net;
        }
    }
    fmnn_net_free(net);
    return NULL;
}

struct fmnn_net *fmnn_net_read(const char *path, struct fmnn_error *err)
{
    struct fm_safetensors *file = fm_safetensors_open(path, err);
    struct fmnn_net *net = file ? read_net(file, NULL, err) : NULL;
    fm_safetensors_free(file);
    return net;
}

struct fmnn_net *fmnn_net_read_any(const char *path, const struct fmnn_net *like,
                                   struct fmnn_error *err)
{
    struct fm_safetensors *file = fm_safetensors_open_any(path, err);
    struct fmnn_net *net = file ? read_net(file, like, err) : NULL;
    fm_safetensors_free(file);
    return net;
}
