/* fm-predict.c -- adds the predictions of one or more nets to the rows of a table.

   Rows wait until a batch is full or the input pauses; then they are predicted and printed. So the
   program works in an interactive pipe. The result for an image does not depend on its batch.

   Contents: 1. Options  2. The batch  3. The header  4. The two kinds of input  5. main */
#include "common/common.h"

/* ---- 1. Options ---- */

/* The weights files: the operand, and then those of --ensemble. */
struct weights {
    size_t count;
    const char **path;
};

struct arguments {
    bool names, probabilities;
    const char *suffix, *only, *data;
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
    {0, "only", "SPLIT[,SPLIT]", "read only rows of these splits", OPTION_SPLITS, TARGET(only)},
    {'d', "data", "DIR", "data directory, which holds train:N and test:N", OPTION_DIRECTORY,
     TARGET(data)},
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
};

static struct arguments parse_arguments(int argc, char **argv)
{
    struct arguments a = {.weights = {1, xcalloc((size_t)argc + 1, sizeof *a.weights.path)}};
    char **operands = parse_options(argc, argv, &a);
    if (!operands[0])
        usage_error("no weights file given");
    a.weights.path[0] = operands[0];
    a.prediction.kernels = kernels_wanted();
    a.files = operands + 1;
    return a;
}

/* ---- 2. The batch ---- */

struct batch {
    struct fmnn_images *images;
    size_t nets;
    struct fmnn_net **net;            /* they agree in images and classes */
    struct fmnn_predictor *predictor; /* of all nets */
    bool all;                         /* print all probabilities */
    char *const *name;                /* of the classes; NULL: do not print them */
    size_t size, count;               /* maximum and current number of rows */
    char **row;                       /* [size] fields, separated by tabs */
    uint8_t *pixels;                  /* (size,C,H,W) */
    float *probabilities;             /* (size, classes) */
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

static void add_net(const struct arguments *a, struct batch *b, size_t i)
{
    struct fmnn_error error;
    const char *path = a->weights.path[i];
    struct fmnn_net *net = b->net[i] = open_net(path);
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

static struct batch make_batch(const struct arguments *a)
{
    struct batch b = {.nets = a->weights.count, .all = a->probabilities};
    b.net = xcalloc(b.nets, sizeof *b.net);
    for (size_t i = 0; i < b.nets; i++)
        add_net(a, &b, i);
    if (a->names)
        b.name = class_names_of(a, b.net[0]);
    b.images = open_images(a->data);
    size_t classes = fmnn_net_classes(b.net[0]);
    b.size = rows_to_collect(a, &b);
    b.row = xcalloc(b.size, sizeof *b.row);
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

static void finish_batch(struct batch *b)
{
    size_t classes = fmnn_net_classes(b->net[0]);
    if (b->count)
        fmnn_predictor_run(b->predictor, b->pixels, b->count, b->probabilities);
    for (size_t i = 0; i < b->count; i++) {
        const float *p = b->probabilities + i * classes;
        size_t best = fmnn_best_class(p, classes);
        printf("%s\t%zu", b->row[i], best);
        print_number((double)p[best]);
        if (b->name)
            printf("\t%s", b->name[best]);
        for (size_t c = 0; b->all && c < classes; c++)
            print_number((double)p[c]);
        putchar('\n');
        free(b->row[i]);
    }
    b->count = 0;
    if (fflush(stdout) != 0)
        die_stdout();
}

/* Takes ownership of the row. False with an error if the image cannot be read. */
static bool add_row(struct batch *b, char *row, const char *image, struct fmnn_error *error)
{
    uint8_t *pixels = b->pixels + b->count * image_bytes(b->net[0]);
    if (fmnn_images_read(b->images, image, fmnn_net_shape(b->net[0]), pixels, error) != 0) {
        free(row);
        return false;
    }
    b->row[b->count++] = row;
    return true;
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

/* ---- 4. The two kinds of input ---- */

static char *copy_row(const struct fmnn_table *table)
{
    size_t columns = fmnn_table_columns(table), size = columns;
    for (size_t c = 0; c < columns; c++)
        size += strlen(fmnn_table_field(table, c));
    char *row = xcalloc(size + 1, 1), *end = row;
    for (size_t c = 0; c < columns; c++) {
        const char *field = fmnn_table_field(table, c);
        size_t length = strlen(field);
        if (c)
            *end++ = '\t';
        memcpy(end, field, length);
        end += length;
    }
    *end = 0;
    return row;
}

static void predict_table(const struct arguments *a, struct batch *b, const char *operand)
{
    struct fmnn_error error;
    struct fmnn_table *table = open_table(operand, FMNN_TABLE_ROWS, a->only);
    size_t image = need_column(table, "image");
    check_columns(a, table, fmnn_net_classes(b->net[0]));
    for (size_t c = 0; c < fmnn_table_columns(table); c++)
        printf("%s%s", c ? "\t" : "", fmnn_table_column(table, c));
    print_header(a, fmnn_net_classes(b->net[0]));
    for (;;) {
        if (b->count == b->size || fmnn_table_paused(table))
            finish_batch(b);
        int more = fmnn_table_next(table, &error);
        if (more == 0)
            break;
        bool good = more > 0;
        if (good && !add_row(b, copy_row(table), fmnn_table_field(table, image), &error)) {
            struct fmnn_error why = error;
            fmnn_table_fail(table, &error, "%s", why.message);
            good = false;
        }
        if (!good) {
            finish_batch(b); /* the rows before the bad one */
            die_error(&error);
        }
    }
    finish_batch(b);
    fmnn_table_close(table);
}

static void check_file_names(char **files)
{
    for (; *files; files++)
        if (strpbrk(*files, "\t\n\r"))
            die("%s: a table cannot contain this file name", *files);
}

static void predict_files(const struct arguments *a, struct batch *b)
{
    struct fmnn_error error;
    if (a->only)
        usage_error("--only: image files have no split");
    check_file_names(a->files);
    printf("image\tlabel\tsplit");
    print_header(a, fmnn_net_classes(b->net[0]));
    for (char **file = a->files; *file; file++) {
        if (!add_row(b, text_format("%s\t\t", *file), *file, &error)) {
            finish_batch(b);
            die_error(&error);
        }
        if (b->count == b->size)
            finish_batch(b);
    }
    finish_batch(b);
}

/* ---- 5. main ---- */

/* Whether the operands are image files; else there is a table or none. */
static bool are_images(char **files)
{
    bool images = files[0] && fmnn_image_format(files[0]);
    for (; *files; files++)
        if ((fmnn_image_format(*files) != NULL) != images)
            usage_error("a table and image files cannot be mixed; predict them separately");
    return images;
}

static void check_operands(const struct arguments *a, bool images)
{
    const char *table = a->files[0];
    size_t piped = 0; /* weights files that come from standard input */
    for (size_t i = 0; i < a->weights.count; i++)
        piped += !strcmp(a->weights.path[i], "-");
    if (piped > 1)
        usage_error("only one weights file can come from standard input");
    if (images)
        return;
    limit_operands(a->files, 1);
    if (piped && (!table || !strcmp(table, "-")))
        usage_error("weights and table cannot both come from standard input");
}

int main(int argc, char **argv)
{
    program_start(&program);
    struct arguments a = parse_arguments(argc, argv);
    bool images = are_images(a.files);
    check_operands(&a, images);
    struct batch batch = make_batch(&a);
    if (images)
        predict_files(&a, &batch);
    else
        predict_table(&a, &batch, a.files[0]);
    free_batch(&batch);
    free(a.weights.path);
    return 0;
}
