/* plot-text.c -- text for plots and terminals: measures, cuts, pads and shades it.

   Contents: 1. Widths  2. Terminals */
#include "plot/fm-plot.h"

#include <sys/ioctl.h>
#include <unistd.h>

/* ---- 1. Widths ---- */

const char *text_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

char *text_file_name(const struct plot_request *request, size_t i)
{
    const char *path = request->file_count ? request->files[i] : "-";
    const char *base = text_base(path);
    for (size_t k = 0; k < request->file_count; k++)
        if (k != i && !strcmp(text_base(request->files[k]), base))
            base = path;
    return text_clean(strcmp(path, "-") ? base : "standard input");
}

/* Approximate widths of Helvetica, in ems. Similar fonts differ by a tenth. */
static double points_of(unsigned c)
{
    size_t cells = character_cells(c);
    if (cells == 0)
        return 0;
    if (cells == 2 || c == 0x2192 || c == 0x2026)
        return 1;
    if (c < 0x80 && strchr(" fijlrt.,:;|!'`I/()[]\\-", (int)c))
        return 0.31;
    if (c < 0x80 && strchr("mwMW@%", (int)c))
        return 0.88;
    if (c >= 'A' && c <= 'Z')
        return 0.69;
    return c < 0x80 ? 0.56 : 0.62;
}

double text_points(const char *text, double font)
{
    double points = 0;
    unsigned c;
    for (size_t n; (n = text_next(text, &c)) > 0; text += n)
        points += points_of(c);
    return points * font;
}

char *text_fit(const char *text, double points, double font)
{
    if (text_points(text, font) <= points)
        return text_format("%s", text);
    double used = font; /* of the ellipsis */
    size_t end = 0;
    unsigned c;
    for (size_t n; (n = text_next(text + end, &c)) > 0; end += n) {
        used += points_of(c) * font;
        if (used > points)
            break;
    }
    return text_format("%.*s…", (int)end, text);
}

/* Sorted, because there may be many names: equal ones become neighbours. */
bool text_alike(char *const *names, size_t count, size_t cells)
{
    char **cut = xcalloc(count, sizeof *cut);
    bool alike = false;
    for (size_t i = 0; i < count; i++)
        cut[i] = text_fit_cells(names[i], cells);
    text_sort(cut, count);
    for (size_t i = 1; i < count && !alike; i++)
        alike = !strcmp(cut[i], cut[i - 1]);
    for (size_t i = 0; i < count; i++)
        free(cut[i]);
    free(cut);
    return alike;
}

void text_pad(FILE *out, const char *text, size_t cells, int side)
{
    size_t used = text_cells(text);
    size_t blank = used < cells ? cells - used : 0;
    size_t before = side > 0 ? blank : side == 0 ? blank / 2 : 0;
    fprintf(out, "%*s%s%*s", (int)before, "", text, (int)(blank - before), "");
}

/* ---- 2. Terminals ---- */

unsigned text_width(const struct plot_request *request)
{
    struct winsize size;
    if (request->width)
        return request->width;
    if (!request->terminal)
        return 80;
    const char *columns = getenv("COLUMNS");
    unsigned long width = columns ? strtoul(columns, NULL, 10) : 0;
    if (!width && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
        width = size.ws_col;
    return width < 20 ? 80 : width > 1000 ? 1000 : (unsigned)width;
}

const char *text_shade(double fraction, bool utf8)
{
    static const char *const blocks[] = {" ", "░", "▒", "▓", "█"};
    static const char *const ascii[] = {" ", ".", ":", "-", "=", "+", "*", "#", "%", "@"};
    size_t levels = utf8 ? sizeof blocks / sizeof *blocks : sizeof ascii / sizeof *ascii;
    if (!(fraction > 0))
        return " ";
    size_t level = (size_t)(fraction * (double)(levels - 1) + 0.5);
    level = level < levels ? level : levels - 1;
    return utf8 ? blocks[level] : ascii[level];
}

unsigned text_rgb(const double rgb[3])
{
    unsigned level[3];
    for (int i = 0; i < 3; i++)
        level[i] = (unsigned)((rgb[i] < 0 ? 0 : rgb[i] > 1 ? 1 : rgb[i]) * 5 + 0.5);
    return 16 + 36 * level[0] + 6 * level[1] + level[2];
}

unsigned text_gray(double fraction)
{
    unsigned level = (unsigned)((fraction < 0 ? 0 : fraction > 1 ? 1 : fraction) * 25 + 0.5);
    return level == 0 ? 16 : level == 25 ? 231 : 231 + level; /* 24 grays between black and white */
}
