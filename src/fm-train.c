/* fm-train.c -- trains a net on the images that a table names.

   Contents: 1. Options  2. The model  3. The data  4. The summary
     5. Progress and history  6. The profile  7. Training */
#include "common/overfitting.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- 1. Options ---- */

enum { RECIPE_OPTIONS = 5 };

struct arguments {
    const char *model, *output, *history, *data, *classes, *only, *checkpoint, *resume, *table;
    bool summary;
    const char *recipe[RECIPE_OPTIONS]; /* NULL: the model decides */
    struct fmnn_training training;
};

static void keep_text(const struct option_row *row, const char *text, void *target)
{
    (void)row;
    *(const char **)target = text;
}

static const char *const optimizers[] = {"adam", "sgd", NULL};
static const char *const best_last[] = {"best", "last", NULL};
static const char *const none[] = {"none", NULL};

#define TARGET(member) OPTION_TARGET(struct arguments, member)

static const struct option_row rows[] = {
    {.help = "Model and files"},
    {'m', "model", "MODEL", "preset, file or text, see fmnn-model(5)", OPTION_FILE, TARGET(model),
     .initial = "fc"},
    {'o', "output", "FILE", "write the weights to FILE", OPTION_FILE, TARGET(output),
     .initial = "model.safetensors"},
    {0, "history", "FILE", "write the history to FILE; -: standard output", OPTION_FILE,
     TARGET(history), .initial = "-"},
    {'d', "data", "DIR", "data directory, which holds train:N and test:N", OPTION_DIRECTORY,
     TARGET(data)},
    {0, "classes", "FILE|WEIGHTS|none", "class names", OPTION_FILE, TARGET(classes), .words = none,
     .by_default = "by the data"},
    {0, "only", "SPLIT[,SPLIT]", "read only rows of these splits", OPTION_SPLITS, TARGET(only)},
    {0, "summary", NULL, "print layers and sizes, train nothing", OPTION_FLAG, TARGET(summary)},
    {.help = "Training (the model may set other defaults)"},
    {'e', "epochs", "N", "passes over the training rows", OPTION_COUNT, TARGET(recipe[0]),
     .max = 1000000, .by_default = "10", .parse = keep_text},
    {'b', "batch", "N", "images per step", OPTION_COUNT, TARGET(recipe[1]), .min = 1, .max = 65536,
     .by_default = "32", .parse = keep_text},
    {0, "lr", "X", "learning rate", OPTION_REAL, TARGET(recipe[2]), .max = 1000,
     .by_default = "adam 1e-3, sgd 1e-2", .parse = keep_text},
    {0, "optimizer", "NAME", "optimizer", OPTION_WORD, TARGET(recipe[3]), .words = optimizers,
     .by_default = "adam", .parse = keep_text},
    {0, "momentum", "X", "momentum of sgd", OPTION_REAL, TARGET(recipe[4]), .max = 1,
     .by_default = "0", .parse = keep_text},
    {0, "seed", "S", "seed of initial weights and order of rows", OPTION_COUNT,
     TARGET(training.seed), .initial = "0"},
    {0, "exact", NULL, "direct convolution, without Winograd; slower", OPTION_FLAG,
     TARGET(training.exact)},
    {0, "keep", NULL, "epoch whose weights are written", OPTION_WORD, TARGET(training.keep_last),
     .words = best_last, .initial = "best"},
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
    {0},
};

static const struct program program = {
    .name = "fm-train",
    .synopsis = "[OPTION]... [TABLE]",
    .purpose = "Train a net on the rows of split train, and validate it on those of split valid.",
    .options = rows,
};

/* A path's directory, and the name in it; NULL where there is no such directory. */
static const char *name_within(const char *path, struct stat *directory)
{
    const char *slash = strrchr(path, '/');
    char *head = slash ? text_format("%.*s", (int)(slash - path) + 1, path) : text_format(".");
    bool there = stat(head, directory) == 0;
    free(head);
    return !there ? NULL : slash ? slash + 1 : path;
}

/* Two paths may differ and lead to one place; where nothing is there yet, too. */
static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    if (!a || !b || !strcmp(a, "-") || !strcmp(b, "-"))
        return false;
    if (stat(a, &x) == 0 && stat(b, &y) == 0)
        return S_ISREG(x.st_mode) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
    a = name_within(a, &x);
    b = name_within(b, &y);
    return a && b && !strcmp(a, b) && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* Of two things written to one file the first would be lost; so would a table. */
static void check_files(const struct arguments *a)
{
    const struct {
        const char *name, *path;
    } file[] = {{"--checkpoint", a->checkpoint},
                {"--history", a->history},
                {"--output", a->output},
                {"the table", a->table}};
    enum { FILES = sizeof file / sizeof *file };
    if (a->summary)
        return;
    if (!strcmp(a->output, "-") && !strcmp(a->history, "-"))
        usage_error("weights and history cannot both go to standard output (see --history)");
    if (a->checkpoint && !strcmp(a->checkpoint, "-"))
        usage_error("--checkpoint: it is written again and again; standard output cannot take it");
    if (a->resume && !strcmp(a->resume, "-") && (!a->table || !strcmp(a->table, "-")))
        usage_error("checkpoint and table cannot both come from standard input");
    for (size_t i = 0; i < FILES; i++)
        for (size_t k = i + 1; k < FILES; k++)
            if (same_file(file[i].path, file[k].path))
                usage_error("%s and %s are the same file", file[i].name, file[k].name);
}

/* What is asked to be written must be writable before hours go into it, or a long table is read. */
static void check_outputs(const struct arguments *a)
{
    if (!strcmp(a->output, "-"))
        output_abandon(output_open(a->output, true)); /* a terminal is refused */
    output_check(a->output);
    output_check(a->history);
    if (a->checkpoint)
        output_check(a->checkpoint);
}

static struct arguments parse_arguments(int argc, char **argv)
{
    struct arguments a = {0};
    char **operands = parse_options(argc, argv, &a);
    limit_operands(operands, 1);
    a.table = operands[0];
    a.training.kernels = kernels_wanted();
    check_files(&a);
    if (!a.summary)
        check_outputs(&a);
    return a;
}

/* ---- 2. The model ---- */

static char *read_whole(const char *path)
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
        die("%s: a model's text has at most %d bytes", path, LIMIT);
    if (memchr(text, 0, length))
        die("%s: not a text", path);
    return text;
}

/* The presets as they were when this program was built: they serve where it is not installed. */
static const struct preset {
    const char *name, *text;
} built_in[] = {
#include "presets.h"
};
enum { BUILT_IN = sizeof built_in / sizeof *built_in };

static const char *built_in_text(const char *name)
{
    for (size_t i = 0; i < BUILT_IN; i++)
        if (!strcmp(built_in[i].name, name))
            return built_in[i].text;
    return NULL;
}

/* With the nearest of the presets in the directory, or where it is NULL of those built in. */
static _Noreturn void unknown_preset(const char *directory, const char *name)
{
    char *names[64] = {NULL};
    size_t count = 0;
    DIR *dir = directory ? opendir(directory) : NULL;
    if (directory && !dir)
        die_errno("cannot look for the preset '%s' in %s", name, directory);
    for (; !dir && count < BUILT_IN; count++)
        names[count] = text_format("%s", built_in[count].name);
    for (struct dirent *entry; dir && count + 1 < 64 && (entry = readdir(dir)) != NULL;)
        if (entry->d_name[0] != '.' && !strchr(entry->d_name, '~'))
            names[count++] = text_format("%s", entry->d_name);
    const char *nearest = fmnn_suggest(name, (const char *const *)names);
    if (nearest)
        usage_error("unknown model '%s'; did you mean '%s'?", name, nearest);
    usage_error("unknown model '%s' (a file has a '/' or '.' in its name; a text has blanks)",
                name);
}

static struct fmnn_model *read_model(const char *path, struct fmnn_error *error)
{
    char *text = read_whole(path);
    struct fmnn_model *model = fmnn_model_parse(text, path, error);
    free(text);
    return model;
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

static struct fmnn_model *find_model(const char *what)
{
    struct fmnn_error error;
    struct fmnn_model *model = strpbrk(what, " \t\n|") ? fmnn_model_parse(what, "--model", &error)
                               : strpbrk(what, "/.")   ? read_model(what, &error)
                                                       : find_preset(what, &error);
    if (!model)
        die_error(&error);
    return model;
}

static void set_recipe(struct fmnn_recipe *recipe, const char *option, const char *value)
{
    struct fmnn_error error;
    if (value && fmnn_recipe_set(recipe, option, value, &error) != 0)
        usage_error("--%s: %s", option, error.message);
}

static void make_recipe(struct arguments *a, const struct fmnn_model *model)
{
    struct fmnn_recipe *recipe = &a->training.recipe;
    *recipe = *fmnn_model_recipe(model);
    set_recipe(recipe, "optimizer", a->recipe[3]);
    set_recipe(recipe, "lr", a->recipe[2]);
    set_recipe(recipe, "momentum", a->recipe[4]);
    set_recipe(recipe, "batch", a->recipe[1]);
    set_recipe(recipe, "epochs", a->recipe[0]);
    if (a->recipe[4] && strcmp(recipe->optimizer, "sgd") != 0)
        note("--momentum changes nothing with %s", recipe->optimizer);
}

/* ---- 3. The data ---- */

struct input {
    struct fmnn_shape shape; /* of an image */
    size_t classes;
    struct fmnn_names *names; /* or NULL */
    struct fmnn_data *train, *valid;
};

struct reader {
    struct fmnn_table *table;
    struct fmnn_images *images;
    size_t image, label, split; /* columns */
};

static struct reader open_reader(const struct arguments *a)
{
    struct reader r = {.table = open_table(a->table, FMNN_TABLE_ROWS, a->only)};
    r.image = need_column(r.table, "image");
    r.label = need_column(r.table, "label");
    r.split = need_column(r.table, "split");
    r.images = open_images(a->data);
    return r;
}

static void close_reader(struct reader *r)
{
    fmnn_images_free(r->images);
    fmnn_table_close(r->table);
}

/* The first image settles the size, and where class names are looked for. */
static void begin_input(struct input *input, const struct arguments *a, struct reader *r)
{
    struct fmnn_error error;
    const char *image = fmnn_table_field(r->table, r->image);
    if (fmnn_images_shape(r->images, image, &input->shape, &error) != 0)
        die_at_row(r->table, "%s", error.message);
    /* A training goes on with the names it began with; but standard input cannot be read twice. */
    if (a->resume && !a->classes && strcmp(a->resume, "-") != 0)
        input->names = names_in_weights(a->resume);
    if (!input->names)
        input->names = class_names(a->classes, r->images, image);
    input->classes = input->names ? input->names->count : 0;
    input->train = fmnn_data_new(input->shape, &error);
    input->valid = fmnn_data_new(input->shape, &error);
    if (!input->train || !input->valid)
        die_error(&error);
}

enum use { NOT_USED, TRAINS, VALIDATES };

static enum use used_split(const struct reader *r)
{
    const char *split = fmnn_table_field(r->table, r->split);
    return !strcmp(split, "train") ? TRAINS : !strcmp(split, "valid") ? VALIDATES : NOT_USED;
}

/* The labels of all rows are looked at, for they say how many classes there are; where an image
   is used there has to be one. */
static int read_label(const struct input *input, struct reader *r, enum use use)
{
    int label = row_label(r->table, r->label, input->classes);
    if (label < 0 && use != NOT_USED)
        die_at_row(r->table, "a row of split '%s' has no label",
                   fmnn_table_field(r->table, r->split));
    return label;
}

static void add_image(const struct input *input, struct reader *r, struct fmnn_data *data,
                      size_t label)
{
    struct fmnn_error error;
    uint8_t *pixels = fmnn_data_add(data, (unsigned)label, &error);
    if (!pixels)
        die_error(&error);
    if (fmnn_images_read(r->images, fmnn_table_field(r->table, r->image), input->shape, pixels,
                         &error) != 0)
        die_at_row(r->table, "%s", error.message);
}

/* The rows that training would use; for a summary their sizes are enough. */
static void read_rows(struct input *input, const struct arguments *a, struct reader *r)
{
    size_t max = 0;
    while (next_row(r->table)) {
        enum use use = used_split(r);
        if (use != NOT_USED && !input->train)
            begin_input(input, a, r);
        int label = read_label(input, r, use);
        if (label >= 0 && (size_t)label >= max)
            max = (size_t)label + 1;
        if (use != NOT_USED && !a->summary)
            add_image(input, r, use == TRAINS ? input->train : input->valid, (size_t)label);
    }
    if (!input->classes)
        input->classes = max;
}

static struct input read_input(const struct arguments *a)
{
    struct input input = {0};
    struct reader r = open_reader(a);
    read_rows(&input, a, &r);
    if (!input.train || fmnn_data_count(input.train) == 0)
        die("%s: no row of split 'train'", fmnn_table_name(r.table));
    info("%s: %zu images of %zux%zu to train on, %zu to validate, %zu classes",
         fmnn_table_name(r.table), fmnn_data_count(input.train), input.shape.height,
         input.shape.width, fmnn_data_count(input.valid), input.classes);
    if (a->training.patience && fmnn_data_count(input.valid) == 0)
        note("--patience changes nothing where no row is of split 'valid'");
    close_reader(&r);
    return input;
}

static void free_input(struct input *input)
{
    fmnn_data_free(input->train);
    fmnn_data_free(input->valid);
    fmnn_names_free(input->names);
}

/* ---- 4. The summary ---- */

/* Only sizes are wanted: those of the rows that training would look at, or Fashion-MNIST's where no
   table is given. */
static struct input look_at_input(const struct arguments *a)
{
    struct stat st;
    struct input input = {.shape = {1, 28, 28}, .classes = 10};
    if (!a->table && (fstat(STDIN_FILENO, &st) != 0 || S_ISCHR(st.st_mode))) {
        info("no table: images of 28x28 and 10 classes are assumed");
        return input;
    }
    struct reader r = open_reader(a);
    read_rows(&input, a, &r);
    if (!input.train)
        die("%s: no row of split 'train' or 'valid'", fmnn_table_name(r.table));
    close_reader(&r);
    return input;
}

static void print_summary(const struct fmnn_net *net)
{
    struct fmnn_layer layer;
    uint64_t parameters = 0, multiply_adds = 0;
    printf("layer\toutput\tparameters\tmultiply_adds\n");
    struct fmnn_shape shape = fmnn_net_shape(net);
    printf("input\t%zux%zux%zu\t0\t0\n", shape.channels, shape.height, shape.width);
    for (size_t i = 0; fmnn_net_layer(net, i, &layer); i++) {
        printf("%s\t%zux%zux%zu\t%llu\t%llu\n", layer.text, layer.shape.channels,
               layer.shape.height, layer.shape.width, (unsigned long long)layer.parameters,
               (unsigned long long)layer.multiply_adds);
        parameters += layer.parameters;
        multiply_adds += layer.multiply_adds;
    }
    printf("total\t\t%llu\t%llu\n", (unsigned long long)parameters,
           (unsigned long long)multiply_adds);
}

/* ---- 5. Progress and history ---- */

/* One line that is drawn over and over, ten times a second at most. */
struct progress {
    bool wanted, drawn;
    double last;
};

static void clear_progress(struct progress *p)
{
    if (p->drawn)
        fputs("\r\033[K", stderr);
    p->drawn = false;
}

static void draw_progress(struct progress *p, const struct fmnn_trainer *trainer, unsigned epochs)
{
    enum { WIDTH = 24 };
    static const char full[] = "########################", empty[] = "........................";
    size_t done, all;
    struct fmnn_epoch running;
    double now = seconds_now();
    if (!p->wanted || now - p->last < 0.1)
        return;
    p->last = now;
    fmnn_trainer_progress(trainer, &done, &all, &running);
    int marks = (int)(WIDTH * done / all);
    double left = done ? running.seconds * (double)(all - done) / (double)done : 0;
    fprintf(stderr, "\rEpoch %u/%u [%.*s%.*s] %zu/%zu  loss %.4f  accuracy %.4f  %.0f s left\033[K",
            running.epoch, epochs, marks, full, WIDTH - marks, empty, done, all, running.loss,
            running.accuracy, left);
    p->drawn = true;
}

static void print_epoch(FILE *history, const struct fmnn_epoch *e)
{
    char loss[32], accuracy[32], val_loss[32] = "", val_accuracy[32] = "", lr[32], seconds[32];
    fmnn_format_number(loss, e->loss);
    fmnn_format_number(accuracy, e->accuracy);
    if (e->validated) {
        fmnn_format_number(val_loss, e->val_loss);
        fmnn_format_number(val_accuracy, e->val_accuracy);
    }
    fmnn_format_number(lr, e->lr);
    fmnn_format_number(seconds, e->seconds);
    fprintf(history, "%u\t%s\t%s\t%s\t%s\t%s\t%s\n", e->epoch, loss, accuracy, val_loss,
            val_accuracy, lr, seconds);
}

/* The history is of use while it grows: to standard output or a pipe line by line. A file, which is
   to be whole or not there, appears at the end. */
static void show_history(const char *path, FILE *history)
{
    if (fflush(history) == 0)
        return;
    if (history == stdout)
        die_stdout();
    die_errno("%s", path);
}

/* ---- 6. The profile ---- */

/* An empty field where there is nothing to tell. */
static void print_figure(double figure, int digits)
{
    if (figure > 0)
        fprintf(stderr, "%.*f", digits, figure);
}

static void print_profile_row(const struct fmnn_profile_row *row, const char *job, double all,
                              double peak)
{
    double seconds = row->seconds > 0 ? row->seconds : 1;
    if (row->layer)
        fprintf(stderr, "%zu", row->layer);
    fprintf(stderr, "\t%s\t%s\t", row->text, row->phase);
    if (row->runs)
        fprintf(stderr, "%llu", (unsigned long long)row->runs);
    fprintf(stderr, "\t%.6f\t%.2f\t", row->seconds, all > 0 ? 100 * row->seconds / all : 0);
    print_figure(row->flops / seconds / 1e9, 1);
    fputc('\t', stderr);
    print_figure(peak > 0 ? 100 * row->flops_done / seconds / peak : 0, 1);
    fputc('\t', stderr);
    print_figure(row->bytes / seconds / 1e9, 1);
    fprintf(stderr, "\t%s\n", job);
}

static bool same_phase(const struct fmnn_profile_row *a, const struct fmnn_profile_row *b)
{
    return a->layer && a->layer == b->layer && !strcmp(a->phase, b->phase);
}

/* Steps that follow each other in a phase of one layer are a row, but with --verbose. Returns the
   number of the next step. */
static size_t gather_phase(const struct fmnn_trainer *trainer, size_t i, bool single,
                           struct fmnn_profile_row *row, char *job, size_t size)
{
    struct fmnn_profile_row next;
    snprintf(job, size, "%s", row->job);
    while (!single && fmnn_trainer_profile(trainer, ++i, &next) && same_phase(row, &next)) {
        size_t used = strlen(job);
        snprintf(job + used, size - used, "+%s", next.job);
        row->seconds += next.seconds;
        row->flops += next.flops;
        row->flops_done += next.flops_done;
        row->bytes += next.bytes;
    }
    return single ? i + 1 : i;
}

static void print_profile(const struct fmnn_trainer *trainer, bool single)
{
    struct fmnn_profile_row row, total = {.text = "", .phase = "total"};
    for (size_t i = 0; fmnn_trainer_profile(trainer, i, &row); i++) {
        total.seconds += row.seconds;
        total.flops += row.flops;
        total.flops_done += row.flops_done;
        total.bytes += row.bytes;
    }
    double peak = fmnn_trainer_peak(trainer);
    fputs("number\tlayer\tphase\tcalls\tseconds\tpercent\tgflops\tpeak_percent\tgbytes\tjob\n",
          stderr);
    for (size_t i = 0; fmnn_trainer_profile(trainer, i, &row);) {
        char job[256];
        i = gather_phase(trainer, i, single, &row, job, sizeof job);
        print_profile_row(&row, job, total.seconds, peak);
    }
    print_profile_row(&total, "", total.seconds, peak);
    fprintf(stderr, "\t\tpeak\t\t\t\t%.1f\t100.0\t\t\n", peak / 1e9);
}

/* ---- 7. Training ---- */

static volatile sig_atomic_t caught; /* the signal that asks for an early end */

static void on_signal(int number)
{
    caught = number;
    signal(number, output_die); /* a second one ends at once */
}

static void catch_signals(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct sigaction action;
        if (sigaction(ends[i], NULL, &action) == 0 && action.sa_handler == SIG_IGN)
            continue; /* nohup */
        action = (struct sigaction){.sa_handler = on_signal, .sa_flags = SA_RESTART};
        sigemptyset(&action.sa_mask);
        sigaction(ends[i], &action, NULL);
    }
}

static void save_checkpoint(const char *path, const struct fmnn_trainer *trainer)
{
    struct fmnn_error error;
    struct output *output = output_open(path, true);
    if (fmnn_trainer_save(trainer, output_stream(output), &error) != 0)
        die("%s: %s", path, error.message);
    output_commit(output);
}

static void save_weights(const char *path, const struct fmnn_net *net)
{
    struct fmnn_error error;
    struct output *output = output_open(path, true);
    if (fmnn_net_write(net, output_stream(output), &error) != 0)
        die("%s: %s", path, error.message);
    output_commit(output);
}

/* Trains to the end, or to a signal or an error, of which *error tells. */
static int train(const struct arguments *a, struct fmnn_trainer *trainer, struct output *output,
                 struct fmnn_error *error)
{
    FILE *history = output_stream(output);
    struct progress progress = {.wanted = progress_wanted()};
    const struct fmnn_epoch *epoch;
    int status = FMNN_BATCH;
    unsigned printed = 0;
    fputs("epoch\tloss\taccuracy\tval_loss\tval_accuracy\tlr\tseconds\n", history);
    while ((epoch = fmnn_trainer_epoch(trainer, printed + 1)) != NULL) {
        print_epoch(history, epoch);
        printed++;
    }
    show_history(a->history, history);
    while (!caught && (status = fmnn_trainer_advance(trainer, error)) >= 0 && status != FMNN_DONE) {
        draw_progress(&progress, trainer, a->training.recipe.epochs);
        if (status != FMNN_EPOCH)
            continue;
        clear_progress(&progress);
        print_epoch(history, fmnn_trainer_epoch(trainer, ++printed));
        show_history(a->history, history);
        output_keep(output); /* the epochs there are, though a checkpoint cannot be written */
        if (a->checkpoint)
            save_checkpoint(a->checkpoint, trainer);
    }
    clear_progress(&progress);
    return status;
}

/* To who watches or wants to know. */
static void tell(const char *text)
{
    if (verbose() || progress_wanted())
        note("%s", text);
}

/* The best epoch where that is not the one kept, and what the accuracies say of overfitting. */
static void tell_course(const struct fmnn_trainer *trainer, unsigned kept)
{
    unsigned count = 0;
    while (fmnn_trainer_epoch(trainer, count + 1))
        count++;
    double *training = xcalloc(count, sizeof *training);
    double *validation = xcalloc(count, sizeof *validation);
    for (unsigned i = 0; i < count; i++) {
        const struct fmnn_epoch *epoch = fmnn_trainer_epoch(trainer, i + 1);
        training[i] = epoch->accuracy;
        validation[i] = epoch->validated ? epoch->val_accuracy : (double)NAN;
    }
    struct course course = course_of(training, validation, count);
    char *text = course_text(&course, (double)course.onset + 1);
    if (course.best < count && course.best + 1 != kept) {
        char *best = text_format("the best epoch was %zu: validation accuracy %.4f",
                                 course.best + 1, validation[course.best]);
        tell(best);
        free(best);
    }
    if (text)
        tell(text);
    free(text);
    free(training);
    free(validation);
}

static void tell_end(const struct arguments *a, const struct fmnn_trainer *trainer)
{
    unsigned kept = fmnn_trainer_kept(trainer);
    const struct fmnn_epoch *epoch = fmnn_trainer_epoch(trainer, kept);
    char *text =
        !epoch ? text_format("%s holds weights of no whole epoch", a->output)
        : epoch->validated
            ? text_format(
                  "%s holds the weights of epoch %u: validation accuracy %.4f, training %.4f",
                  a->output, kept, epoch->val_accuracy, epoch->accuracy)
            : text_format("%s holds the weights of epoch %u", a->output, kept);
    tell(text);
    free(text);
    tell_course(trainer, kept);
}

/* A failed training (a loss that is not finite) leaves what was good before. */
static _Noreturn void keep_good(const struct arguments *a, struct fmnn_trainer *trainer,
                                const struct fmnn_net *net, const struct fmnn_error *error)
{
    unsigned kept = fmnn_trainer_kept(trainer);
    if (error->status != FMNN_DATA || fmnn_trainer_finish(trainer, NULL) != 0)
        die_error(error);
    save_weights(a->output, net);
    die("%s; %s holds the weights of epoch %u", error->message, a->output, kept);
}

/* What an interrupted training is to be resumed from; NULL where that is not asked for, or where
   the last step spoilt the weights: then the checkpoint before stays. */
static struct output *make_checkpoint(const struct arguments *a, const struct fmnn_trainer *trainer)
{
    struct fmnn_error error;
    if (!caught || !a->checkpoint)
        return NULL;
    struct output *checkpoint = output_open(a->checkpoint, true);
    if (fmnn_trainer_save(trainer, output_stream(checkpoint), &error) == 0)
        return checkpoint;
    if (error.status != FMNN_DATA)
        die("%s: %s", a->checkpoint, error.message);
    output_abandon(checkpoint);
    warn("%s", error.message);
    return NULL;
}

/* An interrupted training leaves what it has. */
static void train_net(struct arguments *a, struct fmnn_net *net, const struct input *input)
{
    struct fmnn_error error;
    struct fmnn_trainer *trainer =
        fmnn_trainer_new(net, input->train, input->valid, &a->training, &error);
    if (!trainer || (a->resume && fmnn_trainer_resume(trainer, a->resume, &error) != 0))
        die_error(&error);
    catch_signals();
    struct output *history = output_open(a->history, false);
    int status = train(a, trainer, history, &error);
    output_commit(history);
    if (status < 0)
        keep_good(a, trainer, net, &error);
    /* The checkpoint holds the weights of the last step, so it is made ready before these make way
       for the best; but the weights are written first. */
    struct output *checkpoint = make_checkpoint(a, trainer);
    if (fmnn_trainer_finish(trainer, &error) != 0)
        die_error(&error);
    save_weights(a->output, net);
    if (checkpoint)
        output_commit(checkpoint);
    tell_end(a, trainer);
    if (a->training.profile)
        print_profile(trainer, verbose());
    fmnn_trainer_free(trainer);
}

int main(int argc, char **argv)
{
    struct fmnn_error error;
    program_start(&program);
    struct arguments a = parse_arguments(argc, argv);
    struct fmnn_model *model = find_model(a.model);
    make_recipe(&a, model);
    struct input input = a.summary ? look_at_input(&a) : read_input(&a);
    struct fmnn_net *net = fmnn_net_new(model, input.shape, input.classes, &error);
    if (!net || (input.names && fmnn_net_set_names(net, input.names, &error) != 0))
        die_error(&error);
    if (a.summary) {
        print_summary(net);
    } else {
        fmnn_net_initialise(net, a.training.seed, a.training.threads);
        train_net(&a, net, &input);
    }
    fmnn_net_free(net);
    fmnn_model_free(model);
    free_input(&input);
    if (caught) {
        fflush(stdout);
        signal(caught, SIG_DFL);
        raise(caught);
    }
    return 0;
}
