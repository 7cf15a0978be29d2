/* plot-confusion.c -- a confusion matrix as a heat map: rows are the truth, colours shares of a
   row.

   Contents: 1. Reading  2. The gnuplot program  3. Text */
#include "gnuplot.h"

#include <math.h>

enum { MOST_CLASSES = 1000, LABELS = 65536 };

struct confusion {
    size_t classes;
    char **name;   /* cleaned */
    double *count; /* (classes,classes), row-major: truth, prediction */
    double total, right;
    bool whole; /* all counts are whole numbers */
    double most;
};

/* ---- 1. Reading ---- */

/* Classes in the order in which they are met, until all are known. */
struct tally {
    struct fmnn_table *table;
    struct fmnn_names *names; /* NULL: classes are those that occur */
    size_t classes;
    int label[MOST_CLASSES];
    int *index;    /* by label; -1: not met */
    double *count; /* (MOST_CLASSES, MOST_CLASSES) */
    size_t unlabelled;
};

static size_t class_index(struct tally *tally, int label)
{
    if (tally->index[label] < 0) {
        if (tally->classes == MOST_CLASSES)
            die("%s:%zu: more than %d classes cannot be drawn", fmnn_table_name(tally->table),
                fmnn_table_line(tally->table), MOST_CLASSES);
        tally->label[tally->classes] = label;
        tally->index[label] = (int)tally->classes++;
    }
    return (size_t)tally->index[label];
}

static int read_label(const struct tally *tally, int column)
{
    struct fmnn_error error;
    int label;
    size_t known = tally->names ? tally->names->count : 0;
    if (fmnn_table_label(tally->table, (size_t)column, known, &label, &error) != 0)
        die_error(&error);
    return label;
}

static void add_row(struct tally *tally, int label_column, int predicted_column, int count_column)
{
    struct fmnn_error error;
    double count = 1;
    int predicted = read_label(tally, predicted_column);
    int label = read_label(tally, label_column);
    if (predicted < 0) {
        fmnn_table_fail(tally->table, &error, "no prediction");
        die_error(&error);
    }
    if (count_column >= 0) {
        if (fmnn_table_number(tally->table, (size_t)count_column, &count, &error) != 0)
            die_error(&error);
        if (count < 0) {
            fmnn_table_fail(tally->table, &error, "a count below zero");
            die_error(&error);
        }
    }
    if (label < 0) {
        tally->unlabelled++;
        return;
    }
    size_t row = class_index(tally, label), column = class_index(tally, predicted);
    tally->count[row * MOST_CLASSES + column] += count;
}

static void learn_names(struct tally *tally, const struct plot_request *request, const char *image)
{
    struct fmnn_error error;
    char *directory = data_directory(request->directory);
    struct fmnn_images *images = fmnn_images_new(directory, &error);
    if (!images)
        die_error(&error);
    tally->names = class_names(request->classes, NULL, images, image);
    fmnn_images_free(images);
    free(directory);
    if (!tally->names)
        return;
    if (tally->names->count > MOST_CLASSES)
        die("%zu classes are named: more than %d cannot be drawn", tally->names->count,
            MOST_CLASSES);
    for (size_t i = 0; i < tally->names->count; i++)
        class_index(tally, (int)i);
}

struct columns {
    int image, label, predicted, count;
};

/* A table of counts has the column `count`; it is opened as a table of rows, since which of the two
   comes is not known before. One that has lost its header shows three numbers. */
static struct columns find_columns(struct fmnn_table *table)
{
    struct fmnn_error error;
    struct columns columns = {.image = fmnn_table_find(table, "image"),
                              .count = fmnn_table_find(table, "count")};
    if (columns.count < 0 && fmnn_table_columns(table) == 3 && columns.image == 0 &&
        fmnn_table_find(table, "label") == 1 && fmnn_table_find(table, "split") == 2)
        return (struct columns){.image = -1, .label = 0, .predicted = 1, .count = 2};
    columns.label = fmnn_table_need(table, "label", &error);
    if (columns.label < 0)
        die_error(&error);
    columns.predicted = fmnn_table_need(table, "predicted", &error);
    if (columns.predicted < 0)
        die_error(&error);
    return columns;
}

/* A table of pictures that was not predicted looks like counts without a header, until its first
 * row. */
static void check_counts(const struct fmnn_table *table, const struct columns *columns)
{
    struct fmnn_error error;
    if (columns->count < 0 || columns->image >= 0)
        return;
    const char *first = fmnn_table_field(table, (size_t)columns->label);
    if (first[strspn(first, "0123456789")] && fmnn_table_need(table, "predicted", &error) < 0)
        die_error(&error);
}

static int compare_labels(const void *a, const void *b)
{
    const int *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The matrix of the classes met, in the order of their numbers. */
static struct confusion *make_matrix(struct tally *tally)
{
    struct confusion *matrix = allocate(1, sizeof *matrix);
    size_t n = tally->classes;
    matrix->classes = n;
    matrix->whole = true;
    matrix->name = allocate(n, sizeof *matrix->name);
    matrix->count = allocate(n * n, sizeof *matrix->count);
    qsort(tally->label, n, sizeof *tally->label, compare_labels);
    for (size_t i = 0; i < n; i++) {
        int label = tally->label[i];
        matrix->name[i] =
            tally->names ? text_clean(tally->names->name[label]) : text_format("%d", label);
        for (size_t k = 0; k < n; k++) {
            double count = tally->count[(size_t)tally->index[label] * MOST_CLASSES +
                                        (size_t)tally->index[tally->label[k]]];
            matrix->count[i * n + k] = count;
            matrix->total += count;
            matrix->right += i == k ? count : 0;
            matrix->most = fmax(matrix->most, count);
            matrix->whole &= count == floor(count);
        }
    }
    return matrix;
}

static void read_tally(struct tally *tally, const struct plot_request *request)
{
    struct fmnn_error error;
    struct columns columns = find_columns(tally->table);
    int status;
    if (request->only && fmnn_table_only(tally->table, request->only, &error) != 0)
        die_error(&error);
    for (size_t rows = 0; (status = fmnn_table_next(tally->table, &error)) > 0; rows++) {
        if (rows == 0) {
            check_counts(tally->table, &columns);
            learn_names(tally, request,
                        columns.image < 0 ? NULL
                                          : fmnn_table_field(tally->table, (size_t)columns.image));
        }
        add_row(tally, columns.label, columns.predicted, columns.count);
    }
    if (status < 0)
        die_error(&error);
}

static void *read_confusion(const struct plot_request *request)
{
    struct tally *tally = allocate(1, sizeof *tally);
    tally->table = open_table(request->file_count ? request->files[0] : NULL, FMNN_TABLE_ROWS);
    tally->index = allocate(LABELS, sizeof *tally->index);
    tally->count = allocate((size_t)MOST_CLASSES * MOST_CLASSES, sizeof *tally->count);
    for (size_t i = 0; i < LABELS; i++)
        tally->index[i] = -1;
    read_tally(tally, request);
    struct confusion *matrix = make_matrix(tally);
    if (!(matrix->total > 0))
        die("%s: no labelled predictions to draw", fmnn_table_name(tally->table));
    if (tally->unlabelled)
        note("%zu rows without a label left out", tally->unlabelled);
    fmnn_names_free(tally->names);
    fmnn_table_close(tally->table);
    free(tally->index);
    free(tally->count);
    free(tally);
    return matrix;
}

static void free_confusion(void *plot)
{
    struct confusion *matrix = plot;
    for (size_t i = 0; i < matrix->classes; i++)
        free(matrix->name[i]);
    free(matrix->name);
    free(matrix->count);
    free(matrix);
}

static double row_sum(const struct confusion *matrix, size_t row)
{
    double sum = 0;
    for (size_t i = 0; i < matrix->classes; i++)
        sum += matrix->count[row * matrix->classes + i];
    return sum;
}

static char *accuracy_text(const struct confusion *matrix)
{
    double accuracy = matrix->right / matrix->total;
    if (matrix->whole)
        return text_format("Accuracy %.4f (%.0f of %.0f)", accuracy, matrix->right, matrix->total);
    return text_format("Accuracy %.4f", accuracy);
}

static char *count_text(const struct confusion *matrix, double count)
{
    return text_format(matrix->whole || count == 0 ? "%.0f"
                       : matrix->most <= 1         ? "%.2f"
                                                   : "%.1f",
                       count);
}

/* ---- 2. The gnuplot program ---- */

enum { MARGIN = 12, LONGEST_NAME = 150 /* points */ };
static const char ink[] = "#222222", faint[] = "#9a9a9a";

struct heat_map {
    const struct confusion *matrix;
    struct page page;
    double left, top, side; /* points */
    double font;            /* of names */
    double names;           /* width of the widest name */
    double count_font;      /* 0: no counts */
    const char *rotate;     /* of the names below; NULL: they are level */
    double below, head;     /* heights */
    size_t step;            /* every so many classes are named */
};

static double widest_name(const struct confusion *matrix, double font)
{
    double widest = 0;
    for (size_t i = 0; i < matrix->classes; i++)
        widest = fmax(widest, text_points(matrix->name[i], font));
    return fmin(widest, LONGEST_NAME);
}

/* All that follows from the side of the map. */
static void set_side(struct heat_map *map, const struct plot_request *request, double side)
{
    const struct confusion *matrix = map->matrix;
    double cell = side / (double)matrix->classes;
    char *widest = count_text(matrix, matrix->most);
    map->side = side;
    map->step = cell < 6 ? (size_t)ceil(6 / cell) : 1;
    map->font = fmax(5, fmin(11, cell * (double)map->step * 0.85));
    map->names = widest_name(matrix, map->font);
    map->rotate = map->names <= cell * 0.94            ? NULL
                  : matrix->classes <= 20 && cell > 20 ? "45"
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

static struct heat_map make_map(const struct confusion *matrix, const struct plot_request *request)
{
    struct heat_map map = {.matrix = matrix};
    double side = 44.0 * (double)matrix->classes;
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
    char *fitted = text_fit(name, LONGEST_NAME * 1.02, map->font);
    struct gnuplot_label label = {x, y, fitted, align, map->font, ink, rotate};
    gnuplot_label(script, &map->page, &label);
    free(fitted);
}

static void write_names(FILE *script, const struct heat_map *map)
{
    const struct confusion *matrix = map->matrix;
    double cell = map->side / (double)matrix->classes, below = map->top + map->side;
    for (size_t i = 0; i < matrix->classes; i += map->step) {
        double middle = ((double)i + 0.5) * cell;
        write_name(script, map, matrix->name[i], map->left - 6, map->top + middle, "right", NULL);
        write_name(script, map, matrix->name[i], map->left + middle + (map->rotate ? 2 : 0),
                   below + (map->rotate ? 6 : map->font * 0.9), map->rotate ? "right" : "center",
                   map->rotate);
    }
}

static void write_titles(FILE *script, const struct heat_map *map,
                         const struct plot_request *request)
{
    const struct page *page = &map->page;
    char *accuracy = accuracy_text(map->matrix);
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

/* The column of colours at the right, as boxes, with its scale. */
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
        x + 40, map->top + map->side / 2, "Share of the row", "center", 9, ink, "90"};
    gnuplot_label(script, &map->page, &label);
}

/* column, row, share, for the boxes; counts are labels of three inks. */
static void write_cells(FILE *script, const struct confusion *matrix)
{
    size_t n = matrix->classes;
    fputs("# column, row, share of the row\n$cells << EOD\n", script);
    for (size_t row = 0; row < n; row++) {
        double sum = row_sum(matrix, row);
        for (size_t column = 0; column < n; column++)
            fprintf(script, "%zu %zu %.6f\n", column, row,
                    sum > 0 ? matrix->count[row * n + column] / sum : 0);
    }
    fputs("EOD\n# column, row, count, its colour\n$counts << EOD\n", script);
    for (size_t row = 0; row < n; row++) {
        double sum = row_sum(matrix, row);
        for (size_t column = 0; column < n; column++) {
            double count = matrix->count[row * n + column];
            char *text = count_text(matrix, count);
            fprintf(script, "%zu %zu %s %s\n", column, row, text,
                    count == 0           ? "0xc4c4c4"
                    : count / sum > 0.45 ? "0xffffff"
                                         : "0x222222");
            free(text);
        }
    }
    fputs("EOD\n", script);
}

static void gnuplot_confusion(const void *plot, const struct plot_request *request,
                              const char *output, FILE *script)
{
    const struct confusion *matrix = plot;
    struct heat_map map = make_map(matrix, request);
    const struct page *page = &map.page;
    gnuplot_begin(script, page, output);
    fprintf(script, "set lmargin at screen %.6f\nset rmargin at screen %.6f\n",
            map.left / page->width, (map.left + map.side) / page->width);
    fprintf(script, "set tmargin at screen %.6f\nset bmargin at screen %.6f\n",
            1 - map.top / page->height, 1 - (map.top + map.side) / page->height);
    fprintf(script, "set xrange [-0.5:%zu.5]\nset yrange [%zu.5:-0.5]\nset cbrange [0:1]\n",
            matrix->classes - 1, matrix->classes - 1);
    /* ColorBrewer's Blues, from pure white */
    fputs("set palette defined (0 '#ffffff', 0.125 '#deebf7', 0.25 '#c6dbef', 0.375 '#9ecae1',"
          " 0.5 '#6baed6', 0.625 '#4292c6', 0.75 '#2171b5', 0.875 '#08519c', 1 '#08306b')\n",
          script);
    write_titles(script, &map, request);
    write_names(script, &map);
    write_scale(script, &map);
    gnuplot_box(script, page,
                (double[4]){map.left, map.top, map.left + map.side, map.top + map.side}, false,
                faint, 0.8);
    write_cells(script, matrix);
    /* Boxes a hair too large leave no seams where there is no line between them. */
    bool lines = map.side / (double)matrix->classes > 9;
    fprintf(script, "set style fill solid %s\n",
            lines ? "border linecolor rgb '#e6e6e6'" : "noborder");
    /* Where the counts do not fit, colours must show small shares: they go by the square root. */
    fprintf(script, "plot $cells using 1:2:($1-0.5):($1+0.5):($2-0.5):($2+0.5):(%s($3))",
            map.count_font > 0 ? "" : "sqrt");
    fputs(" \\\n  with boxxyerror linewidth 0.5 fillcolor palette", script);
    if (map.count_font > 0)
        fprintf(script,
                ", \\\n  $counts using 1:2:(stringcolumn(3)):4 with labels textcolor rgb variable"
                " font ',%.4g' noenhanced",
                map.count_font);
    putc('\n', script);
}

/* ---- 3. Text ---- */

static void text_confusion(const void *plot, const struct plot_request *request, FILE *out)
{
    const struct confusion *matrix = plot;
    enum { LONGEST = 16 };
    size_t n = matrix->classes, names = 5, cell = 0;
    char *widest = count_text(matrix, matrix->most), *accuracy = accuracy_text(matrix);
    for (size_t i = 0; i < n; i++)
        names = names < text_cells(matrix->name[i]) ? text_cells(matrix->name[i]) : names;
    names = names > LONGEST ? LONGEST : names;
    /* Columns are as wide as the counts, and headed by as much of the names as that shows. */
    cell = strlen(widest) + 1;
    size_t room = text_width(request) > names + 1 ? (text_width(request) - names - 1) / n : 0;
    cell = room > cell + 1 ? (room - 1 < 8 ? room - 1 : 8) : cell;
    if (request->title)
        fprintf(out, "%s\n", request->title);
    fprintf(out, "%s\nrows: truth; columns: predicted; shades: share of the row\n\n", accuracy);
    fprintf(out, "%*s", (int)names, "");
    for (size_t i = 0; i < n; i++) {
        char *name = text_fit_cells(matrix->name[i], cell - 1);
        putc(' ', out);
        text_pad(out, name, cell - 1, 1);
        putc(i + 1 < n ? ' ' : '\n', out);
        free(name);
    }
    for (size_t row = 0; row < n; row++) {
        char *name = text_fit_cells(matrix->name[row], names);
        double sum = row_sum(matrix, row);
        text_pad(out, name, names, -1);
        for (size_t column = 0; column < n; column++) {
            double count = matrix->count[row * n + column];
            char *text = count_text(matrix, count);
            putc(' ', out);
            text_pad(out, text, cell - 1, 1);
            fputs(text_shade(sum > 0 ? count / sum : 0, request->utf8), out);
            free(text);
        }
        putc('\n', out);
        free(name);
    }
    free(widest);
    free(accuracy);
}

const struct plot_kind plot_confusion = {
    .name = "confusion",
    .takes = TAKES_ONLY | TAKES_CLASSES | TAKES_DIRECTORY,
    .most_files = 1,
    .read = read_confusion,
    .gnuplot = gnuplot_confusion,
    .text = text_confusion,
    .free = free_confusion,
};
