# libfmnn: the flow of data is the order of this list.
lib_LTLIBRARIES += lib/libfmnn.la
include_HEADERS = lib/fmnn.h
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = lib/fmnn.pc

lib_libfmnn_la_CPPFLAGS = $(AM_CPPFLAGS) $(ZLIB_CFLAGS) $(PNG_CFLAGS) $(JANSSON_CFLAGS) $(XXHASH_CFLAGS)
lib_libfmnn_la_LDFLAGS = -version-info $(FMNN_VERSION_INFO) -no-undefined
lib_libfmnn_la_LIBADD = $(ZLIB_LIBS) $(PNG_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS)
lib_libfmnn_la_SOURCES = \
	lib/internal.h lib/error.c lib/memory.c lib/words.c lib/version.c \
	lib/rng.h lib/rng.c \
	lib/idx.c lib/png.c lib/table.c lib/sets.c lib/images.c lib/split.c \
	lib/safetensors.h lib/safetensors.c \
	lib/confusion.c lib/calibration.c lib/chance.c

include lib/engine.mk
