/* image-formats.c -- the table of the formats of image files. */
#include "data/image-formats.h"

#include <stdio.h>
#include <strings.h>

static const struct fm_image_format formats[] = {
    {".png", "PNG", fmnn_png_read},
};

const struct fm_image_format *fm_image_format(const char *path)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < FM_COUNT(formats); i++) {
        size_t n = strlen(formats[i].suffix);
        if (length >= n && !strcasecmp(path + length - n, formats[i].suffix))
            return &formats[i];
    }
    return NULL;
}

const char *fmnn_image_format(const char *path)
{
    const struct fm_image_format *format = fm_image_format(path);
    return format ? format->name : NULL;
}

char *fm_image_suffixes(char *text, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < FM_COUNT(formats) && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s",
                                 i == 0                       ? ""
                                 : i + 1 == FM_COUNT(formats) ? " or "
                                                              : ", ",
                                 formats[i].suffix);
    return text;
}
