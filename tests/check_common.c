/* check_common.c -- what the programs share (src/common), and what fm-fetch says of a file
   (src/fetch/fetch-verify.c), where a run of a program gets there only by luck:
   refused calls, and callers' mistakes. */
#include "fetch/fm-fetch.h"
#include "common/loading.h"
#include "common/overfitting.h"
#include "common/predictions.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "runner.h"
#include "scratch.h"
#include "wrapped.h"

/* ---- 1. what fails */

static int allocations_left = -1; /* then every further one fails; -1: none does */
static int reads_left = -1;       /* the one after them fails */
static int read_errno = EIO;
static int open_errno, fstat_errno, inflate_status; /* unless 0 */
static bool inflate_refused, terminal;
static bool nothing_there; /* once, whatever poll said: another has read it */

static bool memory_is_out(void)
{
    return allocations_left == 0 || (allocations_left > 0 && allocations_left-- == 0);
}

#define WRAPS(type, name, parameters, arguments, failing, failure)                                 \
    type __real_##name parameters;                                                                 \
    FMNN_API type __wrap_##name parameters;                                                        \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        return (failing) ? (failure) : __real_##name arguments;                                    \
    }

WRAPS(void *, malloc, (size_t n), (n), memory_is_out(), NULL)
WRAPS(void *, calloc, (size_t n, size_t size), (n, size), memory_is_out(), NULL)
WRAPS(int, fstat, (int fd, struct stat *st), (fd, st), fstat_errno != 0, (errno = fstat_errno, -1))
WRAPS(int, inflateInit2_, (z_streamp z, int bits, const char *version, int size),
      (z, bits, version, size), inflate_refused, Z_MEM_ERROR)
WRAPS(int, inflate, (z_streamp z, int flush), (z, flush), inflate_status != 0, inflate_status)
WRAPS(int, isatty, (int fd), (fd), terminal, 1)

ssize_t __real_pread(int fd, void *bytes, size_t count, off_t offset);
FMNN_API ssize_t __wrap_pread(int fd, void *bytes, size_t count, off_t offset);
ssize_t __wrap_pread(int fd, void *bytes, size_t count, off_t offset)
{
    if (reads_left >= 0 && reads_left-- == 0) {
        errno = read_errno;
        return -1;
    }
    return __real_pread(fd, bytes, count, offset);
}

FMNN_API ssize_t __wrap___pread_chk(int fd, void *bytes, size_t count, off_t offset, size_t room);
ssize_t __wrap___pread_chk(int fd, void *bytes, size_t count, off_t offset, size_t room)
{
    return __wrap_pread(fd, bytes, count < room ? count : room, offset);
}

int __real_open(const char *path, int flags, ...);
FMNN_API int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    if (!open_errno)
        return __real_open(path, flags, 0600);
    errno = open_errno;
    return -1;
}

/* What open() is with _FORTIFY_SOURCE if it has no mode. */
FMNN_API int __wrap___open_2(const char *path, int flags);
int __wrap___open_2(const char *path, int flags)
{
    return __wrap_open(path, flags);
}

ssize_t __real_read(int fd, void *bytes, size_t count);
FMNN_API ssize_t __wrap_read(int fd, void *bytes, size_t count);
ssize_t __wrap_read(int fd, void *bytes, size_t count)
{
    if (!nothing_there)
        return __real_read(fd, bytes, count);
    nothing_there = false;
    errno = EAGAIN;
    return -1;
}

/* gcov's counts are not written by _exit. */
void __gcov_dump(void) __attribute__((weak));
_Noreturn void __real__exit(int status);
FMNN_API _Noreturn void __wrap__exit(int status);
_Noreturn void __wrap__exit(int status)
{
    open_errno = 0; /* the counts are written to a file */
    if (__gcov_dump)
        __gcov_dump();
    __real__exit(status);
}

/* ---- 2. acts that end the program */

static char said[8192]; /* on standard error */
static char printed[8192];

static void take(const char *path, char *text)
{
    FILE *stream = fopen(path, "r");
    ck_assert_ptr_nonnull(stream);
    text[fread(text, 1, sizeof said - 1, stream)] = 0;
    fclose(stream);
}

/* gcov's counts want memory in the end. */
static void bring_memory_back(void)
{
    allocations_left = -1;
}

/* Its exit status; what it says is in said, what it prints in printed. */
static int status_of(void (*act)(void))
{
    int status;
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        if (!freopen("said", "w", stderr) || !freopen("printed", "w", stdout))
            exit(99);
        atexit(bring_memory_back);
        setvbuf(stderr, NULL, _IONBF, 0); /* as it is where it is not reopened */
        act();
        exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "signal %d", WTERMSIG(status));
    take("said", said);
    take("printed", printed);
    return WEXITSTATUS(status);
}

/* It is trouble, and this is all that is said (of usage, one more line). */
#define check_trouble(act, text)                                                                   \
    do {                                                                                           \
        int status = status_of(act);                                                               \
        ck_assert_msg(status == 2 && strstr(said, text), "%s: %d, %s", text, status, said);        \
    } while (0)

struct settings {
    bool flag;
    unsigned count;
    uint64_t large;
    double real;
    unsigned word;
    bool which;
    const char *text, *suffix, *file, *directory;
    size_t parsed; /* the length of the value */
};

static void parse_length(const struct option_row *row, const char *text, void *target)
{
    ck_assert_str_eq(row->name, "parsed");
    *(size_t *)target = strlen(text);
}

#define TARGET(member) OPTION_TARGET(struct settings, member)

static const char *const few[] = {"first", "second", NULL};
static const char *const three[] = {"red", "green", "blue", NULL};
static const struct option_row no_options[] = {{0}};
static const struct option_row some_options[] = {
    {'a', "alpha", "VALUE", "a value", OPTION_TEXT, TARGET(text)},
    {'b', "alphabet", NULL, "no value", OPTION_FLAG, TARGET(flag)},
    {.help = "More"},
    {0, "a-name-so-long-that-help-follows-below", "VALUE", "below", OPTION_TEXT, TARGET(text)},
    {'n', "count", "N", "things", OPTION_COUNT, TARGET(count), .min = 2, .max = 9, .initial = "3"},
    {0, "small", "N", "small ones", OPTION_COUNT, TARGET(count), .min = 1},
    {0, "large", "N", "large ones", OPTION_COUNT, TARGET(large)},
    {'x', "real", "X", "how much", OPTION_REAL, TARGET(real), .max = 2, .initial = "0.5"},
    {0, "free", "X", "as much as you like", OPTION_REAL, TARGET(real), .by_default = "some"},
    {0, "word", "WORD", "colour", OPTION_WORD, TARGET(word), .words = three, .initial = "green"},
    {0, "which", NULL, "one of two that this text, which goes on and on, wraps for", OPTION_WORD,
     TARGET(which), .words = few, .initial = "first"},
    {0, "suffix", "WORD", "columns", OPTION_SUFFIX, TARGET(suffix)},
    {0, "file", "FILE", "input", OPTION_FILE, TARGET(file)},
    {0, "directory", "DIR", "where", OPTION_DIRECTORY, TARGET(directory)},
    {0, "parsed", "TEXT", "its length", OPTION_TEXT, TARGET(parsed), .initial = "four",
     .parse = parse_length},
    {0}};
static const struct program without = {"bare", "[X]", "Nothing.", no_options, NULL, NULL};
static const struct program with = {"full", "[X]", "Things.", some_options, "no", NULL};

static const struct program *chosen;
static const char *given[4];

/* All options, and then the operands, of which there is one at most. */
static void act_options(void)
{
    char word[4][80];
    char *argv[6] = {(char *)(uintptr_t)chosen->name};
    struct settings s = {0};
    int argc = 1;
    for (; argc <= 4 && given[argc - 1]; argc++) {
        snprintf(word[argc - 1], sizeof *word, "%s", given[argc - 1]);
        argv[argc] = word[argc - 1];
    }
    program_start(chosen);
    char **operands = parse_options(argc, argv, &s);
    info("verbose");
    note("noted");
    printf("%d %u %llu %g %u %d %s %zu", s.flag, s.count, (unsigned long long)s.large, s.real,
           s.word, s.which, s.text ? s.text : "-", s.parsed);
    printf(" %s %s %s\n", s.suffix ? s.suffix : "-", s.file ? s.file : "-",
           s.directory ? s.directory : "-");
    printf("%d%d", verbose(), progress_wanted());
    if (chosen == &with)
        printf("%d%d", option_given("alphabet"), option_given("count"));
    limit_operands(operands, 1);
}

static void give(const char *a, const char *b, const char *c)
{
    given[0] = a;
    given[1] = b;
    given[2] = c;
}

START_TEST(options_are_read)
{
    static const struct {
        const char *word[3];
        int status;
        const char *said, *printed; /* said NULL: nothing at all */
    } row[] = {
        {{NULL, NULL, NULL}, 0, "", "0 3 0 0.5 1 0 - 4 - - -\n0000"},
        {{"-a1", "--alpha=2", "--alphabet"}, 0, "", "1 3 0 0.5 1 0 2 4 - - -\n0010"},
        {{"-v", "x", NULL}, 0, "full: verbose\nfull: noted\n", "\n1000"},
        {{"-q", NULL, NULL}, 0, NULL, "\n0000"},
        {{"-n9", "--", "-b"}, 0, "full: noted\n", "0 9 0 0.5 1 0 - 4 - - -\n0001"},
        {{"x", "-b", NULL}, 0, "", "1 3 0"},
        {{"--small=4294967295", NULL, NULL}, 0, "", "0 4294967295 0"},
        {{"--small=4294967296", NULL, NULL}, 2, "--small: 4294967296 is not in 1..4294967295", ""},
        {{"--small=0", NULL, NULL}, 2, "--small: 0 is not in 1..", ""},
        {{"--large=18446744073709551615", NULL, NULL}, 0, "", "0 3 18446744073709551615 0.5"},
        {{"--count=1", NULL, NULL}, 2, "--count: 1 is not in 2..9", ""},
        {{"--real=2.5", NULL, NULL}, 2, "--real: 2.5 is not in 0..2", ""},
        {{"--free=1e300", "--which=second", "--word=blue"}, 0, "", "0 3 0 1e+300 2 1 - 4"},
        {{"--word=gren", NULL, NULL}, 2, "--word: unknown word 'gren'; did you mean 'green'?", ""},
        {{"--suffix=a", "--file=b", "--directory=c"}, 0, "", " 4 a b c\n"},
        {{"--suffix=", NULL, NULL}, 2, "--suffix: '' cannot be part", ""},
        {{"--file=", NULL, NULL}, 2, "--file: the file's name is empty", ""},
        {{"--directory=", NULL, NULL}, 2, "--directory: the directory's name is empty", ""},
        {{"--parsed=abcdef", NULL, NULL}, 0, "", "0 - 6 - - -\n"},
        {{"x", "y", NULL}, 2, "unexpected operand 'y'\nTry 'full --help'.\n", ""},
        {{"-z", NULL, NULL}, 2, "unknown option '-z'", ""},
        {{"-\xff", NULL, NULL}, 2, "unknown option '-?'", ""},
        {{"--alphabet=3", NULL, NULL}, 2, "option '--alphabet' takes no value", ""},
        {{"--alp", NULL, NULL}, 2, "option '--alp' is ambiguous", ""},
        {{"--alp=1", NULL, NULL}, 2, "option '--alp' is ambiguous", ""},
        {{"--alpah=1", NULL, NULL}, 2, "unknown option '--alpah'; did you mean '--alpha'?", ""},
        {{"--entirely-else", NULL, NULL}, 2, "unknown option '--entirely-else'\n", ""},
        {{"--alpha", NULL, NULL}, 2, "option '--alpha' needs a value", ""},
        {{"-a", NULL, NULL}, 2, "option '-a' needs a value", ""},
    };
    chosen = &with;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        give(row[i].word[0], row[i].word[1], row[i].word[2]);
        int status = status_of(act_options);
        bool silent = !said[0], told = row[i].said && strstr(said, row[i].said);
        ck_assert_msg(status == row[i].status && (row[i].said ? told : silent) &&
                          strstr(printed, row[i].printed),
                      "%s: %d, %s, %s", row[i].word[0], status, said, printed);
    }
}
END_TEST

START_TEST(help_is_printed)
{
    chosen = &with;
    give("--help", NULL, NULL);
    ck_assert_int_eq(status_of(act_options), 0);
    ck_assert_ptr_nonnull(strstr(printed, "  -a, --alpha=VALUE            a value\n"));
    ck_assert_ptr_nonnull(strstr(printed, "\nMore:\n"));
    ck_assert_ptr_nonnull(strstr(printed, " things, 2..9 [3]\n"));
    ck_assert_ptr_nonnull(strstr(printed, " small ones, at least 1\n"));
    ck_assert_ptr_nonnull(strstr(printed, " large ones\n"));
    ck_assert_ptr_nonnull(strstr(printed, " as much as you like [some]\n"));
    ck_assert_ptr_nonnull(
        strstr(printed, "=WORD              colour: red, green or blue [green]\n"));
    ck_assert_ptr_nonnull(strstr(printed,
                                 "      --which=first|second     one of two that this text, "
                                 "which goes on and on,\n                               "
                                 "wraps for [first]\n"));
    ck_assert_ptr_nonnull(
        strstr(printed, "      --a-name-so-long-that-help-follows-below=VALUE\n      "));
    ck_assert_ptr_nonnull(strstr(printed, "0 success; 1 no; 2 trouble."));
    chosen = &without;
    ck_assert_int_eq(status_of(act_options), 0);
    ck_assert_ptr_nonnull(strstr(printed, "Nothing.\n\nCommon options:\n"));
    ck_assert_ptr_nonnull(strstr(printed, "0 success; 2 trouble."));
    give("-V", NULL, NULL);
    ck_assert_int_eq(status_of(act_options), 0);
    ck_assert_ptr_nonnull(strstr(printed, "bare (fmnn) "));
}
END_TEST

START_TEST(progress_is_for_terminals)
{
    chosen = &with;
    terminal = true;
    static const struct {
        const char *term, *option, *printed;
    } row[] = {{NULL, "--", "\n01"},
               {"xterm", "-v", "\n11"},
               {"dumb", "--", "\n00"},
               {NULL, "-q", "\n00"}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        row[i].term ? setenv("TERM", row[i].term, 1) : unsetenv("TERM");
        give(row[i].option, NULL, NULL);
        ck_assert_int_eq(status_of(act_options), 0);
        ck_assert_ptr_nonnull(strstr(printed, row[i].printed));
    }
}
END_TEST

/* ---- 3. standard streams */

static void act_full(void)
{
    program_start(&with);
    if (!freopen("/dev/full", "w", stdout))
        exit(99);
    printf("lost");
}

static void act_full_and_told(void)
{
    act_full();
    if (fflush(stdout) != 0)
        die_stdout();
}

static void act_unwritable(void)
{
    program_start(&with);
    if (!freopen("/dev/full", "w", stdout))
        exit(99);
    printf("lost");
    fflush(stdout); /* it fails, and closing does not */
}

static void act_closed(void)
{
    close(0);
    close(1);
    program_start(&with);
    ck_assert_int_eq(fcntl(0, F_GETFL) & O_ACCMODE, O_WRONLY);
    ck_assert_int_eq(fcntl(1, F_GETFL) & O_ACCMODE, O_RDONLY);
}

static void act_nothing_to_reserve_with(void)
{
    close(0);
    open_errno = EMFILE;
    program_start(&with);
}

START_TEST(standard_output_that_fails)
{
    check_trouble(act_full, "full: standard output: No space left on device\n");
    check_trouble(act_full_and_told, "full: standard output: No space left on device\n");
    ck_assert_ptr_null(strchr(strchr(said, '\n') + 1, '\n'));
    check_trouble(act_unwritable, "full: standard output: write error\n");
    ck_assert_int_eq(status_of(act_closed), 0);
    check_trouble(act_nothing_to_reserve_with, "");
}
END_TEST

/* ---- 4. values */

static const char *text;

static void act_unsigned(void)
{
    printf("%llu", (unsigned long long)option_unsigned("--n", text, 2, 9));
}

static void act_double(void)
{
    printf("%g", option_double("--x", text, 0.5, 2));
}

static const char *const many[] = {
    "a-long-word-that-fills-the-list-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "a-long-word-that-fills-the-list-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "a-long-word-that-fills-the-list-cccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
    "a-long-word-that-fills-the-list-dddddddddddddddddddddddddddddddddddddddddddddddddddddddddd",
    "unseen",
    NULL};

static void act_word(void)
{
    printf("%zu", option_word("--w", text, few));
}

static void act_word_of_many(void)
{
    option_word("--w", text, many);
}

static void act_suffix(void)
{
    printf("%s", option_suffix("--s", text));
}

START_TEST(values_are_checked)
{
    static const struct {
        void (*act)(void);
        const char *text, *said, *printed; /* NULL: it is trouble */
    } row[] = {
        {act_unsigned, "2", "", "2"},
        {act_unsigned, "9", "", "9"},
        {act_unsigned, "", "--n: '' is not a whole number", NULL},
        {act_unsigned, "-3", "not a whole number", NULL},
        {act_unsigned, "3x", "not a whole number", NULL},
        {act_unsigned, "1", "--n: 1 is not in 2..9", NULL},
        {act_unsigned, "10", "not in 2..9", NULL},
        {act_unsigned, "99999999999999999999", "not in 2..9", NULL},
        {act_double, "1.5", "", "1.5"},
        {act_double, " 1", "--x: ' 1' is not a number", NULL},
        {act_double, "", "not a number", NULL},
        {act_double, "1,5", "not a number", NULL},
        {act_double, "nan", "not a number", NULL},
        {act_double, "1e999", "not a number", NULL},
        {act_double, "0.4", "--x: 0.4 is not in 0.5..2", NULL},
        {act_double, "3", "not in 0.5..2", NULL},
        {act_word, "second", "", "1"},
        {act_word, "secnd", "--w: unknown word 'secnd'; did you mean 'second'?", NULL},
        {act_word, "other-word", "unknown word 'other-word' (known: first, second)", NULL},
        {act_word_of_many, "other-word", "(known: a-long", NULL},
        {act_suffix, "x", "", "x"},
        {act_suffix, "", "--s: '' cannot be part", NULL},
        {act_suffix, "a\tb", "cannot be part", NULL},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        text = row[i].text;
        if (!row[i].printed) {
            check_trouble(row[i].act, row[i].said);
            continue;
        }
        ck_assert_int_eq(status_of(row[i].act), 0);
        ck_assert_str_eq(printed, row[i].printed);
    }
    ck_assert_ptr_null(strstr(said, "unseen"));
}
END_TEST

START_TEST(kernels_are_named)
{
    unsetenv("FMNN_KERNELS");
    ck_assert_ptr_null(kernels_wanted());
    setenv("FMNN_KERNELS", "", 1);
    ck_assert_ptr_null(kernels_wanted());
    setenv("FMNN_KERNELS", "generic", 1);
    ck_assert_str_eq(kernels_wanted(), "generic");
}
END_TEST

/* ---- 5. tables and directories */

static void act_terminal(void)
{
    terminal = true;
    open_table(NULL, FMNN_TABLE_ROWS, NULL);
}

static void act_table(void)
{
    struct fmnn_table *table = open_table("table", FMNN_TABLE_ROWS, text);
    while (next_row(table))
        printf("%d ", row_class(table, need_column(table, "label"), NULL));
    need_column(table, "predicted");
}

START_TEST(tables_that_fail)
{
    check_trouble(act_terminal, "standard input is a terminal; redirect a table of images");
    text = NULL;
    check_trouble(act_table, "table: ");
    put_file("table", "label\timage\n1\ta\n\tb\n", 19);
    check_trouble(act_table, "predicted");
    text = "train";
    check_trouble(act_table, "split");
    text = NULL;
    put_file("table", "label\timage\n1\ta\n70000\tb\n", 24);
    check_trouble(act_table, "table:3: ");
    put_file("table", "label\timage\n1\ta\n2\n", 18);
    check_trouble(act_table, "table:3: ");
}
END_TEST

/* What poll promised may have gone to somebody else. */
START_TEST(nothing_there_after_all)
{
    int end[2];
    ck_assert(pipe(end) == 0 && dup2(end[0], STDIN_FILENO) == STDIN_FILENO);
    ck_assert_int_eq(write(end[1], "label\timage\n1\ta\n", 16), 16);
    struct fmnn_table *table = open_table(NULL, FMNN_TABLE_ROWS, NULL);
    ck_assert(next_row(table) && row_class(table, 0, NULL) == 1);
    ck_assert_int_eq(write(end[1], "2\tb\n3\tc\n", 8), 8);
    nothing_there = true;
    ck_assert(fmnn_table_paused(table));
    ck_assert(!nothing_there);
    ck_assert(!fmnn_table_paused(table) && !fmnn_table_paused(table));
    ck_assert(next_row(table) && row_class(table, 0, NULL) == 2);
    ck_assert(next_row(table) && row_class(table, 0, NULL) == 3);
    ck_assert_int_eq(write(end[1], "4\td\n", 4), 4);
    nothing_there = true; /* who can wait, does */
    ck_assert(next_row(table) && row_class(table, 0, NULL) == 4);
    close(end[1]);
    ck_assert(!next_row(table));
    fmnn_table_close(table);
}
END_TEST

static void check_directory(const char *option, const char *dataset, const char *wanted)
{
    char *directory = dataset_directory(option, dataset);
    if (wanted)
        ck_assert_str_eq(directory, wanted);
    else
        ck_assert_ptr_null(directory);
    free(directory);
}

/* Environments name directories; the last resort is reached by a name that leads here. */
START_TEST(data_directories)
{
    char here[PATH_MAX + 40], shared[PATH_MAX + 80], user[PATH_MAX + 80];
    unsetenv("FMNN_DATA");
    unsetenv("XDG_DATA_HOME");
    unsetenv("HOME");
    ck_assert_ptr_null(user_directory("x"));
    setenv("HOME", "", 1);
    ck_assert_ptr_null(user_directory("x"));
    check_directory("given", "x", "given");
    check_directory(NULL, "no-such-set", NULL);
    setenv("FMNN_DATA", "", 1);
    check_directory(NULL, "no-such-set", NULL);
    setenv("FMNN_DATA", "named", 1);
    check_directory(NULL, "x", "named");
    unsetenv("FMNN_DATA");

    snprintf(here, sizeof here, "../../..%s", scratch_directory);
    snprintf(shared, sizeof shared, "/usr/share/datasets/%s", here);
    setenv("XDG_DATA_HOME", "relative", 1);
    setenv("HOME", "/nowhere", 1);
    check_directory(NULL, here, NULL);
    put_file("t10k-images-idx3-ubyte.gz", "", 0);
    if (access("/usr/share/datasets", F_OK) == 0)
        check_directory(NULL, here, shared);
    setenv("XDG_DATA_HOME", "/tmp", 1);
    snprintf(user, sizeof user, "/tmp/fmnn/%s", here);
    char *directory = user_directory(here);
    ck_assert_str_eq(directory, user);
    free(directory);
    snprintf(user, sizeof user, "%s/xdg", scratch_directory);
    ck_assert_int_eq(mkdir(user, 0700), 0);
    snprintf(user, sizeof user, "%s/xdg/fmnn", scratch_directory);
    ck_assert_int_eq(mkdir(user, 0700), 0);
    snprintf(here, sizeof here, "%s/xdg", scratch_directory);
    setenv("XDG_DATA_HOME", here, 1);
    check_directory(NULL, "../..", strcat(user, "/../.."));
    ck_assert_int_eq(rmdir("xdg/fmnn") | rmdir("xdg"), 0);

    directory = path_in("", "a", ".gz");
    ck_assert_str_eq(directory, "/a.gz");
    free(directory);
    directory = path_in("d/", "a", "");
    ck_assert_str_eq(directory, "d/a");
    free(directory);
}
END_TEST

/* ---- 6. class names */

static void print_names(struct fmnn_names *names)
{
    for (size_t i = 0; names && i < names->count; i++)
        printf("%s ", names->name[i]);
    fmnn_names_free(names);
}

static const char *named_image;

static void act_names(void)
{
    struct fmnn_images *images = open_images("data", NULL);
    print_names(class_names(text, images, named_image));
    fmnn_images_free(images);
}

/* Memory runs out once the images are open. */
static int memory_for_names;
static void act_names_without_memory(void)
{
    struct fmnn_images *images = open_images("data", NULL);
    allocations_left = memory_for_names;
    fmnn_names_free(class_names(text, images, named_image));
    allocations_left = -1;
    fmnn_images_free(images);
}

static void act_images_without_memory(void)
{
    allocations_left = memory_for_names;
    struct fmnn_images *images = open_images("data", NULL);
    allocations_left = -1;
    fmnn_images_free(images);
}

static void write_weights(const char *path, bool named)
{
    struct fmnn_error error;
    char first[] = "eins", second[] = "zwei", *name[] = {first, second};
    struct fmnn_names names = {.count = 2, .name = name};
    struct fmnn_model *model = fmnn_model_parse("dense classes", "model", &error);
    struct fmnn_net *net =
        model ? fmnn_net_new(model, (struct fmnn_shape){1, 2, 2}, 2, &error) : NULL;
    FILE *stream = fopen(path, "wb");
    ck_assert_msg(net && stream, "%s", error.message);
    fmnn_model_free(model);
    fmnn_net_initialise(net, 0, 1);
    if (named)
        ck_assert_int_eq(fmnn_net_set_names(net, &names, &error), 0);
    ck_assert_int_eq(fmnn_net_write(net, stream, &error), 0);
    ck_assert_int_eq(fclose(stream), 0);
    fmnn_net_free(net);
}

/* So often that each allocation has failed once; then it succeeds. */
static void check_memory(void (*act)(void))
{
    for (memory_for_names = 0;; memory_for_names++) {
        ck_assert_int_lt(memory_for_names, 500);
        int status = status_of(act);
        if (status == 0)
            break;
        ck_assert_msg(status == 2 && strstr(said, "out of memory"), "%d: %s", status, said);
    }
    ck_assert_int_gt(memory_for_names, 0);
}

START_TEST(class_names_are_found)
{
    write_weights("named", true);
    write_weights("nameless", false);
    put_file("list", "aleph\nbeth\n", 11);
    put_file("classes.txt", "here\n", 5);
    put_file("bad", "{ not weights {", 15);
    put_file("zero", "1234567\0x", 9);
    static const struct {
        const char *classes, *image, *printed; /* NULL: it is trouble, and says */
        const char *said;
    } row[] = {
        {"none", NULL, "", ""},
        {NULL, NULL, "", ""},
        {NULL, "", "", ""},
        {"named", NULL, "eins zwei ", ""},
        {"nameless", NULL, "", ""},
        {"list", NULL, "aleph beth ", ""},
        {NULL, "x.png", "here ", ""},
        {NULL, "no/such/x.png", "", ""},
        {NULL, "train:x", "", ""},
        {"bad", NULL, "{ not weights { ", ""},
        {"zero", NULL, NULL, "zero:1:"},
        {"missing", NULL, NULL, "missing: No such file"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        text = row[i].classes;
        named_image = row[i].image;
        if (!row[i].printed) {
            check_trouble(act_names, row[i].said);
            continue;
        }
        int status = status_of(act_names);
        ck_assert_msg(status == 0 && !strcmp(printed, row[i].printed), "%s, %s: %d, %s%s",
                      row[i].classes ? row[i].classes : "", row[i].image ? row[i].image : "",
                      status, printed, said);
    }
    text = NULL;
    named_image = "x.png";
    put_file("classes.txt", "here\n\nx\n", 8);
    check_trouble(act_names, "classes.txt:2");
    put_file("classes.txt", "here\n", 5);
    check_memory(act_names_without_memory);
    named_image = "train:3";
    check_trouble(act_names, "data: the data directory is not there");
    ck_assert(mkdir("data", 0755) == 0);
    check_memory(act_names_without_memory);
    ck_assert(rmdir("data") == 0);
    text = "named";
    check_memory(act_names_without_memory);
    check_memory(act_images_without_memory);
}
END_TEST

/* ---- 7. the matrix */

static struct matrix_request wish;

static void act_matrix(void)
{
    struct matrix matrix = matrix_read(&wish);
    printf("%llu %llu %.3f %d", (unsigned long long)fmnn_confusion_total(matrix.counts),
           (unsigned long long)matrix.top_correct, matrix.cross_entropy,
           matrix.calibration != NULL);
    matrix_free(&matrix);
}

static void act_matrix_without_memory(void)
{
    allocations_left = memory_for_names;
    act_matrix();
}

static const struct {
    struct matrix_request request;
    const char *table, *printed; /* NULL: it is trouble, and says */
    const char *said;
} asked[] = {
    {{.classes = "list"}, "label\tpredicted\n0\t1\n", "1 0 nan 0", ""},
    {{.top = 1}, "label\tpredicted\tp0\n0\t0\t1.0000005\n", "1 1 nan 0", ""},
    {{.top = 1}, "label\tpredicted\tp0\n1\t0\t1\n", NULL, "class 1 has no column"},
    {{.top = 2},
     "label\tpredicted\tp0\n0\t0\t1\n",
     NULL,
     "--top: 2 is more than the number of classes, 1"},
    {{.top = 1}, "label\tpredicted\n0\t0\n", NULL, "p0"},
    {{.top = 1, .suffix = "x"}, "label\tpredicted_x\tp0\n0\t0\t1\n", NULL, "p0_x"},
    {{.top = 1, .classes = "list"}, "label\tpredicted\tp0\n0\t0\t1\n", NULL, "no top-1 accuracy"},
    {{.top = 1},
     "label\tpredicted\tp0\tp1\n1\t0\t.5\t.5\n1\t0\t.5\t.6\n0\t0\t.5\t.5\n",
     "3 2 nan 0",
     ""},
    {{.entropy = true}, "label\tpredicted\tp0\n0\t0\t1.1\n", NULL, "not in 0..1"},
    {{.entropy = true}, "label\tpredicted\tp0\n0\t0\t-1\n", NULL, "not in 0..1"},
    {{.entropy = true}, "label\tpredicted\tp0\n0\t0\tx\n", NULL, "table:2"},
    {{.entropy = true},
     "label\tpredicted\tp0\n0\t0\t1\n1\t0\t1\n0\t0\t7\n",
     "3 0 nan 0",
     "no cross-entropy: class 1"},
    {{.entropy = true, .classes = "list"},
     "label\tpredicted\tp0\n0\t0\t1\n",
     "1 0 nan 0",
     "no cross-entropy: the table has probabilities of 1 classes, but 2 have names"},
    {{.entropy = true}, "label\tpredicted\tp0\n0\t0\t1\n", "1 0 0.000 0", ""},
    {{0}, "0\t0\t5\n1\t0\t2\n", "7 0 nan 0", ""},
    {{.suffix = "x"}, "0\t0\t5\n", NULL, "predicted_x"},
    {{.must_calibrate = true, .bins = 5}, "0\t0\t5\n", NULL, "confidence"},
    {{0}, "train:1\t0\ttrain\n", NULL, "predicted"},
    {{0}, "image\tlabel\tfold\na\t0\tx\n", NULL, "predicted"},
    {{0}, "label\tpredicted\tcount\n0\t0\t\n", NULL, "not a whole number"},
    {{0}, "label\tpredicted\tcount\n0\t0\t-2\n", NULL, "not a whole number"},
    {{0}, "label\tpredicted\tcount\n0\t0\t9223372036854775808\n", NULL, "too large"},
    {{0}, "label\tpredicted\tcount\n0\t0\t99999999999999999999\n", NULL, "too large"},
    {{0},
     "label\tpredicted\tcount\n0\t0\t9223372036854775807\n0\t0\t9223372036854775807\n",
     NULL,
     "table:3"},
    {{0}, "image\tlabel\tpredicted\tcount\na\t0\t0\tmany\n", "1 0 nan 0", ""},
    {{.bins = 5}, "label\tpredicted\tconfidence\n0\t0\t1\n", "1 0 nan 1", ""},
    {{.bins = 5}, "label\tpredicted\n0\t0\n", "1 0 nan 0", ""},
    {{.bins = 5}, "label\tpredicted\tconfidence\n0\t0\t2\n", "1 0 nan 0", "no calibration"},
    {{.bins = 5}, "label\tpredicted\tconfidence\n0\t0\tx\n", "1 0 nan 0", "no calibration"},
    {{.must_calibrate = true, .bins = 5},
     "label\tpredicted\tconfidence\n0\t0\tx\n",
     NULL,
     "table:2"},
    {{.only = "test"},
     "label\tpredicted\tsplit\n0\t0\ttrain\n",
     NULL,
     "no rows of split test: there is nothing to evaluate"},
    {{0}, "label\tpredicted\n", NULL, "table: no rows: there is nothing to evaluate"},
    {{0}, "label\tpredicted\n\t1\n", NULL, "no row has a label"},
    {{0}, "label\tpredicted\n\t1\n0\t0\n", "1 0 nan 0", "skipped 1 row without"},
    {{0}, "label\tpredicted\n\t1\n\t1\n0\t0\n", "1 0 nan 0", "skipped 2 rows without"},
    {{0}, "label\tpredicted\n0\t\n", NULL, "the row has a label, but no prediction"},
};

START_TEST(matrices)
{
    put_file("list", "aleph\nbeth\n", 11);
    unlink("classes.txt");
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        wish = asked[i].request;
        wish.table = "table";
        wish.data = "data";
        wish.purpose = "evaluate";
        put_file("table", asked[i].table, strlen(asked[i].table));
        if (!asked[i].printed) {
            check_trouble(act_matrix, asked[i].said);
            continue;
        }
        int status = status_of(act_matrix);
        ck_assert_msg(status == 0 && !strcmp(printed, asked[i].printed) &&
                          strstr(said, asked[i].said),
                      "%s: %d, %s, %s", asked[i].table, status, printed, said);
    }
    wish = (struct matrix_request){.table = "table",
                                   .data = "data",
                                   .classes = "list",
                                   .purpose = "judge",
                                   .bins = 5,
                                   .top = 1,
                                   .entropy = true};
    const char *all = "label\tpredicted\tconfidence\tp0\tp1\n0\t0\t1\t.5\t.5\n";
    put_file("table", all, strlen(all));
    check_memory(act_matrix_without_memory);
}
END_TEST

/* ---- 8. what a file is */

#define DIGEST "0000000000000000000000000000000000000000000000000000000000000000"
static const struct fmnn_dataset any = {.name = "any", .title = "Any"};
static const struct fmnn_dataset labelled = {
    .name = "labelled", .title = "Labelled", .files = {{"i", 0, NULL}, {"l", 8 + 3, NULL}}};
static const struct fmnn_dataset sized = {
    .name = "sized", .title = "Sized", .files = {{"i", 16 + 3 * 4, DIGEST}, {"l", 8 + 3, NULL}}};

static struct finding finding;

static const char *verdict_of(const char *path, const struct fmnn_dataset *set, size_t file)
{
    static char line[300];
    verify_path(path, set, file, &finding);
    snprintf(line, sizeof line, "%d %s", finding.state, finding.why);
    return line;
}

static void check_state(const char *path, const struct fmnn_dataset *set, size_t file,
                        enum file_state state, const char *why)
{
    const char *got = verdict_of(path, set, file);
    ck_assert_msg(finding.state == state && strstr(finding.why, why) &&
                      (state == FILE_GOOD) == !finding.why[0],
                  "%s: %s; wanted %d %s", path, got, state, why);
}

static void pack(const char *path, const char *how, const void *bytes, size_t count)
{
    gzFile gz = gzopen(path, how);
    ck_assert_ptr_nonnull(gz);
    ck_assert_int_eq(gzwrite(gz, bytes, (unsigned)count), (int)count);
    ck_assert_int_eq(gzclose(gz), Z_OK);
}

#define SIZES(n, h, w) "\0\0\10\3" n h w
#define N0 "\0\0\0\0"
#define N1 "\0\0\0\1"
#define N2 "\0\0\0\2"
#define N3 "\0\0\0\3"
#define SIDE "\0\0\20\0"
#define ABOVE "\0\0\20\1"
#define LARGEST "\377\377\377\377"
#define FULL "\0\20\0\0"

START_TEST(files_are_told_apart)
{
    static const struct {
        const struct fmnn_dataset *set;
        size_t file;
        const char *bytes;
        size_t count;
        enum file_state state;
        const char *why;
    } row[] = {
        {&any, 0, "", 0, FILE_SHORT, "empty"},
        {&any, 0, "\x1f", 1, FILE_SHORT, "ends after 1 bytes"},
        {&any, 0, "\x1f\0\0\0", 4, FILE_DAMAGED, "neither gzip nor IDX data"},
        {&any, 0, "  \n\t", 4, FILE_DAMAGED, "neither"},
        {&any, 0, " <", 2, FILE_SHORT, "ends after 2 bytes"},
        {&any, 0, "<!--", 4, FILE_DAMAGED, "HTML"},
        {&any, 0, "<?xm", 4, FILE_DAMAGED, "HTML"},
        {&any, 0, " <htm", 5, FILE_DAMAGED, "HTML"},
        {&any, 0, "<123", 4, FILE_DAMAGED, "neither"},
        {&any, 0, "\1\0\10\3", 4, FILE_DAMAGED, "neither"},
        {&any, 0, "\0\1\10\3", 4, FILE_DAMAGED, "neither"},
        {&any, 0, "\0\0\11\3", 4, FILE_DAMAGED, "neither"},
        {&any, 0, "\0\0\10\0", 4, FILE_DAMAGED, "neither"},
        {&any, 0, "\0\0\10\11", 4, FILE_DAMAGED, "neither"},
        {&any, 0, "\0\0\10\1", 4, FILE_FOREIGN, "with 1 dimension, but images have 3"},
        {&any, 1, "\0\0\10\3", 4, FILE_FOREIGN, "with 3 dimensions, but labels have 1"},
        {&any, 0, SIZES(N1, N1, "\0\0\0"), 15, FILE_SHORT, "ends inside its header"},
        {&any, 1, "\0\0\10\1\0\0\0", 7, FILE_SHORT, "ends inside its header"},
        {&any, 1, "\0\0\10\1" N0, 8, FILE_DAMAGED, "a dimension of size 0"},
        {&any, 0, SIZES(N0, N1, N1), 16, FILE_DAMAGED, "a dimension of size 0"},
        {&any, 0, SIZES(N1, N0, N1), 16, FILE_DAMAGED, "a dimension of size 0"},
        {&any, 0, SIZES(N1, N1, N0), 16, FILE_DAMAGED, "a dimension of size 0"},
        {&any, 0, SIZES(N1, ABOVE, N1), 16, FILE_FOREIGN, "larger than 4096 x 4096"},
        {&any, 0, SIZES(N1, N1, ABOVE), 16, FILE_FOREIGN, "larger than 4096 x 4096"},
        {&any, 0, SIZES(LARGEST, SIDE, SIDE), 16, FILE_FOREIGN, "larger than 4 GiB"},
        {&any, 0, SIZES(FULL, SIDE, N1), 16, FILE_FOREIGN, "larger than 4 GiB"},
        {&any, 0, SIZES(N1, SIDE, SIDE), 16, FILE_SHORT, "ends after 16 of 16777232 bytes"},
        {&any, 0, SIZES(N1, N1, N2) "ab", 18, FILE_GOOD, ""},
        {&any, 0, SIZES(N1, N1, N2) "abc", 19, FILE_DAMAGED, "longer than the expected 18 bytes"},
        {&any, 1, "\0\0\10\1" N2 "a", 9, FILE_SHORT, "ends after 9 of 10 bytes"},
        {&labelled, 1, "\0\0\10\1" N2 "ab", 10, FILE_FOREIGN, "of 2 labels, but Labelled has 3"},
        {&labelled, 1, "\0\0\10\1" N3 "abc", 11, FILE_GOOD, ""},
        {&labelled, 0, SIZES(N2, N1, N1) "ab", 18, FILE_FOREIGN, "Labelled has 3 labels"},
        {&labelled, 0, SIZES(N3, N1, N1) "abc", 19, FILE_GOOD, ""},
        {&sized, 0, SIZES(N2, N2, N2) "abcdefgh", 24, FILE_FOREIGN, "Sized has 3 of 4 pixels"},
        {&sized, 0, SIZES(N3, N1, N2) "abcdef", 22, FILE_FOREIGN, "3 images of 1 x 2, but Sized"},
        {&sized, 0, SIZES(N3, N2, N2) "abcdefghijkl", 28, FILE_UNKNOWN, "its SHA-256 is"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        put_file("file", row[i].bytes, row[i].count);
        check_state("file", row[i].set, row[i].file, row[i].state, row[i].why);
        if (row[i].count < 4)
            continue; /* packed, these are told in other words */
        pack("file.gz", "wb", row[i].bytes, row[i].count);
        bool plain_words = strstr(row[i].why, "neither") != NULL;
        check_state("file.gz", row[i].set, row[i].file, row[i].state,
                    plain_words ? "not IDX data" : row[i].why);
    }
}
END_TEST

static const char small[] = SIZES(N1, N1, N2) "ab";
enum { SMALL = sizeof small - 1, LARGE = 16 + 300 * 300 };
static unsigned char large[LARGE];

static void put_files(void)
{
    memcpy(large, SIZES(N1, "\0\0\1\54", "\0\0\1\54"), 16);
    for (size_t i = 16; i < LARGE; i++)
        large[i] = (unsigned char)(i * i * 2654435761u >> 24 ^ i);
    put_file("plain", large, LARGE);
    pack("packed.gz", "wb0", large, LARGE); /* as long as the images: it is read in parts */
}

START_TEST(wrappings)
{
    unsigned char bytes[200];
    put_files();
    check_state("plain", &any, 0, FILE_GOOD, "");
    check_state("packed.gz", &any, 0, FILE_GOOD, "");
    put_file("a.gz", small, SMALL);
    check_state("a.gz", &any, 0, FILE_DAMAGED, "not gzip data, although");
    put_file(".gz", small, SMALL);
    check_state(".gz", &any, 0, FILE_GOOD, "");
    pack("a", "wb", small, SMALL);
    check_state("a", &any, 0, FILE_DAMAGED, "although its name does not end in .gz");
    pack("a.gz", "wb", small, 0);
    check_state("a.gz", &any, 0, FILE_SHORT, "gzip file without content");
    pack("a.gz", "wb", small, 7);
    pack("a.gz", "ab", small + 7, SMALL - 7);
    check_state("a.gz", &any, 0, FILE_GOOD, "");
    FILE *stream = fopen("a.gz", "rb");
    size_t count = stream ? fread(bytes, 1, sizeof bytes - 1, stream) : 0;
    fclose(stream);
    bytes[count] = 'x';
    put_file("a.gz", bytes, count + 1);
    check_state("a.gz", &any, 0, FILE_DAMAGED, "unexpected data after the gzip data");
    put_file("a.gz", bytes, count - 1);
    check_state("a.gz", &any, 0, FILE_SHORT, "truncated gzip data");
    put_file("a.gz", bytes, 5);
    check_state("a.gz", &any, 0, FILE_SHORT, "truncated gzip data");
    bytes[count - 7] ^= 1;
    put_file("a.gz", bytes, count);
    check_state("a.gz", &any, 0, FILE_DAMAGED, "damaged gzip data (incorrect data check)");
}
END_TEST

START_TEST(paths)
{
    put_file("file", small, SMALL);
    check_state("missing", &any, 0, FILE_MISSING, "missing");
    check_state("file/x", &any, 0, FILE_MISSING, "missing");
    check_state(".", &any, 0, FILE_UNREADABLE, "not a regular file");
    open_errno = EACCES;
    check_state("file", &any, 0, FILE_UNREADABLE, "Permission denied");
    open_errno = 0;
    fstat_errno = EIO;
    check_state("file", &any, 0, FILE_UNREADABLE, strerror(EIO));
    fstat_errno = 0;
    check_state("file", &any, 0, FILE_GOOD, "");
}
END_TEST

/* Each read fails once, then there are no more. */
START_TEST(reads_that_fail)
{
    static const char *const path[] = {"plain", "packed.gz"};
    put_files();
    for (size_t i = 0; i < 2; i++) {
        int reads = 0;
        for (;; reads++) {
            ck_assert_int_lt(reads, 20);
            reads_left = reads;
            read_errno = EINTR;
            check_state(path[i], &any, 0, FILE_GOOD, "");
            reads_left = reads;
            read_errno = EIO;
            verify_path(path[i], &any, 0, &finding);
            if (reads_left >= 0)
                break;
            ck_assert_int_eq(finding.state, FILE_UNREADABLE);
            ck_assert_str_eq(finding.why, strerror(EIO));
        }
        reads_left = -1;
        ck_assert_int_gt(reads, 3);
        check_state(path[i], &any, 0, FILE_GOOD, "");
    }
}
END_TEST

static void act_verify(void)
{
    puts(verdict_of("packed.gz", &any, 0));
}

START_TEST(inflation_that_fails)
{
    put_files();
    inflate_refused = true;
    check_trouble(act_verify, "out of memory");
    inflate_refused = false;
    inflate_status = Z_MEM_ERROR;
    check_trouble(act_verify, "out of memory");
    inflate_status = Z_STREAM_ERROR;
    check_state("packed.gz", &any, 0, FILE_DAMAGED, "damaged gzip data (stream error)");
}
END_TEST

START_TEST(sets_are_pinned_whole)
{
    struct source tiny;
    ck_assert(source_at(0, &tiny) && dataset_pinned(tiny.set));
    ck_assert(!dataset_pinned(&sized) && !dataset_pinned(&any));
}
END_TEST

/* Losses of a line, of one that wavers, of a decay, and of less. */
/* The programs' words are the library's. */
START_TEST(fits_and_filters_are_named)
{
    size_t i = 0;
    for (; fit_words[i]; i++)
        ck_assert_str_eq(fit_words[i], fmnn_fit_name((enum fmnn_fit)i));
    ck_assert_ptr_null(fmnn_fit_name((enum fmnn_fit)i));
    ck_assert_ptr_null(fmnn_fit_name((enum fmnn_fit)(i + 1)));
    for (i = 0; filter_words[i]; i++)
        ck_assert_str_eq(filter_words[i], fmnn_filter_name((enum fmnn_filter)i));
    ck_assert_ptr_null(fmnn_filter_name((enum fmnn_filter)i));
    ck_assert_ptr_null(fmnn_filter_name((enum fmnn_filter)(i + 1)));
}
END_TEST

START_TEST(a_loss_that_still_falls)
{
    double loss[40];
    size_t epochs;
    for (size_t i = 0; i < 40; i++)
        loss[i] = 2 - 0.02 * (double)i; /* from 1.4 to 1.22 in the last quarter */
    ck_assert_double_eq_tol(falling_loss(loss, 40, &epochs), 0.18 / 1.4, 1e-9);
    ck_assert_uint_eq(epochs, 10);
    loss[3] = (double)NAN; /* before the last quarter */
    ck_assert_double_gt(falling_loss(loss, 40, &epochs), 0);
    loss[33] = (double)NAN;
    ck_assert_double_eq(falling_loss(loss, 40, &epochs), 0);
    for (size_t i = 0; i < 40; i++)
        loss[i] = 2 - 0.001 * (double)i; /* little, but as fast as ever */
    ck_assert_double_eq_tol(falling_loss(loss, 40, &epochs), 0.009 / 1.97, 1e-9);
    loss[0] = 3; /* little of the whole fall */
    ck_assert_double_eq(falling_loss(loss, 40, &epochs), 0);
    for (size_t i = 0; i < 40; i++)
        loss[i] = 2 - 0.02 * (double)i + (i % 2 ? 0.5 : -0.5); /* a fall that is not clear */
    ck_assert_double_eq(falling_loss(loss, 40, &epochs), 0);
    for (size_t i = 0; i < 40; i++)
        loss[i] = 1 + 0.02 * (double)i;
    ck_assert_double_eq(falling_loss(loss, 40, &epochs), 0);
    static const double decay[] = {1, 0.5, 0.25, 0.125}, end[] = {2, 0.3, 0.2, 0.18}, none[4] = {0};
    ck_assert_double_gt(falling_loss(decay, 4, &epochs), 0.5);
    ck_assert_double_le(falling_loss(decay, 4, &epochs), 1);
    ck_assert_uint_eq(epochs, 4);
    ck_assert_double_eq(falling_loss(end, 4, &epochs), 0);
    ck_assert_double_eq(falling_loss(none, 4, &epochs), 0);
    ck_assert_double_eq(falling_loss(decay, 3, &epochs), 0);
    ck_assert_double_eq(falling_loss(decay, 0, &epochs), 0);
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("common");
    tcase_add_test(tcase, options_are_read);
    tcase_add_test(tcase, help_is_printed);
    tcase_add_test(tcase, progress_is_for_terminals);
    tcase_add_test(tcase, standard_output_that_fails);
    tcase_add_test(tcase, values_are_checked);
    tcase_add_test(tcase, kernels_are_named);
    tcase_add_test(tcase, tables_that_fail);
    tcase_add_test(tcase, nothing_there_after_all);
    tcase_add_test(tcase, data_directories);
    tcase_add_test(tcase, class_names_are_found);
    tcase_add_test(tcase, matrices);
    tcase_add_test(tcase, files_are_told_apart);
    tcase_add_test(tcase, wrappings);
    tcase_add_test(tcase, paths);
    tcase_add_test(tcase, reads_that_fail);
    tcase_add_test(tcase, inflation_that_fails);
    tcase_add_test(tcase, sets_are_pinned_whole);
    tcase_add_test(tcase, fits_and_filters_are_named);
    tcase_add_test(tcase, a_loss_that_still_falls);
    scratch_enter();
    int status = run_tests("common", tcase);
    scratch_leave();
    return status;
}
