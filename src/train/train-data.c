/* train-data.c -- reads the images that the table names.

   The table is read first, then the images, in blocks, by all threads. If the images are files, the
   first ones decide the size and the channels, unless --size and --channels do; an image that does
   not agree (another size, or colours after gray ones) makes the reading start again, with a size
   and colours that suit all. The first row of an IDX file, wherever it is, decides the channels. */
#include "train/fm-train.h"
#include "train/train-classes.h"

#include <sys/stat.h>
#include <unistd.h>

/* Of images of several sizes, or larger than LARGE. */
enum { DEFAULT_SIDE = 32, LARGE = 512 };
enum { BLOCK = 128, MAX_BYTES = 64 << 20 }; /* images that are read at once */

struct reader {
    struct fmnn_table *table;
    struct fmnn_images *images;
    size_t image, split; /* columns */
    struct classes *classes;
    bool settled; /* --classes or a checkpoint says what the names are, or that there are none */
    /* Class names: of an option or a checkpoint, and of a directory. */
    struct fmnn_names *given, *found;
    struct bad_images bad;
    const char *root; /* --root, or NULL */
};

/* The rows that training uses. */
struct sample {
    char *image;
    size_t line, label;
    enum use use;
    bool skipped; /* it was told; it stays skipped if the reading starts again */
};

struct samples {
    struct sample *sample;
    size_t count, capacity;
};

/* The operand is a table, and the model an option; but people try it the other way. */
static void refuse_model(const struct arguments *a, const struct fmnn_table *table)
{
    if (a->table && strcmp(a->table, "-") != 0 && fmnn_table_columns(table) == 1 &&
        is_model_file(a->table))
        die("%s: a model, not a table; -m takes the model: fm-train -m %s TABLE", a->table,
            a->table);
}

/* Lists of files and labels, as other programs have them, lack this column. */
static size_t need_split(const struct fmnn_table *table)
{
    struct fmnn_error error;
    int column = fmnn_table_need(table, "split", &error);
    if (column < 0)
        die("%s; fm-split TABLE adds it", error.message);
    return (size_t)column;
}

static struct reader open_reader(const struct arguments *a)
{
    struct reader r = {.table = open_table(a->table, FMNN_TABLE_ROWS, a->only),
                       .bad.skip = a->skip_bad,
                       .root = a->root};
    refuse_model(a, r.table);
    r.image = need_column(r.table, "image");
    r.split = need_split(r.table);
    r.images = open_images(a->data, a->root);
    r.settled = a->classes || a->resume;
    if (a->classes)
        r.given = class_names(a->classes, r.images, NULL);
    else if (a->resume)
        r.given = names_in_weights(a->resume);
    r.classes = classes_new(r.table, r.settled && !r.given);
    return r;
}

static void close_reader(struct reader *r)
{
    fmnn_images_free(r->images);
    classes_free(r->classes);
    fmnn_table_close(r->table);
}

/* ---- 1. The table ---- */

/* The first image that training uses determines where to look for class names. Labels of rows
   before it may be names, too: they are looked up where the table's first image is. The column
   `class` alone needs the names for the order of the classes, even if none are to be kept. */
static void find_names(struct reader *r, bool used)
{
    struct fmnn_error error;
    const char *image = fmnn_table_field(r->table, r->image);
    if (r->given || (r->settled && !classes_are_in_table(r->classes)))
        return;
    fmnn_names_free(r->found);
    r->found = NULL;
    if (used) {
        r->found = class_names(NULL, r->images, image);
        return;
    }
    char *directory = fmnn_images_directory(r->images, image, &error);
    if (directory && fmnn_names_of_directory(directory, &r->found, &error) != 0)
        r->found = NULL; /* training may not need it */
    free(directory);
}

static enum use use_of_row(const struct reader *r)
{
    const char *split = fmnn_table_field(r->table, r->split);
    if (!strcmp(split, "train"))
        return FOR_TRAINING;
    return !strcmp(split, "valid") ? FOR_VALIDATION : NOT_USED;
}

/* The labels of all rows are read, because they determine the number of classes. */
static int read_label(struct reader *r, enum use use)
{
    int label = classes_of_row(r->classes, r->given, r->found);
    if (label < 0 && use != NOT_USED)
        die_at_row(r->table, "a row of split '%s' has no label; it needs one to be used",
                   fmnn_table_field(r->table, r->split));
    return label;
}

static void keep_row(struct samples *samples, const struct reader *r, enum use use, size_t label)
{
    void *array = samples->sample;
    xgrow(&array, &samples->capacity, samples->count + 1, sizeof *samples->sample);
    samples->sample = array;
    samples->sample[samples->count++] =
        (struct sample){text_format("%s", fmnn_table_field(r->table, r->image)),
                        fmnn_table_line(r->table), label, use, false};
}

static void name_classes(struct input *input, struct reader *r, struct samples *samples, size_t max)
{
    size_t *to;
    input->names = classes_name(r->classes, r->given, r->found, &to);
    input->classes = input->names ? input->names->count : max;
    for (size_t i = 0; to && i < samples->count; i++)
        samples->sample[i].label = to[samples->sample[i].label];
    free(to);
    classes_note(r->classes, input->names && (r->given || input->names == r->found),
                 input->classes);
    if (r->given != input->names)
        fmnn_names_free(r->given);
    if (r->found != input->names)
        fmnn_names_free(r->found);
    if (r->settled && !r->given) { /* the names have given the classes numbers */
        fmnn_names_free(input->names);
        input->names = NULL;
    }
}

static struct samples read_table(struct input *input, struct reader *r)
{
    struct samples samples = {0};
    size_t max = 0;
    for (bool first = true; next_row(r->table); first = false) {
        enum use use = use_of_row(r);
        if (first || (use != NOT_USED && !samples.count))
            find_names(r, use != NOT_USED);
        int label = read_label(r, use);
        if (label >= 0 && (size_t)label >= max)
            max = (size_t)label + 1;
        classes_count(r->classes, label, use);
        if (use == NOT_USED)
            classes_note_split(r->classes, fmnn_table_field(r->table, r->split));
        else
            keep_row(&samples, r, use, (size_t)label);
    }
    name_classes(input, r, &samples, max);
    return samples;
}

static void free_samples(struct samples *samples)
{
    for (size_t i = 0; i < samples->count; i++)
        free(samples->sample[i].image);
    free(samples->sample);
}

/* ---- 2. What the net's input is ---- */

/* Decisions about the input: those that options have made, and those that images may change. */
struct choice {
    struct fmnn_input input;
    bool size_open, channels_open; /* neither given nor decided by a row of an IDX file */
    bool convert;                  /* --channels: rows of IDX files are converted, too */
    const char *init;              /* the size is that of this net, and must stay */
};

static struct fmnn_error at_sample(const struct reader *r, const struct sample *sample,
                                   const struct fmnn_error *why)
{
    const struct origin origin = {fmnn_table_name(r->table), sample->line, sample->image, r->root};
    return error_of_image(&origin, why);
}

static void load(struct reader *r, const struct arguments *a, const struct fmnn_input *input,
                 const char *const *names, size_t n, uint8_t *pixels, struct fmnn_loaded *loaded)
{
    struct fmnn_error error;
    if (fmnn_images_load(r->images, names, n, input, a->training.threads, pixels, loaded, &error) !=
        0)
        die_error(&error);
}

/* The first image that can be read. */
static struct fmnn_loaded look_at_first(struct reader *r, const struct arguments *a,
                                        const struct samples *samples)
{
    const struct fmnn_input input = {.shape = {1, 1, 1}, .fit = FMNN_FIT_STRETCH};
    struct fmnn_loaded loaded;
    for (size_t i = 0; i < samples->count; i++) {
        const char *name = samples->sample[i].image;
        uint8_t pixel;
        load(r, a, &input, &name, 1, &pixel, &loaded);
        if (loaded.error.status == FMNN_OK)
            return loaded;
        struct fmnn_error error = at_sample(r, &samples->sample[i], &loaded.error);
        if (!r->bad.skip || error.status == FMNN_MEMORY)
            die_error(&error);
        if (a->summary) /* a training tells it when it reads all images */
            bad_image(&r->bad, &error);
    }
    die("%s: none of %zu images could be read", fmnn_table_name(r->table), samples->count);
}

/* Images of any size become small ones. */
static void choose_default_size(struct choice *c, const char *table, const char *what)
{
    c->input.shape.height = c->input.shape.width =
        c->input.fit == FMNN_FIT_FASHION_MNIST ? 28 : DEFAULT_SIDE;
    if (c->input.fit == FMNN_FIT_NONE)
        c->input.fit = FMNN_FIT_STRETCH;
    c->size_open = false;
    note("%s: %s: they are resized to %zux%zu, and so will be images that fm-predict reads "
         "(see --size and --fit)",
         table, what, c->input.shape.height, c->input.shape.width);
}

static struct choice choose_input(const struct arguments *a, const struct fmnn_loaded *first,
                                  const char *table)
{
    const struct fitting *f = &a->fitting;
    struct choice c = {.input = {.shape = first->shape},
                       .size_open = !a->size.height,
                       .channels_open = !a->channels && first->file,
                       .convert = a->channels > 0};
    fitting_apply(f, &c.input);
    if (f->fit == FMNN_FIT_FASHION_MNIST && !a->channels) {
        c.input.shape.channels = 1; /* as in the data set */
        c.channels_open = false;
    }
    if (a->channels)
        c.input.shape.channels = a->channels;
    if (!c.size_open) {
        c.input.shape.height = a->size.height;
        c.input.shape.width = a->size.width;
    }
    bool convert = !first->file && first->shape.channels != c.input.shape.channels;
    if (c.input.fit == FMNN_FIT_NONE && (!c.size_open || convert))
        c.input.fit = FMNN_FIT_STRETCH;
    if (c.size_open && f->fit != FMNN_FIT_NONE)
        choose_default_size(&c, table, "--fit without --size");
    else if (c.size_open && first->file &&
             (first->shape.height > LARGE || first->shape.width > LARGE))
        choose_default_size(&c, table, "the images are large");
    return c;
}

static void fit_to_net(struct choice *c, const char *table)
{
    if (c->input.fit == FMNN_FIT_NONE)
        c->input.fit = FMNN_FIT_STRETCH;
    c->size_open = false;
    note("%s: images are resized to %zux%zu, as for the net of %s (see --size and --fit)", table,
         c->input.shape.height, c->input.shape.width, c->init);
}

/* Image files become the input as those did that the net of --init was trained on, unless options
   say more. */
static struct choice choose_as(const struct arguments *a, const struct fmnn_input *init,
                               const struct fmnn_loaded *first, const char *table)
{
    const struct fitting *f = &a->fitting;
    struct choice c = {.input = *init, .init = a->init};
    bool same =
        first->shape.height == init->shape.height && first->shape.width == init->shape.width;
    if (a->channels)
        c.input.shape.channels = a->channels;
    fitting_apply(f, &c.input);
    c.input.invert = init->invert || f->invert; /* given again, it does not undo the net's */
    c.size_open = c.input.fit == FMNN_FIT_NONE; /* images of that size */
    if (!same)
        fit_to_net(&c, table);
    return c;
}

/* The first row of an IDX file decides the channels, unless an option does; --channels makes the
   first row of others the first one to be converted: rows are, unlike files, only if they are
   fitted. */
static bool choose_by_row(struct choice *c, const struct fmnn_loaded *loaded)
{
    bool open = c->channels_open, same = loaded->shape.channels == c->input.shape.channels;
    c->channels_open = false;
    if (same || (!open && (!c->convert || c->input.fit != FMNN_FIT_NONE)))
        return false;
    if (open)
        c->input.shape.channels = loaded->shape.channels;
    else
        c->input.fit = FMNN_FIT_STRETCH;
    return true;
}

/* Whether the image does not agree with what was chosen by those before it; if so, chooses anew. */
static bool choose_again(struct choice *c, const struct fmnn_loaded *loaded, const char *table)
{
    struct fmnn_shape *shape = &c->input.shape;
    bool again = false;
    if (!loaded->shape.height)
        return false;
    if (!loaded->file)
        return choose_by_row(c, loaded);
    if (c->size_open &&
        (loaded->shape.height != shape->height || loaded->shape.width != shape->width)) {
        if (c->init)
            fit_to_net(c, table);
        else
            choose_default_size(c, table, "the images have several sizes");
        again = true;
    }
    if (c->channels_open && loaded->colour && shape->channels == 1) {
        shape->channels = 3;
        again = true;
    }
    return again;
}

/* ---- 3. The images ---- */

struct loader {
    struct reader *reader;
    const struct arguments *a;
    struct samples *samples;
    struct choice *choice;
    struct input *input;
    size_t block; /* BLOCK, or fewer large images */
    const char **name;
    uint8_t *pixels;
    struct fmnn_loaded *loaded;
};

static struct fmnn_data *new_data(const struct loader *l, enum use use)
{
    struct fmnn_error error;
    struct fmnn_data *data = fmnn_data_new(l->choice->input.shape, &error);
    size_t count = 0;
    if (!data)
        die_error(&error);
    for (size_t i = 0; i < l->samples->count; i++)
        count += l->samples->sample[i].use == use;
    (void)fmnn_data_reserve(data, count, NULL); /* else the good images may still have room */
    return data;
}

static void keep_image(struct loader *l, const struct sample *sample, const uint8_t *pixels,
                       size_t size)
{
    struct fmnn_error error;
    struct fmnn_data *data = sample->use == FOR_TRAINING ? l->input->train : l->input->valid;
    uint8_t *to = fmnn_data_add(data, (unsigned)sample->label, &error);
    if (!to)
        die_error(&error);
    memcpy(to, pixels, size);
}

/* What is wrong with the image, if anything. --channels fits rows of IDX files, but does not allow
   other sizes; image files of other sizes have led to another choice. The library advises --fit
   even if only the channels differ, for which --channels is enough. */
static struct fmnn_error error_of(const struct loader *l, const struct sample *sample,
                                  const struct fmnn_loaded *loaded)
{
    const struct choice *c = l->choice;
    const struct fmnn_shape *is = &loaded->shape, *needed = &c->input.shape;
    struct fmnn_error error = loaded->error;
    bool row = is->height && !loaded->file, fitted = c->input.fit != FMNN_FIT_NONE;
    bool same = is->height == needed->height && is->width == needed->width;
    if (row && !same && error.status == FMNN_OK && c->size_open) {
        error.status = FMNN_DATA;
        snprintf(error.message, sizeof error.message,
                 "%.300s: the image is %zux%zu, but %zux%zu is needed; --fit resizes images",
                 sample->image, is->height, is->width, needed->height, needed->width);
    } else if (row && same && is->channels != needed->channels && !fitted && !c->init) {
        snprintf(error.message, sizeof error.message,
                 "%.300s: the image is %zux%zux%zu, but %zux%zux%zu is needed; --channels 1 or "
                 "--channels 3 converts images",
                 sample->image, is->channels, is->height, is->width, needed->channels,
                 needed->height, needed->width);
    }
    return error;
}

/* False if the reading must start again. What was skipped before stays so, even if the new choice
   would suit it: without --skip-bad, it would have ended the program. */
static bool take_block(struct loader *l, size_t first, size_t n, size_t size)
{
    for (size_t i = 0; i < n; i++) {
        struct sample *sample = &l->samples->sample[first + i];
        const struct fmnn_loaded *loaded = &l->loaded[i];
        if (sample->skipped)
            continue;
        if (choose_again(l->choice, loaded, fmnn_table_name(l->reader->table)))
            return false;
        struct fmnn_error error = error_of(l, sample, loaded);
        if (error.status != FMNN_OK) {
            error = at_sample(l->reader, sample, &error);
            bad_image(&l->reader->bad, &error);
            sample->skipped = true;
            continue;
        }
        note_flat_image(sample->image, loaded);
        keep_image(l, sample, l->pixels + i * size, size);
    }
    return true;
}

static bool load_all(struct loader *l)
{
    struct fmnn_shape shape = l->choice->input.shape;
    size_t size = shape.channels * shape.height * shape.width, count = l->samples->count, n;
    l->input->train = new_data(l, FOR_TRAINING);
    l->input->valid = new_data(l, FOR_VALIDATION);
    l->block = MAX_BYTES / size + 1 < BLOCK ? MAX_BYTES / size + 1 : BLOCK;
    l->pixels = xcalloc(l->block, size);
    bool good = true;
    for (size_t first = 0; good && first < count; first += n) {
        n = count - first < l->block ? count - first : l->block;
        for (size_t i = 0; i < n; i++)
            l->name[i] = l->samples->sample[first + i].image;
        load(l->reader, l->a, &l->choice->input, l->name, n, l->pixels, l->loaded);
        good = take_block(l, first, n, size);
        show_reading(good ? first + n : count, count);
    }
    free(l->pixels);
    return good;
}

static void drop_all(struct loader *l)
{
    fmnn_data_free(l->input->train);
    fmnn_data_free(l->input->valid);
    l->input->train = l->input->valid = NULL;
}

static void load_images(struct input *input, const struct arguments *a, struct reader *r,
                        struct samples *samples, struct choice *choice)
{
    struct loader l = {.reader = r, .a = a, .samples = samples, .choice = choice, .input = input};
    l.name = xcalloc(BLOCK, sizeof *l.name);
    l.loaded = xcalloc(BLOCK, sizeof *l.loaded);
    while (!load_all(&l))
        drop_all(&l);
    free(l.name);
    free(l.loaded);
}

/* ---- 4. Both ---- */

static void no_rows(const struct reader *r)
{
    die("%s: no row of split 'train', so there is nothing to train on", fmnn_table_name(r->table));
}

/* The size of the input by options and the first image. */
static struct choice begin(struct input *input, const struct arguments *a,
                           const struct fmnn_input *init, struct reader *r,
                           const struct samples *samples)
{
    struct fmnn_loaded first = look_at_first(r, a, samples);
    struct choice choice = init && first.file && !a->size.height
                               ? choose_as(a, init, &first, fmnn_table_name(r->table))
                               : choose_input(a, &first, fmnn_table_name(r->table));
    input->how = choice.input;
    return choice;
}

struct input read_input(const struct arguments *a, const struct fmnn_input *init)
{
    struct input input = {0};
    struct reader r = open_reader(a);
    struct samples samples = read_table(&input, &r);
    if (!samples.count)
        no_rows(&r);
    struct choice choice = begin(&input, a, init, &r, &samples);
    load_images(&input, a, &r, &samples, &choice);
    input.how = choice.input;
    free_samples(&samples);
    if (fmnn_data_count(input.train) == 0)
        no_rows(&r);
    char shape[FMNN_SHAPE_TEXT];
    fmnn_format_shape(shape, input.how.shape);
    info("%s: %zu training and %zu validation images of %s, %zu classes", fmnn_table_name(r.table),
         fmnn_data_count(input.train), fmnn_data_count(input.valid), shape, input.classes);
    if (a->training.patience && fmnn_data_count(input.valid) == 0)
        note("--patience has no effect without rows of split 'valid'");
    input.status = bad_images_status(&r.bad);
    close_reader(&r);
    return input;
}

/* The shape of the images that training would use or, without a table, Fashion-MNIST's. */
struct input read_shape(const struct arguments *a, const struct fmnn_input *init)
{
    struct stat st;
    struct input input = {.how.shape = {1, 28, 28}, .classes = 10};
    if (!a->table && (fstat(STDIN_FILENO, &st) != 0 || S_ISCHR(st.st_mode))) {
        if (a->size.height) {
            input.how.shape.height = a->size.height;
            input.how.shape.width = a->size.width;
        }
        if (a->channels)
            input.how.shape.channels = a->channels;
        char shape[FMNN_SHAPE_TEXT];
        fmnn_format_shape(shape, input.how.shape);
        info("no table is given; assuming images of %s and 10 classes", shape);
        return input;
    }
    input.classes = 0;
    struct reader r = open_reader(a);
    struct samples samples = read_table(&input, &r);
    if (!samples.count)
        die("%s: no row of split 'train' or 'valid'", fmnn_table_name(r.table));
    for (size_t i = 0; i < samples.count; i++)
        input.rows += samples.sample[i].use == FOR_TRAINING;
    begin(&input, a, init, &r, &samples);
    free_samples(&samples);
    input.status = bad_images_status(&r.bad);
    close_reader(&r);
    return input;
}

void free_input(struct input *input)
{
    fmnn_data_free(input->train);
    fmnn_data_free(input->valid);
    fmnn_names_free(input->names);
}
