/* `reenact prompts show` and `prompts diff`: what one version says, and what changed between two. */
#include <inttypes.h>
#include <stdio.h>

#include "cmd_prompts.h"
#include "human.h"
#include "json_out.h"
#include "pretty.h"
#include "printable.h"
#include "replayer/words.h"
#include "screen.h"
#include "word_diff.h"

static struct {
    const char *store;
    bool as_json;
} asked;

static enum rn_status print(struct rn_buffer *out, struct rn_error *error)
{
    return rn_screen_put(stdout, out) ? RN_OK : rn_fail(error, RN_IO, "cannot print");
}

static enum rn_status no_memory(enum rn_status status, struct rn_error *error)
{
    return status == RN_NOMEM ? rn_fail(error, RN_NOMEM, "out of memory") : status;
}

/* --- one version ---------------------------------------------------------------------------------------------------- */

static const struct rn_option show_options[] = {
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR",
     "the store to read ($REENACT_STORE, else .reenact)"},
    {"--json", RN_OPTION_FLAG, &asked.as_json, NULL, "print reenact.prompt/1"},
    RN_OPTION_HELP,
    RN_OPTION_END,
};

static json_t *prompt_json(const struct rn_prompt_text *prompt)
{
    json_t *object = json_object();
    rn_prompts_put_key(object, "family", &prompt->keys.system_family);
    rn_prompts_put_key(object, "wording", &prompt->keys.system_exact);
    rn_prompts_put_key(object, "tools_key", &prompt->keys.tools);
    rn_prompts_put_key(object, "parameters_key", &prompt->keys.parameters);
    rn_prompts_put_place(object, "call", &prompt->place);
    rn_json_out_bytes(object, "model", prompt->model);
    rn_json_out_bytes(object, "system", prompt->system);
    rn_json_out_bytes(object, "tools", prompt->tools);
    rn_json_out_bytes(object, "parameters", prompt->parameters);
    return object;
}

static enum rn_status add_part(struct rn_buffer *out, const struct rn_screen *screen,
                               const char *title, struct rn_bytes text, bool is_json)
{
    struct rn_buffer pretty = {0};
    char line[48];
    if (text.len == 0 || rn_bytes_equal(text, RN_LIT("{}"))) {
        return RN_OK;
    }
    (void)snprintf(line, sizeof line, "--- %s", title);
    enum rn_status status =
        rn_screen_paint(out, screen->colour, RN_PAINT_BOLD, rn_bytes_text(line));
    status = status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
    if (status == RN_OK && is_json && rn_pretty_json(&pretty, text) == RN_OK) {
        text = rn_buffer_bytes(&pretty);
    }
    status = status == RN_OK ? rn_printable(out, text, RN_PRINTABLE_TEXT) : status;
    if (status == RN_OK && text.data[text.len - 1] != '\n') {
        status = rn_buffer_add_byte(out, '\n');
    }
    rn_buffer_free(&pretty);
    return status;
}

static enum rn_status add_place(struct rn_buffer *out, const struct rn_prompt_text *prompt)
{
    struct rn_human moment;
    char id[33];
    char key[2 * RN_PROMPT_KEY_BYTES + 1];
    rn_trace_id_text(&prompt->place.trace, id);
    return rn_buffer_addf(out, "%s  used last by %s:%" PRIu32 ", %s\n",
                          rn_prompts_key_words(&prompt->keys.system_family, key), id + 24,
                          prompt->place.n, rn_human_moment(&moment, prompt->place.wall_ns));
}

static enum rn_status show_text(const struct rn_prompt_text *prompt, struct rn_error *error)
{
    struct rn_screen screen = rn_screen_of(stdout);
    struct rn_buffer out = {0};
    enum rn_status status = add_place(&out, prompt);
    status = status == RN_OK ? add_part(&out, &screen, "system", prompt->system, false) : status;
    status = status == RN_OK ? add_part(&out, &screen, "tools", prompt->tools, true) : status;
    status =
        status == RN_OK ? add_part(&out, &screen, "parameters", prompt->parameters, true) : status;
    status = status == RN_OK ? print(&out, error) : no_memory(status, error);
    rn_buffer_free(&out);
    return status;
}

static enum rn_status show_json(const struct rn_prompt_text *prompt, struct rn_error *error)
{
    json_t *document = rn_json_out_new("reenact.prompt/1");
    (void)json_object_set_new(document, "prompt", prompt_json(prompt));
    return rn_json_out_put(stdout, document) ? RN_OK
                                             : rn_fail(error, RN_IO, "cannot print the document");
}

static int run_show(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_arena arena = {0};
    struct rn_prompt_text prompt;
    struct rn_store *store = NULL;
    int done = rn_cli_begin(&rn_cmd_prompts_show, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    if (line.word_count != 1 || line.rest_count > 0) {
        return rn_cli_complainf("prompts show", RN_EXIT_TROUBLE,
                                "give one prompt: a key or name of `reenact prompts`, or TRACE:N");
    }
    enum rn_status status = rn_prompts_open(asked.store, &store, &error);
    status =
        status == RN_OK ? rn_prompt_find(store, line.words[0], &arena, &prompt, &error) : status;
    if (status == RN_OK) {
        status = asked.as_json ? show_json(&prompt, &error) : show_text(&prompt, &error);
    }
    rn_arena_free(&arena);
    return rn_prompts_finish("prompts show", store, status, &error);
}

/* --- two versions --------------------------------------------------------------------------------------------------- */

static const struct rn_option diff_options[] = {
    {"--store", RN_OPTION_TEXT, &asked.store, "DIR",
     "the store to read ($REENACT_STORE, else .reenact)"},
    {"--json", RN_OPTION_FLAG, &asked.as_json, NULL, "print reenact.prompts-diff/1"},
    RN_OPTION_HELP,
    RN_OPTION_END,
};

static enum rn_status add_difference(struct rn_buffer *out, const struct rn_screen *screen,
                                     const char *title, struct rn_bytes a, struct rn_bytes b)
{
    char line[48];
    if (rn_bytes_equal(a, b)) {
        return rn_buffer_addf(out, "--- %s: the same\n", title);
    }
    (void)snprintf(line, sizeof line, "--- %s", title);
    enum rn_status status =
        rn_screen_paint(out, screen->colour, RN_PAINT_BOLD, rn_bytes_text(line));
    status = status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
    status = status == RN_OK ? rn_word_diff(out, screen, a, b) : status;
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

static enum rn_status diff_text(const struct rn_prompt_text prompts[2], struct rn_error *error)
{
    struct rn_screen screen = rn_screen_of(stdout);
    struct rn_buffer out = {0};
    const struct rn_prompt_text *a = &prompts[0];
    const struct rn_prompt_text *b = &prompts[1];
    enum rn_status status = add_place(&out, a);
    status = status == RN_OK ? add_place(&out, b) : status;
    status =
        status == RN_OK ? add_difference(&out, &screen, "system", a->system, b->system) : status;
    status = status == RN_OK ? add_difference(&out, &screen, "tools", a->tools, b->tools) : status;
    status = status == RN_OK
                 ? add_difference(&out, &screen, "parameters", a->parameters, b->parameters)
                 : status;
    status = status == RN_OK ? print(&out, error) : no_memory(status, error);
    rn_buffer_free(&out);
    return status;
}

static json_t *runs_json(struct rn_bytes a, struct rn_bytes b)
{
    static const char *const kinds[] = {"same", "removed", "added"};
    struct rn_arena arena = {0};
    struct rn_words_run *runs = NULL;
    size_t count = 0;
    json_t *array = json_array();
    if (rn_words_compare(&arena, a, b, &runs, &count) != RN_OK) {
        rn_json_out_short();
    }
    for (size_t i = 0; i < count; i++) {
        json_t *object = json_object();
        rn_json_out_text(object, "kind", kinds[runs[i].kind]);
        rn_json_out_bytes(object, "text", runs[i].text);
        if (json_array_append_new(array, object) != 0) {
            rn_json_out_short();
        }
    }
    rn_arena_free(&arena);
    return array;
}

static enum rn_status diff_json(const struct rn_prompt_text prompts[2], struct rn_error *error)
{
    const struct rn_prompt_text *a = &prompts[0];
    const struct rn_prompt_text *b = &prompts[1];
    json_t *document = rn_json_out_new("reenact.prompts-diff/1");
    (void)json_object_set_new(document, "a", prompt_json(a));
    (void)json_object_set_new(document, "b", prompt_json(b));
    (void)json_object_set_new(document, "system", runs_json(a->system, b->system));
    (void)json_object_set_new(document, "tools", runs_json(a->tools, b->tools));
    (void)json_object_set_new(document, "parameters", runs_json(a->parameters, b->parameters));
    return rn_json_out_put(stdout, document) ? RN_OK
                                             : rn_fail(error, RN_IO, "cannot print the document");
}

static bool is_same(const struct rn_prompt_text prompts[2])
{
    return rn_bytes_equal(prompts[0].system, prompts[1].system) &&
           rn_bytes_equal(prompts[0].tools, prompts[1].tools) &&
           rn_bytes_equal(prompts[0].parameters, prompts[1].parameters);
}

static int run_diff(int argc, char **argv)
{
    struct rn_cli_line line;
    struct rn_error error = {RN_OK, ""};
    struct rn_arena arena = {0};
    struct rn_prompt_text prompts[2];
    struct rn_store *store = NULL;
    bool same = false;
    int done = rn_cli_begin(&rn_cmd_prompts_diff, argc, argv, true, &line);
    if (done >= 0) {
        return done;
    }
    if (line.word_count != 2 || line.rest_count > 0) {
        return rn_cli_complainf("prompts diff", RN_EXIT_TROUBLE,
                                "give two prompts: keys or names of `reenact prompts`, or TRACE:N");
    }
    enum rn_status status = rn_prompts_open(asked.store, &store, &error);
    for (size_t i = 0; status == RN_OK && i < 2; i++) {
        status = rn_prompt_find(store, line.words[i], &arena, &prompts[i], &error);
    }
    if (status == RN_OK) {
        same = is_same(prompts);
        status = asked.as_json ? diff_json(prompts, &error) : diff_text(prompts, &error);
    }
    rn_arena_free(&arena);
    int code = rn_prompts_finish("prompts diff", store, status, &error);
    return code == RN_EXIT_SAME && !same ? RN_EXIT_DIFFERS : code;
}

/* --- the commands --------------------------------------------------------------------------------------------------- */

const struct rn_cli_command rn_cmd_prompts_show = {"prompts show",
                                                   "prompts show [options] PROMPT",
                                                   "show what a prompt version says",
                                                   show_options,
                                                   run_show,
                                                   RN_EXIT_TROUBLE,
                                                   NULL};

const struct rn_cli_command rn_cmd_prompts_diff = {"prompts diff",
                                                   "prompts diff [options] PROMPT PROMPT",
                                                   "show what changed between two, word by word",
                                                   diff_options,
                                                   run_diff,
                                                   RN_EXIT_TROUBLE,
                                                   NULL};
