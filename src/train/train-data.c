/* train-data.c -- reads the images that the table names. */
#include "train/fm-train.h"

#include <sys/stat.h>
#include <unistd.h>

struct reader {
    struct fmnn_table *table;
    struct fmnn_images *images;
    size_t image, label, split; /* columns */
};

enum use { NOT_USED, FOR_TRAINING, FOR_VALIDATION };

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

/* The first image determines the shape, and where to look for class names. */
static void begin_input(struct input *input, const struct arguments *a, struct reader *r)
{
    struct fmnn_error error;
    const char *image = fmnn_table_field(r->table, r->image);
    if (fmnn_images_shape(r->images, image, &input->shape, &error) != 0)
        die_at_row(r->table, "%s", error.message);
    /* A resumed training keeps its class names; but standard input cannot be read twice. */
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

static enum use use_of_row(const struct reader *r)
{
    const char *split = fmnn_table_field(r->table, r->split);
    if (!strcmp(split, "train"))
        return FOR_TRAINING;
    return !strcmp(split, "valid") ? FOR_VALIDATION : NOT_USED;
}

/* The labels of all rows are read, because they determine the number of classes. */
static int read_label(const struct input *input, struct reader *r, enum use use)
{
    int label = row_class(r->table, r->label, input->names);
    if (label < 0 && use != NOT_USED)
        die_at_row(r->table, "a row of split '%s' has no label; it needs one to be used",
                   fmnn_table_field(r->table, r->split));
    return label;
}

static void add_image(const struct input *input, struct reader *r, struct fmnn_data *data,
                      size_t label)
{
    struct fmnn_error error;
    const char *image = fmnn_table_field(r->table, r->image);
    uint8_t *pixels = fmnn_data_add(data, (unsigned)label, &error);
    if (!pixels)
        die_error(&error);
    if (fmnn_images_read(r->images, image, input->shape, pixels, &error) != 0)
        die_at_row(r->table, "%s", error.message);
}

/* Reads the rows that training uses; their images only if they are not for a summary. */
static void read_rows(struct input *input, const struct arguments *a, struct reader *r)
{
    size_t max = 0;
    while (next_row(r->table)) {
        enum use use = use_of_row(r);
        if (use != NOT_USED && !input->train)
            begin_input(input, a, r);
        int label = read_label(input, r, use);
        if (label >= 0 && (size_t)label >= max)
            max = (size_t)label + 1;
        if (use != NOT_USED && !a->summary)
            add_image(input, r, use == FOR_TRAINING ? input->train : input->valid, (size_t)label);
    }
    if (!input->classes)
        input->classes = max;
}

struct input read_input(const struct arguments *a)
{
    struct input input = {0};
    struct reader r = open_reader(a);
    read_rows(&input, a, &r);
    if (!input.train || fmnn_data_count(input.train) == 0)
        die("%s: no row of split 'train', so there is nothing to train on",
            fmnn_table_name(r.table));
    char shape[FMNN_SHAPE_TEXT];
    fmnn_format_shape(shape, input.shape);
    info("%s: %zu training and %zu validation images of %s, %zu classes", fmnn_table_name(r.table),
         fmnn_data_count(input.train), fmnn_data_count(input.valid), shape, input.classes);
    if (a->training.patience && fmnn_data_count(input.valid) == 0)
        note("--patience has no effect without rows of split 'valid'");
    close_reader(&r);
    return input;
}

/* The shape of the images that training would use or, without a table, Fashion-MNIST's. */
struct input read_shape(const struct arguments *a)
{
    struct stat st;
    struct input input = {.shape = {1, 28, 28}, .classes = 10};
    if (!a->table && (fstat(STDIN_FILENO, &st) != 0 || S_ISCHR(st.st_mode))) {
        info("no table is given; assuming images of 28x28 and 10 classes");
        return input;
    }
    struct reader r = open_reader(a);
    read_rows(&input, a, &r);
    if (!input.train)
        die("%s: no row of split 'train' or 'valid'", fmnn_table_name(r.table));
    close_reader(&r);
    return input;
}

void free_input(struct input *input)
{
    fmnn_data_free(input->train);
    fmnn_data_free(input->valid);
    fmnn_names_free(input->names);
}
