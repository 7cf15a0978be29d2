/* sheet.h -- grids of tiles with titles: contact sheets of images, and of filters. */
#ifndef SHEET_H
#define SHEET_H

#include "plot/fm-plot.h"

struct tile {
    size_t height, width;
    float *values; /* row-major: 0 black to 1 white; in a diverging sheet -1 to 1 */
    char *title;   /* cleaned */
    char *instead; /* what was taken for the title by mistake; NULL: nothing was */
};

struct sheet {
    struct tile *tiles;
    size_t count, capacity;
    bool diverging;
    char *heading;         /* cleaned, or NULL; --title goes before */
    const char *legend[3]; /* of a diverging sheet: below -1, the whole bar, and 1 */
};

/* Adds a tile that owns values, title and instead. */
void sheet_add(struct sheet *sheet, const struct tile *tile);
/* What a plot_kind that reads a sheet does with it. */
void sheet_gnuplot(const void *sheet, const struct plot_request *request, const char *output,
                   FILE *script);
void sheet_text(const void *sheet, const struct plot_request *request, FILE *out);
void sheet_free(void *sheet);
/* An image no larger than most in either direction, made by averaging blocks of whole pixels: the
   tile's values, with its sizes updated. */
float *sheet_reduce(const uint8_t *pixels, size_t max, size_t *height, size_t *width);

#endif
