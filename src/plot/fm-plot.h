/* fm-plot.h -- what the parts of fm-plot share.

   A kind of plot reads its input into a struct of its own and draws it in one of two ways: as a
   gnuplot program (for PNG, SVG and PDF) or as text. Each kind is a const struct in a file of its
   own, listed in fm-plot.c. Two kinds draw grids of titled tiles (grid.h). */
#ifndef FM_PLOT_H
#define FM_PLOT_H

#include "common/common.h"
#include "common/predictions.h"

enum plot_format { PLOT_PNG, PLOT_SVG, PLOT_PDF, PLOT_TXT };

/* Options that only some kinds accept: bits of plot_kind.takes. */
enum {
    TAKES_ONLY = 1,
    TAKES_CLASSES = 2,
    TAKES_DIRECTORY = 4,
    TAKES_COLUMNS = 8,
    TAKES_LIMIT = 16,
    TAKES_SUFFIX = 32,
    TAKES_BINS = 64,
    TAKES_AUGMENT = 128,
    TAKES_LR = 256,
    TAKES_CLASS = 512,
    TAKES_SKIP_BAD = 1024,
    TAKES_CLASS_COLUMNS = 2048,
};

/* What the command line asks for. */
struct plot_request {
    char *const *files; /* operands after the kind */
    size_t file_count;
    enum plot_format format;
    const char *title;                           /* cleaned; NULL: the kind's own */
    const char *only;                            /* NULL: all rows */
    const char *suffix;                          /* --suffix, or NULL */
    const char *label_column, *predicted_column; /* the options of these names, or NULL */
    const char *classes;                         /* --classes, or NULL */
    const char *directory;                       /* -d, or NULL */
    const char *root;                            /* --root, or NULL */
    /* In pixels (PNG), points (SVG, PDF) or characters (text); 0: the kind's own. */
    unsigned width, height;
    unsigned columns; /* 0: the kind's own */
    size_t limit;
    const char *augment; /* --augment, or NULL */
    unsigned epoch;      /* of the augmentation */
    uint64_t seed;
    size_t bins;            /* of confidence */
    bool lr;                /* --lr */
    const char *class_list; /* --class, or NULL */
    bool precision_recall;  /* --precision-recall */
    struct bad_images *bad; /* --skip-bad, and how many were skipped */
    bool terminal;          /* text goes to a terminal */
    bool utf8;              /* text may use block characters */
    bool color;             /* text may use the 256 colours of terminals */
};

struct plot_kind {
    const char *name;
    unsigned takes;
    size_t max_files;
    void *(*read)(const struct plot_request *request); /* dies on trouble */
    void (*gnuplot)(const void *plot, const struct plot_request *request, const char *output,
                    FILE *script);
    void (*text)(const void *plot, const struct plot_request *request, FILE *out);
    void (*free)(void *plot);
};

extern const struct plot_kind plot_history, plot_confusion, plot_reliability, plot_roc, plot_images,
    plot_filters;

/* ---- plot-predictions.c */

/* How matrix_read() reads the i-th table of predictions, by the options; only what all kinds ask
   for. */
struct matrix_request predictions_request(const struct plot_request *request, size_t i);

/* ---- plot-text.c: text for plots and terminals */

const char *text_base(const char *path); /* the part after the last slash */
/* The name of the i-th file: its base name, or its path if another file has the same base name.
   Cleaned; malloc'ed. */
char *text_file_name(const struct plot_request *request, size_t i);
void text_pad(FILE *out, const char *text, size_t cells, int side); /* -1 left, 0 centre, 1 right */
double text_points(const char *text, double font);                  /* approximate width */
/* A copy, cut with an ellipsis if it is too wide; malloc'ed. */
char *text_fit(const char *text, double points, double font);
/* Whether two names are equal, or become equal when cut to a number of cells. */
bool text_alike(char *const *names, size_t count, size_t cells);
unsigned text_width(const struct plot_request *request); /* characters per line */
/* One character, from blank (0) to full (1). */
const char *text_shade(double fraction, bool utf8);
/* The nearest gray of a terminal's 256 colours, from black (0) to white (1), and the nearest of its
   216 mixtures of red, green and blue. */
unsigned text_gray(double fraction);
unsigned text_rgb(const double rgb[3]);

#endif
