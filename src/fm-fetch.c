/* fm-fetch.c -- gets a data set and verifies it.

   Contents: 1. Options  2. The data set  3. The directory  4. Filling the directory  5. main */
#include "fetch/fm-fetch.h"

#include <errno.h>
#include <strings.h>
#include <unistd.h>

/* ---- 1. Options ---- */

struct arguments {
    const char *data, *from;
    struct mirrors {
        const char **url; /* room for all that argv can hold; ends in NULL */
        size_t count;
    } mirrors;
    bool check, list;
    int transpose, first_label; /* -1: not given */
    struct download_settings download;
    const char *dataset;
};

static void add_mirror(const struct option_row *row, const char *url, void *target)
{
    static const char *const schemes[] = {"http://", "https://", "file://"};
    struct mirrors *mirrors = target;
    (void)row;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (!strncmp(url, schemes[i], strlen(schemes[i]))) {
            mirrors->url[mirrors->count++] = url;
            return;
        }
    usage_error("--mirror: '%s' does not begin with http://, https:// or file://", url);
}

static const char *const no_yes[] = {"no", "yes", NULL};

#define TARGET(member) OPTION_TARGET(struct arguments, member)

static const struct option_row rows[] = {
    {'d', "data", "DIR", "data directory to look in and to fill", OPTION_DIRECTORY, TARGET(data)},
    {0, "from", "DIR", "copy from this directory, without network", OPTION_DIRECTORY, TARGET(from)},
    {0, "mirror", "URL", "fetch from this URL (http, https, file); repeatable", OPTION_TEXT,
     TARGET(mirrors), .parse = add_mirror},
    {0, "transpose", NULL, "exchange rows and columns", OPTION_WORD, TARGET(transpose),
     .words = no_yes, .by_default = "yes for EMNIST"},
    {0, "first-label", "N", "first label of the files, stored as 0", OPTION_COUNT,
     TARGET(first_label), .max = 255, .by_default = "0"},
    {0, "check", NULL, "verify the files and fetch nothing", OPTION_FLAG, TARGET(check)},
    {0, "list", NULL, "list the known data sets", OPTION_FLAG, TARGET(list)},
    {0, "timeout", "SECONDS", "give up on a server that is silent this long", OPTION_COUNT,
     TARGET(download.timeout), .min = 1, .max = 86400, .initial = "30"},
    {0, "retries", "N", "try each mirror again N times", OPTION_COUNT, TARGET(download.retries),
     .max = 1000, .initial = "3"},
    {0, "retry-delay", "SECONDS", "wait before the first retry; doubled each time", OPTION_REAL,
     TARGET(download.retry_delay), .max = 3600, .initial = "1"},
    {0},
};

static const struct program program = {
    .name = "fm-fetch",
    .synopsis = "[OPTION]... [DATASET]",
    .purpose = "Get the data set, verify it, and print the paths of its files.",
    .options = rows,
    .negative = "--check found a file bad or missing",
};

/* A file in the data directory, plain or compressed. Readers prefer the plain one. */
struct place {
    char *plain, *gz;
    struct finding plain_is, gz_is; /* gz_is: only if the plain one is not good */
};

static void check_together(const struct arguments *a)
{
    static const char *const options[] = {"from", "mirror", "transpose", "first-label"};
    if (a->from && a->mirrors.count)
        usage_error("--from and --mirror exclude each other");
    for (size_t i = 0; a->check && i < sizeof options / sizeof *options; i++)
        if (option_given(options[i]))
            usage_error("--check fetches nothing, so --%s has no effect; drop one of them",
                        options[i]);
}

static struct arguments parse_arguments(int argc, char **argv)
{
    struct arguments a = {.transpose = -1, .first_label = -1};
    a.mirrors.url = xcalloc((size_t)argc + 1, sizeof *a.mirrors.url);
    char **operands = parse_options(argc, argv, &a);
    limit_operands(operands, a.list ? 0 : 1);
    a.dataset = operands[0] ? operands[0] : default_dataset;
    check_together(&a);
    return a;
}

/* ---- 2. The data set ---- */

static bool has_directory(const char *name)
{
    char *directory = user_directory(name);
    bool found = directory && access(directory, F_OK) == 0;
    free(directory);
    return found;
}

/* An unknown data set is accepted under its own name if there is a source or a directory for it. Its
   files must have the structure of the known ones. */
static struct source own_source(const char *name, const struct arguments *a,
                                const char *const *names)
{
    static const char *const nowhere[] = {NULL};
    static struct fmnn_dataset set;
    const char *nearest = fmnn_suggest(name, names);
    bool named = a->data && access(a->data, F_OK) == 0 && !nearest;
    if (!a->from && !a->mirrors.count && !named && !has_directory(name))
        option_word("DATASET", name, names); /* which ends the program */
    size_t length = strcspn(name, "/\\ \t\r\n");
    if (!length || name[length] || name[0] == '.' || name[0] == '-')
        usage_error("DATASET: '%s' cannot be the name of a directory", name);
    if (nearest && (a->from || a->mirrors.count))
        note("'%s' is not known; taken as a data set of its own, not as '%s'", name, nearest);
    set.name = set.title = name;
    for (size_t i = 0; i < FMNN_DATASET_FILES; i++)
        set.files[i].name = fmnn_dataset_at(0)->files[i].name;
    return (struct source){&set, nowhere, true};
}

static struct source find_source(const char *name, const struct arguments *a)
{
    struct source source = {0};
    const char *names[64] = {NULL};
    for (size_t i = 0; i < sizeof names / sizeof *names - 1 && source_at(i, &source); i++)
        if (!strcasecmp(names[i] = source.set->name, name)) /* many write Fashion-MNIST */
            return source;
    return own_source(name, a, names);
}

/* Makes *set a copy of the data set, with the options applied, in which sizes can be learned. */
static void adapt(struct source *source, struct fmnn_dataset *set, const struct arguments *a)
{
    *set = *source->set;
    source->set = set;
    if (dataset_pinned(set) && (a->transpose > 0 || a->first_label > 0))
        usage_error("%s is pinned to its original files; drop --transpose and --first-label",
                    set->title);
    if (a->transpose >= 0)
        set->transposed = a->transpose;
    if (a->first_label >= 0)
        set->first_label = (unsigned)a->first_label;
}

static int list_datasets(void)
{
    struct source source;
    printf("name\ttitle\tclasses\tpinned\tmirrors\n");
    for (size_t i = 0; source_at(i, &source); i++) {
        const struct fmnn_dataset *set = source.set;
        printf("%s\t%s\t%zu\t%s\t", set->name, set->title, set->class_count,
               dataset_pinned(set) ? "yes" : "no");
        for (const char *const *url = source.mirrors; *url; url++)
            printf("%s%s", url == source.mirrors ? "" : " ", *url);
        printf("\n");
    }
    return 0;
}

/* ---- 3. The directory ---- */

/* A data set may have any sizes, but its files must agree with each other. */
static void learn_sizes(struct fmnn_dataset *set, size_t file, const struct finding *is)
{
    struct fmnn_dataset_file *images = &set->files[file & ~(size_t)1], *labels = images + 1;
    if (is->state != FILE_GOOD)
        return;
    labels->bytes = 8 + is->rows;
    if (file % 2 == 0)
        images->bytes = 16 + is->rows * is->pixels;
}

static void survey(const char *directory, struct fmnn_dataset *set, struct place places[])
{
    for (size_t i = 0; i < FMNN_DATASET_FILES; i++) {
        struct place *p = &places[i];
        p->plain = path_in(directory, set->files[i].name, "");
        p->gz = path_in(directory, set->files[i].name, ".gz");
        verify_path(p->plain, set, i, &p->plain_is);
        p->gz_is = p->plain_is;
        if (p->plain_is.state != FILE_GOOD)
            verify_path(p->gz, set, i, &p->gz_is);
        learn_sizes(set, i, &p->gz_is);
    }
}

static void forget(struct place places[])
{
    for (size_t i = 0; i < FMNN_DATASET_FILES; i++) {
        free(places[i].plain);
        free(places[i].gz);
    }
}

/* The file that a reader would open, and its state. */
static const char *read_path(const struct place *place)
{
    return place->plain_is.state == FILE_MISSING ? place->gz : place->plain;
}

static const struct finding *read_finding(const struct place *place)
{
    return place->plain_is.state == FILE_MISSING ? &place->gz_is : &place->plain_is;
}

static bool all_good(const struct place places[])
{
    for (size_t i = 0; i < FMNN_DATASET_FILES; i++)
        if (read_finding(&places[i])->state != FILE_GOOD)
            return false;
    return true;
}

static int report(const struct fmnn_dataset *set, const struct place places[])
{
    int status = 0;
    for (size_t i = 0; i < FMNN_DATASET_FILES; i++) {
        const char *path = read_path(&places[i]);
        const struct finding *is = read_finding(&places[i]);
        if (is->state == FILE_UNREADABLE) {
            warn("%s: %s", path, is->why);
            status = EXIT_TROUBLE;
        } else if (is->state != FILE_GOOD) {
            printf("%s: %s\n", path, is->why);
            status = status ? status : EXIT_NEGATIVE;
        } else {
            printf("%s: OK%s\n", path,
                   set->files[i].sha256 ? "" : ", but not pinned: its content was not verified");
        }
    }
    return status;
}

static int print_paths(const struct fmnn_dataset *set, const struct place places[])
{
    if (!dataset_pinned(set))
        note("%s is not pinned: only the structure of its files was verified", set->title);
    for (size_t i = 0; i < FMNN_DATASET_FILES; i++)
        printf("%s\n", read_path(&places[i]));
    return 0;
}

/* ---- 4. Filling the directory ---- */

/* A file of the right shape with other content may belong to an unknown data set, or be a damaged
   file of the wanted one. The latter is assumed only beside other files of the wanted data set. */
static void refuse_foreign(const struct fmnn_dataset *set, const struct place places[])
{
    bool company = false;
    for (size_t i = 0; i < FMNN_DATASET_FILES; i++) {
        enum file_state plain = places[i].plain_is.state, gz = places[i].gz_is.state;
        company |= gz == FILE_GOOD || gz == FILE_OUTDATED || plain == FILE_OUTDATED;
    }
    for (size_t i = 0; i < 2 * FMNN_DATASET_FILES; i++) {
        const struct place *p = &places[i / 2];
        const struct finding *is = i % 2 ? &p->gz_is : &p->plain_is;
        const char *path = i % 2 ? p->gz : p->plain;
        if (is->state == FILE_UNREADABLE)
            die("%s: %s", path, is->why);
        if (is->state == FILE_FOREIGN || (is->state == FILE_UNKNOWN && !company))
            die("%s: %s; not overwritten: move it away, or choose another directory for %s", path,
                is->why, set->title);
    }
}

static void report_replaced(const struct place *place)
{
    const struct finding *is = read_finding(place);
    if (is->state != FILE_MISSING)
        note("%s: %s; replacing it", read_path(place), is->why);
}

/* Gets one file, unless a good compressed one is only hidden by a bad plain one. */
static void replace(const char *directory, const struct source *source, struct fmnn_dataset *set,
                    size_t file, const struct arguments *a, struct downloader *downloader,
                    const struct place *place)
{
    struct finding plain;
    report_replaced(place);
    if (place->gz_is.state != FILE_GOOD) {
        if (a->from)
            copy_file(a->from, directory, source, file);
        else
            download_file(downloader, directory, source, file);
    }
    verify_path(place->plain, source->set, file, &plain); /* the new file may be plain */
    if (plain.state != FILE_GOOD && plain.state != FILE_MISSING && unlink(place->plain) != 0)
        die_errno("%s", place->plain);
    if (set->files[file].bytes)
        return;
    if (plain.state != FILE_GOOD)
        verify_path(place->gz, set, file, &plain);
    learn_sizes(set, file, &plain);
}

static void fill(const char *directory, const struct source *source, struct fmnn_dataset *set,
                 const struct arguments *a, const struct place places[])
{
    const char *const *mirrors = a->mirrors.count ? a->mirrors.url : source->mirrors;
    struct downloader *downloader = NULL;
    size_t last = 0;
    if (!a->from && !mirrors[0])
        die("%s: no mirror is known; name one with --mirror URL, or a directory with --from DIR",
            source->set->name);
    if (!a->from)
        downloader = downloader_new(mirrors, &a->download);
    for (size_t i = 0; i < FMNN_DATASET_FILES; i++)
        if (read_finding(&places[i])->state != FILE_GOOD)
            last = i;
    for (size_t i = 0; i < FMNN_DATASET_FILES; i++) {
        if (i == last) /* a complete data set has its names, even if we are killed */
            write_class_names(directory, set, a->from);
        if (read_finding(&places[i])->state != FILE_GOOD)
            replace(directory, source, set, i, a, downloader, &places[i]);
    }
    downloader_free(downloader);
}

/* The directory to fill: the first that readers look in. */
static char *home_of(const char *option, const char *dataset)
{
    const char *environment = getenv("FMNN_DATA");
    if (option || (environment && environment[0]))
        return dataset_directory(option, dataset);
    char *path = user_directory(dataset);
    if (!path)
        die("there is no home directory for %s; name a directory with -d DIR", dataset);
    return path;
}

/* Removed if it stays empty: an empty directory would hide the system's from readers. */
static char *made;

static void remove_made(void)
{
    if (made)
        rmdir(made);
}

static int fill_home(const struct source *source, struct fmnn_dataset *set,
                     const struct arguments *a)
{
    struct place places[FMNN_DATASET_FILES];
    char *home = home_of(a->data, source->set->name);
    if (access(home, F_OK) != 0) {
        made = home;
        atexit(remove_made);
    }
    make_directories(home);
    survey(home, set, places);
    refuse_foreign(set, places);
    fill(home, source, set, a, places);
    forget(places);
    survey(home, set, places);
    if (!all_good(places))
        die("%s: the files changed while they were being fetched; try again", home);
    int status = print_paths(set, places);
    forget(places);
    made = NULL;
    free(home);
    return status;
}

static int fetch(const struct source *source, struct fmnn_dataset *set, const struct arguments *a)
{
    struct place places[FMNN_DATASET_FILES];
    char *directory = dataset_directory(a->data, source->set->name);
    if (!directory)
        directory = home_of(a->data, source->set->name);
    struct fmnn_dataset known = *set; /* its sizes do not apply to another directory */
    survey(directory, &known, places);
    free(directory);
    bool good = all_good(places);
    int status = 0;
    if (a->check)
        status = report(&known, places);
    else if (good)
        status = print_paths(&known, places);
    forget(places);
    return a->check || good ? status : fill_home(source, set, a);
}

/* ---- 5. main ---- */

int main(int argc, char **argv)
{
    program_start(&program);
    struct arguments arguments = parse_arguments(argc, argv);
    int status;
    if (arguments.list) {
        status = list_datasets();
    } else {
        struct fmnn_dataset set;
        struct source source = find_source(arguments.dataset, &arguments);
        adapt(&source, &set, &arguments);
        status = fetch(&source, &set, &arguments);
    }
    free(arguments.mirrors.url);
    return status;
}
