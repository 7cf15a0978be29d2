/* weights.c -- nets to and from weight files; see fmnn-weights(5). */
#include "weights.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include "model.h"

/* 1/255, as it stands in the files: JSON libraries do not agree on how a real is printed. */
#define PIXEL_SCALE "0.00392156862745098"

/* ---- 1. writing */

static int no_memory(struct fmnn_error *err)
{
    return fm_fail(err, FMNN_MEMORY, "out of memory");
}

/* Compact, keys sorted: the same object is always the same text. */
static char *dump(json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
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

int fm_file_text(struct fm_file *file, const char *key, char *value)
{
    assert(file->pair_count < FM_COUNT(file->pair));
    if (!value)
        return -1;
    file->pair[file->pair_count++] = (struct fm_pair){key, value};
    return 0;
}

int fm_file_net(struct fm_file *file, const struct fmnn_net *net, const char *training,
                struct fmnn_error *err)
{
    char *input = fm_format(err, "{\"scale\":" PIXEL_SCALE ",\"shape\":[1,%zu,%zu]}", net->height,
                            net->width);
    if (fm_file_text(file, "fmnn.input", input) != 0 ||
        fm_file_text(file, "fmnn.version", fm_strdup(PACKAGE_VERSION, err)) != 0 ||
        fm_file_text(file, "fmnn.model", fm_strdup(net->text, err)) != 0)
        return no_memory(err);
    if (net->names && fm_file_text(file, "fmnn.classes", names_text(net->names)) != 0)
        return no_memory(err);
    if (training && fm_file_text(file, "fmnn.training", fm_strdup(training, err)) != 0)
        return no_memory(err);
    return 0;
}

/* Takes data and name. */
static int add_entry(struct fm_file *file, struct fm_entry entry, struct fmnn_error *err)
{
    void *array = file->entry;
    if (!entry.data || !entry.name ||
        fm_grow(&array, &file->entry_capacity, file->entry_count + 1, sizeof entry, err) != 0) {
        free((void *)(uintptr_t)entry.data);
        free((void *)(uintptr_t)entry.name);
        return no_memory(err);
    }
    file->entry = array;
    file->entry[file->entry_count++] = entry;
    return 0;
}

int fm_file_parameters(struct fm_file *file, const struct fmnn_net *net, const char *prefix,
                       const float *block, struct fmnn_error *err)
{
    for (size_t i = 0; i < net->parameter_count; i++) {
        const struct fm_parameter *p = &net->parameter[i];
        struct fmnn_tensor tensor;
        fmnn_net_tensor(net, i, &tensor);
        float *values = fm_alloc(fm_parameter_count(p), sizeof *values, err);
        if (values)
            fm_parameter_get(p, block, values);
        struct fm_entry entry = {.name = fm_format(err, "%s%s", prefix, p->name),
                                 .dtype = FM_F32,
                                 .rank = tensor.rank,
                                 .data = values};
        memcpy(entry.size, tensor.size, sizeof tensor.size);
        if (add_entry(file, entry, err) != 0)
            return -1;
    }
    return 0;
}

int fm_file_numbers(struct fm_file *file, const char *name, const uint64_t *numbers, size_t rows,
                    size_t columns, struct fmnn_error *err)
{
    uint64_t *copy = fm_alloc(rows * columns, sizeof *copy, err);
    if (copy && rows)
        memcpy(copy, numbers, rows * columns * sizeof *copy);
    return add_entry(file,
                     (struct fm_entry){.name = fm_strdup(name, err),
                                       .dtype = FM_U64,
                                       .rank = 2,
                                       .size = {rows, columns},
                                       .data = copy},
                     err);
}

int fm_file_write(const struct fm_file *file, FILE *stream, struct fmnn_error *err)
{
    return fm_safetensors_write(stream, file->pair, file->pair_count, file->entry,
                                file->entry_count, err);
}

void fm_file_free(struct fm_file *file)
{
    for (size_t i = 0; i < file->pair_count; i++)
        free((void *)(uintptr_t)file->pair[i].value);
    for (size_t i = 0; i < file->entry_count; i++) {
        free((void *)(uintptr_t)file->entry[i].name);
        free((void *)(uintptr_t)file->entry[i].data);
    }
    free(file->entry);
}

int fmnn_net_write(const struct fmnn_net *net, FILE *stream, struct fmnn_error *err)
{
    struct fm_file file = {0};
    int status = fm_file_net(&file, net, net->training, err);
    if (status == 0)
        status = fm_file_parameters(&file, net, "", net->weights, err);
    if (status == 0)
        status = fm_file_write(&file, stream, err);
    fm_file_free(&file);
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

static int read_input(const struct fm_safetensors *file, size_t *height, size_t *width,
                      struct fmnn_error *err)
{
    const char *text = needed_text(file, "fmnn.input", err);
    json_t *input = text ? parse_json(file, "fmnn.input", text, err) : NULL;
    if (!input)
        return -1;
    json_int_t channels = 0, h = 0, w = 0;
    double scale = 0;
    bool good = json_unpack_ex(input, NULL, JSON_STRICT, "{s:[I,I,I],s:F}", "shape", &channels, &h,
                               &w, "scale", &scale) == 0;
    json_decref(input);
    good = good && channels == 1 && h >= 1 && w >= 1 && h <= 4096 && w <= 4096 &&
           fabs(scale - 1.0 / 255) < 1e-15;
    *height = (size_t)h;
    *width = (size_t)w;
    if (!good)
        return fm_fail(err, FMNN_DATA,
                       "%s: fmnn.input is not that of gray pictures, scaled by 1/255",
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
    bool good = name != NULL;
    for (size_t i = 0; good && i < count; i++) {
        name[i] = json_string_value(json_array_get(list, i));
        good = name[i] && !fm_name_fault(name[i], strlen(name[i]));
    }
    if (good)
        net->names = fmnn_names_copy(name, count, err);
    free(name);
    json_decref(list);
    if (!good)
        return fm_fail(err, FMNN_DATA, "%s: fmnn.classes is not a list of %zu names",
                       fm_safetensors_name(file), net->classes);
    return net->names ? 0 : -1;
}

static int check_sizes(const struct fm_safetensors *file, const struct fm_entry *entry,
                       const struct fmnn_tensor *tensor, struct fmnn_error *err)
{
    bool good = entry->dtype == FM_F32 && entry->rank == tensor->rank;
    for (unsigned i = 0; good && i < tensor->rank; i++)
        good = entry->size[i] == tensor->size[i];
    if (good)
        return 0;
    char is[160] = "", want[160] = "";
    for (unsigned i = 0; i < entry->rank; i++)
        snprintf(is + strlen(is), sizeof is - strlen(is), "%s%zu", i ? "," : "", entry->size[i]);
    for (unsigned i = 0; i < tensor->rank; i++)
        snprintf(want + strlen(want), sizeof want - strlen(want), "%s%zu", i ? "," : "",
                 tensor->size[i]);
    return fm_fail(err, FMNN_DATA, "%s: tensor '%s' is %s (%s), but the model wants F32 (%s)",
                   fm_safetensors_name(file), entry->name, entry->dtype == FM_F32 ? "F32" : "U64",
                   is, want);
}

/* The tensor PREFIX NAME of the i-th parameter, if it is there and of the right sizes. */
static const struct fm_entry *find_parameter(const struct fm_safetensors *file,
                                             const struct fmnn_net *net, const char *prefix,
                                             size_t i, struct fmnn_error *err)
{
    struct fmnn_tensor tensor;
    fmnn_net_tensor(net, i, &tensor);
    char *name = fm_format(err, "%s%s", prefix, tensor.name);
    if (!name)
        return NULL;
    const struct fm_entry *entry = fm_safetensors_find(file, name);
    if (!entry)
        fm_fail(err, FMNN_DATA, "%s: tensor '%s' is missing", fm_safetensors_name(file), name);
    free(name);
    return entry && check_sizes(file, entry, &tensor, err) == 0 ? entry : NULL;
}

int fm_read_parameters(const struct fm_safetensors *file, const struct fmnn_net *net,
                       const char *prefix, float *block, struct fmnn_error *err)
{
    for (size_t i = 0; i < net->parameter_count; i++) {
        const struct fm_parameter *p = &net->parameter[i];
        const struct fm_entry *entry = find_parameter(file, net, prefix, i, err);
        if (!entry)
            return -1;
        const float *values = entry->data;
        for (size_t k = 0; k < fm_parameter_count(p); k++)
            if (!isfinite(values[k]))
                return fm_fail(err, FMNN_DATA, "%s: tensor '%s' holds a value that is not finite",
                               fm_safetensors_name(file), entry->name);
        fm_parameter_set(p, block, values);
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
    while (fm_safetensors_at(file, count))
        count++;
    if (count != net->parameter_count && !fm_safetensors_text(file, "fmnn.checkpoint"))
        return fm_fail(err, FMNN_DATA, "%s: %zu tensors, but the model has %zu",
                       fm_safetensors_name(file), count, net->parameter_count);
    for (size_t i = 0; i < net->parameter_count; i++)
        if (!find_parameter(file, net, "", i, err))
            return -1;
    return 0;
}

/* The model as the file says it, and how many classes it tells apart. */
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

/* The net that the file's texts describe, without weights. What is wrong with a text is the
   file's fault. */
static struct fmnn_net *read_shape(const struct fm_safetensors *file, struct fmnn_error *err)
{
    size_t height, width, classes;
    struct fmnn_error why = {0};
    struct fmnn_net *net = NULL;
    if (!needed_text(file, "fmnn.version", err) || read_input(file, &height, &width, err) != 0)
        return NULL;
    struct fmnn_model *model = read_model(file, &classes, &why);
    if (model)
        net = fm_net_shape(model, height, width, classes, &why);
    fmnn_model_free(model);
    if (!net)
        fm_fail(err, why.status == FMNN_USAGE ? FMNN_DATA : why.status, "%s", why.message);
    return net;
}

struct fmnn_net *fm_net_from(const struct fm_safetensors *file, struct fmnn_error *err)
{
    struct fmnn_net *net = read_shape(file, err);
    if (!net)
        return NULL;
    const char *training = fm_safetensors_text(file, "fmnn.training");
    if (read_names(file, net, err) == 0 && check_tensors(file, net, err) == 0 &&
        fm_net_allocate(net, err) == 0 &&
        fm_read_parameters(file, net, "", net->weights, err) == 0 &&
        (!training || (net->training = fm_strdup(training, err)) != NULL))
        return net;
    fmnn_net_free(net);
    return NULL;
}

struct fmnn_net *fmnn_net_read(const char *path, struct fmnn_error *err)
{
    struct fm_safetensors *file = fm_safetensors_read(path, err);
    struct fmnn_net *net = file ? fm_net_from(file, err) : NULL;
    fm_safetensors_free(file);
    return net;
}
