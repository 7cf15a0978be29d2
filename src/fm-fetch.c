/* fm-fetch.c -- gets a data set and verifies it.

   Contents: 1. Options  2. The data set  3. The directory  4. Filling the directory
             5. Importing  6. main */
#include "fetch/fm-fetch.h"
#include "fetch/import.h"

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
    struct fmnn_shape size; /* of images; 0: not given */
    unsigned channels;      /* 0: not given */
    struct fitting fitting;
    struct bad_images bad;
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
static const char *const channels[] = {"1", "3", NULL};

#define TARGET(member) OPTION_TARGET(struct arguments, member)

static const struct option_row rows[] = {
    {'d', "data", "DIR", "data directory to look in and to fill", OPTION_DIRECTORY, TARGET(data)},
    {0, "from", "SOURCE", "take it from this directory, table or archive", OPTION_FILE,
     TARGET(from)},
    {0, "mirror", "URL", "fetch from this URL (http, https, file); repeatable", OPTION_TEXT,
     TARGET(mirrors), .parse = add_mirror},
    {0, "transpose", NULL, "exchange rows and columns", OPTION_WORD, TARGET(transpose),
     .words = no_yes, .by_default = "yes for EMNIST"},
    {0, "first-label", "N", "first label of the files, stored as 0", OPTION_COUNT,
     TARGET(first_label), .max = 255, .by_default = "0; emnist-letters: 1"},
    {0, "check", NULL, "verify the files and fetch nothing", OPTION_FLAG, TARGET(check)},
    {0, "list", NULL, "list the known data sets", OPTION_FLAG, TARGET(list)},
    {0, "timeout", "SECONDS", "give up on a server that is silent this long", OPTION_COUNT,
     TARGET(download.timeout), .min = 1, .max = 86400, .initial = "30"},
    {0, "retries", "N", "try each mirror again N times", OPTION_COUNT, TARGET(download.retries),
     .max = 1000, .initial = "3"},
    {0, "retry-delay", "SECONDS", "wait before the first retry; doubled each time", OPTION_REAL,
     TARGET(download.retry_delay), .max = 3600, .initial = "1"},
    {.help = "How --from makes images"},
    {0, "size", "HxW", "height and width of the images", OPTION_TEXT, TARGET(size),
     .parse = parse_image_size, .by_default = "that of the images"},
    {0, "channels", NULL, "gray (1) or colour (3)", OPTION_WORD, TARGET(channels),
     .words = channels, .by_default = "by the images"},
    FITTING_ROWS(struct arguments, fitting, NULL),
    {0, "skip-bad", NULL, "skip images that cannot be read; exit with 1", OPTION_FLAG,
     TARGET(bad.skip)},
    {0},
};

static const char *const *set_names(void)
{
    enum { MAX_SETS = 32 };
    static const char *names[MAX_SETS + 1];
    const struct fmnn_dataset *set;
    for (size_t i = 0; i < MAX_SETS && (set = fmnn_dataset_at(i)) != NULL; i++)
        names[i] = set->name;
    return names;
}

static const struct program program = {
    .name = "fm-fetch",
    .operands = set_names,
    .synopsis = "[OPTION]... [DATASET]",
    .purpose = "Get the data set, verify it, and print the paths of its files.",
    .options = rows,
    .negative = "files bad or missing (--check, --skip-bad)",
};

/* A file in the data directory, plain or compressed. Readers prefer the plain one. */
struct place {
    char *plain, *gz;
    struct finding plain_is, gz_is; /* gz_is: only if the plain one is not good */
};

static void check_together(const struct arguments *a)
{
    enum { FIRST_OF_FROM = 4 }; /* options that only --from has */
    static const char *const options[] = {"from",   "mirror",     "transpose", "first-label",
                                          "size",   "fit",        "channels",  "filter",
                                          "invert", "background", "skip-bad"};
    if (a->from && a->mirrors.count)
        usage_error("--from and --mirror exclude each other");
    for (size_t i = FIRST_OF_FROM; !a->from && i < sizeof options / sizeof *options; i++)
        if (option_given(options[i]) && !a->check)
            usage_error("--%s needs --from", options[i]);
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
    a.dataset = operands[0];
    check_together(&a);
    if (option_given("channels"))
        a.channels = a.channels ? 3 : 1;
    if (a.from && access(a.from, F_OK) != 0)
        die_errno("%s", a.from);
    return a;
}

/* ---- 2. The data set ---- */

/* Whether -d or FMNN_DATA names a directory that is there. */
static bool is_named(const struct arguments *a)
{
    const char *environment = getenv("FMNN_DATA");
    const char *directory = a->data ? a->data : environment;
    return directory && directory[0] && access(directory, F_OK) == 0;
}

static bool has_directory(const char *name)
{
    char *directory = user_directory(name);
    bool found = directory && access(directory, F_OK) == 0;
    free(directory);
    return found;
}

/* A name such as "emnist", with which the names of several data sets begin. */
static void refuse_family(const char *name, const char *const *names)
{
    char list[512] = "";
    size_t length = strlen(name), used = 0, count = 0;
    for (; *names && used < sizeof list; names++)
        if (!strncasecmp(*names, name, length) && (*names)[length] == '-' && length > 3) {
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", count++ ? ", " : "",
                                     *names);
        }
    if (count > 1)
        usage_error("DATASET: '%s' is not one data set; name one of %s", name, list);
}

/* An unknown data set is accepted under its own name if there is a source or a directory for it.
   Its files must have the structure of the known ones. */
static struct source own_source(const char *name, const struct arguments *a,
                                const char *const *names)
{
    static const char *const nowhere[] = {NULL};
    static struct fmnn_dataset set;
    const char *nearest = fmnn_suggest(name, names);
    if (!a->from && !a->mirrors.count)
        refuse_family(name, names);
    bool named = is_named(a) && !nearest;
    bool refused = !a->from && !a->mirrors.count && !named && !has_directory(name);
    if (refused && !nearest && access(name, F_OK) == 0)
        usage_error("DATASET: '%s' is a file or a directory: --from reads one, -d names where the "
                    "data set is or goes",
                    name);
    if (refused)
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

/* Whether the source is the default data set: its training images have the right sizes. If no
   directory is named, which an own data set needs, any file of that name counts. */
static bool is_default(const char *from, bool own)
{
    struct source source = {0};
    uint64_t n[3];
    for (size_t i = 0; source_at(i, &source) && strcmp(source.set->name, default_dataset) != 0; i++)
        ;
    char *path = is_directory(from) ? local_file(from, &source, 0) : NULL;
    bool is = path && (!own || (bytes_are_idx(path, 3, n) &&
                                16 + n[0] * n[1] * n[2] == source.set->files[0].bytes));
    free(path);
    return is;
}

/* Without a name: the default data set, or one that is called like its directory. */
static char *name_of(const struct arguments *a)
{
    if (a->dataset || !a->from || is_default(a->from, a->data))
        return text_format("%s", a->dataset ? a->dataset : default_dataset);
    if (!a->data)
        usage_error("--from: name the directory to fill with -d DIR, or the data set");
    size_t length = strlen(a->data);
    while (length > 1 && a->data[length - 1] == '/')
        length--;
    size_t from = length;
    while (from && a->data[from - 1] != '/')
        from--;
    bool name = length > from && !strchr(".-", a->data[from]) &&
                strcspn(a->data + from, " \t\r\n\\") >= length - from;
    return name ? text_format("%.*s", (int)(length - from), a->data + from)
                : text_format("imported");
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

enum { TRAIN_IMAGES = 0, TEST_IMAGES = 2, TEST_LABELS };

/* The shape that a file must have; height 0: any. */
static struct fmnn_shape expected_shape(size_t file, struct fmnn_shape training)
{
    return file == TEST_IMAGES ? training : (struct fmnn_shape){0};
}

static void survey(const char *directory, struct fmnn_dataset *set, struct place places[])
{
    struct fmnn_shape training = {0};
    for (size_t i = 0; i < FMNN_DATASET_FILES; i++) {
        struct place *p = &places[i];
        p->plain = path_in(directory, set->files[i].name, "");
        p->gz = path_in(directory, set->files[i].name, ".gz");
        verify_path(p->plain, set, i, &p->plain_is);
        verify_shape(expected_shape(i, training), &p->plain_is);
        p->gz_is = p->plain_is;
        if (p->plain_is.state != FILE_GOOD) {
            verify_path(p->gz, set, i, &p->gz_is);
            verify_shape(expected_shape(i, training), &p->gz_is);
        }
        learn_sizes(set, i, &p->gz_is);
        if (i == TRAIN_IMAGES && p->gz_is.state == FILE_GOOD)
            training = p->gz_is.shape;
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

static bool all_good(const struct place places[], size_t files)
{
    for (size_t i = 0; i < files; i++)
        if (read_finding(&places[i])->state != FILE_GOOD)
            return false;
    return true;
}

/* A file that is missing may be there under another name, which readers do not know. */
static void report_missing(const char *directory, const struct source *source, size_t file,
                           const char *path)
{
    char *other = local_file(directory, source, file);
    if (other)
        printf("%s: missing, but there is %s; fm-fetch --from makes a data set of such files\n",
               path, other);
    else
        printf("%s: missing\n", path);
    free(other);
}

static int report(const char *directory, const struct source *source,
                  const struct fmnn_dataset *set, const struct place places[])
{
    int status = 0;
    for (size_t i = 0; i < FMNN_DATASET_FILES; i++) {
        const char *path = read_path(&places[i]);
        const struct finding *is = read_finding(&places[i]);
        if (is->state == FILE_MISSING) {
            report_missing(directory, source, i, path);
            status = status ? status : EXIT_NEGATIVE;
        } else if (is->state == FILE_UNREADABLE) {
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

static int print_paths(const struct fmnn_dataset *set, const struct place places[], size_t files)
{
    if (!dataset_pinned(set))
        note("%s is not pinned: only the structure of its files was verified", set->title);
    for (size_t i = 0; i < files; i++)
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
    if (is->state != FILE_MISSING && is->state != FILE_GOOD)
        note("%s: %s; replacing it", read_path(place), is->why);
}

struct filling {
    const char *directory;
    const struct source *source;
    struct fmnn_dataset *set; /* learns sizes */
    const char *from;         /* NULL: from mirrors */
    struct downloader *downloader;
    struct fmnn_shape training; /* of the training images, before conversion; height 0: unknown */
    unsigned max_label;         /* before conversion */
};

/* Learns from a file as it comes what the next ones must have. */
static void learn(struct filling *f, size_t file, const struct finding *is)
{
    learn_sizes(f->set, file, is);
    if (file == TRAIN_IMAGES)
        f->training = is->shape;
    if (is->max_label > f->max_label)
        f->max_label = is->max_label;
}

/* The same from training images that are in place, and converted. */
static void learn_shape(struct filling *f, const struct place *place)
{
    struct fmnn_shape is = place->gz_is.shape;
    bool turned = f->set->transposed;
    if (place->gz_is.state == FILE_GOOD)
        f->training = (struct fmnn_shape){is.channels, turned ? is.width : is.height,
                                          turned ? is.height : is.width};
}

/* Puts a staged file in place, if there is one, and removes a bad plain file, which would hide a
   good compressed one. */
static void put_in_place(const struct filling *f, size_t file, struct stage *stage,
                         const struct place *place)
{
    struct finding plain;
    if (stage)
        stage_commit(stage);
    if (read_finding(place)->state == FILE_GOOD)
        return;
    verify_path(place->plain, f->set, file, &plain); /* the new file may be plain */
    if (plain.state != FILE_GOOD && plain.state != FILE_MISSING && unlink(place->plain) != 0)
        die_errno("%s", place->plain);
}

/* An own data set on mirrors need not have a test set. */
static bool may_lack_test(const struct filling *f, const struct place places[])
{
    return !f->set->class_count && read_finding(&places[TEST_IMAGES])->state == FILE_MISSING &&
           read_finding(&places[TEST_LABELS])->state == FILE_MISSING;
}

/* A complete data set has its class names, even if we are killed: they are written before its last
   file. */
static bool is_last(const struct place places[], size_t file)
{
    size_t last = 0;
    for (size_t i = 0; i < FMNN_DATASET_FILES; i++)
        if (read_finding(&places[i])->state != FILE_GOOD)
            last = i;
    return file == last;
}

static void put_all_in_place(const struct filling *f, struct stage *stage[],
                             const struct place places[], const struct fmnn_names *names)
{
    for (size_t i = 0; i < FMNN_DATASET_FILES; i++) {
        if (is_last(places, i))
            write_class_names(f->directory, f->set, names);
        put_in_place(f, i, stage[i], &places[i]);
    }
}

/* A file from a mirror; NULL: it is optional, and there is none. */
static struct stage *download(struct filling *f, size_t file, const struct place *place,
                              bool optional, bool lacks_images)
{
    struct finding original;
    optional = optional && (file == TEST_IMAGES || lacks_images);
    struct stage *stage = stage_download(f->downloader, f->directory, f->source, file,
                                         expected_shape(file, f->training), optional, &original);
    if (stage && lacks_images)
        die("%s: there are labels of test images, but no mirror has the images", place->gz);
    if (stage)
        learn(f, file, &original);
    return stage;
}

/* Each file appears when it is whole, so that a later run need not fetch it again. But no converted
   one appears before all are, because the later run may convert in another way. Returns the number
   of files that the data set has: fewer without a test set. */
static size_t download_all(struct filling *f, const struct place places[])
{
    bool optional = may_lack_test(f, places), lacks_images = false;
    bool together = f->set->transposed || f->set->first_label;
    struct stage *stage[FMNN_DATASET_FILES] = {NULL};
    struct fmnn_names *names = find_class_names(f->set, NULL);
    learn_shape(f, &places[TRAIN_IMAGES]);
    for (size_t i = 0; i < FMNN_DATASET_FILES; i++) {
        if (!together && is_last(places, i))
            write_class_names(f->directory, f->set, names);
        report_replaced(&places[i]);
        if (places[i].gz_is.state != FILE_GOOD) {
            stage[i] = download(f, i, &places[i], optional, lacks_images);
            lacks_images |= !stage[i];
        }
        if (!together)
            put_in_place(f, i, stage[i], &places[i]);
    }
    if (together)
        put_all_in_place(f, stage, places, names);
    if (lacks_images)
        note("%s: the mirrors have no test images, only training images", f->directory);
    fmnn_names_free(names);
    return lacks_images ? TEST_IMAGES : FMNN_DATASET_FILES;
}

/* A file of a data set that is not pinned may be another one's, or converted in another way. It
   stays only if the source gives the same. */
static void compare(const struct filling *f, struct stage *stage, const struct place *place)
{
    struct finding is;
    stage_verify(stage, &is);
    if (strcmp(is.sha256, place->gz_is.sha256) != 0)
        die("%s: is already there, and not what comes from %s; it is not overwritten: move it "
            "away, or choose another directory",
            place->plain_is.state == FILE_GOOD ? place->plain : place->gz, f->from);
}

/* A file of the source, ready to be put in place; NULL: a good one is there already. */
static struct stage *stage_file(struct filling *f, size_t file, const struct place *place)
{
    struct finding original;
    bool there = place->gz_is.state == FILE_GOOD;
    report_replaced(place);
    if (there && f->set->files[file].sha256)
        return NULL;
    struct stage *stage = stage_copy(f->from, f->directory, f->source, file,
                                     expected_shape(file, f->training), &original);
    learn(f, file, &original);
    if (!there)
        return stage;
    compare(f, stage, place);
    stage_abandon(stage);
    return NULL;
}

/* The names of a known data set are complete. */
static void check_names(const struct filling *f, const struct fmnn_names *names)
{
    if (!f->set->class_count && names && f->max_label >= names->count + f->set->first_label)
        die("%s: there are %zu class names, but label %u", f->from, names->count, f->max_label);
}

/* No file appears before all are known to be good, so that a failed run leaves none behind. */
static void copy_all(struct filling *f, const struct place places[])
{
    struct stage *stage[FMNN_DATASET_FILES];
    struct fmnn_names *names = find_class_names(f->set, f->from);
    for (size_t i = 0; i < FMNN_DATASET_FILES; i++)
        stage[i] = stage_file(f, i, &places[i]);
    check_names(f, names);
    put_all_in_place(f, stage, places, names);
    fmnn_names_free(names);
}

static size_t fill_from(const char *directory, const struct source *source,
                        struct fmnn_dataset *set, const struct arguments *a,
                        const struct place places[])
{
    const char *const *mirrors = a->mirrors.count ? a->mirrors.url : source->mirrors;
    struct filling filling = {
        .directory = directory, .source = source, .set = set, .from = a->from};
    if (a->from) {
        copy_all(&filling, places);
        return FMNN_DATASET_FILES;
    }
    if (!mirrors[0])
        die("%s: no mirror is known; name one with --mirror URL, or a directory with --from DIR",
            source->set->name);
    filling.downloader = downloader_new(mirrors, &a->download);
    size_t files = download_all(&filling, places);
    downloader_free(filling.downloader);
    return files;
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

/* Removed if it stays empty, so that a failed fetch leaves nothing behind, together with the
   directories above it that were made: all that is longer than made_from. */
static char *made;
static size_t made_from;

static void remove_made(void)
{
    while (made && strlen(made) > made_from && rmdir(made) == 0) {
        char *slash = strrchr(made, '/');
        if (!slash)
            break;
        *slash = 0;
    }
}

/* The length of the part of a path that exists. */
static size_t existing_length(const char *path)
{
    char *part = text_format("%s", path);
    size_t length = strlen(part);
    while (length && access(part, F_OK) != 0) {
        while (length && part[--length] != '/')
            ;
        part[length] = 0;
    }
    free(part);
    return length;
}

static char *make_home(const struct source *source, const struct arguments *a)
{
    char *home = home_of(a->data, source->set->name);
    if (access(home, F_OK) != 0) {
        made = home;
        made_from = existing_length(home);
        atexit(remove_made);
    }
    make_directories(home);
    return home;
}

static int fill_home(const struct source *source, struct fmnn_dataset *set,
                     const struct arguments *a)
{
    struct place places[FMNN_DATASET_FILES];
    struct fmnn_dataset there = *set;
    char *home = make_home(source, a);
    survey(home, &there, places);
    refuse_foreign(set, places);
    if (!a->from)
        *set = there; /* files of mirrors complete these, and must fit them */
    size_t files = fill_from(home, source, set, a, places);
    forget(places);
    survey(home, set, places);
    if (!all_good(places, files))
        die("%s: the files changed while they were being fetched; try again", home);
    int status = print_paths(set, places, files);
    forget(places);
    made = NULL;
    free(home);
    return status;
}

/* ---- 5. Importing */

/* Whether four files of unsigned bytes are there, which can be copied as they are. */
static bool can_copy(const struct source *source, const char *from)
{
    bool good = true;
    uint64_t size[3];
    for (size_t i = 0; good && i < FMNN_DATASET_FILES; i++) {
        char *path = local_file(from, source, i);
        good = path && bytes_are_idx(path, i % 2 ? 1 : 3, size) && !bytes_are_padded(path);
        free(path);
    }
    return good;
}

/* A pinned data set has one form. Of a known one, or of files that can be copied, copy_file() says
   what is missing or wrong. */
static bool must_import(const struct source *source, const struct import_settings *settings)
{
    if (dataset_pinned(source->set) || can_copy(source, settings->from))
        return false;
    return can_import(settings) || !source->set->class_count;
}

static int import_home(const struct source *source, struct import_settings *settings,
                       const struct arguments *a)
{
    char *home = make_home(source, a);
    settings->directory = home;
    import_source(settings);
    made = NULL;
    free(home);
    return bad_images_status(settings->bad);
}

/* Fetches the files to be imported as temporaries: files of these names may be the user's. */
static void fetch_packed(const struct source *source, const struct fmnn_dataset *packed,
                         const char *home, const struct arguments *a, struct stage **stage)
{
    const char *const *mirrors = a->mirrors.count ? a->mirrors.url : source->mirrors;
    struct source published = {packed, mirrors, false};
    struct downloader *downloader = downloader_new(mirrors, &a->download);
    for (size_t i = 0; i < FMNN_DATASET_FILES && packed->files[i].name; i++)
        if ((stage[i] = download_hidden(downloader, home, &published, i)) != NULL)
            messages_rename(stage_path(stage[i]), packed->files[i].name);
    downloader_free(downloader);
}

static int fetch_and_import(const struct source *source, const struct fmnn_dataset *packed,
                            struct import_settings *settings, const struct arguments *a)
{
    struct stage *stage[FMNN_DATASET_FILES] = {NULL};
    char *home = make_home(source, a);
    fetch_packed(source, packed, home, a, stage);
    for (size_t i = 0; i < FMNN_DATASET_FILES && stage[i]; i++)
        settings->fetched[i] = stage_path(stage[i]);
    settings->from = settings->directory = home;
    import_source(settings);
    for (size_t i = 0; i < FMNN_DATASET_FILES && stage[i]; i++)
        stage_abandon(stage[i]);
    made = NULL;
    free(home);
    return 0;
}

static int take(const struct source *source, struct fmnn_dataset *set, struct arguments *a)
{
    struct import_settings settings = {.from = a->from,
                                       .name = source->set->name,
                                       .known = source->set->class_count ? source->set : NULL,
                                       .transpose = source->set->transposed,
                                       .first_label = source->set->first_label,
                                       .size = a->size,
                                       .channels = a->channels,
                                       .fitting = a->fitting,
                                       .bad = &a->bad};
    const struct fmnn_dataset *packed = a->from ? NULL : packed_form(source->set->name);
    if (packed)
        return fetch_and_import(source, packed, &settings, a);
    if (a->from && must_import(source, &settings))
        return import_home(source, &settings, a);
    const char *option = a->size.height ? "size" : folder_option();
    if (option)
        usage_error("--%s: the files of %s are copied as they are", option, source->set->title);
    return fill_home(source, set, a);
}

static int fetch(const struct source *source, struct fmnn_dataset *set, struct arguments *a)
{
    struct place places[FMNN_DATASET_FILES];
    char *directory = dataset_directory(a->data, source->set->name);
    if (!directory)
        directory = home_of(a->data, source->set->name);
    struct fmnn_dataset known = *set; /* its sizes do not apply to another directory */
    survey(directory, &known, places);
    bool good = all_good(places, FMNN_DATASET_FILES);
    if (good && a->from && !dataset_pinned(set))
        note("%s: the files are there already; nothing is taken from %s", directory, a->from);
    int status = 0;
    if (a->check)
        status = report(directory, source, &known, places);
    else if (good)
        status = print_paths(&known, places, FMNN_DATASET_FILES);
    free(directory);
    forget(places);
    return a->check || good ? status : take(source, set, a);
}

/* ---- 6. main ---- */

int main(int argc, char **argv)
{
    program_start(&program);
    struct arguments arguments = parse_arguments(argc, argv);
    int status;
    if (arguments.list) {
        status = list_datasets();
    } else {
        struct fmnn_dataset set;
        char *name = name_of(&arguments);
        struct source source = find_source(name, &arguments);
        adapt(&source, &set, &arguments);
        status = fetch(&source, &set, &arguments);
        free(name);
    }
    free(arguments.mirrors.url);
    return status;
}
