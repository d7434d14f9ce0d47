/* Hits of `log --grep`, copied out of the search and put into words. */
#include "log_hits.h"

#include <inttypes.h>

#include "json_out.h"

static const struct {
    enum rn_grep_in in;
    const char *name;
} places[] = {{RN_GREP_PROMPT, "prompt"}, {RN_GREP_DOCUMENT, "document"}, {RN_GREP_TOOL, "tool"},
              {RN_GREP_ANSWER, "answer"}, {RN_GREP_DECISION, "decision"}, {RN_GREP_OTHER, "other"}};
#define PLACE_COUNT (sizeof places / sizeof *places)

static const char *place_name(enum rn_grep_in in)
{
    for (size_t i = 0; i < PLACE_COUNT; i++) {
        if (places[i].in == in) {
            return places[i].name;
        }
    }
    return "";
}

enum rn_status rn_log_hits_in(const char *list, unsigned *in, struct rn_error *error)
{
    struct rn_bytes rest = rn_bytes_text(list == NULL ? "" : list);
    *in = 0;
    for (bool more = list != NULL; more;) {
        size_t comma = rn_bytes_find_byte(rest, ',');
        struct rn_bytes word = rn_bytes_sub(rest, 0, comma);
        unsigned before = *in;
        more = comma != RN_NPOS;
        rest = rn_bytes_from(rest, more ? comma + 1 : rest.len);
        for (size_t i = 0; i < PLACE_COUNT; i++) {
            bool is_it = rn_bytes_equal(word, rn_bytes_text(places[i].name));
            *in |= is_it ? (unsigned)places[i].in : 0U;
        }
        if (*in == before) {
            return rn_fail(
                error, RN_INVALID,
                "cannot search in '%.*s': write prompt, document, tool, answer, decision "
                "or other, each once, with commas",
                (int)(word.len < 40 ? word.len : 40), (const char *)word.data);
        }
    }
    return RN_OK;
}

static struct rn_log_hits *hits_of(struct rn_log_found *found, const struct rn_trace_id *id)
{
    struct rn_log_hits *hits = found->newest;
    if (hits != NULL && rn_trace_id_equal(&hits->id, id)) {
        return hits;
    }
    hits = rn_arena_alloc(&found->arena, sizeof *hits);
    if (hits != NULL) {
        hits->id = *id;
        hits->tail = &hits->first;
        hits->older = found->newest;
        found->newest = hits;
    }
    return hits;
}

enum rn_status rn_log_hits_add(void *self, const struct rn_grep_hit *hit)
{
    struct rn_log_found *found = self;
    struct rn_log_hits *hits = hits_of(found, &hit->trace->id);
    struct rn_log_hit *copy = rn_arena_alloc(&found->arena, sizeof *copy);
    if (hits == NULL || copy == NULL) {
        return RN_NOMEM;
    }
    *copy = (struct rn_log_hit){.n = hit->n,
                                .in = hit->in,
                                .role = rn_arena_copy(&found->arena, hit->role),
                                .excerpt = rn_arena_copy(&found->arena, hit->excerpt)};
    if (copy->role.data == NULL || copy->excerpt.data == NULL) {
        return RN_NOMEM;
    }
    *hits->tail = copy;
    hits->tail = &copy->next;
    hits->count++;
    return RN_OK;
}

enum rn_status rn_log_hits_words(const struct rn_log_hits *hits, struct rn_buffer *out)
{
    const struct rn_log_hit *hit = hits->first;
    enum rn_status status = rn_buffer_addf(out, "%" PRIu32 " %s", hit->n, place_name(hit->in));
    if (status == RN_OK && hit->role.len > 0) {
        status = rn_buffer_add_byte(out, ' ');
        status = status == RN_OK ? rn_buffer_add(out, hit->role) : status;
    }
    status = status == RN_OK ? rn_buffer_add(out, RN_LIT(": ")) : status;
    status = status == RN_OK ? rn_buffer_add(out, hit->excerpt) : status;
    if (status == RN_OK && hits->count > 1) {
        status = rn_buffer_addf(out, " (and %zu more)", hits->count - 1);
    }
    return status;
}

void rn_log_hits_json(const struct rn_log_hits *hits, json_t *object)
{
    json_t *array = json_array();
    for (const struct rn_log_hit *hit = hits->first; hit != NULL; hit = hit->next) {
        json_t *entry = json_object();
        rn_json_out_u32(entry, "event", hit->n);
        rn_json_out_text(entry, "in", place_name(hit->in));
        rn_json_out_bytes(entry, "role", hit->role);
        rn_json_out_bytes(entry, "excerpt", hit->excerpt);
        if (json_array_append_new(array, entry) != 0) {
            rn_json_out_short();
        }
    }
    (void)json_object_set_new(object, "hits", array);
}
