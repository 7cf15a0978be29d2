/* fetch.h -- what the parts of fm-fetch share. */
#ifndef FETCH_H
#define FETCH_H

#include "common/common.h"

#include <sys/types.h>

/* ---- fetch-sources.c: where the known data sets are, and their older revisions */

struct source {
    const struct fmnn_dataset *set;
    const char *const *mirrors; /* directories' URLs; ends in NULL */
    bool own_names;             /* its files' names may begin with the set's */
};

/* An older revision of a known set, recognised by its labels. */
struct revision {
    const char *set;
    const char *md5;  /* of an uncompressed file of labels */
    const char *what; /* "this is ..." */
};

extern const char *const default_dataset;
bool source_at(size_t i, struct source *source); /* from 0; false beyond the last */
extern const struct revision revisions[];        /* ends in a row without a set */

/* ---- fetch-verify.c: what a file is */

enum verdict {
    FILE_GOOD,
    FILE_MISSING,
    FILE_UNREADABLE, /* nothing can be said: the system refused */
    FILE_SHORT,      /* ends too early */
    FILE_DAMAGED,
    FILE_OUTDATED, /* an older revision of the wanted file */
    FILE_UNKNOWN,  /* of the right shape, but other content */
    FILE_FOREIGN,  /* another set's */
};

struct finding {
    enum verdict verdict;
    bool gzip;             /* the file is compressed */
    uint64_t rows, pixels; /* of a good file: images or labels, pixels an image */
    char why[240];         /* unless it is good; one line */
};

bool set_pinned(const struct fmnn_dataset *set);
/* As pread does, and once more where a signal interrupts it. */
ssize_t read_at(int fd, void *bytes, size_t size, off_t offset);
uint64_t big_endian(const unsigned char *p); /* four bytes of a header */
/* Reads the file from its start, wherever it is positioned, and compares it with the set's file. */
void verify_stream(int fd, const struct fmnn_dataset *set, size_t file, struct finding *finding);
/* The same of a file by its path, whose name must tell truly whether it is compressed. */
void verify_path(const char *path, const struct fmnn_dataset *set, size_t file,
                 struct finding *finding);

/* ---- fetch-store.c: the data directory */

void make_directories(const char *path);
/* Of the set, or where it has none those that lie in `from`, which may be NULL. */
void write_class_names(const char *directory, const struct fmnn_dataset *set, const char *from);

/* A file on its way into the directory: a temporary beside the final one until it is committed. */
struct stage;
struct stage *stage_open(const char *directory, const struct fmnn_dataset *set, size_t file);
void stage_write(struct stage *stage, const void *bytes, size_t size);
void stage_restart(struct stage *stage); /* drops what was written */
uint64_t stage_size(const struct stage *stage);
void stage_verify(struct stage *stage, struct finding *finding);
/* Puts it in place as NAME.gz, or as NAME where it is not compressed, and frees. */
void stage_commit(struct stage *stage, const struct finding *finding);
void stage_abandon(struct stage *stage); /* and frees */

/* Copies and verifies the set's file from a local directory; trouble where there is no good one. */
void copy_file(const char *from, const char *directory, const struct source *source, size_t file);

/* ---- fetch-forms.c: the forms in which data sets are handed about */

/* The names under which a file of the set may lie, without .gz, from 0: NULL beyond the last. The
   caller frees. */
char *file_name_variant(const struct source *source, size_t file, unsigned which);
/* Whether files of the set are not kept as they come. */
bool converts(const struct fmnn_dataset *set, size_t file);
/* Writes the good file in fd, named path for messages, with images upright and labels from 0. */
void convert(int fd, const char *path, const struct fmnn_dataset *set, size_t file, bool gzip,
             FILE *out);
/* The class names that lie in a directory with the files, or NULL. */
struct fmnn_names *names_beside(const char *directory, const struct fmnn_dataset *set);

/* ---- fetch-download.c: the network */

struct download_settings {
    unsigned timeout;   /* seconds of silence, or of less than 1 KiB each */
    unsigned retries;   /* of each mirror and file */
    double retry_delay; /* seconds before the first, doubled for each further one */
};

struct downloader;
struct downloader *downloader_new(const char *const *mirrors,
                                  const struct download_settings *settings);
void downloader_free(struct downloader *downloader);
/* Fetches and verifies the set's file; ends the program where no mirror has it. */
void download_file(struct downloader *downloader, const char *directory,
                   const struct source *source, size_t file);

#endif
