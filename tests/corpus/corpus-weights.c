/* corpus-weights.c -- weights files of a dense layer for three classes, good and bad. */
#include "corpus.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define ZEROS "00000000000000000000000000000000"
#define DIGEST "\"fmnn.xxh128\":\"" ZEROS "\""
#define SCALE "\\\"scale\\\":0.00392156862745098"
#define SHAPE "\\\"shape\\\":[1,4,4]"
#define INPUT "\"fmnn.input\":\"{" SCALE "," SHAPE "}\""
#define MODEL "\"fmnn.model\":\"dense 3\""
#define FMNN_VERSION "\"fmnn.version\":\"0.1.0\""
#define FORMAT "\"format\":\"fmnn\""
#define M(...) "\"__metadata__\":{" __VA_ARGS__ "}"
#define META M(INPUT "," MODEL "," FMNN_VERSION "," DIGEST "," FORMAT)
#define PLUS(more) M(INPUT "," MODEL "," FMNN_VERSION "," more "," DIGEST "," FORMAT)
#define SAYS(input, model) M(input "," model "," FMNN_VERSION "," DIGEST "," FORMAT)
#define T(name, dtype, shape, begin, end)                                                          \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end   \
    "]}"
#define W T("1.weight", "F32", "[3,16]", "0", "192")
#define B T("1.bias", "F32", "[3]", "192", "204")
#define H(...) "{" META "," __VA_ARGS__ "}"
#define X32 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define NAME_256 X32 X32 X32 X32 X32 X32 X32 X32
#define BRACKETS "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["

enum { WEIGHTS = 48, BIASES = 3, DATA = 4 * (WEIGHTS + BIASES), MAX_HEADER = 4 << 20 };
/* The values of the tensors and their order. */
enum values { PLAIN, SWAPPED, NOT_A_NUMBER, INFINITE };

static const struct row {
    const char *name, *verdict, *message, *what, *header;
    int more; /* bytes of data added or missing */
    enum values values;
} rows[] = {
    {"as-written", GOOD, "", "as fm-train writes it, except for the padding", H(W "," B), 0, PLAIN},
    {"padded", GOOD, "", "spaces at the end", H(W "," B) "                 ", 0, PLAIN},
    {"spaced", GOOD, "", "white space between tokens", "{ \n\t" META "\r\n, " W " ,\t" B " }", 0,
     PLAIN},
    {"meta-last", GOOD, "", "the metadata last", "{" W "," B "," META "}", 0, PLAIN},
    {"listed-backwards", GOOD, "", "tensors listed in another order than their data", H(B "," W), 0,
     PLAIN},
    {"bias-first", GOOD, "", "data in another order",
     H(T("1.bias", "F32", "[3]", "0", "12") "," T("1.weight", "F32", "[3,16]", "12", "204")), 0,
     SWAPPED},
    {"escaped-names", GOOD, "", "names written with escapes",
     H(T("\\u0031.weight", "F32", "[3,16]", "0", "192") "," T("1\\u002ebias", "F32", "[3]", "192",
                                                              "204")),
     0, PLAIN},
    {"escaped-meta", GOOD, "", "__metadata__ written with an escape",
     "{\"\\u005f_metadata__\":{" INPUT "," MODEL "," FMNN_VERSION "," DIGEST "," FORMAT "}," W "," B
     "}",
     0, PLAIN},
    {"members-reordered", GOOD, "", "a tensor's members in another order",
     H(W ",\"1.bias\":{\"data_offsets\":[192,204],\"shape\":[3],\"dtype\":\"F32\"}"), 0, PLAIN},
    {"more-metadata", GOOD, "", "other metadata",
     "{" PLUS("\"fmnn.zukunft\":\"\\u00e9 \\ud83d\\ude00\",\"x\":\"\",\"\":\"\"") "," W "," B "}",
     0, PLAIN},
    {"named-classes", GOOD, "", "names of the classes",
     "{" PLUS("\"fmnn.classes\":\"[\\\"a\\\",\\\"b c\\\",\\\"\u00e9\\\"]\"") "," W "," B "}", 0,
     PLAIN},
    {"exact", GOOD, "", "exact convolutions", "{" PLUS("\"fmnn.exact\":\"true\"") "," W "," B "}",
     0, PLAIN},
    {"model-of-lines", GOOD, "", "a model with a comment",
     "{" SAYS(INPUT, "\"fmnn.model\":\"# one layer\\ndense 3 # no more\"") "," W "," B "}", 0,
     PLAIN},
    {"checkpoint", GOOD, "", "a checkpoint has more tensors",
     "{" PLUS("\"fmnn.checkpoint\":\"x\"") "," T("state", "U64", "[1,1]", "0", "8") "," T(
         "1.weight", "F32", "[3,16]", "8", "200") "," T("1.bias", "F32", "[3]", "200",
                                                        "212") "," T("none", "F32", "[0,3]", "212",
                                                                     "212") "}",
     8, PLAIN},

    /* files of other programs */
    {"others", UNSUPPORTED, "not written by fmnn", "a file without metadata", "{" W "," B "}", 0,
     PLAIN},
    {"pytorch", UNSUPPORTED, "not written by fmnn", "a file of PyTorch",
     "{" M("\"format\":\"pt\"") "," W "," B "}", 0, PLAIN},
    {"nothing", UNSUPPORTED, "not written by fmnn", "no tensors, no metadata", "{}", -DATA, PLAIN},
    {"f16", UNSUPPORTED, "tensor '1.weight': unsupported dtype F16", "half floats",
     H(T("1.weight", "F16", "[3,16]", "0", "96") "," T("1.bias", "F32", "[3]", "96", "108")), -96,
     PLAIN},
    {"bf16", UNSUPPORTED, "unsupported dtype BF16", "bfloat16",
     H(T("1.weight", "BF16", "[3,16]", "0", "96") "," T("1.bias", "F32", "[3]", "96", "108")), -96,
     PLAIN},
    {"f64", UNSUPPORTED, "unsupported dtype F64", "doubles",
     H(T("1.weight", "F64", "[3,16]", "0", "384") "," T("1.bias", "F32", "[3]", "384", "396")), 192,
     PLAIN},
    {"i32", UNSUPPORTED, "unsupported dtype I32", "integers",
     H(T("1.weight", "I32", "[3,16]", "0", "192") "," B), 0, PLAIN},
    {"u8", UNSUPPORTED, "unsupported dtype U8", "bytes",
     H(W "," B "," T("x", "U8", "[4]", "204", "208")), 4, PLAIN},
    {"f8", UNSUPPORTED, "unsupported dtype F8_E4M3", "floats of 8 bits",
     H(W "," B "," T("x", "F8_E4M3", "[4]", "204", "208")), 4, PLAIN},
    {"rank-9", UNSUPPORTED, "unsupported shape: more than 8 sizes", "nine dimensions",
     H(T("1.weight", "F32", "[1,1,1,1,1,1,1,3,16]", "0", "192") "," B), 0, PLAIN},
    {"four-channels", UNSUPPORTED, "does not describe images of 1 or 3 channels",
     "a net for images with an alpha channel",
     "{" SAYS("\"fmnn.input\":\"{" SCALE ",\\\"shape\\\":[4,4,4]}\"", MODEL) "," W "," B "}", 0,
     PLAIN},
    {"scale", UNSUPPORTED, "scaled by 1/255", "another scale of pixels",
     "{" SAYS("\"fmnn.input\":\"{\\\"scale\\\":1.0," SHAPE "}\"", MODEL) "," W "," B "}", 0, PLAIN},
    {"layer", UNSUPPORTED, "fmnn.model", "a layer of the future",
     "{" SAYS(INPUT, "\"fmnn.model\":\"attention 8 | dense 3\"") "," W "," B "}", 0, PLAIN},

    /* the text */
    {"no-header", BAD, "does not begin with '{'", "a header of no bytes", "", 0, PLAIN},
    {"space-first", BAD, "does not begin with '{'", "a space first", " " H(W "," B), 0, PLAIN},
    {"mark-first", BAD, "does not begin with '{'", "a byte order mark", "\xef\xbb\xbf" H(W "," B),
     0, PLAIN},
    {"array", BAD, "does not begin with '{'", "an array", "[" H(W "," B) "]", 0, PLAIN},
    {"line-feed-last", BAD, "does not end with '}' and spaces", "a line feed at the end",
     H(W "," B) "\n", 0, PLAIN},
    {"garbage-last", BAD, "does not end with '}' and spaces", "garbage at the end", H(W "," B) "x ",
     0, PLAIN},
    {"two-values", BAD, "damaged header", "two objects", H(W "," B) "{}", 0, PLAIN},
    {"bracket-more", BAD, "has an unmatched bracket", "a bracket too many", H(W "," B) "}", 0,
     PLAIN},
    {"bracket-less", BAD, "damaged header", "a bracket too few", "{" META "," W "," B, 0, PLAIN},
    {"comma-last", BAD, "damaged header", "a comma too many", H(W "," B ","), 0, PLAIN},
    {"no-comma", BAD, "damaged header", "a comma too few", H(W " " B), 0, PLAIN},
    {"quotes", BAD, "is not JSON", "single quotes", "{'1.bias':1}", 0, PLAIN},
    {"null", BAD, "is not JSON", "a null", H(W "," B ",\"x\":null"), 0, PLAIN},
    {"comment", BAD, "is not JSON", "a comment", "{/* */" META "," W "," B "}", 0, PLAIN},
    {"deep", BAD, "is nested too deeply", "deep nesting", H(W "," B ",\"x\":[[[[1]]]]"), 0, PLAIN},
    {"deeper", BAD, "is nested too deeply", "very deep nesting",
     "{\"x\":" BRACKETS BRACKETS BRACKETS BRACKETS BRACKETS BRACKETS BRACKETS BRACKETS "}", 0,
     PLAIN},
    {"not-utf-8", BAD, "damaged header", "a name that is not UTF-8",
     H(W "," T("1.b\xffias", "F32", "[3]", "192", "204")), 0, PLAIN},
    {"overlong", BAD, "damaged header", "an overlong UTF-8 sequence",
     H(W "," B "," T("\xc0\xaf", "F32", "[0]", "204", "204")), 0, PLAIN},
    {"surrogate", BAD, "damaged header", "a lone surrogate",
     H(W "," B "," T("\\ud800", "F32", "[0]", "204", "204")), 0, PLAIN},
    {"nul-in-name", BAD, "damaged header", "U+0000 in a name",
     H(W "," T("1.bias\\u0000x", "F32", "[3]", "192", "204")), 0, PLAIN},
    {"line-in-name", BAD, "damaged header", "a line feed in a name",
     H(W "," B "," T("a\nb", "F32", "[0]", "204", "204")), 0, PLAIN},
    {"empty-name", BAD, "a tensor's name has 0 bytes", "a name of no bytes",
     H(W "," B "," T("", "F32", "[0]", "204", "204")), 0, PLAIN},
    {"name-256", BAD, "a tensor's name has 256 bytes", "a name of 256 bytes",
     H(W "," B "," T(NAME_256, "F32", "[0]", "204", "204")), 0, PLAIN},

    /* the metadata */
    {"meta-number", BAD, "metadata 'x' is not a string", "metadata that is a number",
     "{" PLUS("\"x\":1") "," W "," B "}", 0, PLAIN},
    {"meta-object", BAD, "metadata 'x' is not a string", "metadata that is an object",
     "{" PLUS("\"x\":{}") "," W "," B "}", 0, PLAIN},
    {"meta-list", BAD, "not written by fmnn", "metadata that is a list",
     "{\"__metadata__\":[\"format\",\"fmnn\"]," W "," B "}", 0, PLAIN},
    {"no-digest", BAD, "no checksum", "no checksum",
     "{" M(INPUT "," MODEL "," FMNN_VERSION "," FORMAT) "," W "," B "}", 0, PLAIN},
    {"digest-short", BAD, "its checksum is malformed", "a checksum of three digits",
     "{" M(INPUT "," MODEL "," FMNN_VERSION ",\"fmnn.xxh128\":\"123\"," FORMAT) "," W "," B "}", 0,
     PLAIN},
    {"digest-letters", BAD, "its checksum is malformed", "a checksum of other letters",
     "{" M(INPUT "," MODEL "," FMNN_VERSION
                 ",\"fmnn.xxh128\":\"x0000000000000000000000000000000\"," FORMAT) "," W "," B "}",
     0, PLAIN},
    {"digest-wrong", BAD, "damaged: checksum", "a wrong checksum",
     "{" M(INPUT "," MODEL "," FMNN_VERSION
                 ",\"fmnn.xxh128\":\"0123456789abcdef0123456789abcdef\"," FORMAT) "," W "," B "}",
     0, PLAIN},
    {"no-model", BAD, "'fmnn.model' is missing", "no model",
     "{" M(INPUT "," FMNN_VERSION "," DIGEST "," FORMAT) "," W "," B "}", 0, PLAIN},
    {"no-input", BAD, "'fmnn.input' is missing", "no input",
     "{" M(MODEL "," FMNN_VERSION "," DIGEST "," FORMAT) "," W "," B "}", 0, PLAIN},
    {"no-version", BAD, "'fmnn.version' is missing", "no version",
     "{" M(INPUT "," MODEL "," DIGEST "," FORMAT) "," W "," B "}", 0, PLAIN},
    {"input-json", BAD, "fmnn.input: ", "an input that is not JSON",
     "{" SAYS("\"fmnn.input\":\"{\"", MODEL) "," W "," B "}", 0, PLAIN},
    {"input-huge", BAD, "fmnn.input does not describe", "images of 10^6 x 10^6",
     "{" SAYS("\"fmnn.input\":\"{" SCALE ",\\\"shape\\\":[1,1000000,1000000]}\"", MODEL) "," W "," B
                                                                                         "}",
     0, PLAIN},
    {"input-negative", BAD, "fmnn.input does not describe", "images of -4 x 4",
     "{" SAYS("\"fmnn.input\":\"{" SCALE ",\\\"shape\\\":[1,-4,4]}\"", MODEL) "," W "," B "}", 0,
     PLAIN},
    {"input-more", BAD, "fmnn.input does not describe", "an input with an unknown member",
     "{" SAYS("\"fmnn.input\":\"{" SCALE "," SHAPE ",\\\"x\\\":1}\"", MODEL) "," W "," B "}", 0,
     PLAIN},
    {"model-empty", BAD, "fmnn.model", "a model without layers",
     "{" SAYS(INPUT, "\"fmnn.model\":\"\"") "," W "," B "}", 0, PLAIN},
    {"model-classes", BAD, "fmnn.model does not say how many classes",
     "a model without the number of classes",
     "{" SAYS(INPUT, "\"fmnn.model\":\"dense classes\"") "," W "," B "}", 0, PLAIN},
    {"model-huge", BAD, "", "a model of 10^12 weights",
     "{" SAYS(INPUT, "\"fmnn.model\":\"dense 1000000 | dense 1000000 | dense 3\"") "," W "," B "}",
     0, PLAIN},
    {"model-other", BAD, "the model needs F32 (4,16)", "a model of four classes",
     "{" SAYS(INPUT, "\"fmnn.model\":\"dense 4\"") "," W "," B "}", 0, PLAIN},
    {"classes-few", BAD, "fmnn.classes is not a list of 3 names", "two names for three classes",
     "{" PLUS("\"fmnn.classes\":\"[\\\"a\\\",\\\"b\\\"]\"") "," W "," B "}", 0, PLAIN},
    {"classes-tab", BAD, "fmnn.classes is not a list of 3 names", "a tab in the name of a class",
     "{" PLUS("\"fmnn.classes\":\"[\\\"a\\\",\\\"b\\\",\\\"c\\\\td\\\"]\"") "," W "," B "}", 0,
     PLAIN},
    {"exact-no", BAD, "fmnn.exact is not 'true'", "an unknown value of exact",
     "{" PLUS("\"fmnn.exact\":\"yes\"") "," W "," B "}", 0, PLAIN},

    /* duplicates */
    {"tensor-twice", BAD, "duplicate object key", "a tensor twice", H(W "," B "," B), 0, PLAIN},
    {"tensor-escaped", BAD, "duplicate object key", "a tensor twice, once with an escape",
     H(W "," B "," T("1.b\\u0069as", "F32", "[3]", "192", "204")), 0, PLAIN},
    {"meta-twice", BAD, "duplicate object key", "the metadata twice",
     "{" META "," W "," B "," META "}", 0, PLAIN},
    {"model-twice", BAD, "duplicate object key", "the model twice", "{" PLUS(MODEL) "," W "," B "}",
     0, PLAIN},
    {"shape-twice", BAD, "duplicate object key", "a shape twice",
     H(W ",\"1.bias\":{\"dtype\":\"F32\",\"shape\":[3],\"shape\":[3],\"data_offsets\":[192,204]}"),
     0, PLAIN},

    /* tensors */
    {"not-object", BAD, "tensor '1.bias': not an object", "a tensor that is a string",
     H(W ",\"1.bias\":\"F32\""), -12, PLAIN},
    {"no-dtype", BAD, "tensor '1.bias': no dtype", "no dtype",
     H(W ",\"1.bias\":{\"shape\":[3],\"data_offsets\":[192,204]}"), 0, PLAIN},
    {"no-shape", BAD, "tensor '1.bias': no shape", "no shape",
     H(W ",\"1.bias\":{\"dtype\":\"F32\",\"data_offsets\":[192,204]}"), 0, PLAIN},
    {"no-offsets", BAD, "tensor '1.bias': no pair of data_offsets", "no offsets",
     H(W ",\"1.bias\":{\"dtype\":\"F32\",\"shape\":[3]}"), 0, PLAIN},
    {"three-offsets", BAD, "no pair of data_offsets", "three offsets",
     H(W ",\"1.bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[192,204,204]}"), 0, PLAIN},
    {"text-offset", BAD, "no pair of data_offsets", "an offset in quotes",
     H(W "," T("1.bias", "F32", "[3]", "192", "\"204\"")), 0, PLAIN},
    {"unknown-member", BAD, "unknown members", "an unknown member",
     H(W ",\"1.bias\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[192,204],\"x\":1}"), 0,
     PLAIN},
    {"text-size", BAD, "a size in its shape is out of range", "a size in quotes",
     H(W "," T("1.bias", "F32", "[\"3\"]", "192", "204")), 0, PLAIN},
    {"fraction", BAD, "other than strings and whole numbers", "a size of 3.0",
     H(W "," T("1.bias", "F32", "[3.0]", "192", "204")), 0, PLAIN},
    {"exponent", BAD, "other than strings and whole numbers", "a size of 3e0",
     H(W "," T("1.bias", "F32", "[3e0]", "192", "204")), 0, PLAIN},
    {"negative", BAD, "other than strings and whole numbers", "a size of -3",
     H(W "," T("1.bias", "F32", "[-3]", "192", "204")), 0, PLAIN},
    {"minus-zero", BAD, "other than strings and whole numbers", "an offset of -0",
     H(T("1.weight", "F32", "[3,16]", "-0", "192") "," B), 0, PLAIN},
    {"octal", BAD, "damaged header", "a size of 03",
     H(W "," T("1.bias", "F32", "[03]", "192", "204")), 0, PLAIN},
    {"hexadecimal", BAD, "is not JSON", "a size of 0x3",
     H(W "," T("1.bias", "F32", "[0x3]", "192", "204")), 0, PLAIN},
    {"above-63-bits", BAD, "damaged header", "a size of 2^63",
     H(W "," T("1.bias", "F32", "[9223372036854775808]", "192", "204")), 0, PLAIN},
    {"above-64-bits", BAD, "damaged header", "a size of 2^64 + 3",
     H(W "," T("1.bias", "F32", "[18446744073709551619]", "192", "204")), 0, PLAIN},
    {"product-0", BAD, "its shape is too large", "a product that is 0 modulo 2^64",
     H(W "," B "," T("x", "F32", "[4294967296,4294967296]", "204", "204")), 0, PLAIN},
    {"product-wraps", BAD, "its shape is too large", "a product that is 3 modulo 2^64",
     H(W "," T("1.bias", "F32", "[6148914691236517205,9]", "192", "204")), 0, PLAIN},
    {"offset-wraps", BAD, "do not agree with its shape", "an end before its beginning",
     H(W "," T("1.bias", "F32", "[3]", "204", "192")), 0, PLAIN},
    {"offset-short", BAD, "do not agree with its shape", "offsets too close",
     H(W "," T("1.bias", "F32", "[3]", "192", "200")), -4, PLAIN},
    {"offset-far", BAD, "do not agree with its shape", "offsets too far",
     H(W "," T("1.bias", "F32", "[3]", "192", "208")), 4, PLAIN},
    {"hole-first", BAD, "a gap before its data", "a hole at the beginning",
     H(T("1.weight", "F32", "[3,16]", "4", "196") "," T("1.bias", "F32", "[3]", "196", "208")), 4,
     PLAIN},
    {"hole", BAD, "tensor '1.bias': a gap before its data", "a hole between",
     H(W "," T("1.bias", "F32", "[3]", "196", "208")), 4, PLAIN},
    {"overlap", BAD, "tensor '1.bias': its data overlap", "data that overlap",
     H(W "," T("1.bias", "F32", "[3]", "188", "200")), -4, PLAIN},
    {"same-place", BAD, "its data overlap", "two tensors in one place",
     H(W "," B "," T("twin", "F32", "[3]", "192", "204")), 0, PLAIN},
    {"unaligned", BAD, "its data are not aligned", "numbers of 8 bytes at a multiple of 4",
     H(W "," B "," T("x", "U64", "[1]", "204", "212")), 8, PLAIN},
    {"missing", BAD, "1 tensors, but the model has 2", "a tensor is missing", H(W), -12, PLAIN},
    {"renamed", BAD, "tensor '1.bias' is missing", "a tensor with another name",
     H(W "," T("2.bias", "F32", "[3]", "192", "204")), 0, PLAIN},
    {"too-many", BAD, "3 tensors, but the model has 2", "a tensor too many",
     H(W "," B "," T("2.bias", "F32", "[3]", "204", "216")), 12, PLAIN},
    {"transposed", BAD, "tensor '1.weight' is F32 (16,3), but the model needs F32 (3,16)",
     "a transposed matrix", H(T("1.weight", "F32", "[16,3]", "0", "192") "," B), 0, PLAIN},
    {"flat", BAD, "tensor '1.weight' is F32 (48)", "a flattened matrix",
     H(T("1.weight", "F32", "[48]", "0", "192") "," B), 0, PLAIN},
    {"wrong-type", BAD, "is U64 (3), but the model needs F32 (3)", "a bias of integers",
     H(T("1.bias", "U64", "[3]", "0", "24") "," T("1.weight", "F32", "[3,16]", "24", "216")), 12,
     PLAIN},

    /* the data */
    {"data-short", BAD, "truncated: 203 bytes of tensors", "a byte too few", H(W "," B), -1, PLAIN},
    {"data-none", BAD, "truncated: 0 bytes of tensors", "no data", H(W "," B), -DATA, PLAIN},
    {"data-long", BAD, "too long", "a byte too many", H(W "," B), 1, PLAIN},
    {"data-longer", BAD, "too long", "1,000 bytes too many", H(W "," B), 1000, PLAIN},
    {"data-promised", BAD,
     SIZE_MAX > UINT32_MAX ? "truncated: 204 bytes of tensors" : "its shape is too large",
     "4 TB promised", H(W "," B "," T("x", "F32", "[1000000000000]", "204", "4000000000204")), 0,
     PLAIN},
    {"nan", BAD, "tensor '1.weight' holds a value that is not finite", "a weight that is NaN",
     H(W "," B), 0, NOT_A_NUMBER},
    {"infinite", BAD, "tensor '1.bias' holds a value that is not finite", "an infinite bias",
     H(W "," B), 0, INFINITE},
};

static void put_values(struct buffer *file, enum values values)
{
    uint32_t word[WEIGHTS + BIASES];
    for (unsigned i = 0; i < WEIGHTS + BIASES; i++) {
        float value = 0.25f * (float)(i * 5 % 7) - 0.5f;
        memcpy(&word[i], &value, sizeof value);
    }
    if (values == NOT_A_NUMBER)
        word[7] = 0x7fc00000;
    if (values == INFINITE)
        word[WEIGHTS] = 0x7f800000;
    unsigned first = values == SWAPPED ? WEIGHTS : 0;
    for (unsigned i = 0; i < WEIGHTS + BIASES; i++)
        put_little(file, word[(first + i) % (WEIGHTS + BIASES)]);
}

/* Inserts the correct digest if the file has a place for it. */
static void seal(struct buffer *file)
{
    static const char zeros[] = "\"" ZEROS "\"";
    for (size_t i = 0; i + sizeof zeros <= file->used; i++)
        if (!memcmp(file->bytes + i, zeros, sizeof zeros - 1)) {
            XXH128_canonical_t digest;
            XXH128_canonicalFromHash(&digest, XXH3_128bits(file->bytes, file->used));
            for (unsigned k = 0; k < sizeof digest.digest; k++) {
                file->bytes[i + 1 + 2 * k] = (uint8_t) "0123456789abcdef"[digest.digest[k] >> 4];
                file->bytes[i + 2 + 2 * k] = (uint8_t) "0123456789abcdef"[digest.digest[k] & 15];
            }
            return;
        }
}

static struct buffer make(const char *header, size_t length, int more, enum values values)
{
    struct buffer file = {0};
    bool state = strstr(header, "\"state\"") != NULL; /* its data is before the weights */
    put_little(&file, (uint32_t)length);
    put_zeros(&file, 4);
    put(&file, header, length);
    if (state)
        put_zeros(&file, (size_t)more);
    put_values(&file, values);
    if (more < 0)
        file.used -= (size_t)-more;
    else if (!state)
        put_zeros(&file, (size_t)more);
    seal(&file);
    return file;
}

static void finish(const char *name, const char *verdict, const char *message, const char *what,
                   struct buffer *file)
{
    char *path = text("weights/%s", name);
    save(path, file);
    list("weights", path, verdict, message, what);
    free(path);
    free(file->bytes);
}

/* A good file, except that the length before the header is another. */
static void other_length(const char *name, const char *message, const char *what, uint64_t length)
{
    static const char header[] = H(W "," B);
    struct buffer file = make(header, sizeof header - 1, 0, PLAIN);
    for (unsigned i = 0; i < 8; i++)
        file.bytes[i] = (uint8_t)(length >> 8 * i);
    finish(name, BAD, message, what, &file);
}

static void make_lengths(void)
{
    const uint64_t length = sizeof(H(W "," B)) - 1;
    other_length("n-plus-1", "", "a header length one too large", length + 1);
    other_length("n-minus-1", "damaged header", "a header length one too small", length - 1);
    other_length("n-to-the-end", "does not end with '}'", "a header length up to the end",
                 length + DATA);
    other_length("n-beyond", "ends inside its header", "a header length beyond the end",
                 length + DATA + 1);
    other_length("n-max", "ends inside its header", "a header length of 4 MiB", MAX_HEADER);
    other_length("n-above", "the maximum is 4194304", "a header length of 4 MiB and a byte",
                 MAX_HEADER + 1);
    other_length("n-ones", "the maximum is", "a header length of 2^64 - 1", UINT64_MAX);
    other_length("n-wraps", "the maximum is", "a header length of 2^64 - 8", UINT64_MAX - 7);
    other_length("n-backwards", "the maximum is", "a big-endian header length",
                 length << 56 | length >> 8 << 48);
}

/* A header of maximum length, and files of other formats. */
static void make_others(void)
{
    static char header[MAX_HEADER + 1];
    memset(header, ' ', MAX_HEADER);
    memcpy(header, H(W "," B), sizeof(H(W "," B)) - 1);
    struct buffer file = make(header, MAX_HEADER, 0, PLAIN);
    finish("header-max", GOOD, "", "a header of 4 MiB", &file);

    memset(header, '[', 200000);
    memcpy(header, "{\"a\":", 5);
    header[199999] = '}';
    file = make(header, 200000, 0, PLAIN);
    finish("brackets", BAD, "is nested too deeply", "200,000 brackets", &file);

    static const struct {
        const char *name, *message, *what, *bytes;
        size_t count;
    } others[] = {
        {"empty", "empty, not a weights file", "no bytes", "", 0},
        {"seven", "truncated", "seven bytes", "\1\0\0\0\0\0\0", 7},
        {"eight", "", "eight bytes", "\0\0\0\0\0\0\0\0", 8},
        {"text", "not a weights file", "a table", "image\tlabel\tsplit\na\t1\ttest\n", 27},
        {"zip", "not a weights file", "a zip archive, as Keras and PyTorch write",
         "PK\3\4\24\0\0\0\10\0", 10},
        {"hdf5", "not a weights file", "an HDF5 file", "\211HDF\r\n\032\n\0\0\0\0", 12},
        {"pickle", "not a weights file", "a pickle", "\200\2}q\0X\1\0\0\0aq\1K\1s.", 16},
        {"gguf", "not a weights file", "a GGUF file", "GGUF\3\0\0\0\0\0\0\0", 12},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        file = (struct buffer){0};
        put(&file, others[i].bytes, others[i].count);
        finish(others[i].name, BAD, others[i].message, others[i].what, &file);
    }
}

void make_weights(void)
{
    make_directory("weights");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct buffer file = make(row->header, strlen(row->header), row->more, row->values);
        finish(row->name, row->verdict, row->message, row->what, &file);
    }
    make_lengths();
    make_others();
}
