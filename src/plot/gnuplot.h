/* gnuplot.h -- writes gnuplot programs, and runs gnuplot on one.

   Text from the user stands only within single quotes, where gnuplot expands nothing; numbers stand
   in data blocks within the program, which therefore is complete. Sizes are in points, of which a
   page's scale makes pixels. */
#ifndef GNUPLOT_H
#define GNUPLOT_H

#include "plot/fm-plot.h"

struct page {
    enum plot_format format;
    double width, height; /* points */
    double scale;         /* the format's own unit (pixel, point) per point */
};

/* The page for a plot that by itself would be so large. */
struct page page_make(const struct plot_request *request, double width, double height);
/* Terminal, output (NULL: standard output), encoding; and the whole page as one system of
   coordinates, in points from the upper left corner, until the plot sets its own. */
void gnuplot_begin(FILE *script, const struct page *page, const char *output);
void gnuplot_string(FILE *script, const char *text); /* quoted, never expanded */
void gnuplot_number(FILE *script, double number);    /* NaN where it is not finite */

struct gnuplot_label {
    double x, y; /* points from the page's upper left corner; y is the middle of the line */
    const char *text;
    const char *align;  /* "left", "center", "right" */
    double font;        /* points */
    const char *color;  /* "#rrggbb" */
    const char *rotate; /* degrees, or NULL */
};
/* For the i-th of several curves: colours that the colour-blind can tell, then dashes too. */
const char *gnuplot_color(size_t i);
const char *gnuplot_dashes(size_t i);
double gnuplot_mark_size(const struct page *page, double size); /* pointsize, alike everywhere */
void gnuplot_label(FILE *script, const struct page *page, const struct gnuplot_label *label);
/* A line between two points of the page. */
void gnuplot_line(FILE *script, const struct page *page, const double end[4], const char *color,
                  const char *dashes);
/* An empty frame, or a filled box (fill), by its corners in points. */
void gnuplot_box(FILE *script, const struct page *page, const double corner[4], bool fill,
                 const char *color, double line);

/* Runs gnuplot on a program (read from its start) that writes to standard output, and returns what
   it drew as a stream at its start. Trouble, an image that is not whole included, ends the
   program. */
FILE *gnuplot_run(FILE *script, enum plot_format format);

#endif
