# The engine, from a model's text to trained weights.
lib_libfmnn_la_SOURCES += \
	lib/engine/model.h lib/engine/model.c lib/engine/net.h lib/engine/net.c \
	lib/engine/net-model.c lib/engine/parameters.c \
	lib/engine/layer.h lib/engine/kernels.h lib/engine/winograd.h lib/engine/winograd.c \
	lib/engine/op.h lib/engine/plan.h lib/engine/plan.c lib/engine/execute.c \
	lib/engine/builder.h lib/engine/emit.c lib/engine/order.c lib/engine/layout.c lib/engine/profile.h lib/engine/profile.c \
	lib/engine/train.h lib/engine/train.c lib/engine/train-average.c lib/engine/train-finite.c lib/engine/train-images.c lib/engine/train-profile.c \
	lib/engine/predict.c lib/engine/fold.c lib/engine/fold.h lib/engine/variants.h lib/engine/variants.c lib/engine/take.c

lib_libfmnn_la_SOURCES += \
	lib/engine/layers/layer-registry.c lib/engine/layers/affine.h lib/engine/layers/affine.c lib/engine/layers/conv-ops.c \
	lib/engine/layers/winograd-ops.c lib/engine/layers/dense-ops.c lib/engine/layers/conv.c lib/engine/layers/dense.c \
	lib/engine/layers/pool.c lib/engine/layers/add.c lib/engine/layers/bn.c lib/engine/layers/elementwise.c lib/engine/layers/elementwise.h

lib_libfmnn_la_SOURCES += \
	lib/engine/augment/augment.h lib/engine/augment/augment.c \
	lib/engine/augment/augment-kind.h lib/engine/augment/augment-kinds.c

lib_libfmnn_la_SOURCES += \
	lib/engine/optim/recipe.h lib/engine/optim/recipe.c \
	lib/engine/optim/class-weights.h lib/engine/optim/class-weights.c \
	lib/engine/optim/optimizer.h lib/engine/optim/optimizer-registry.c \
	lib/engine/optim/adam.h lib/engine/optim/adam.c lib/engine/optim/sgd.h lib/engine/optim/sgd.c \
	lib/engine/optim/average.h lib/engine/optim/average.c lib/engine/optim/adamw.h lib/engine/optim/adamw.c lib/engine/optim/schedule.h lib/engine/optim/schedule.c

# A kernel set is a library of its own, so that its flags reach nothing else.
kernel_headers = \
	lib/engine/kernels/kernel-set.h lib/engine/kernels/vector.h lib/engine/kernels/activation.h \
	lib/engine/kernels/pixels.h \
	lib/engine/kernels/gemm.h lib/engine/kernels/stream.h lib/engine/kernels/sink.h \
	lib/engine/kernels/conv-forward.h lib/engine/kernels/conv-backward.h \
	lib/engine/kernels/dense-forward.h lib/engine/kernels/dense-gradients.h lib/engine/kernels/dense-fused.h \
	lib/engine/kernels/winograd-transform.h lib/engine/kernels/winograd-products.h \
	lib/engine/kernels/pooling.h lib/engine/kernels/addition.h lib/engine/kernels/norm.h lib/engine/kernels/pointwise.h lib/engine/kernels/input.h lib/engine/kernels/loss.h lib/engine/kernels/peak.h
lib_libfmnn_la_SOURCES += lib/engine/kernels/dispatch.c lib/engine/kernels/generic.c $(kernel_headers)
if KERNELS_AVX2
noinst_LTLIBRARIES += lib/engine/kernels/libavx2.la
lib_engine_kernels_libavx2_la_SOURCES = lib/engine/kernels/avx2.c
lib_engine_kernels_libavx2_la_CPPFLAGS = $(internal_cppflags)
lib_engine_kernels_libavx2_la_CFLAGS = $(AM_CFLAGS) -mavx2 -mfma
lib_libfmnn_la_LIBADD += lib/engine/kernels/libavx2.la
endif
if KERNELS_AVX512
noinst_LTLIBRARIES += lib/engine/kernels/libavx512.la
lib_engine_kernels_libavx512_la_SOURCES = lib/engine/kernels/avx512.c
lib_engine_kernels_libavx512_la_CPPFLAGS = $(internal_cppflags)
lib_engine_kernels_libavx512_la_CFLAGS = $(AM_CFLAGS) -mavx512f -mavx512vl -mavx512dq -mavx512bw -mavx2 -mfma
lib_libfmnn_la_LIBADD += lib/engine/kernels/libavx512.la
endif
if KERNELS_NEON
noinst_LTLIBRARIES += lib/engine/kernels/libneon.la
lib_engine_kernels_libneon_la_SOURCES = lib/engine/kernels/neon.c
lib_engine_kernels_libneon_la_CPPFLAGS = $(internal_cppflags)
lib_libfmnn_la_LIBADD += lib/engine/kernels/libneon.la
endif
