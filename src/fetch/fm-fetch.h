/* fm-fetch.h -- what the parts of fm-fetch share. */
#ifndef FM_FETCH_H
#define FM_FETCH_H

#include "common/common.h"

#include <sys/types.h>

/* ---- fetch-sources.c: mirrors of the known data sets, and their older revisions */

struct source {
    const struct fmnn_dataset *set;
    const char *const *mirrors; /* URLs of directories; ends in NULL */
    bool own_names;             /* names of its files may begin with its own */
};

/* An older revision of a known data set, recognised by its labels. */
struct revision {
    const char *set;
    const char *md5;  /* of an uncompressed label file */
    const char *what; /* "this is ..." */
};

extern const char *const default_dataset;
bool source_at(size_t i, struct source *source); /* from 0; false after the last */
/* The files as published of a data set that has another form there, which is imported: as a data
   set with up to four files; NULL: it has not. */
const struct fmnn_dataset *packed_form(const char *set);
extern const struct revision revisions[]; /* ends in a row without a set */

/* ---- fetch-verify.c: what a file is */

enum file_state {
    FILE_GOOD,
    FILE_MISSING,
    FILE_UNREADABLE, /* the system refused to read it */
    FILE_SHORT,      /* ends too early */
    FILE_DAMAGED,
    FILE_OUTDATED, /* an older revision of the expected file */
    FILE_UNKNOWN,  /* of the expected shape, but with other content */
    FILE_FOREIGN,  /* another data set's */
};

struct finding {
    enum file_state state;
    bool gzip;               /* the file is compressed */
    uint64_t rows, pixels;   /* of a good file: images or labels, pixels per image */
    struct fmnn_shape shape; /* of good images */
    unsigned max_label;      /* of good labels */
    char sha256[65];         /* of a good IDX file, uncompressed */
    char why[240];           /* one line; empty if it is good */
};

bool dataset_pinned(const struct fmnn_dataset *set);
/* pread(), repeated if a signal interrupts it. */
ssize_t read_at(int fd, void *bytes, size_t size, off_t offset);
uint64_t big_endian(const unsigned char *p); /* four bytes of a header */
/* Reads the file from its start, whatever its position, and compares it with the data set's file.
   If that is not IDX of unsigned bytes, it must be whole gzip data. */
void verify_stream(int fd, const struct fmnn_dataset *set, size_t file, struct finding *finding);
/* The same for a path. A name that ends in .gz must mean that the file is compressed. */
void verify_path(const char *path, const struct fmnn_dataset *set, size_t file,
                 struct finding *finding);
/* Training and test images must have the same shape. wanted: of the training images; height 0: not
   known. */
void verify_shape(struct fmnn_shape wanted, struct finding *finding);

/* ---- fetch-store.c: the data directory */

void make_directories(const char *path);
/* The class names of the data set or, if it has none, of the directory `from`, which may be NULL;
   NULL: they are not known. */
struct fmnn_names *find_class_names(const struct fmnn_dataset *set, const char *from);
/* Writes them, or says that they are not known. */
void write_class_names(const char *directory, const struct fmnn_dataset *set,
                       const struct fmnn_names *names);
/* Writes classes.txt. A list that is there is kept, with a warning if it is another one. title: of
   the data set, for messages. */
void store_class_names(const char *directory, const char *title, const struct fmnn_names *names);

/* A staged file: a temporary beside the final file until it is committed. */
struct stage;
struct stage *stage_open(const char *directory, const struct fmnn_dataset *set, size_t file);
/* The same for a file that is only read: it is never committed, and no file of its name matters. */
struct stage *stage_open_hidden(const char *directory, const struct fmnn_dataset *set, size_t file);
/* What verify_shape() wants of the file that comes. */
void stage_expect(struct stage *stage, struct fmnn_shape shape);
void stage_write(struct stage *stage, const void *bytes, size_t size);
void stage_restart(struct stage *stage); /* discards what was written */
uint64_t stage_size(const struct stage *stage);
void stage_verify(struct stage *stage, struct finding *finding);
const char *stage_path(const struct stage *stage); /* of the temporary */
/* Converts a good file if necessary. gzip: whether it is compressed, which decides its name. */
void stage_finish(struct stage *stage, bool gzip);
/* Puts what is finished in place as NAME.gz, or as NAME if it is not compressed, and frees. */
void stage_commit(struct stage *stage);
void stage_abandon(struct stage *stage); /* and frees */

/* The data set's file in a local directory, under any of its names; malloc'ed, NULL if there is
   none. */
char *local_file(const char *from, const struct source *source, size_t file);
/* Copies the data set's file from a local directory into a finished stage; the finding is that of
   the original, whose shape is expected. No good file is trouble. */
struct stage *stage_copy(const char *from, const char *directory, const struct source *source,
                         size_t file, struct fmnn_shape expected, struct finding *finding);

/* ---- fetch-forms.c: the forms in which data sets are distributed */

/* The names that a file of the data set may have, without .gz, from 0; NULL after the last.
   malloc'ed. */
char *file_name_variant(const struct source *source, size_t file, unsigned which);
/* Whether the file must be converted: transposed, or its labels shifted. */
bool converts(const struct fmnn_dataset *set, size_t file);
/* Writes the good file in fd with images upright and labels from 0. path: for messages. */
void convert(int fd, const char *path, const struct fmnn_dataset *set, size_t file, bool gzip,
             FILE *out);
/* The class names in a directory of files of this data set, or NULL. */
struct fmnn_names *names_beside(const char *directory, const char *set, unsigned first_label);

/* ---- fetch-download.c: the network */

struct download_settings {
    unsigned timeout;   /* seconds of silence, or of less than 1 KiB per second */
    unsigned retries;   /* for each mirror and file */
    double retry_delay; /* seconds before the first retry, doubled for each further one */
};

struct downloader;
struct downloader *downloader_new(const char *const *mirrors,
                                  const struct download_settings *settings);
void downloader_free(struct downloader *downloader);
/* Fetches the data set's file into a finished stage; the finding is that of the original, whose
   shape is expected. If no mirror has it, that is trouble, or NULL if it is optional and every
   mirror says that it is not there. */
struct stage *stage_download(struct downloader *downloader, const char *directory,
                             const struct source *source, size_t file, struct fmnn_shape expected,
                             bool optional, struct finding *finding);
/* The same for a file that is only read, which stays a hidden stage in the directory. */
struct stage *download_hidden(struct downloader *downloader, const char *directory,
                              const struct source *source, size_t file);

#endif
