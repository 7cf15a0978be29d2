/* fold.h -- a net for prediction, in which batch normalisation is part of the layer before it. */
#ifndef FM_FOLD_H
#define FM_FOLD_H

#include "engine/net.h"

/* Whether the net has a bn that directly follows a convolution or a dense layer. */
bool fm_can_fold(const struct fmnn_net *net);
/* A net with weights of its own, whose predictions differ from those of `net` in rounding only. */
struct fmnn_net *fm_net_folded(const struct fmnn_net *net, struct fmnn_error *err);

#endif
