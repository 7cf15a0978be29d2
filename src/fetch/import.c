/* import.c -- finds out what form a source has, and imports it. */
#include "fetch/import.h"

static const struct form {
    bool (*fits)(const struct import_settings *settings);
    void (*read)(struct import *import);
} forms[] = {
    {is_idx_source, read_idx_source},
    {is_cifar_source, read_cifar_source},
    {is_csv_source, read_csv_source},
    {is_folder_source, read_folder_source},
};

/* A file that is none of the forms: what it is, if that is known. */
static _Noreturn void die_unknown(const char *from)
{
    unsigned char head[16];
    if (!is_directory(from)) {
        struct bytes_in *in = bytes_open(from);
        const char *foreign = bytes_foreign(head, bytes_read(in, head, sizeof head));
        if (foreign)
            die("%s: %s", from, foreign);
        die("%s: expected a directory, a table of pixels (.csv), or an archive of CIFAR "
            "(.tar.gz)",
            from);
    }
    struct folder folder = folder_read(from);
    die("%s: no data set is here: neither IDX files, such as train-images-idx3-ubyte[.gz], nor "
        "the binary version of CIFAR, nor a table of pixels (.csv), nor folders of images, one for "
        "each class%s",
        from, folder_other_files(&folder));
}

static const struct form *form_of(const struct import_settings *settings)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (forms[i].fits(settings))
            return &forms[i];
    return NULL;
}

bool can_import(const struct import_settings *settings)
{
    return form_of(settings) != NULL;
}

const char *folder_option(void)
{
    static const char *const options[] = {"fit",        "filter",   "channels", "invert",
                                          "background", "skip-bad", NULL};
    for (const char *const *option = options; *option; option++)
        if (option_given(*option))
            return *option;
    return NULL;
}

/* Images that are read from files can be changed; those of other forms are taken as they are. */
static void check_options(const struct import_settings *settings, const struct form *form)
{
    const char *option = form->read == read_folder_source ? NULL : folder_option();
    if (option)
        usage_error("--%s: %s is not a folder of images", option, settings->from);
    if (form->read == read_folder_source && option_given("first-label"))
        usage_error("--first-label: %s is a folder of images, whose names give the classes",
                    settings->from);
    if (form->read == read_cifar_source && settings->size.height)
        usage_error("--size: the images of CIFAR in %s stay 32x32", settings->from);
}

void import_source(const struct import_settings *settings)
{
    struct import_settings own = *settings;
    struct import import = {.settings = &own};
    const struct form *form = form_of(settings);
    if (!form)
        die_unknown(settings->from);
    check_options(settings, form);
    if (form->read == read_folder_source && !option_given("transpose"))
        own.transpose = false; /* only the files of a known data set are on their side */
    form->read(&import);
    import_finish(&import);
}
