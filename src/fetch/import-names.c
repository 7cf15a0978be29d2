/* import-names.c -- what the name of a file says: of which part it is, and of which data set. */
#include "fetch/fm-fetch.h"
#include "fetch/import.h"

#include <ctype.h>
#include <strings.h>

enum { NO_PART = -1 };

/* A set for validation is not read; its word only says that "contest_valid" is no test set. */
static const struct {
    const char *word;
    int part;
} words[] = {
    {"train", IMPORT_TRAIN},  {"training", IMPORT_TRAIN}, {"test", IMPORT_TEST},
    {"testing", IMPORT_TEST}, {"t10k", IMPORT_TEST},      {"valid", NO_PART},
    {"val", NO_PART},         {"validation", NO_PART},
};
enum { WORDS = sizeof words / sizeof *words };

static bool is_in_word(char c)
{
    return isalnum((unsigned char)c);
}

/* The last word of the name that stands for a part: the prefix may have such a word, too. False:
   there is none of the words. */
static bool find_word(const char *name, struct part_name *found)
{
    bool any = false;
    found->part = NO_PART;
    for (const char *c = name; *c; c++)
        for (size_t i = 0; i < WORDS && (c == name || !is_in_word(c[-1])); i++) {
            size_t length = strlen(words[i].word);
            if (strncasecmp(c, words[i].word, length) != 0 || is_in_word(c[length]))
                continue;
            any = true;
            if (words[i].part == NO_PART)
                continue;
            found->part = words[i].part;
            found->prefix = (size_t)(c - name);
        }
    return any;
}

/* The same within a word, as in "mnisttrain". "contest" and "latest" contain "test" by chance, so
   "train" counts first. */
static void find_within(const char *name, struct part_name *found)
{
    for (size_t i = 0; i < WORDS && found->part == NO_PART; i++) {
        const char *at = words[i].part == NO_PART ? NULL : strcasestr(name, words[i].word);
        if (at) {
            found->part = words[i].part;
            found->prefix = (size_t)(at - name);
        }
    }
}

static bool is_own(const char *name, const struct part_name *is, const char *set)
{
    size_t length = strlen(set);
    return is->prefix == length + 1 && !strncasecmp(name, set, length) &&
           (name[length] == '-' || name[length] == '_');
}

/* A data set can be called "test" or "train": its name is a prefix only if a part follows. The part
   can come after what the file contains, as in "images-train". */
struct part_name part_name(const char *name, const struct import_settings *s)
{
    static const char *const contents[] = {"images", "labels"};
    struct part_name is = {0};
    if (!find_word(name, &is))
        find_within(name, &is);
    if (is.part == NO_PART)
        return is;
    if (is_own(name, &is, s->name)) {
        is.kind = OWN_PREFIX;
        return is;
    }
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        const char *at = strstr(name, contents[i]);
        if (at && (size_t)(at - name) < is.prefix)
            is.prefix = (size_t)(at - name);
    }
    is.kind = is.prefix ? OTHER_PREFIX : NO_PREFIX;
    return is;
}

void keep_names(char **list, keep_name *keep, const struct import_settings *s, bool flag)
{
    size_t kept = 0;
    for (char **name = list; name && *name; name++)
        if (keep(*name, s, flag))
            list[kept++] = *name;
        else
            free(*name);
    if (list)
        list[kept] = NULL;
}

/* The known data set whose name the prefix is; NULL: none. */
static const struct fmnn_dataset *set_of_prefix(const char *name, size_t prefix)
{
    const struct fmnn_dataset *set;
    for (size_t i = 0; (set = fmnn_dataset_at(i)) != NULL; i++)
        if (strlen(set->name) + 1 == prefix && !strncasecmp(set->name, name, prefix - 1))
            return set;
    return NULL;
}

/* An unknown data set can have files of a known one, unless they must be corrected. */
static void refuse_known(const struct import_settings *s, const char *name, size_t prefix)
{
    const struct fmnn_dataset *set = set_of_prefix(name, prefix);
    if (set && (s->known || set->transposed || set->first_label))
        die("%s/%s: by its name, a file of %s, not of %s; to take it, name the data set %s",
            s->from, name, set->title, s->known ? s->known->title : s->name, set->name);
}

void refuse_mixture(const struct import_settings *s, const char *const *names, size_t count)
{
    const char *first = NULL;
    size_t prefix = 0;
    for (size_t i = 0; i < count; i++) {
        struct part_name is = part_name(names[i], s);
        if (is.kind != OTHER_PREFIX)
            continue;
        if (first && (is.prefix != prefix || strncmp(names[i], first, prefix) != 0))
            die("%s: contains files of several data sets, such as %s and %s; name one of them, or "
                "move the others away",
                s->from, first, names[i]);
        if (!first) {
            first = names[i];
            prefix = is.prefix;
        }
    }
    if (first)
        refuse_known(s, first, prefix);
}

/* A known data set needs no list of EMNIST's form. */
struct fmnn_names *names_of_source(const struct import_settings *s)
{
    return s->known ? names_in_directory(s->from) : names_beside(s->from, s->name, s->first_label);
}
