/* fm-predict.c -- adds the predictions of one or more nets to the rows of a table.

   Rows wait until a batch is full or the input pauses; then they are predicted and printed. So the
   program works in an interactive pipe. The result for an image does not depend on its batch.

   Contents: 1. Options  2. The batch  3. The header  4. The classes of the table  5. The two kinds
   of input  6. main */
#include "common/common.h"
#include "common/class-pairs.h"

#include <errno.h>
#include <math.h>

/* ---- 1. Options ---- */

/* The weights files: the operand, and then those of --ensemble. */
struct weights {
    size_t count;
    const char **path;
};

struct arguments {
    bool names, probabilities, skip_bad;
    struct fitting fitting;
    const char *suffix, *only, *data, *root;
    struct fmnn_prediction prediction;
    struct weights weights;
    char **files; /* the operands after the weights */
};

static void add_weights(const struct option_row *row, const char *path, void *target)
{
    struct weights *weights = target;
    option_store(row, path, &weights->path[weights->count++]);
}

static const char *const tta[] = {
    [FMNN_TTA_NONE] = "none", [FMNN_TTA_FLIP] = "flip", [FMNN_TTA_FLIP_SHIFT] = "flip,shift", NULL};

#define TARGET(member) OPTION_TARGET(struct arguments, member)

static const struct option_row rows[] = {
    {'p', "probabilities", NULL, "add the probability of every class, p0 p1 ...", OPTION_FLAG,
     TARGET(probabilities)},
    {0, "names", NULL, "add the name of the predicted class, predicted_class", OPTION_FLAG,
     TARGET(names)},
    {0, "tta", NULL, "average over variants of each image", OPTION_WORD, TARGET(prediction.tta),
     .words = tta, .initial = "none"},
    {0, "ensemble", "WEIGHTS", "average with the net of WEIGHTS; repeatable", OPTION_FILE,
     TARGET(weights), .parse = add_weights},
    {0, "suffix", "WORD", "write columns predicted_WORD, confidence_WORD ...", OPTION_SUFFIX,
     TARGET(suffix)},
    FITTING_ROWS(struct arguments, fitting, "as in training"),
    {0, "skip-bad", NULL, "skip images that cannot be read; exit with 1", OPTION_FLAG,
     TARGET(skip_bad)},
    {0, "only", "SPLIT[,SPLIT]", "read only rows of these splits", OPTION_SPLITS, TARGET(only)},
    {'d', "data", "DIR", "data directory, which holds train:N and test:N", OPTION_DIRECTORY,
     TARGET(data)},
    ROOT_ROW(struct arguments, root),
    {'b', "batch", "N", "images per batch", OPTION_COUNT, TARGET(prediction.batch), .min = 1,
     .max = 65536, .by_default = "by the net's size"},
    {'j', "threads", "N", "number of threads", OPTION_COUNT, TARGET(prediction.threads), .min = 1,
     .max = 1024, .by_default = "number of processors"},
    {0},
};

static const struct program program = {
    .name = "fm-predict",
    .synopsis = "[OPTION]... WEIGHTS [TABLE|IMAGE...]",
    .purpose = "Predict the class of each image of TABLE, or of image files.",
    .options = rows,
    .negative = "some images could not be read (--skip-bad)",
};

/* Readers take predicted_class, and predicted_class_WORD, for names. */
static void check_suffix(const char *suffix)
{
    if (suffix && !strncmp(suffix, "class", 5) && (!suffix[5] || suffix[5] == '_'))
        usage_error("--suffix: predicted_%s would be a column of names; use another word", suffix);
}

static struct arguments parse_arguments(int argc, char **argv)
{
    struct arguments a = {.weights = {1, xcalloc((size_t)argc + 1, sizeof *a.weights.path)}};
    char **operands = parse_options(argc, argv, &a);
    if (!operands[0])
        usage_error("no weights file given");
    check_suffix(a.suffix);
    a.weights.path[0] = operands[0];
    a.prediction.kernels = kernels_wanted();
    a.files = operands + 1;
    return a;
}

/* ---- 2. The batch ---- */

enum { LOADED = 512 }; /* images that are read at once */

/* A row whose image is not yet read. */
struct waiting {
    char *text;  /* the fields, separated by tabs */
    char *image; /* its name */
    size_t line; /* in the table; 0: there is none */
};

struct batch {
    struct fmnn_images *images;
    size_t nets;
    struct fmnn_net **net;            /* they agree in images and classes */
    struct fmnn_predictor *predictor; /* of all nets */
    bool all;                         /* print all probabilities */
    char *const *name;                /* of the classes; NULL: do not print them */
    size_t size, count;               /* maximum and current number of rows */
    struct fmnn_input input;          /* how images become the input of the nets */
    struct bad_images bad;
    unsigned threads;
    const char *table;          /* its name; NULL: rows of image files */
    const char *root;           /* --root, or NULL */
    struct waiting *row;        /* [size] */
    const char **image;         /* [LOADED] names */
    uint8_t *pixels;            /* (size,C,H,W) */
    struct fmnn_loaded *loaded; /* [LOADED] */
    float *probabilities;       /* (size, classes) */
};

static size_t image_bytes(const struct fmnn_net *net)
{
    struct fmnn_shape shape = fmnn_net_shape(net);
    return shape.channels * shape.height * shape.width;
}

/* The number of rows to collect: a batch, or as many batches as take some milliseconds, because
   waking threads takes time. */
static size_t rows_to_collect(const struct arguments *a, const struct batch *b)
{
    const uint64_t max_work = 1 << 29, max_bytes = 16 << 20;
    uint64_t batch = fmnn_predictor_batch(b->predictor), work = 1, bytes = image_bytes(b->net[0]);
    struct fmnn_layer layer;
    for (size_t i = 0; i < b->nets; i++)
        for (size_t k = 0; fmnn_net_layer(b->net[i], k, &layer); k++)
            work += layer.multiply_adds;
    uint64_t hold = max_work / work < max_bytes / bytes ? max_work / work : max_bytes / bytes;
    return (size_t)(a->prediction.batch || hold < batch ? batch : hold - hold % batch);
}

/* People give the operands in another order. */
static const char first_hint[] =
    "the weights file comes first: fm-predict WEIGHTS [TABLE|IMAGE...]";

static void add_net(const struct arguments *a, struct batch *b, size_t i)
{
    struct fmnn_error error;
    const char *path = a->weights.path[i];
    struct fmnn_net *net = b->net[i] = fmnn_net_read(path, &error);
    if (!net)
        die_of_file(path, "a weights file", false, i ? NULL : first_hint, &error);
    char shape[FMNN_SHAPE_TEXT];
    fmnn_format_shape(shape, fmnn_net_shape(net));
    info("%s: %s, for images of %s%s", path, fmnn_net_text(net), shape,
         fmnn_net_exact(net) ? ", exact" : "");
    if (fmnn_net_agree(net, b->net[0], &error) != 0)
        die("%s: cannot be averaged with %s: %s", path, a->weights.path[0], error.message);
    if (i == 0 && !(b->predictor = fmnn_predictor_new(net, &a->prediction, &error)))
        die_error(&error);
    if (i > 0 && fmnn_predictor_add(b->predictor, net, &error) != 0)
        die_error(&error);
}

/* The names of the classes, which all nets have or none. */
static char *const *class_names_of(const struct arguments *a, const struct fmnn_net *net)
{
    const struct fmnn_names *names = fmnn_net_names(net);
    if (!names)
        die("--names: the classes of %s have no names; fm-train --classes FILE gives them names",
            a->weights.path[0]);
    return names->name;
}

/* What the weights say, changed by options. */
static struct fmnn_input input_of(const struct arguments *a, const struct fmnn_net *net)
{
    struct fmnn_input input = *fmnn_net_input(net);
    fitting_apply(&a->fitting, &input);
    return input;
}

/* root: where relative paths begin; NULL: in the working directory. */
static struct batch make_batch(const struct arguments *a, const char *root)
{
    struct batch b = {.nets = a->weights.count, .all = a->probabilities};
    b.net = xcalloc(b.nets, sizeof *b.net);
    for (size_t i = 0; i < b.nets; i++)
        add_net(a, &b, i);
    if (a->names)
        b.name = class_names_of(a, b.net[0]);
    b.images = open_images(a->data, b.root = root);
    size_t classes = fmnn_net_classes(b.net[0]);
    b.size = rows_to_collect(a, &b);
    b.input = input_of(a, b.net[0]);
    b.bad.skip = a->skip_bad;
    b.threads = a->prediction.threads;
    b.row = xcalloc(b.size, sizeof *b.row);
    b.image = xcalloc(LOADED, sizeof *b.image);
    b.loaded = xcalloc(LOADED, sizeof *b.loaded);
    b.pixels = xcalloc(b.size, image_bytes(b.net[0]));
    b.probabilities = xcalloc(b.size, classes * sizeof *b.probabilities);
    return b;
}

static void free_batch(struct batch *b)
{
    fmnn_predictor_free(b->predictor);
    for (size_t i = 0; i < b->nets; i++)
        fmnn_net_free(b->net[i]);
    fmnn_images_free(b->images);
    free(b->net);
    free(b->row);
    free(b->image);
    free(b->loaded);
    free(b->pixels);
    free(b->probabilities);
}

static void print_number(double number)
{
    char text[32];
    fmnn_format_number(text, number);
    putchar('\t');
    fputs(text, stdout);
}

static void print_row(const struct batch *b, const char *row, const float *p)
{
    size_t classes = fmnn_net_classes(b->net[0]), best = fmnn_best_class(p, classes);
    printf("%s\t%zu", row, best);
    print_number((double)p[best]);
    if (b->name)
        printf("\t%s", b->name[best]);
    for (size_t c = 0; b->all && c < classes; c++)
        print_number((double)p[c]);
    putchar('\n');
}

/* The error with the place of the row in front, if it comes from a table. */
static struct fmnn_error error_at(const struct batch *b, const struct waiting *row,
                                  const struct fmnn_error *why)
{
    const struct origin origin = {b->table, row->line, row->image, b->root};
    return row->line ? error_of_image(&origin, why) : *why;
}

/* If a logit is not finite, all probabilities are not: finite weights can be too large. */
static void check_outputs(const struct batch *b, const struct waiting *row, const float *p)
{
    struct fmnn_error why = {.status = FMNN_DATA};
    if (isfinite(p[fmnn_best_class(p, fmnn_net_classes(b->net[0]))]))
        return;
    snprintf(why.message, sizeof why.message,
             "%.300s: the outputs of the net are not finite; its weights are too large",
             row->image);
    struct fmnn_error error = error_at(b, row, &why);
    die_error(&error);
}

static void predict_images(struct batch *b, size_t from, size_t n)
{
    size_t classes = fmnn_net_classes(b->net[0]);
    if (n)
        fmnn_predictor_run(b->predictor, b->pixels + from * image_bytes(b->net[0]), n,
                           b->probabilities);
    for (size_t i = 0; i < n; i++) {
        const struct waiting *row = &b->row[from + i];
        check_outputs(b, row, b->probabilities + i * classes);
        print_row(b, row->text, b->probabilities + i * classes);
    }
}

static void flush_rows(void)
{
    if (fflush(stdout) != 0)
        die_stdout();
}

/* Looks at n rows whose images were read; rows from *from on are not yet predicted. Prints the rows
   before a bad one. */
static void check_loaded(struct batch *b, size_t first, size_t n, size_t *from)
{
    for (size_t i = 0; i < n; i++) {
        const struct fmnn_loaded *loaded = &b->loaded[i];
        note_flat_image(b->row[first + i].image, loaded);
        if (loaded->error.status == FMNN_OK)
            continue;
        predict_images(b, *from, first + i - *from);
        flush_rows();
        *from = first + i + 1;
        struct fmnn_error error = error_at(b, &b->row[first + i], &loaded->error);
        bad_image(&b->bad, &error);
    }
}

static void forget_rows(struct batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        free(b->row[i].text);
        free(b->row[i].image);
    }
    b->count = 0;
}

static void finish_batch(struct batch *b)
{
    struct fmnn_error error;
    size_t n, from = 0;
    for (size_t first = 0; first < b->count; first += n) {
        n = b->count - first < LOADED ? b->count - first : LOADED;
        for (size_t i = 0; i < n; i++)
            b->image[i] = b->row[first + i].image;
        if (fmnn_images_load(b->images, b->image, n, &b->input, b->threads,
                             b->pixels + first * image_bytes(b->net[0]), b->loaded, &error) != 0)
            die_error(&error);
        check_loaded(b, first, n, &from);
    }
    predict_images(b, from, b->count - from);
    flush_rows();
    forget_rows(b);
}

/* Takes ownership of the text. line: in the table, or 0. */
static void add_row(struct batch *b, char *text, const char *image, size_t line)
{
    b->row[b->count++] = (struct waiting){text, text_format("%s", image), line};
}

/* ---- 3. The header ---- */

static void print_header(const struct arguments *a, size_t classes)
{
    const char *line = a->suffix ? "_" : "", *suffix = a->suffix ? a->suffix : "";
    printf("\tpredicted%s%s\tconfidence%s%s", line, suffix, line, suffix);
    if (a->names)
        printf("\tpredicted_class%s%s", line, suffix);
    for (size_t c = 0; a->probabilities && c < classes; c++)
        printf("\tp%zu%s%s", c, line, suffix);
    putchar('\n');
}

/* A second column of the same name would hide the first. */
static void check_column(const struct arguments *a, const struct fmnn_table *table,
                         const char *word)
{
    char *name = suffixed(word, a->suffix);
    if (fmnn_table_find(table, name) >= 0)
        die("%s: already has a column '%s'; use --suffix WORD to write other columns",
            fmnn_table_name(table), name);
    free(name);
}

static void check_columns(const struct arguments *a, const struct fmnn_table *table, size_t classes)
{
    check_column(a, table, "predicted");
    check_column(a, table, "confidence");
    if (a->names)
        check_column(a, table, "predicted_class");
    for (size_t c = 0; a->probabilities && c < classes; c++) {
        char word[32];
        snprintf(word, sizeof word, "p%zu", c);
        check_column(a, table, word);
    }
}

/* ---- 4. The classes of the table ---- */

/* What is looked for in a table besides images: whether it counts the classes as the net does. */
struct classes {
    const char *weights; /* their file */
    const struct fmnn_names *names;
    size_t count;
    int label, class; /* columns; -1: missing */
    bool looked;      /* at the names beside the images */
    bool noted, noted_count;
};

static struct classes classes_of(const struct arguments *a, const struct batch *b,
                                 const struct fmnn_table *table)
{
    return (struct classes){.weights = a->weights.path[0],
                            .names = fmnn_net_names(b->net[0]),
                            .count = fmnn_net_classes(b->net[0]),
                            .label = fmnn_table_find(table, "label"),
                            .class = fmnn_table_find(table, "class")};
}

/* Notes that the names beside the images have another order or number than those of the weights. */
static void compare_lists(const struct classes *c, const char *table, const struct fmnn_names *list)
{
    const char *source = list->source ? list->source : "the data directory";
    if (!note_other_order(table, list, source, c->names, c->weights) &&
        list->count != c->names->count)
        note("%s: %s names %zu classes, but %s has %zu", table, source, list->count, c->weights,
             c->names->count);
}

static void look_beside(const struct batch *b, struct classes *c, const struct fmnn_table *table,
                        const char *image)
{
    struct fmnn_names *list = NULL;
    char *directory =
        c->names && c->class < 0 ? fmnn_images_directory(b->images, image, NULL) : NULL;
    c->looked = true;
    if (directory && fmnn_names_of_directory(directory, &list, NULL) == 0 && list)
        compare_lists(c, fmnn_table_name(table), list);
    fmnn_names_free(list);
    free(directory);
}

/* Compares the current row with the net; -1 if it gives a class of the net another number. */
static int check_classes(const struct batch *b, struct classes *c, const struct fmnn_table *table,
                         const char *image, struct fmnn_error *error)
{
    int label = -1;
    if (c->label < 0 || fmnn_table_label(table, (size_t)c->label, 0, &label, NULL) != 0 ||
        label < 0)
        return 0;
    if (!c->looked)
        look_beside(b, c, table, image);
    if ((size_t)label >= c->count && !c->noted_count) {
        note("%s:%zu: label %d, but %s has %zu classes", fmnn_table_name(table),
             fmnn_table_line(table), label, c->weights, c->count);
        c->noted_count = true;
    }
    const char *name = c->class < 0 ? "" : fmnn_table_field(table, (size_t)c->class);
    return !*name || !c->names ? 0
                               : pair_check(c->names, c->weights, table, "label", (size_t)label,
                                            name, &c->noted, error);
}

/* ---- 5. The two kinds of input ---- */

static void predict_table(const struct arguments *a, struct batch *b, const struct operand *source)
{
    struct fmnn_error error;
    struct fmnn_table *table = operand_table(source, FMNN_TABLE_ROWS, a->only);
    size_t image = need_column(table, "image");
    b->table = fmnn_table_name(table);
    check_columns(a, table, fmnn_net_classes(b->net[0]));
    struct classes classes = classes_of(a, b, table);
    bool any = false;
    for (size_t c = 0; c < fmnn_table_columns(table); c++)
        printf("%s%s", c ? "\t" : "", fmnn_table_column(table, c));
    print_header(a, fmnn_net_classes(b->net[0]));
    for (;;) {
        if (b->count == b->size || fmnn_table_paused(table))
            finish_batch(b);
        int more = fmnn_table_next(table, &error);
        if (more == 0)
            break;
        any = true;
        if (more > 0)
            more = check_classes(b, &classes, table, fmnn_table_field(table, image), &error);
        if (more < 0) {
            finish_batch(b); /* the rows before the bad one */
            die_error(&error);
        }
        add_row(b, table_line(table, fmnn_table_field), fmnn_table_field(table, image),
                fmnn_table_line(table));
    }
    finish_batch(b);
    if (!any && a->only)
        note("%s: no row of split '%s'%s", b->table, a->only, split_hint(a->only));
    b->table = NULL;
    fmnn_table_close(table);
}

static void check_file_names(char **files)
{
    for (; *files; files++)
        if (strpbrk(*files, "\t\n\r"))
            die("%s: a table cannot contain this file name", *files);
}

/* An image that comes through a pipe is predicted by itself. */
static void predict_piped(struct batch *b, struct operand *source)
{
    size_t size, from = 0;
    const char *name = !strcmp(source->path, "-") ? "standard input" : source->path;
    finish_batch(b);
    uint8_t *bytes = operand_read(source, &size);
    add_row(b, text_format("%s\t\t", source->path), source->path, 0);
    fmnn_image_load(bytes, size, name, &b->input, b->pixels, b->loaded);
    free(bytes);
    check_loaded(b, 0, 1, &from);
    predict_images(b, from, 1 - from);
    flush_rows();
    forget_rows(b);
}

static void predict_files(const struct arguments *a, struct batch *b, struct operand *source)
{
    if (a->only)
        usage_error("--only: image files have no split");
    check_file_names(a->files);
    printf("image\tlabel\tsplit");
    print_header(a, fmnn_net_classes(b->net[0]));
    for (char **file = a->files; *file; file++, source++) {
        if (source->fd >= 0)
            predict_piped(b, source);
        else
            add_row(b, text_format("%s\t\t", *file), *file, 0);
        if (b->count == b->size)
            finish_batch(b);
    }
    finish_batch(b);
}

/* ---- 6. main ---- */

/* One of several operands that is not there is no table: nobody knows what it would be. */
static void refuse_missing(const struct operand *source)
{
    if (source->image || !source->error)
        return;
    errno = source->error;
    die_errno("%s", source->path);
}

/* What the operands are: images, or a table; standard input if there is none. */
static struct operand *open_sources(char **files)
{
    size_t count = 0;
    while (files[count])
        count++;
    struct operand *sources = xcalloc(count + 1, sizeof *sources);
    sources[0] = operand_open(files[0]);
    for (size_t i = 1; i < count; i++) {
        sources[i] = operand_open(files[i]);
        refuse_missing(&sources[0]);
        refuse_missing(&sources[i]);
        if (sources[i].image != sources[0].image)
            usage_error("a table and image files cannot be mixed; predict them separately");
    }
    return sources;
}

/* Before standard input is read. */
static void check_operands(const struct arguments *a)
{
    const char *table = a->files[0];
    size_t piped = 0; /* weights files that come from standard input */
    for (size_t i = 0; i < a->weights.count; i++)
        piped += !strcmp(a->weights.path[i], "-");
    if (piped > 1)
        usage_error("only one weights file can come from standard input");
    if (piped && (!table || !strcmp(table, "-")))
        usage_error("weights and table cannot both come from standard input");
}

int main(int argc, char **argv)
{
    static char dash[] = "-", *standard_input[] = {dash, NULL};
    program_start(&program);
    struct arguments a = parse_arguments(argc, argv);
    check_operands(&a);
    struct operand *sources = open_sources(a.files);
    if (!sources[0].image)
        limit_operands(a.files, 1);
    if (sources[0].image && a.root)
        note("--root has no effect on image files: it is for tables");
    struct batch batch = make_batch(&a, sources[0].image ? NULL : a.root);
    if (sources[0].image && !a.files[0]) /* on standard input */
        a.files = standard_input;
    if (sources[0].image)
        predict_files(&a, &batch, sources);
    else
        predict_table(&a, &batch, sources);
    int status = bad_images_status(&batch.bad);
    free_batch(&batch);
    free(sources);
    free(a.weights.path);
    return status;
}
