/* plot-predictions.c -- tables of predictions, which several kinds of plots read. */
#include "plot/fm-plot.h"

struct matrix_request predictions_request(const struct plot_request *request, size_t i)
{
    return (struct matrix_request){.table = request->file_count ? request->files[i] : NULL,
                                   .only = request->only,
                                   .suffix = request->suffix,
                                   .label_column = request->label_column,
                                   .predicted_column = request->predicted_column,
                                   .classes = request->classes,
                                   .data = request->directory,
                                   .root = request->root,
                                   .purpose = "draw"};
}
