/* grid.h -- grids of titled tiles: contact sheets of images and of filters. */
#ifndef GRID_H
#define GRID_H

#include "plot/fm-plot.h"

struct tile {
    size_t height, width;
    /* (height,width), or (height,width,3): red, green, blue. 0 black to 1 white; -1 to 1 if the
       grid is diverging, which has no tiles in colour. */
    float *values;
    bool colour;
    char *title;   /* cleaned */
    char *instead; /* an incorrect prediction; NULL: there is none */
};

struct grid {
    struct tile *tiles;
    size_t count, capacity;
    bool diverging;
    char *heading;         /* cleaned, or NULL; --title overrides it */
    const char *legend[3]; /* if diverging: at -1, below the bar, at 1 */
};

/* Takes over values, title and instead. */
void grid_add(struct grid *grid, const struct tile *tile);
/* Functions of a plot_kind whose read() returns a grid. */
void grid_gnuplot(const void *grid, const struct plot_request *request, const char *output,
                  FILE *script);
void grid_text(const void *grid, const struct plot_request *request, FILE *out);
void grid_free(void *grid);
/* Sets a tile's values from an image (C,H,W), reduced to at most max in either direction by
   averaging blocks of pixels. */
void grid_set_image(struct tile *tile, struct fmnn_shape shape, const uint8_t *pixels, size_t max);

#endif
