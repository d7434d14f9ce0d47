/* The command of a run, executed again and compared. Knows the run's event, no exchanges. */
#include "rerun.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/varint.h"
#include "store/userkey.h"

void rn_rerun_free(struct rn_rerun *rerun)
{
    rn_command_free(rerun->command);
    rn_buffer_free(&rerun->output[0]);
    rn_buffer_free(&rerun->output[1]);
    rn_arena_free(&rerun->arena);
    *rerun = (struct rn_rerun){0};
}

/* --- which command ------------------------------------------------------------------------------------------------- */

bool rn_rerun_recorded_argv(const struct rn_catalog *catalog, struct rn_arena *arena,
                            char *const **argv)
{
    struct rn_bytes rest = rn_event_get(&catalog->run, RN_TAG_ARGV);
    struct rn_bytes word;
    size_t count = 0;
    struct rn_bytes counted = rest;
    while (rn_run_get(&counted, &word)) {
        count++;
    }
    char **out = rn_arena_alloc(arena, (count + 1) * sizeof *out);
    if (out == NULL || count == 0) {
        return false;
    }
    for (size_t i = 0; i < count && rn_run_get(&rest, &word); i++) {
        out[i] = rn_arena_text(arena, word);
        if (out[i] == NULL) {
            return false;
        }
    }
    *argv = out;
    return true;
}

bool rn_rerun_is_ours(const struct rn_catalog *catalog)
{
    const struct rn_trace_id *id = &catalog->traces[catalog->root].summary.id;
    struct rn_bytes recorded = rn_event_get(&catalog->run, RN_TAG_MAC);
    struct rn_buffer message = {0};
    uint8_t key[RN_USERKEY_BYTES];
    uint8_t mac[RN_SHA256_BYTES];
    bool ours = recorded.len == sizeof mac && rn_userkey_load(false, key, NULL) == RN_OK &&
                rn_buffer_add(&message, rn_event_get(&catalog->run, RN_TAG_ARGV)) == RN_OK &&
                rn_buffer_add(&message, rn_event_get(&catalog->run, RN_TAG_CWD)) == RN_OK &&
                rn_buffer_append(&message, id->bytes, sizeof id->bytes) == RN_OK &&
                rn_hmac_sha256(rn_bytes_of(key, sizeof key), rn_buffer_bytes(&message), mac) &&
                rn_bytes_equal(rn_bytes_of(mac, sizeof mac), recorded);
    rn_buffer_free(&message);
    return ours;
}

bool rn_rerun_is_redacted(const struct rn_catalog *catalog)
{
    struct rn_spans spans = {0};
    bool redacted = false;
    if (rn_event_spans(&catalog->run, RN_TAG_ARGV, &spans) == RN_OK) {
        redacted = spans.count > 0;
    }
    rn_spans_free(&spans);
    return redacted;
}

/* --- running ------------------------------------------------------------------------------------------------------- */

static void choose_cwd(struct rn_rerun *rerun, const struct rn_catalog *catalog)
{
    struct rn_bytes cwd = rn_event_get(&catalog->run, RN_TAG_CWD);
    const char *path = cwd.len == 0 ? NULL : rn_arena_text(&rerun->arena, cwd);
    struct stat found;
    if (path == NULL || rerun->cwd != NULL) {
        return;
    }
    if (stat(path, &found) == 0 && S_ISDIR(found.st_mode)) {
        rerun->cwd = path;
    } else {
        rerun->remark =
            rn_words(&rerun->arena,
                     "the recorded directory %s is not there: COMMAND runs in this one", path);
    }
}

/*
 * What was read when recording is given again, through what it was read from. What was typed is not recorded: if we are at a
 * terminal it can be typed again, else each read finds an end.
 */
static void choose_stdin(const struct rn_rerun *rerun, const struct rn_catalog *catalog,
                         struct rn_command_settings *settings)
{
    struct rn_bytes kinds = rn_event_get(&catalog->run, RN_TAG_STDIO);
    char kind = kinds.len == 0 ? 't' : (char)kinds.data[0];
    settings->given = rn_event_get(&catalog->run, RN_TAG_STDIN);
    if (settings->given.len > 0 || kind == 'p' || kind == 'f' || kind == 's') {
        settings->stdin_mode = RN_STDIN_GIVEN;
    } else if (kind == 't') {
        settings->stdin_mode =
            !rerun->has_streams || isatty(STDIN_FILENO) == 1 ? RN_STDIN_INHERIT : RN_STDIN_GIVEN;
    } else {
        settings->stdin_mode = RN_STDIN_NULL;
    }
}

enum rn_status rn_rerun_prepare(struct rn_rerun *rerun, const struct rn_catalog *catalog,
                                char *const *argv, char *const *environment, struct rn_error *error)
{
    struct rn_bytes term;
    struct rn_command_settings settings = {
        .argv = argv, .environment = environment, .pass_output = true, .fixed_size = true};
    rerun->argv = argv;
    rerun->has_streams =
        rn_streams_get(rn_event_get(&catalog->run, RN_TAG_STDIO),
                       rn_event_get(&catalog->run, RN_TAG_STREAMS), &rerun->streams, &term);
    if (rerun->has_streams && rn_streams_terminal(&rerun->streams) >= 0 && term.len > 0) {
        rerun->term = rn_arena_text(&rerun->arena, term);
    }
    for (size_t i = 0; i < 2; i++) {
        enum rn_tag tag = i == 0 ? RN_TAG_STDOUT : RN_TAG_STDERR;
        rerun->output_max[i] = rn_event_get(&catalog->run, tag).len + RN_EXTRA_OUTPUT_BYTES_MAX;
    }
    choose_cwd(rerun, catalog);
    choose_stdin(rerun, catalog, &settings);
    settings.cwd = rerun->cwd;
    settings.streams = rerun->has_streams ? &rerun->streams : NULL;
    return rn_command_prepare(&settings, &rerun->command, error);
}

static void keep_output(struct rn_rerun *rerun, int which, struct rn_bytes bytes)
{
    struct rn_buffer *output = &rerun->output[which];
    uint64_t room = rerun->output_max[which] - output->len;
    if (bytes.len > room) {
        bytes.len = (size_t)room;
    }
    if (rn_buffer_add(output, bytes) != RN_OK) {
        rerun->output_lost = true;
    }
}

static void on_output(void *self, int stream, struct rn_bytes bytes)
{
    struct rn_rerun *rerun = self;
    if (stream > 0 && bytes.len > 0) {
        rerun->open_line = bytes.data[bytes.len - 1] != '\n';
    }
    if (stream == STDERR_FILENO && bytes.len > 0) {
        rerun->open_stderr_line = rerun->open_line;
    }
    if (stream == STDOUT_FILENO || stream == STDERR_FILENO) {
        keep_output(rerun, stream - 1, bytes);
    }
}

static void on_exit_status(void *self, int status)
{
    struct rn_rerun *rerun = self;
    rerun->ended = true;
    rerun->wait_status = status;
    bool unseen;
    (void)rn_command_streams(rerun->command, &unseen, &rerun->unpassed);
    if (rn_command_ends_read(rerun->command) > 0 && rerun->remark == NULL) {
        rerun->remark =
            "COMMAND read from a terminal, and what was typed there is not recorded: it "
            "got an end of file. Replayed at a terminal it reads what you type";
    }
    rerun->on_exit(rerun->self);
}

enum rn_status rn_rerun_release(struct rn_rerun *rerun, struct rn_loop *loop,
                                char *const *environment, void (*on_exit)(void *self), void *self,
                                struct rn_error *error)
{
    struct rn_command_handler handler = {
        .self = rerun, .on_output = on_output, .on_exit = on_exit_status};
    rerun->on_exit = on_exit;
    rerun->self = self;
    enum rn_status status = rn_command_release(rerun->command, loop, environment, &handler, error);
    rerun->released = status == RN_OK;
    return status;
}

/* --- comparing ----------------------------------------------------------------------------------------------------- */

bool rn_rerun_has_end(const struct rn_catalog *catalog)
{
    return catalog->has_run && rn_event_has(&catalog->run, RN_TAG_EXIT);
}

const char *rn_rerun_end_words(struct rn_arena *arena, int wait_status)
{
    return WIFSIGNALED(wait_status) ? rn_words(arena, "signal %d", WTERMSIG(wait_status))
                                    : rn_words(arena, "exit status %d", WEXITSTATUS(wait_status));
}

static bool compare_status(const struct rn_rerun *rerun, const struct rn_catalog *catalog,
                           struct rn_arena *arena, struct rn_finding *finding)
{
    int recorded = (int)rn_event_number(&catalog->run, RN_TAG_EXIT, 0);
    if (recorded == rerun->wait_status) {
        return false;
    }
    struct rn_cause cause = rn_cause_exit();
    const char *expected = rn_rerun_end_words(arena, recorded);
    const char *came = rn_rerun_end_words(arena, rerun->wait_status);
    *finding = (struct rn_finding){
        .sentence = rn_words(arena, "COMMAND ended with %s; %s was recorded", came, expected),
        .place = "run, exit status",
        .pointer = "",
        .expected = expected,
        .came = came,
        .cause = cause.cause,
        .advice = cause.advice,
        .row = RN_NO_ROW};
    return true;
}

/* Where both were one terminal, what came out of it is one stream. */
static const char *place_of(const struct rn_rerun *rerun, enum rn_tag tag)
{
    const struct rn_streams *streams = &rerun->streams;
    bool is_one = rerun->has_streams && streams->kinds[1] == 't' && streams->kinds[2] == 't' &&
                  streams->same[1] == streams->same[2];
    return is_one ? "run, terminal" : tag == RN_TAG_STDOUT ? "run, stdout" : "run, stderr";
}

static enum rn_status compare_stream(const struct rn_rerun *rerun, const struct rn_catalog *catalog,
                                     struct rn_redactor *redactor, enum rn_tag tag,
                                     struct rn_arena *arena, bool *differs,
                                     struct rn_finding *finding)
{
    struct rn_spans recorded_spans = {0};
    struct rn_spans live_spans = {0};
    struct rn_buffer recorded = {0};
    struct rn_buffer live = {0};
    struct rn_bytes output = rn_buffer_bytes(&rerun->output[tag == RN_TAG_STDOUT ? 0 : 1]);
    enum rn_status status = rn_event_spans(&catalog->run, tag, &recorded_spans);
    if (status == RN_OK) {
        status = rn_redact_body(redactor, output, false, true, &live_spans, NULL);
    }
    if (status == RN_OK) {
        status = rn_key_marked(rn_event_get(&catalog->run, tag), &recorded_spans, &recorded);
    }
    if (status == RN_OK) {
        status = rn_key_marked(output, &live_spans, &live);
    }
    if (status == RN_OK && !rn_bytes_equal(rn_buffer_bytes(&recorded), rn_buffer_bytes(&live))) {
        *differs = true;
        rn_finding_bytes(place_of(rerun, tag), rn_buffer_bytes(&recorded), rn_buffer_bytes(&live),
                         rn_cause_output(), arena, finding);
    }
    rn_spans_free(&recorded_spans);
    rn_spans_free(&live_spans);
    rn_buffer_free(&recorded);
    rn_buffer_free(&live);
    return status;
}

enum rn_status rn_rerun_compare(const struct rn_rerun *rerun, const struct rn_catalog *catalog,
                                struct rn_redactor *redactor, bool ignore_output,
                                struct rn_arena *arena, bool *differs, struct rn_finding *finding)
{
    enum rn_status status = rerun->output_lost && !ignore_output ? RN_NOMEM : RN_OK;
    *differs = false;
    if (status == RN_OK && !ignore_output) {
        status = compare_stream(rerun, catalog, redactor, RN_TAG_STDOUT, arena, differs, finding);
    }
    if (status == RN_OK && !ignore_output && !*differs) {
        status = compare_stream(rerun, catalog, redactor, RN_TAG_STDERR, arena, differs, finding);
    }
    if (status == RN_OK && !*differs) {
        *differs = compare_status(rerun, catalog, arena, finding);
    }
    return status;
}
