/* common.c -- messages, options and inputs that all programs share.

   Contents: 1. Messages  2. Closing standard output  3. Options  4. Values  5. Inputs */
#include "common/common.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

static const struct program *program = &(struct program){.name = "fmnn"};
static int verbosity; /* -1 quiet, 0, 1 verbose */
static bool gave_up;  /* the trouble that ends the program has been told */

/* ---- 1. Messages ---- */

/* Whole lines, so that those of several programs do not mix; and no file's name or server's word
   commands the terminal. */
FMNN_PRINTF(1, 0)
static void message(const char *format, va_list args, const char *why)
{
    char text[8192] = "";
    fflush(stdout); /* what was printed before comes before, where both go to one place */
    vsnprintf(text, sizeof text, format, args);
    text_mask(text);
    fprintf(stderr, why ? "%s: %s: %s\n" : "%s: %s\n", program->name, text, why);
}

void info(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (verbosity > 0)
        message(format, args, NULL);
    va_end(args);
}

void note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (verbosity >= 0)
        message(format, args, NULL);
    va_end(args);
}

bool verbose(void)
{
    return verbosity > 0;
}

void warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    message(format, args, NULL);
    va_end(args);
}

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    message(format, args, NULL);
    va_end(args);
    gave_up = true;
    exit(EXIT_TROUBLE);
}

void die_errno(const char *format, ...)
{
    int saved = errno;
    va_list args;
    va_start(args, format);
    message(format, args, strerror(saved));
    va_end(args);
    gave_up = true;
    exit(EXIT_TROUBLE);
}

void die_error(const struct fmnn_error *error)
{
    die("%s", error->message);
}

const char *kernels_wanted(void)
{
    const char *name = getenv("FMNN_KERNELS");
    return name && name[0] ? name : NULL;
}

bool progress_wanted(void)
{
    const char *term = getenv("TERM");
    return verbosity >= 0 && isatty(STDERR_FILENO) && !(term && !strcmp(term, "dumb"));
}

double seconds_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* ---- 2. Closing standard output ---- */

void die_stdout(void)
{
    die_errno("standard output");
}

/* A full disk often shows only now. A program that wrote nothing may run with standard output
   closed: its number is reserved then, and closing it fails only where something was written. */
static void close_stdout(void)
{
    bool failed = ferror(stdout) != 0;
    errno = 0;
    failed |= fclose(stdout) != 0;
    if (failed && !gave_up) {
        const char *why = errno ? strerror(errno) : "write error";
        fprintf(stderr, "%s: standard output: %s\n", program->name, why);
        _exit(EXIT_TROUBLE);
    }
}

/* Were 0, 1 or 2 closed, a file opened later would take its number and be written to. */
static void reserve_standard_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) {
            /* Opened the wrong way round, so that using it fails with EBADF, as it should. */
            int got = open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
            if (got != fd)
                _exit(EXIT_TROUBLE);
        }
}

void program_start(const struct program *p)
{
    program = p;
    check_memory_of_json();
    reserve_standard_streams();
    signal(SIGXFSZ, SIG_IGN); /* a file above the limit is a failed write like any other */
    atexit(close_stdout);
}

/* ---- 3. Options ---- */

static const struct option_row common_rows[] = {
    {0, NULL, NULL, "Common options"},
    {'q', "quiet", NULL, "say nothing but errors"},
    {'v', "verbose", NULL, "say more"},
    {'h', "help", NULL, "print this help and exit"},
    {'V', "version", NULL, "print the version and exit"},
    {0, NULL, NULL, NULL},
};

static void print_rows(const struct option_row *row)
{
    for (; row->help; row++) {
        if (!row->name) {
            printf("\n%s:\n", row->help);
            continue;
        }
        char left[64];
        int used = row->code < 256 ? snprintf(left, sizeof left, "  -%c, ", row->code)
                                   : snprintf(left, sizeof left, "      ");
        snprintf(left + used, sizeof left - (size_t)used, "--%s%s%s", row->name,
                 row->argument ? "=" : "", row->argument ? row->argument : "");
        if (strlen(left) > 29)
            printf("%s\n%31s%s\n", left, "", row->help);
        else
            printf("%-30s %s\n", left, row->help);
    }
}

static void print_help(void)
{
    printf("Usage: %s %s\n%s\n", program->name, program->synopsis, program->purpose);
    if (program->options->name)
        printf("\nOptions:\n");
    print_rows(program->options);
    print_rows(common_rows);
    printf("\nExit status: 0 done; ");
    if (program->negative)
        printf("1 %s; ", program->negative);
    printf("2 trouble.\n");
    printf("The manual: man %s; the pipeline: man 7 fmnn.\n", program->name);
}

static void print_version(void)
{
    printf("%s (fmnn) %s\n"
           "Copyright (c) 2026 The fmnn authors. MIT licence.\n"
           "There is no warranty, to the extent permitted by law.\n",
           program->name, fmnn_version());
}

enum { MAX_OPTIONS = 64 };

/* getopt's two tables, made from ours. */
static struct option long_options[MAX_OPTIONS + 1];
static char short_options[2 * MAX_OPTIONS + 2];
static const char *option_names[MAX_OPTIONS + 1];

static void add_rows(const struct option_row *row, size_t *count)
{
    char *s = short_options + strlen(short_options);
    for (; row->help; row++) {
        if (!row->name)
            continue;
        assert(*count < MAX_OPTIONS);
        option_names[*count] = row->name;
        long_options[(*count)++] = (struct option){
            row->name, row->argument ? required_argument : no_argument, NULL, row->code};
        if (row->code < 256) {
            *s++ = (char)row->code;
            if (row->argument)
                *s++ = ':';
        }
    }
    *s = 0;
}

static void make_tables(void)
{
    size_t count = 0;
    strcpy(short_options, ":");
    add_rows(program->options, &count);
    add_rows(common_rows, &count);
}

/* getopt says '?' for an option that is unknown, ambiguous, or given a value it does not take. */
static _Noreturn void bad_option(char **argv)
{
    int letter = optopt < 0 ? (unsigned char)optopt : optopt;    /* where char has a sign */
    bool known = letter != ':' && strchr(short_options, letter); /* they have colons in them */
    if (letter > 0 && letter < 256 && !known)
        usage_error("unknown option '-%c'", letter);
    char word[64];
    snprintf(word, sizeof word, "%s", argv[optind - 1]);
    char *equals = strchr(word, '=');
    if (equals)
        *equals = 0;
    if (optopt)
        usage_error("option '%s' takes no value", word);
    size_t matches = 0;
    for (size_t i = 0; option_names[i]; i++)
        matches += strncmp(option_names[i], word + 2, strlen(word + 2)) == 0;
    if (matches > 1)
        usage_error("option '%s' is ambiguous", word);
    const char *nearest = fmnn_suggest(word + 2, option_names);
    if (nearest)
        usage_error("unknown option '%s'; did you mean '--%s'?", word, nearest);
    usage_error("unknown option '%s'", word);
}

int next_option(int argc, char **argv)
{
    if (!short_options[0])
        make_tables();
    for (;;) {
        opterr = 0;
        optopt = 0;
        int code = getopt_long(argc, argv, short_options, long_options, NULL);
        switch (code) {
        case 'h':
            print_help();
            exit(0);
        case 'V':
            print_version();
            exit(0);
        case 'q':
            verbosity = -1;
            break;
        case 'v':
            verbosity = 1;
            break;
        case ':':
            usage_error("option '%s' needs a value", argv[optind - 1]);
        case '?':
            bad_option(argv);
        default:
            return code;
        }
    }
}

void usage_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    message(format, args, NULL);
    va_end(args);
    fprintf(stderr, "Try '%s --help'.\n", program->name);
    gave_up = true;
    exit(EXIT_TROUBLE);
}

void at_most(int argc, char **argv, int max)
{
    if (argc - optind > max)
        usage_error("unexpected operand '%s'", argv[optind + max]);
}

/* ---- 4. Values ---- */

uint64_t option_unsigned(const char *option, const char *text, uint64_t min, uint64_t max)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)text[0]) || *end)
        usage_error("%s: '%s' is not a whole number", option, text);
    if (errno || value < min || value > max)
        usage_error("%s: %s is not in %llu..%llu", option, text, (unsigned long long)min,
                    (unsigned long long)max);
    return value;
}

double option_double(const char *option, const char *text, double min, double max)
{
    char *end;
    double value = strtod(text, &end); /* programs stay in the C locale */
    if (isspace((unsigned char)text[0]) || end == text || *end || !isfinite(value))
        usage_error("%s: '%s' is not a number", option, text);
    if (value < min || value > max)
        usage_error("%s: %s is not in %g..%g", option, text, min, max);
    return value;
}

size_t option_word(const char *option, const char *text, const char *const *words)
{
    for (size_t i = 0; words[i]; i++)
        if (!strcmp(text, words[i]))
            return i;
    const char *nearest = fmnn_suggest(text, words);
    if (nearest)
        usage_error("%s: unknown word '%s'; did you mean '%s'?", option, text, nearest);
    char list[256] = "";
    for (size_t i = 0, used = 0; words[i] && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", words[i]);
    usage_error("%s: unknown word '%s' (known: %s)", option, text, list);
}

const char *option_suffix(const char *option, const char *text)
{
    if (!text[0] || strpbrk(text, "\t\n\r"))
        usage_error("%s: '%s' cannot be part of a column's name", option, text);
    return text;
}

/* ---- 5. Inputs ---- */

struct fmnn_table *open_table(const char *operand, enum fmnn_table_kind kind, const char *only)
{
    static const char *const what[] = {"a table of images", "a history table", "a table of counts"};
    struct fmnn_error error;
    const char *path = operand ? operand : "-";
    if (!strcmp(path, "-") && isatty(STDIN_FILENO))
        usage_error("standard input is a terminal; %s was expected there, or a file as operand",
                    what[kind]);
    struct fmnn_table *table = fmnn_table_open(path, kind, &error);
    if (!table || (only && fmnn_table_only(table, only, &error) != 0))
        die_error(&error);
    return table;
}

size_t need_column(const struct fmnn_table *table, const char *name)
{
    struct fmnn_error error;
    int column = fmnn_table_need(table, name, &error);
    if (column < 0)
        die_error(&error);
    return (size_t)column;
}

bool next_row(struct fmnn_table *table)
{
    struct fmnn_error error;
    int status = fmnn_table_next(table, &error);
    if (status < 0)
        die_error(&error);
    return status > 0;
}

int row_label(const struct fmnn_table *table, size_t column, size_t class_count)
{
    struct fmnn_error error;
    int label;
    if (fmnn_table_label(table, column, class_count, &label, &error) != 0)
        die_error(&error);
    return label;
}

void die_at_row(const struct fmnn_table *table, const char *format, ...)
{
    struct fmnn_error error;
    char what[sizeof error.message];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    fmnn_table_fail(table, &error, "%s", what);
    die_error(&error);
}

char *suffixed(const char *name, const char *suffix)
{
    return text_format("%s%s%s", name, suffix ? "_" : "", suffix ? suffix : "");
}

struct fmnn_net *open_net(const char *path)
{
    struct fmnn_error error;
    struct fmnn_net *net = fmnn_net_read(path, &error);
    if (!net)
        die_error(&error);
    return net;
}

struct fmnn_images *open_images(const char *data)
{
    struct fmnn_error error;
    char *directory = data_directory(data);
    struct fmnn_images *images = fmnn_images_new(directory, &error);
    if (!images)
        die_error(&error);
    free(directory);
    return images;
}

char *path_in(const char *directory, const char *name, const char *suffix)
{
    size_t length = strlen(directory);
    const char *slash = length && directory[length - 1] == '/' ? "" : "/";
    return text_format("%s%s%s%s", directory, slash, name, suffix);
}

/* A directory that holds none of a data set's files, as a fetch that was killed leaves behind, must
   not hide another that does. */
static bool holds_data(const char *directory)
{
    static const char *const files[] = {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz",
                                        "t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz"};
    bool found = false;
    for (size_t i = 0; i < sizeof files / sizeof *files && !found; i++) {
        char *path = path_in(directory, files[i], "");
        found = access(path, F_OK) == 0;
        free(path);
    }
    return found;
}

char *user_directory(const char *dataset)
{
    const char *xdg = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (xdg && xdg[0] == '/') /* others are to be ignored, says the XDG specification */
        return text_format("%s/fmnn/%s", xdg, dataset);
    return home && home[0] ? text_format("%s/.local/share/fmnn/%s", home, dataset) : NULL;
}

char *dataset_directory(const char *option, const char *dataset)
{
    const char *environment = getenv("FMNN_DATA");
    if (option && !option[0])
        usage_error("--data: the directory's name is empty");
    if (option)
        return text_format("%s", option);
    if (environment && environment[0])
        return text_format("%s", environment);
    char *path = user_directory(dataset);
    if (path && holds_data(path))
        return path;
    free(path);
    path = text_format("/usr/share/datasets/%s", dataset);
    if (holds_data(path))
        return path;
    free(path);
    return NULL;
}

char *data_directory(const char *option)
{
    return dataset_directory(option, "fashion-mnist");
}

/* Weight files begin with the length of their header: a zero byte among the first eight. */
static bool is_weights(const char *path)
{
    char head[9] = "";
    FILE *stream = fopen(path, "rb");
    if (!stream)
        die_errno("%s", path);
    size_t got = fread(head, 1, 9, stream);
    fclose(stream);
    return got == 9 && memchr(head, 0, 8) && head[8] == '{';
}

struct fmnn_names *names_in_weights(const char *path)
{
    struct fmnn_error error;
    struct fmnn_net *net = open_net(path);
    const struct fmnn_names *own = fmnn_net_names(net);
    struct fmnn_names *names = NULL;
    if (own && !(names = fmnn_names_copy((const char *const *)own->name, own->count, &error)))
        die_error(&error);
    fmnn_net_free(net);
    return names;
}

static struct fmnn_names *names_in_list(const char *path)
{
    struct fmnn_error error;
    struct fmnn_names *names = fmnn_names_read(path, &error);
    if (!names)
        die_error(&error);
    return names;
}

struct fmnn_names *class_names(const char *option, struct fmnn_images *images, const char *image)
{
    struct fmnn_error error;
    struct fmnn_names *names = NULL;
    if (option && !strcmp(option, "none"))
        return NULL;
    if (option)
        return is_weights(option) ? names_in_weights(option) : names_in_list(option);
    if (!image || !image[0])
        return NULL;
    char *directory = fmnn_images_directory(images, image, &error);
    if (!directory && (error.status == FMNN_MEMORY || error.status == FMNN_SYSTEM))
        die_error(&error); /* a name that is wrong is told when it is read */
    if (directory && fmnn_names_of_directory(directory, &names, &error) != 0)
        die_error(&error);
    free(directory);
    return names;
}
