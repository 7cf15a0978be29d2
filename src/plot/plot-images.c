/* plot-images.c -- a contact sheet of the images in a table. */
#include "plot/grid.h"

#include <math.h>

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

static struct fmnn_shape image_shape(const struct reader *reader)
{
    struct fmnn_error error;
    struct fmnn_shape shape;
    if (fmnn_images_shape(reader->images, image_name(reader), &shape, &error) != 0)
        die_at_row(reader->table, "%s", error.message);
    return shape;
}

static void read_pixels(const struct reader *reader, struct fmnn_shape shape, uint8_t *pixels)
{
    struct fmnn_error error;
    if (fmnn_images_read(reader->images, image_name(reader), shape, pixels, &error) != 0)
        die_at_row(reader->table, "%s", error.message);
}

static void add_image(const struct reader *reader, struct grid *grid)
{
    struct tile tile = {0};
    struct fmnn_shape shape = image_shape(reader);
    uint8_t *pixels = xcalloc(shape.channels * shape.height * shape.width, 1);
    read_pixels(reader, shape, pixels);
    grid_set_image(&tile, shape, pixels, reader->max);
    free(pixels);
    set_titles(reader, image_name(reader), &tile);
    grid_add(grid, &tile);
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

static void keep_image(struct reader *reader)
{
    struct fmnn_error error;
    if (!reader->data) {
        reader->shape = image_shape(reader);
        reader->data = fmnn_data_new(reader->shape, &error);
        if (!reader->data)
            die_at_row(reader->table, "%s", error.message);
    }
    uint8_t *pixels = fmnn_data_add(reader->data, 0, &error);
    if (!pixels)
        die_at_row(reader->table, "%s", error.message);
    read_pixels(reader, reader->shape, pixels);
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
        if (rows == 0)
            learn_names(&reader);
        bool drawn = rows++ < request->limit;
        if (request->augment)
            keep_image(&reader);
        if (drawn && request->augment)
            add_title(&reader, grid);
        else if (drawn)
            add_image(&reader, grid);
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
             TAKES_LIMIT | TAKES_AUGMENT,
    .max_files = 1,
    .read = read_images,
    .gnuplot = grid_gnuplot,
    .text = grid_text,
    .free = grid_free,
};
