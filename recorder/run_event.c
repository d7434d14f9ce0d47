/* One execution of COMMAND as an event. In: argv, output, exit. Out: entries. Knows nothing of processes. */
#include "run_event.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/varint.h"
#include "provenance.h"

/* What one entry carries; it is the entry's memory until it comes back. */
struct piece {
    struct rn_pending pending;
    struct rn_buffer streams[3];
    struct rn_buffer fixed[RN_TAG_LIMIT];
};

struct rn_run_event {
    struct rn_station *station;
    struct rn_recording *recording;
    struct piece *piece; /* takes output until it is submitted */
    struct rn_timer *timer;
    bool timer_runs;
    bool opened;
    bool is_cut;
    uint64_t started_mono_ns;
    unsigned with_writer;
    enum rn_status status;
    struct rn_pending closing;
    void (*closed)(void *self, enum rn_status status);
    void *closed_self;
};

static void on_timer(void *self);

static void piece_free(struct piece *piece)
{
    if (piece == NULL) {
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        rn_buffer_free(&piece->streams[i]);
    }
    for (size_t i = 0; i < RN_TAG_LIMIT; i++) {
        rn_buffer_free(&piece->fixed[i]);
    }
    rn_free(piece);
}

/* --- the fields of the beginning ----------------------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;
    return strcmp(*left, *right);
}

/* Names only, sorted: values are nobody's evidence. */
static enum rn_status put_environment(char *const *environment, struct rn_buffer *out)
{
    size_t count = 0;
    while (environment != NULL && environment[count] != NULL) {
        count++;
    }
    const char **sorted = rn_calloc(count, sizeof *sorted);
    if (sorted == NULL) {
        return RN_NOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        sorted[i] = environment[i];
    }
    qsort(sorted, count, sizeof *sorted, compare_names);
    enum rn_status status = RN_OK;
    for (size_t i = 0; i < count && status == RN_OK; i++) {
        status = rn_run_put(out, rn_bytes_of(sorted[i], strcspn(sorted[i], "=")));
    }
    rn_free(sorted);
    return status;
}

/* Where COMMAND was not given what ours are, no field says which of them were one. */
static enum rn_status put_streams(const struct rn_record_settings *settings,
                                  const struct rn_streams *streams, struct rn_buffer *fixed)
{
    enum rn_status status = rn_streams_put(streams, getenv("TERM"), &fixed[RN_TAG_STDIO]);
    return status != RN_OK || settings->only_pipes
               ? status
               : rn_streams_put_same(streams, &fixed[RN_TAG_STREAMS]);
}

static enum rn_status put_ports(const struct rn_station *station, struct rn_buffer *out)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; i < station->port_count && status == RN_OK; i++) {
        status = rn_run_put(out, rn_bytes_text(station->ports[i].upstream));
        status = status == RN_OK ? rn_varint_put(out, station->ports[i].port) : status;
    }
    return status;
}

/* Proves later that this user recorded this command here (DESIGN 6.1). */
static enum rn_status put_mac(const struct rn_run_event *run, const struct piece *piece,
                              struct rn_buffer *out)
{
    struct rn_buffer message = {0};
    uint8_t mac[RN_SHA256_BYTES];
    const struct rn_trace_id *id = rn_recording_id(run->recording);
    if (!run->station->has_userkey) {
        return RN_OK;
    }
    enum rn_status status = rn_buffer_add(&message, rn_buffer_bytes(&piece->fixed[RN_TAG_ARGV]));
    if (status == RN_OK) {
        status = rn_buffer_add(&message, rn_buffer_bytes(&piece->fixed[RN_TAG_CWD]));
    }
    if (status == RN_OK) {
        status = rn_buffer_append(&message, id->bytes, sizeof id->bytes);
    }
    if (status == RN_OK && !rn_hmac_sha256(rn_bytes_of(run->station->userkey, RN_USERKEY_BYTES),
                                           rn_buffer_bytes(&message), mac)) {
        status = RN_NOMEM;
    }
    status = status == RN_OK ? rn_buffer_append(out, mac, sizeof mac) : status;
    rn_buffer_free(&message);
    return status;
}

/* Where it runs. What is known of the place beside its name is welcome, and no more. */
static enum rn_status put_place(struct rn_buffer *fixed)
{
    char cwd[PATH_MAX];
    if (getcwd(cwd, sizeof cwd) == NULL) {
        return RN_OK;
    }
    rn_provenance_commit(cwd, &fixed[RN_TAG_COMMIT]);
    rn_provenance_locks(cwd, &fixed[RN_TAG_LOCKS]);
    return rn_buffer_add(&fixed[RN_TAG_CWD], rn_bytes_text(cwd));
}

/* All or nothing: a command line of which words are missing would be replayed as another one. */
static enum rn_status put_beginning(struct rn_run_event *run,
                                    const struct rn_record_settings *settings,
                                    const struct rn_streams *streams)
{
    struct piece *piece = run->piece;
    struct rn_buffer *fixed = piece->fixed;
    enum rn_status status = rn_buffer_add_byte(&fixed[RN_TAG_KIND], RN_EVENT_RUN);
    status = status == RN_OK ? rn_varint_put(&fixed[RN_TAG_TIMES], rn_clock_wall_ns()) : status;
    for (size_t i = 0; settings->argv[i] != NULL && status == RN_OK; i++) {
        status = rn_run_put(&fixed[RN_TAG_ARGV], rn_bytes_text(settings->argv[i]));
    }
    if (status == RN_OK) {
        status = rn_buffer_add(&fixed[RN_TAG_INPUT], rn_bytes_text(settings->input));
    }
    status = status == RN_OK ? put_place(fixed) : status;
    if (status == RN_OK) {
        status = put_environment(settings->environment, &fixed[RN_TAG_ENVIRONMENT]);
    }
    status = status == RN_OK ? put_streams(settings, streams, fixed) : status;
    status = status == RN_OK ? put_ports(run->station, &fixed[RN_TAG_PORTS]) : status;
    if (status == RN_OK) {
        status = rn_environment_encode(&run->station->plan, &fixed[RN_TAG_VARIABLES]);
    }
    return status == RN_OK ? put_mac(run, piece, &fixed[RN_TAG_MAC]) : status;
}

/* --- entries ------------------------------------------------------------------------------------------------------- */

static void maybe_closed(struct rn_run_event *run)
{
    if (run->with_writer == 0 && run->closed != NULL) {
        run->closed(run->closed_self, run->status);
    }
}

static void on_returned(struct rn_pending *pending)
{
    struct rn_run_event *run = pending->self;
    if (pending->entry.status != RN_OK && run->status == RN_OK) {
        run->status = pending->entry.status;
    }
    run->with_writer--;
    if (pending != &run->closing) {
        piece_free((struct piece *)pending);
    }
    maybe_closed(run);
}

static void submit_pending(struct rn_run_event *run, struct rn_pending *pending,
                           enum rn_entry_kind kind)
{
    pending->entry.kind = kind;
    pending->entry.trace = run->recording;
    pending->entry.owner = pending;
    pending->done = on_returned;
    pending->self = run;
    run->with_writer++;
    rn_writer_submit(run->station->writer, &pending->entry);
}

static void submit_piece(struct rn_run_event *run, enum rn_entry_kind kind)
{
    static const enum rn_tag stream_tags[3] = {RN_TAG_STDIN, RN_TAG_STDOUT, RN_TAG_STDERR};
    struct piece *piece = run->piece;
    struct rn_event *event = &piece->pending.entry.event;
    *event = (struct rn_event){.class = RN_CLASS_EVENT, .n = 0};
    for (unsigned tag = 0; tag < RN_TAG_LIMIT; tag++) {
        if (piece->fixed[tag].len > 0) {
            rn_event_set(event, (enum rn_tag)tag, rn_buffer_bytes(&piece->fixed[tag]));
        }
    }
    for (size_t i = 0; i < 3; i++) {
        if (piece->streams[i].len > 0) {
            rn_event_set(event, stream_tags[i], rn_buffer_bytes(&piece->streams[i]));
        }
    }
    run->piece = NULL;
    submit_pending(run, &piece->pending, kind);
}

static bool piece_ready(struct rn_run_event *run)
{
    if (run->piece == NULL) {
        run->piece = rn_calloc(1, sizeof *run->piece);
    }
    return run->piece != NULL;
}

struct rn_run_event *rn_run_event_open(struct rn_station *station, struct rn_recording *recording,
                                       const struct rn_record_settings *settings,
                                       const struct rn_streams *streams)
{
    struct rn_run_event *run = rn_calloc(1, sizeof *run);
    if (run == NULL) {
        return NULL;
    }
    run->station = station;
    run->recording = recording;
    run->started_mono_ns = rn_clock_mono_ns();
    run->timer = rn_timer_new(station->loop, on_timer, run);
    if (run->timer == NULL || !piece_ready(run) || put_beginning(run, settings, streams) != RN_OK) {
        rn_run_event_free(run);
        return NULL;
    }
    submit_piece(run, RN_ENTRY_EVENT_OPEN);
    return run;
}

void rn_run_event_free(struct rn_run_event *run)
{
    if (run == NULL) {
        return;
    }
    rn_timer_free(run->timer);
    piece_free(run->piece);
    rn_free(run);
}

static void flush(struct rn_run_event *run)
{
    rn_timer_stop(run->timer);
    run->timer_runs = false;
    if (run->piece != NULL) {
        submit_piece(run, RN_ENTRY_EVENT_PART);
    }
}

static void on_timer(void *self)
{
    flush(self);
}

void rn_run_event_output(struct rn_run_event *run, int stream, struct rn_bytes bytes)
{
    if (bytes.len == 0 || !piece_ready(run) ||
        rn_buffer_add(&run->piece->streams[stream], bytes) != RN_OK) {
        run->status = bytes.len == 0 ? run->status : RN_NOMEM;
        return;
    }
    if (run->piece->streams[stream].len >= RN_PART_BYTES_MAX) {
        flush(run);
    } else if (!run->timer_runs) {
        run->timer_runs = true;
        rn_timer_start(run->timer, RN_PART_AGE_NS);
    }
}

void rn_run_event_cut(struct rn_run_event *run)
{
    run->is_cut = true;
}

/*
 * What the framing refused is no exchange, and yet the run did it: a replay that sees other refusals is another run. An older
 * recording has no such field and is read as one without refusals.
 */
static enum rn_status put_refusals(const struct rn_run_event *run, struct rn_buffer *out)
{
    struct rn_gateway_counts counts = rn_gateway_counts(run->station->gateway);
    if (counts.malformed == 0 && counts.misdirected == 0) {
        return RN_OK;
    }
    enum rn_status status = rn_varint_put(out, counts.malformed);
    return status == RN_OK ? rn_varint_put(out, counts.misdirected) : status;
}

/* With what was lost of the run before it, the event says that it is not whole. */
static enum rn_status put_end(const struct rn_run_event *run, uint64_t lasted, uint64_t exit_status,
                              struct rn_buffer *fixed)
{
    /* First byte and end of the run are one: it has no first byte. */
    enum rn_status status = rn_varint_put(&fixed[RN_TAG_TIMES], lasted);
    status = status == RN_OK ? rn_varint_put(&fixed[RN_TAG_TIMES], lasted) : status;
    status = status == RN_OK ? rn_varint_put(&fixed[RN_TAG_EXIT], exit_status) : status;
    if (status == RN_OK && (run->status != RN_OK || run->is_cut)) {
        status = rn_varint_put(&fixed[RN_TAG_FLAGS], RN_FLAG_TRUNCATED);
    }
    return status == RN_OK ? put_refusals(run, &fixed[RN_TAG_REFUSALS]) : status;
}

void rn_run_event_close(struct rn_run_event *run, int wait_status,
                        void (*closed)(void *self, enum rn_status status), void *self)
{
    uint64_t lasted = rn_clock_mono_ns() - run->started_mono_ns;
    uint64_t status = (uint64_t)(unsigned)wait_status;
    run->closed = closed;
    run->closed_self = self;
    rn_timer_stop(run->timer);
    if (piece_ready(run) && put_end(run, lasted, status, run->piece->fixed) == RN_OK) {
        submit_piece(run, RN_ENTRY_EVENT_CLOSE);
    } else {
        run->status = RN_NOMEM;
    }
    submit_pending(run, &run->closing, RN_ENTRY_TRACE_CLOSE);
}
