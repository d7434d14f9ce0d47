/*
 * Whether a trace may travel: do its digests follow from its events, and does a known credential shape stand in it? The same
 * questions are asked on the way out and on the way in.
 *
 * What a credential looks like is the write door's to say: every event passes through a door once more, and where what comes out
 * differs from what is stored, something stands there that the store would not take today. Placeholders come out as they are.
 */
#include <inttypes.h>
#include <string.h>

#include "base/varint.h"
#include "bundle_parts.h"
#include "pieces.h"

#define TAG_BIT(tag) (UINT64_C(1) << (tag))

static const uint64_t stream_tags = TAG_BIT(RN_TAG_RESPONSE_BODY) | TAG_BIT(RN_TAG_STDIN) |
                                    TAG_BIT(RN_TAG_STDOUT) | TAG_BIT(RN_TAG_STDERR);

bool rn_bundle_is_stream(unsigned tag)
{
    return (stream_tags >> tag & 1) != 0;
}

static enum rn_status no_memory(const struct rn_bundle_judge *judge)
{
    return rn_fail(judge->error, RN_NOMEM, "no memory to look at %s", judge->where);
}

/* Offset of the first byte that differs; the shorter length when one begins the other. */
static size_t differs_at(struct rn_bytes a, struct rn_bytes b)
{
    size_t at = 0;
    while (at < a.len && at < b.len && a.data[at] == b.data[at]) {
        at++;
    }
    return at;
}

/* --- credentials ---------------------------------------------------------------------------------------------------- */

static void refuse(const struct rn_bundle_judge *judge, const struct rn_event *event,
                   const char *field, const char *where, size_t at)
{
    char text[33];
    char place[RN_PLACE_TEXT_BYTES];
    rn_trace_id_text(&judge->id, text);
    rn_place_text((unsigned)event->class, event->n, place);
    if (judge->refused->status != RN_OK) {
        return;
    }
    (void)rn_fail(judge->refused, RN_REFUSED,
                  "%s:%s, field '%s', %s %zu: something in the shape of a credential stands there, "
                  "and bundles carry none; leave this trace out, or record it again, now that "
                  "reenact knows the shape",
                  text, place, field, where, at);
}

static void refuse_text(const struct rn_bundle_judge *judge, const char *what, size_t at)
{
    char text[33];
    rn_trace_id_text(&judge->id, text);
    if (judge->refused->status != RN_OK) {
        return;
    }
    (void)rn_fail(judge->refused, RN_REFUSED,
                  "%s, its %s, offset %zu: something in the shape of a credential stands there, "
                  "and bundles carry none; leave this trace out",
                  text, what, at);
}

/* RN_REFUSED without a sentence: *at is where. */
static enum rn_status look_at_text(struct rn_door *door, struct rn_bytes text, size_t *at)
{
    struct rn_arena arena = {0};
    struct rn_bytes clean = rn_door_text(door, text, &arena);
    enum rn_status status = clean.data == NULL            ? RN_NOMEM
                            : rn_bytes_equal(text, clean) ? RN_OK
                                                          : RN_REFUSED;
    *at = status == RN_REFUSED ? differs_at(text, clean) : 0;
    rn_arena_free(&arena);
    return status;
}

static enum rn_status look_at_opening(const struct rn_bundle_judge *judge,
                                      const struct rn_trace_opening *opening)
{
    const struct {
        const char *what;
        struct rn_bytes text;
    } texts[] = {{"name", opening->name},
                 {"release", opening->release},
                 {"kind", opening->kind},
                 {"tags", opening->tags}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t at = 0;
        enum rn_status status = look_at_text(judge->door, texts[i].text, &at);
        if (status == RN_NOMEM) {
            return no_memory(judge);
        }
        if (status == RN_REFUSED) {
            refuse_text(judge, texts[i].what, at);
        }
    }
    return RN_OK;
}

/* Every field as text, where the door would not let the event in at all: a later tag, a list that breaks its layout. */
static enum rn_status look_plainly(const struct rn_bundle_judge *judge,
                                   const struct rn_event *event)
{
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        size_t at = 0;
        enum rn_status status = (event->fields >> tag & 1) == 0
                                    ? RN_OK
                                    : look_at_text(judge->door, event->field[tag], &at);
        if (status == RN_NOMEM) {
            return no_memory(judge);
        }
        if (status == RN_REFUSED) {
            refuse(judge, event, rn_tag_name((enum rn_tag)tag), "offset", at);
        }
    }
    return RN_OK;
}

static void compare(const struct rn_bundle_judge *judge, const struct rn_event *event,
                    const struct rn_event *clean)
{
    uint64_t tags = event->fields & ~TAG_BIT(RN_TAG_FLAGS); /* the door's own word */
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        const char *name = rn_tag_name((enum rn_tag)tag);
        if ((tags >> tag & 1) == 0) {
            continue;
        }
        if ((clean->fields >> tag & 1) ==
            0) { /* withheld: it is in there somewhere, or cannot be looked for */
            refuse(judge, event, name, "within its content coding, from byte", 0);
        } else if (!rn_bytes_equal(event->field[tag], clean->field[tag])) {
            refuse(judge, event, name, "offset", differs_at(event->field[tag], clean->field[tag]));
        }
    }
}

static enum rn_status look_at_event(const struct rn_bundle_judge *judge,
                                    const struct rn_event *event)
{
    struct rn_arena arena = {0};
    struct rn_event clean;
    struct rn_event bare = *event;
    struct rn_passage *passage = rn_passage_begin();
    bare.fields &= ~TAG_BIT(
        RN_TAG_REDACTIONS); /* numbers and fingerprints, and only the door may bring them */
    bare.key = rn_bytes_of(NULL, 0);
    bare.erasures = bare.key;
    bare.erased = 0;
    enum rn_status status = passage == NULL
                                ? RN_NOMEM
                                : rn_door_pass(judge->door, passage, &bare, true, &arena, &clean);
    if (status == RN_OK) {
        compare(judge, &bare, &clean);
    } else {
        status = status == RN_INVALID ? look_plainly(judge, &bare) : no_memory(judge);
    }
    rn_passage_free(passage);
    rn_arena_free(&arena);
    return status;
}

enum rn_status rn_bundle_judge_document(const char *where, struct rn_bytes document,
                                        struct rn_error *error)
{
    size_t at = 0;
    struct rn_door *door = rn_door_new(RN_LIT(""));
    enum rn_status status = door == NULL ? RN_NOMEM : look_at_text(door, document, &at);
    rn_door_leave(door);
    if (status == RN_REFUSED) {
        return rn_fail(error, status,
                       "%s: its document holds something in the shape of a credential, offset %zu, "
                       "and bundles carry none",
                       where, at);
    }
    return status == RN_OK ? status : rn_fail(error, status, "no memory to look at %s", where);
}

/* --- digests -------------------------------------------------------------------------------------------------------- */

static enum rn_status fail_event(const struct rn_bundle_judge *judge, const struct rn_event *event,
                                 enum rn_status status, const char *what)
{
    char text[33];
    char place[RN_PLACE_TEXT_BYTES];
    rn_trace_id_text(&judge->id, text);
    rn_place_text((unsigned)event->class, event->n, place);
    return rn_fail(judge->error, status, "%s: trace %s, event %s: %s", judge->where, text, place,
                   what);
}

static enum rn_status hash_event(const struct rn_bundle_judge *judge, const struct rn_event *event,
                                 struct rn_digests *out)
{
    enum rn_status status = rn_event_digests(&judge->closing->salts, event, out);
    if (status == RN_NOTFOUND || status == RN_DAMAGED) {
        return fail_event(judge, event, RN_DAMAGED,
                          status == RN_NOTFOUND ? "a field has no salt"
                                                : "its fields contradict each other");
    }
    return status == RN_OK ? status : no_memory(judge);
}

static enum rn_status chain_event(struct rn_bundle_judge *judge, const struct rn_event *event)
{
    struct rn_digests digests;
    enum rn_status status = hash_event(judge, event, &digests);
    if (status == RN_OK && !rn_chain_add(&judge->chain, event->class, event->n, &digests)) {
        return no_memory(judge);
    }
    return status;
}

/* --- a trace -------------------------------------------------------------------------------------------------------- */

enum rn_status rn_bundle_judge_begin(struct rn_bundle_judge *judge, const char *where,
                                     const struct rn_trace_opening *opening,
                                     const struct rn_trace_closing *closing,
                                     struct rn_error *refused, struct rn_error *error)
{
    *judge = (struct rn_bundle_judge){
        .id = opening->id, .closing = closing, .where = where, .error = error, .refused = refused};
    judge->door = rn_door_new(RN_LIT(""));
    if (judge->door == NULL || !rn_chain_begin(&opening->id, &judge->chain)) {
        return no_memory(judge);
    }
    return look_at_opening(judge, opening);
}

void rn_bundle_judge_free(struct rn_bundle_judge *judge)
{
    rn_door_leave(judge->door);
    judge->door = NULL;
}

static uint64_t bytes_apart(const struct rn_event *event)
{
    uint64_t bytes = event->erasures.len;
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        bool counts = (event->fields >> tag & 1) != 0 && !rn_bundle_is_stream(tag);
        bytes += counts ? event->field[tag].len : 0;
    }
    return bytes;
}

enum rn_status rn_bundle_judge_event(struct rn_bundle_judge *judge, const struct rn_event *event,
                                     bool is_ended)
{
    if (bytes_apart(event) > RN_BUNDLE_APART_BYTES_MAX) {
        return fail_event(judge, event, RN_LIMIT, "it is too large for one frame");
    }
    enum rn_status status = look_at_event(judge, event);
    if (status == RN_OK && is_ended && event->class < RN_CLASS_NOTE) {
        status = chain_event(judge, event);
    }
    return status;
}

enum rn_status rn_bundle_judge_end(struct rn_bundle_judge *judge)
{
    const struct rn_digests *expected = &judge->closing->digests;
    char text[33];
    if (memcmp(&judge->chain, expected, sizeof *expected) == 0) {
        return RN_OK;
    }
    bool is_evidence = memcmp(judge->chain.evidence, expected->evidence, RN_SHA256_BYTES) != 0;
    rn_trace_id_text(&judge->id, text);
    return rn_fail(
        judge->error, RN_DAMAGED,
        "%s: trace %s: the digest '%s' does not follow from its events: one was changed, "
        "added or removed",
        judge->where, text, is_evidence ? "evidence" : "said");
}
