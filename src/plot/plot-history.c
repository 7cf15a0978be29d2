/* plot-history.c -- learning curves: accuracy and loss in training and validation over the epochs,
   and with --lr the learning rate.

   Contents: 1. Reading  2. The gnuplot program  3. Text */
#include "common/overfitting.h"
#include "plot/gnuplot.h"

#include <math.h>
#include <strings.h>

enum metric { LOSS, ACCURACY, VAL_LOSS, VAL_ACCURACY, RATE, METRICS, NONE = METRICS };
static const char *const metric_names[METRICS] = {"loss", "accuracy", "val_loss", "val_accuracy",
                                                  "lr"};

struct epoch {
    double epoch;
    double metric[METRICS]; /* NaN: missing */
    bool empty[METRICS];    /* the field is: the curve joins the epochs around it */
    bool alone[METRICS];    /* no curve leads to the epoch */
    size_t line;
};

/* One training, from one file. */
struct run {
    char *name;
    struct epoch *epochs;
    size_t count, capacity;
    struct overfitting overfitting;
    bool has[METRICS + 1];   /* not NONE */
    size_t marks[METRICS];   /* the number of epochs that could have one */
    bool scattered[METRICS]; /* some are alone */
};

struct history {
    struct run *runs;
    size_t count;
    bool has[METRICS + 1]; /* in any run */
    bool rate;             /* is drawn */
    double first, last;    /* epochs */
    double min_loss, max_loss, max_rate;
};

/* ---- 1. Reading ---- */

/* A loss that is not finite, left by a net that diverged, is a gap in the curve and no error. */
static double read_metric(struct fmnn_table *table, int column)
{
    static const char *const odd[] = {"nan", "-nan", "inf", "-inf", "infinity", "-infinity"};
    struct fmnn_error error;
    double number;
    const char *text = column < 0 ? "" : fmnn_table_field(table, (size_t)column);
    if (!*text)
        return (double)NAN;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        if (!strcasecmp(text, odd[i]))
            return (double)NAN;
    if (fmnn_table_number(table, (size_t)column, &number, &error) != 0)
        die_error(&error);
    return number;
}

/* rate: the learning rate is read, too. */
static void read_rows(struct fmnn_table *table, struct run *run, bool rate)
{
    struct fmnn_error error;
    int column[METRICS], found = 0;
    size_t epoch = need_column(table, "epoch");
    for (int i = 0; i < METRICS; i++) {
        column[i] = i == RATE && !rate ? -1 : fmnn_table_find(table, metric_names[i]);
        found += column[i] >= 0 && i != RATE;
    }
    if (!found)
        need_column(table, "accuracy");
    while (next_row(table)) {
        struct epoch row = {.line = fmnn_table_line(table)};
        if (fmnn_table_number(table, epoch, &row.epoch, &error) != 0)
            die_error(&error);
        for (int i = 0; i < METRICS; i++) {
            row.metric[i] = read_metric(table, column[i]);
            row.empty[i] = column[i] < 0 || !*fmnn_table_field(table, (size_t)column[i]);
        }
        xgrow((void **)&run->epochs, &run->capacity, run->count + 1, sizeof *run->epochs);
        run->epochs[run->count++] = row;
    }
    if (run->count == 0)
        die("%s: no epochs to draw", fmnn_table_name(table));
}

static int compare_epochs(const void *a, const void *b)
{
    const struct epoch *x = a, *y = b;
    return (x->epoch > y->epoch) - (x->epoch < y->epoch);
}

/* Sorted, because a pipeline may have moved rows. Two trainings in one table are not a curve. */
static void order_epochs(struct run *run, const char *name)
{
    qsort(run->epochs, run->count, sizeof *run->epochs, compare_epochs);
    for (size_t i = 1; i < run->count; i++)
        if (run->epochs[i].epoch == run->epochs[i - 1].epoch) {
            size_t a = run->epochs[i - 1].line, b = run->epochs[i].line;
            die("%s:%zu: epoch %g again: draw each training from a file of its own", name,
                a > b ? a : b, run->epochs[i].epoch);
        }
}

/* Finds the epochs between gaps, of which only a mark can be seen. */
static void note_gaps(struct run *run, enum metric metric)
{
    struct epoch *before = NULL; /* it has a number */
    for (size_t i = 0; i < run->count; i++) {
        struct epoch *row = &run->epochs[i];
        bool number = !isnan(row->metric[metric]);
        if (row->empty[metric])
            continue;
        run->marks[metric]++;
        row->alone[metric] = number && !before;
        if (number && before)
            before->alone[metric] = false;
        before = number ? row : NULL;
    }
    for (size_t i = 0; i < run->count; i++)
        run->scattered[metric] |= run->epochs[i].alone[metric];
}

static void note_overfitting(struct run *run)
{
    double *training = xcalloc(run->count, sizeof *training);
    double *validation = xcalloc(run->count, sizeof *validation);
    for (size_t i = 0; i < run->count; i++) {
        training[i] = run->epochs[i].metric[ACCURACY];
        validation[i] = run->epochs[i].metric[VAL_ACCURACY];
    }
    run->overfitting = find_overfitting(training, validation, run->count);
    free(training);
    free(validation);
}

static void note_extent(struct history *history, struct run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        const struct epoch *row = &run->epochs[i];
        history->first = fmin(history->first, row->epoch);
        history->last = fmax(history->last, row->epoch);
        for (int f = 0; f < METRICS; f++)
            history->has[f] |= run->has[f] |= !isnan(row->metric[f]);
        history->max_rate = fmax(history->max_rate, row->metric[RATE]);
        history->min_loss = fmin(history->min_loss, fmin(row->metric[LOSS], row->metric[VAL_LOSS]));
        history->max_loss = fmax(history->max_loss, fmax(row->metric[LOSS], row->metric[VAL_LOSS]));
    }
}

static bool has_accuracy(const struct history *history)
{
    return history->has[ACCURACY] || history->has[VAL_ACCURACY];
}

static bool has_loss(const struct history *history)
{
    return history->has[LOSS] || history->has[VAL_LOSS];
}

static void *read_history(const struct plot_request *request)
{
    struct history *history = xcalloc(1, sizeof *history);
    *history = (struct history){.count = request->file_count ? request->file_count : 1,
                                .rate = request->lr,
                                .first = (double)INFINITY,
                                .last = (double)-INFINITY,
                                .min_loss = (double)INFINITY,
                                .max_loss = (double)-INFINITY};
    history->runs = xcalloc(history->count, sizeof *history->runs);
    for (size_t i = 0; i < history->count; i++) {
        struct run *run = &history->runs[i];
        struct fmnn_table *table =
            open_table(request->file_count ? request->files[i] : NULL, FMNN_TABLE_HISTORY, NULL);
        read_rows(table, run, request->lr);
        order_epochs(run, fmnn_table_name(table));
        fmnn_table_close(table);
        for (int f = 0; f < METRICS; f++)
            note_gaps(run, (enum metric)f);
        note_overfitting(run);
        note_extent(history, run);
    }
    if (!has_accuracy(history) && !has_loss(history))
        die("%s: no row has an accuracy or a loss: nothing to draw",
            request->file_count ? request->files[0] : "standard input");
    if (history->rate && !history->has[RATE])
        die("%s: no row has a learning rate, in the column 'lr'",
            request->file_count ? request->files[0] : "standard input");
    for (size_t i = 0; i < history->count; i++)
        history->runs[i].name = text_file_name(request, i);
    return history;
}

static void free_history(void *plot)
{
    struct history *history = plot;
    for (size_t i = 0; i < history->count; i++) {
        free(history->runs[i].name);
        free(history->runs[i].epochs);
    }
    free(history->runs);
    free(history);
}

/* ---- 2. The gnuplot program ---- */

/* The colours of curves mixed with white. */
static const char *const light_colors[] = {"#eebe99", "#99c7e0", "#99d8c7", "#ebc9dc",
                                           "#f5d999", "#bbe1f6", "#999999"};
/* Marks for runs: square, circle, triangles, diamond, pentagon. */
static const int shapes[] = {5, 7, 9, 11, 13, 15};
enum {
    COLORS = sizeof light_colors / sizeof *light_colors,
    SHAPES = sizeof shapes / sizeof *shapes,
    KEY_LINE = 15
};
static const char ink[] = "#222222", onset_ink[] = "#8a5a00", onset_fill[] = "#fcf4e4";

struct panel {
    const char *name;
    enum metric training, validation;
    double top, bottom; /* points from the top of the page */
    bool lowest;        /* has the labels of the epochs */
};

struct curves {
    const struct history *history;
    struct page page;
    double left, right;    /* of the panels */
    double key, key_width; /* height of the legend, width of a column */
    size_t key_columns;
    double x_from, x_to;
};

static const struct epoch *epoch_at(const struct run *run, size_t i)
{
    return i < run->count ? &run->epochs[i] : NULL;
}

/* Tick marks at whole epochs, a dozen at most. */
static void write_epoch_tics(FILE *script, const struct curves *curves, bool lowest)
{
    double first = curves->history->first, last = curves->history->last, step = 1;
    static const double factors[] = {2, 2.5, 2};
    for (int i = 0; (last - first) / step > 12 && i < 60; i++)
        step *= factors[i % 3];
    double start = ceil(first / step) * step; /* the mark added below must not meet another */
    start += start == 0 && first > 0 ? step : 0;
    fprintf(script, "set xtics nomirror %.9g,%.9g", start, step);
    fputs(lowest ? " format '%.0f'\n" : " format ''\n", script);
    if (lowest && step >= 5 && start - first > step / 2)
        fprintf(script, "set xtics add ('%.0f' %.9g)\n", first, first);
}

/* gnuplot's curves pass over what is missing, and have a gap at NaN. */
static void write_data(FILE *script, const struct history *history)
{
    for (size_t i = 0; i < history->count; i++) {
        fprintf(script, "$run%zu << EOD\n", i + 1);
        for (size_t k = 0; k < history->runs[i].count; k++) {
            const struct epoch *row = &history->runs[i].epochs[k];
            gnuplot_number(script, row->epoch);
            for (int f = 0; f < (history->rate ? METRICS : RATE); f++) {
                putc(' ', script);
                if (row->empty[f])
                    putc('?', script);
                else
                    gnuplot_number(script, row->metric[f]);
            }
            putc('\n', script);
        }
        fputs("EOD\n", script);
    }
}

/* A vertical line at an epoch. */
static void write_epoch_line(FILE *script, double epoch, const char *color, const char *dashes)
{
    fprintf(script, "set arrow from first %.9g,graph 0 to first %.9g,graph 1 nohead back", epoch,
            epoch);
    fprintf(script, " linewidth 1 dashtype %s linecolor rgb '%s'\n", dashes, color);
}

static double mark_size(const struct curves *curves, double size)
{
    return gnuplot_mark_size(&curves->page, size);
}

/* Names the epoch beside its line, on the side that has more room. */
static void write_remark(FILE *script, const struct curves *curves, double epoch, double height,
                         const char *color)
{
    double fraction = (epoch - curves->x_from) / (curves->x_to - curves->x_from);
    double x = curves->left + fraction * (curves->right - curves->left) + (fraction > 0.5 ? -4 : 4);
    fprintf(script, "set label 'epoch %g' at screen %.6f,graph %.4f %s front font ',10'", epoch,
            x / curves->page.width, height, fraction > 0.5 ? "right" : "left");
    fprintf(script, " textcolor rgb '%s'\n", color);
}

static void write_marks(FILE *script, const struct curves *curves, const struct panel *panel)
{
    const struct run *run = &curves->history->runs[0];
    const struct epoch *best = epoch_at(run, run->overfitting.best),
                       *onset = epoch_at(run, run->overfitting.onset);
    bool named = panel->training == ACCURACY;
    if (curves->history->count > 1)
        return;
    if (onset) {
        fprintf(script, "set object rectangle from first %.9g,graph 0 to graph 1,graph 1 behind",
                onset->epoch);
        fprintf(script, " fillstyle solid noborder fillcolor rgb '%s'\n", onset_fill);
        write_epoch_line(script, onset->epoch, onset_ink, "3");
        if (named)
            write_remark(script, curves, onset->epoch, 0.14, onset_ink);
    }
    if (best) {
        write_epoch_line(script, best->epoch, "#666666", "2");
        if (named)
            write_remark(script, curves, best->epoch, 0.06, ink);
    }
}

static char *legend_of(const struct run *run)
{
    const struct epoch *best = epoch_at(run, run->overfitting.best);
    char *name = text_fit_cells(run->name, 40);
    char gap[32] = "";
    if (!isnan(run->overfitting.gap))
        snprintf(gap, sizeof gap, "; gap %.4f", round(run->overfitting.gap * 1e4) / 1e4 + 0.0);
    char *legend = best ? text_format("%s (best: %.4f, epoch %g%s)", name,
                                      best->metric[VAL_ACCURACY], best->epoch, gap)
                        : text_format("%s", name);
    free(name);
    return legend;
}

/* "best epoch: 8, validation 0.8000, training 0.9000"; malloc'ed. */
static char *best_text(const struct epoch *best)
{
    double training = best->metric[ACCURACY];
    char *trained = isnan(training) ? NULL : text_format(", training %.4f", training);
    char *text = text_format("best epoch: %g, validation %.4f%s", best->epoch,
                             best->metric[VAL_ACCURACY], trained ? trained : "");
    free(trained);
    return text;
}

/* For a single run: two lines of text beside the legend that explain the marks. */
static void write_metrics(FILE *script, const struct curves *curves, double top)
{
    const struct run *run = &curves->history->runs[0];
    const struct epoch *best = epoch_at(run, run->overfitting.best),
                       *onset = epoch_at(run, run->overfitting.onset);
    struct gnuplot_label label = {curves->right, top - curves->key + 7, "", "right", 10, ink, NULL};
    if (curves->history->count > 1)
        return;
    char *first = best ? best_text(best) : NULL;
    char *second = overfitting_text(&run->overfitting, onset ? onset->epoch : 0);
    if (first) {
        label.text = first;
        gnuplot_label(script, &curves->page, &label);
    }
    if (second) {
        label.y += KEY_LINE;
        label.text = second;
        label.color = onset ? onset_ink : ink;
        gnuplot_label(script, &curves->page, &label);
    }
    free(first);
    free(second);
}

/* A curve with some twenty marks, so that curves can be told apart without colour. Of several runs,
   training curves are light lines without marks, unless an epoch is alone: a line does not show
   it. */
static void write_curve(FILE *script, const struct curves *curves, size_t r, enum metric metric,
                        bool strong)
{
    const struct run *run = &curves->history->runs[r];
    bool single = curves->history->count == 1, marked = strong || single;
    bool training = metric == LOSS || metric == ACCURACY || metric == RATE;
    bool points = marked || run->scattered[metric];
    size_t color = single ? training : r;
    fprintf(script, "  $run%zu using 1:%d with %s linewidth %s dashtype %s linecolor rgb '%s'",
            r + 1, metric + 2, points ? "linespoints" : "lines", strong ? "2" : "1.4",
            gnuplot_dashes(r), marked ? gnuplot_color(color) : light_colors[color % COLORS]);
    if (points)
        fprintf(script, " pointtype %d pointsize %.3g pointinterval %zu",
                single ? (training ? 7 : 5) : shapes[r % SHAPES], mark_size(curves, 0.45),
                run->scattered[metric] ? 1 : (run->marks[metric] + 19) / 20);
    fputs(" notitle, \\\n", script);
}

static void write_best(FILE *script, const struct curves *curves, size_t r)
{
    const struct run *run = &curves->history->runs[r];
    if (run->overfitting.best == run->count)
        return;
    fprintf(script, "  $run%zu every ::%zu::%zu using 1:%d with points pointtype 6 linewidth 1.5",
            r + 1, run->overfitting.best, run->overfitting.best, VAL_ACCURACY + 2);
    fprintf(script, " pointsize %.3g linecolor rgb '%s' notitle, \\\n", mark_size(curves, 1.3),
            curves->history->count == 1 ? ink : gnuplot_color(r));
}

static void write_curves(FILE *script, const struct curves *curves, const struct panel *panel)
{
    const struct history *history = curves->history;
    fputs("plot \\\n", script);
    for (size_t r = 0; r < history->count; r++)
        if (history->runs[r].has[panel->training])
            write_curve(script, curves, r, panel->training,
                        !history->runs[r].has[panel->validation]);
    for (size_t r = 0; r < history->count; r++)
        if (history->runs[r].has[panel->validation])
            write_curve(script, curves, r, panel->validation, true);
    for (size_t r = 0; r < history->count && panel->validation == VAL_ACCURACY; r++)
        write_best(script, curves, r);
    fputs("  NaN notitle\n", script);
}

/* An entry of the legend: a line, a mark on it, and their meaning. */
struct entry {
    const char *text, *color, *width;
    const char *dashes;
    int mark; /* 0: none */
};

static void write_entry(FILE *script, const struct curves *curves, const struct entry *entry,
                        size_t i, double top)
{
    const struct page *page = &curves->page;
    double x = curves->left + (double)(i % curves->key_columns) * curves->key_width;
    double y = top - curves->key + 7 + (double)(i / curves->key_columns) * KEY_LINE;
    fprintf(script, "set arrow from screen %.6f,%.6f to screen %.6f,%.6f nohead front linewidth %s",
            x / page->width, 1 - y / page->height, (x + 22) / page->width, 1 - y / page->height,
            entry->width);
    fprintf(script, " dashtype %s linecolor rgb '%s'\n", entry->dashes, entry->color);
    if (entry->mark)
        fprintf(script,
                "set label '' at screen %.6f,%.6f point pointtype %d pointsize %.3g linecolor rgb "
                "'%s'\n",
                (x + 11) / page->width, 1 - y / page->height, entry->mark, mark_size(curves, 0.45),
                entry->color);
    struct gnuplot_label label = {x + 28, y, entry->text, "left", 10, ink, NULL};
    gnuplot_label(script, page, &label);
}

/* For one run, the legend names its two curves; for several, the runs and the two line styles. */
static void write_key(FILE *script, const struct curves *curves, const struct panel *panel)
{
    const struct history *history = curves->history;
    bool training = history->has[panel->training], validated = history->has[panel->validation];
    bool single = history->count == 1;
    size_t used = 0;
    for (size_t r = 0; r < history->count && !single; r++) {
        char *legend = legend_of(&history->runs[r]);
        struct entry entry = {legend, gnuplot_color(r), "2", gnuplot_dashes(r), shapes[r % SHAPES]};
        write_entry(script, curves, &entry, used++, panel->top);
        free(legend);
    }
    struct entry first = {"training", single ? gnuplot_color(1) : "#bbbbbb",
                          validated ? "1.4" : "2", gnuplot_dashes(0), single ? 7 : 0};
    struct entry second = {"validation", single ? gnuplot_color(0) : "#555555", "2",
                           gnuplot_dashes(0), single ? 5 : 0};
    if (training && (single || validated))
        write_entry(script, curves, &first, used++, panel->top);
    if (validated && (single || training))
        write_entry(script, curves, &second, used, panel->top);
}

static void write_axis_names(FILE *script, const struct curves *curves, const struct panel *panel)
{
    const struct gnuplot_label labels[] = {
        {17, (panel->top + panel->bottom) / 2, panel->name, "center", 12, ink, "90"},
        {(curves->left + curves->right) / 2, panel->bottom + 35, "Epoch", "center", 12, ink, NULL},
    };
    gnuplot_label(script, &curves->page, &labels[0]);
    if (panel->lowest)
        gnuplot_label(script, &curves->page, &labels[1]);
}

/* Between two tick marks of the rate, whose panel is low: 1, 2 or 5 times a power of ten. */
static double rate_step(double max)
{
    double power = max > 0 ? pow(10, floor(log10(max / 2))) : 1;
    return max / power > 10 ? 5 * power : max / power > 4 ? 2 * power : power;
}

static void write_range(FILE *script, const struct curves *curves, const struct panel *panel)
{
    const struct history *history = curves->history;
    if (panel->training == ACCURACY) {
        fputs("set yrange [0:1]\nset ytics nomirror 0.2 format '%.1f'\n", script);
        return;
    }
    if (panel->training == RATE) {
        fprintf(script, "set yrange [0:*]\nset ytics nomirror 0,%.9g format '%%g'\n",
                rate_step(history->max_rate));
        return;
    }
    if (history->min_loss > 0 && history->max_loss > 50 * history->min_loss) {
        fputs("set logscale y\nset yrange [*:*]\nset ytics nomirror autofreq format '%g'\n",
              script);
        return;
    }
    fprintf(script, "set yrange [%s:*<1e300]\nset ytics nomirror autofreq format '%%g'\n",
            history->min_loss < 0 ? "*" : "0");
}

static void write_panel(FILE *script, const struct curves *curves, const struct panel *panel,
                        bool with_key)
{
    const struct page *page = &curves->page;
    fprintf(script, "set lmargin at screen %.6f\nset rmargin at screen %.6f\n",
            curves->left / page->width, curves->right / page->width);
    fprintf(script, "set tmargin at screen %.6f\nset bmargin at screen %.6f\n",
            1 - panel->top / page->height, 1 - panel->bottom / page->height);
    fprintf(script, "set xrange [%.9g:%.9g]\n", curves->x_from, curves->x_to);
    write_range(script, curves, panel);
    write_epoch_tics(script, curves, panel->lowest);
    write_axis_names(script, curves, panel);
    write_marks(script, curves, panel);
    if (with_key) {
        write_key(script, curves, panel);
        write_metrics(script, curves, panel->top);
    }
    write_curves(script, curves, panel);
    fputs("unset label\nunset arrow\nunset object\nunset logscale y\n", script);
}

/* Sets the number of columns of the legend, and its height. */
static void place_key(struct curves *curves)
{
    const struct history *history = curves->history;
    double widest = 0;
    curves->key_columns = 1;
    curves->key = 2 * KEY_LINE + 8;
    if (history->count == 1)
        return;
    for (size_t i = 0; i < history->count; i++) {
        char *legend = legend_of(&history->runs[i]);
        widest = fmax(widest, text_points(legend, 10));
        free(legend);
    }
    curves->key_width = widest * 1.05 + 44;
    double columns = floor((curves->right - curves->left) / curves->key_width);
    curves->key_columns = columns < 1 ? 1 : (size_t)columns;
    size_t rows = (history->count + 2 + curves->key_columns - 1) / curves->key_columns;
    curves->key = (double)rows * KEY_LINE + 8;
}

/* The left margin, which has room for the tick labels of the rate beside the panel's name: they can
   be as long as 0.00015. */
static double left_margin(const struct history *history)
{
    enum { USUAL = 56, BESIDE = 35, MAX_TICKS = 10 };
    double widest = 0, step = rate_step(history->max_rate);
    for (int i = 1; i <= MAX_TICKS && (i - 1) * step < history->max_rate; i++) {
        char label[32];
        snprintf(label, sizeof label, "%g", i * step);
        widest = fmax(widest, text_points(label, 10));
    }
    return history->rate ? fmax(USUAL, BESIDE + widest) : USUAL;
}

/* The legend decides the height of the page, and the width of the page that of the legend. */
static struct curves lay_out(const struct history *history, const struct plot_request *request)
{
    enum { WIDTH = 640, RIGHT = 18, ONE_PANEL = 320, TWO_PANELS = 440, RATE_PANEL = 130 };
    double pad = history->last > history->first ? (history->last - history->first) * 0.02 : 0.5;
    bool two = has_accuracy(history) && has_loss(history);
    struct curves curves = {.history = history,
                            .left = left_margin(history),
                            .right = WIDTH - RIGHT,
                            .x_from = history->first - pad,
                            .x_to = history->last + pad};
    place_key(&curves);
    curves.page =
        page_make(request, WIDTH,
                  (two ? TWO_PANELS : ONE_PANEL) + (history->rate ? RATE_PANEL : 0) + curves.key);
    curves.right = curves.page.width - RIGHT;
    place_key(&curves);
    return curves;
}

static void gnuplot_history(const void *plot, const struct plot_request *request,
                            const char *output, FILE *script)
{
    const struct history *history = plot;
    bool accuracy = has_accuracy(history), loss = has_loss(history);
    struct curves curves = lay_out(history, request);
    double top = (request->title ? 34 : 10) + curves.key, end = curves.page.height - 46;
    double bottom = history->rate ? end - (end - top) * 0.25 - 7 : end;
    double middle = top + (bottom - top) * 0.62;
    struct panel upper = {"Accuracy",
                          ACCURACY,
                          VAL_ACCURACY,
                          top,
                          loss ? middle - 7 : bottom,
                          !loss && !history->rate};
    struct panel lower = {"Loss", LOSS,          VAL_LOSS, accuracy ? middle + 7 : top,
                          bottom, !history->rate};
    struct panel rate = {"Rate", RATE, NONE, bottom + 14, end, true};
    gnuplot_begin(script, &curves.page, output);
    write_data(script, history);
    gnuplot_title(script, &curves.page, request->title);
    gnuplot_panels(script);
    if (accuracy)
        write_panel(script, &curves, &upper, true);
    if (loss)
        write_panel(script, &curves, &lower, !accuracy);
    if (history->rate)
        write_panel(script, &curves, &rate, false);
    fputs("unset multiplot\n", script);
}

/* ---- 3. Text ---- */

/* The value of the curve at or between epochs; NaN if there is none. */
static double value_at(const struct run *run, enum metric metric, double epoch)
{
    const struct epoch *before = NULL;
    for (size_t i = 0; i < run->count; i++) {
        const struct epoch *row = &run->epochs[i];
        if (row->empty[metric])
            continue;
        if (row->epoch == epoch)
            return row->metric[metric];
        if (row->epoch > epoch) {
            if (!before)
                return (double)NAN;
            double fraction = (epoch - before->epoch) / (row->epoch - before->epoch);
            return before->metric[metric] +
                   fraction * (row->metric[metric] - before->metric[metric]);
        }
        before = row;
    }
    return (double)NAN;
}

struct chart {
    char *cells;
    size_t columns, rows;
    double from, to; /* range of the vertical axis */
};

static void chart_cell(struct chart *chart, size_t x, double value, char mark)
{
    double height = (value - chart->from) / (chart->to - chart->from);
    if (!(height >= 0 && height <= 1))
        return;
    size_t y = (size_t)((1 - height) * (double)(chart->rows - 1) + 0.5);
    char *cell = &chart->cells[y * chart->columns + x];
    *cell = *cell == ' ' || *cell == mark ? mark : '*';
}

static void chart_curve(struct chart *chart, const struct history *history, const struct run *run,
                        enum metric metric, char mark)
{
    double width = (double)(chart->columns - 1), range = history->last - history->first;
    /* A single epoch is a point. */
    size_t columns = range > 0 ? chart->columns : 1;
    for (size_t x = 0; x < columns; x++) {
        double epoch = history->first + (chart->columns > 1 ? (double)x / width : 0) * range;
        chart_cell(chart, x, value_at(run, metric, epoch), mark);
    }
    for (size_t i = 0; i < run->count; i++) {
        const struct epoch *row = &run->epochs[i];
        double place = (row->epoch - history->first) / range; /* NaN if there is one epoch */
        if (row->alone[metric] && place >= 0 && place <= 1)
            chart_cell(chart, (size_t)(place * width + 0.5), row->metric[metric], mark);
    }
}

/* Of several runs, one curve each: validation, or training if there is no validation. */
static void chart_runs(struct chart *chart, const struct history *history, enum metric training,
                       enum metric validation)
{
    for (size_t r = 0; r < history->count; r++) {
        const struct run *run = &history->runs[r];
        if (history->count == 1) {
            chart_curve(chart, history, run, training, 't');
            if (validation != NONE)
                chart_curve(chart, history, run, validation, 'v');
        } else {
            chart_curve(chart, history, run, run->has[validation] ? validation : training,
                        (char)('a' + r % 26));
        }
    }
}

static void text_chart(const struct history *history, const char *name, enum metric training,
                       enum metric validation, struct chart *chart, FILE *out)
{
    enum { AXIS = 8 };
    chart->cells = xcalloc(chart->rows * chart->columns, 1);
    memset(chart->cells, ' ', chart->rows * chart->columns);
    chart_runs(chart, history, training, validation);
    fprintf(out, "%s\n", name);
    for (size_t y = 0; y < chart->rows; y++) {
        const char *row = chart->cells + y * chart->columns;
        size_t used = chart->columns;
        while (used && row[used - 1] == ' ')
            used--;
        double height = (double)(chart->rows - 1 - y) / (double)(chart->rows - 1);
        double value = chart->from + (chart->to - chart->from) * height;
        if (y % ((chart->rows - 1) / 2 ? (chart->rows - 1) / 2 : 1) == 0)
            fprintf(out, "%*.3g |%.*s\n", AXIS - 2, value, (int)used, row);
        else
            fprintf(out, "%*s |%.*s\n", AXIS - 2, "", (int)used, row);
    }
    fprintf(out, "%*s +", AXIS - 2, "");
    for (size_t x = 0; x < chart->columns; x++)
        putc('-', out);
    char first[32], last[32];
    snprintf(first, sizeof first, "epoch %g", history->first);
    snprintf(last, sizeof last, "%g", history->last);
    fprintf(out, "\n%*s%s%*s\n", AXIS, "", first, (int)(chart->columns - strlen(first)),
            history->last > history->first ? last : "");
    free(chart->cells);
}

static void text_legend(const struct history *history, FILE *out)
{
    if (history->count == 1)
        fputs(history->has[VAL_ACCURACY] || history->has[VAL_LOSS]
                  ? "t training, v validation, * both\n"
                  : "t training\n",
              out);
    for (size_t r = 0; r < history->count; r++) {
        const struct run *run = &history->runs[r];
        const struct epoch *best = epoch_at(run, run->overfitting.best),
                           *onset = epoch_at(run, run->overfitting.onset);
        char *text = overfitting_text(&run->overfitting, onset ? onset->epoch : 0);
        if (history->count > 1)
            fprintf(out, "%c %s%s", (int)('a' + r % 26), run->name, best ? ": " : "\n");
        if (best) {
            fprintf(out, "best epoch %g, validation %.4f", best->epoch, best->metric[VAL_ACCURACY]);
            if (!isnan(best->metric[ACCURACY]))
                fprintf(out, ", training %.4f", best->metric[ACCURACY]);
            putc('\n', out);
        }
        if (text)
            fprintf(out, "%s%s\n", history->count > 1 ? "  " : "", text);
        free(text);
    }
}

static void text_history(const void *plot, const struct plot_request *request, FILE *out)
{
    const struct history *history = plot;
    enum { RATE_ROWS = 7 };
    bool accuracy = has_accuracy(history), loss = has_loss(history);
    unsigned width = text_width(request), height = request->height ? request->height : 32;
    size_t columns = width > 30 ? width - 9 : 21, rows = height > 20 ? height - 8 : 12;
    if (request->title)
        fprintf(out, "%s\n\n", request->title);
    struct chart upper = {.columns = columns, .rows = (loss ? rows * 5 / 8 : rows) | 1, .to = 1};
    struct chart lower = {.columns = columns, .rows = (accuracy ? rows * 3 / 8 : rows) | 1};
    lower.from = fmin(0, history->min_loss);
    lower.to = history->max_loss > lower.from ? history->max_loss : lower.from + 1;
    if (accuracy)
        text_chart(history, "Accuracy", ACCURACY, VAL_ACCURACY, &upper, out);
    if (loss)
        text_chart(history, "Loss", LOSS, VAL_LOSS, &lower, out);
    struct chart rate = {.columns = columns, .rows = RATE_ROWS};
    rate.to = history->max_rate > 0 ? history->max_rate : 1;
    if (history->rate)
        text_chart(history, "Learning rate", RATE, NONE, &rate, out);
    text_legend(history, out);
}

const struct plot_kind plot_history = {
    .name = "history",
    .takes = TAKES_LR,
    .max_files = SIZE_MAX,
    .read = read_history,
    .gnuplot = gnuplot_history,
    .text = text_history,
    .free = free_history,
};
