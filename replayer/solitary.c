/* In: a recorded request. Out: yes or no, by its dialect. Looks at no answer. */
#include "solitary.h"

#include "base/memory.h"
#include "wire/reading.h"

enum known { KNOWN_NOT, KNOWN_YES, KNOWN_NO };

static bool is_solitary(enum rn_dialect dialect)
{
    return dialect != RN_DIALECT_NONE && dialect != RN_DIALECT_MCP && dialect != RN_DIALECT_RULE;
}

static enum rn_dialect dialect_of(const struct rn_event *event)
{
    struct rn_http_head *head = rn_alloc(sizeof *head);
    size_t skipped = 0;
    enum rn_dialect dialect = RN_DIALECT_NONE;
    struct rn_bytes raw = rn_event_get(event, RN_TAG_REQUEST_HEAD);
    if (head != NULL && rn_http_request_parse(raw, head, &skipped, NULL) == RN_HTTP_DONE) {
        struct rn_reading_input input = {.method = rn_event_get(event, RN_TAG_METHOD),
                                         .target = rn_event_get(event, RN_TAG_TARGET),
                                         .request_head = head,
                                         .upstream = rn_event_get(event, RN_TAG_UPSTREAM),
                                         .request_body = rn_event_get(event, RN_TAG_REQUEST_BODY)};
        dialect = rn_dialect_of(&input);
    }
    rn_free(head);
    return dialect;
}

bool rn_solitary(const struct rn_catalog *catalog, uint32_t row)
{
    struct rn_recorded *recorded = &catalog->rows[row];
    if (recorded->solitary == KNOWN_NOT) {
        struct rn_arena arena = {0};
        struct rn_event event;
        bool is_read = rn_catalog_event(catalog, row, &arena, &event, NULL) == RN_OK;
        recorded->solitary = is_read && is_solitary(dialect_of(&event)) ? KNOWN_YES : KNOWN_NO;
        rn_arena_free(&arena);
    }
    return recorded->solitary == KNOWN_YES;
}
