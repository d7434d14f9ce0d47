/* Our own documents only. What was recorded is never read by jansson (DESIGN 4). */
#include "json_out.h"

#include <inttypes.h>
#include <sys/wait.h>

#include "base/memory.h"
#include "base/varint.h"
#include "human.h"
#include "printable.h"

/* jansson leaves out what it has no memory for, so it is noticed where it asks for it. */
static bool has_run_out;

static void *json_alloc(size_t size)
{
    void *block = rn_alloc(size);
    has_run_out = has_run_out || block == NULL;
    return block;
}

void rn_json_out_serve(void)
{
    json_set_alloc_funcs(json_alloc, rn_free);
}

void rn_json_out_short(void)
{
    has_run_out = true;
}

json_t *rn_json_out_new(const char *schema)
{
    rn_json_out_serve(); /* other writers of documents set their own */
    json_t *document = json_object();
    rn_json_out_text(document, "schema", schema);
    return document;
}

static json_t *string_of(struct rn_bytes bytes)
{
    return json_stringn(bytes.len > 0 ? (const char *)bytes.data : "", bytes.len);
}

enum rn_status rn_json_out_base64(struct rn_buffer *out, struct rn_bytes bytes)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    enum rn_status status = rn_buffer_reserve(out, (bytes.len + 2) / 3 * 4);
    for (size_t at = 0; at < bytes.len && status == RN_OK; at += 3) {
        size_t left = bytes.len - at;
        uint32_t triple = (uint32_t)bytes.data[at] << 16 |
                          (left > 1 ? (uint32_t)bytes.data[at + 1] << 8 : 0) |
                          (left > 2 ? (uint32_t)bytes.data[at + 2] : 0);
        char four[4] = {letters[triple >> 18 & 63], letters[triple >> 12 & 63],
                        left > 1 ? letters[triple >> 6 & 63] : '=',
                        left > 2 ? letters[triple & 63] : '='};
        status = rn_buffer_append(out, four, sizeof four);
    }
    return status;
}

void rn_json_out_bytes(json_t *object, const char *name, struct rn_bytes bytes)
{
    if (rn_printable_is_utf8(bytes)) {
        (void)json_object_set_new(object, name, string_of(bytes));
        return;
    }
    struct rn_buffer coded = {0};
    char coded_name[64];
    (void)snprintf(coded_name, sizeof coded_name, "%s_base64", name);
    if (rn_json_out_base64(&coded, bytes) == RN_OK) {
        (void)json_object_set_new(object, coded_name, string_of(rn_buffer_bytes(&coded)));
    } else {
        rn_json_out_short();
    }
    rn_buffer_free(&coded);
}

void rn_json_out_text(json_t *object, const char *name, const char *text)
{
    (void)json_object_set_new(object, name, json_string(text));
}

void rn_json_out_u64(json_t *object, const char *name, uint64_t value)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, value);
    rn_json_out_text(object, name, text);
}

void rn_json_out_u32(json_t *object, const char *name, uint32_t value)
{
    (void)json_object_set_new(object, name, json_integer((json_int_t)value));
}

void rn_json_out_bool(json_t *object, const char *name, bool value)
{
    (void)json_object_set_new(object, name, json_boolean(value));
}

void rn_json_out_trace_id(json_t *object, const char *name, const struct rn_trace_id *id)
{
    char text[33];
    rn_trace_id_text(id, text);
    rn_json_out_text(object, name, text);
}

void rn_json_out_digest(json_t *object, const char *name, const uint8_t digest[RN_SHA256_BYTES])
{
    char text[2 * RN_SHA256_BYTES + 1];
    rn_hex(rn_bytes_of(digest, RN_SHA256_BYTES), text);
    rn_json_out_text(object, name, text);
}

void rn_json_out_moment(json_t *object, const char *name, uint64_t wall_ns)
{
    struct rn_human moment;
    char ns_name[64];
    (void)snprintf(ns_name, sizeof ns_name, "%s_ns", name);
    rn_json_out_text(object, name, rn_human_iso(&moment, wall_ns));
    rn_json_out_u64(object, ns_name, wall_ns);
}

void rn_json_out_runs(json_t *object, const char *name, struct rn_bytes runs)
{
    json_t *array = json_array();
    struct rn_bytes run;
    while (runs.len > 0 && rn_run_get(&runs, &run)) {
        struct rn_buffer text = {0};
        /* An array has no names to put _base64 on. */
        if (rn_printable_is_utf8(run)) {
            (void)json_array_append_new(array, string_of(run));
        } else if (rn_printable(&text, run, RN_PRINTABLE_TEXT) == RN_OK) {
            (void)json_array_append_new(array, string_of(rn_buffer_bytes(&text)));
        } else {
            rn_json_out_short();
        }
        rn_buffer_free(&text);
    }
    (void)json_object_set_new(object, name, array);
}

void rn_json_out_exit(json_t *object, const char *name, int wait_status)
{
    json_t *ended = json_null();
    if (wait_status >= 0 && WIFEXITED(wait_status)) {
        ended = json_pack("{s:i}", "exited", WEXITSTATUS(wait_status));
    } else if (wait_status >= 0) {
        ended = json_pack("{s:i}", "signal", WTERMSIG(wait_status));
    }
    (void)json_object_set_new(object, name, ended);
}

static const char *state_name(enum rn_trace_state state)
{
    return state == RN_TRACE_OPEN ? "open" : state == RN_TRACE_CLOSED ? "closed" : "lost";
}

static const char *complete_name(enum rn_complete complete)
{
    return complete == RN_COMPLETE_YES ? "yes" : complete == RN_COMPLETE_NO ? "no" : "unknown";
}

static bool is_set(const struct rn_trace_id *id)
{
    static const struct rn_trace_id none;
    return !rn_trace_id_equal(id, &none);
}

void rn_json_out_summary(json_t *object, const struct rn_trace_summary *summary)
{
    rn_json_out_trace_id(object, "trace", &summary->id);
    rn_json_out_trace_id(object, "session",
                         is_set(&summary->session) ? &summary->session : &summary->id);
    if (is_set(&summary->parent)) {
        rn_json_out_trace_id(object, "parent", &summary->parent);
    }
    rn_json_out_bytes(object, "kind", summary->kind);
    rn_json_out_bytes(object, "name", summary->name);
    rn_json_out_bytes(object, "release", summary->release);
    rn_json_out_runs(object, "tags", summary->tags);
    rn_json_out_runs(object, "upstreams", summary->upstreams);
    rn_json_out_moment(object, "started", summary->started_wall_ns);
    rn_json_out_moment(object, "ended", summary->ended_wall_ns);
    rn_json_out_text(object, "state", state_name(summary->state));
    rn_json_out_text(object, "complete", complete_name(summary->complete));
    rn_json_out_exit(object, "exit", summary->has_run ? summary->exit_status : -1);
    rn_json_out_u32(object, "events", summary->events);
    rn_json_out_u32(object, "gaps", summary->gaps);
    rn_json_out_u32(object, "notes", summary->notes);
    rn_json_out_u32(object, "aborted", summary->aborted);
    rn_json_out_u32(object, "cut", summary->cut);
    rn_json_out_u32(object, "refused", summary->refused);
    rn_json_out_u32(object, "lost", summary->lost);
    rn_json_out_u32(object, "late", summary->late);
    rn_json_out_u64(object, "raw_bytes", summary->raw_bytes);
    rn_json_out_u64(object, "stored_bytes", summary->stored_bytes);
    if (summary->state != RN_TRACE_OPEN) {
        rn_json_out_digest(object, "evidence", summary->digests.evidence);
        rn_json_out_digest(object, "said", summary->digests.said);
    }
}

bool rn_json_out_put(FILE *stream, json_t *document)
{
    bool good = document != NULL && !has_run_out &&
                json_dumpf(document, stream, JSON_INDENT(2)) == 0 && fputc('\n', stream) != EOF;
    json_decref(document);
    return good;
}
