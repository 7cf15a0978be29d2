/* fm-plot.c -- draws learning curves, confusion matrices, reliability diagrams, ROC curves, images,
   filters. */
#include "plot/gnuplot.h"
#include "common/predictions.h"

#include <strings.h>
#include <unistd.h>

static const struct plot_kind *const kinds[] = {&plot_history, &plot_confusion, &plot_reliability,
                                                &plot_roc,     &plot_images,    &plot_filters,
                                                NULL};
enum { KINDS = sizeof kinds / sizeof *kinds };

static const char *const formats[] = {"png", "svg", "pdf", "txt", NULL};

struct settings {
    struct plot_request request;
    struct bad_images bad;
    const struct plot_kind *kind;
    const char *output; /* NULL: standard output */
    char *title;        /* cleaned, or NULL */
    enum plot_format format;
    bool script;
};

static void parse_size(const struct option_row *row, const char *text, void *target)
{
    enum { MIN_SIZE = 10, MAX_SIZE = 16000 };
    struct plot_request *request = target;
    char *end;
    size_t digits = strspn(text, "0123456789");
    unsigned long width = strtoul(text, &end, 10), height = 0;
    bool good = digits > 0 && (*end == 'x' || *end == 'X');
    (void)row;
    if (good) {
        const char *second = end + 1;
        height = strtoul(second, &end, 10);
        good = strspn(second, "0123456789") > 0 && !*end;
    }
    if (!good)
        usage_error("--size: '%s' is not WIDTHxHEIGHT, such as 1200x800", text);
    if (width < MIN_SIZE || width > MAX_SIZE || height < MIN_SIZE || height > MAX_SIZE)
        usage_error("--size: %s is not in %dx%d..%dx%d", text, MIN_SIZE, MIN_SIZE, MAX_SIZE,
                    MAX_SIZE);
    request->width = (unsigned)width;
    request->height = (unsigned)height;
}

static void parse_title(const struct option_row *row, const char *text, void *target)
{
    char **title = target;
    (void)row;
    free(*title);
    *title = text_clean(text);
}

#define TARGET(member) OPTION_TARGET(struct settings, member)

static const struct option_row rows[] = {
    {'o', "output", "FILE", "write to FILE (.png, .svg, .pdf or .txt)", OPTION_FILE,
     TARGET(output)},
    {'f', "format", "FORMAT", "output format", OPTION_WORD, TARGET(format), .words = formats,
     .by_default = "png; txt on a terminal"},
    {0, "title", "TEXT", "title of the plot", OPTION_TEXT, TARGET(title), .parse = parse_title},
    {0, "size", "WxH", "size in pixels (png), points (svg, pdf) or characters (txt)", OPTION_TEXT,
     TARGET(request), .parse = parse_size},
    {0, "script", NULL, "print the gnuplot program instead of running it", OPTION_FLAG,
     TARGET(script)},
    {.help = "Learning curves"},
    {0, "lr", NULL, "draw the learning rate, too", OPTION_FLAG, TARGET(request.lr)},
    {.help = "ROC curves"},
    {0, "class", "CLASS[,CLASS]", "draw only these classes", OPTION_TEXT,
     TARGET(request.class_list)},
    {0, "precision-recall", NULL, "draw precision over recall instead", OPTION_FLAG,
     TARGET(request.precision_recall)},
    {.help = "Images and filters"},
    {0, "columns", "N", "number of columns", OPTION_COUNT, TARGET(request.columns), .min = 1,
     .max = 1000, .by_default = "nearly square"},
    {0, "limit", "N", "draw only the first N", OPTION_COUNT, TARGET(request.limit), .min = 1,
     .max = 10000, .initial = "100"},
    {0, "augment", "KIND...", "draw images as fm-train --augment trains on them", OPTION_TEXT,
     TARGET(request.augment)},
    {0, "epoch", "N", "the epoch, with --augment", OPTION_COUNT, TARGET(request.epoch), .min = 1,
     .max = 1000000, .initial = "1"},
    {0, "seed", "S", "the seed, with --augment", OPTION_COUNT, TARGET(request.seed),
     .initial = "0"},
    {0, "skip-bad", NULL, "skip images that cannot be read; exit with 1", OPTION_FLAG,
     TARGET(bad.skip)},
    {.help = "Tables of images and predictions"},
    {0, "only", "SPLIT[,SPLIT]", "read only rows of these splits", OPTION_SPLITS,
     TARGET(request.only)},
    {0, "suffix", "WORD", "read columns predicted_WORD, confidence_WORD", OPTION_SUFFIX,
     TARGET(request.suffix)},
    CLASS_COLUMN_ROWS(struct settings, request.label_column, request.predicted_column),
    {0, "classes", "FILE|WEIGHTS|none", "where to find the class names", OPTION_FILE,
     TARGET(request.classes)},
    {0, "bins", "N", "number of confidence bins", OPTION_COUNT, TARGET(request.bins), .min = 1,
     .max = FMNN_CALIBRATION_MAX_BINS, .initial = "10"},
    {'d', "data", "DIR", "data directory, which holds train:N and test:N", OPTION_DIRECTORY,
     TARGET(request.directory)},
    ROOT_ROW(struct settings, request.root),
    {0},
};

static const char *const *kind_names(void)
{
    static const char *words[KINDS];
    for (size_t i = 0; kinds[i]; i++)
        words[i] = kinds[i]->name;
    return words;
}

static const struct program program = {
    .name = "fm-plot",
    .operands = kind_names,
    .synopsis = "[OPTION]... KIND [FILE]...",
    .purpose = "Draw a plot of KIND: history, confusion, reliability, roc, images or filters.",
    .options = rows,
    .negative = "some images could not be read (--skip-bad)",
};

/* Options that only some kinds accept. */
static const struct {
    unsigned bit;
    const char *name;
} limited[] = {{TAKES_ONLY, "only"},
               {TAKES_SUFFIX, "suffix"},
               {TAKES_CLASSES, "classes"},
               {TAKES_DIRECTORY, "data"},
               {TAKES_DIRECTORY, "root"},
               {TAKES_COLUMNS, "columns"},
               {TAKES_LIMIT, "limit"},
               {TAKES_BINS, "bins"},
               {TAKES_AUGMENT, "augment"},
               {TAKES_AUGMENT, "epoch"},
               {TAKES_AUGMENT, "seed"},
               {TAKES_LR, "lr"},
               {TAKES_CLASS, "class"},
               {TAKES_CLASS, "precision-recall"},
               {TAKES_SKIP_BAD, "skip-bad"},
               {TAKES_CLASS_COLUMNS, "label-column"},
               {TAKES_CLASS_COLUMNS, "predicted-column"}};

static const struct plot_kind *find_kind(const char *word)
{
    const char *const *words = kind_names();
    if (!word)
        usage_error(
            "name the kind of plot: history, confusion, reliability, roc, images or filters");
    for (size_t i = 0; kinds[i]; i++)
        if (!strcmp(word, words[i]))
            return kinds[i];
    if (access(word, F_OK) == 0)
        usage_error("'%s' is a file: the kind of plot comes first: fm-plot KIND FILE", word);
    const char *nearest = fmnn_suggest(word, words);
    if (nearest)
        usage_error("unknown kind of plot '%s'; did you mean '%s'?", word, nearest);
    usage_error("unknown kind of plot '%s' (known: history, confusion, reliability, roc, images, "
                "filters)",
                word);
}

/* The format that the suffix of the file name stands for. */
static int format_of(const char *path)
{
    const char *dot = strrchr(text_base(path), '.');
    for (int i = 0; dot && formats[i]; i++)
        if (!strcmp(dot + 1, formats[i]))
            return i;
    const char *nearest = dot ? fmnn_suggest(dot + 1, formats) : NULL;
    if (nearest)
        usage_error("-o %s: unknown suffix; did you mean '.%s'?", path, nearest);
    usage_error("-o %s: unknown suffix (known: .png .svg .pdf .txt): rename the file or add -f",
                path);
}

static enum plot_format choose_format(const struct settings *settings)
{
    if (option_given("format"))
        return settings->format;
    if (settings->output)
        return (enum plot_format)format_of(settings->output);
    return !settings->script && isatty(STDOUT_FILENO) ? PLOT_TXT : PLOT_PNG;
}

/* Whether a locale's name says so, as UTF-8, utf8 or in another spelling. */
static bool names_utf8(const char *locale)
{
    for (; *locale; locale++)
        if (!strncasecmp(locale, "utf-8", 5) || !strncasecmp(locale, "utf8", 4))
            return true;
    return false;
}

static bool has_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *locale = getenv(names[i]);
        if (locale && *locale)
            return names_utf8(locale);
    }
    return false;
}

/* In a file or pipe, text is plain ASCII, so that it does not depend on the environment. */
static void inspect_terminal(struct settings *settings)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    if (settings->output || !isatty(STDOUT_FILENO))
        return;
    settings->request.terminal = true;
    settings->request.utf8 = has_utf8();
    settings->request.color = settings->request.utf8 && term && *term &&
                              strcmp(term, "dumb") != 0 && !(no_color && *no_color);
}

static void check(const struct settings *settings)
{
    const struct plot_kind *kind = settings->kind;
    for (size_t i = 0; i < sizeof limited / sizeof *limited; i++)
        if (option_given(limited[i].name) && !(kind->takes & limited[i].bit))
            usage_error("--%s does not apply to %s", limited[i].name, kind->name);
    if (!settings->request.augment && (option_given("epoch") || option_given("seed")))
        usage_error("--epoch and --seed have no effect without --augment");
    if (settings->request.file_count > kind->max_files)
        usage_error("%s draws one file; unexpected operand '%s'", kind->name,
                    settings->request.files[kind->max_files]);
    if (settings->script && settings->request.format == PLOT_TXT)
        usage_error("--script: text is drawn without gnuplot: choose png, svg or pdf");
    if (settings->script && settings->output) {
        char *clean = text_clean(settings->output);
        if (strcmp(clean, settings->output) != 0)
            usage_error("--script: a gnuplot program cannot name the file '%s'", clean);
        free(clean);
    }
    bool binary = settings->request.format != PLOT_TXT && settings->request.format != PLOT_SVG;
    if (!settings->script)
        output_check(settings->output ? settings->output : "-", binary);
}

/* The program goes to a temporary file first, so that gnuplot starts with a complete program. */
static FILE *draw(const struct settings *settings, const void *plot)
{
    FILE *script = gnuplot_temporary();
    settings->kind->gnuplot(plot, &settings->request, NULL, script);
    FILE *image = gnuplot_run(script, settings->request.format);
    fclose(script);
    return image;
}

static void write_plot(const struct settings *settings, const void *plot)
{
    bool text = settings->request.format == PLOT_TXT;
    FILE *image = text ? NULL : draw(settings, plot);
    struct output *output = output_open(settings->output ? settings->output : "-",
                                        !text && settings->request.format != PLOT_SVG);
    if (text)
        settings->kind->text(plot, &settings->request, output_stream(output));
    else
        copy_stream(image, "temporary file", output_stream(output),
                    settings->output ? settings->output : "standard output");
    output_commit(output);
    if (image)
        fclose(image);
}

static struct settings read_options(int argc, char **argv)
{
    struct settings settings = {0};
    struct plot_request *request = &settings.request;
    char **operands = parse_options(argc, argv, &settings);
    settings.kind = find_kind(operands[0]);
    request->files = operands + 1;
    while (request->files[request->file_count])
        request->file_count++;
    if (settings.output && !strcmp(settings.output, "-"))
        settings.output = NULL;
    request->title = settings.title;
    request->format = choose_format(&settings);
    inspect_terminal(&settings);
    check(&settings);
    return settings;
}

int main(int argc, char **argv)
{
    program_start(&program);
    struct settings settings = read_options(argc, argv);
    settings.request.bad = &settings.bad;
    const struct plot_kind *kind = settings.kind;
    void *plot = kind->read(&settings.request);
    if (settings.script)
        kind->gnuplot(plot, &settings.request, settings.output, stdout);
    else
        write_plot(&settings, plot);
    kind->free(plot);
    free(settings.title);
    return bad_images_status(&settings.bad);
}
