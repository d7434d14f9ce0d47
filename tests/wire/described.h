/*
 * What tests of retrieval, search and tools share: an exchange with its heads, and a reading as lines of text.
 */
#ifndef RN_TESTS_WIRE_DESCRIBED_H
#define RN_TESTS_WIRE_DESCRIBED_H

#include <stdio.h>

#include "told.h"

/* An exchange as texts; NULL is empty. `fields` are lines of the request's head. */
struct exchange {
    const char *method; /* NULL: POST */
    const char *target;
    const char *fields;
    const char *upstream;
    const char *request;
    unsigned status;  /* 0: 200 */
    const char *type; /* NULL: JSON */
    const char *answer;
    const struct rn_reading_rules *rules;
};

static inline struct rn_bytes bytes_or_none(const char *text)
{
    return text == NULL ? rn_bytes_of(NULL, 0) : rn_bytes_text(text);
}

/* `head` is lent to the input. */
static inline struct rn_reading_input input_of(const struct exchange *exchange,
                                               struct rn_http_head *head, struct rn_buffer *text)
{
    size_t skipped = 0;
    const char *method = exchange->method == NULL ? "POST" : exchange->method;
    ck_assert_int_eq(rn_buffer_addf(text, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n", method,
                                    exchange->target,
                                    exchange->fields == NULL ? "" : exchange->fields),
                     RN_OK);
    ck_assert_int_eq(rn_http_request_parse(rn_buffer_bytes(text), head, &skipped, NULL),
                     RN_HTTP_DONE);
    return (struct rn_reading_input){
        .method = rn_bytes_text(method),
        .target = rn_bytes_text(exchange->target),
        .request_head = head,
        .upstream = bytes_or_none(exchange->upstream),
        .request_body = bytes_or_none(exchange->request),
        .status = exchange->status == 0 ? 200 : exchange->status,
        .response_type =
            exchange->type == NULL ? RN_LIT("application/json") : rn_bytes_text(exchange->type),
        .response_body = bytes_or_none(exchange->answer),
        .rules = exchange->rules,
    };
}

static inline enum rn_status read_exchange(struct rn_arena *arena, const struct exchange *exchange,
                                           struct rn_reading *out)
{
    struct rn_http_head *head = malloc(sizeof *head);
    struct rn_buffer text = {0};
    const struct rn_reading_input input = input_of(exchange, head, &text);
    enum rn_status status = rn_reading_make(arena, &input, out, NULL);
    ck_assert_int_eq(rn_dialect_of(&input), out->dialect);
    rn_buffer_free(&text);
    free(head);
    return status;
}

static inline void add_bytes(struct rn_buffer *out, const char *before, struct rn_bytes bytes)
{
    if (bytes.len > 0) {
        rn_buffer_addf(out, "%s%.*s", before, (int)bytes.len, (const char *)bytes.data);
    }
}

/*
 * "kind dialect operation @target", what was said ("> " asked, "< " answered), and a line per document:
 * "query.rank id [collection] score kind | title | text"; last "error ...".
 */
static inline char *described(const struct rn_reading *reading)
{
    struct rn_buffer out = {0};
    rn_buffer_addf(&out, "%s %s", rn_reading_kind_name(reading->kind),
                   rn_dialect_name(reading->dialect));
    add_bytes(&out, " ", reading->service);
    add_bytes(&out, " ", reading->operation);
    add_bytes(&out, " @", reading->target);
    rn_buffer_add_byte(&out, '\n');
    for (int side = 0; side < 2; side++) {
        char *text = told(side == 0 ? reading->request : reading->response);
        for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
            rn_buffer_addf(&out, "%c %s\n", side == 0 ? '>' : '<', line);
        }
        rn_free(text);
    }
    for (const struct rn_document *each = reading->documents; each != NULL; each = each->next) {
        rn_buffer_addf(&out, "%u.%u", each->query, each->rank);
        add_bytes(&out, " ", each->id);
        if (each->collection.len > 0) {
            rn_buffer_addf(&out, " [%.*s]", (int)each->collection.len,
                           (const char *)each->collection.data);
        }
        add_bytes(&out, " ", each->score);
        rn_buffer_addf(&out, " %s", rn_score_kind_name(each->score_kind));
        add_bytes(&out, " | ", each->title);
        add_bytes(&out, " : ", each->text);
        rn_buffer_add_byte(&out, '\n');
    }
    add_bytes(&out, "error ", reading->error);
    rn_buffer_add_byte(&out, 0);
    return (char *)out.data;
}

static inline void check_exchange(const struct exchange *exchange, const char *expected)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    ck_assert_int_eq(read_exchange(&arena, exchange, &reading), RN_OK);
    char *text = described(&reading);
    ck_assert_str_eq(text, expected);
    rn_free(text);
    rn_arena_free(&arena);
}

/* Nobody's. */
static inline void check_nobody(const struct exchange *exchange)
{
    check_exchange(exchange, "other \n");
}

/* Request and answer cut at each byte, alone: nothing breaks, and what is left out was not there. */
static inline void check_torn(const struct exchange *exchange)
{
    for (int side = 0; side < 2; side++) {
        const char *whole = side == 0 ? exchange->request : exchange->answer;
        for (size_t len = 0; whole != NULL && len < strlen(whole); len++) {
            struct rn_arena arena = {0};
            struct rn_reading reading;
            struct exchange torn = *exchange;
            char *piece = malloc(len + 1);
            memcpy(piece, whole, len);
            piece[len] = '\0';
            *(side == 0 ? &torn.request : &torn.answer) = piece;
            enum rn_status status = read_exchange(&arena, &torn, &reading);
            ck_assert(status == RN_OK || status == RN_INVALID);
            ck_assert_int_eq(reading.unread, status == RN_INVALID);
            rn_arena_free(&arena);
            free(piece);
        }
    }
}

/* Every allocation fails once. */
static inline void check_starved(const struct exchange *exchange)
{
    struct rn_http_head *head = malloc(sizeof *head);
    struct rn_buffer text = {0};
    const struct rn_reading_input input = input_of(exchange, head, &text);
    bool failed = true;
    for (unsigned long nth = 1; failed; nth++) {
        struct rn_arena arena = {0};
        struct rn_reading reading;
        rn_memory_fail_from(nth);
        enum rn_status status = rn_reading_make(&arena, &input, &reading, NULL);
        failed = rn_memory_failed();
        rn_memory_fail_from(0);
        ck_assert_int_eq(status, failed ? RN_NOMEM : RN_OK);
        rn_arena_free(&arena);
    }
    rn_buffer_free(&text);
    free(head);
}

#endif
