/* plot-images.c -- a contact sheet of the images in a table. */
#include "plot/grid.h"

#include <math.h>

enum { PHOTO = 1024 }; /* pixels of a side: larger images are reduced before they are kept */

struct reader {
    const struct plot_request *request;
    struct fmnn_table *table;
    struct fmnn_images *images;
    struct fmnn_names *names;
    bool alike;           /* some names are equal when cut: titles begin with the class number */
    size_t image;         /* column */
    int label, predicted; /* columns; -1: missing */
    size_t max;           /* of an image's larger side; larger images are reduced */
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

static char *class_title(const struct reader *reader, int label)
{
    if (!reader->names || (size_t)label >= reader->names->count)
        return text_format("%d", label);
    char *name = text_clean(reader->names->name[label]);
    char *title = reader->alike ? text_format("%d %s", label, name) : text_format("%s", name);
    free(name);
    return title;
}

static int field_label(const struct reader *reader, int column)
{
    return column < 0 ? -1 : row_label(reader->table, (size_t)column, 0);
}

/* The class; class and prediction if they differ; the name of the image if it has no label. */
static void set_titles(const struct reader *reader, const char *image, struct tile *tile)
{
    int label = field_label(reader, reader->label);
    int predicted = field_label(reader, reader->predicted);
    if (label >= 0)
        tile->title = class_title(reader, label);
    else
        tile->title = text_clean(text_base(image));
    if (predicted >= 0 && label >= 0 && predicted != label)
        tile->instead = class_title(reader, predicted);
    if (predicted >= 0 && label < 0) {
        char *guess = class_title(reader, predicted);
        char *both = text_format("%s: %s", tile->title, guess);
        free(tile->title);
        free(guess);
        tile->title = both;
    }
}

static const char *image_name(const struct reader *reader)
{
    return fmnn_table_field(reader->table, reader->image);
}

/* Dies of the error of the row's image, or counts it. */
static void bad_row(const struct reader *reader, const struct fmnn_error *why)
{
    struct fmnn_error error = *why;
    fmnn_table_fail(reader->table, &error, "%s", why->message);
    error.status = why->status;
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
    set_titles(reader, image_name(reader), &tile);
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

static void add_title(const struct reader *reader, struct grid *grid)
{
    struct tile tile = {0};
    set_titles(reader, image_name(reader), &tile);
    grid_add(grid, &tile);
}

/* The images of the tiles, which have only titles so far. */
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
    reader->label = fmnn_table_find(reader->table, "label");
    char *predicted = suffixed("predicted", request->suffix);
    reader->predicted = request->suffix ? (int)need_column(reader->table, predicted)
                                        : fmnn_table_find(reader->table, predicted);
    free(predicted);
    reader->images = open_images(request->directory);
}

static void close_reader(struct reader *reader)
{
    fmnn_recipe_free(reader->recipe);
    fmnn_data_free(reader->data);
    fmnn_names_free(reader->names);
    fmnn_images_free(reader->images);
    fmnn_table_close(reader->table);
}

static void learn_names(struct reader *reader)
{
    enum { MAX_LENGTH = 20 };
    reader->names = class_names(reader->request->classes, reader->images,
                                fmnn_table_field(reader->table, reader->image));
    reader->alike =
        reader->names && text_alike(reader->names->name, reader->names->count, MAX_LENGTH);
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
        if (rows == 0 && !reader.names)
            learn_names(&reader);
        bool drawn = rows < request->limit;
        if (request->augment && !keep_image(&reader))
            continue;
        if (drawn && request->augment)
            add_title(&reader, grid);
        else if (drawn && !add_image(&reader, grid))
            continue;
        rows++;
    }
    if (rows == 0)
        die("%s: no images to draw", fmnn_table_name(reader.table));
    if (request->augment)
        draw_augmented(&reader, grid);
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
