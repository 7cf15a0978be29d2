/* plot-confusion.c -- a confusion matrix as a heat map: rows are the truth, and colours show
   fractions of the row.

   Contents: 1. Reading  2. The gnuplot program  3. Text */
#include "plot/gnuplot.h"

#include <inttypes.h>
#include <math.h>

enum {
    MAX_CLASSES = 1000, /* a cell is one pixel then */
    MAX_NAME = 150,     /* points */
    MAX_CELLS = 16,     /* for a name in text */
};

struct confusion {
    struct matrix matrix;
    size_t classes;
    char **name;      /* cleaned */
    bool numbered;    /* the names begin with the class numbers, or are numbers */
    double *fraction; /* of the row: (classes,classes) */
    uint64_t max;     /* the largest count */
};

/* ---- 1. Reading ---- */

static uint64_t count_of(const struct confusion *confusion, size_t row, size_t column)
{
    return fmnn_confusion_count(confusion->matrix.counts, row, column);
}

/* If names are equal, or become equal when cut, all names get their class numbers in front. */
static void number_names(struct confusion *confusion, size_t cells)
{
    confusion->numbered = !confusion->matrix.names;
    if (!text_alike(confusion->name, confusion->classes, cells))
        return;
    confusion->numbered = true;
    for (size_t i = 0; i < confusion->classes; i++) {
        char *name = text_format("%zu %s", fmnn_confusion_label(confusion->matrix.counts, i),
                                 confusion->name[i]);
        free(confusion->name[i]);
        confusion->name[i] = name;
    }
}

static void *read_confusion(const struct plot_request *request)
{
    struct fmnn_error error;
    const struct matrix_request input = predictions_request(request, 0);
    struct confusion *confusion = xcalloc(1, sizeof *confusion);
    confusion->matrix = matrix_read(&input);
    size_t n = confusion->classes = fmnn_confusion_classes(confusion->matrix.counts);
    if (n > MAX_CLASSES)
        die("cannot draw a matrix of %zu classes: the maximum is %d", n, MAX_CLASSES);
    confusion->fraction =
        fmnn_confusion_fractions(confusion->matrix.counts, FMNN_NORMALIZE_TRUE, &error);
    if (!confusion->fraction)
        die_error(&error);
    confusion->name = xcalloc(n, sizeof *confusion->name);
    for (size_t i = 0; i < n; i++) {
        char *name = matrix_class(&confusion->matrix, i);
        confusion->name[i] = text_clean(name);
        free(name);
        for (size_t k = 0; k < n; k++)
            if (count_of(confusion, i, k) > confusion->max)
                confusion->max = count_of(confusion, i, k);
    }
    number_names(confusion, request->format == PLOT_TXT ? MAX_CELLS : MAX_NAME / 6);
    return confusion;
}

static void free_confusion(void *plot)
{
    struct confusion *confusion = plot;
    for (size_t i = 0; i < confusion->classes; i++)
        free(confusion->name[i]);
    free(confusion->name);
    free(confusion->fraction);
    matrix_free(&confusion->matrix);
    free(confusion);
}

static char *accuracy_text(const struct confusion *confusion)
{
    const struct fmnn_confusion *counts = confusion->matrix.counts;
    return text_format("Accuracy %.4f (%" PRIu64 " of %" PRIu64 ")",
                       fmnn_confusion_accuracy(counts), fmnn_confusion_correct(counts),
                       fmnn_confusion_total(counts));
}

/* ---- 2. The gnuplot program ---- */

enum { MARGIN = 12 };
static const char ink[] = "#222222", faint[] = "#9a9a9a";

struct heat_map {
    const struct confusion *confusion;
    struct page page;
    double left, top, side; /* points */
    double font;            /* of names */
    double names;           /* width of the widest name */
    double count_font;      /* 0: no counts */
    const char *rotate;     /* degrees, of the names below; NULL: horizontal */
    double below, head;     /* heights */
    size_t step;            /* every step-th class is named */
};

static double widest_name(const struct confusion *confusion, double font)
{
    double widest = 0;
    for (size_t i = 0; i < confusion->classes; i++)
        widest = fmax(widest, text_points(confusion->name[i], font));
    return fmin(widest, MAX_NAME);
}

/* Sets the side of the map and everything that follows from it. */
static void set_side(struct heat_map *map, const struct plot_request *request, double side)
{
    const struct confusion *confusion = map->confusion;
    double cell = side / (double)confusion->classes;
    char *widest = text_format("%" PRIu64, confusion->max);
    map->side = side;
    /* With --size a PNG has one pixel per point; otherwise it has two or more. */
    double min = request->width && request->format == PLOT_PNG ? 8 : 6;
    map->step = cell < min ? (size_t)ceil(min / cell) : 1;
    map->font = fmax(min - 1, fmin(11, cell * (double)map->step * 0.85));
    map->names = widest_name(confusion, map->font);
    map->rotate = map->names <= cell * 0.94               ? NULL
                  : confusion->classes <= 20 && cell > 20 ? "45"
                                                          : "90";
    map->below =
        map->rotate ? map->names * (strcmp(map->rotate, "45") ? 1 : 0.75) + 8 : map->font * 1.4;
    map->count_font = fmin(12, fmin(cell * 0.4, 0.86 * cell / text_points(widest, 1)));
    map->count_font = map->count_font < 4.5 ? 0 : map->count_font;
    map->head = request->title ? 52 : 34;
    free(widest);
}

static double map_width(const struct heat_map *map)
{
    return 2 * MARGIN + 22 + map->names + 8 + map->side + 62;
}

static double map_height(const struct heat_map *map)
{
    return 2 * MARGIN + map->head + map->side + map->below + 26;
}

static struct heat_map make_map(const struct confusion *confusion,
                                const struct plot_request *request)
{
    struct heat_map map = {.confusion = confusion};
    double side = 44.0 * (double)confusion->classes;
    set_side(&map, request, side < 240 ? 240 : side > 640 ? 640 : side);
    map.page = page_make(request, map_width(&map), map_height(&map));
    if (request->width) {
        set_side(&map, request, fmax(map.page.width, map.page.height));
        while (map.side > 10 &&
               (map_width(&map) > map.page.width || map_height(&map) > map.page.height))
            set_side(&map, request, map.side * 0.99);
    }
    map.left = (map.page.width - map_width(&map)) / 2 + MARGIN + 22 + map.names + 8;
    map.top = (map.page.height - map_height(&map)) / 2 + MARGIN + map.head;
    return map;
}

static void write_name(FILE *script, const struct heat_map *map, const char *name, double x,
                       double y, const char *align, const char *rotate)
{
    char *fitted = text_fit(name, MAX_NAME * 1.02, map->font);
    struct gnuplot_label label = {x, y, fitted, align, map->font, ink, rotate};
    gnuplot_label(script, &map->page, &label);
    free(fitted);
}

static void write_names(FILE *script, const struct heat_map *map)
{
    const struct confusion *confusion = map->confusion;
    double cell = map->side / (double)confusion->classes, below = map->top + map->side;
    for (size_t i = 0; i < confusion->classes; i += map->step) {
        double middle = ((double)i + 0.5) * cell;
        write_name(script, map, confusion->name[i], map->left - 6, map->top + middle, "right",
                   NULL);
        write_name(script, map, confusion->name[i], map->left + middle + (map->rotate ? 2 : 0),
                   below + (map->rotate ? 6 : map->font * 0.9), map->rotate ? "right" : "center",
                   map->rotate);
    }
}

static void write_titles(FILE *script, const struct heat_map *map,
                         const struct plot_request *request)
{
    const struct page *page = &map->page;
    char *accuracy = accuracy_text(map->confusion);
    double middle = map->left + map->side / 2;
    double room = 2 * fmin(middle, page->width - middle) - 12;
    if (request->title) {
        double font = 14 * fmin(1, room / text_points(request->title, 14));
        char *title = text_fit(request->title, room, fmax(font, 9));
        struct gnuplot_label label = {middle,        map->top - 38, title, "center",
                                      fmax(font, 9), ink,           NULL};
        gnuplot_label(script, page, &label);
        free(title);
    }
    double font = (request->title ? 11 : 13) * fmin(1, room / text_points(accuracy, 13));
    const struct gnuplot_label labels[] = {
        {middle, map->top - 17, accuracy, "center", font, ink, NULL},
        {middle, map->top + map->side + map->below + 14, "Predicted", "center", 12, ink, NULL},
        {map->left - map->names - 20, map->top + map->side / 2, "Truth", "center", 12, ink, "90"},
    };
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        gnuplot_label(script, page, &labels[i]);
    free(accuracy);
}

/* The colour scale at the right. */
static void write_scale(FILE *script, const struct heat_map *map)
{
    double x = map->left + map->side + 14, height = fmin(map->side, 260);
    double top = map->top + (map->side - height) / 2;
    fprintf(script, "set colorbox user vertical origin screen %.6f,%.6f size screen %.6f,%.6f",
            x / map->page.width, 1 - (top + height) / map->page.height, 10 / map->page.width,
            height / map->page.height);
    fputs(" noborder\nset cbtics scale 0 offset -0.8,0 format '%g' font ',9'\n", script);
    if (map->count_font > 0)
        fputs("set cbtics 0.2\n", script);
    else
        fputs(
            "set cbtics ('0' 0, '0.01' 0.1, '0.05' 0.2236, '0.1' 0.3162, '0.25' 0.5, '0.5' 0.7071,"
            " '1' 1)\n",
            script);
    struct gnuplot_label label = {
        x + 40, map->top + map->side / 2, "Fraction of the row", "center", 9, ink, "90"};
    gnuplot_label(script, &map->page, &label);
}

/* Fractions for the boxes, and counts for the labels in one of three colours. */
static void write_cells(FILE *script, const struct confusion *confusion)
{
    size_t n = confusion->classes;
    fputs("# column, row, fraction of the row\n$cells << EOD\n", script);
    for (size_t row = 0; row < n; row++)
        for (size_t column = 0; column < n; column++)
            fprintf(script, "%zu %zu %.6f\n", column, row, confusion->fraction[row * n + column]);
    fputs("EOD\n# column, row, count, its colour\n$counts << EOD\n", script);
    for (size_t row = 0; row < n; row++)
        for (size_t column = 0; column < n; column++) {
            double fraction = confusion->fraction[row * n + column];
            fprintf(script, "%zu %zu %" PRIu64 " %s\n", column, row,
                    count_of(confusion, row, column),
                    fraction > 0.45 ? "0xffffff"
                    : fraction > 0  ? "0x222222"
                                    : "0xc4c4c4");
        }
    fputs("EOD\n", script);
}

/* Coordinates are columns and rows from now on. */
static void write_axes(FILE *script, const struct heat_map *map)
{
    const struct page *page = &map->page;
    size_t last = map->confusion->classes - 1;
    fprintf(script, "set lmargin at screen %.6f\nset rmargin at screen %.6f\n",
            map->left / page->width, (map->left + map->side) / page->width);
    fprintf(script, "set tmargin at screen %.6f\nset bmargin at screen %.6f\n",
            1 - map->top / page->height, 1 - (map->top + map->side) / page->height);
    fprintf(script, "set xrange [-0.5:%zu.5]\nset yrange [%zu.5:-0.5]\nset cbrange [0:1]\n", last,
            last);
    /* ColorBrewer's Blues, from pure white */
    fputs("set palette defined (0 '#ffffff', 0.125 '#deebf7', 0.25 '#c6dbef', 0.375 '#9ecae1',"
          " 0.5 '#6baed6', 0.625 '#4292c6', 0.75 '#2171b5', 0.875 '#08519c', 1 '#08306b')\n",
          script);
}

static void write_plot(FILE *script, const struct heat_map *map)
{
    /* Slightly too large boxes leave no seams when there are no lines between them. */
    bool lines = map->side / (double)map->confusion->classes > 9;
    fprintf(script, "set style fill solid %s\n",
            lines ? "border linecolor rgb '#e6e6e6'" : "noborder");
    /* If the counts do not fit, colours go by the square root, which shows small fractions. */
    fprintf(script, "plot $cells using 1:2:($1-0.5):($1+0.5):($2-0.5):($2+0.5):(%s($3))",
            map->count_font > 0 ? "" : "sqrt");
    fputs(" \\\n  with boxxyerror linewidth 0.5 fillcolor palette", script);
    if (map->count_font > 0)
        fprintf(script,
                ", \\\n  $counts using 1:2:(stringcolumn(3)):4 with labels textcolor rgb variable"
                " font ',%.4g' noenhanced",
                map->count_font);
    putc('\n', script);
}

static void gnuplot_confusion(const void *plot, const struct plot_request *request,
                              const char *output, FILE *script)
{
    const struct confusion *confusion = plot;
    struct heat_map map = make_map(confusion, request);
    double right = map.left + map.side, bottom = map.top + map.side;
    gnuplot_begin(script, &map.page, output);
    write_axes(script, &map);
    write_titles(script, &map, request);
    write_names(script, &map);
    write_scale(script, &map);
    gnuplot_box(script, &map.page, (double[4]){map.left, map.top, right, bottom}, false, faint,
                0.8);
    write_cells(script, confusion);
    write_plot(script, &map);
}

/* ---- 3. Text ---- */

static size_t label_of(const struct confusion *confusion, size_t i)
{
    return fmnn_confusion_label(confusion->matrix.counts, i);
}

/* Without counts, for lack of room: one or two characters per cell, under vertical class numbers.
   Shades go by the square root, which shows small fractions. */
static void text_map(const struct confusion *confusion, const struct plot_request *request,
                     size_t names, FILE *out)
{
    size_t n = confusion->classes, width = text_width(request), times = 1;
    int digits = snprintf(NULL, 0, "%zu", label_of(confusion, n - 1));
    size_t before = names + (confusion->numbered ? 0 : (size_t)digits + 1);
    times += width > before + 1 && (width - before - 1) / n >= 2;
    for (int line = 0; line < digits; line++) {
        fprintf(out, "%*s", (int)before, "");
        for (size_t i = 0; i < n; i++) {
            char *label = text_format("%*zu", digits, label_of(confusion, i));
            fprintf(out, "%*c", i ? (int)times : 1 + (int)times, label[line]);
            free(label);
        }
        putc('\n', out);
    }
    for (size_t row = 0; row < n; row++) {
        char *name = text_fit_cells(confusion->name[row], names);
        if (!confusion->numbered)
            fprintf(out, "%*zu ", digits, label_of(confusion, row));
        text_pad(out, name, names, -1);
        putc(' ', out);
        for (size_t column = 0; column < n * times; column++)
            fputs(text_shade(sqrt(confusion->fraction[row * n + column / times]), request->utf8),
                  out);
        putc('\n', out);
        free(name);
    }
}

static void text_counts(const struct confusion *confusion, const struct plot_request *request,
                        size_t names, size_t cell, FILE *out)
{
    size_t n = confusion->classes;
    bool alike = confusion->numbered || text_alike(confusion->name, n, cell - 1);
    fprintf(out, "%*s", (int)names, "");
    for (size_t i = 0; i < n; i++) {
        char *number = text_format("%zu", label_of(confusion, i));
        char *name = text_fit_cells(alike ? number : confusion->name[i], cell - 1);
        free(number);
        putc(' ', out);
        text_pad(out, name, cell - 1, 1);
        putc(i + 1 < n ? ' ' : '\n', out);
        free(name);
    }
    for (size_t row = 0; row < n; row++) {
        char *name = text_fit_cells(confusion->name[row], names);
        text_pad(out, name, names, -1);
        for (size_t column = 0; column < n; column++) {
            char *text = text_format("%" PRIu64, count_of(confusion, row, column));
            putc(' ', out);
            text_pad(out, text, cell - 1, 1);
            fputs(text_shade(confusion->fraction[row * n + column], request->utf8), out);
            free(text);
        }
        putc('\n', out);
        free(name);
    }
}

static void text_confusion(const void *plot, const struct plot_request *request, FILE *out)
{
    const struct confusion *confusion = plot;
    enum {
        MANY = 20
    }; /* up to this number of classes, counts are printed even if they do not fit */
    size_t n = confusion->classes, width = text_width(request), names = 5;
    char *accuracy = accuracy_text(confusion);
    for (size_t i = 0; i < n; i++)
        names = names < text_cells(confusion->name[i]) ? text_cells(confusion->name[i]) : names;
    names = names > MAX_CELLS ? MAX_CELLS : names;
    /* Columns are as wide as the counts and the class numbers, and names are cut to that width. */
    size_t digits = (size_t)snprintf(NULL, 0, "%zu", label_of(confusion, n - 1));
    size_t cell = (size_t)snprintf(NULL, 0, "%" PRIu64, confusion->max) + 1;
    cell = cell > digits + 1 ? cell : digits + 1;
    size_t room = width > names + 1 ? (width - names - 1) / n : 0, needed = names + n * (cell + 1);
    bool counts = n <= MANY || needed <= width;
    cell = room > cell + 1 ? (room - 1 < 8 ? room - 1 : 8) : cell;
    if (request->title)
        fprintf(out, "%s\n", request->title);
    fprintf(out, "%s\nrows: truth; columns: predicted; shades: %sfraction of the row\n", accuracy,
            counts ? "" : "square root of the ");
    if (counts) {
        putc('\n', out);
        text_counts(confusion, request, names, cell, out);
    } else {
        fprintf(out, "(the counts need %zu columns: see --size)\n\n", needed);
        text_map(confusion, request, names, out);
    }
    free(accuracy);
}

const struct plot_kind plot_confusion = {
    .name = "confusion",
    .takes = TAKES_CLASS_COLUMNS | TAKES_ONLY | TAKES_SUFFIX | TAKES_CLASSES | TAKES_DIRECTORY,
    .max_files = 1,
    .read = read_confusion,
    .gnuplot = gnuplot_confusion,
    .text = text_confusion,
    .free = free_confusion,
};
