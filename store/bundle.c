/*
 * The form of a bundle: what stands where, written and read in one place, so that both change together and with
 * RN_BUNDLE_VERSION (docs/format.md, "Bundles"). Nothing here depends on a library but SHA-256: msgpack and zstd may one day
 * give other bytes for the same content, and a bundle must not.
 *
 * In and out come fields and runs. Where they are kept, and whether they may travel, is decided elsewhere.
 */
#include "store/bundle.h"

#include <inttypes.h>
#include <string.h>

#include "base/varint.h"
#include "bundle_parts.h"
#include "keys.h"
#include "store/document.h"

#define TAG_OF_ERASURES 129u /* as in a frame */

/* A byte that is no ASCII, a name, and line ends both ways, so that a transfer that "corrects" text is seen at once. */
const uint8_t rn_bundle_magic[RN_BUNDLE_MAGIC_BYTES] = {0x89, 'R',  'N',  'B',
                                                        '\r', '\n', 0x1a, '\n'};

/* --- the front ------------------------------------------------------------------------------------------------------ */

void rn_bundle_put_front(struct rn_bundle_sink *sink, const struct rn_bundle_document *document,
                         uint64_t traces)
{
    uint8_t version[4];
    rn_put_u32(version, RN_BUNDLE_VERSION);
    rn_bundle_put_bytes(sink, rn_bytes_of(rn_bundle_magic, RN_BUNDLE_MAGIC_BYTES));
    rn_bundle_put_bytes(sink, rn_bytes_of(version, sizeof version));
    rn_bundle_put_number(sink, document == NULL ? 0 : 1);
    if (document != NULL) {
        rn_bundle_put_run(sink, rn_bytes_text(document->kind));
        rn_bundle_put_run(sink, rn_bytes_text(document->name));
        rn_bundle_put_run(sink, document->bytes);
    }
    rn_bundle_put_number(sink, traces);
}

void rn_bundle_front_free(struct rn_bundle_front *front)
{
    rn_buffer_free(&front->kind);
    rn_buffer_free(&front->name);
    rn_buffer_free(&front->document);
}

/* What a stranger gave us: something else, a bundle that was cut or changed at its beginning, or one of a later version. */
static enum rn_status fail_front(struct rn_bundle_source *source, const uint8_t *front, size_t len)
{
    size_t equal = 0;
    bool fits = false;
    for (size_t i = 0; i < len && i < RN_BUNDLE_MAGIC_BYTES; i++) {
        equal += front[i] == rn_bundle_magic[i];
    }
    size_t of_magic = len < RN_BUNDLE_MAGIC_BYTES ? len : RN_BUNDLE_MAGIC_BYTES;
    if (of_magic == 0 || equal + (of_magic == RN_BUNDLE_MAGIC_BYTES) < of_magic) {
        return rn_fail(source->error, RN_INVALID, "%s is no reenact bundle", source->path);
    }
    if (equal < RN_BUNDLE_MAGIC_BYTES || len < RN_BUNDLE_FRONT_BYTES) {
        source->at = 0;
        return rn_bundle_damaged(source, "it does not begin as a bundle does, or ends at once");
    }
    enum rn_status status = rn_bundle_trailer_fits(source, &fits);
    if (status == RN_OK && fits && rn_get_u32(front + RN_BUNDLE_MAGIC_BYTES) > RN_BUNDLE_VERSION) {
        return rn_fail(source->error, RN_NEWER,
                       "%s is a bundle of version %" PRIu32 ", and this reenact reads version %u: "
                       "use the one that wrote it, or a later one",
                       source->path, rn_get_u32(front + RN_BUNDLE_MAGIC_BYTES), RN_BUNDLE_VERSION);
    }
    source->at = RN_BUNDLE_MAGIC_BYTES;
    return status == RN_OK ? rn_bundle_damaged(source, "the version is none") : status;
}

/* Without what take hashes: a file that is too short for anything is looked at as well. */
static enum rn_status check_front(struct rn_bundle_source *source)
{
    uint8_t front[RN_BUNDLE_FRONT_BYTES];
    uint8_t version[4];
    size_t len = rn_bundle_read_at(source, 0, front, sizeof front);
    rn_put_u32(version, RN_BUNDLE_VERSION);
    bool is_ours = len == sizeof front &&
                   memcmp(front, rn_bundle_magic, RN_BUNDLE_MAGIC_BYTES) == 0 &&
                   memcmp(front + RN_BUNDLE_MAGIC_BYTES, version, sizeof version) == 0;
    return is_ours ? rn_bundle_take(source, front, sizeof front, "its beginning")
                   : fail_front(source, front, len);
}

static bool is_name(const struct rn_buffer *text)
{
    for (size_t i = 0; i < text->len; i++) {
        if (text->data[i] < 0x20 || text->data[i] == 0x7f) {
            return false;
        }
    }
    return text->len > 0;
}

static enum rn_status get_document(struct rn_bundle_source *source, struct rn_bundle_front *out)
{
    enum rn_status status = rn_bundle_take_run(source, RN_DOCUMENT_NAME_BYTES_MAX, &out->kind,
                                               "the kind of the document");
    status = status == RN_OK ? rn_bundle_take_run(source, RN_DOCUMENT_NAME_BYTES_MAX, &out->name,
                                                  "the name of the document")
                             : status;
    if (status == RN_OK && (!is_name(&out->kind) || !is_name(&out->name))) {
        return rn_bundle_damaged(source, "the document has no proper name");
    }
    return status == RN_OK
               ? rn_bundle_take_run(source, SIZE_MAX / 4, &out->document, "the document")
               : status;
}

enum rn_status rn_bundle_get_front(struct rn_bundle_source *source, struct rn_bundle_front *out)
{
    uint64_t documents = 0;
    enum rn_status status = check_front(source);
    status = status == RN_OK
                 ? rn_bundle_take_number(source, 1, &documents, "the count of documents")
                 : status;
    out->has_document = documents == 1;
    status = status == RN_OK && out->has_document ? get_document(source, out) : status;
    return status == RN_OK
               ? rn_bundle_take_number(source, UINT64_MAX, &out->traces, "the count of traces")
               : status;
}

/* --- the head of a trace -------------------------------------------------------------------------------------------- */

static struct rn_bytes id_bytes(const struct rn_trace_id *id)
{
    return rn_bytes_of(id->bytes, RN_TRACE_ID_BYTES);
}

static enum rn_status opening_put(const struct rn_trace_opening *opening, struct rn_buffer *out)
{
    const struct rn_bytes texts[] = {opening->name, opening->release, opening->kind, opening->tags};
    enum rn_status status = rn_buffer_add(out, id_bytes(&opening->id));
    status = status == RN_OK ? rn_buffer_add(out, id_bytes(&opening->session)) : status;
    status = status == RN_OK ? rn_buffer_add(out, id_bytes(&opening->parent)) : status;
    for (size_t i = 0; status == RN_OK && i < sizeof texts / sizeof texts[0]; i++) {
        status = rn_run_put(out, texts[i]);
    }
    status = status == RN_OK ? rn_varint_put(out, opening->is_alias ? 1 : 0) : status;
    return status == RN_OK ? rn_varint_put(out, opening->wall_ns) : status;
}

static enum rn_status closing_put(const struct rn_trace_closing *closing, struct rn_buffer *out)
{
    const struct rn_salts *salts = &closing->salts;
    enum rn_status status = rn_varint_put(out, (uint64_t)closing->state);
    status = status == RN_OK ? rn_varint_put(out, closing->events) : status;
    status = status == RN_OK ? rn_varint_put(out, closing->gaps) : status;
    status = status == RN_OK ? rn_buffer_append(out, closing->digests.evidence, RN_SHA256_BYTES)
                             : status;
    status =
        status == RN_OK ? rn_buffer_append(out, closing->digests.said, RN_SHA256_BYTES) : status;
    status =
        status == RN_OK
            ? rn_run_put(out, rn_bytes_of(salts->secret, salts->from_secret ? RN_SECRET_BYTES : 0))
            : status;
    status = status == RN_OK
                 ? rn_run_put(out, salts->from_secret ? rn_bytes_of(NULL, 0) : salts->table)
                 : status;
    return status == RN_OK ? rn_varint_put(out, closing->wall_ns) : status;
}

void rn_bundle_put_trace(struct rn_bundle_sink *sink, const struct rn_trace_opening *opening,
                         const struct rn_trace_closing *closing, uint64_t events)
{
    struct rn_buffer head = {0};
    enum rn_status status = opening_put(opening, &head);
    status = status == RN_OK ? closing_put(closing, &head) : status;
    rn_bundle_put_run(sink, rn_buffer_bytes(&head));
    rn_bundle_put_number(sink, events);
    sink->status = sink->status == RN_OK ? status : sink->status;
    rn_buffer_free(&head);
}

static bool bytes_get(struct rn_bytes *in, uint8_t *out, size_t len)
{
    if (in->len < len) {
        return false;
    }
    memcpy(out, in->data, len);
    *in = rn_bytes_from(*in, len);
    return true;
}

static bool number_get(struct rn_bytes *in, uint64_t least, uint64_t max, uint64_t *out)
{
    return rn_varint_get(in, out) && *out >= least && *out <= max;
}

static bool are_runs(struct rn_bytes list)
{
    struct rn_bytes run;
    while (list.len > 0) {
        if (!rn_run_get(&list, &run)) {
            return false;
        }
    }
    return true;
}

static bool opening_get(struct rn_bytes *in, struct rn_trace_opening *out)
{
    uint64_t is_alias = 0;
    bool good = bytes_get(in, out->id.bytes, RN_TRACE_ID_BYTES) &&
                bytes_get(in, out->session.bytes, RN_TRACE_ID_BYTES) &&
                bytes_get(in, out->parent.bytes, RN_TRACE_ID_BYTES) && rn_run_get(in, &out->name) &&
                rn_run_get(in, &out->release) && rn_run_get(in, &out->kind) &&
                rn_run_get(in, &out->tags) && are_runs(out->tags) &&
                number_get(in, 0, 1, &is_alias) && number_get(in, 0, UINT64_MAX, &out->wall_ns);
    out->is_alias = is_alias == 1;
    return good;
}

/* There is a secret or a table, never both. */
static bool salts_get(struct rn_bytes *in, struct rn_salts *out)
{
    struct rn_bytes secret;
    if (!rn_run_get(in, &secret) || !rn_run_get(in, &out->table)) {
        return false;
    }
    out->from_secret = secret.len == RN_SECRET_BYTES;
    if (out->from_secret) {
        memcpy(out->secret, secret.data, RN_SECRET_BYTES);
        return out->table.len == 0;
    }
    return secret.len == 0;
}

static bool closing_get(struct rn_bytes *in, struct rn_trace_closing *out)
{
    uint64_t state = 0;
    uint64_t events = 0;
    uint64_t gaps = 0;
    bool good = number_get(in, RN_TRACE_CLOSED, RN_TRACE_LOST, &state) &&
                number_get(in, 0, UINT32_MAX, &events) && number_get(in, 0, UINT32_MAX, &gaps) &&
                bytes_get(in, out->digests.evidence, RN_SHA256_BYTES) &&
                bytes_get(in, out->digests.said, RN_SHA256_BYTES) && salts_get(in, &out->salts) &&
                number_get(in, 0, UINT64_MAX, &out->wall_ns);
    out->state = (enum rn_trace_state)state;
    out->events = (uint32_t)events;
    out->gaps = (uint32_t)gaps;
    return good;
}

enum rn_status rn_bundle_get_trace(struct rn_bundle_source *source, struct rn_buffer *bytes,
                                   struct rn_bundle_trace *out)
{
    *out = (struct rn_bundle_trace){0};
    enum rn_status status =
        rn_bundle_take_run(source, RN_BUNDLE_APART_BYTES_MAX, bytes, "the head of a trace");
    if (status != RN_OK) {
        return status;
    }
    struct rn_bytes in = rn_buffer_bytes(bytes);
    if (!opening_get(&in, &out->opening) || !closing_get(&in, &out->closing) || in.len != 0) {
        return rn_bundle_damaged(source, "the head of a trace breaks its layout");
    }
    out->opening.has_secret = out->closing.salts.from_secret;
    memcpy(out->opening.secret, out->closing.salts.secret, RN_SECRET_BYTES);
    return rn_bundle_take_number(source, UINT64_MAX, &out->events, "the count of a trace's events");
}

/* --- events --------------------------------------------------------------------------------------------------------- */

static uint64_t number_bytes(uint64_t number)
{
    uint64_t bytes = 1;
    for (; number >= 0x80; number >>= 7) {
        bytes++;
    }
    return bytes;
}

static uint64_t field_bytes(unsigned tag, struct rn_bytes field)
{
    return number_bytes(tag) + number_bytes(field.len) + field.len;
}

static uint64_t event_bytes(const struct rn_event *event)
{
    uint64_t bytes = event->erasures.len > 0 ? field_bytes(TAG_OF_ERASURES, event->erasures) : 0;
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        bytes += (event->fields >> tag & 1) != 0 ? field_bytes(tag, event->field[tag]) : 0;
    }
    return bytes;
}

static void put_field(struct rn_bundle_sink *sink, unsigned tag, struct rn_bytes field)
{
    rn_bundle_put_number(sink, tag);
    rn_bundle_put_run(sink, field);
}

void rn_bundle_put_event(struct rn_bundle_sink *sink, const struct rn_event *event, bool is_ended)
{
    rn_bundle_put_byte(sink, (uint8_t)event->class);
    rn_bundle_put_number(sink, event->n);
    rn_bundle_put_byte(sink, is_ended ? 1 : 0);
    rn_bundle_put_number(sink, event_bytes(event));
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        if ((event->fields >> tag & 1) != 0) {
            put_field(sink, tag, event->field[tag]);
        }
    }
    if (event->erasures.len > 0) {
        put_field(sink, TAG_OF_ERASURES, event->erasures);
    }
}

/* A field is there or erased; the records stand in tag order. */
static bool erasures_fit(struct rn_event *event)
{
    struct rn_bytes in = event->erasures;
    struct rn_erasure erasure;
    unsigned last = 0;
    while (in.len > 0) {
        if (!rn_erasure_get(&in, &erasure) || erasure.tag <= last) {
            return false;
        }
        last = erasure.tag;
        event->erased |= UINT64_C(1) << last;
    }
    return (event->erased & event->fields) == 0;
}

static bool fields_get(struct rn_bytes in, struct rn_event *event)
{
    uint64_t last = 0;
    while (in.len > 0) {
        uint64_t tag = 0;
        struct rn_bytes run;
        if (!number_get(&in, last + 1, TAG_OF_ERASURES, &tag) || !rn_run_get(&in, &run)) {
            return false;
        }
        last = tag;
        if (tag < RN_TAG_LIMIT) {
            rn_event_set(event, (enum rn_tag)tag, run);
        } else if (tag == TAG_OF_ERASURES && run.len > 0) {
            event->erasures = run;
        } else {
            return false;
        }
    }
    return erasures_fit(event);
}

static bool follows(const struct rn_bundle_place *last, unsigned class, uint64_t n)
{
    return !last->is_set || class > (unsigned)last->class ||
           (class == (unsigned)last->class && n > last->n);
}

static enum rn_status get_place(struct rn_bundle_source *source, struct rn_bundle_place *last,
                                struct rn_event *out, bool *is_ended)
{
    uint8_t class = 0;
    uint8_t ended = 0;
    uint64_t n = 0;
    enum rn_status status = rn_bundle_take(source, &class, 1, "the class of an event");
    status = status == RN_OK
                 ? rn_bundle_take_number(source, UINT32_MAX, &n, "the number of an event")
                 : status;
    status =
        status == RN_OK ? rn_bundle_take(source, &ended, 1, "the mark of an event's end") : status;
    if (status != RN_OK) {
        return status;
    }
    if (class > RN_CLASS_MARK || ended > 1 || !follows(last, class, n)) {
        return rn_bundle_damaged(source, "an event is out of place");
    }
    *last = (struct rn_bundle_place){true, (enum rn_event_class) class, (uint32_t)n};
    *out = (struct rn_event){.class = last->class, .n = last->n};
    *is_ended = ended == 1;
    return RN_OK;
}

enum rn_status rn_bundle_get_event(struct rn_bundle_source *source, struct rn_buffer *bytes,
                                   struct rn_bundle_place *last, struct rn_event *out,
                                   bool *is_ended)
{
    enum rn_status status = get_place(source, last, out, is_ended);
    status = status == RN_OK
                 ? rn_bundle_take_run(source, SIZE_MAX / 4, bytes, "the fields of an event")
                 : status;
    if (status == RN_OK && !fields_get(rn_buffer_bytes(bytes), out)) {
        return rn_bundle_damaged(source, "the fields of an event break their layout");
    }
    return status;
}

enum rn_status rn_bundle_get_end(struct rn_bundle_source *source, uint8_t digest[RN_SHA256_BYTES])
{
    bool fits = false;
    if (source->at != source->end) {
        return rn_bundle_damaged(source, "the traces end here, and something follows");
    }
    enum rn_status status = rn_bundle_trailer_fits(source, &fits);
    if (status == RN_OK && !fits) {
        return rn_fail(source->error, RN_DAMAGED,
                       "%s is damaged: its last 32 bytes are not the SHA-256 of the %" PRIu64
                       " before them; a byte was changed since it was written",
                       source->path, source->end);
    }
    if (status == RN_OK &&
        rn_bundle_read_at(source, source->end, digest, RN_SHA256_BYTES) != RN_SHA256_BYTES) {
        return rn_fail(source->error, RN_IO, "cannot read %s", source->path);
    }
    return status;
}
