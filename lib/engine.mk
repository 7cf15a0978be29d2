# The engine, from a model's text to trained weights.
lib_libfmnn_la_SOURCES += \
	lib/real.h lib/real.c \
	lib/model.h lib/model.c \
	lib/layers/layer.h lib/layers/registry.c \
	lib/layers/affine.h lib/layers/affine.c lib/layers/points.c lib/layers/conv.c lib/layers/dense.c lib/layers/pool.c \
	lib/optim/optimizer.h lib/optim/registry.c \
	lib/optim/adam.h lib/optim/adam.c lib/optim/sgd.h lib/optim/sgd.c \
	lib/net.h lib/net.c lib/winograd.h lib/winograd.c lib/team.h lib/team.c lib/plan.h lib/plan.c \
	lib/profile.h lib/profile.c \
	lib/data.h lib/data.c lib/train.h lib/train.c lib/checkpoint.c lib/predict.c \
	lib/weights.h lib/weights.c

# A kernel set is a library of its own, so that its flags reach nothing else.
kernel_headers = lib/kernels/kernels.h lib/kernels/vector.h lib/kernels/set.h lib/kernels/activation.h \
	lib/kernels/product.h lib/kernels/sink.h lib/kernels/affine.h lib/kernels/affine-back.h \
	lib/kernels/stream.h lib/kernels/dense.h lib/kernels/dense-both.h lib/kernels/transform.h lib/kernels/winograd.h lib/kernels/pool.h lib/kernels/ends.h lib/kernels/peak.h
lib_libfmnn_la_SOURCES += lib/kernels/kernels.c lib/kernels/generic.c $(kernel_headers)
if KERNELS_AVX2
noinst_LTLIBRARIES += lib/kernels/libavx2.la
lib_kernels_libavx2_la_SOURCES = lib/kernels/avx2.c
lib_kernels_libavx2_la_CFLAGS = $(AM_CFLAGS) -mavx2 -mfma
lib_libfmnn_la_LIBADD += lib/kernels/libavx2.la
endif
if KERNELS_AVX512
noinst_LTLIBRARIES += lib/kernels/libavx512.la
lib_kernels_libavx512_la_SOURCES = lib/kernels/avx512.c
lib_kernels_libavx512_la_CFLAGS = $(AM_CFLAGS) -mavx512f -mavx512vl -mavx512dq -mavx512bw -mavx2 -mfma
lib_libfmnn_la_LIBADD += lib/kernels/libavx512.la
endif
if KERNELS_NEON
noinst_LTLIBRARIES += lib/kernels/libneon.la
lib_kernels_libneon_la_SOURCES = lib/kernels/neon.c
lib_libfmnn_la_LIBADD += lib/kernels/libneon.la
endif
