/* plot-filters.c -- what the first layer of a net looks for: its weights as images. */
#include "plot/grid.h"

#include <math.h>

/* The first layer's weights as tiles of (height,width). */
struct filters {
    const struct fmnn_net *net;
    size_t index; /* of the tensor */
    size_t count, height, width;
    size_t inputs; /* of a convolution: tiles a filter */
};

static void find_filters(const char *path, struct filters *filters)
{
    struct fmnn_tensor tensor;
    size_t height = fmnn_net_height(filters->net), width = fmnn_net_width(filters->net);
    for (filters->index = 0; fmnn_net_tensor(filters->net, filters->index, &tensor);
         filters->index++)
        if (tensor.rank == 4 || tensor.rank == 2)
            break;
    if (!fmnn_net_tensor(filters->net, filters->index, &tensor))
        die("%s: no layer with weights that could be drawn", path);
    filters->inputs = tensor.size[1];
    filters->height = tensor.size[2];
    filters->width = tensor.size[3];
    if (tensor.rank == 2) {
        if (tensor.size[1] != height * width)
            die("%s: the first weights, '%s', do not belong to the pixels: nothing to draw", path,
                tensor.name);
        filters->inputs = 1;
        filters->height = height;
        filters->width = width;
    }
    filters->count = tensor.size[0] * filters->inputs;
}

/* A tile scaled by its own largest weight, so that faint ones can be seen too. */
static void add_filter(struct sheet *sheet, const struct filters *filters, const float *weights,
                       size_t i)
{
    size_t size = filters->height * filters->width;
    struct tile tile = {.height = filters->height, .width = filters->width};
    float largest = 0;
    tile.values = allocate(size, sizeof *tile.values);
    for (size_t k = 0; k < size; k++)
        largest = fabsf(weights[k]) > largest ? fabsf(weights[k]) : largest;
    for (size_t k = 0; k < size && largest > 0; k++)
        tile.values[k] = weights[k] / largest;
    if (filters->inputs > 1)
        tile.title = text_format("%zu.%zu: %#.2g", i / filters->inputs + 1, i % filters->inputs + 1,
                                 (double)largest);
    else
        tile.title = text_format("%zu: %#.2g", i + 1, (double)largest);
    sheet_add(sheet, &tile);
}

static char *heading_of(const struct fmnn_net *net)
{
    struct fmnn_layer layer;
    if (!fmnn_net_layer(net, 0, &layer))
        return NULL;
    char *name = text_clean(layer.text);
    char *heading = text_format("First layer: %s", name);
    free(name);
    return heading;
}

static void *read_filters(const struct plot_request *request)
{
    if (request->file_count == 0)
        usage_error("filters: which weight file?");
    const char *path = request->files[0];
    struct fmnn_net *net = open_net(path);
    struct filters filters = {.net = net};
    find_filters(path, &filters);
    size_t size = filters.height * filters.width;
    float *weights = allocate(filters.count * size, sizeof *weights);
    fmnn_net_get(net, filters.index, weights);
    struct sheet *sheet = allocate(1, sizeof *sheet);
    sheet->diverging = true;
    sheet->heading = heading_of(net);
    sheet->legend[0] = "−max";
    sheet->legend[1] = "weight, by each tile's largest (its title)";
    sheet->legend[2] = "+max";
    for (size_t i = 0; i < filters.count && i < request->limit; i++)
        add_filter(sheet, &filters, weights + i * size, i);
    if (filters.count > request->limit)
        note("%zu of %zu filters left out (see --limit)", filters.count - request->limit,
             filters.count);
    free(weights);
    fmnn_net_free(net);
    return sheet;
}

const struct plot_kind plot_filters = {
    .name = "filters",
    .takes = TAKES_COLUMNS | TAKES_LIMIT,
    .most_files = 1,
    .read = read_filters,
    .gnuplot = sheet_gnuplot,
    .text = sheet_text,
    .free = sheet_free,
};
