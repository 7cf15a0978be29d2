/* train-model.c -- finds the model that --model gives, and the recipe for its training. */
#include "train/fm-train.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

static char *read_text(const char *path)
{
    enum { LIMIT = 65536 };
    FILE *stream = fopen(path, "rb");
    if (!stream)
        die_errno("%s", path);
    char *text = xcalloc(LIMIT + 2, 1);
    size_t length = fread(text, 1, LIMIT + 1, stream);
    if (ferror(stream))
        die_errno("%s", path);
    fclose(stream);
    if (length > LIMIT)
        die("%s: too long for a model, whose text can have %d bytes", path, LIMIT);
    if (!memchr(text, 0, length))
        return text;
    struct fmnn_error error = {.status = FMNN_DATA};
    snprintf(error.message, sizeof error.message, "%s: contains NUL bytes; a model is a text file",
             path);
    die_of_file(path, "a model", true, NULL, &error);
}

static struct fmnn_model *read_model(const char *path, struct fmnn_error *error)
{
    char *text = read_text(path);
    struct fmnn_model *model = fmnn_model_parse(text, path, error);
    free(text);
    if (!model && error->status == FMNN_USAGE)
        die_of_file(path, "a model", true, NULL, error);
    return model;
}

bool is_model_file(const char *path)
{
    enum { LIMIT = 65536 };
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false; /* what is read of a pipe is gone */
    char *text = xcalloc(LIMIT + 1, 1);
    FILE *stream = fopen(path, "rb");
    size_t length = stream ? fread(text, 1, LIMIT, stream) : 0;
    if (stream)
        fclose(stream);
    struct fmnn_model *model = length ? fmnn_model_parse(text, path, NULL) : NULL;
    fmnn_model_free(model);
    free(text);
    return model != NULL;
}

/* The presets as they were when this program was built, in case it is not installed. */
static const struct preset {
    const char *name, *text;
} built_in[] = {
#include "presets.h"
};
enum { BUILT_IN = sizeof built_in / sizeof *built_in, MAX_PRESETS = 64 };

const char *const *preset_names(void)
{
    static const char *names[BUILT_IN + 1];
    for (size_t i = 0; i < BUILT_IN; i++)
        names[i] = built_in[i].name;
    return names;
}

static const char *built_in_text(const char *name)
{
    for (size_t i = 0; i < BUILT_IN; i++)
        if (!strcmp(built_in[i].name, name))
            return built_in[i].text;
    return NULL;
}

/* Suggests the nearest of the presets in the directory or, if it is NULL, of those built in. */
static _Noreturn void unknown_preset(const char *directory, const char *name)
{
    char *names[MAX_PRESETS] = {NULL};
    size_t count = 0;
    DIR *dir = directory ? opendir(directory) : NULL;
    if (directory && !dir)
        die_errno("cannot look for the preset '%s' in %s", name, directory);
    for (; !dir && count < BUILT_IN; count++)
        names[count] = text_format("%s", built_in[count].name);
    for (struct dirent *entry; dir && count + 1 < MAX_PRESETS && (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.' && !strchr(entry->d_name, '~'))
            names[count++] = text_format("%s", entry->d_name);
    const char *nearest = fmnn_suggest(name, (const char *const *)names);
    if (nearest)
        usage_error("unknown model '%s'; did you mean '%s'?", name, nearest);
    usage_error("unknown model '%s': no preset has this name (a file's path must contain '/' or "
                "'.', a model's text a space or '|')",
                name);
}

static struct fmnn_model *find_preset(const char *name, struct fmnn_error *error)
{
    const char *directory = getenv("FMNN_MODELS");
    bool elsewhere = directory && directory[0];
    if (!elsewhere)
        directory = MODELSDIR;
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path)
        die("%s: file name too long", name);
    if (access(path, F_OK) == 0)
        return read_model(path, error);
    const char *text = elsewhere ? NULL : built_in_text(name);
    if (!text)
        unknown_preset(elsewhere || access(directory, F_OK) == 0 ? directory : NULL, name);
    return fmnn_model_parse(text, name, error);
}

/* The last layer of every net is dense, and its text gives the number of classes. */
static char *text_for_classes(const char *text)
{
    const char *last = text, *next;
    while ((next = strstr(last, "dense ")) != NULL)
        last = next + strlen("dense ");
    return text_format("%.*sclasses%s", (int)(last - text), text,
                       last + strspn(last, "0123456789"));
}

static struct fmnn_model *model_of_net(const char *path, const struct fmnn_net *net,
                                       struct fmnn_error *error)
{
    char *text = text_for_classes(fmnn_net_text(net));
    struct fmnn_model *model = fmnn_model_parse(text, path, error);
    free(text);
    return model;
}

struct fmnn_model *find_model(const struct arguments *a, const struct fmnn_net *init)
{
    struct fmnn_error error;
    const char *model = a->model;
    struct fmnn_model *found = init && !option_given("model") ? model_of_net(a->init, init, &error)
                               : strpbrk(model, " \t\n|")
                                   ? fmnn_model_parse(model, "--model", &error)
                               : strpbrk(model, "/.") ? read_model(model, &error)
                                                      : find_preset(model, &error);
    if (!found)
        die_error(&error);
    return found;
}

static char *setting_text(const struct fmnn_recipe *recipe, const char *name)
{
    struct fmnn_error error;
    char *text = fmnn_recipe_get(recipe, name, &error);
    if (!text)
        die_error(&error);
    return text;
}

static void note_without_effect(const struct fmnn_recipe *recipe, const char *setting)
{
    char *optimizer = setting_text(recipe, "optimizer");
    note("--%s has no effect with %s", setting, optimizer);
    free(optimizer);
}

static bool is_set(const struct settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->count; i++)
        if (!strcmp(settings->setting[i].name, name))
            return true;
    return false;
}

struct fmnn_recipe *make_recipe(const struct fmnn_model *model, const struct settings *settings)
{
    struct fmnn_error error;
    struct fmnn_recipe *recipe = fmnn_recipe_new(fmnn_model_recipe(model), &error);
    if (!recipe)
        die_error(&error);
    for (size_t i = 0; i < settings->count; i++) {
        const struct setting *set = &settings->setting[i];
        if (fmnn_recipe_set(recipe, set->name, set->value, &error) != 0)
            usage_error("--%s: %s", set->name, error.message);
    }
    if (is_set(settings, "epochs") && !is_set(settings, "min-steps"))
        fmnn_recipe_set(recipe, "min-steps", "0", NULL);
    for (size_t i = 0; i < settings->count; i++)
        if (!fmnn_recipe_uses(recipe, settings->setting[i].name))
            note_without_effect(recipe, settings->setting[i].name);
    return recipe;
}
