/* Remembers marks (hashes), not texts. A chance collision would hide a line from a human, nothing more. */
#include "talk.h"

#include <string.h>

#include "base/memory.h"

/* FNV-1a, with the length in front so that neighbours cannot lend each other bytes. */
static uint64_t mark_add(uint64_t mark, struct rn_bytes bytes)
{
    mark = (mark ^ bytes.len) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < bytes.len; i++) {
        mark = (mark ^ bytes.data[i]) * UINT64_C(0x100000001b3);
    }
    return mark;
}

/*
 * A tool call is known by its id: its arguments come as text in pieces and go back as JSON, blanks and all different.
 */
static uint64_t mark_of(const struct rn_said *said)
{
    uint64_t mark = UINT64_C(0xcbf29ce484222325) + (uint64_t)said->kind;
    mark = mark_add(mark, said->role);
    mark = mark_add(mark, said->name);
    mark = mark_add(mark, said->id);
    bool known_by_id = said->kind == RN_SAID_TOOL_CALL && said->id.len > 0;
    return known_by_id ? mark : mark_add(mark, said->text);
}

bool rn_talk_counts(const struct rn_said *said)
{
    return said->kind != RN_SAID_THINKING && !(said->kind == RN_SAID_TEXT && said->text.len == 0);
}

static size_t count_of(const struct rn_said *said)
{
    size_t count = 0;
    for (; said != NULL; said = said->next) {
        count += rn_talk_counts(said) ? 1 : 0;
    }
    return count;
}

static size_t marks_put(uint64_t *marks, size_t at, const struct rn_said *said)
{
    for (; said != NULL; said = said->next) {
        if (rn_talk_counts(said)) {
            marks[at++] = mark_of(said);
        }
    }
    return at;
}

void rn_talk_free(struct rn_talk *talk)
{
    for (size_t i = 0; i < RN_TALK_MEMORY; i++) {
        rn_free(talk->calls[i].marks);
    }
    memset(talk, 0, sizeof *talk);
}

static size_t shared(const struct rn_talk_call *call, const uint64_t *marks, size_t count)
{
    size_t same = 0;
    while (same < count && same < call->count && call->marks[same] == marks[same]) {
        same++;
    }
    return same;
}

static const struct rn_said *skip(const struct rn_said *said, size_t known)
{
    while (said != NULL && (known > 0 || !rn_talk_counts(said))) {
        known -= rn_talk_counts(said) ? 1 : 0;
        said = said->next;
    }
    return said;
}

enum rn_status rn_talk_hear(struct rn_talk *talk, uint32_t ordinal,
                            const struct rn_reading *reading, struct rn_talk_news *news)
{
    size_t asked = count_of(reading->request);
    size_t all = asked + count_of(reading->response);
    uint64_t *marks = rn_calloc(all > 0 ? all : 1, sizeof *marks);
    memset(news, 0, sizeof *news);
    if (marks == NULL) {
        return RN_NOMEM;
    }
    (void)marks_put(marks, marks_put(marks, 0, reading->request), reading->response);
    /* The newest first, so that of two equally long beginnings the nearer call is named. */
    for (size_t back = 1; back <= RN_TALK_MEMORY; back++) {
        const struct rn_talk_call *call =
            &talk->calls[(talk->next + RN_TALK_MEMORY - back) % RN_TALK_MEMORY];
        size_t same = shared(call, marks, asked);
        if (same > news->known) {
            news->known = same;
            news->as_in = call->ordinal;
        }
    }
    news->first_new = skip(reading->request, news->known);
    struct rn_talk_call *slot = &talk->calls[talk->next];
    rn_free(slot->marks);
    *slot = (struct rn_talk_call){ordinal, marks, all};
    talk->next = (talk->next + 1) % RN_TALK_MEMORY;
    return RN_OK;
}

struct rn_bytes rn_talk_tool_name(const struct rn_said *said, const struct rn_said *request)
{
    for (; said->name.len == 0 && said->id.len > 0 && request != NULL; request = request->next) {
        if (request->kind == RN_SAID_TOOL_CALL && rn_bytes_equal(request->id, said->id)) {
            return request->name;
        }
    }
    return said->name;
}
