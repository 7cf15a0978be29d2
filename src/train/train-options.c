/* train-options.c -- fm-train's command line. */
#include "train/fm-train.h"

#include <assert.h>
#include <sys/stat.h>
#include <unistd.h>

/* Keeps a setting of the recipe until the model is known; the last one of a name counts. */
static void keep_setting(const struct option_row *row, const char *text, void *target)
{
    struct settings *settings = target;
    size_t i = 0;
    while (i < settings->count && strcmp(settings->setting[i].name, row->name) != 0)
        i++;
    assert(i < MAX_SETTINGS);
    settings->setting[i] = (struct setting){row->name, text};
    if (i == settings->count)
        settings->count++;
}

static const char *const none[] = {"none", NULL};
static const char *const channels[] = {"1", "3", NULL};

#define TARGET(member) OPTION_TARGET(struct arguments, member)

static const char training[] = "Training (a model can set other defaults)";

static const struct option_row rows[] = {
    {.help = "Model and files"},
    {'m', "model", "MODEL", "preset, file or text, see fmnn-model(5)", OPTION_FILE, TARGET(model),
     .initial = "quick"},
    {0, "init", "WEIGHTS", "start from these weights where layers agree", OPTION_FILE,
     TARGET(init)},
    {0, "freeze", NULL, "do not train the layers of --init", OPTION_FLAG, TARGET(freeze)},
    {'o', "output", "FILE", "write the weights to FILE", OPTION_FILE, TARGET(output),
     .initial = "model.safetensors"},
    {0, "history", "FILE", "write the history to FILE; -: standard output", OPTION_FILE,
     TARGET(history), .initial = "-"},
    {'d', "data", "DIR", "data directory, which holds train:N and test:N", OPTION_DIRECTORY,
     TARGET(data)},
    ROOT_ROW(struct arguments, root),
    {0, "classes", "FILE|WEIGHTS|none", "class names", OPTION_FILE, TARGET(classes), .words = none,
     .by_default = "those of the data set"},
    {0, "only", "SPLIT[,SPLIT]", "read only rows of these splits", OPTION_SPLITS, TARGET(only)},
    {0, "summary", NULL, "print layers and sizes; do not train", OPTION_FLAG, TARGET(summary)},
    {0, "skip-bad", NULL, "skip images that cannot be read; exit with 1", OPTION_FLAG,
     TARGET(skip_bad)},
    {.help = "How images become the input; recorded in the weights"},
    {0, "size", "HxW", "resize images to this size", OPTION_TEXT, TARGET(size),
     .parse = parse_image_size, .by_default = "that of the images; 32x32 if they differ"},
    {0, "channels", NULL, "gray (1) or colour (3)", OPTION_WORD, TARGET(channels),
     .words = channels, .by_default = "by the images"},
    FITTING_ROWS(struct arguments, fitting, NULL),
    {.help = training}, /* all settings of a recipe, and: */
    {0, "seed", "S", "seed of initial weights and order of rows", OPTION_COUNT,
     TARGET(training.seed), .initial = "0"},
    {0, "exact", NULL, "direct convolution, without Winograd; slower", OPTION_FLAG,
     TARGET(training.exact)},
    {0, "patience", "N", "stop after N epochs without improvement", OPTION_COUNT,
     TARGET(training.patience), .min = 1, .max = 1000000},
    {'j', "threads", "N", "number of threads", OPTION_COUNT, TARGET(training.threads), .min = 1,
     .max = 1024, .by_default = "number of processors"},
    {0, "profile", NULL, "report on standard error where the time went", OPTION_FLAG,
     TARGET(training.profile)},
    {.help = "Interruption"},
    {0, "checkpoint", "FILE", "write one after each epoch and when interrupted", OPTION_FILE,
     TARGET(checkpoint)},
    {0, "resume", "FILE", "continue from this checkpoint", OPTION_FILE, TARGET(resume)},
    {0, "extend", NULL, "continue a schedule beyond its end, at its last rate", OPTION_FLAG,
     TARGET(training.extend)},
    {0},
};

static struct option_row setting_row(const struct fmnn_setting *setting)
{
    static const enum option_kind kinds[] = {[FMNN_SETTING_COUNT] = OPTION_COUNT,
                                             [FMNN_SETTING_REAL] = OPTION_REAL,
                                             [FMNN_SETTING_WORD] = OPTION_WORD,
                                             [FMNN_SETTING_TEXT] = OPTION_TEXT};
    int letter = 0;
    if (!strcmp(setting->name, "epochs") || !strcmp(setting->name, "batch"))
        letter = setting->name[0];
    return (struct option_row){.letter = letter,
                               .name = setting->name,
                               .argument = setting->argument,
                               .help = setting->help,
                               .kind = kinds[setting->kind],
                               .min = setting->min,
                               .max = setting->max,
                               .words = setting->words,
                               .by_default = setting->fallback,
                               TARGET(settings),
                               .parse = keep_setting};
}

const struct program *fm_train(void)
{
    static struct option_row all[sizeof rows / sizeof *rows + MAX_SETTINGS];
    static const struct program program = {
        .name = "fm-train",
        .synopsis = "[OPTION]... [TABLE]",
        .purpose =
            "Train a net on the rows of split train, and validate it on those of split valid.",
        .options = all,
        .negative = "some images could not be read (--skip-bad)",
    };
    struct option_row *to = all;
    const struct fmnn_setting *setting;
    for (const struct option_row *row = rows; row->help; row++) {
        *to++ = *row;
        if (row->letter == 'm')
            to[-1].words = preset_names();
        for (size_t i = 0; row->help == training && (setting = fmnn_recipe_setting(i)) != NULL; i++)
            if (strcmp(setting->name, "init") != 0) /* --init WEIGHTS is another matter */
                *to++ = setting_row(setting);
    }
    return &program;
}

/* The name within its directory, and the directory; NULL if there is no such directory. */
static const char *split_path(const char *path, struct stat *directory)
{
    const char *slash = strrchr(path, '/');
    char *head = slash ? text_format("%.*s", (int)(slash - path) + 1, path) : text_format(".");
    bool exists = stat(head, directory) == 0;
    free(head);
    return !exists ? NULL : slash ? slash + 1 : path;
}

static bool same_entry(const char *a, const char *b)
{
    struct stat x, y;
    a = split_path(a, &x);
    b = split_path(b, &y);
    return a && b && !strcmp(a, b) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Two different paths can lead to one file, even to one that does not exist yet. `-` is standard
   input if `b` is an input, which can be a file, too. */
static bool same_file(const char *a, const char *b, bool input)
{
    struct stat x, y;
    if (!a || !b || !strcmp(a, "-") || (!input && !strcmp(b, "-")))
        return false;
    bool standard = !strcmp(b, "-");
    bool there = stat(a, &x) == 0 && (standard ? fstat(STDIN_FILENO, &y) : stat(b, &y)) == 0;
    if (there || standard)
        return there && S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
    char *first = output_resolve(a), *second = output_resolve(b);
    bool same = first && second && same_entry(first, second);
    free(first);
    free(second);
    return same;
}

/* A checkpoint can take the place of the one before, and weights that of those before. */
static bool may_replace(const struct arguments *a, const char *output, const char *input)
{
    return (output == a->checkpoint && input == a->resume) ||
           (output == a->output &&
            (input == a->init ||
             (input == a->classes && strcmp(input, "-") != 0 && is_weights(input))));
}

/* A file written twice would lose what was written first, and inputs must not be overwritten. */
static void check_files_differ(const struct arguments *a)
{
    const char *model = is_model_file(a->model) ? a->model : NULL; /* no preset or text */
    const char *classes = a->classes && strcmp(a->classes, "none") != 0 ? a->classes : NULL;
    const struct {
        const char *name, *path;
    } file[] = {{"--checkpoint", a->checkpoint},
                {"--history", a->history},
                {"--output", a->output},
                {"the table", a->table ? a->table : "-"},
                {"the model", model},
                {"--resume", a->resume},
                {"--init", a->init},
                {"--classes", classes}};
    enum { WRITTEN = 3, FILES = sizeof file / sizeof *file };
    for (size_t i = 0; i < WRITTEN; i++)
        for (size_t k = i + 1; k < FILES; k++)
            if (same_file(file[i].path, file[k].path, k >= WRITTEN) &&
                !may_replace(a, file[i].path, file[k].path))
                usage_error("%s and %s are the same file", file[i].name, file[k].name);
}

/* Also by another name, such as /dev/stdout. Devices, such as /dev/null, do not mix what they
   get. */
static bool is_standard_output(const char *path)
{
    struct stat x, y;
    return !strcmp(path, "-") ||
           (stat(path, &x) == 0 && fstat(STDOUT_FILENO, &y) == 0 && x.st_dev == y.st_dev &&
            x.st_ino == y.st_ino && !S_ISCHR(x.st_mode));
}

static void check_standard_input(const struct arguments *a)
{
    const struct {
        const char *name, *path;
    } input[] = {{"checkpoint", a->resume},
                 {"weights", a->init},
                 {"class names", a->classes},
                 {"table", a->table ? a->table : "-"}};
    const char *before = NULL;
    for (size_t i = 0; i < sizeof input / sizeof *input; i++) {
        if (!input[i].path || strcmp(input[i].path, "-") != 0)
            continue;
        if (before)
            usage_error("%s and %s cannot both come from standard input", before, input[i].name);
        before = input[i].name;
    }
}

static void check_standard_output(const struct arguments *a)
{
    if (is_standard_output(a->output) && is_standard_output(a->history))
        usage_error("weights and history cannot both go to standard output; give --history a file");
    if (a->checkpoint && is_standard_output(a->checkpoint))
        usage_error("--checkpoint cannot be standard output, because each epoch replaces the "
                    "checkpoint; name a file");
}

/* Checks that the outputs can be written before a long table is read and hours go into training. */
static void check_outputs(const struct arguments *a)
{
    output_check(a->output, true);
    output_check(a->history, false);
    if (a->checkpoint)
        output_check(a->checkpoint, true);
}

struct arguments parse_arguments(int argc, char **argv)
{
    struct arguments a = {0};
    char **operands = parse_options(argc, argv, &a);
    if (operands[0] && operands[1])
        usage_error("unexpected operand '%s': there is one table; -m takes a model", operands[1]);
    a.table = operands[0];
    if (option_given("channels"))
        a.channels = a.channels ? 3 : 1;
    if (a.freeze && !a.init)
        usage_error("--freeze has no effect without --init");
    a.training.kernels = kernels_wanted();
    check_standard_input(&a);
    if (!a.summary) {
        check_standard_output(&a);
        check_files_differ(&a);
        check_outputs(&a);
    }
    a.resume = a.resume ? spool(a.resume) : NULL; /* its class names are needed first */
    a.init = a.init ? spool(a.init) : NULL; /* others' weights are read again with the model */
    return a;
}
