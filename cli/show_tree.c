/*
 * `show --tree`: the steps of a trace under what caused them, and the traces that name it as their parent. All lines are kept,
 * each as short as the screen, because a child may come long after its parent.
 */
#include "show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "printable.h"
#include "replayer/tree.h"
#include "step_text.h"
#include "store/find.h"

#define DEPTH_SHOWN_MAX 12u /* what is deeper stands there as well */
#define TRACES_DEPTH_MAX 8u
#define KIND_COLUMNS 9
#define WHAT_COLUMNS 40

struct line {
    struct line *next;
    struct rn_bytes name;
    struct rn_bytes kind;
    struct rn_bytes words; /* printable */
    bool is_failed;
};

struct page {
    struct rn_show *show;
    struct rn_tree tree;
    struct rn_arena arena;
    struct line *first, **tail;
    struct line **lines; /* by node */
    json_t *nodes;       /* NULL: for a person */
};

static enum rn_status describe(struct rn_buffer *out, const struct rn_step *step)
{
    struct rn_buffer said = {0};
    enum rn_status status = rn_step_what(out, step, WHAT_COLUMNS);
    status = status == RN_OK ? rn_step_said(&said, step) : status;
    if (status == RN_OK && said.len > 0) {
        status = rn_buffer_addf(out, "%s", out->len > 0 ? "  " : "");
        status = status == RN_OK ? rn_printable_short(out, rn_buffer_bytes(&said), 200) : status;
    }
    rn_buffer_free(&said);
    return status;
}

static enum rn_status keep_line(struct page *page, const struct rn_step *step)
{
    struct rn_buffer words = {0};
    char name[RN_DERIVED_NAME_BYTES];
    enum rn_status status = describe(&words, step);
    struct line *line = rn_arena_alloc(&page->arena, sizeof *line);
    if (status == RN_OK && line != NULL) {
        line->name = rn_arena_copy(&page->arena, rn_bytes_text(rn_step_name(step, name)));
        line->kind = rn_bytes_text(rn_step_kind(step));
        line->words = rn_arena_copy(&page->arena, rn_buffer_bytes(&words));
        line->is_failed = rn_step_is_failed(step);
        *page->tail = line;
        page->tail = &line->next;
    }
    rn_buffer_free(&words);
    if (status != RN_OK) {
        return status;
    }
    return line == NULL || line->name.data == NULL || line->words.data == NULL ? RN_NOMEM : RN_OK;
}

static enum rn_status add_step(void *self, const struct rn_step *step)
{
    struct page *page = self;
    page->show->damaged += step->error != NULL && step->error->status == RN_DAMAGED;
    enum rn_status status = rn_tree_add(&page->tree, step);
    return status == RN_OK ? keep_line(page, step) : status;
}

static enum rn_status number_lines(struct page *page)
{
    uint32_t at = 0;
    page->lines = rn_calloc(page->tree.count > 0 ? page->tree.count : 1, sizeof *page->lines);
    for (struct line *line = page->first; page->lines != NULL && line != NULL; line = line->next) {
        page->lines[at++] = line;
    }
    return page->lines == NULL ? RN_NOMEM : RN_OK;
}

/* --- for a person --------------------------------------------------------------------------------------------------- */

static enum rn_status print_line(struct page *page, uint32_t node, uint32_t below)
{
    const struct line *line = page->lines[node];
    bool colour = page->show->screen.colour;
    size_t indent = 2 * (size_t)(rn_tree_depth(&page->tree, node, DEPTH_SHOWN_MAX) + below);
    size_t used = indent + line->name.len + 2 + KIND_COLUMNS + 2;
    size_t width = rn_show_width(page->show);
    struct rn_buffer out = {0};
    struct rn_buffer words = {0};
    enum rn_status status =
        rn_printable_short(&words, line->words, width > used + 16 ? width - used : 16);
    status = status == RN_OK
                 ? rn_buffer_addf(&out, "%*s%s  ", (int)indent, "", (const char *)line->name.data)
                 : status;
    status = status == RN_OK ? rn_screen_paint(&out, colour, RN_PAINT_CYAN, line->kind) : status;
    size_t blanks = KIND_COLUMNS + 2 - line->kind.len;
    if (status == RN_OK && words.len > 0) {
        status = rn_buffer_addf(&out, "%*s", (int)blanks, "");
        status =
            status == RN_OK
                ? rn_screen_paint(&out, colour, line->is_failed ? RN_PAINT_YELLOW : RN_PAINT_NONE,
                                  rn_buffer_bytes(&words))
                : status;
    }
    status = status == RN_OK ? rn_buffer_add_byte(&out, '\n') : status;
    status = status == RN_OK && !rn_screen_put(stdout, &out) ? RN_IO : status;
    rn_buffer_free(&out);
    rn_buffer_free(&words);
    return status;
}

static enum rn_status print_lines(struct page *page, uint32_t below)
{
    enum rn_status status = RN_OK;
    uint32_t node = page->tree.count > 0 ? 0 : RN_TREE_NONE;
    while (status == RN_OK && node != RN_TREE_NONE) {
        status = print_line(page, node, below);
        node = rn_tree_next(&page->tree, node);
    }
    return status;
}

/* --- for machines --------------------------------------------------------------------------------------------------- */

static json_t *steps_json(const struct page *page)
{
    json_t *steps = json_array();
    for (uint32_t node = 0; node < page->tree.count; node++) {
        const struct rn_tree_node *at = &page->tree.nodes[node];
        json_t *step = json_object();
        rn_json_out_bytes(step, "step", page->lines[node]->name);
        rn_json_out_bytes(step, "kind", page->lines[node]->kind);
        rn_json_out_text(step, "link", rn_tree_link_name(at->link));
        if (at->parent != RN_TREE_NONE) {
            rn_json_out_bytes(step, "parent", page->lines[at->parent]->name);
        }
        if (json_array_append_new(steps, step) != 0) {
            rn_json_out_short();
        }
    }
    return steps;
}

/* --- a trace and those below it ------------------------------------------------------------------------------------- */

/* Traces with the one that each names as its parent, the newest first. */
struct kin {
    struct rn_buffer pairs; /* of struct rn_trace_id: child, parent */
    uint64_t since_wall_ns; /* nobody is older than its parent */
    enum rn_status status;
};

static enum rn_status add_trace(struct rn_show *show, uint32_t below, const struct kin *kin,
                                json_t *into, struct rn_error *error);

static enum rn_status add_child(struct rn_show *above, const struct rn_trace_id *id, uint32_t below,
                                const struct kin *kin, json_t *into, struct rn_error *error)
{
    struct rn_show show = {.store = above->store, .screen = above->screen};
    enum rn_status status = rn_trace_summary(show.store, id, &show.arena, &show.summary, error);
    if (status == RN_OK) {
        json_t *child = into == NULL ? NULL : json_object();
        status = add_trace(&show, below + 1, kin, child, error);
        if (into != NULL && json_array_append_new(into, child) != 0) {
            rn_json_out_short();
        }
        above->damaged += show.damaged;
    } else if (status == RN_NOTFOUND || status == RN_DAMAGED) {
        above->damaged += status == RN_DAMAGED;
        status = RN_OK;
    }
    rn_arena_free(&show.arena);
    return status;
}

static bool visit_kin(void *self, const struct rn_trace_summary *summary)
{
    static const struct rn_trace_id none;
    struct kin *kin = self;
    if (summary->started_wall_ns < kin->since_wall_ns) {
        return false;
    }
    if (rn_trace_id_equal(&summary->parent, &none)) {
        return true;
    }
    const struct rn_trace_id pair[2] = {summary->id, summary->parent};
    kin->status = rn_buffer_append(&kin->pairs, pair, sizeof pair);
    return kin->status == RN_OK;
}

/* Which traces name which as their parent. A summary that cannot be read hides no other. */
static enum rn_status find_kin(const struct rn_show *show, struct kin *kin, struct rn_error *error)
{
    struct rn_error inner = {RN_OK, ""};
    kin->since_wall_ns = show->summary.started_wall_ns;
    enum rn_status status = rn_find_each(show->store, true, visit_kin, kin, &inner);
    status = status == RN_DAMAGED ? RN_OK : status;
    return status == RN_OK ? kin->status : rn_fail(error, status, "%s", inner.text);
}

/* The eldest first. */
static enum rn_status add_children(struct rn_show *show, uint32_t below, const struct kin *kin,
                                   json_t *into, struct rn_error *error)
{
    struct rn_trace_id pair[2];
    enum rn_status status = RN_OK;
    size_t at = below == TRACES_DEPTH_MAX ? 0 : kin->pairs.len;
    for (; at > 0 && status == RN_OK; at -= sizeof pair) {
        memcpy(pair, kin->pairs.data + at - sizeof pair, sizeof pair);
        if (rn_trace_id_equal(&pair[1], &show->summary.id) &&
            !rn_trace_id_equal(&pair[0], &show->summary.id)) {
            status = add_child(show, &pair[0], below, kin, into, error);
        }
    }
    return status;
}

static enum rn_status print_title(struct rn_show *show, uint32_t below)
{
    struct rn_buffer out = {0};
    struct rn_buffer shown = {0};
    char id[33];
    rn_trace_id_text(&show->summary.id, id);
    enum rn_status status = rn_printable_short(&shown, show->summary.name, 60);
    status = status == RN_OK ? rn_buffer_addf(&out, "%*strace %s  ", 2 * (int)below, "", id + 24)
                             : status;
    status = status == RN_OK ? rn_buffer_add(&out, rn_buffer_bytes(&shown)) : status;
    while (out.len > 0 && out.data[out.len - 1] == ' ') {
        out.len--;
    }
    status = status == RN_OK ? rn_buffer_add_byte(&out, '\n') : status;
    status = status == RN_OK && !rn_screen_put(stdout, &out) ? RN_IO : status;
    rn_buffer_free(&shown);
    rn_buffer_free(&out);
    return status;
}

static enum rn_status add_trace(struct rn_show *show, uint32_t below, const struct kin *kin,
                                json_t *into, struct rn_error *error)
{
    struct page page = {.show = show};
    json_t *children = into == NULL ? NULL : json_array();
    page.tail = &page.first;
    enum rn_status status = rn_steps_walk(show->store, &show->summary, add_step, &page, error);
    status = status == RN_OK ? number_lines(&page) : status;
    if (status == RN_OK && into == NULL) {
        status = print_title(show, below);
        status = status == RN_OK ? print_lines(&page, below) : status;
    } else if (status == RN_OK) {
        rn_json_out_trace_id(into, "trace", &show->summary.id);
        rn_json_out_bytes(into, "name", show->summary.name);
        (void)json_object_set_new(into, "steps", steps_json(&page));
    }
    rn_free(page.lines);
    rn_tree_free(&page.tree);
    rn_arena_free(&page.arena);
    status = status == RN_OK ? add_children(show, below, kin, children, error) : status;
    if (children != NULL && json_object_set_new(into, "traces", children) != 0) {
        rn_json_out_short();
    }
    return status;
}

enum rn_status rn_show_tree(struct rn_show *show, bool as_json, struct rn_error *error)
{
    json_t *document = as_json ? rn_json_out_new("reenact.tree/1") : NULL;
    if (as_json && document == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory to show the tree");
    }
    struct kin kin = {.status = RN_OK};
    enum rn_status status = find_kin(show, &kin, error);
    status = status == RN_OK ? add_trace(show, 0, &kin, document, error) : status;
    rn_buffer_free(&kin.pairs);
    if (status != RN_OK) {
        json_decref(document);
        return error->text[0] != '\0'
                   ? status
                   : rn_fail(error, status, "cannot show the tree: %s", rn_status_name(status));
    }
    if (as_json) {
        rn_json_out_u32(document, "damaged", show->damaged);
        return rn_json_out_put(stdout, document)
                   ? RN_OK
                   : rn_fail(error, RN_IO, "cannot print the document");
    }
    return RN_OK;
}
