/* table.c -- reads tables: tab-separated text with a header line, which a pipeline may have lost.

   Contents: 1. Bytes to lines  2. Lines to fields  3. Opening  4. Rows  5. Fields

   A table holds two rows: the current one, whose fields the caller uses, and the one ahead, which
   fmnn_table_paused() may already have read. The bytes after them are in the buffer. */
#include "data/table-names.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum { MAX_LINE = 1 << 20, CHUNK = 1 << 16, MAX_LABEL = 65535 };

/* The result of an attempt to read. */
enum outcome { FAILED = -1, END = 0, GOT = 1, WAIT = 2, NOTHING = 3 };

struct row {
    char *text; /* the line, its tabs replaced by zeros */
    size_t capacity;
    char **field;
    size_t field_capacity, count;
    size_t line; /* from 1; 0: no row yet */
};

struct fmnn_table {
    char *name;
    int fd;
    bool owned; /* fmnn_table_close() closes fd */
    enum fmnn_table_kind kind;
    const char *const *columns; /* more names that a header can have, while opening; or NULL */

    char *buffer; /* bytes read but not yet used: buffer[start .. end-1] */
    size_t capacity, start, end;
    size_t searched; /* no line feed lies in buffer[start .. searched-1] */
    bool ended;
    size_t lines; /* taken from the buffer so far */
    size_t blank; /* the first of the blank lines at the end so far; 0: none */

    struct row header; /* its fields are the column names, NULL-terminated */
    bool *trimmed;     /* of each column: blanks around its fields do not count */
    char *header_text; /* later lines equal to it are skipped */
    size_t header_length;
    bool headerless;
    struct row first; /* of a table without a header: its first row, for messages */
    bool unnamed;     /* the header may lack the name of the first column */

    char *only; /* words between commas, or NULL */
    int only_column;

    struct row row[2], *current, *ahead;
    enum outcome looked;       /* the outcome of reading ahead; NOTHING: not read yet */
    struct fmnn_error failure; /* if looked is FAILED */
};

/* ---- 1. Bytes to lines ---- */

static bool readable(int fd, int timeout)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int ready;
    do
        ready = poll(&p, 1, timeout);
    while (ready < 0 && errno == EINTR);
    return ready != 0; /* also at the end of input and after an error: read() reports them */
}

static int make_room(struct fmnn_table *table, struct fmnn_error *err)
{
    if (table->start) {
        size_t used = table->end - table->start;
        memmove(table->buffer, table->buffer + table->start, used);
        table->searched -= table->start;
        table->start = 0;
        table->end = used;
    }
    return fm_grow((void **)&table->buffer, &table->capacity, table->end + CHUNK, 1, err);
}

/* Reads once. The descriptor may be in non-blocking mode if the caller's parent opened it so. */
static enum outcome fill(struct fmnn_table *table, bool wait, struct fmnn_error *err)
{
    if (make_room(table, err) != 0)
        return FAILED;
    for (;;) {
        if (!wait && !readable(table->fd, 0))
            return WAIT;
        ssize_t got = read(table->fd, table->buffer + table->end, CHUNK);
        if (got > 0) {
            table->end += (size_t)got;
            return GOT;
        }
        if (got == 0) {
            table->ended = true;
            return END;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return (enum outcome)fm_fail_errno(err, "%s", table->name);
        if (!wait)
            return WAIT;
        readable(table->fd, -1);
    }
}

static enum outcome line_fail(const struct fmnn_table *table, const char *what,
                              struct fmnn_error *err)
{
    fm_fail(err, FMNN_DATA, "%s:%zu: %s", table->name, table->lines, what);
    return FAILED;
}

static const char idx[] = "an IDX file";

/* The zeros and the type of a header. */
static bool is_idx(const char *head, size_t length)
{
    return length >= 4 && !head[0] && !head[1] && head[2] >= 8 && head[2] <= 14 && head[3] >= 1 &&
           head[3] <= 4;
}

/* Without a byte order mark, every second byte of English text is zero. */
static bool is_wide(const char *line, size_t length)
{
    return length >= 4 && (line[0] == 0) != (line[1] == 0) && (line[2] == 0) != (line[3] == 0) &&
           (line[0] == 0) == (line[2] == 0);
}

/* Whether this may be the start of an image whose first bytes have a line feed among them, which is
   there. */
static bool begins_like_image(const struct fmnn_table *table)
{
    const char *head = table->buffer;
    return (unsigned char)head[0] < ' '
               ? head[0] != '\t' && head[0] != '\r' && head[0] != '\n'
               : head[0] == '\x89' || (table->end >= 2 && !memcmp(head, "BM", 2)) ||
                     (table->end >= 4 && !memcmp(head, "RIFF", 4));
}

static enum outcome check_first_line(const struct fmnn_table *table, const char *line,
                                     size_t length, struct fmnn_error *err)
{
    /* What looks like the end of a line may be in the midst of an image's first bytes. */
    bool image_like = table->lines == 1 && begins_like_image(table);
    const char *head = image_like ? table->buffer : line;
    size_t seen = image_like ? table->end : length;
    char image[32];
    const char *format = fmnn_image_kind(head, seen);
    const char *what = is_idx(head, seen)      ? idx
                       : is_wide(line, length) ? "UTF-16 text"
                                               : fmnn_file_other(head, seen);
    if (!what && format && strcmp(format, "PNM") != 0) { /* which begins like a name */
        snprintf(image, sizeof image, "a %s image", format);
        what = image;
    }
    if (!what)
        return GOT;
    const char *hint = !strcmp(what, "UTF-16 text")
                           ? " in UTF-8; iconv -f UTF-16 -t UTF-8 converts it"
                       : !strcmp(what, idx) ? "; fm-split makes tables of data sets"
                                            : "";
    fm_fail(err, FMNN_DATA, "%s: %s, not a table%s", table->name, what, hint);
    return FAILED;
}

static enum outcome check_line(const struct fmnn_table *table, const char *line, size_t length,
                               struct fmnn_error *err)
{
    bool first = table->lines == 1 || table->blank == 1; /* or there were only blank lines */
    if (first && check_first_line(table, line, length, err) == FAILED)
        return FAILED;
    size_t seen = length < MAX_LINE ? length : MAX_LINE;
    if (memchr(line, '\r', seen) && !memchr(line, 0, seen))
        return line_fail(table,
                         "a carriage return within the line; if the lines end in carriage returns "
                         "alone, as on old Macs, tr '\\r' '\\n' converts the table",
                         err);
    if (length > MAX_LINE)
        return line_fail(table, "the line is longer than 1 MiB", err);
    if (memchr(line, 0, length))
        return line_fail(table, "the line contains a NUL byte; a table is text", err);
    return GOT;
}

/* Nothing but blanks and tabs, as spreadsheets write them below a table. */
static bool is_blank(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        bool wide = i + 1 < length && !memcmp(line + i, "\xc2\xa0", 2); /* U+00A0 */
        if (!wide && line[i] != ' ' && line[i] != '\t')
            return false;
        i += wide;
    }
    return true;
}

/* Tables of other programs: a line may begin with byte order marks, which cat takes into the midst
   of a table, and end in a carriage return. */
static void strip(const char **line, size_t *length)
{
    while (*length >= 3 && !memcmp(*line, "\xef\xbb\xbf", 3)) {
        *line += 3;
        *length -= 3;
    }
    if (*length && (*line)[*length - 1] == '\r')
        --*length;
}

/* Whether too little has come of what may be an image. */
static bool may_be_image(const struct fmnn_table *table)
{
    enum { TELLING = 12 };
    return table->lines == 0 && !table->ended && table->end < TELLING && begins_like_image(table);
}

/* The next line, without its end. It stays valid until the buffer is filled again. */
static enum outcome take_line(struct fmnn_table *table, bool wait, const char **line,
                              size_t *length, struct fmnn_error *err)
{
    char *feed;
    for (;;) {
        feed = table->searched < table->end
                   ? memchr(table->buffer + table->searched, '\n', table->end - table->searched)
                   : NULL;
        if (feed ? !may_be_image(table) : table->ended || table->end - table->start > MAX_LINE)
            break;
        if (!feed)
            table->searched = table->end;
        enum outcome outcome = fill(table, wait, err);
        if (outcome == FAILED || outcome == WAIT)
            return outcome;
    }
    if (!feed && table->start == table->end)
        return END;
    *line = table->buffer + table->start;
    *length = feed ? (size_t)(feed - *line) : table->end - table->start;
    table->start += *length + (feed != NULL);
    table->searched = table->start;
    table->lines++;
    strip(line, length);
    return check_line(table, *line, *length, err);
}

/* The same; blank lines at the end are passed over, and elsewhere they are errors. */
static enum outcome take_full_line(struct fmnn_table *table, bool wait, const char **line,
                                   size_t *length, struct fmnn_error *err)
{
    enum outcome outcome;
    while ((outcome = take_line(table, wait, line, length, err)) == GOT && is_blank(*line, *length))
        if (!table->blank)
            table->blank = table->lines;
    if (outcome != GOT || !table->blank)
        return outcome;
    fm_fail(err, FMNN_DATA, "%s:%zu: the line is empty", table->name, table->blank);
    return FAILED;
}

/* ---- 2. Lines to fields ---- */

/* Takes off the quotes of a field that begins and ends with '"', with or without blanks around
   them, and contains none but in pairs, as CSV writers write it, or behind a backslash, as R does.
   Other fields, such as the name of a file that contains quotes, remain as they are. */
static void unquote(char *field)
{
    size_t length;
    const char *text = fm_blank_ends(field, &length);
    if (length < 2 || text[0] != '"' || text[length - 1] != '"')
        return;
    const char *end = text + length - 1;
    for (const char *c = text + 1; c < end; c++) {
        if (*c == '\\' && c[1] == '"' && c + 1 < end && !(c[2] == '"' && c + 2 < end))
            c++;
        else if (*c == '"' && (c[1] != '"' || ++c == end))
            return;
    }
    char *to = field;
    for (const char *c = text + 1; c < end; c++) {
        if ((*c == '\\' && c[1] == '"' && c + 1 < end && !(c[2] == '"' && c + 2 < end)) ||
            (*c == '"'))
            c++;
        *to++ = *c;
    }
    *to = 0;
}

static int add_field(struct row *row, char *field, struct fmnn_error *err)
{
    if (fm_grow((void **)&row->field, &row->field_capacity, row->count + 2, sizeof *row->field,
                err) != 0)
        return -1;
    unquote(field);
    row->field[row->count++] = field;
    row->field[row->count] = NULL;
    return 0;
}

static int split_fields(struct row *row, const char *line, size_t length, struct fmnn_error *err)
{
    if (fm_grow((void **)&row->text, &row->capacity, length + 1, 1, err) != 0)
        return -1;
    memcpy(row->text, line, length);
    row->text[length] = 0;
    row->count = 0;
    char *field = row->text, *tab;
    while ((tab = strchr(field, '\t'))) {
        *tab = 0;
        if (add_field(row, field, err) != 0)
            return -1;
        field = tab + 1;
    }
    return add_field(row, field, err);
}

static void free_row(struct row *row)
{
    free(row->text);
    free(row->field);
}

/* ---- 3. Opening ---- */

/* An error about the first line, which was taken for data. If it looks like column names, the
   message says that, because then the names are what is wrong. */
static FMNN_PRINTF(3, 4) int fail_first(const struct fmnn_table *table, struct fmnn_error *err,
                                        const char *format, ...)
{
    char what[sizeof err->message], names[400], known[200] = "";
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (!fm_table_like_names(table->first.field, table->first.count, names, sizeof names))
        return fm_fail(err, FMNN_DATA, "%s:1: %s", table->name, what);
    for (const char *const *name = fm_table_columns(table->kind); *name; name++)
        snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s", *known ? ", " : "",
                 *name);
    return fm_fail(err, FMNN_DATA,
                   "%s:1: %.500s; the line was not recognized as column names, because %s %s not "
                   "among those that are known: %s; rename the columns",
                   table->name, what, names, table->first.count == 1 ? "is" : "are", known);
}

static bool is_among(const char *const *names, const char *name)
{
    for (; names && *names; names++)
        if (fm_table_same_name(name, *names))
            return true;
    return false;
}

static bool is_header(const struct fmnn_table *table, const struct row *row)
{
    for (size_t i = 0; i < row->count; i++)
        if (is_among(table->columns, row->field[i]))
            return true;
    return fm_table_is_header(table->kind, row->field, row->count);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts the names, because a hostile header may have half a million. */
static int check_duplicates(const struct fmnn_table *table, struct fmnn_error *err)
{
    const struct row *header = &table->header;
    char **sorted = fm_alloc(header->count, sizeof *sorted, err);
    if (!sorted)
        return -1;
    memcpy(sorted, header->field, header->count * sizeof *sorted);
    qsort(sorted, header->count, sizeof *sorted, compare_names);
    int status = 0;
    for (size_t i = 1; i < header->count && !status; i++)
        if (!strcmp(sorted[i - 1], sorted[i]))
            status = fm_fail(err, FMNN_DATA, "%s:%zu: two columns are named '%.200s'", table->name,
                             table->lines, sorted[i]);
    free(sorted);
    return status;
}

static int set_header(struct fmnn_table *table, const char *line, size_t length,
                      struct fmnn_error *err)
{
    table->header_text = fm_alloc(length + 1, 1, err);
    if (!table->header_text)
        return -1;
    memcpy(table->header_text, line, length);
    table->header_length = length;
    table->header.line = 1;
    if (split_fields(&table->header, line, length, err) != 0 || check_duplicates(table, err) != 0)
        return -1;
    fm_table_plain_names(table->kind, table->columns, table->header.field, table->header.count);
    return 0;
}

static void trim_fields(const struct fmnn_table *table, struct row *row)
{
    for (size_t i = 0; i < row->count; i++)
        if (table->trimmed[i])
            row->field[i] = fm_trim(row->field[i]);
}

/* All columns are known: chooses those whose fields can stand between blanks, which are all that
   are known but the names of files. */
static int start_fields(struct fmnn_table *table, struct fmnn_error *err)
{
    const struct row *header = &table->header;
    table->trimmed = fm_alloc(header->count, sizeof *table->trimmed, err);
    if (!table->trimmed)
        return -1;
    for (size_t i = 0; i < header->count; i++)
        table->trimmed[i] = is_among(table->columns, header->field[i]) ||
                            (strcmp(header->field[i], "image") != 0 &&
                             fm_table_is_known(table->kind, header->field[i]));
    if (table->looked == GOT)
        trim_fields(table, table->ahead);
    return 0;
}

/* Sets the header that the table would have had, by its first row. */
static int invent_header(struct fmnn_table *table, const struct row *row, struct fmnn_error *err)
{
    char *line = fm_table_lost_header(table->kind, row->field, row->count, err);
    if (!line)
        return -1;
    table->headerless = true;
    int status = set_header(table, line, strlen(line), err);
    free(line);
    return status;
}

static enum outcome look_ahead(struct fmnn_table *table, bool wait, struct fmnn_error *err);

/* R's write.table() writes a column of row names, but no name of that column, so the header is
   short by one. Only a table with quotes is taken for R's, because the first row must be
   awaited. */
static int add_row_names(struct fmnn_table *table, struct fmnn_error *err)
{
    struct row *header = &table->header;
    table->unnamed = true;
    table->looked = look_ahead(table, true, &table->failure);
    table->unnamed = false;
    if (table->looked != GOT || table->ahead->count != header->count + 1)
        return 0;
    header->text[header->capacity - 1] = 0; /* at the end of the last name, or beyond it */
    if (add_field(header, header->text + header->capacity - 1, err) != 0)
        return -1;
    memmove(header->field + 1, header->field, (header->count - 1) * sizeof *header->field);
    header->field[0] = header->text + header->capacity - 1;
    return check_duplicates(table, err); /* a name of the table may be empty, too */
}

/* The number of known names in a line that is split at another separator than tabs; changes the
   text. */
static size_t count_names(const struct fmnn_table *table, char *text, char separator)
{
    size_t count = 0;
    for (char *end; text; text = end) {
        if ((end = strchr(text, separator)))
            *end++ = 0;
        unquote(text);
        count += fm_table_is_header(table->kind, &text, 1);
    }
    return count;
}

/* A header of a table whose fields are separated otherwise. */
static int check_separator(const struct fmnn_table *table, struct fmnn_error *err)
{
    static const struct {
        char separator;
        const char *name, *command;
    } others[] = {{',', "commas", "tr ',' '\\t'"},
                  {';', "semicolons", "tr ';' '\\t'"},
                  {'|', "bars", "tr '|' '\\t'"},
                  {' ', "blanks", "tr -s ' ' '\\t'"}};
    for (size_t i = 0; table->ahead->count == 1 && i < FM_COUNT(others); i++) {
        char *text = fm_strdup(table->ahead->field[0], err);
        if (!text)
            return -1;
        size_t names = count_names(table, text, others[i].separator);
        free(text);
        if (names >= 2)
            return fm_fail(err, FMNN_DATA,
                           "%s:1: the columns are separated by %s, not by tabs; %s converts a "
                           "plain table",
                           table->name, others[i].name, others[i].command);
    }
    return 0;
}

/* Reads the first line: the header, or the first row of a table without one. */
static int start(struct fmnn_table *table, struct fmnn_error *err)
{
    const char *line;
    size_t length;
    enum outcome outcome = take_full_line(table, true, &line, &length, err);
    if (outcome == END && table->blank)
        return fm_fail(err, FMNN_DATA, "%s:%zu: the line is empty", table->name, table->blank);
    if (outcome == END)
        return fm_fail(err, FMNN_DATA,
                       "%s: no input, not even a header line: did the command that writes it "
                       "fail?",
                       table->name);
    if (outcome == FAILED || split_fields(table->ahead, line, length, err) != 0)
        return -1;
    if (is_header(table, table->ahead)) {
        bool quoted = *line == '"';
        if (set_header(table, line, length, err) != 0 || (quoted && add_row_names(table, err) != 0))
            return -1;
        return start_fields(table, err);
    }
    if (check_separator(table, err) != 0)
        return -1;
    const char *other = fm_table_other_kind(table->kind, table->ahead->field, table->ahead->count);
    if (other)
        return fm_fail(err, FMNN_DATA, "%s: %s", table->name, other);
    if (split_fields(&table->first, line, length, err) != 0)
        return -1;
    size_t max = 0;
    while (fm_table_columns(table->kind)[max])
        max++;
    table->ahead->line = 1;
    if (table->kind != FMNN_TABLE_ROWS && table->ahead->count > max)
        return fail_first(table, err, "no column names, and %zu fields instead of %zu",
                          table->ahead->count, max);
    table->looked = GOT;
    return invent_header(table, table->ahead, err) != 0 ? -1 : start_fields(table, err);
}

static int open_input(struct fmnn_table *table, const char *path, struct fmnn_error *err)
{
    bool standard = !strcmp(path, "-");
    table->name = fm_strdup(standard ? "standard input" : path, err);
    if (!table->name)
        return -1;
    table->fd = STDIN_FILENO;
    if (standard)
        return 0;
    do
        table->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    while (table->fd < 0 && errno == EINTR); /* opening a named pipe waits for its writer */
    if (table->fd < 0)
        return fm_fail_errno(err, "%s", path);
    table->owned = true;
    return 0;
}

static struct fmnn_table *new_table(enum fmnn_table_kind kind, struct fmnn_error *err)
{
    struct fmnn_table *table = fm_alloc(1, sizeof *table, err);
    if (!table)
        return NULL;
    table->kind = kind;
    table->current = &table->row[0];
    table->ahead = &table->row[1];
    table->looked = NOTHING;
    table->only_column = -1;
    return table;
}

struct fmnn_table *fmnn_table_open(const char *path, enum fmnn_table_kind kind,
                                   struct fmnn_error *err)
{
    return fmnn_table_open_columns(path, kind, NULL, err);
}

struct fmnn_table *fmnn_table_open_columns(const char *path, enum fmnn_table_kind kind,
                                           const char *const *columns, struct fmnn_error *err)
{
    struct fmnn_table *table = new_table(kind, err);
    if (!table)
        return NULL;
    table->columns = columns;
    bool good = open_input(table, path, err) == 0 && start(table, err) == 0;
    table->columns = NULL;
    if (good)
        return table;
    fmnn_table_close(table);
    return NULL;
}

/* Puts bytes that were read before into the buffer. */
static int put_back(struct fmnn_table *table, const void *head, size_t count,
                    struct fmnn_error *err)
{
    if (fm_grow((void **)&table->buffer, &table->capacity, count + 1, 1, err) != 0)
        return -1;
    memcpy(table->buffer, head, count);
    table->end = count;
    return 0;
}

struct fmnn_table *fmnn_table_open_read(const char *path, int fd, const void *head, size_t count,
                                        enum fmnn_table_kind kind, struct fmnn_error *err)
{
    struct fmnn_table *table = new_table(kind, err);
    if (table) {
        table->fd = fd;
        table->name = fm_strdup(!strcmp(path, "-") ? "standard input" : path, err);
    }
    if (table && table->name && put_back(table, head, count, err) == 0 && start(table, err) == 0)
        return table;
    fmnn_table_close(table);
    return NULL;
}

void fmnn_table_close(struct fmnn_table *table)
{
    if (!table)
        return;
    if (table->owned)
        close(table->fd);
    free_row(&table->header);
    free_row(&table->first);
    free_row(&table->row[0]);
    free_row(&table->row[1]);
    free(table->header_text);
    free(table->trimmed);
    free(table->buffer);
    free(table->only);
    free(table->name);
    free(table);
}

const char *fmnn_table_name(const struct fmnn_table *table)
{
    return table->name;
}

size_t fmnn_table_columns(const struct fmnn_table *table)
{
    return table->header.count;
}

const char *fmnn_table_column(const struct fmnn_table *table, size_t column)
{
    assert(column < table->header.count);
    return table->header.field[column];
}

int fmnn_table_find(const struct fmnn_table *table, const char *name)
{
    const struct row *header = &table->header;
    for (size_t i = 0; i < header->count; i++)
        if (!strcmp(header->field[i], name))
            return (int)i;
    for (size_t i = 0; i < header->count; i++)
        if (fm_table_same_name(header->field[i], name))
            return (int)i;
    const char *alias = fm_table_alias(table->kind, name);
    return alias ? fmnn_table_find(table, alias) : -1;
}

/* Whether the first line is one of many values between commas. */
static bool is_csv(const struct fmnn_table *table)
{
    size_t commas = 0;
    for (const char *c = table->first.field[0]; *c; c++)
        commas += *c == ',';
    return commas >= 16;
}

int fmnn_table_need(const struct fmnn_table *table, const char *name, struct fmnn_error *err)
{
    int column = fmnn_table_find(table, name);
    if (column >= 0)
        return column;
    size_t count = table->header.count;
    if (table->headerless)
        return fail_first(
            table, err, "no column '%s': the first line names no columns and has %zu field%s%s",
            name, count, count == 1 ? "" : "s",
            count > 1       ? ""
            : is_csv(table) ? " (fields are separated by tabs, not by commas; fm-fetch "
                              "--from makes a data set of a table of pixels)"
                            : " (fields are separated by tabs)");
    const char *nearest = fmnn_suggest(name, (const char *const *)table->header.field);
    if (nearest)
        return fm_fail(err, FMNN_DATA, "%s:1: no column '%s'; did you mean '%.100s'?", table->name,
                       name, nearest);
    return fm_fail(err, FMNN_DATA, "%s:1: no column '%s'; the first is '%.100s'", table->name, name,
                   table->header.field[0]);
}

/* ---- 4. Rows ---- */

static bool passes(const struct fmnn_table *table, const struct row *row)
{
    if (!table->only)
        return true;
    const char *split = row->field[table->only_column];
    size_t length = strlen(split);
    for (const char *word = table->only;;) {
        size_t n = strcspn(word, ",");
        if (n == length && !memcmp(word, split, n))
            return true;
        if (!word[n])
            return false;
        word += n + 1;
    }
}

int fmnn_table_only(struct fmnn_table *table, const char *splits, struct fmnn_error *err)
{
    for (const char *word = splits;; word++) {
        size_t n = strcspn(word, ",");
        if (n == 0)
            return fm_fail(err, FMNN_USAGE, "'%.200s' is not a comma-separated list of splits",
                           splits);
        word += n;
        if (!*word)
            break;
    }
    int column = fmnn_table_need(table, "split", err);
    char *copy = column < 0 ? NULL : fm_strdup(splits, err);
    if (!copy)
        return -1;
    free(table->only);
    table->only = copy;
    table->only_column = column;
    if (table->looked == GOT && !passes(table, table->ahead))
        table->looked = NOTHING;
    return 0;
}

/* Whether a field begins with a quote that does not end in it: the field had a tab or a line
   end. */
static bool has_open_quote(const struct row *row)
{
    for (size_t i = 0; i < row->count; i++) {
        size_t length;
        const char *text = fm_blank_ends(row->field[i], &length);
        if (length && text[0] == '"' && !memchr(text + 1, '"', length - 1))
            return true;
    }
    return false;
}

static enum outcome check_count(const struct fmnn_table *table, const struct row *row,
                                struct fmnn_error *err)
{
    size_t count = row->count, wanted = table->header.count;
    if (count == wanted)
        return GOT;
    if (has_open_quote(row)) {
        fm_fail(err, FMNN_DATA, "%s:%zu: a quoted field contains a tab or a line end", table->name,
                row->line);
        return FAILED;
    }
    if (table->unnamed && count == wanted + 1)
        return GOT;
    bool r =
        row->line == 2 && !table->headerless && count == wanted + 1 && !strcmp(row->field[0], "1");
    fm_fail(err, FMNN_DATA, "%s:%zu: %zu field%s, but %s %zu%s", table->name, row->line, count,
            count == 1 ? "" : "s", table->headerless ? "the first line has" : "the header names",
            wanted, r ? " (R writes row names unless row.names = FALSE)" : "");
    return FAILED;
}

/* Whether a row repeats the header in another form: quoted, or in another case. */
static bool repeats_header(const struct fmnn_table *table, const struct row *row)
{
    const struct row *header = &table->header;
    size_t i = 0;
    while (i < header->count && i < row->count &&
           fm_table_same_name(row->field[i], header->field[i]))
        i++;
    return i == header->count && i == row->count;
}

/* Reads up to the next row that passes fmnn_table_only(). */
static enum outcome look_ahead(struct fmnn_table *table, bool wait, struct fmnn_error *err)
{
    struct row *row = table->ahead;
    for (;;) {
        const char *line;
        size_t length;
        enum outcome outcome = take_full_line(table, wait, &line, &length, err);
        if (outcome != GOT)
            return outcome;
        if (length == table->header_length && !memcmp(line, table->header_text, length))
            continue;
        if (split_fields(row, line, length, err) != 0)
            return FAILED;
        row->line = table->lines;
        if (repeats_header(table, row))
            continue;
        if (check_count(table, row, err) == FAILED)
            return FAILED;
        if (table->trimmed) /* else start() does it */
            trim_fields(table, row);
        if (passes(table, row))
            return GOT;
    }
}

int fmnn_table_next(struct fmnn_table *table, struct fmnn_error *err)
{
    if (table->looked == NOTHING)
        table->looked = look_ahead(table, true, &table->failure);
    if (table->looked == FAILED && err)
        *err = table->failure;
    if (table->looked != GOT)
        return table->looked; /* the end or an error, and so in every later call */
    struct row *row = table->ahead;
    table->ahead = table->current;
    table->current = row;
    table->looked = NOTHING;
    return 1;
}

bool fmnn_table_paused(struct fmnn_table *table)
{
    if (table->looked == NOTHING) {
        enum outcome outcome = look_ahead(table, false, &table->failure);
        if (outcome == WAIT)
            return true;
        table->looked = outcome;
    }
    return false;
}

size_t fmnn_table_line(const struct fmnn_table *table)
{
    return table->current->line;
}

const char *fmnn_table_field(const struct fmnn_table *table, size_t column)
{
    assert(column < table->current->count);
    return table->current->field[column];
}

/* ---- 5. Fields ---- */

int fmnn_table_fail(const struct fmnn_table *table, struct fmnn_error *err, const char *format, ...)
{
    char what[sizeof err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    if (table->current->line == 0)
        return fm_fail(err, FMNN_DATA, "%s: %s", table->name, what);
    if (table->headerless && table->current->line == 1)
        return fail_first(table, err, "%s", what);
    return fm_fail(err, FMNN_DATA, "%s:%zu: %s", table->name, table->current->line, what);
}

/* A field without the blanks around it, and without the zeros behind the point that programs write
   for whole numbers in a column with gaps. */
static void plain_number(const char *text, char plain[32])
{
    text += strspn(text, " ");
    snprintf(plain, 32, "%s", text);
    size_t length = strlen(text) < 32 ? strlen(plain) : 0; /* too long: not a label */
    while (length && plain[length - 1] == ' ')
        length--;
    plain[length] = 0;
    char *point = strchr(plain, '.');
    if (point && point > plain && point[1] && !point[1 + strspn(point + 1, "0")])
        *point = 0;
}

/* "True" and "False", as pandas writes them, are 1 and 0. */
static bool is_truth(const char *text, uint64_t *value)
{
    *value = fm_same_word(text, "true");
    return *value || fm_same_word(text, "false");
}

/* Whether the field says that the label is unknown. */
static bool is_missing(const char *text)
{
    static const char *const words[] = {"", "NA", "<NA>", "NaN", "nan"};
    for (size_t i = 0; i < FM_COUNT(words); i++)
        if (!strcmp(text, words[i]))
            return true;
    return false;
}

int fmnn_table_label(const struct fmnn_table *table, size_t column, size_t class_count, int *label,
                     struct fmnn_error *err)
{
    const char *text = fmnn_table_field(table, column), *name = fmnn_table_column(table, column);
    uint64_t max = class_count && class_count <= MAX_LABEL ? class_count - 1 : MAX_LABEL;
    uint64_t value = 0;
    char plain[32];
    plain_number(text, plain);
    bool missing = is_missing(text);
    if (!missing && !fm_parse_unsigned(plain, max, &value) &&
        !(is_truth(plain, &value) && value <= max))
        return fmnn_table_fail(table, err, "%.100s '%.100s' is not a number from 0 to %llu", name,
                               text, (unsigned long long)max);
    *label = missing ? -1 : (int)value;
    return 0;
}

int fmnn_table_class(const struct fmnn_table *table, size_t column, const struct fmnn_names *names,
                     int *label, struct fmnn_error *err)
{
    const char *text = fmnn_table_field(table, column), *name = fmnn_table_column(table, column);
    const char *source = names && names->source ? names->source : "the list of class names";
    double decimal;
    uint64_t value;
    char plain[32];
    plain_number(text, plain);
    bool number = fm_parse_unsigned(plain, UINT64_MAX, &value);
    size_t found = names && !number ? fmnn_names_find(names, text) : 0;
    if (names && !number && found < names->count) {
        *label = (int)found;
        return 0;
    }
    if (!number && is_truth(plain, &value) && (!names || value < names->count)) {
        *label = (int)value;
        return 0;
    }
    if (number && names && value >= names->count)
        return fmnn_table_fail(table, err, "%.300s names %zu class%s, but %.100s %.20s occurs",
                               source, names->count, names->count == 1 ? "" : "es", name, plain);
    if (names && !number && !is_missing(text))
        return fmnn_table_fail(
            table, err, "%.100s '%.100s' is neither a number nor one of the %zu names in %.300s",
            name, text, names->count, source);
    if (!names && !number && !is_missing(text) && !fm_parse_double(text, &decimal))
        return fmnn_table_fail(
            table, err,
            "%.100s '%.100s' is not a number from 0 to %d; names need a list (--classes), or "
            "a column 'class' in place of this one",
            name, text, MAX_LABEL);
    return fmnn_table_label(table, column, 0, label, err);
}

int fmnn_table_number(const struct fmnn_table *table, size_t column, double *number,
                      struct fmnn_error *err)
{
    const char *text = fmnn_table_field(table, column);
    if (fm_parse_double(text, number))
        return 0;
    return fmnn_table_fail(table, err, "%.100s '%.100s' is not a number",
                           fmnn_table_column(table, column), text);
}
