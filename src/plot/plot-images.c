/* plot-images.c -- a contact sheet of the images in a table. */
#include "plot/grid.h"
#include "common/class-pairs.h"

#include <math.h>

enum { PHOTO = 1024 }; /* pixels of a side: larger images are reduced before they are kept */

/* A class that a row names: by its number, by its name, or both. */
struct named {
    int number; /* -1: none */
    char *name; /* or NULL */
};

struct caption {
    char *image;
    struct named label, predicted;
};

struct reader {
    const struct plot_request *request;
    struct fmnn_table *table;
    struct fmnn_images *images;
    struct fmnn_names *list, *found; /* of --classes; beside the images */
    struct class_pairs pairs;        /* names in the table */
    bool noted;                      /* that one is not in the list */
    struct fmnn_names *names;        /* when all rows are read: what counts */
    bool alike;   /* some names are equal when cut: titles begin with the class number */
    size_t image; /* column */
    struct field {
        int number, name; /* columns, such as label and class; -1: missing */
    } label, predicted;
    struct caption *captions; /* of the tiles */
    size_t count, capacity;
    size_t max; /* of an image's larger side; larger images are reduced */
    /* With --augment; else NULL. */
    struct fmnn_recipe *recipe;
    struct fmnn_data *data; /* all images, of the shape of the first */
    struct fmnn_shape shape;
};

/* Limits the plot to some ten megabytes, however large the images are. */
static size_t largest_side(size_t limit)
{
    double side = sqrt(16e6 / (double)limit);
    return side > 512 ? 512 : (size_t)side;
}

/* NULL if the class is unknown. */
static char *class_title(const struct reader *reader, const struct named *class)
{
    const struct fmnn_names *names = reader->names;
    if (class->number < 0)
        return class->name ? text_clean(class->name) : NULL;
    if (!names || (size_t) class->number >= names->count)
        return text_format("%d", class->number);
    char *name = text_clean(names->name[class->number]);
    char *title =
        reader->alike ? text_format("%d %s", class->number, name) : text_format("%s", name);
    free(name);
    return title;
}

static const char *text_at(const struct reader *reader, int column)
{
    return column < 0 ? "" : fmnn_table_field(reader->table, (size_t)column);
}

/* Takes a name that the table gives to a number, unless a list has the names. */
static void take_pair(struct reader *reader, const struct field *field, int number,
                      const char *name)
{
    struct fmnn_error error;
    const char *column = fmnn_table_column(reader->table, (size_t)field->number);
    const char *classes = reader->request->classes;
    if (reader->list && pair_check(reader->list, classes, reader->table, column, (size_t)number,
                                   name, &reader->noted, &error) != 0)
        die_error(&error);
    if (!classes)
        pairs_add(&reader->pairs, reader->table, column, (size_t)number, name);
}

/* The class of the current row in two columns. A label can be a name itself, unless names are not
   wanted; it is looked up if there is a list. */
static struct named read_class(struct reader *reader, const struct field *field)
{
    struct named class = {.number = -1};
    const char *text = text_at(reader, field->number), *name = text_at(reader, field->name);
    const struct fmnn_names *list = reader->list ? reader->list : reader->found;
    size_t column = (size_t)field->number;
    int label = -1;
    if (*text && fmnn_table_label(reader->table, column, 0, &label, NULL) == 0)
        class.number = label;
    else if (*text && !*name && (list || reader->request->classes))
        class.number = row_class(reader->table, column, list);
    else if (*text)
        name = text;
    if (class.number >= 0 && *name)
        take_pair(reader, field, class.number, name);
    if (*name)
        class.name = text_format("%s", name);
    return class;
}

/* The class; class and prediction if they differ; the name of the image if it has no label. */
static void set_titles(const struct reader *reader, const struct caption *caption,
                       struct tile *tile)
{
    const struct named *label = &caption->label, *predicted = &caption->predicted;
    char *truth = class_title(reader, label), *guess = class_title(reader, predicted);
    bool numbers = label->number >= 0 && predicted->number >= 0;
    bool differ = truth && guess &&
                  (numbers ? label->number != predicted->number : strcmp(truth, guess) != 0);
    if (truth) {
        tile->title = truth;
        tile->instead = differ ? guess : NULL;
    } else {
        tile->title = guess ? text_format("%s: %s", caption->image, guess)
                            : text_format("%s", caption->image);
    }
    if (!tile->instead)
        free(guess);
}

static void free_caption(struct caption *caption)
{
    free(caption->image);
    free(caption->label.name);
    free(caption->predicted.name);
}

static const char *image_name(const struct reader *reader)
{
    return fmnn_table_field(reader->table, reader->image);
}

/* Dies of the error of the row's image, or counts it. */
static void bad_row(const struct reader *reader, const struct fmnn_error *why)
{
    const struct origin origin = {fmnn_table_name(reader->table), fmnn_table_line(reader->table),
                                  image_name(reader), reader->request->root};
    struct fmnn_error error;
    char *trouble = image_trouble(&origin, why);
    fmnn_table_fail(reader->table, &error, "%s", trouble);
    error.status = why->status;
    free(trouble);
    bad_image(reader->request->bad, &error);
}

/* The pixels of the row's image, malloc'ed; NULL if it is skipped. Photos are reduced when they are
   read. */
static uint8_t *read_image(const struct reader *reader, struct fmnn_shape *shape)
{
    struct fmnn_error error;
    struct fmnn_loaded loaded;
    struct fmnn_input input = {.fit = FMNN_FIT_STRETCH, .filter = FMNN_FILTER_BOX};
    const char *name = image_name(reader);
    if (fmnn_images_shape(reader->images, name, shape, &error) != 0) {
        bad_row(reader, &error);
        return NULL;
    }
    size_t side = shape->height > shape->width ? shape->height : shape->width;
    if (side > PHOTO) {
        shape->height = (shape->height * reader->max + side - 1) / side;
        shape->width = (shape->width * reader->max + side - 1) / side;
    }
    input.shape = *shape;
    uint8_t *pixels = xcalloc(shape->channels * shape->height * shape->width, 1);
    if (fmnn_images_load(reader->images, &name, 1, &input, 1, pixels, &loaded, &error) != 0)
        die_error(&error);
    if (loaded.error.status == FMNN_OK)
        return pixels;
    bad_row(reader, &loaded.error);
    free(pixels);
    return NULL;
}

static bool add_image(const struct reader *reader, struct grid *grid)
{
    struct tile tile = {0};
    struct fmnn_shape shape;
    uint8_t *pixels = read_image(reader, &shape);
    if (!pixels)
        return false;
    grid_set_image(&tile, shape, pixels, reader->max);
    free(pixels);
    grid_add(grid, &tile);
    return true;
}

/* ---- augmented images: all are read, as a training reads them, before the first is drawn */

static struct fmnn_recipe *read_recipe(const char *augment)
{
    struct fmnn_error error;
    struct fmnn_recipe *recipe = fmnn_recipe_new(NULL, &error);
    if (!recipe || fmnn_recipe_set(recipe, "augment", augment, &error) != 0)
        die("%s", error.message);
    return recipe;
}

static bool keep_image(struct reader *reader)
{
    struct fmnn_error error;
    struct fmnn_shape shape = {0};
    uint8_t *image = read_image(reader, &shape);
    if (!image)
        return false;
    if (!reader->data) {
        reader->shape = shape;
        reader->data = fmnn_data_new(shape, &error);
        if (!reader->data)
            die_at_row(reader->table, "%s", error.message);
    }
    char is[FMNN_SHAPE_TEXT], needed[FMNN_SHAPE_TEXT];
    fmnn_format_shape(is, shape);
    fmnn_format_shape(needed, reader->shape);
    if (strcmp(is, needed) != 0) {
        error.status = FMNN_DATA;
        snprintf(error.message, sizeof error.message, "%s: the image is %s, but %s is needed",
                 image_name(reader), is, needed);
        bad_row(reader, &error);
        free(image);
        return false;
    }
    uint8_t *pixels = fmnn_data_add(reader->data, 0, &error);
    if (!pixels)
        die_at_row(reader->table, "%s", error.message);
    memcpy(pixels, image, shape.channels * shape.height * shape.width);
    free(image);
    return true;
}

/* The images of the tiles, which are empty so far. */
static void draw_augmented(const struct reader *reader, struct grid *grid)
{
    struct fmnn_error error;
    const struct plot_request *request = reader->request;
    size_t size = reader->shape.channels * reader->shape.height * reader->shape.width;
    uint8_t *pixels = xcalloc(grid->count, size);
    if (fmnn_data_augment(reader->data, reader->recipe, request->seed, request->epoch, 0,
                          grid->count, pixels, &error) != 0)
        die("%s", error.message);
    for (size_t i = 0; i < grid->count; i++)
        grid_set_image(&grid->tiles[i], reader->shape, pixels + i * size, reader->max);
    free(pixels);
}

static void open_reader(struct reader *reader)
{
    const struct plot_request *request = reader->request;
    reader->table =
        open_table(request->file_count ? request->files[0] : NULL, FMNN_TABLE_ROWS, request->only);
    reader->image = need_column(reader->table, "image");
    reader->label.number = fmnn_table_find(reader->table, "label");
    reader->label.name = fmnn_table_find(reader->table, "class");
    char *predicted = suffixed("predicted", request->suffix);
    char *name = suffixed("predicted_class", request->suffix);
    reader->predicted.number = request->suffix ? (int)need_column(reader->table, predicted)
                                               : fmnn_table_find(reader->table, predicted);
    reader->predicted.name = fmnn_table_find(reader->table, name);
    if (request->classes && !strcmp(request->classes, "none"))
        reader->label.name = reader->predicted.name = -1;
    free(predicted);
    free(name);
    reader->images = open_images(request->directory, request->root);
}

static void close_reader(struct reader *reader)
{
    fmnn_recipe_free(reader->recipe);
    fmnn_data_free(reader->data);
    for (size_t i = 0; i < reader->count; i++)
        free_caption(&reader->captions[i]);
    free(reader->captions);
    if (reader->names != reader->list && reader->names != reader->found)
        fmnn_names_free(reader->names);
    fmnn_names_free(reader->list);
    fmnn_names_free(reader->found);
    pairs_free(&reader->pairs);
    fmnn_images_free(reader->images);
    fmnn_table_close(reader->table);
}

static void learn_names(struct reader *reader)
{
    const char *classes = reader->request->classes;
    struct fmnn_names *names = class_names(classes, reader->images, image_name(reader));
    *(classes ? &reader->list : &reader->found) = names;
}

/* False if the row's image is skipped. */
static bool add_row(struct reader *reader, struct grid *grid, bool drawn)
{
    const struct tile empty = {0};
    struct caption caption = {text_clean(text_base(image_name(reader))),
                              read_class(reader, &reader->label),
                              read_class(reader, &reader->predicted)};
    bool good = !reader->request->augment || keep_image(reader);
    if (good && drawn && reader->request->augment)
        grid_add(grid, &empty);
    else if (good && drawn)
        good = add_image(reader, grid);
    if (!good || !drawn) {
        free_caption(&caption);
        return good;
    }
    xgrow((void **)&reader->captions, &reader->capacity, reader->count + 1,
          sizeof *reader->captions);
    reader->captions[reader->count++] = caption;
    return true;
}

/* Later rows can name classes, so titles are written at the end. */
static void write_titles(struct reader *reader, struct grid *grid)
{
    enum { MAX_LENGTH = 20 };
    struct fmnn_names *names = reader->list ? reader->list
                                            : pairs_names(&reader->pairs, 0, reader->found,
                                                          fmnn_table_name(reader->table));
    reader->names = names;
    reader->alike = names && text_alike(names->name, names->count, MAX_LENGTH);
    for (size_t i = 0; i < grid->count; i++)
        set_titles(reader, &reader->captions[i], &grid->tiles[i]);
}

static void *read_images(const struct plot_request *request)
{
    struct reader reader = {.request = request, .max = largest_side(request->limit)};
    struct grid *grid = xcalloc(1, sizeof *grid);
    size_t rows = 0;
    if (request->augment)
        reader.recipe = read_recipe(request->augment);
    open_reader(&reader);
    while (next_row(reader.table)) {
        if (rows == 0 && !reader.list && !reader.found)
            learn_names(&reader);
        rows += add_row(&reader, grid, rows < request->limit);
    }
    if (rows == 0)
        die("%s: no images%s%s to draw%s", fmnn_table_name(reader.table),
            request->only ? " of split " : "", request->only ? request->only : "",
            request->only ? split_hint(request->only) : "");
    if (request->augment)
        draw_augmented(&reader, grid);
    write_titles(&reader, grid);
    if (rows > request->limit)
        note("%zu of %zu images left out (see --limit)", rows - request->limit, rows);
    close_reader(&reader);
    return grid;
}

const struct plot_kind plot_images = {
    .name = "images",
    .takes = TAKES_ONLY | TAKES_SUFFIX | TAKES_CLASSES | TAKES_DIRECTORY | TAKES_COLUMNS |
             TAKES_LIMIT | TAKES_AUGMENT | TAKES_SKIP_BAD,
    .max_files = 1,
    .read = read_images,
    .gnuplot = grid_gnuplot,
    .text = grid_text,
    .free = grid_free,
};
