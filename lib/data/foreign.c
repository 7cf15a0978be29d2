/* foreign.c -- what files are that people take for others, by their first bytes. */
#include "base/internal.h"

static const struct kind {
    const char *bytes;
    size_t length, at; /* of bytes in the file */
    const char *what;
    bool image; /* people take it for an image that can be read */
} kinds[] = {
    {"GIF8", 4, 0, "a GIF image", true},
    {"II*\0", 4, 0, "a TIFF image", true},
    {"MM\0*", 4, 0, "a TIFF image", true},
    {"ftypavif", 8, 4, "an AVIF image", true},
    {"ftyphei", 7, 4, "a HEIC image", true},
    {"ftypmif1", 8, 4, "a HEIC image", true},
    {"\0\0\1\0", 4, 0, "an icon", true},
    {"8BPS", 4, 0, "a Photoshop file", true},
    {"P7\n", 3, 0, "a PAM image", true},
    {"%PDF", 4, 0, "a PDF file", true},
    {"\0\5\26\7", 4, 0, "an AppleDouble file, which macOS makes beside another file", true},
    {"version https://git-lfs", 23, 0, "a pointer of git-lfs (`git lfs pull` gets the file)", true},
    {"\x1f\x8b", 2, 0, "a gzip file", false},
    {"PK\3\4", 4, 0, "a ZIP archive, as spreadsheets are", false},
    {"\xd0\xcf\x11\xe0", 4, 0, "a spreadsheet or another file of Microsoft Office", false},
    {"7z\xbc\xaf\x27\x1c", 6, 0, "a 7z archive", false},
    {"Rar!\x1a", 5, 0, "a RAR archive", false},
    {"\xfd"
     "7zXZ",
     5, 0, "an xz file", false},
    {"\x28\xb5\x2f\xfd", 4, 0, "a zstd file", false},
    {"\x93NUMPY", 6, 0, "an array of NumPy", false},
    {"\x89HDF", 4, 0, "an HDF5 file", false},
    {"MATLAB 5.0 MAT", 14, 0, "a file of MATLAB", false},
    {"PAR1\x15", 5, 0, "a Parquet file", false},
    {"SQLite format 3", 15, 0, "an SQLite database", false},
    {"\xff\xfe", 2, 0, "UTF-16 text", false},
    {"\xfe\xff", 2, 0, "UTF-16 text", false},
};

static const char *markup(const uint8_t *bytes, size_t count)
{
    static const char *const begins[] = {"<!do", "<!--", "<htm", "<hea", "<bod", "<?xm", "<err"};
    if (count >= 3 && !memcmp(bytes, "\xef\xbb\xbf", 3))
        bytes += 3, count -= 3;
    while (count && (*bytes == ' ' || (*bytes >= '\t' && *bytes <= '\r')))
        bytes++, count--;
    if (count >= 4 && fm_same_letters((const char *)bytes, "<svg", 4))
        return "an SVG image";
    for (size_t i = 0; count >= 4 && i < FM_COUNT(begins); i++)
        if (fm_same_letters((const char *)bytes, begins[i], 4))
            return "an HTML or XML page";
    return NULL;
}

/* Two letters alone could begin a name in a table. */
static bool is_bmp(const uint8_t *bytes, size_t count)
{
    return count >= 10 && !memcmp(bytes, "BM", 2) && !memcmp(bytes + 6, "\0\0\0\0", 4);
}

/* The length of a header, then the header. */
static bool is_safetensors(const uint8_t *bytes, size_t count)
{
    return count >= 9 && bytes[8] == '{' && !memcmp(bytes + 4, "\0\0\0\0", 4);
}

/* Protocol 2 to 5, and an operation that begins what is pickled. */
static bool is_pickle(const uint8_t *bytes, size_t count)
{
    return count >= 3 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5 &&
           memchr("\x95}]c(\x8a", bytes[2], 6);
}

static const char *find(const uint8_t *bytes, size_t count, bool images)
{
    for (size_t i = 0; i < FM_COUNT(kinds); i++)
        if ((kinds[i].image || !images) && count >= kinds[i].at + kinds[i].length &&
            !memcmp(bytes + kinds[i].at, kinds[i].bytes, kinds[i].length))
            return kinds[i].what;
    if (is_bmp(bytes, count))
        return "a BMP image";
    return markup(bytes, count);
}

const char *fmnn_image_other(const void *head, size_t count)
{
    return find(head, count, true);
}

const char *fmnn_file_other(const void *head, size_t count)
{
    const char *what = find(head, count, false);
    return what                          ? what
           : is_safetensors(head, count) ? "a safetensors file, as weights are"
           : is_pickle(head, count)      ? "a Python pickle"
                                         : NULL;
}
