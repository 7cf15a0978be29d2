/* gnuplot.h -- writes gnuplot programs, and runs them.

   Text from the user is always in single quotes, where gnuplot expands nothing. Numbers are in data
   blocks within the program, so that it is complete. Sizes are in points; the scale of a page
   converts them to pixels. */
#ifndef GNUPLOT_H
#define GNUPLOT_H

#include "plot/fm-plot.h"

struct page {
    enum plot_format format;
    double width, height; /* points */
    double scale;         /* units of the format (pixels or points) per point */
};

/* The page for a plot of this natural size, in points. */
struct page page_make(const struct plot_request *request, double width, double height);
/* Sets terminal, output (NULL: standard output) and encoding. Coordinates are points from the upper
   left corner of the page until the plot sets its own. */
void gnuplot_begin(FILE *script, const struct page *page, const char *output);
void gnuplot_string(FILE *script, const char *text); /* quoted, never expanded */
void gnuplot_number(FILE *script, double number);    /* NaN if it is not finite */

FILE *gnuplot_temporary(void); /* which gnuplot does not inherit */

struct gnuplot_label {
    double x, y; /* points from the page's upper left corner; y is the middle of the line */
    const char *text;
    const char *align;  /* "left", "center", "right" */
    double font;        /* points */
    const char *color;  /* "#rrggbb" */
    const char *rotate; /* degrees, or NULL */
};
/* For the i-th of several curves: colours that the colour-blind can distinguish, then dashes. */
const char *gnuplot_color(size_t i);
const char *gnuplot_dashes(size_t i);
double gnuplot_mark_size(const struct page *page,
                         double size); /* pointsize, the same in all formats */
void gnuplot_label(FILE *script, const struct page *page, const struct gnuplot_label *label);
/* The title at the top of the page; NULL: none. */
void gnuplot_title(FILE *script, const struct page *page, const char *title);
/* Starts a page of several panels, with axes and a grid. */
void gnuplot_panels(FILE *script);
/* A line between two points of the page. */
void gnuplot_line(FILE *script, const struct page *page, const double end[4], const char *color,
                  const char *dashes);
/* A frame or a filled box, with corners in points. */
void gnuplot_box(FILE *script, const struct page *page, const double corner[4], bool fill,
                 const char *color, double line);

/* Runs gnuplot on a program that writes to standard output, and returns the image as a stream.
   Both streams are read from their start. Dies on trouble, also if the image is incomplete. */
FILE *gnuplot_run(FILE *script, enum plot_format format);

#endif
