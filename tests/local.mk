# Check programs for the library (they may include lib/internal.h and link the static library),
# TAP scripts for the programs.
TEST_EXTENSIONS = .test
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
TEST_LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
AM_TESTS_ENVIRONMENT = \
	PATH='$(abs_top_builddir)'/src:"$$PATH"; export PATH; \
	srcdir='$(abs_top_srcdir)'; export srcdir; builddir='$(abs_top_builddir)'; export builddir; \
	LC_ALL=C; export LC_ALL; unset FMNN_DATA FMNN_KERNELS XDG_DATA_HOME;
EXTRA_DIST += build-aux/tap-driver.sh

# --- the library
LOG_COMPILER =
if HAVE_CHECK
check_PROGRAMS += $(library_tests)
TESTS += $(library_tests)
endif
library_tests = tests/check_rng
check_cppflags = $(AM_CPPFLAGS) $(CHECK_CFLAGS) -DSRCDIR='"$(abs_top_srcdir)"'
check_ldadd = lib/libfmnn.la $(ZLIB_LIBS) $(PNG_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS) $(CHECK_LIBS)
# The internals are hidden in the shared library; the tests use the static one.
check_ldflags = -static

tests_check_rng_SOURCES = tests/check_rng.c tests/runner.h
tests_check_rng_CPPFLAGS = $(check_cppflags)
tests_check_rng_LDFLAGS = $(check_ldflags)
tests_check_rng_LDADD = $(check_ldadd)

# --- the programs
TESTS += $(program_tests)
program_tests = \
	tests/fm-fetch.test
EXTRA_DIST += $(program_tests) tests/lib.sh

# fm-fetch with data sets that are small enough to be made, and a server of faults
check_PROGRAMS += tests/fm-fetch-tiny tests/tiny-data tests/httpd
tests_fm_fetch_tiny_SOURCES = $(fetch_sources) tests/tiny-sources.c
tests_fm_fetch_tiny_CPPFLAGS = $(fetch_cppflags)
tests_fm_fetch_tiny_LDADD = $(common_ldadd) $(fetch_libs)
tests_tiny_data_SOURCES = tests/tiny-data.c
tests_tiny_data_CPPFLAGS = $(AM_CPPFLAGS) $(ZLIB_CFLAGS)
tests_tiny_data_LDADD = $(ZLIB_LIBS)
tests_httpd_SOURCES = tests/httpd.c
