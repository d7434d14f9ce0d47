/*
 * Stored bytes as they are. Into a file or a pipe nothing is added and nothing is left out; on a terminal controls are escaped,
 * because recorded text must not steer it.
 */
#include "show.h"

#include <string.h>

#include "printable.h"

static enum rn_status put(const struct rn_show *show, struct rn_bytes bytes)
{
    struct rn_buffer out = {0};
    enum rn_status status = show->screen.is_terminal ? rn_printable(&out, bytes, RN_PRINTABLE_TEXT)
                                                     : rn_buffer_add(&out, bytes);
    if (status == RN_OK && !rn_screen_put(stdout, &out)) {
        status = RN_IO;
    }
    rn_buffer_free(&out);
    return status;
}

enum rn_status rn_show_raw(struct rn_show *show, uint32_t n, enum rn_show_raw what,
                           struct rn_error *error)
{
    static const enum rn_tag parts[][2] = {
        [RN_SHOW_RAW_REQUEST] = {RN_TAG_REQUEST_HEAD, RN_TAG_REQUEST_BODY},
        [RN_SHOW_RAW_RESPONSE] = {RN_TAG_RESPONSE_HEAD, RN_TAG_RESPONSE_BODY},
        [RN_SHOW_RAW_HEAD] = {RN_TAG_REQUEST_HEAD, RN_TAG_RESPONSE_HEAD},
    };
    struct rn_arena arena = {0};
    struct rn_event event;
    memset(&event, 0, sizeof event);
    enum rn_status status =
        rn_trace_event(show->store, &show->summary.id, RN_CLASS_EVENT, n, &arena, &event, error);
    for (size_t i = 0; i < 2 && status == RN_OK; i++) {
        status = put(show, rn_event_get(&event, parts[what][i]));
        if (status != RN_OK) {
            rn_fail(error, status, "cannot write event %u: %s", n, rn_status_name(status));
        }
    }
    rn_arena_free(&arena);
    return status;
}
