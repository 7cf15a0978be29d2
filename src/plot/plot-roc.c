/* plot-roc.c -- ROC curves, or precision-recall curves, of each class against the rest, and their
   mean.

   Contents: 1. Curves  2. Reading  3. The gnuplot program  4. Text */
#include "plot/gnuplot.h"

#include <math.h>

enum { GRID = 500, MAX_OWN = 20 }; /* steps of a mean curve; classes that are drawn unasked */

struct curve {
    char *name;
    double area;
    struct fmnn_point *point;
    size_t count;
    bool mean;
};

struct roc {
    struct curve *curves;
    size_t count, capacity;
    bool recall; /* precision-recall curves */
};

/* ---- 1. Curves ---- */

static enum fmnn_curve kind_of(const struct roc *plot)
{
    return plot->recall ? FMNN_CURVE_PRECISION_RECALL : FMNN_CURVE_ROC;
}

/* Of millions of points, those that the eye can tell apart. */
static void thin(struct curve *curve)
{
    size_t kept = 1;
    for (size_t i = 1; i < curve->count; i++) {
        const struct fmnn_point *last = &curve->point[kept - 1], *p = &curve->point[i];
        if (i + 1 == curve->count || fabs(p->x - last->x) >= 5e-4 || fabs(p->y - last->y) >= 5e-4)
            curve->point[kept++] = *p;
    }
    curve->count = kept;
}

/* The height of a curve. A ROC curve is a line between its points, and of several points at x the
   highest counts; precision is that of the next point. *i: the point to begin with. */
static double height_at(const struct curve *curve, double x, bool recall, size_t *i)
{
    while (*i + 1 < curve->count && (recall ? curve->point[*i].x < x : curve->point[*i + 1].x <= x))
        ++*i;
    const struct fmnn_point *p = &curve->point[*i];
    if (recall || *i + 1 == curve->count || p->x >= x)
        return p->y;
    return p->y + (p[1].y - p->y) * (x - p->x) / (p[1].x - p->x);
}

static void add_curve(struct roc *plot, struct curve curve)
{
    xgrow((void **)&plot->curves, &plot->capacity, plot->count + 1, sizeof *plot->curves);
    plot->curves[plot->count++] = curve;
}

static struct curve class_curve(const struct roc *plot, const struct matrix *matrix,
                                const struct fmnn_ranking_report *report, size_t class)
{
    struct fmnn_error error;
    const struct fmnn_ranking_score *score = &report->score[class];
    struct curve curve = {.area = plot->recall ? score->average_precision : score->roc_auc};
    if (fmnn_ranking_curve(matrix->ranking, class, kind_of(plot), &curve.point, &curve.count,
                           &error) != 0)
        die_error(&error);
    return curve;
}

/* The mean of the curves of all classes that have one, at equal distances. */
static struct curve mean_curve(const struct roc *plot, const struct matrix *matrix,
                               const struct fmnn_ranking_report *report)
{
    struct curve mean = {.area =
                             plot->recall ? report->macro.average_precision : report->macro.roc_auc,
                         .count = GRID + 2,
                         .mean = true};
    size_t classes = 0;
    mean.point = xcalloc(mean.count, sizeof *mean.point);
    mean.point[0].y = plot->recall ? 1 : 0;
    for (size_t k = 0; k < report->classes; k++) {
        struct curve curve = class_curve(plot, matrix, report, k);
        size_t at = 0;
        for (size_t i = 0; i <= GRID && curve.count; i++)
            mean.point[i + 1].y += height_at(&curve, (double)i / GRID, plot->recall, &at);
        classes += curve.count > 0;
        free(curve.point);
    }
    for (size_t i = 0; i <= GRID; i++) {
        mean.point[i + 1].x = (double)i / GRID;
        mean.point[i + 1].y /= (double)classes;
    }
    return mean;
}

/* ---- 2. Reading ---- */

static char *class_name(const struct matrix *matrix, size_t class)
{
    return matrix->names ? text_clean(matrix->names->name[class]) : text_format("%zu", class);
}

static bool is_class(const struct matrix *matrix, const char *word)
{
    return matrix->names && fmnn_names_find(matrix->names, word) < matrix->names->count;
}

/* The class of this name or number. */
static size_t find_class(const struct matrix *matrix, size_t classes, const char *word)
{
    char *end;
    size_t named = is_class(matrix, word) ? fmnn_names_find(matrix->names, word) : classes;
    if (named < classes)
        return named;
    unsigned long number = strtoul(word, &end, 10);
    if (word[0] && !*end && word[strspn(word, "0123456789")] == 0 && number < classes)
        return number;
    usage_error("--class: '%s' is not a class; it can be a name or a number from 0 to %zu", word,
                classes - 1);
}

/* The classes of --class, which are separated by commas; a name may contain one. */
static void choose_classes(const struct matrix *matrix, size_t classes, const char *list,
                           bool *chosen)
{
    char *copy = text_format("%s", list), *word = copy;
    if (is_class(matrix, list)) {
        chosen[find_class(matrix, classes, list)] = true;
        word = NULL;
    }
    while (word) {
        char *comma = strchr(word, ',');
        if (comma)
            *comma = 0;
        chosen[find_class(matrix, classes, word)] = true;
        word = comma ? comma + 1 : NULL;
    }
    free(copy);
}

/* file: NULL if there is only one. */
static void add_class(struct roc *plot, const struct matrix *matrix,
                      const struct fmnn_ranking_report *report, size_t class, const char *file)
{
    struct curve curve = class_curve(plot, matrix, report, class);
    char *name = class_name(matrix, class);
    if (!curve.count) {
        note("class %s has no rows, or all: it has no curve", name);
        free(name);
        return;
    }
    thin(&curve);
    curve.name = file ? text_format("%s, %s", file, name) : text_format("%s", name);
    free(name);
    add_curve(plot, curve);
}

/* One file: its classes and their mean; several: their means, or the classes of --class. */
static void add_curves(struct roc *plot, const struct matrix *matrix, const char *file,
                       const struct plot_request *request)
{
    struct fmnn_error error;
    bool single = request->file_count < 2;
    struct fmnn_ranking_report *report = fmnn_ranking_report(matrix->ranking, &error);
    if (!report)
        die_error(&error);
    bool *chosen = xcalloc(report->classes, sizeof *chosen);
    if (isnan(plot->recall ? report->macro.average_precision : report->macro.roc_auc))
        die("%s: no class has a curve: each has no rows, or all", file);
    if (request->class_list)
        choose_classes(matrix, report->classes, request->class_list, chosen);
    else
        memset(chosen, single && report->classes <= MAX_OWN, report->classes);
    for (size_t k = 0; k < report->classes; k++)
        if (chosen[k])
            add_class(plot, matrix, report, k, single ? NULL : file);
    if (!request->class_list) {
        struct curve mean = mean_curve(plot, matrix, report);
        mean.name = text_format("%s", single ? "mean" : file);
        add_curve(plot, mean);
    }
    free(chosen);
    free(report);
}

static void *read_roc(const struct plot_request *request)
{
    struct roc *plot = xcalloc(1, sizeof *plot);
    size_t files = request->file_count ? request->file_count : 1;
    plot->recall = request->precision_recall;
    for (size_t i = 0; i < files; i++) {
        struct matrix_request input = predictions_request(request, i);
        input.ranking = input.must_rank = true;
        struct matrix matrix = matrix_read(&input);
        char *name = text_file_name(request, i);
        add_curves(plot, &matrix, name, request);
        free(name);
        matrix_free(&matrix);
    }
    if (!plot->count)
        die("there is no curve to draw");
    return plot;
}

static void free_roc(void *data)
{
    struct roc *plot = data;
    for (size_t i = 0; i < plot->count; i++) {
        free(plot->curves[i].name);
        free(plot->curves[i].point);
    }
    free(plot->curves);
    free(plot);
}

static const char *area_name(const struct roc *plot)
{
    return plot->recall ? "AP" : "AUC";
}

/* ---- 3. The gnuplot program ---- */

enum { KEY_LINE = 15, SIDE = 400, KEY = 220, LEFT = 62, BELOW = 52 };
static const char ink[] = "#222222", faint[] = "#9a9a9a";

struct drawing {
    const struct roc *plot;
    struct page page;
    double right, top, bottom; /* points: of the panel, which begins at LEFT */
};

/* The mean of the classes that are drawn, too. */
static bool is_beside_classes(const struct roc *plot, size_t i)
{
    return plot->curves[i].mean && !plot->curves[0].mean;
}

static const char *color_of(const struct roc *plot, size_t i)
{
    return is_beside_classes(plot, i) ? "#808080" : gnuplot_color(i);
}

static const char *dashes_of(const struct roc *plot, size_t i)
{
    return is_beside_classes(plot, i) ? "solid" : gnuplot_dashes(i);
}

static void write_data(FILE *script, const struct roc *plot)
{
    for (size_t i = 0; i < plot->count; i++) {
        const struct curve *curve = &plot->curves[i];
        fprintf(script, "$curve%zu << EOD\n", i + 1);
        for (size_t k = 0; k < curve->count; k++)
            fprintf(script, "%.6g %.6g\n", curve->point[k].x, curve->point[k].y);
        fputs("EOD\n", script);
    }
}

static void write_key(FILE *script, const struct drawing *d)
{
    const struct roc *plot = d->plot;
    double x = d->right + 14, y = d->top + 6;
    for (size_t i = 0; i < plot->count; i++, y += KEY_LINE) {
        char *area = text_format(" (%s %.4f)", area_name(plot), plot->curves[i].area);
        double room = d->page.width - x - 34 - text_points(area, 10);
        char *name = text_fit(plot->curves[i].name, fmax(room, 30), 10);
        char *legend = text_format("%s%s", name, area);
        struct gnuplot_label label = {x + 28, y, legend, "left", 10, ink, NULL};
        gnuplot_label(script, &d->page, &label);
        gnuplot_line(script, &d->page, (double[4]){x, y, x + 22, y}, color_of(plot, i),
                     dashes_of(plot, i));
        free(area);
        free(name);
        free(legend);
    }
}

static void write_axes(FILE *script, const struct drawing *d)
{
    const struct page *page = &d->page;
    const char *x = d->plot->recall ? "Recall" : "False positive rate";
    const char *y = d->plot->recall ? "Precision" : "True positive rate";
    const struct gnuplot_label labels[] = {
        {17, (d->top + d->bottom) / 2, y, "center", 12, ink, "90"},
        {(LEFT + d->right) / 2, d->bottom + 35, x, "center", 12, ink, NULL},
    };
    fprintf(script, "set lmargin at screen %.6f\nset rmargin at screen %.6f\n", LEFT / page->width,
            d->right / page->width);
    fprintf(script, "set tmargin at screen %.6f\nset bmargin at screen %.6f\n",
            1 - d->top / page->height, 1 - d->bottom / page->height);
    fputs("set xrange [0:1]\nset yrange [0:1.005]\n", script);
    fputs("set xtics nomirror 0.2 format '%.1f'\nset ytics nomirror 0.2 format '%.1f'\n", script);
    gnuplot_label(script, page, &labels[0]);
    gnuplot_label(script, page, &labels[1]);
    if (!d->plot->recall)
        fprintf(script,
                "set arrow from 0,0 to 1,1 nohead back linewidth 1 dashtype 2 linecolor rgb '%s'\n",
                faint);
}

static void gnuplot_roc(const void *data, const struct plot_request *request, const char *output,
                        FILE *script)
{
    struct drawing d = {.plot = data, .top = request->title ? 44 : 14};
    double key = (double)d.plot->count * KEY_LINE, side = key > SIDE ? key : SIDE;
    d.page = page_make(request, LEFT + SIDE + KEY, d.top + side + BELOW);
    d.right = fmax(d.page.width - KEY, d.page.width / 2);
    d.bottom = d.page.height - BELOW;
    gnuplot_begin(script, &d.page, output);
    write_data(script, d.plot);
    gnuplot_title(script, &d.page, request->title);
    gnuplot_panels(script);
    write_axes(script, &d);
    write_key(script, &d);
    fputs("plot \\\n", script);
    for (size_t i = 0; i < d.plot->count; i++)
        fprintf(
            script,
            "  $curve%zu using 1:2 with %s linewidth %s dashtype %s linecolor rgb '%s' notitle, "
            "\\\n",
            i + 1, d.plot->recall && !d.plot->curves[i].mean ? "fsteps" : "lines",
            is_beside_classes(d.plot, i) ? "3" : "1.5", dashes_of(d.plot, i), color_of(d.plot, i));
    fputs("  NaN notitle\nunset multiplot\n", script);
}

/* ---- 4. Text ---- */

static char mark_of(size_t i)
{
    return (char)('a' + i % 26);
}

static void text_chart(const struct roc *plot, size_t columns, size_t rows, FILE *out)
{
    char *cells = xcalloc(rows * columns, 1);
    memset(cells, ' ', rows * columns);
    for (size_t i = 0; i < plot->count; i++) {
        size_t at = 0;
        for (size_t x = 0; x < columns; x++) {
            double y =
                height_at(&plot->curves[i], (double)x / (double)(columns - 1), plot->recall, &at);
            char *cell = &cells[(size_t)((1 - y) * (double)(rows - 1) + 0.5) * columns + x];
            *cell = *cell == ' ' ? mark_of(i) : '*';
        }
    }
    fprintf(out, "%s\n", plot->recall ? "Precision" : "True positive rate");
    for (size_t y = 0; y < rows; y++) {
        size_t used = columns;
        while (used && cells[y * columns + used - 1] == ' ')
            used--;
        if (y % ((rows - 1) / 2) == 0)
            fprintf(out, "%5.1f |", (double)(rows - 1 - y) / (double)(rows - 1));
        else
            fputs("      |", out);
        fprintf(out, "%.*s\n", (int)used, cells + y * columns);
    }
    fputs("      +", out);
    for (size_t x = 0; x < columns; x++)
        putc('-', out);
    const char *name = plot->recall ? "Recall" : "False positive rate";
    int left = (int)(columns - strlen(name)) / 2;
    fprintf(out, "\n       0%*s%s%*s1\n\n", left - 1, "", name,
            (int)columns - 1 - left - (int)strlen(name), "");
    free(cells);
}

static void text_roc(const void *data, const struct plot_request *request, FILE *out)
{
    const struct roc *plot = data;
    unsigned width = text_width(request), height = request->height ? request->height : 32;
    size_t columns = width > 50 ? width - 9 : 41, rows = height > 20 ? (height - 12) | 1 : 9,
           name = 0;
    if (request->title)
        fprintf(out, "%s\n\n", request->title);
    text_chart(plot, columns, rows, out);
    for (size_t i = 0; i < plot->count; i++) {
        size_t cells = text_cells(plot->curves[i].name);
        name = cells > name ? cells : name;
    }
    for (size_t i = 0; i < plot->count; i++) {
        fprintf(out, "%c ", mark_of(i));
        text_pad(out, plot->curves[i].name, name, -1);
        fprintf(out, "  %s %.4f\n", area_name(plot), plot->curves[i].area);
    }
    if (plot->count > 1)
        fputs("* several\n", out);
}

const struct plot_kind plot_roc = {
    .name = "roc",
    .takes = TAKES_CLASS_COLUMNS | TAKES_ONLY | TAKES_SUFFIX | TAKES_CLASSES | TAKES_DIRECTORY |
             TAKES_CLASS,
    .max_files = SIZE_MAX,
    .read = read_roc,
    .gnuplot = gnuplot_roc,
    .text = text_roc,
    .free = free_roc,
};
