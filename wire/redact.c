/*
 * The redactor over bodies: what is found in bytes without a name in front, and how far a body that is still growing can
 * be stored.
 *
 * Bytes go in, spans come out; nothing is copied or decoded but the values to remember. Heads are walked in redact_head.c;
 * redact_parts.h says what the other files do.
 */
#include "redact.h"

#include <assert.h>

#include "redact_parts.h"
#include "json.h"

#define HELD_BYTES_MAX (4 * RN_FOUND_BYTES_MAX)

struct rn_walk rn_walk_begin(struct rn_redactor *redactor, struct rn_bytes text, bool final,
                             struct rn_spans *spans)
{
    spans->count = 0;
    return (struct rn_walk){
        .redactor = redactor,
        .scan = {.text = text, .final = final, .spans = spans, .open = RN_NPOS, .status = RN_OK},
    };
}

void rn_walk_learn(struct rn_walk *walk, struct rn_bytes value)
{
    enum rn_status status = rn_redactor_learn(walk->redactor, value);
    walk->scan.status = walk->scan.status == RN_OK ? status : walk->scan.status;
}

enum rn_status rn_walk_end(struct rn_walk *walk)
{
    rn_seen_scan(&walk->redactor->seen, &walk->scan);
    rn_spans_finish(walk->scan.spans, walk->scan.text);
    return walk->scan.status;
}

/* --- bodies -------------------------------------------------------------------------------------------------------- */

/* What a body's search keeps beside the walk: where the names of its members stand. */
struct body {
    struct rn_walk walk;
    struct rn_spans members; /* from the name to the end of the value */
};

static enum rn_status learn_unescaped(struct rn_walk *walk, struct rn_bytes raw)
{
    struct rn_buffer literal = {0};
    struct rn_buffer text = {0};
    enum rn_status status =
        rn_buffer_addf(&literal, "\"%.*s\"", (int)raw.len, (const char *)raw.data);
    if (status == RN_OK) {
        status = rn_json_unescape(rn_buffer_bytes(&literal), &text);
    }
    if (status == RN_OK) {
        rn_walk_learn(walk, rn_buffer_bytes(&text));
    }
    rn_buffer_free(&literal);
    rn_buffer_free(&text);
    return status;
}

static void found_member(void *context, struct rn_bytes raw, size_t name_begin)
{
    struct body *body = context;
    struct rn_scan *scan = &body->walk.scan;
    size_t end = (size_t)(raw.data - scan->text.data) + raw.len;
    enum rn_status status = rn_spans_add(&body->members, name_begin, end, RN_SECRET_MEMBER);
    if (rn_bytes_find_byte(raw, '\\') == RN_NPOS) {
        rn_walk_learn(&body->walk, raw);
    } else if (status == RN_OK) {
        status = learn_unescaped(&body->walk, raw);
    }
    scan->status = scan->status == RN_OK ? status : scan->status;
}

/*
 * Whether the text can be parted at `at` inside a run that could all be credential: no word may seem to begin there that
 * did not before, and no escape may be parted from the word behind it.
 */
static bool can_part_at(struct rn_bytes text, size_t at)
{
    if (!rn_is_token_byte(text.data[at])) {
        return text.data[at - 1] != '\\';
    }
    for (size_t i = 1; i <= 8; i++) {
        if (!rn_is_token_byte(text.data[at - i])) {
            return false;
        }
    }
    uint8_t before = text.data[at - 1];
    return before == '-' || before == '_' || !rn_shape_may_begin(text, at);
}

/* From where on the end of the text could belong to something that goes on behind it. */
static size_t pending_from(const struct rn_redactor *redactor, struct rn_bytes text)
{
    size_t at = text.len;
    size_t least = text.len > RN_FOUND_BYTES_MAX ? text.len - RN_FOUND_BYTES_MAX : 0;
    while (at > least && redactor->in_credential[text.data[at - 1]]) {
        at--;
    }
    if (at == 0 || !redactor->in_credential[text.data[at - 1]]) {
        return at;
    }
    size_t lowest = at > RN_CREDENTIAL_BYTES_MAX ? at - RN_CREDENTIAL_BYTES_MAX : 8;
    for (size_t i = at; i > lowest; i--) {
        if (can_part_at(text, i)) {
            return i;
        }
    }
    return at;
}

/*
 * Moves `settled` before every span it would part or that may still grow, and drops the spans behind it. Only a text that
 * overlaps with a credential over and over (a password of one letter repeated, in a run of that letter) makes a span
 * longer than what we hold back: that one is parted, both parts being hidden.
 */
static size_t settle_spans(struct rn_spans *spans, struct rn_bytes text, size_t settled)
{
    size_t lowest = text.len > HELD_BYTES_MAX ? text.len - HELD_BYTES_MAX : 0;
    size_t kept = spans->count;
    while (kept > 0) {
        struct rn_span *span = &spans->at[kept - 1];
        size_t end = span->offset + span->len;
        if (end <= settled && end < text.len) {
            break;
        }
        if (span->offset < lowest) {
            span->len = lowest - span->offset;
            settled = lowest;
            break;
        }
        settled = span->offset < settled ? span->offset : settled;
        kept--;
    }
    spans->count = kept;
    return settled;
}

/* The same without a name being parted from its value. */
static size_t settle(struct body *body, size_t settled)
{
    struct rn_scan *scan = &body->walk.scan;
    size_t before;
    do {
        before = settled;
        settled = settle_spans(scan->spans, scan->text, settled);
        for (size_t i = body->members.count; i > 0; i--) {
            const struct rn_span *member = &body->members.at[i - 1];
            if (member->offset < settled && member->offset + member->len > settled) {
                settled = member->offset;
            }
        }
    } while (settled != before);
    return settled;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t settled_of(struct body *body)
{
    struct rn_scan *scan = &body->walk.scan;
    size_t until = pending_from(body->walk.redactor, scan->text);
    until = least(until, rn_members_pending(scan->text));
    until = least(until, scan->open);
    return settle(body, until);
}

enum rn_status rn_redact_body(struct rn_redactor *redactor, struct rn_bytes bytes, bool is_json,
                              bool final, struct rn_spans *spans, size_t *settled)
{
    assert(final || settled != NULL);
    struct body body = {.walk = rn_walk_begin(redactor, bytes, final, spans)};
    const struct rn_member_sink sink = {.found = found_member, .context = &body};
    rn_members_scan(&body.walk.scan, is_json, &sink);
    enum rn_status status = rn_walk_end(&body.walk);
    size_t until = final ? bytes.len : settled_of(&body);
    if (settled != NULL) {
        *settled = status == RN_OK ? until : 0;
    }
    rn_spans_free(&body.members);
    return status;
}

/* --- what is JSON -------------------------------------------------------------------------------------------------- */

bool rn_redact_says_json(struct rn_bytes content_type)
{
    return rn_bytes_find_nocase(content_type, RN_LIT("json")) != RN_NPOS;
}

bool rn_redact_looks_json(struct rn_bytes body)
{
    size_t at = 0;
    while (at < body.len &&
           (body.data[at] == ' ' || (body.data[at] >= '\t' && body.data[at] <= '\r'))) {
        at++;
    }
    return at < body.len && (body.data[at] == '{' || body.data[at] == '[');
}

enum rn_status rn_redact_option_value(struct rn_redactor *redactor, struct rn_bytes value,
                                      struct rn_spans *spans)
{
    enum rn_status status = rn_redactor_learn(redactor, value);
    return status == RN_OK ? rn_spans_add(spans, 0, value.len, RN_SECRET_MEMBER) : status;
}
