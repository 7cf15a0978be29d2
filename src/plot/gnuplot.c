/* gnuplot.c -- writes gnuplot programs, and runs them. See gnuplot.h.

   Contents: 1. Writing programs  2. Running gnuplot */
#include "plot/gnuplot.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ---- 1. Writing programs ---- */

struct page page_make(const struct plot_request *request, double width, double height)
{
    struct page page = {request->format, width, height, request->format == PLOT_PNG ? 2 : 1};
    if (request->width) {
        /* Smaller images get smaller letters, down to the limit of legibility. */
        double scale = sqrt(request->width * (double)request->height / (width * height));
        page.scale = scale > 0.7 ? scale : 0.7;
        page.width = request->width / page.scale;
        page.height = request->height / page.scale;
    }
    return page;
}

static void write_terminal(FILE *script, const struct page *page)
{
    double width = round(page->width * page->scale), height = round(page->height * page->scale);
    /* Cairo draws letters a third larger than their nominal size, and PDF lines half as wide. */
    double cairo = page->scale * 0.75;
    switch (page->format) {
    case PLOT_SVG:
        fprintf(script, "set terminal svg size %.0f,%.0f background '#ffffff' font 'Helvetica,12'",
                width, height);
        fprintf(script, " fontscale %.6g linewidth %.6g\n", page->scale, page->scale);
        break;
    case PLOT_PDF: /* gnuplot truncates the size to whole points */
        fprintf(script, "set terminal pdfcairo size %.6fin,%.6fin background '#ffffff'",
                (width + 0.1) / 72, (height + 0.1) / 72);
        fprintf(script, " font 'Helvetica,12' fontscale %.6g linewidth %.6g\n", cairo,
                page->scale * 2);
        break;
    default:
        fprintf(script, "set terminal pngcairo size %.0f,%.0f background '#ffffff'", width, height);
        fprintf(script, " font 'Helvetica,12' fontscale %.6g linewidth %.6g\n", cairo, page->scale);
    }
}

void gnuplot_begin(FILE *script, const struct page *page, const char *output)
{
    fprintf(script, "# drawn by fm-plot (fmnn) %s; this is a program for gnuplot 5.4 or newer\n",
            fmnn_version());
    write_terminal(script, page);
    fputs("q = sprintf('%c', 39) # a single quote\n", script);
    if (output) {
        /* gnuplot would take the one for a pipe to a command, the other for a home directory. */
        char *path = text_format("%s%s", output[0] == '|' || output[0] == '~' ? "./" : "", output);
        fputs("set output ", script);
        gnuplot_string(script, path);
        putc('\n', script);
        free(path);
    }
    fputs("set encoding utf8\nset datafile missing '?'\n", script);
    fputs("set lmargin at screen 0\nset rmargin at screen 1\n", script);
    fputs("set tmargin at screen 1\nset bmargin at screen 0\n", script);
    fprintf(script, "set xrange [0:%.6g]\nset yrange [%.6g:0]\n", page->width, page->height);
    fputs("unset border\nunset tics\nunset key\nunset colorbox\n", script);
}

/* gnuplot expands nothing in single quotes. But it misreads a doubled quote at the start of a
   string, two doubled quotes in a row, and a quote in double quotes. So a quote is a variable:
   'it'.q.'s'. */
void gnuplot_string(FILE *script, const char *text)
{
    char *clean = text_clean(text);
    putc('\'', script);
    for (const char *s = clean; *s; s++)
        if (*s == '\'')
            fputs("'.q.'", script);
        else
            putc(*s, script);
    putc('\'', script);
    free(clean);
}

void gnuplot_number(FILE *script, double number)
{
    if (isfinite(number))
        fprintf(script, "%.9g", number);
    else
        fputs("NaN", script);
}

/* Okabe and Ito's palette. */
static const char *const colors[] = {"#d55e00", "#0072b2", "#009e73", "#cc79a7",
                                     "#e69f00", "#56b4e9", "#000000"};
enum { COLORS = sizeof colors / sizeof *colors };

const char *gnuplot_color(size_t i)
{
    return colors[i % COLORS];
}

/* Gaps are short, because curves are jagged. */
const char *gnuplot_dashes(size_t i)
{
    static const char *const patterns[] = {"solid", "(8,2)", "(3,2)", "(9,2,2,2)", "(5,2,1,2)"};
    return patterns[i / COLORS % (sizeof patterns / sizeof *patterns)];
}

/* A mark of size 1 differs between gnuplot terminals. */
double gnuplot_mark_size(const struct page *page, double size)
{
    return size * page->scale * (page->format == PLOT_SVG ? 0.75 : 1);
}

void gnuplot_line(FILE *script, const struct page *page, const double end[4], const char *color,
                  const char *dashes)
{
    fprintf(script, "set arrow from screen %.6f,%.6f to screen %.6f,%.6f nohead front linewidth 2",
            end[0] / page->width, 1 - end[1] / page->height, end[2] / page->width,
            1 - end[3] / page->height);
    fprintf(script, " dashtype %s linecolor rgb '%s'\n", dashes, color);
}

void gnuplot_label(FILE *script, const struct page *page, const struct gnuplot_label *label)
{
    fputs("set label ", script);
    gnuplot_string(script, label->text);
    fprintf(script, " at screen %.6f,%.6f %s", label->x / page->width, 1 - label->y / page->height,
            label->align);
    if (label->rotate)
        fprintf(script, " rotate by %s", label->rotate);
    fprintf(script, " font ',%.4g' textcolor rgb '%s' noenhanced front\n", label->font,
            label->color);
}

void gnuplot_title(FILE *script, const struct page *page, const char *title)
{
    if (!title)
        return;
    char *fitted = text_fit(title, page->width - 20, 14);
    struct gnuplot_label label = {page->width / 2, 20, fitted, "center", 14, "#222222", NULL};
    gnuplot_label(script, page, &label);
    free(fitted);
}

void gnuplot_panels(FILE *script)
{
    fputs("set multiplot\nset border 3 linewidth 0.8 linecolor rgb '#444444'\n", script);
    fputs("set tics out scale 0.5 font ',10'\n", script);
    fputs("set grid linewidth 0.6 linetype 1 linecolor rgb '#dddddd'\n", script);
}

void gnuplot_box(FILE *script, const struct page *page, const double corner[4], bool fill,
                 const char *color, double line)
{
    fprintf(script, "set object rectangle from screen %.6f,%.6f to screen %.6f,%.6f ",
            corner[0] / page->width, 1 - corner[1] / page->height, corner[2] / page->width,
            1 - corner[3] / page->height);
    if (fill)
        fprintf(script, "behind fillstyle solid noborder fillcolor rgb '%s'\n", color);
    else
        fprintf(script, "front fillstyle empty border linecolor rgb '%s' linewidth %.4g\n", color,
                line);
}

/* ---- 2. Running gnuplot ---- */

FILE *gnuplot_temporary(void)
{
    FILE *stream = tmpfile();
    if (!stream)
        die_errno("temporary file");
    fcntl(fileno(stream), F_SETFD, FD_CLOEXEC);
    return stream;
}

/* Our environment with the C locale, and without GNUTERM: gnuplot opens that terminal before it
   reads the program, and some terminals end it if there is no display. */
static char **plain_environment(void)
{
    static char locale[] = "LC_ALL=C";
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **copy = xcalloc(count + 2, sizeof *copy);
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "LC_ALL=", 7) != 0 && strncmp(environ[i], "GNUTERM=", 8) != 0)
            copy[kept++] = environ[i];
    copy[kept] = locale;
    return copy;
}

/* The exit status of a child that posix_spawnp() could not make a program of. Some systems report
   it so, as POSIX allows, instead of by an error. */
enum { CANNOT_RUN = 127 };

static _Noreturn void no_gnuplot(void)
{
    die("gnuplot is not installed: install it for PNG, SVG and PDF, or use -f txt");
}

static pid_t spawn(FILE *in, FILE *out, FILE *err)
{
    static char name[] = "gnuplot", defaults[] = "-d"; /* -d: ignore gnuplotrc */
    char *arguments[] = {name, defaults, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    if (posix_spawn_file_actions_init(&actions) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, fileno(in), STDIN_FILENO) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, fileno(out), STDOUT_FILENO) != 0 ||
        posix_spawn_file_actions_adddup2(&actions, fileno(err), STDERR_FILENO) != 0)
        die("out of memory");
    char **environment = plain_environment();
    errno = posix_spawnp(&pid, name, &actions, NULL, arguments, environment);
    free(environment);
    posix_spawn_file_actions_destroy(&actions);
    if (errno == ENOENT)
        no_gnuplot();
    if (errno)
        die_errno("gnuplot");
    return pid;
}

static void seek_to(FILE *stream, long offset)
{
    if (ferror(stream) || fseek(stream, offset, SEEK_SET) != 0)
        die_errno("temporary file");
}

/* The last line of gnuplot's messages that is not blank, cleaned; or "". In the C locale gnuplot
   always warns of the degree sign, which no plot has. */
static char *complaint(FILE *err)
{
    char line[512], last[512] = "";
    seek_to(err, 0);
    while (fgets(line, sizeof line, err)) {
        line[strcspn(line, "\n")] = 0;
        if (line[strspn(line, " \t^")] && !strstr(line, "iconv failed to convert degree sign"))
            memcpy(last, line, sizeof last);
    }
    return text_clean(last + strspn(last, " \t"));
}

static bool has(FILE *stream, long offset, int whence, const char *wanted, size_t size)
{
    char got[16];
    return fseek(stream, offset, whence) == 0 && fread(got, 1, size, stream) == size &&
           memcmp(got, wanted, size) == 0;
}

/* gnuplot's exit status is 0 even if the disk was full, so we check both ends of the image. */
static bool is_complete(FILE *image, enum plot_format format)
{
    static const char iend[] = "\0\0\0\0IEND\xae\x42\x60\x82";
    if (format == PLOT_PNG)
        return has(image, 0, SEEK_SET, "\x89PNG\r\n\x1a\n", 8) &&
               has(image, -12, SEEK_END, iend, 12);
    const char *start = format == PLOT_SVG ? "<?xml" : "%PDF-";
    const char *end = format == PLOT_SVG ? "</svg>" : "%%EOF";
    size_t length = strlen(end);
    if (!has(image, 0, SEEK_SET, start, 5))
        return false;
    for (long newlines = 0; newlines < 4; newlines++)
        if (has(image, -(long)length - newlines, SEEK_END, end, length))
            return true;
    return false;
}

/* Cairo writes a date into PDF files. It is overwritten with blanks, if it can be found, so that
   the same input gives the same bytes. The length must not change: the file has an index of
   offsets. */
static void remove_date(FILE *image)
{
    static const char key[] = "/CreationDate (D:";
    size_t matched = 0;
    int c;
    seek_to(image, 0);
    while ((c = getc(image)) != EOF) {
        matched = c == key[matched] ? matched + 1 : c == key[0];
        if (matched == sizeof key - 1)
            break;
    }
    if (matched < sizeof key - 1)
        return;
    long start = ftell(image) - (long)matched, end;
    while ((c = getc(image)) != EOF && c != ')')
        ;
    end = ftell(image);
    if (c != ')' || end - start > 64)
        return;
    seek_to(image, start);
    while (start++ < end)
        putc(' ', image);
}

/* A signal that ends fm-plot ends gnuplot too, which may be hanging. */
static volatile pid_t child;

static void end_both(int signal)
{
    if (child > 0)
        kill(child, SIGKILL);
    output_die(signal);
}

/* Returns the exit status. The child is reaped only when no handler can kill its pid any more. */
static int run(FILE *in, FILE *out, FILE *err)
{
    static const int ends[] = {SIGHUP, SIGINT, SIGTERM};
    enum { ENDS = sizeof ends / sizeof *ends };
    struct sigaction before[ENDS], both = {.sa_handler = end_both};
    siginfo_t info;
    int status;
    signal(SIGCHLD, SIG_DFL); /* if our parent ignored it, there would be no status */
    for (size_t i = 0; i < ENDS; i++)
        if (sigaction(ends[i], NULL, &before[i]) == 0 && before[i].sa_handler != SIG_IGN)
            sigaction(ends[i], &both, NULL);
    pid_t pid = child = spawn(in, out, err);
    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) != 0)
        if (errno != EINTR)
            die_errno("gnuplot");
    child = 0;
    for (size_t i = 0; i < ENDS; i++)
        sigaction(ends[i], &before[i], NULL);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            die_errno("gnuplot");
    return status;
}

FILE *gnuplot_run(FILE *script, enum plot_format format)
{
    FILE *image = gnuplot_temporary(), *err = gnuplot_temporary();
    if (fflush(script) != 0 || ferror(script) || lseek(fileno(script), 0, SEEK_SET) != 0)
        die_errno("temporary file");
    int status = run(script, image, err);
    if (WIFSIGNALED(status))
        die("gnuplot: killed by signal %d", WTERMSIG(status));
    char *why = complaint(err);
    fclose(err);
    const char *said = *why ? why : "no reason given";
    if (WEXITSTATUS(status) == CANNOT_RUN && !*why)
        no_gnuplot();
    if (WEXITSTATUS(status) != 0)
        die("gnuplot: %s", said);
    if (!is_complete(image, format))
        die("gnuplot: the image is incomplete: %s", said);
    if (*why)
        info("gnuplot: %s", why);
    free(why);
    if (format == PLOT_PDF)
        remove_date(image);
    seek_to(image, 0);
    return image;
}
