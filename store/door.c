/*
 * The write door (door.h): doors and passages, and one table that says which tag is looked at in which way.
 *
 * What a credential looks like is wire/redact.c's knowledge; this file only sees to it that nothing goes around it.
 */
#include "door_parts.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "base/varint.h"
#include "wire/http.h"
#include "wire/key.h"

/* --- doors and passages --------------------------------------------------------------------------------------------- */

static void door_free(struct rn_door *door)
{
    rn_redactor_free(door->redactor);
    rn_buffer_free(&door->fingerprint_key);
    rn_buffer_free(&door->scratch);
    rn_spans_free(&door->spans);
    rn_spans_free(&door->target_spans);
    rn_spans_free(&door->body_spans);
    pthread_mutex_destroy(&door->lock);
    rn_free(door);
}

struct rn_door *rn_door_new(struct rn_bytes fingerprint_key)
{
    struct rn_door *door = rn_calloc(1, sizeof *door);
    if (door == NULL) {
        return NULL;
    }
    door->holders = 1;
    pthread_mutex_init(&door->lock, NULL);
    door->redactor = rn_redactor_new();
    if (door->redactor == NULL || rn_buffer_add(&door->fingerprint_key, fingerprint_key) != RN_OK) {
        door_free(door);
        return NULL;
    }
    return door;
}

struct rn_door *rn_door_share(struct rn_door *door)
{
    pthread_mutex_lock(&door->lock);
    door->holders++;
    pthread_mutex_unlock(&door->lock);
    return door;
}

void rn_door_leave(struct rn_door *door)
{
    if (door == NULL) {
        return;
    }
    pthread_mutex_lock(&door->lock);
    assert(door->holders > 0);
    bool is_last = --door->holders == 0;
    pthread_mutex_unlock(&door->lock);
    if (is_last) {
        door_free(door);
    }
}

enum rn_status rn_door_learn(struct rn_door *door, struct rn_bytes value)
{
    pthread_mutex_lock(&door->lock);
    enum rn_status status = rn_redactor_learn(door->redactor, value);
    pthread_mutex_unlock(&door->lock);
    return status;
}

struct rn_passage *rn_passage_begin(void)
{
    struct rn_passage *passage = rn_calloc(1, sizeof *passage);
    if (passage != NULL) {
        passage->stream[0].tag = RN_TAG_RESPONSE_BODY;
        passage->stream[1].tag = RN_TAG_STDIN;
        passage->stream[2].tag = RN_TAG_STDOUT;
        passage->stream[3].tag = RN_TAG_STDERR;
    }
    return passage;
}

void rn_passage_free(struct rn_passage *passage)
{
    if (passage == NULL) {
        return;
    }
    for (size_t i = 0; i < RN_STREAM_COUNT; i++) {
        rn_buffer_free(&passage->stream[i].carry);
    }
    rn_buffer_free(&passage->request_coding);
    rn_buffer_free(&passage->response_coding);
    rn_free(passage);
}

/* --- heads ---------------------------------------------------------------------------------------------------------- */

/* Remembers how the body behind this head is to be looked at. */
static enum rn_status remember_head(struct rn_bytes head, struct rn_buffer *coding, bool *is_json)
{
    while (head.len > 0) {
        size_t lf = rn_bytes_find_byte(head, '\n');
        struct rn_bytes line = rn_bytes_sub(head, 0, lf == RN_NPOS ? head.len : lf + 1);
        struct rn_http_field field;
        head = rn_bytes_from(head, line.len);
        if (!rn_http_field_split(line, &field)) {
            continue;
        }
        if (rn_bytes_equal_nocase(field.name, RN_LIT("content-type"))) {
            *is_json = *is_json || rn_redact_says_json(field.value);
        }
        if (rn_bytes_equal_nocase(field.name, RN_LIT("content-encoding"))) {
            enum rn_status status = coding->len == 0 ? RN_OK : rn_buffer_add(coding, RN_LIT(", "));
            status = status != RN_OK ? status : rn_buffer_add(coding, field.value);
            if (status != RN_OK) {
                return status;
            }
        }
    }
    return RN_OK;
}

static enum rn_status clean_request_head(struct rn_pass *pass)
{
    struct rn_passage *passage = pass->passage;
    enum rn_status status = remember_head(rn_event_get(pass->clean, RN_TAG_REQUEST_HEAD),
                                          &passage->request_coding, &passage->is_request_json);
    return status != RN_OK ? status
                           : rn_clean_whole(pass, RN_TAG_REQUEST_HEAD, rn_find_request_head,
                                            &pass->door->spans);
}

static enum rn_status clean_response_head(struct rn_pass *pass)
{
    struct rn_passage *passage = pass->passage;
    enum rn_status status = remember_head(rn_event_get(pass->clean, RN_TAG_RESPONSE_HEAD),
                                          &passage->response_coding, &passage->is_response_json);
    return status != RN_OK ? status
                           : rn_clean_whole(pass, RN_TAG_RESPONSE_HEAD, rn_find_response_head,
                                            &pass->door->spans);
}

/* --- the table ------------------------------------------------------------------------------------------------------ */

/* Fields that hold numbers, times, hashes and our own one-byte choices: no text of anybody else. */
static const uint64_t plain_fields =
    RN_TAG_BIT(RN_TAG_KIND) | RN_TAG_BIT(RN_TAG_TIMES) | RN_TAG_BIT(RN_TAG_END) |
    RN_TAG_BIT(RN_TAG_FLAGS) | RN_TAG_BIT(RN_TAG_ORDER) | RN_TAG_BIT(RN_TAG_REQUEST_FRAMING) |
    RN_TAG_BIT(RN_TAG_CLIENT) | RN_TAG_BIT(RN_TAG_CONNECTION) | RN_TAG_BIT(RN_TAG_RESPONSE_CUTS) |
    RN_TAG_BIT(RN_TAG_PIECE_TIMES) | RN_TAG_BIT(RN_TAG_PIECE_STAMPS) | RN_TAG_BIT(RN_TAG_RESPONSE_FRAMING) | RN_TAG_BIT(RN_TAG_EXIT) |
    RN_TAG_BIT(RN_TAG_MAC) | RN_TAG_BIT(RN_TAG_ANSWERS) | RN_TAG_BIT(RN_TAG_REFUSALS) | RN_TAG_BIT(RN_TAG_STREAMS);

static const uint64_t stream_fields = RN_TAG_BIT(RN_TAG_RESPONSE_BODY) | RN_TAG_BIT(RN_TAG_STDIN) |
                                      RN_TAG_BIT(RN_TAG_STDOUT) | RN_TAG_BIT(RN_TAG_STDERR);

/* Heads come first, because what they show by name is then looked for in everything else. */
static const struct whole_rule {
    enum rn_tag tag;
    rn_find_in *find;
} whole_rules[] = {
    {RN_TAG_REQUEST_TRAILERS, rn_find_request_trailers},
    {RN_TAG_RESPONSE_TRAILERS, rn_find_response_trailers},
    {RN_TAG_UPSTREAM, rn_find_text},
    {RN_TAG_METHOD, rn_find_text},
    {RN_TAG_RULE, rn_find_text},
    {RN_TAG_END_REASON, rn_find_text},
    {RN_TAG_CWD, rn_find_text},
    {RN_TAG_STDIO, rn_find_text},
    {RN_TAG_COMMIT, rn_find_text},
    {RN_TAG_INPUT, rn_find_text},
    {RN_TAG_NOTE, rn_find_text},
};

static const struct list_rule {
    enum rn_tag tag;
    enum rn_list list;
    rn_find_in *find;
} list_rules[] = {
    {RN_TAG_INTERIM, RN_LIST_HEADS, rn_find_response_head},
    {RN_TAG_VARIABLES, RN_LIST_RUNS, rn_find_target}, /* URLs with userinfo and queries */
    {RN_TAG_ARGV, RN_LIST_RUNS, rn_find_text},
    {RN_TAG_LABELS, RN_LIST_RUNS, rn_find_text},
    {RN_TAG_MOVES, RN_LIST_RUNS, rn_find_text},
    {RN_TAG_ENVIRONMENT, RN_LIST_RUNS, rn_find_text},
    {RN_TAG_TAGS, RN_LIST_RUNS, rn_find_text},
    {RN_TAG_LOCKS, RN_LIST_RUNS, rn_find_text},
    {RN_TAG_PORTS, RN_LIST_PORTS, rn_find_text},
    {RN_TAG_GAP, RN_LIST_GAP, rn_find_text},
};

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static uint64_t whole_fields(void)
{
    uint64_t fields = RN_TAG_BIT(RN_TAG_REQUEST_HEAD) | RN_TAG_BIT(RN_TAG_RESPONSE_HEAD) |
                      RN_TAG_BIT(RN_TAG_TARGET) | RN_TAG_BIT(RN_TAG_REQUEST_BODY);
    for (size_t i = 0; i < COUNT(whole_rules); i++) {
        fields |= RN_TAG_BIT(whole_rules[i].tag);
    }
    return fields;
}

static uint64_t list_fields(void)
{
    uint64_t fields = 0;
    for (size_t i = 0; i < COUNT(list_rules); i++) {
        fields |= RN_TAG_BIT(list_rules[i].tag);
    }
    return fields;
}

static enum rn_status clean_heads(struct rn_pass *pass)
{
    enum rn_status status = RN_OK;
    if (rn_event_has(pass->clean, RN_TAG_REQUEST_HEAD)) {
        status = clean_request_head(pass);
    }
    if (status == RN_OK && rn_event_has(pass->clean, RN_TAG_RESPONSE_HEAD)) {
        status = clean_response_head(pass);
    }
    if (status == RN_OK && rn_event_has(pass->clean, RN_TAG_TARGET)) {
        status = rn_clean_whole(pass, RN_TAG_TARGET, rn_find_target, &pass->door->target_spans);
    }
    return status;
}

static enum rn_status clean_lists(struct rn_pass *pass)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < COUNT(list_rules); i++) {
        if (rn_event_has(pass->clean, list_rules[i].tag)) {
            status = rn_clean_list(pass, list_rules[i].tag, list_rules[i].list, list_rules[i].find);
        }
    }
    return status;
}

static enum rn_status clean_wholes(struct rn_pass *pass)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; status == RN_OK && i < COUNT(whole_rules); i++) {
        if (rn_event_has(pass->clean, whole_rules[i].tag)) {
            status =
                rn_clean_whole(pass, whole_rules[i].tag, whole_rules[i].find, &pass->door->spans);
        }
    }
    return status;
}

/* --- flags, key, redactions ----------------------------------------------------------------------------------------- */

static enum rn_status arena_field(struct rn_pass *pass, enum rn_tag tag,
                                  const struct rn_buffer *from)
{
    struct rn_bytes copy = rn_arena_copy(pass->arena, rn_buffer_bytes(from));
    if (copy.data == NULL) {
        return RN_NOMEM;
    }
    rn_event_set(pass->clean, tag, copy);
    return RN_OK;
}

static void gather_flags(struct rn_pass *pass)
{
    struct rn_passage *passage = pass->passage;
    if (rn_event_has(pass->clean, RN_TAG_FLAGS)) {
        passage->has_flags = true;
        passage->flags |= rn_event_number(pass->clean, RN_TAG_FLAGS, 0);
        pass->clean->fields &= ~RN_TAG_BIT(RN_TAG_FLAGS);
    }
}

static enum rn_status give_flags(struct rn_pass *pass)
{
    struct rn_passage *passage = pass->passage;
    if (passage->request_withheld || passage->response_withheld) {
        passage->flags |= RN_FLAG_WITHHELD;
    }
    if (!pass->is_last || (!passage->has_flags && passage->flags == 0)) {
        return RN_OK;
    }
    rn_buffer_clear(&pass->door->scratch);
    enum rn_status status = rn_varint_put(&pass->door->scratch, passage->flags);
    return status != RN_OK ? status : arena_field(pass, RN_TAG_FLAGS, &pass->door->scratch);
}

/* Of a request that is here as a whole, with what was found in its target and body. */
static enum rn_status give_key(struct rn_pass *pass)
{
    const uint64_t request =
        RN_TAG_BIT(RN_TAG_UPSTREAM) | RN_TAG_BIT(RN_TAG_METHOD) | RN_TAG_BIT(RN_TAG_TARGET);
    struct rn_event *clean = pass->clean;
    if ((clean->fields & request) != request || pass->passage->request_withheld ||
        (pass->passage->flags & RN_FLAG_TRUNCATED) != 0) {
        return RN_OK;
    }
    const struct rn_key_input input = {.upstream = rn_event_get(clean, RN_TAG_UPSTREAM),
                                       .method = rn_event_get(clean, RN_TAG_METHOD),
                                       .target = rn_event_get(clean, RN_TAG_TARGET),
                                       .target_spans = &pass->door->target_spans,
                                       .body = rn_event_get(clean, RN_TAG_REQUEST_BODY),
                                       .body_spans = &pass->door->body_spans};
    uint8_t *key = rn_arena_alloc(pass->arena, 1 + RN_KEY_BYTES);
    if (key == NULL || !rn_key_bytes(&input, key + 1)) {
        return RN_NOMEM;
    }
    key[0] = RN_KEY_VERSION;
    clean->key = rn_bytes_of(key, 1 + RN_KEY_BYTES);
    return RN_OK;
}

/* --- the door ------------------------------------------------------------------------------------------------------- */

/* Nothing passes that no rule covers, and what was looked at as a whole does not go on afterwards. */
static bool is_welcome(const struct rn_passage *passage, const struct rn_event *piece)
{
    uint64_t known = plain_fields | stream_fields | whole_fields() | list_fields();
    return (piece->fields & ~known) == 0 && (piece->fields & whole_fields() & passage->seen) == 0 &&
           piece->key.len == 0 && piece->erased == 0 && piece->erasures.len == 0;
}

static enum rn_status pass_all(struct rn_pass *pass)
{
    enum rn_status status;
    pass->door->target_spans.count = 0;
    pass->door->body_spans.count = 0;
    gather_flags(pass);
    if ((status = clean_heads(pass)) != RN_OK || (status = clean_lists(pass)) != RN_OK ||
        (status = clean_wholes(pass)) != RN_OK) {
        return status;
    }
    if (rn_event_has(pass->clean, RN_TAG_REQUEST_BODY)) {
        status = rn_clean_request_body(pass);
    }
    if (status != RN_OK || (status = rn_clean_streams(pass)) != RN_OK ||
        (status = give_flags(pass)) != RN_OK || (status = give_key(pass)) != RN_OK) {
        return status;
    }
    return pass->redactions.len == 0 ? RN_OK
                                     : arena_field(pass, RN_TAG_REDACTIONS, &pass->redactions);
}

enum rn_status rn_door_pass(struct rn_door *door, struct rn_passage *passage,
                            const struct rn_event *piece, bool is_last, struct rn_arena *arena,
                            struct rn_event *clean)
{
    struct rn_pass pass = {
        .door = door, .passage = passage, .arena = arena, .clean = clean, .is_last = is_last};
    if (!is_welcome(passage, piece)) {
        return RN_INVALID;
    }
    *clean = *piece;
    pthread_mutex_lock(&door->lock);
    enum rn_status status = pass_all(&pass);
    pthread_mutex_unlock(&door->lock);
    passage->seen |= piece->fields;
    rn_buffer_free(&pass.redactions);
    return status;
}

struct rn_bytes rn_door_text(struct rn_door *door, struct rn_bytes text, struct rn_arena *arena)
{
    struct rn_bytes copy = rn_arena_copy(arena, text);
    pthread_mutex_lock(&door->lock);
    door->spans.count = 0;
    enum rn_status status = rn_redact_body(door->redactor, text, false, true, &door->spans, NULL);
    if (status == RN_OK && copy.data != NULL) {
        rn_redact_apply((uint8_t *)(uintptr_t)copy.data, &door->spans);
    }
    pthread_mutex_unlock(&door->lock);
    return status == RN_OK ? copy : (struct rn_bytes){NULL, 0};
}
