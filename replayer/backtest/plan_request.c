/*
 * One recorded call made into the request that a backtest sends: which are left out and why, the body with its edits, the path.
 *
 * Pure: the same plan and the same event give the same bytes, whenever and wherever that is. The body is the recorded one,
 * decoded where it had a content coding, with the model spliced in, then the user's edits in their order, then the moves that
 * the plan fixed. The head is plan_head.c's, what the body tells is plan_body.c's.
 */
#include <string.h>

#include "base/memory.h"
#include "base/varint.h"
#include "moves.h"
#include "plan.h"
#include "plan_body.h"
#include "plan_head.h"
#include "wire/json.h"

/* --- who is left out ------------------------------------------------------------------------------------------------ */

/* Whether it went where model calls go, though nobody could read it. */
static bool looks_like_a_call(const struct rn_view *view)
{
    struct rn_bytes target = rn_event_get(view->event, RN_TAG_TARGET);
    target = rn_bytes_sub(target, 0, rn_bytes_find_byte(target, '?'));
    if (!rn_bytes_equal(rn_event_get(view->event, RN_TAG_METHOD), RN_LIT("POST"))) {
        return false;
    }
    for (int dialect = RN_DIALECT_NONE + 1; dialect < RN_MOVES_DIALECTS; dialect++) {
        if (rn_bytes_ends_with(target, rn_moves_tail((enum rn_dialect)dialect))) {
            return true;
        }
    }
    return false;
}

/* What only fetches an answer again, cancels one or makes a conversation compact asks no model anew. */
static bool asks_a_model(const struct rn_reading *reading)
{
    bool asks = reading->kind == RN_READING_MODEL || reading->kind == RN_READING_EMBEDDING;
    return asks && reading->operation.len == 0;
}

/* Whether it can be asked of others: its dialect can, and it was asked where the dialect is asked everywhere, not as Vertex has it. */
static bool can_move(const struct rn_view *view)
{
    struct rn_bytes path = rn_event_get(view->event, RN_TAG_TARGET);
    path = rn_bytes_sub(path, 0, rn_bytes_find_byte(path, '?'));
    while (path.len > 0 && path.data[path.len - 1] == '/') {
        path.len--;
    }
    return view->reading.dialect < RN_MOVES_DIALECTS &&
           rn_bytes_ends_with(path, rn_moves_tail(view->reading.dialect));
}

static bool is_redacted(const struct rn_view *view)
{
    struct rn_bytes list = rn_event_get(view->event, RN_TAG_REDACTIONS);
    for (struct rn_view_redaction span; rn_view_redaction_next(&list, &span);) {
        if (span.tag == RN_TAG_REQUEST_BODY || span.tag == RN_TAG_TARGET) {
            return true;
        }
    }
    return false;
}

/* Whether the dialect is one that can be asked of others does not matter for what goes where it went. */
static enum rn_left_out leaves_out(const struct rn_view *view, bool moves)
{
    bool is_short = (view->flags & (RN_FLAG_TRUNCATED | RN_FLAG_WITHHELD)) != 0 ||
                    !rn_event_has(view->event, RN_TAG_REQUEST_BODY);
    bool asks = asks_a_model(&view->reading);
    bool is_unread = view->reading.dialect == RN_DIALECT_NONE || !asks;
    if (is_unread &&
        !(looks_like_a_call(view) && (is_short || view->request.fault.status != RN_OK))) {
        return RN_LEFT_NO_MODEL_CALL;
    }
    if (is_short) {
        return RN_LEFT_TRUNCATED;
    }
    if (asks && moves && !can_move(view)) {
        return RN_LEFT_DIALECT;
    }
    if (is_unread || view->request.fault.status != RN_OK || view->request_head == NULL) {
        return RN_LEFT_UNREADABLE;
    }
    if (is_redacted(view)) {
        return RN_LEFT_REDACTED;
    }
    if (rn_event_end_of(view->event) != RN_END_ENDED || view->response_head == NULL) {
        return RN_LEFT_UNENDED;
    }
    return RN_LEFT_COUNT;
}

enum rn_left_out rn_plan_leaves_out(const struct rn_view *view)
{
    return leaves_out(view, true);
}

/* --- body ----------------------------------------------------------------------------------------------------------- */

struct maker {
    const struct rn_plan *plan;
    const struct rn_view *view;
    struct rn_arena *arena;
    struct rn_plan_request *out;
    struct rn_buffer words; /* runs for RN_TAG_MOVES */
    struct rn_error *error;
};

static enum rn_status fail_nomem(struct rn_error *error)
{
    return rn_fail(error, RN_NOMEM, "no memory to prepare a request");
}

static enum rn_status note_words(struct maker *maker, const struct rn_edit *edit)
{
    struct rn_buffer words = {0};
    enum rn_status status = rn_edit_words(edit, &words);
    status = status == RN_OK ? rn_run_put(&maker->words, rn_buffer_bytes(&words)) : status;
    rn_buffer_free(&words);
    return status == RN_OK ? RN_OK : fail_nomem(maker->error);
}

/* The model first, then the edits of the user. */
static enum rn_status change_as_told(struct maker *maker, struct rn_buffer *body)
{
    const struct rn_plan *plan = maker->plan;
    struct rn_edit edits[RN_PLAN_EDITS_MAX + 1];
    bool applied[RN_PLAN_EDITS_MAX + 1] = {false};
    struct rn_buffer model = {0};
    enum rn_status status = rn_json_quote(plan->model, &model);
    if (status != RN_OK) {
        rn_buffer_free(&model);
        return fail_nomem(maker->error);
    }
    edits[0] = (struct rn_edit){
        .kind = RN_EDIT_SET, .place = RN_LIT("model"), .value = rn_buffer_bytes(&model)};
    for (size_t i = 0; i < plan->edit_count; i++) {
        edits[i + 1] = plan->edits[i];
    }
    status = rn_splice(maker->view->request.decoded, edits, plan->edit_count + 1, body, applied,
                       maker->error);
    for (size_t i = 0; i < plan->edit_count && status == RN_OK; i++) {
        if (applied[i + 1]) {
            maker->out->changed |= UINT64_C(1) << i;
            status = note_words(maker, &plan->edits[i]);
        }
    }
    rn_buffer_free(&model);
    return status;
}

/* For each move the three names it depends on. */
struct members {
    struct rn_bytes names[RN_PLAN_EDITS_MAX * 3];
    bool there[RN_PLAN_EDITS_MAX * 3];
};

static void name_members(const struct rn_plan *plan, struct members *members)
{
    for (size_t i = 0; i < plan->move_count; i++) {
        const struct rn_plan_move *move = &plan->moves[i];
        members->names[3 * i] = move->edit.place;
        members->names[3 * i + 1] = move->beside;
        members->names[3 * i + 2] =
            move->edit.kind == RN_EDIT_RENAME ? move->edit.value : rn_bytes_of("", 0);
    }
}

static bool move_fits(const struct rn_plan_move *move, enum rn_dialect dialect, const bool there[3])
{
    return move->dialect == dialect && there[0] && (move->beside.len == 0 || there[1]) &&
           !(move->edit.kind == RN_EDIT_RENAME && there[2]);
}

/* The moves that this body needs, in `edits`. */
static enum rn_status choose_moves(struct maker *maker, const struct members *members,
                                   struct rn_edit edits[RN_PLAN_EDITS_MAX], size_t *count)
{
    const struct rn_plan *plan = maker->plan;
    enum rn_status status = RN_OK;
    *count = 0;
    for (size_t i = 0; i < plan->move_count && status == RN_OK; i++) {
        if (move_fits(&plan->moves[i], maker->view->reading.dialect, &members->there[3 * i])) {
            edits[(*count)++] = plan->moves[i].edit;
            maker->out->changed |= UINT64_C(1) << (RN_PLAN_EDITS_MAX + i);
            status = note_words(maker, &plan->moves[i].edit);
        }
    }
    return status;
}

static enum rn_status keep_body(struct maker *maker, struct rn_bytes body)
{
    maker->out->body = rn_arena_copy(maker->arena, body);
    return maker->out->body.data != NULL ? RN_OK : fail_nomem(maker->error);
}

static enum rn_status apply_moves(struct maker *maker, const struct members *members,
                                  struct rn_bytes body)
{
    struct rn_edit edits[RN_PLAN_EDITS_MAX];
    size_t count = 0;
    struct rn_buffer moved = {0};
    enum rn_status status = choose_moves(maker, members, edits, &count);
    if (status == RN_OK && count > 0) {
        status = rn_splice(body, edits, count, &moved, NULL, maker->error);
        body = rn_buffer_bytes(&moved);
    }
    status = status == RN_OK ? keep_body(maker, body) : status;
    rn_buffer_free(&moved);
    return status;
}

/* *why is set where the body is the reason. */
static enum rn_status make_body(struct maker *maker, enum rn_left_out *why)
{
    struct rn_buffer body = {0};
    struct rn_plan_body facts = {0};
    struct members members;
    const struct rn_plan_body_question question = {
        .dialect = maker->view->reading.dialect,
        .is_elsewhere = !rn_bytes_equal(rn_event_get(maker->view->event, RN_TAG_UPSTREAM),
                                        maker->plan->upstream),
        .names = members.names,
        .there = members.there,
        .count = maker->plan->move_count * 3};
    name_members(maker->plan, &members);
    enum rn_status status = maker->plan->as_recorded
                                ? rn_buffer_add(&body, maker->view->request.decoded)
                                : change_as_told(maker, &body);
    if (status == RN_OK) {
        status = rn_plan_body_scan(rn_buffer_bytes(&body), &question, &facts);
    }
    if (status == RN_OK && facts.is_stateful) {
        *why = RN_LEFT_STATEFUL;
        status = rn_fail(maker->error, RN_REFUSED, "%s", rn_left_out_sentence(*why));
    }
    status = status == RN_OK ? apply_moves(maker, &members, rn_buffer_bytes(&body)) : status;
    if (status == RN_INVALID) { /* the edits were checked beforehand: it is this body */
        *why = RN_LEFT_UNREADABLE;
        status = RN_REFUSED;
    }
    maker->out->streamed = facts.streamed;
    maker->out->max_tokens = facts.max_tokens;
    rn_buffer_free(&body);
    return status;
}

/* --- the key's place ------------------------------------------------------------------------------------------------ */

void rn_plan_key_variable(struct rn_bytes upstream, char out[RN_KEY_VARIABLE_BYTES_MAX])
{
    static const char end[] = "_API_KEY";
    size_t len = 0;
    if (rn_bytes_equal(upstream, RN_LIT("cohere"))) {
        upstream = RN_LIT("co"); /* the one whose variable is not called as it is */
    }
    for (; len < upstream.len && len + sizeof end < RN_KEY_VARIABLE_BYTES_MAX; len++) {
        uint8_t byte = upstream.data[len];
        byte = byte >= 'a' && byte <= 'z' ? (uint8_t)(byte - 'a' + 'A') : byte;
        out[len] = byte == '-' ? '_' : (char)byte;
    }
    memcpy(out + len, end, sizeof end);
}

/* --- target --------------------------------------------------------------------------------------------------------- */

/* What follows scheme and authority: "" or "/v1". */
static struct rn_bytes path_of(struct rn_bytes url)
{
    size_t colon = rn_bytes_find(url, RN_LIT("://"));
    struct rn_bytes rest = colon == RN_NPOS ? url : rn_bytes_from(url, colon + 3);
    size_t slash = rn_bytes_find_byte(rest, '/');
    return slash == RN_NPOS ? rn_bytes_of("", 0) : rn_bytes_from(rest, slash);
}

/*
 * Where a known upstream has this API: what the recording had before "/chat/completions" belongs to the recorded server. False:
 * the recorded target is as good as any.
 */
static bool known_target(const struct maker *maker, struct rn_bytes target, struct rn_bytes *prefix,
                         struct rn_bytes *tail)
{
    enum rn_dialect dialect = maker->view->reading.dialect;
    const char *known = rn_moves_prefix(maker->plan->upstream, dialect);
    struct rn_bytes end = rn_moves_tail(dialect);
    size_t query = rn_bytes_find_byte(target, '?');
    struct rn_bytes path = rn_bytes_sub(target, 0, query);
    if (known == NULL || path_of(maker->plan->url).len > 0 || !rn_bytes_ends_with(path, end)) {
        return false;
    }
    *prefix = rn_bytes_text(known);
    *tail = rn_bytes_from(target, path.len - end.len);
    return true;
}

/* Base URLs are often written with the "/v1" that recorded targets begin with: it is not wanted twice. */
static struct rn_bytes without_overlap(struct rn_bytes url, struct rn_bytes target)
{
    struct rn_bytes base = path_of(url);
    for (size_t i = 0; i < base.len; i++) {
        struct rn_bytes end = rn_bytes_from(base, i);
        if (base.data[i] == '/' && target.len > end.len && rn_bytes_starts_with(target, end) &&
            target.data[end.len] == '/') {
            return rn_bytes_from(target, end.len);
        }
    }
    return target;
}

/* Whether the server sees the recorded path, since its URL has the rest of it: nothing that anybody would call a change. */
static bool is_seen_as(struct rn_bytes url, struct rn_bytes target, struct rn_bytes recorded)
{
    size_t scheme = rn_bytes_find(url, RN_LIT("://"));
    struct rn_bytes behind = rn_bytes_from(url, scheme == RN_NPOS ? 0 : scheme + 3);
    size_t slash = rn_bytes_find_byte(behind, '/');
    struct rn_bytes path = slash == RN_NPOS ? RN_LIT("") : rn_bytes_from(behind, slash);
    return recorded.len == path.len + target.len &&
           rn_bytes_equal(rn_bytes_sub(recorded, 0, path.len), path) &&
           rn_bytes_equal(rn_bytes_from(recorded, path.len), target);
}

static enum rn_status make_target(struct maker *maker)
{
    struct rn_bytes recorded = rn_event_get(maker->view->event, RN_TAG_TARGET);
    struct rn_bytes upstream = rn_event_get(maker->view->event, RN_TAG_UPSTREAM);
    struct rn_bytes prefix = {0};
    struct rn_bytes tail = recorded;
    struct rn_buffer target = {0};
    if (!maker->plan->as_recorded && !known_target(maker, recorded, &prefix, &tail) &&
        !rn_bytes_equal(upstream, maker->plan->upstream)) {
        tail = without_overlap(maker->plan->url, recorded);
    }
    enum rn_status status = rn_buffer_add(&target, prefix);
    status = status == RN_OK ? rn_buffer_add(&target, tail) : status;
    if (status == RN_OK) {
        maker->out->target = rn_arena_copy(maker->arena, rn_buffer_bytes(&target));
    }
    rn_buffer_free(&target);
    if (maker->out->target.data == NULL) {
        return fail_nomem(maker->error);
    }
    maker->out->retargeted = !rn_bytes_equal(recorded, maker->out->target) &&
                             !is_seen_as(maker->plan->url, maker->out->target, recorded);
    return RN_OK;
}

/* "/v1/chat/completions -> /openai/v1/chat/completions" */
static enum rn_status note_target(struct maker *maker)
{
    const struct rn_edit move = {.kind = RN_EDIT_RENAME,
                                 .place = rn_event_get(maker->view->event, RN_TAG_TARGET),
                                 .value = maker->out->target};
    return maker->out->retargeted ? note_words(maker, &move) : RN_OK;
}

/* --- the whole ------------------------------------------------------------------------------------------------------ */

static enum rn_status make_head(struct maker *maker, struct rn_bytes credential)
{
    struct rn_buffer head = {0};
    enum rn_status status =
        rn_plan_head_make(maker->plan, maker->view, maker->out->target, maker->out->body.len,
                          credential, &head, maker->error);
    if (status == RN_OK) {
        maker->out->head = rn_arena_copy(maker->arena, rn_buffer_bytes(&head));
        status = maker->out->head.data != NULL ? RN_OK : fail_nomem(maker->error);
    }
    rn_buffer_free(&head);
    return status;
}

static enum rn_status keep_words(struct maker *maker)
{
    maker->out->method = rn_event_get(maker->view->event, RN_TAG_METHOD);
    maker->out->moves = rn_arena_copy(maker->arena, rn_buffer_bytes(&maker->words));
    return maker->out->moves.data != NULL ? RN_OK : fail_nomem(maker->error);
}

enum rn_status rn_plan_request_make(const struct rn_plan *plan, const struct rn_view *view,
                                    struct rn_bytes credential, struct rn_arena *arena,
                                    struct rn_plan_request *out, enum rn_left_out *why,
                                    struct rn_error *error)
{
    struct maker maker = {.plan = plan, .view = view, .arena = arena, .out = out, .error = error};
    *out = (struct rn_plan_request){0};
    *why = leaves_out(view, !plan->as_recorded);
    if (*why != RN_LEFT_COUNT) {
        return rn_fail(error, RN_REFUSED, "%s", rn_left_out_sentence(*why));
    }
    enum rn_status status = make_body(&maker, why);
    status = status == RN_OK ? make_target(&maker) : status;
    status = status == RN_OK ? note_target(&maker) : status;
    status = status == RN_OK ? make_head(&maker, credential) : status;
    status = status == RN_OK ? keep_words(&maker) : status;
    rn_buffer_free(&maker.words);
    return status;
}
