/* plot-filters.c -- the weights of the first convolution or dense layer of a net as images. */
#include "plot/grid.h"

#include <math.h>

/* The layer's weights as tiles of (height,width), or in colour if the images are. */
struct filters {
    const struct fmnn_net *net;
    size_t index; /* of the tensor */
    bool colour;
    size_t count, height, width;
    size_t inputs; /* tiles per filter: the input channels of a convolution, else 1 */
};

static void find_filters(const char *path, struct filters *filters)
{
    struct fmnn_tensor tensor;
    struct fmnn_shape image = fmnn_net_shape(filters->net);
    for (filters->index = 0; fmnn_net_tensor(filters->net, filters->index, &tensor);
         filters->index++)
        if (tensor.rank == 4 || tensor.rank == 2)
            break;
    if (!fmnn_net_tensor(filters->net, filters->index, &tensor))
        die("%s: no layer has weights that can be drawn", path);
    filters->inputs = tensor.size[1];
    filters->height = tensor.size[2];
    filters->width = tensor.size[3];
    if (tensor.rank == 2) {
        if (tensor.size[1] != image.channels * image.height * image.width)
            die("%s: the first weights, '%s', are not applied to the image's pixels: nothing to "
                "draw",
                path, tensor.name);
        filters->inputs = image.channels;
        filters->height = image.height;
        filters->width = image.width;
    }
    filters->colour = image.channels == 3 && filters->inputs == 3;
    if (filters->colour)
        filters->inputs = 1;
    filters->count = tensor.size[0] * filters->inputs;
}

/* The weights of a tile: of all channels if it is in colour. */
static size_t weights_of_tile(const struct filters *filters)
{
    return filters->height * filters->width * (filters->colour ? 3 : 1);
}

/* Scales each tile by its own largest weight, so that weak filters are visible too. In colour, the
   channels lie side by side, and a weight of 0 is halfway between black and full colour. */
static void add_filter(struct grid *grid, const struct filters *filters, const float *weights,
                       size_t i)
{
    size_t count = weights_of_tile(filters), size = filters->height * filters->width;
    struct tile tile = {
        .height = filters->height, .width = filters->width, .colour = filters->colour};
    float largest = 0;
    tile.values = xcalloc(count, sizeof *tile.values);
    for (size_t k = 0; k < count; k++)
        largest = fabsf(weights[k]) > largest ? fabsf(weights[k]) : largest;
    for (size_t k = 0; k < count; k++) {
        float value = largest > 0 ? weights[k] / largest : 0;
        if (filters->colour)
            tile.values[k % size * 3 + k / size] = 0.5f + 0.5f * value;
        else
            tile.values[k] = value;
    }
    if (filters->inputs > 1)
        tile.title = text_format("%zu.%zu: %#.2g", i / filters->inputs + 1, i % filters->inputs + 1,
                                 (double)largest);
    else
        tile.title = text_format("%zu: %#.2g", i + 1, (double)largest);
    grid_add(grid, &tile);
}

/* Names the layer of the weights: the first one that multiplies by weights. */
static char *heading_of(const struct fmnn_net *net)
{
    struct fmnn_layer layer = {.text = NULL};
    for (size_t i = 0; layer.multiply_adds == 0; i++)
        if (!fmnn_net_layer(net, i, &layer))
            return NULL;
    char *name = text_clean(layer.text);
    char *heading = text_format("First layer: %s", name);
    free(name);
    return heading;
}

static void *read_filters(const struct plot_request *request)
{
    if (request->file_count == 0)
        usage_error("filters: name a weights file");
    const char *path = request->files[0];
    struct fmnn_net *net = open_net(path);
    struct filters filters = {.net = net};
    find_filters(path, &filters);
    size_t size = weights_of_tile(&filters);
    float *weights = xcalloc(filters.count * size, sizeof *weights);
    fmnn_net_get(net, filters.index, weights);
    struct grid *grid = xcalloc(1, sizeof *grid);
    grid->diverging = !filters.colour;
    grid->heading = heading_of(net);
    grid->legend[0] = "−max";
    grid->legend[1] = "weight, relative to the tile's largest (its title)";
    grid->legend[2] = "+max";
    for (size_t i = 0; i < filters.count && i < request->limit; i++)
        add_filter(grid, &filters, weights + i * size, i);
    if (filters.count > request->limit)
        note("%zu of %zu filters left out (see --limit)", filters.count - request->limit,
             filters.count);
    free(weights);
    fmnn_net_free(net);
    return grid;
}

const struct plot_kind plot_filters = {
    .name = "filters",
    .takes = TAKES_COLUMNS | TAKES_LIMIT,
    .max_files = 1,
    .read = read_filters,
    .gnuplot = grid_gnuplot,
    .text = grid_text,
    .free = grid_free,
};
