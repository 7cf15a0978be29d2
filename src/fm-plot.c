/* fm-plot.c -- draws learning curves, confusion matrices, reliability diagrams, images, filters. */
#include "plot/gnuplot.h"

#include <getopt.h>
#include <unistd.h>

static const struct plot_kind *const kinds[] = {&plot_history, &plot_confusion, &plot_reliability,
                                                &plot_images,  &plot_filters,   NULL};
enum { KINDS = sizeof kinds / sizeof *kinds };

static const char *const formats[] = {"png", "svg", "pdf", "txt", NULL};

enum {
    OPT_ONLY = 256,
    OPT_TITLE,
    OPT_SIZE,
    OPT_COLUMNS,
    OPT_LIMIT,
    OPT_SUFFIX,
    OPT_CLASSES,
    OPT_BINS,
    OPT_SCRIPT
};

static const struct option_row options[] = {
    {'o', "output", "FILE", "write to FILE (.png, .svg, .pdf or .txt)"},
    {'f', "format", "FORMAT", "png, svg, pdf or txt [png; txt on a terminal]"},
    {OPT_TITLE, "title", "TEXT", "the title of the plot"},
    {OPT_SIZE, "size", "WxH", "in pixels (png), points (svg, pdf) or characters"},
    {OPT_SCRIPT, "script", NULL, "print the gnuplot program instead of running it"},
    {0, NULL, NULL, "Images and filters"},
    {OPT_COLUMNS, "columns", "N", "number of columns [nearly square]"},
    {OPT_LIMIT, "limit", "N", "the first N images or filters [100]"},
    {0, NULL, NULL, "Tables of images and predictions"},
    {OPT_ONLY, "only", "SPLIT[,SPLIT]", "only rows of these splits"},
    {OPT_SUFFIX, "suffix", "WORD", "read the columns predicted_WORD, confidence_WORD"},
    {OPT_CLASSES, "classes", "FILE|WEIGHTS|none", "where to find the class names"},
    {OPT_BINS, "bins", "N", "number of confidence bins [10]"},
    {'d', "data", "DIR", "the data directory for images train:N, test:N"},
    {0, NULL, NULL, NULL},
};

static const struct program program = {
    .name = "fm-plot",
    .synopsis = "[OPTION]... KIND [FILE]...",
    .purpose = "Draw a plot of KIND: history, confusion, reliability, images or filters.",
    .options = options,
};

/* Options that only some kinds accept, with their names for the message. */
struct given {
    unsigned bit;
    const char *name;
};
static const struct given limited[] = {{TAKES_ONLY, "--only"},       {TAKES_SUFFIX, "--suffix"},
                                       {TAKES_CLASSES, "--classes"}, {TAKES_DIRECTORY, "--data"},
                                       {TAKES_COLUMNS, "--columns"}, {TAKES_LIMIT, "--limit"},
                                       {TAKES_BINS, "--bins"}};

struct command_line {
    struct plot_request request;
    const struct plot_kind *kind;
    const char *output; /* NULL: standard output */
    char *title;        /* owns request.title */
    int format;         /* -1: not given */
    bool script;
    unsigned given; /* bits of enum TAKES_... */
};

static void parse_size(const char *text, struct plot_request *request)
{
    enum { MIN_SIZE = 10, LIMIT = 16000 };
    char *end;
    size_t digits = strspn(text, "0123456789");
    unsigned long width = strtoul(text, &end, 10), height = 0;
    bool good = digits > 0 && (*end == 'x' || *end == 'X');
    if (good) {
        const char *second = end + 1;
        height = strtoul(second, &end, 10);
        good = strspn(second, "0123456789") > 0 && !*end;
    }
    if (!good)
        usage_error("--size: '%s' is not WIDTHxHEIGHT, such as 1200x800", text);
    if (width < MIN_SIZE || width > LIMIT || height < MIN_SIZE || height > LIMIT)
        usage_error("--size: %s is not in %dx%d..%dx%d", text, MIN_SIZE, MIN_SIZE, LIMIT, LIMIT);
    request->width = (unsigned)width;
    request->height = (unsigned)height;
}

static void parse_option(int code, struct command_line *line)
{
    struct plot_request *request = &line->request;
    switch (code) {
    case 'o':
        line->output = strcmp(optarg, "-") ? optarg : NULL;
        break;
    case 'f':
        line->format = (int)option_word("--format", optarg, formats);
        break;
    case 'd':
        request->directory = optarg;
        line->given |= TAKES_DIRECTORY;
        break;
    case OPT_TITLE:
        free(line->title);
        line->title = text_clean(optarg);
        request->title = line->title;
        break;
    case OPT_SIZE:
        parse_size(optarg, request);
        break;
    case OPT_COLUMNS:
        request->columns = (unsigned)option_unsigned("--columns", optarg, 1, 1000);
        line->given |= TAKES_COLUMNS;
        break;
    case OPT_LIMIT:
        request->limit = (size_t)option_unsigned("--limit", optarg, 1, 10000);
        line->given |= TAKES_LIMIT;
        break;
    case OPT_ONLY:
        request->only = optarg;
        line->given |= TAKES_ONLY;
        break;
    case OPT_SUFFIX:
        request->suffix = option_suffix("--suffix", optarg);
        line->given |= TAKES_SUFFIX;
        break;
    case OPT_CLASSES:
        request->classes = optarg;
        line->given |= TAKES_CLASSES;
        break;
    case OPT_BINS:
        request->bins = (size_t)option_unsigned("--bins", optarg, 1, FMNN_CALIBRATION_MAX_BINS);
        line->given |= TAKES_BINS;
        break;
    case OPT_SCRIPT:
        line->script = true;
        break;
    default:
        abort(); /* no test: the table has no other option */
    }
}

static const struct plot_kind *find_kind(int argc, char **argv)
{
    const char *words[KINDS];
    for (size_t i = 0; i < KINDS; i++)
        words[i] = kinds[i] ? kinds[i]->name : NULL;
    if (optind == argc)
        usage_error("name the kind of plot: history, confusion, reliability, images or filters");
    const char *word = argv[optind];
    for (size_t i = 0; kinds[i]; i++)
        if (!strcmp(word, words[i]))
            return kinds[i];
    const char *nearest = fmnn_suggest(word, words);
    if (nearest)
        usage_error("unknown kind of plot '%s'; did you mean '%s'?", word, nearest);
    usage_error("unknown kind of plot '%s' (known: history, confusion, reliability, images, "
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
    usage_error("-o %s: unknown suffix (known: .png .svg .pdf .txt): rename the file or add -f", path);
}

static enum plot_format choose_format(const struct command_line *line)
{
    if (line->format >= 0)
        return (enum plot_format)line->format;
    if (line->output)
        return (enum plot_format)format_of(line->output);
    return !line->script && isatty(STDOUT_FILENO) ? PLOT_TXT : PLOT_PNG;
}

static bool has_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *locale = getenv(names[i]);
        if (locale && *locale)
            return strstr(locale, "UTF-8") || strstr(locale, "utf8") || strstr(locale, "UTF8");
    }
    return false;
}

/* In a file or pipe, text is plain ASCII, so that it does not depend on the environment. */
static void inspect_terminal(struct command_line *line)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    if (line->output || !isatty(STDOUT_FILENO))
        return;
    line->request.terminal = true;
    line->request.utf8 = has_utf8();
    line->request.color = line->request.utf8 && term && *term && strcmp(term, "dumb") != 0 &&
                          !(no_color && *no_color);
}

static void check(const struct command_line *line)
{
    const struct plot_kind *kind = line->kind;
    for (size_t i = 0; i < sizeof limited / sizeof *limited; i++)
        if ((line->given & limited[i].bit) && !(kind->takes & limited[i].bit))
            usage_error("%s does not apply to %s", limited[i].name, kind->name);
    if (line->request.file_count > kind->max_files)
        usage_error("%s draws one file; unexpected operand '%s'", kind->name,
                    line->request.files[kind->max_files]);
    if (line->script && line->request.format == PLOT_TXT)
        usage_error("--script: text is drawn without gnuplot: choose png, svg or pdf");
    if (line->script && line->output) {
        char *clean = text_clean(line->output);
        if (strcmp(clean, line->output) != 0)
            usage_error("--script: a gnuplot program cannot name the file '%s'", clean);
        free(clean);
    }
    if (line->output && !line->script)
        output_check(line->output);
    else if (!line->script && line->request.format != PLOT_TXT && line->request.format != PLOT_SVG)
        output_abandon(output_open("-", true)); /* refuses a terminal before any work */
}

static void copy(FILE *from, FILE *to, const char *name)
{
    char block[65536];
    for (size_t got; (got = fread(block, 1, sizeof block, from)) > 0;)
        if (fwrite(block, 1, got, to) != got)
            die_errno("%s", name);
    if (ferror(from))
        die_errno("temporary file");
}

/* The program goes to a temporary file first, so that gnuplot starts with a complete program. */
static FILE *draw(const struct command_line *line, const void *plot)
{
    FILE *script = tmpfile();
    if (!script)
        die_errno("temporary file");
    line->kind->gnuplot(plot, &line->request, NULL, script);
    FILE *image = gnuplot_run(script, line->request.format);
    fclose(script);
    return image;
}

static void write_plot(const struct command_line *line, const void *plot)
{
    bool text = line->request.format == PLOT_TXT;
    FILE *image = text ? NULL : draw(line, plot);
    struct output *output =
        output_open(line->output ? line->output : "-", !text && line->request.format != PLOT_SVG);
    if (text)
        line->kind->text(plot, &line->request, output_stream(output));
    else
        copy(image, output_stream(output), line->output ? line->output : "standard output");
    output_commit(output);
    if (image)
        fclose(image);
}

int main(int argc, char **argv)
{
    struct command_line line = {.request = {.limit = 100}, .format = -1};
    int code;
    program_start(&program);
    while ((code = next_option(argc, argv)) != -1)
        parse_option(code, &line);
    line.kind = find_kind(argc, argv);
    line.request.files = argv + optind + 1;
    line.request.file_count = (size_t)(argc - optind - 1);
    line.request.format = choose_format(&line);
    inspect_terminal(&line);
    check(&line);
    void *plot = line.kind->read(&line.request);
    if (line.script)
        line.kind->gnuplot(plot, &line.request, line.output, stdout);
    else
        write_plot(&line, plot);
    line.kind->free(plot);
    free(line.title);
    return 0;
}
