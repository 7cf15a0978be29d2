/* file-kinds.c -- what a file is that is not what was expected. */
#include "common/common.h"
#include "common/file-kinds.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD = 512 };
static const char text_file[] = "a text file";

/* Reads the start of a regular file. */
static bool read_head(const char *path, unsigned char head[HEAD], size_t *count)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, head, HEAD);
    if (fd >= 0)
        close(fd);
    *count = got > 0 ? (size_t)got : 0;
    return got > 0;
}

/* Whether the first line has a field of this name. */
static bool has_field(const char *line, const char *name)
{
    size_t length = strlen(name);
    for (;;) {
        size_t n = strcspn(line, "\t\r\n");
        if (n == length && !memcmp(line, name, n))
            return true;
        if (line[n] != '\t')
            return false;
        line += n + 1;
    }
}

static const char *kind_of_text(const char *line)
{
    bool predicted = has_field(line, "predicted");
    if (has_field(line, "image"))
        return predicted ? "a table of predictions" : "a table of images";
    if (has_field(line, "epoch"))
        return "a history";
    if (predicted && has_field(line, "label"))
        return has_field(line, "count") ? "a table of counts" : "a table of predictions";
    return line[strcspn(line, "\t\n")] == '\t' ? "a table" : text_file;
}

/* Text has neither control characters nor bytes that are not UTF-8; its end may be cut. */
static bool is_text(const char *head, size_t count)
{
    uint32_t code;
    if (strlen(head) != count)
        return false;
    for (size_t n, left = count; *head; head += n, left -= n) {
        n = fmnn_utf8_next(head, &code);
        if (!n)
            return left < 4 && count == HEAD;
        if (code < 0x20 && !strchr("\t\r\n\f", (int)code))
            return false;
    }
    return true;
}

/* Whether the reader of weights knows better what is wrong: with weights, and with what
   torch.save() writes. The texts are those of fmnn_file_other(). */
static bool is_like_weights(const char *kind)
{
    return strstr(kind, "safetensors") || strstr(kind, "ZIP archive");
}

/* IDX data of any type, up to rank 4, or what fmnn_file_other() knows. */
static const char *kind_of_bytes(const unsigned char *head, size_t count)
{
    if (count >= 4 && !head[0] && !head[1] && head[2] >= 8 && head[2] <= 14 && head[3] <= 4)
        return "an IDX file";
    return fmnn_file_other(head, count);
}

/* What a file is by its first bytes: "a PNG image", "an IDX file", "a table of predictions", "a
   text file"; malloc'ed. NULL if it is something else, or cannot be opened and read once more, as
   pipes. */
static char *file_kind(const char *path)
{
    unsigned char head[HEAD + 1] = {0};
    size_t count;
    if (!read_head(path, head, &count))
        return NULL;
    const char *image = fmnn_image_kind(head, count), *kind = kind_of_bytes(head, count);
    if (image)
        return text_format("a %s image", image);
    if (!kind && is_text((const char *)head, count))
        kind = kind_of_text((const char *)head);
    return kind ? text_format("%s", kind) : NULL;
}

void die_of_file(const char *path, const char *wanted, bool text, const char *hint,
                 const struct fmnn_error *error)
{
    bool other = error->status == FMNN_DATA || error->status == FMNN_USAGE;
    char *kind = other ? file_kind(path) : NULL;
    if (!kind || (text ? !strcmp(kind, text_file) : is_like_weights(kind)))
        die_error(error);
    die("%s: %s, not %s%s%s", path, kind, wanted, hint ? "; " : "", hint ? hint : "");
}
