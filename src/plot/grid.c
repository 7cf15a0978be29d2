/* grid.c -- grids of titled tiles, as a gnuplot program and as text. See grid.h.

   Contents: 1. Tiles  2. The gnuplot program  3. Text */
#include "plot/grid.h"
#include "plot/gnuplot.h"

#include <math.h>

static const char arrow[] = " → ", ascii_arrow[] = " -> ";
static const char ink[] = "#222222";
static const char error_ink[] = "#b5430a"; /* the colour-blind can tell it from ink */

/* ---- 1. Tiles ---- */

void grid_add(struct grid *grid, const struct tile *tile)
{
    xgrow((void **)&grid->tiles, &grid->capacity, grid->count + 1, sizeof *grid->tiles);
    grid->tiles[grid->count++] = *tile;
}

void grid_free(void *plot)
{
    struct grid *grid = plot;
    for (size_t i = 0; i < grid->count; i++) {
        free(grid->tiles[i].values);
        free(grid->tiles[i].title);
        free(grid->tiles[i].instead);
    }
    free(grid->tiles);
    free(grid->heading);
    free(grid);
}

/* The mean of the block (y,x) of a plane, 0 to 1. */
static float block_mean(const uint8_t *plane, size_t height, size_t width, size_t block, size_t y,
                        size_t x)
{
    size_t sum = 0, count = 0;
    for (size_t j = y * block; j < (y + 1) * block && j < height; j++)
        for (size_t i = x * block; i < (x + 1) * block && i < width; i++, count++)
            sum += plane[j * width + i];
    return (float)sum / (255 * (float)count);
}

void grid_set_image(struct tile *tile, struct fmnn_shape shape, const uint8_t *pixels, size_t max)
{
    size_t larger = shape.height > shape.width ? shape.height : shape.width;
    size_t block = (larger + max - 1) / max, channels = shape.channels;
    tile->height = (shape.height + block - 1) / block;
    tile->width = (shape.width + block - 1) / block;
    tile->colour = channels > 1;
    tile->values = xcalloc(tile->height * tile->width * channels, sizeof *tile->values);
    float *to = tile->values;
    for (size_t y = 0; y < tile->height; y++)
        for (size_t x = 0; x < tile->width; x++)
            for (size_t c = 0; c < channels; c++)
                *to++ = block_mean(pixels + c * shape.height * shape.width, shape.height,
                                   shape.width, block, y, x);
}

/* Nearly square, rather wide than high, with as few empty places as possible: 10 tiles are 5 x
   2. */
static size_t choose_columns(size_t count, unsigned wanted)
{
    if (wanted)
        return wanted < count || !count ? wanted : count;
    size_t best = 1, min = SIZE_MAX;
    double root = sqrt((double)count);
    for (size_t columns = (size_t)ceil(root); columns <= (size_t)(2.5 * root); columns++) {
        size_t left = columns ? (columns - count % columns) % columns : 0;
        if (left < min) {
            min = left;
            best = columns;
        }
    }
    return best ? best : 1;
}

/* The larger side of the largest tile. */
static size_t largest_side(const struct grid *grid)
{
    size_t side = 1;
    for (size_t i = 0; i < grid->count; i++) {
        side = grid->tiles[i].height > side ? grid->tiles[i].height : side;
        side = grid->tiles[i].width > side ? grid->tiles[i].width : side;
    }
    return side;
}

/* ---- 2. The gnuplot program ---- */

enum { MARGIN = 14 }; /* points, around the grid */

struct layout {
    size_t columns, rows;
    double cell, gap;       /* points: the larger side of a tile, and the space between tiles */
    double wide, high;      /* the space for a tile */
    double font, line;      /* of titles; line 0: too small for titles */
    int lines;              /* of a title: 1, or 2 if an incorrect prediction does not fit on one */
    double heading, legend; /* heights */
};

static double total_width(const struct layout *layout)
{
    return layout->columns * (layout->wide + layout->gap) - layout->gap;
}

static double total_height(const struct layout *layout)
{
    return (double)layout->rows * (layout->high + layout->gap + layout->lines * layout->line) -
           layout->gap + layout->heading + layout->legend;
}

static bool titles_fit(const struct grid *grid, double font, double points)
{
    for (size_t i = 0; i < grid->count; i++) {
        const struct tile *tile = &grid->tiles[i];
        if (tile->instead && text_points(tile->title, font) + text_points(arrow, font) +
                                     text_points(tile->instead, font) >
                                 points)
            return false;
    }
    return true;
}

/* The maximum width of a title, which may extend into the gaps. */
static double title_room(const struct layout *layout)
{
    return layout->wide + layout->gap * 0.8;
}

/* Cells are no wider or higher than the largest image. */
static void set_room(struct layout *layout, const struct grid *grid)
{
    size_t height = 1, width = 1;
    for (size_t i = 0; i < grid->count; i++) {
        height = grid->tiles[i].height > height ? grid->tiles[i].height : height;
        width = grid->tiles[i].width > width ? grid->tiles[i].width : width;
    }
    double side = (double)(height > width ? height : width);
    layout->wide = layout->cell * fmax((double)width / side, 0.25);
    layout->high = layout->cell * fmax((double)height / side, 0.25);
}

/* Sets the cell size and everything that follows from it. */
static void set_cell(struct layout *layout, const struct grid *grid, double cell)
{
    layout->cell = cell;
    set_room(layout, grid);
    layout->gap = cell * 0.08 > 3 ? cell * 0.08 : 3;
    layout->font = cell * 0.1 < 6 ? 6 : cell * 0.1 > 11 ? 11 : cell * 0.1;
    layout->line = cell < 14 ? 0 : layout->font * 1.3;
    layout->lines = titles_fit(grid, layout->font, title_room(layout)) ? 1 : 2;
}

static struct layout make_layout(const struct grid *grid, const struct plot_request *request)
{
    enum { WIDEST = 7000 }; /* points; Cairo's images end at 32,767 pixels */
    struct layout layout = {.columns = choose_columns(grid->count, request->columns)};
    size_t rows = (grid->count + layout.columns - 1) / layout.columns;
    layout.rows = rows ? rows : 1;
    layout.heading = grid->heading || request->title ? 30 : 0;
    layout.legend = grid->diverging ? 34 : 0;
    double cell = 720.0 / (double)layout.columns;
    set_cell(&layout, grid, cell > 144 ? 144 : cell < 36 ? 36 : cell);
    while (layout.cell > 2 && (total_width(&layout) > WIDEST || total_height(&layout) > WIDEST))
        set_cell(&layout, grid, layout.cell * 0.95);
    return layout;
}

/* Makes all pixels equally large, a whole number of device pixels, if the cell exceeds the tile. */
static void round_cell(struct layout *layout, const struct grid *grid, double scale)
{
    double side = (double)largest_side(grid), zoom = floor(layout->cell * scale / side);
    if (zoom >= 1)
        set_cell(layout, grid, zoom * side / scale);
}

static void fill_page(struct layout *layout, const struct grid *grid, const struct page *page)
{
    set_cell(layout, grid, page->width);
    while (layout->cell > 1 && (total_width(layout) > page->width - 2 * MARGIN ||
                                total_height(layout) > page->height - 2 * MARGIN))
        set_cell(layout, grid, layout->cell * 0.99);
}

static void write_title(FILE *script, const struct page *page, const struct layout *layout,
                        const struct tile *tile, double x, double bottom)
{
    double points = title_room(layout);
    const char *color = tile->instead ? error_ink : ink;
    struct gnuplot_label label = {
        x + layout->wide / 2, bottom - layout->line / 2, NULL, "center", layout->font, color, NULL};
    char *whole = tile->instead ? text_format("%s%s%s", tile->title, arrow, tile->instead)
                                : text_format("%s", tile->title);
    if (tile->instead && text_points(whole, layout->font) > points) {
        char *first = text_fit(tile->title, points - 1.4 * layout->font, layout->font);
        char *upper = text_format("%s →", first);
        label.y -= layout->line;
        label.text = upper;
        gnuplot_label(script, page, &label);
        label.y += layout->line;
        free(first);
        free(upper);
        free(whole);
        whole = text_format("%s", tile->instead);
    }
    char *fitted = text_fit(whole, points, layout->font);
    label.text = fitted;
    gnuplot_label(script, page, &label);
    free(fitted);
    free(whole);
}

/* Viewers of SVG and PDF blur images when they enlarge them, so we enlarge the images. */
static size_t enlargement(const struct grid *grid, const struct page *page, double cell)
{
    enum { MAX_NUMBERS = 5000000 };
    size_t side = largest_side(grid), total = 0, times = 1;
    for (size_t i = 0; i < grid->count; i++)
        total += grid->tiles[i].height * grid->tiles[i].width * (grid->tiles[i].colour ? 5 : 1);
    if (page->format != PLOT_PNG)
        while (times < 12 && times * side < (size_t)(cell * page->scale) &&
               (times + 1) * (times + 1) * total < MAX_NUMBERS)
            times++;
    return times;
}

/* gnuplot does not draw images that are one pixel wide or high. */
static size_t tile_scale(const struct tile *tile, size_t times)
{
    return (tile->height < 2 || tile->width < 2) && times < 2 ? 2 : times;
}

/* A pixel's side in points. */
static double pixel_side(const struct layout *layout, const struct tile *tile)
{
    return fmin(layout->wide / (double)tile->width, layout->high / (double)tile->height);
}

/* Where the pixels of a tile lie on the page: the centre of the first one, and the distances. */
struct place {
    size_t height, width, times; /* in pixels as written, and how often each of the tile's is */
    double left, top, across, down;
};

/* A tile in a cell with its upper left corner at (x,y). No tile is thinner than that many points:
   gnuplot draws nothing at all if an image is much thinner than a pixel. */
static struct place place_of(const struct tile *tile, size_t times, const struct layout *layout,
                             double x, double y, double thinnest)
{
    struct place p = {tile->height * times, tile->width * times, times, 0, 0, 0, 0};
    double step = pixel_side(layout, tile) / (double)times;
    p.across = fmax(step, thinnest / (double)p.width);
    p.down = fmax(step, thinnest / (double)p.height);
    p.left = x + (layout->wide - p.across * (double)(p.width - 1)) / 2;
    p.top = y + (layout->high - p.down * (double)(p.height - 1)) / 2;
    return p;
}

/* A matrix whose first row and column are coordinates, so that gnuplot need not compute them for
   each pixel. */
static void write_values(FILE *script, const struct tile *tile, bool diverging,
                         const struct place *p)
{
    fprintf(script, "%zu", p->width);
    for (size_t i = 0; i < p->width; i++)
        fprintf(script, " %.8g", p->left + p->across * (double)i);
    for (size_t j = 0; j < p->height; j++) {
        fprintf(script, "\n%.8g", p->top + p->down * (double)j);
        for (size_t i = 0; i < p->width; i++) {
            double value = (double)tile->values[j / p->times * tile->width + i / p->times];
            if (diverging)
                fprintf(script, " %.3f", value);
            else
                fprintf(script, " %.0f", value * 255);
        }
    }
    putc('\n', script);
}

/* A line for each pixel: x, y, red, green, blue. */
static void write_colours(FILE *script, const struct tile *tile, const struct place *p)
{
    for (size_t j = 0; j < p->height; j++)
        for (size_t i = 0; i < p->width; i++) {
            const float *rgb = tile->values + 3 * (j / p->times * tile->width + i / p->times);
            fprintf(script, "%.8g %.8g %.0f %.0f %.0f\n", p->left + p->across * (double)i,
                    p->top + p->down * (double)j, (double)rgb[0] * 255, (double)rgb[1] * 255,
                    (double)rgb[2] * 255);
        }
}

static void write_tile(FILE *script, const struct grid *grid, size_t index, const struct place *p)
{
    const struct tile *tile = &grid->tiles[index];
    fprintf(script, "$t%zu << EOD\n", index + 1);
    if (tile->colour)
        write_colours(script, tile, p);
    else
        write_values(script, tile, grid->diverging, p);
    fputs("EOD\n", script);
}

static void write_palette(FILE *script, bool diverging)
{
    if (diverging) /* blue, white, orange-red: ColorBrewer's RdBu, safe for the colour-blind */
        fputs("set palette defined (-1 '#2166ac', -0.5 '#92c5de', 0 '#f7f7f7', 0.5 '#f4a582',"
              " 1 '#b2182b')\nset cbrange [-1:1]\n",
              script);
    else
        fputs("set palette defined (0 '#000000', 255 '#ffffff')\nset cbrange [0:255]\n", script);
}

static void write_legend(FILE *script, const struct grid *grid, const struct page *page, double y)
{
    static const char *const aligns[] = {"right", "center", "left"};
    fputs("$legend << EOD\n121", script);
    for (int i = 0; i <= 120; i++)
        fprintf(script, " %.8g", page->width / 2 - 60 + i);
    for (int row = 0; row < 2; row++) {
        fprintf(script, "\n%.8g", y + 2 + 4 * row);
        for (int i = 0; i <= 120; i++)
            fprintf(script, " %.3f", i / 60.0 - 1);
    }
    fputs("\nEOD\n", script);
    for (int i = 0; i < 3; i++) {
        struct gnuplot_label label = {page->width / 2 + (i - 1) * 68,
                                      y + (i == 1 ? 16 : 4),
                                      grid->legend[i],
                                      aligns[i],
                                      9,
                                      ink,
                                      NULL};
        gnuplot_label(script, page, &label);
    }
}

static void write_plot(FILE *script, const struct grid *grid)
{
    fputs("plot", script);
    for (size_t i = 0; i < grid->count; i++)
        fprintf(script, "%s \\\n  $t%zu %s", i ? "," : "", i + 1,
                grid->tiles[i].colour ? "with rgbimage" : "nonuniform matrix with image");
    if (grid->diverging)
        fputs(", \\\n  $legend nonuniform matrix with image", script);
    putc('\n', script);
}

static void write_heading(FILE *script, const struct grid *grid, const struct plot_request *request,
                          const struct page *page, double y)
{
    const char *heading = request->title ? request->title : grid->heading;
    if (!heading)
        return;
    double width = text_points(heading, 14), room = page->width - MARGIN;
    double font = width > room ? 14 * room / width : 14;
    char *fitted = text_fit(heading, room, font < 8 ? 8 : font);
    struct gnuplot_label label = {page->width / 2,     y,   fitted, "center",
                                  font < 8 ? 8 : font, ink, NULL};
    gnuplot_label(script, page, &label);
    free(fitted);
}

static struct page fit(struct layout *layout, const struct grid *grid,
                       const struct plot_request *request)
{
    struct page page = page_make(request, 1000, 750);
    if (request->width)
        fill_page(layout, grid, &page);
    round_cell(layout, grid, page.scale);
    if (request->width)
        return page;
    double width = fmax(total_width(layout), grid->diverging ? 230 : 0);
    return page_make(request, width + 2 * MARGIN, total_height(layout) + 2 * MARGIN);
}

void grid_gnuplot(const void *plot, const struct plot_request *request, const char *output,
                  FILE *script)
{
    const struct grid *grid = plot;
    struct layout layout = make_layout(grid, request);
    struct page page = fit(&layout, grid, request);
    double left = (page.width - total_width(&layout)) / 2;
    double top = (page.height - total_height(&layout)) / 2 + layout.heading;
    size_t times = enlargement(grid, &page, layout.cell);
    gnuplot_begin(script, &page, output);
    write_palette(script, grid->diverging);
    write_heading(script, grid, request, &page, top - 22);
    for (size_t i = 0; i < grid->count; i++) {
        const struct tile *tile = &grid->tiles[i];
        double titles = layout.lines * layout.line, step = pixel_side(&layout, tile);
        double x = left + (double)(i % layout.columns) * (layout.wide + layout.gap);
        double y =
            top + (double)(i / layout.columns) * (layout.high + layout.gap + titles) + titles;
        double across = (layout.wide - step * (double)tile->width) / 2 - 0.5;
        double down = (layout.high - step * (double)tile->height) / 2 - 0.5;
        if (layout.line > 0)
            write_title(script, &page, &layout, tile, x, y - 1);
        if (tile->instead)
            gnuplot_box(
                script, &page,
                (double[4]){x + across, y + down, x + layout.wide - across, y + layout.high - down},
                false, error_ink, 1.5);
        struct place place = place_of(tile, tile_scale(tile, times), &layout, x, y, 1 / page.scale);
        write_tile(script, grid, i, &place);
    }
    if (grid->diverging)
        write_legend(script, grid, &page, (page.height + total_height(&layout)) / 2 - 20);
    write_plot(script, grid);
}

/* ---- 3. Text ---- */

/* The mean of the source pixels under pixel (x,y) of a (rows,columns) rendering, of channel c of
   `channels`; 0 outside. */
static double sample_channel(const struct tile *tile, size_t rows, size_t columns, size_t y,
                             size_t x, size_t c, size_t channels)
{
    size_t top = y * tile->height / rows, bottom = (y + 1) * tile->height / rows;
    size_t left = x * tile->width / columns, right = (x + 1) * tile->width / columns;
    double sum = 0;
    if (y >= rows || x >= columns)
        return 0;
    bottom = bottom > top ? bottom : top + 1;
    right = right > left ? right : left + 1;
    for (size_t j = top; j < bottom; j++)
        for (size_t i = left; i < right; i++)
            sum += (double)tile->values[(j * tile->width + i) * channels + c];
    return sum / (double)((bottom - top) * (right - left));
}

static void sample_colour(const struct tile *tile, size_t rows, size_t columns, size_t y, size_t x,
                          double rgb[3])
{
    for (size_t c = 0; c < 3; c++)
        rgb[c] = sample_channel(tile, rows, columns, y, x, c, 3);
}

/* The same of a gray tile, or the luma of one in colour (Rec. 601). */
static double sample(const struct tile *tile, size_t rows, size_t columns, size_t y, size_t x)
{
    double rgb[3];
    if (!tile->colour)
        return sample_channel(tile, rows, columns, y, x, 0, 1);
    sample_colour(tile, rows, columns, y, x, rgb);
    return 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2];
}

/* A character in two of the terminal's colours: the upper pixel over the lower one. */
static void text_two_pixels(FILE *out, const struct tile *tile, size_t rows, size_t columns,
                            size_t line, size_t x)
{
    unsigned color[2];
    for (size_t i = 0; i < 2; i++) {
        double rgb[3];
        size_t y = 2 * line + i;
        if (tile->colour) {
            sample_colour(tile, rows, columns, y, x, rgb);
            color[i] = text_rgb(rgb);
        } else {
            color[i] = text_gray(sample(tile, rows, columns, y, x));
        }
    }
    fprintf(out, "\033[38;5;%u;48;5;%um▀", color[0], color[1]);
}

static const char *sign_of(double value)
{
    return value < -0.6 ? "=" : value < -0.2 ? "-" : value <= 0.2 ? " " : value <= 0.6 ? "+" : "#";
}

/* One line of a tile, `inner` characters wide and centred in `cell` characters. A character shows
   two pixels, one above the other. */
static void text_line(FILE *out, const struct grid *grid, const struct plot_request *request,
                      const struct tile *tile, size_t cell, size_t inner, size_t line)
{
    size_t side = tile->height > tile->width ? tile->height : tile->width;
    size_t columns = (tile->width * inner + side - 1) / side;
    size_t rows = (tile->height * inner + side - 1) / side;
    size_t before = (cell - columns) / 2;
    fprintf(out, "%*s", (int)before, "");
    for (size_t x = 0; x < columns; x++) {
        double upper = sample(tile, rows, columns, 2 * line, x);
        double lower = sample(tile, rows, columns, 2 * line + 1, x);
        if (grid->diverging)
            fputs(sign_of((upper + lower) / (2 * line + 1 < rows ? 2 : 1)), out);
        else if (request->color)
            text_two_pixels(out, tile, rows, columns, line, x);
        else
            fputs(text_shade((upper + lower) / 2, request->utf8), out);
    }
    if (request->color && !grid->diverging)
        fputs("\033[0m", out);
    fprintf(out, "%*s", (int)(cell - columns - before), "");
}

static void text_title(FILE *out, const struct plot_request *request, const struct tile *tile,
                       size_t cell)
{
    const char *between = request->utf8 ? arrow : ascii_arrow;
    char *whole = tile->instead ? text_format("%s%s%s", tile->title, between, tile->instead)
                                : text_format("%s", tile->title);
    char *fitted = text_fit_cells(whole, cell);
    text_pad(out, fitted, cell, 0);
    free(fitted);
    free(whole);
}

/* The width of a tile in characters. */
static size_t text_cell(const struct grid *grid, const struct plot_request *request,
                        size_t *columns)
{
    enum { USUAL = 25, GAP = 2 };
    size_t width = text_width(request), side = largest_side(grid);
    size_t natural = side < 14 ? 2 * side : side;
    size_t usual = natural < 12 ? 12 : natural < USUAL ? natural : USUAL;
    *columns = request->columns ? request->columns : (width + GAP) / (usual + GAP);
    *columns = *columns ? *columns : 1;
    *columns = *columns > grid->count && grid->count ? grid->count : *columns;
    size_t room = (width + GAP) / *columns;
    size_t cell = room > GAP + 2 ? room - GAP : 2;
    size_t max = natural < 12 ? 12 : natural;
    return cell > max ? max : cell;
}

void grid_text(const void *plot, const struct plot_request *request, FILE *out)
{
    const struct grid *grid = plot;
    size_t columns, cell = text_cell(grid, request, &columns);
    size_t side = largest_side(grid), inner = side < 14 ? 2 * side : cell;
    inner = inner < cell ? inner : cell;
    const char *heading = request->title ? request->title : grid->heading;
    if (heading)
        fprintf(out, "%s\n\n", heading);
    for (size_t first = 0; first < grid->count; first += columns) {
        size_t last = first + columns < grid->count ? first + columns : grid->count;
        for (size_t line = 0; line < (inner + 1) / 2; line++)
            for (size_t i = first; i < last; i++) {
                text_line(out, grid, request, &grid->tiles[i], cell, inner, line);
                fputs(i + 1 < last ? "  " : "\n", out);
            }
        for (size_t i = first; i < last; i++) {
            text_title(out, request, &grid->tiles[i], cell);
            fputs(i + 1 < last ? "  " : "\n", out);
        }
        if (last < grid->count)
            putc('\n', out);
    }
    if (grid->diverging && grid->count)
        fputs("\n= - below 0, + # above 0, relative to the largest weight of each tile\n", out);
}
