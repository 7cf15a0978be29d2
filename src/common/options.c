/* options.c -- parses the command line by the program's table of options. */
#include "common/common.h"

#include <assert.h>
#include <getopt.h>

enum { MAX_OPTIONS = 64 };

static const struct program *program;
static size_t count;
static const struct option_row *rows[MAX_OPTIONS]; /* without headings */
static bool given[MAX_OPTIONS];

/* The same for getopt_long() and fmnn_suggest(). */
static struct option long_options[MAX_OPTIONS + 1];
static char short_options[2 * MAX_OPTIONS + 2];
static const char *names[MAX_OPTIONS + 1];

/* ---- the common options */

static void set_quiet(const struct option_row *row, const char *text, void *target)
{
    (void)row, (void)text, (void)target;
    set_verbosity(-1);
}

static void set_verbose(const struct option_row *row, const char *text, void *target)
{
    (void)row, (void)text, (void)target;
    set_verbosity(1);
}

static void help(const struct option_row *row, const char *text, void *target);

static void version(const struct option_row *row, const char *text, void *target)
{
    (void)row, (void)text, (void)target;
    print_version(program);
    exit(0);
}

static const struct option_row common_rows[] = {
    {.help = "Common options"},
    {'q', "quiet", NULL, "print nothing but errors", OPTION_FLAG, .parse = set_quiet},
    {'v', "verbose", NULL, "print more", OPTION_FLAG, .parse = set_verbose},
    {'h', "help", NULL, "print this help and exit", OPTION_FLAG, .parse = help},
    {'V', "version", NULL, "print the version and exit", OPTION_FLAG, .parse = version},
    {0},
};

static void help(const struct option_row *row, const char *text, void *target)
{
    (void)row, (void)text, (void)target;
    print_help(program, common_rows);
    exit(0);
}

/* ---- the tables */

static void add_rows(const struct option_row *row)
{
    char *s = short_options + strlen(short_options);
    for (; row->help; row++) {
        if (!row->name)
            continue;
        assert(count < MAX_OPTIONS);
        int code = row->letter ? row->letter : 256 + (int)count;
        rows[count] = row;
        names[count] = row->name;
        long_options[count++] = (struct option){
            row->name, row->kind != OPTION_FLAG ? required_argument : no_argument, NULL, code};
        if (code < 256) {
            *s++ = (char)code;
            if (row->kind != OPTION_FLAG)
                *s++ = ':';
        }
    }
    *s = 0;
}

void options_start(const struct program *p)
{
    program = p;
    count = 0;
    strcpy(short_options, ":"); /* getopt then reports a missing value as such */
    add_rows(program->options);
    add_rows(common_rows);
}

static size_t option_of(int code)
{
    size_t i = 0;
    while (long_options[i].val != code)
        i++;
    return i;
}

/* ---- parsing */

/* getopt returns '?' for an option that is unknown, ambiguous, or has a value it does not take. */
static _Noreturn void bad_option(char **argv)
{
    int letter = optopt < 0 ? (unsigned char)optopt : optopt; /* char may have a sign */
    if (letter >= 256 + (int)count) /* musl gives the number of a character of several bytes */
        letter = '?';
    bool known = letter != ':' && strchr(short_options, letter); /* which contains colons */
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
    for (size_t i = 0; i < count; i++)
        matches += strncmp(names[i], word + 2, strlen(word + 2)) == 0;
    if (matches > 1)
        usage_error("option '%s' is ambiguous", word);
    const char *nearest = fmnn_suggest(word + 2, names);
    if (nearest)
        usage_error("unknown option '%s'; did you mean '--%s'?", word, nearest);
    usage_error("unknown option '%s'", word);
}

static void store(const struct option_row *row, const char *text, void *settings)
{
    void *target = (char *)settings + row->offset;
    if (row->parse)
        row->parse(row, text, target);
    else
        option_store(row, text, target);
}

/* The next option's number; false at the end. */
static bool next(int argc, char **argv, size_t *option)
{
    opterr = 0;
    optopt = 0;
    int code = getopt_long(argc, argv, short_options, long_options, NULL);
    if (code == -1)
        return false;
    if (code == ':')
        usage_error("option '%s' needs a value", argv[optind - 1]);
    if (code == '?')
        bad_option(argv);
    *option = option_of(code);
    given[*option] = true;
    return true;
}

/* --completion=SHELL alone, which make needs and --help does not list. */
static void complete(char **argv)
{
    static const char option[] = "--completion=";
    if (!argv[0] || !argv[1] || argv[2] || strncmp(argv[1], option, sizeof option - 1) != 0)
        return;
    if (!print_completion(argv[1] + sizeof option - 1, program, common_rows))
        usage_error("completions are for bash, zsh and fish");
    exit(0);
}

char **parse_options(int argc, char **argv, void *settings)
{
    complete(argv);
    for (size_t i = 0; i < count; i++)
        if (rows[i]->initial)
            store(rows[i], rows[i]->initial, settings);
    for (size_t option; next(argc, argv, &option);)
        store(rows[option], optarg, settings);
    return argv + optind;
}

bool option_given(const char *name)
{
    size_t i = 0;
    while (i < count && strcmp(names[i], name) != 0)
        i++;
    assert(i < count);
    return given[i];
}

void limit_operands(char **operands, size_t max)
{
    size_t i = 0;
    while (operands[i] && i < max)
        i++;
    if (operands[i])
        usage_error("unexpected operand '%s'", operands[i]);
}
