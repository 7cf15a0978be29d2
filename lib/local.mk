# libfmnn, room by room. Which room may include which is in tests/rooms.txt.
lib_LTLIBRARIES += lib/libfmnn.la
include_HEADERS = lib/include/fmnn.h
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = lib/fmnn.pc

# What sees the internal headers: the library itself and the tests of its parts.
internal_cppflags = $(public_cppflags) -I$(top_srcdir)/lib -DFM_BUILDING

lib_libfmnn_la_CPPFLAGS = $(internal_cppflags) $(ZLIB_CFLAGS) $(PNG_CFLAGS) $(JPEG_CFLAGS) $(WEBP_CFLAGS) $(JANSSON_CFLAGS) $(XXHASH_CFLAGS)
lib_libfmnn_la_LDFLAGS = -version-info $(FMNN_VERSION_INFO) -no-undefined $(FM_VERSION_SCRIPT)
EXTRA_lib_libfmnn_la_DEPENDENCIES = $(srcdir)/lib/fmnn.map
EXTRA_DIST += lib/fmnn.map
lib_libfmnn_la_LIBADD = $(ZLIB_LIBS) $(PNG_LIBS) $(JPEG_LIBS) $(WEBP_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS)
lib_libfmnn_la_SOURCES =

# Errors, memory, numbers, text, random numbers, threads.
lib_libfmnn_la_SOURCES += lib/base/internal.h lib/base/error.c lib/base/memory.c lib/base/version.c \
	lib/base/numbers.c lib/base/unicode.c lib/base/ascii.c lib/base/suggest.c lib/base/words.c lib/base/float.h lib/base/float.c \
	lib/base/rng.h lib/base/rng.c lib/base/shape.h lib/base/shape.c lib/base/processors.h lib/base/processors.c \
	lib/base/threads.h lib/base/threads.c
# What comes in: files of images, tables that name them, known data sets, samples in memory.
lib_libfmnn_la_SOURCES += lib/data/idx.h lib/data/idx.c lib/data/image.h lib/data/image.c lib/data/exif.c \
	lib/data/png.c lib/data/jpeg.c lib/data/webp.c lib/data/pnm.c \
	lib/data/image-formats.h lib/data/image-formats.c lib/data/foreign.c lib/data/resize.h lib/data/resize.c \
	lib/data/image-input.h lib/data/image-input.c lib/data/fashion-fit.c lib/data/images.c lib/data/table.c lib/data/table-names.h lib/data/table-names.c \
	lib/data/datasets.c lib/data/class-names.h lib/data/class-names.c lib/data/split.c \
	lib/data/samples.h lib/data/samples.c
# How good predictions are.
lib_libfmnn_la_SOURCES += lib/metrics/confusion.c lib/metrics/calibration.c lib/metrics/significance.c \
	lib/metrics/pairwise.h lib/metrics/pairwise.c lib/metrics/ranking.c lib/metrics/label-issues.c
# From a model's text to trained weights.
include lib/engine/local.mk
# Weights and checkpoints.
lib_libfmnn_la_SOURCES += lib/files/safetensors.h lib/files/safetensors-format.h lib/files/safetensors-format.c \
	lib/files/safetensors-writer.c lib/files/safetensors-reader.c \
	lib/files/weights.h lib/files/weights.c lib/files/checkpoint.c
