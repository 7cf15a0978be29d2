/* plot.h -- what the parts of fm-plot share.

   A kind of plot reads its input into a struct of its own, which it then draws in one of two ways:
   as a gnuplot program (for PNG, SVG and PDF) or as text. Each kind is a const struct in a file of
   its own, listed in fm-plot.c. Sheets (sheet.h) are grids of titled tiles, that two kinds draw. */
#ifndef PLOT_H
#define PLOT_H

#include "common/common.h"

enum plot_format { PLOT_PNG, PLOT_SVG, PLOT_PDF, PLOT_TXT };

/* Options that only some kinds take: bits of plot_kind.takes. */
enum {
    TAKES_ONLY = 1,
    TAKES_CLASSES = 2,
    TAKES_DIRECTORY = 4,
    TAKES_COLUMNS = 8,
    TAKES_LIMIT = 16,
    TAKES_SUFFIX = 32,
    TAKES_BINS = 64,
};

/* What the command line asks for. */
struct plot_request {
    char *const *files; /* operands after the kind */
    size_t file_count;
    enum plot_format format;
    const char *title;     /* cleaned; NULL: the kind's own */
    const char *only;      /* NULL: all rows */
    const char *suffix;    /* --suffix, or NULL */
    const char *classes;   /* --classes, or NULL */
    const char *directory; /* -d, or NULL */
    unsigned width,
        height;       /* pixels (PNG), points (SVG, PDF) or characters (text); 0: the kind's own */
    unsigned columns; /* 0: the kind's own */
    size_t limit;
    size_t bins;   /* of confidence; 0: the kind's own */
    bool terminal; /* text goes to one */
    bool utf8;     /* text may use more than ASCII for lines and shades */
    bool color;    /* text may use the 256 colours of terminals */
};

struct plot_kind {
    const char *name;
    unsigned takes;
    size_t most_files;
    void *(*read)(const struct plot_request *request); /* trouble ends the program */
    void (*gnuplot)(const void *plot, const struct plot_request *request, const char *output,
                    FILE *script);
    void (*text)(const void *plot, const struct plot_request *request, FILE *out);
    void (*free)(void *plot);
};

extern const struct plot_kind plot_history, plot_confusion, plot_reliability, plot_images,
    plot_filters;

/* ---- text.c: text as images and terminals need it */

const char *text_base(const char *path); /* what follows the last slash */
/* The i-th operand, cleaned: what follows its last slash, unless another has the same; malloc'ed.
 */
char *text_file_name(const struct plot_request *request, size_t i);
size_t text_cells(const char *text);                                /* columns on a terminal */
void text_pad(FILE *out, const char *text, size_t cells, int side); /* -1 left, 0 centre, 1 right */
double text_points(const char *text, double font);                  /* about how wide it prints */
char *text_fit(const char *text, double points,
               double font); /* cut with an ellipsis where too wide */
char *text_fit_cells(const char *text, size_t cells);
/* Whether two different names would be the same, cut to so many cells. */
bool text_alike(char *const *names, size_t count, size_t cells);
unsigned text_width(const struct plot_request *request); /* characters a line */
/* How dark a share of 0..1 prints: one character, from blank to full. */
const char *text_shade(double share, bool utf8);
/* The colour of a share of 0..1 of the way from black to white among a terminal's 256. */
unsigned text_gray(double share);

#endif
