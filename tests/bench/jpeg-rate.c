/* jpeg-rate.c -- decodes the JPEG files that standard input names, one a line, as fast as
   libjpeg-turbo can on one processor: the integer transform, row by row, and nothing is kept. For
   photo-rate. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

int main(void)
{
    static char path[4096];
    static JSAMPLE row[3 * 65536];
    JSAMPROW rows = row;
    while (fgets(path, sizeof path, stdin)) {
        struct jpeg_decompress_struct jpeg;
        struct jpeg_error_mgr errors;
        path[strcspn(path, "\n")] = 0;
        FILE *stream = fopen(path, "rb");
        if (!stream) {
            perror(path);
            return 2;
        }
        jpeg.err = jpeg_std_error(&errors);
        jpeg_create_decompress(&jpeg);
        jpeg_stdio_src(&jpeg, stream);
        jpeg_read_header(&jpeg, TRUE);
        jpeg.out_color_space = JCS_RGB;
        jpeg_start_decompress(&jpeg);
        while (jpeg.output_scanline < jpeg.output_height)
            jpeg_read_scanlines(&jpeg, &rows, 1);
        jpeg_finish_decompress(&jpeg);
        jpeg_destroy_decompress(&jpeg);
        fclose(stream);
    }
    return 0;
}
