/* emit.c -- what layers add to a plan: buffers and ops. */
#include "engine/builder.h"

#include "base/threads.h"

size_t fm_max_floats(void)
{
    const uint64_t limit = (uint64_t)1 << 36;
    return SIZE_MAX / 8 < limit ? SIZE_MAX / 8 & ~(size_t)15 : (size_t)limit;
}

int fm_too_large(const struct fm_builder *builder, struct fmnn_error *err)
{
    return fm_fail(err, FMNN_USAGE, "the net is too large at a batch of %zu", builder->plan->batch);
}

int fm_out_of_room(const struct fm_builder *builder, struct fmnn_error *err)
{
    return fm_fail(err, FMNN_USAGE, "the net needs too much memory at a batch of %zu",
                   builder->plan->batch);
}

void fm_raise_to(size_t *size, size_t floats)
{
    if (*size < floats)
        *size = floats;
}

int fm_new_buffer(struct fm_builder *builder, size_t rows, size_t row, size_t *buffer,
                  struct fmnn_error *err)
{
    void *array = builder->buffer;
    size_t floats;
    if (!fm_mul(rows, row, &floats) || floats > fm_max_floats())
        return fm_out_of_room(builder, err);
    if (fm_grow(&array, &builder->buffer_capacity, builder->buffer_count + 1,
                sizeof *builder->buffer, err) != 0)
        return -1;
    builder->buffer = array;
    builder->buffer[builder->buffer_count] = (struct fm_buffer){.floats = (floats + 15) / 16 * 16};
    *buffer = builder->buffer_count++;
    return 0;
}

int fm_new_images(struct fm_builder *builder, size_t image, size_t *buffer, struct fmnn_error *err)
{
    if (fm_new_buffer(builder, builder->plan->batch, image, buffer, err) != 0)
        return -1;
    builder->buffer[*buffer].image = image;
    return 0;
}

size_t fm_smallest_block(const struct fm_builder *builder, size_t rows, size_t wanted)
{
    size_t block = 1, batch = builder->plan->batch;
    while (block < FM_BLOCK && rows * block < wanted)
        block *= 2;
    return (batch + block - 1) / block < builder->plan->threads ? 0 : block;
}

/* ---- ops */

void fm_from_corner(const struct fm_window *window, struct fm_view *view)
{
    view->offset -= window->top * view->stride_h + window->left * view->stride_w;
}

struct fm_op fm_node_op(const struct fm_builder *builder, const struct fm_node *node, size_t input,
                        enum fm_op_kind kind)
{
    const struct fmnn_net *net = builder->plan->net;
    size_t in = node->input[input], out = node->output;
    const struct fm_value *active = &net->value[builder->backward ? in : out];
    struct fm_op op = {.kind = kind,
                       .in_shape = net->value[in].shape,
                       .out_shape = net->value[out].shape,
                       .activation =
                           builder->backward && active->undone ? FM_LINEAR : active->activation,
                       .undo_relu = builder->backward && net->value[out].undone,
                       .phase = builder->backward ? FM_BACKWARD_DATA : FM_FORWARD,
                       .add = builder->backward && builder->add[input],
                       .last = builder->backward && builder->last[input],
                       .in = builder->value[in],
                       .out = builder->value[out],
                       .node = node};
    if (builder->backward) {
        op.grad_in = builder->gradient[in];
        op.grad_out = builder->gradient[out];
    }
    op.window = node->layer.type->window(&node->layer, op.in_shape);
    if (node->parameters) {
        const struct fm_parameter *weight = &net->parameter[node->parameter];
        op.weight = weight;
        op.bias = node->parameters > 1 ? weight + 1 : NULL;
        op.units = weight->units;
        op.taps = weight->c * weight->h * weight->w;
    }
    return op;
}

int fm_add_op(struct fm_builder *builder, const struct fm_op *op, unsigned reads, unsigned writes,
              struct fmnn_error *err)
{
    struct fm_plan *plan = builder->plan;
    void *array = plan->op;
    if (fm_grow(&array, &plan->op_capacity, plan->op_count + 1, sizeof *op, err) != 0)
        return -1;
    plan->op = array;
    struct fm_op *added = &plan->op[plan->op_count++];
    *added = *op;
    added->reads = reads;
    added->writes = writes;
    if (writes & FM_GRAD_IN && op->add)
        added->reads |= FM_GRAD_IN;
    if (writes & FM_GRAD_IN && op->last && op->activation != FM_LINEAR)
        added->reads |= FM_IN;
    /* An op that can be done either way goes by blocks only if they fit the cache. */
    if (added->jobs && added->block && !fm_fits(builder, added, added->block))
        added->block = 0;
    return op->jobs > FM_MAX_JOBS ? fm_too_large(builder, err) : 0;
}

bool fm_fits_once(const struct fm_builder *builder, size_t floats)
{
    const size_t limit = 1 << 24;
    return !builder->training && floats <= limit - builder->once_floats;
}

bool fm_do_once(struct fm_builder *builder, size_t buffer)
{
    struct fm_buffer *written = &builder->buffer[buffer];
    written->lasting = fm_fits_once(builder, written->floats);
    if (written->lasting)
        builder->once_floats += written->floats;
    return written->lasting;
}

size_t *fm_kept(struct fm_builder *builder, const struct fm_node *node)
{
    return &builder->choice[fm_node_number(builder->plan->net, node)].kept;
}

bool fm_wants_gradient(const struct fm_builder *builder, const struct fm_node *node, size_t input)
{
    return builder->plan->net->value[node->input[input]].differentiable;
}

int fm_want_nonzero(struct fm_builder *builder, bool groups, size_t *buffer, struct fmnn_error *err)
{
    struct fm_op *gather = &builder->plan->op[0];
    struct fm_shape s = gather->out_shape;
    size_t pixels = s.c * s.h * s.w;
    size_t row = groups ? pixels / FM_MASK_PIXELS / 2 + 1 : 2 * ((pixels + 63) / 64);
    size_t *mask = groups ? &gather->nonzero_groups : &gather->nonzero_pairs;
    assert(gather->kind == FM_OP_gather);
    if (!*mask && fm_new_images(builder, row, mask, err) != 0)
        return -1;
    gather->writes |= groups ? FM_NONZERO_GROUPS : FM_NONZERO_PAIRS;
    gather->block = FM_BLOCK;
    *buffer = *mask;
    return 0;
}
