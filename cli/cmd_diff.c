/* `reenact diff`: two traces side by side, step by step. What is compared is replayer/look/trace_diff.c's affair. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "json_out.h"
#include "no_store.h"
#include "printable.h"
#include "replayer/trace_diff.h"
#include "screen.h"
#include "store/find.h"
#include "word_diff.h"

#define WIDTH_USUAL 120u
#define WIDTH_MIN 40u

static struct {
    const char *store;
    bool words;
    bool as_json;
} asked;

static const struct rn_option options[] = {
    {"--words", RN_OPTION_FLAG, &asked.words, NULL, "what changed, word by word"},
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR",
     "the store to read ($REENACT_STORE, else .reenact)"},
    {"--json", RN_OPTION_FLAG, &asked.as_json, NULL, "print reenact.diff/1"},
    RN_OPTION_HELP,
    RN_OPTION_END,
};

/* The two traces. */
struct both {
    struct rn_store *store;
    struct rn_arena arena;
    struct rn_trace_summary summary[2];
    struct rn_trace_diff diff;
};

static const struct rn_diff_step *first_difference(const struct rn_trace_diff *diff)
{
    for (uint32_t i = 0; i < diff->count; i++) {
        if (diff->steps[i].state != RN_DIFF_SAME) {
            return &diff->steps[i];
        }
    }
    return NULL;
}

static const char *or_dash(const char *name)
{
    return name != NULL ? name : "-";
}

/* --- for a person --------------------------------------------------------------------------------------------------- */

/* `text` as one line that fits, behind what stands there already. */
static enum rn_status add_rest(struct rn_buffer *out, struct rn_bytes text, size_t used,
                               const struct rn_screen *screen)
{
    size_t width = screen->width > 0 ? screen->width : WIDTH_USUAL;
    width = width < WIDTH_MIN ? WIDTH_MIN : width;
    return rn_printable_short(out, text, width > used + 16 ? width - used : 16);
}

static enum rn_status add_value(struct rn_buffer *out, const struct rn_screen *screen,
                                const char *label, const char *value)
{
    enum rn_status status = rn_buffer_addf(out, "  %s  ", label);
    status = status == RN_OK ? add_rest(out, rn_bytes_text(value), 5, screen) : status;
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

/* "first difference at A 2, B 2 (model): request body, /messages/0/content", and both values. */
static enum rn_status add_first(struct rn_buffer *out, const struct rn_screen *screen,
                                const struct rn_diff_step *step)
{
    struct rn_buffer line = {0};
    enum rn_status status = RN_OK;
    if (step->state == RN_DIFF_CHANGED) {
        status = rn_buffer_addf(&line, "first difference: A %s, B %s (%s), %s", step->first.name,
                                step->second.name, step->kind, step->what);
    } else {
        bool in_first = step->state == RN_DIFF_ONLY_FIRST;
        status = rn_buffer_addf(&line, "first difference: %s %s (%s) is only there",
                                in_first ? "A" : "B",
                                in_first ? step->first.name : step->second.name, step->kind);
    }
    status = status == RN_OK ? add_rest(out, rn_buffer_bytes(&line), 0, screen) : status;
    status = status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
    if (status == RN_OK && step->state == RN_DIFF_CHANGED) {
        status = add_value(out, screen, "A", step->value[0]);
        status = status == RN_OK ? add_value(out, screen, "B", step->value[1]) : status;
    }
    rn_buffer_free(&line);
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

static enum rn_status add_words(struct rn_buffer *out, const struct rn_screen *screen,
                                const char *title, struct rn_bytes a, struct rn_bytes b)
{
    if (rn_bytes_equal(a, b)) {
        return RN_OK;
    }
    enum rn_status status = rn_buffer_addf(out, "    %s: ", title);
    status = status == RN_OK ? rn_word_diff(out, screen, a, b) : status;
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

/* "~ 3     3     model      gpt-4.1  answer, text" */
static enum rn_status add_step(struct rn_buffer *out, const struct rn_screen *screen,
                               const struct rn_diff_step *step)
{
    static const char *const signs[] = {"=", "~", "-", "+"};
    static const enum rn_paint paints[] = {RN_PAINT_DIM, RN_PAINT_YELLOW, RN_PAINT_RED,
                                           RN_PAINT_GREEN};
    struct rn_buffer line = {0};
    struct rn_buffer shown = {0};
    enum rn_status status =
        rn_buffer_addf(&line, "%s %-6s %-6s %-9s  ", signs[step->state], or_dash(step->first.name),
                       or_dash(step->second.name), step->kind);
    status = status == RN_OK ? rn_buffer_add(&line, step->first.name != NULL ? step->first.whom
                                                                             : step->second.whom)
                             : status;
    if (status == RN_OK && step->what != NULL) {
        status = rn_buffer_addf(&line, "  %s", step->what);
    }
    status = status == RN_OK ? add_rest(&shown, rn_buffer_bytes(&line), 0, screen) : status;
    while (shown.len > 0 && shown.data[shown.len - 1] == ' ') {
        shown.len--;
    }
    status = status == RN_OK ? rn_screen_paint(out, screen->colour, paints[step->state],
                                               rn_buffer_bytes(&shown))
                             : status;
    status = status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
    rn_buffer_free(&line);
    rn_buffer_free(&shown);
    if (status == RN_OK && asked.words && step->state == RN_DIFF_CHANGED) {
        status = add_words(out, screen, "request", step->first.request, step->second.request);
        status = status == RN_OK
                     ? add_words(out, screen, "answer", step->first.answer, step->second.answer)
                     : status;
    }
    return status;
}

static enum rn_status print_text(const struct both *both, struct rn_error *error)
{
    struct rn_screen screen = rn_screen_of(stdout);
    struct rn_buffer out = {0};
    const struct rn_trace_diff *diff = &both->diff;
    const struct rn_diff_step *first = first_difference(diff);
    enum rn_status status = first == NULL ? RN_OK : add_first(&out, &screen, first);
    for (uint32_t i = 0; i < diff->count && status == RN_OK; i++) {
        status = add_step(&out, &screen, &diff->steps[i]);
    }
    status = status == RN_OK
                 ? rn_buffer_addf(&out,
                                  "%" PRIu32 " same, %" PRIu32 " changed, %" PRIu32
                                  " only in A, %" PRIu32 " only in B\n",
                                  diff->same, diff->changed, diff->only_first, diff->only_second)
                 : status;
    bool printed = status == RN_OK && rn_screen_put(stdout, &out);
    rn_buffer_free(&out);
    if (status != RN_OK) {
        return rn_fail(error, status, "no memory to show the difference");
    }
    return printed ? RN_OK : rn_fail(error, RN_IO, "cannot print");
}

/* --- for machines --------------------------------------------------------------------------------------------------- */

static void put_text(json_t *object, const char *name, const char *text)
{
    if (text != NULL) {
        rn_json_out_text(object, name, text);
    }
}

static json_t *step_json(const struct rn_diff_step *step)
{
    json_t *object = json_object();
    rn_json_out_text(object, "state", rn_diff_state_name(step->state));
    rn_json_out_text(object, "kind", step->kind);
    put_text(object, "first", step->first.name);
    put_text(object, "second", step->second.name);
    rn_json_out_bytes(object, "whom",
                      step->first.name != NULL ? step->first.whom : step->second.whom);
    put_text(object, "what", step->what);
    put_text(object, "pointer", step->pointer);
    put_text(object, "first_value", step->value[0]);
    put_text(object, "second_value", step->value[1]);
    return object;
}

static enum rn_status print_json(const struct both *both, struct rn_error *error)
{
    json_t *document = rn_json_out_new("reenact.diff/1");
    json_t *steps = json_array();
    const struct rn_trace_diff *diff = &both->diff;
    const struct rn_diff_step *first = first_difference(diff);
    rn_json_out_trace_id(document, "first", &both->summary[0].id);
    rn_json_out_trace_id(document, "second", &both->summary[1].id);
    rn_json_out_u32(document, "same", diff->same);
    rn_json_out_u32(document, "changed", diff->changed);
    rn_json_out_u32(document, "only_first", diff->only_first);
    rn_json_out_u32(document, "only_second", diff->only_second);
    rn_json_out_u32(document, "unread", diff->unread);
    for (uint32_t i = 0; i < diff->count; i++) {
        if (json_array_append_new(steps, step_json(&diff->steps[i])) != 0) {
            rn_json_out_short();
        }
    }
    (void)json_object_set_new(document, "first_difference",
                              first == NULL ? json_null() : step_json(first));
    (void)json_object_set_new(document, "steps", steps);
    return rn_json_out_put(stdout, document) ? RN_OK
                                             : rn_fail(error, RN_IO, "cannot print the document");
}

/* --- the command ---------------------------------------------------------------------------------------------------- */

static enum rn_status find(struct both *both, char *const words[2], struct rn_error *error)
{
    enum rn_status status = RN_OK;
    for (int i = 0; i < 2 && status == RN_OK; i++) {
        struct rn_trace_id id;
        uint32_t event = UINT32_MAX;
        status = rn_find_trace(both->store, words[i], &id, &event, error);
        if (status == RN_OK && event != UINT32_MAX) {
            status = rn_fail(error, RN_INVALID, "compares whole traces; write %s without its :N",
                             words[i]);
        }
        status = status == RN_OK
                     ? rn_trace_summary(both->store, &id, &both->arena, &both->summary[i], error)
                     : status;
    }
    return status;
}

static enum rn_status tell(struct both *both, struct rn_error *error)
{
    bool texts = asked.words && !asked.as_json;
    enum rn_status status = rn_trace_diff_make(both->store, &both->summary[0], &both->summary[1],
                                               texts, &both->diff, error);
    if (status != RN_OK) {
        return status;
    }
    status = asked.as_json ? print_json(both, error) : print_text(both, error);
    if (status == RN_OK && both->diff.unread > 0) {
        (void)fprintf(stderr, "%" PRIu32 " steps could not be read; `reenact verify` names them\n",
                      both->diff.unread);
    }
    return status;
}

static int run(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct both both;
    memset(&both, 0, sizeof both);
    int done = rn_cli_begin(&rn_cmd_diff, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    if (line.word_count != 2 || line.rest_count > 0) {
        return rn_cli_complainf("diff", RN_EXIT_TROUBLE,
                                "give two traces; `reenact log` lists them");
    }
    enum rn_status status = rn_store_open_given(asked.store, RN_STORE_READ, &both.store, &error);
    status = status == RN_OK ? find(&both, line.words, &error) : status;
    status = status == RN_OK ? tell(&both, &error) : status;
    int code = status != RN_OK && both.store == NULL ? rn_cli_complain_store("diff", &error)
               : status != RN_OK ? rn_cli_complain("diff", RN_EXIT_TROUBLE, &error)
               : both.diff.same == both.diff.count ? RN_EXIT_SAME
                                                   : RN_EXIT_DIFFERS;
    rn_trace_diff_free(&both.diff);
    rn_arena_free(&both.arena);
    rn_store_close(both.store);
    return code;
}

const struct rn_cli_command rn_cmd_diff = {"diff",
                                           "diff [options] TRACE TRACE",
                                           "compare two traces step by step",
                                           options,
                                           run,
                                           RN_EXIT_TROUBLE,
                                           NULL};
