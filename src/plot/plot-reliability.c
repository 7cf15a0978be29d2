/* plot-reliability.c -- a reliability diagram: accuracy by confidence, with the number of images in
   each bin of confidence.

   Contents: 1. Reading  2. The gnuplot program  3. Text */
#include "plot/gnuplot.h"

#include <inttypes.h>
#include <math.h>

/* The predictions of one file. */
struct run {
    char *name;
    struct fmnn_calibration *calibration;
    struct fmnn_bin whole;
    double error;
};

struct reliability {
    struct run *runs;
    size_t count, bins;
    uint64_t max; /* maximum number of images in a bin */
};

/* ---- 1. Reading ---- */

static void read_file(struct reliability *plot, const struct plot_request *request, size_t i)
{
    struct run *run = &plot->runs[i];
    struct matrix_request input = predictions_request(request, i);
    input.bins = plot->bins;
    input.must_calibrate = true;
    struct matrix matrix = matrix_read(&input);
    run->calibration = matrix.calibration;
    matrix.calibration = NULL;
    matrix_free(&matrix);
    run->whole = fmnn_calibration_total(run->calibration);
    run->error = fmnn_calibration_error(run->calibration);
    for (size_t k = 0; k < plot->bins; k++) {
        uint64_t rows = fmnn_calibration_bin(run->calibration, k).rows;
        plot->max = rows > plot->max ? rows : plot->max;
    }
}

static void *read_reliability(const struct plot_request *request)
{
    struct reliability *plot = xcalloc(1, sizeof *plot);
    plot->count = request->file_count ? request->file_count : 1;
    plot->bins = request->bins;
    plot->runs = xcalloc(plot->count, sizeof *plot->runs);
    for (size_t i = 0; i < plot->count; i++) {
        read_file(plot, request, i);
        plot->runs[i].name = text_file_name(request, i);
    }
    return plot;
}

static void free_reliability(void *data)
{
    struct reliability *plot = data;
    for (size_t i = 0; i < plot->count; i++) {
        fmnn_calibration_free(plot->runs[i].calibration);
        free(plot->runs[i].name);
    }
    free(plot->runs);
    free(plot);
}

static char *metrics_of(const struct run *run)
{
    return text_format("ECE %.4f, confidence %.4f, accuracy %.4f", run->error,
                       run->whole.confidence, run->whole.accuracy);
}

/* ---- 2. The gnuplot program ---- */

enum {
    KEY_LINE = 15,
    SIDE = 360,
    LOWER = 110,
    FINE = 40 /* more bins are too narrow for details */
};
static const char ink[] = "#222222", faint[] = "#9a9a9a", bar[] = "#b3cde3", over[] = "#0072b2";

struct diagram {
    const struct reliability *plot;
    struct page page;
    double left, right, top, middle, bottom; /* points: edges of the two panels */
};

static void write_bins(FILE *script, const struct reliability *plot)
{
    fputs("# from, to, mean confidence, accuracy, its 95 % interval, images\n", script);
    for (size_t r = 0; r < plot->count; r++) {
        fprintf(script, "$run%zu << EOD\n", r + 1);
        for (size_t i = 0; i < plot->bins; i++) {
            struct fmnn_bin bin = fmnn_calibration_bin(plot->runs[r].calibration, i);
            struct fmnn_interval in = fmnn_wilson(bin.correct, bin.rows);
            const double number[] = {bin.from,     bin.to, bin.confidence,
                                     bin.accuracy, in.low, in.high};
            for (size_t k = 0; k < sizeof number / sizeof *number; k++) {
                gnuplot_number(script, number[k]);
                putc(' ', script);
            }
            fprintf(script, "%" PRIu64 "\n", bin.rows);
        }
        fputs("EOD\n", script);
    }
}

/* "fc.tsv: ECE 0.0123, ..." with a name cut to fit, or the metrics alone if there is one file. */
static char *legend_of(const struct reliability *plot, size_t r, double room)
{
    char *metrics = metrics_of(&plot->runs[r]), *legend = metrics;
    if (plot->count > 1) {
        double rest = room - text_points(metrics, 10) - text_points(": ", 10);
        char *name = text_fit(plot->runs[r].name, fmax(rest, 40), 10);
        legend = text_format("%s: %s", name, metrics);
        free(name);
        free(metrics);
    }
    char *fitted = text_fit(legend, room, 10);
    free(legend);
    return fitted;
}

static void write_legends(FILE *script, const struct diagram *d, const struct plot_request *request)
{
    const struct reliability *plot = d->plot;
    const struct page *page = &d->page;
    double y = request->title ? 44 : 18;
    gnuplot_title(script, page, request->title);
    for (size_t r = 0; r < plot->count; r++, y += KEY_LINE) {
        double x = plot->count > 1 ? d->left + 28 : d->left;
        char *legend = legend_of(plot, r, page->width - x - 6);
        struct gnuplot_label label = {x, y, legend, "left", 10, ink, NULL};
        gnuplot_label(script, page, &label);
        if (plot->count > 1)
            gnuplot_line(script, page, (double[4]){d->left, y, d->left + 22, y}, gnuplot_color(r),
                         gnuplot_dashes(r));
        free(legend);
    }
}

static void write_margins(FILE *script, const struct diagram *d, double top, double bottom)
{
    fprintf(script, "set lmargin at screen %.6f\nset rmargin at screen %.6f\n",
            d->left / d->page.width, d->right / d->page.width);
    fprintf(script, "set tmargin at screen %.6f\nset bmargin at screen %.6f\n",
            1 - top / d->page.height, 1 - bottom / d->page.height);
}

static void write_name(FILE *script, const struct diagram *d, const char *name, double x, double y,
                       const char *rotate)
{
    struct gnuplot_label label = {x, y, name, "center", 12, ink, rotate};
    gnuplot_label(script, &d->page, &label);
}

/* Marks are at the mean confidence of their bin: on the diagonal, calibration is perfect. */
static void write_run(FILE *script, const struct diagram *d, size_t r)
{
    const struct reliability *plot = d->plot;
    const char *color = plot->count == 1 ? over : gnuplot_color(r);
    bool fine = plot->bins > FINE;
    fprintf(script,
            "  $run%zu using %s pointtype 7 pointsize %.3g linecolor rgb '%s' notitle, \\\n", r + 1,
            fine ? "3:4 with points" : "3:4:5:6 with yerrorbars linewidth 1",
            gnuplot_mark_size(&d->page, fine ? 0.3 : 0.6), color);
    if (plot->count > 1)
        fprintf(script,
                "  $run%zu using ($7>0?$3:1/0):4 with lines linewidth 2 dashtype %s "
                "linecolor rgb '%s' notitle, \\\n",
                r + 1, gnuplot_dashes(r), color);
}

/* Accuracy. One file is drawn as bars, several as lines. */
static void write_upper(FILE *script, const struct diagram *d)
{
    const struct reliability *plot = d->plot;
    write_margins(script, d, d->top, d->middle - 7);
    fputs("set xrange [0:1]\nset yrange [0:1]\nset xtics nomirror 0.2 format ''\n", script);
    fputs("set ytics nomirror 0.2 format '%.1f'\n", script);
    write_name(script, d, "Accuracy", 17, (d->top + d->middle) / 2, "90");
    fprintf(script,
            "set arrow from 0,0 to 1,1 nohead front linewidth 1 dashtype 2 linecolor rgb '%s'\n",
            faint);
    fputs("plot \\\n", script);
    if (plot->count == 1)
        fprintf(script,
                "  $run1 using (($1+$2)/2):($4/2):1:2:(0):4 with boxxyerror fillcolor rgb '%s' "
                "notitle, \\\n",
                bar);
    for (size_t r = 0; r < plot->count; r++)
        write_run(script, d, r);
    fputs("  NaN notitle\nunset label\nunset arrow\n", script);
}

/* The number of images in each bin. */
static void write_lower(FILE *script, const struct diagram *d)
{
    const struct reliability *plot = d->plot;
    write_margins(script, d, d->middle + 7, d->bottom);
    fprintf(script, "set xtics nomirror 0.2 format '%%.1f'\nset yrange [0:%.9g]\n",
            (double)plot->max * (plot->count == 1 ? 1.2 : 1.05));
    double step = pow(10, floor(log10((double)plot->max)));
    step = (double)plot->max / step < 2 ? step / 2 : (double)plot->max / step > 5 ? 2 * step : step;
    fprintf(script, "set ytics nomirror 0,%.9g format '%%g'\n", fmax(step, 1));
    write_name(script, d, "Images", 17, (d->middle + d->bottom) / 2, "90");
    write_name(script, d, "Confidence", (d->left + d->right) / 2, d->bottom + 35, NULL);
    fputs("plot \\\n", script);
    if (plot->count == 1) {
        fprintf(script,
                "  $run1 using (($1+$2)/2):($7/2):1:2:(0):7 with boxxyerror fillcolor rgb '%s' "
                "notitle, \\\n",
                bar);
        if (plot->bins <= 20)
            fputs("  $run1 using (($1+$2)/2):7:(sprintf('%.0f',$7)) with labels center offset "
                  "0,0.6 font ',8' notitle, \\\n",
                  script);
    }
    for (size_t r = 0; r < plot->count && plot->count > 1; r++)
        fprintf(script,
                "  $run%zu using (($1+$2)/2):7 with histeps linewidth 1.6 dashtype %s linecolor "
                "rgb '%s' notitle, \\\n",
                r + 1, gnuplot_dashes(r), gnuplot_color(r));
    fputs("  NaN notitle\n", script);
}

static void gnuplot_reliability(const void *data, const struct plot_request *request,
                                const char *output, FILE *script)
{
    struct diagram d = {.plot = data, .left = 62};
    double head = (request->title ? 42 : 16) + (double)d.plot->count * KEY_LINE;
    d.page = page_make(request, 62 + SIDE + 18, head + SIDE + LOWER + 60);
    d.right = d.page.width - 18;
    d.top = head;
    d.bottom = d.page.height - 46;
    d.middle = d.top + (d.bottom - d.top) * SIDE / (SIDE + LOWER + 14);
    gnuplot_begin(script, &d.page, output);
    write_bins(script, d.plot);
    write_legends(script, &d, request);
    gnuplot_panels(script);
    fputs(d.plot->bins > FINE ? "set style fill solid noborder\n"
                              : "set style fill solid border linecolor rgb '#ffffff'\n",
          script);
    write_upper(script, &d);
    write_lower(script, &d);
    fputs("unset multiplot\n", script);
}

/* ---- 3. Text ---- */

/* The accuracy of a bin as a bar, on which the mean confidence is marked. */
static void text_bar(const struct fmnn_bin *bin, size_t width, FILE *out)
{
    size_t end = (size_t)(bin->accuracy * (double)width + 0.5);
    size_t mark = (size_t)(bin->confidence * (double)width + 0.5);
    size_t cells = end > mark ? end : mark + 1;
    putc(' ', out);
    for (size_t i = 0; i < cells; i++)
        putc(i == mark ? '|' : i < end ? '=' : ' ', out);
}

static void text_reliability(const void *data, const struct plot_request *request, FILE *out)
{
    const struct reliability *plot = data;
    size_t width = text_width(request);
    if (request->title)
        fprintf(out, "%s\n\n", request->title);
    for (size_t r = 0; r < plot->count; r++) {
        const struct run *run = &plot->runs[r];
        char *metrics = metrics_of(run), *name = text_fit_cells(run->name, 40);
        int count = snprintf(NULL, 0, "%" PRIu64, plot->max);
        count = count < (int)strlen("images") ? (int)strlen("images") : count;
        size_t used = 15 + (size_t)count + 11, room = width > used + 12 ? width - used - 2 : 10;
        fprintf(out, "%s%s%s%s\n\n", r ? "\n" : "", plot->count > 1 ? name : "",
                plot->count > 1 ? ": " : "", metrics);
        fprintf(out, "   confidence  %*s  accuracy\n", count, "images");
        for (size_t i = 0; i < plot->bins; i++) {
            struct fmnn_bin bin = fmnn_calibration_bin(run->calibration, i);
            fprintf(out, "%5.3f .. %5.3f  %*" PRIu64, bin.from, bin.to, count, bin.rows);
            if (bin.rows) {
                fprintf(out, "  %8.4f", bin.accuracy);
                text_bar(&bin, room, out);
            }
            putc('\n', out);
        }
        free(metrics);
        free(name);
    }
    fputs("\n= accuracy; | mean confidence, at the end of the bar if calibration is perfect\n",
          out);
}

const struct plot_kind plot_reliability = {
    .name = "reliability",
    .takes = TAKES_CLASS_COLUMNS | TAKES_ONLY | TAKES_SUFFIX | TAKES_CLASSES | TAKES_DIRECTORY |
             TAKES_BINS,
    .max_files = SIZE_MAX,
    .read = read_reliability,
    .gnuplot = gnuplot_reliability,
    .text = text_reliability,
    .free = free_reliability,
};
