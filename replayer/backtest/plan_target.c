/*
 * From words of a command line to the header of a plan. What is wrong is said before anything is read or written.
 */
#include "plan_target.h"

#include <string.h>

#include "gateway/environment.h"
#include "gateway/loop.h"
#include "gateway/upstream.h"
#include "wire/json.h"
#include "wire/redact.h"

#define NAME_BYTES_MAX 63u
#define MODEL_BYTES_MAX 200u

static enum rn_status fail_nomem(struct rn_error *error)
{
    return rn_fail(error, RN_NOMEM, "no memory to plan a backtest");
}

static bool keep(struct rn_plan *plan, struct rn_bytes text, struct rn_bytes *out)
{
    *out = rn_arena_copy(&plan->arena, text);
    return out->data != NULL;
}

/* --- upstream ------------------------------------------------------------------------------------------------------- */

static enum rn_status add_upstream(struct rn_upstreams *all, struct rn_plan *plan,
                                   const char *setting, struct rn_error *error)
{
    struct rn_bytes text = rn_bytes_text(setting);
    size_t equals = rn_bytes_find_byte(text, '=');
    if (equals == RN_NPOS) {
        return rn_fail(error, RN_INVALID, "--upstream wants NAME=URL");
    }
    char *name = rn_arena_text(&plan->arena, rn_bytes_sub(text, 0, equals));
    return name != NULL ? rn_upstreams_add(all, name, setting + equals + 1, error)
                        : fail_nomem(error);
}

static enum rn_status fail_unknown(const struct rn_upstreams *all, struct rn_bytes name,
                                   struct rn_error *error)
{
    struct rn_buffer list = {0};
    enum rn_status status = RN_OK;
    for (size_t i = 0; rn_upstreams_at(all, i) != NULL && status == RN_OK; i++) {
        status = rn_buffer_addf(&list, "%s%s", i > 0 ? ", " : "",
                                rn_upstream_name(rn_upstreams_at(all, i)));
    }
    status = rn_fail(error, RN_INVALID,
                     "there is no upstream '%.*s'. Known are %.*s; others by --upstream NAME=URL",
                     name.len < 60 ? (int)name.len : 60, (const char *)name.data, (int)list.len,
                     list.data != NULL ? (const char *)list.data : "none");
    rn_buffer_free(&list);
    return status;
}

static enum rn_status find_url(struct rn_upstreams *all, struct rn_plan *plan,
                               const char *const *upstreams, char *const *environment,
                               struct rn_error *error)
{
    struct rn_environment variables = {0};
    enum rn_status status = rn_upstreams_add_builtin(all, error);
    if (status == RN_OK && environment != NULL) {
        status = rn_environment_plan(&variables, all, environment, NULL, error);
    }
    rn_environment_free(&variables);
    for (size_t i = 0; upstreams != NULL && upstreams[i] != NULL && status == RN_OK; i++) {
        status = add_upstream(all, plan, upstreams[i], error);
    }
    if (status != RN_OK) {
        return status;
    }
    const struct rn_upstream *upstream = rn_upstreams_find(all, plan->upstream);
    if (upstream == NULL) {
        return fail_unknown(all, plan->upstream, error);
    }
    return keep(plan, rn_bytes_text(rn_upstream_url(upstream)), &plan->url) ? RN_OK
                                                                            : fail_nomem(error);
}

static bool is_plain(struct rn_bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= ' ' || text.data[i] == 0x7f) {
            return false;
        }
    }
    return text.len > 0;
}

enum rn_status rn_plan_aim(struct rn_plan *plan, const char *to, const char *const *upstreams,
                           char *const *environment, struct rn_error *error)
{
    struct rn_bytes text = rn_bytes_text(to);
    size_t slash = rn_bytes_find_byte(text, '/');
    struct rn_bytes model = slash == RN_NPOS ? text : rn_bytes_from(text, slash + 1);
    if (slash == RN_NPOS || slash == 0) {
        return rn_fail(error, RN_INVALID,
                       "--to wants UPSTREAM/MODEL, such as openai/gpt-4.1-mini, not '%.100s'", to);
    }
    if (!is_plain(model) || model.len > MODEL_BYTES_MAX) {
        return rn_fail(error, RN_INVALID,
                       "--to names no model behind '%.*s/': that is 1 to %u bytes without blanks",
                       slash < 60 ? (int)slash : 60, to, MODEL_BYTES_MAX);
    }
    if (!keep(plan, rn_bytes_sub(text, 0, slash), &plan->upstream) ||
        !keep(plan, model, &plan->model)) {
        return fail_nomem(error);
    }
    struct rn_loop *loop = rn_loop_new();
    struct rn_upstreams *all = loop != NULL ? rn_upstreams_new(loop) : NULL;
    enum rn_status status =
        all != NULL ? find_url(all, plan, upstreams, environment, error) : fail_nomem(error);
    rn_upstreams_free(all);
    rn_loop_free(loop);
    return status;
}

/* --- credential ----------------------------------------------------------------------------------------------------- */

/* The servers that everybody reaches under a name of ours want a key; who added one by URL knows whether it does. */
static enum rn_status needs_credential(const struct rn_plan *plan, struct rn_bytes url,
                                       bool *needed, struct rn_error *error)
{
    struct rn_loop *loop = rn_loop_new();
    struct rn_upstreams *known = loop != NULL ? rn_upstreams_new(loop) : NULL;
    enum rn_status status =
        known != NULL ? rn_upstreams_add_builtin(known, error) : fail_nomem(error);
    const struct rn_upstream *builtin =
        status == RN_OK ? rn_upstreams_find(known, plan->upstream) : NULL;
    *needed = builtin != NULL && rn_bytes_equal(rn_bytes_text(rn_upstream_url(builtin)), url) &&
              strncmp(rn_upstream_url(builtin), "https:", 6) == 0;
    rn_upstreams_free(known);
    rn_loop_free(loop);
    return status;
}

enum rn_status rn_plan_credential(const struct rn_plan *plan, const char *url, const char *variable,
                                  char *const *environment, struct rn_buffer *out,
                                  struct rn_error *error)
{
    char usual[RN_KEY_VARIABLE_BYTES_MAX];
    rn_plan_key_variable(plan->upstream, usual);
    const char *name = variable != NULL ? variable : usual;
    const char *value = rn_environment_get(environment, name);
    bool needed = variable != NULL;
    if (value != NULL && value[0] != '\0') {
        return rn_buffer_add(out, rn_bytes_text(value)) == RN_OK ? RN_OK : fail_nomem(error);
    }
    struct rn_bytes target = url != NULL ? rn_bytes_text(url) : plan->url;
    enum rn_status status = needed ? RN_OK : needs_credential(plan, target, &needed, error);
    if (status == RN_OK && needed) {
        status = rn_fail(error, RN_REFUSED,
                         "there is no key for %.*s: set %s, or name another variable by --key-env",
                         (int)plan->upstream.len, (const char *)plan->upstream.data, name);
    }
    return status;
}

/* --- text that is kept ---------------------------------------------------------------------------------------------- */

enum rn_status rn_plan_check_text(const char *what, struct rn_bytes text, struct rn_error *error)
{
    struct rn_spans spans = {0};
    struct rn_redactor *redactor = rn_redactor_new();
    enum rn_status status =
        redactor != NULL
            ? rn_redact_body(redactor, text, rn_redact_looks_json(text), true, &spans, NULL)
            : RN_NOMEM;
    if (status != RN_OK) {
        fail_nomem(error);
    } else if (spans.count > 0) {
        status = rn_fail(error, RN_REFUSED,
                         "%s holds what looks like a credential, and a plan keeps it for good. "
                         "Keys are taken from the environment: --key-env VAR",
                         what);
    }
    rn_spans_free(&spans);
    rn_redactor_free(redactor);
    return status;
}

static bool is_name_byte(uint8_t byte)
{
    uint8_t lower = rn_byte_lower(byte);
    return (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9');
}

enum rn_status rn_plan_check_name(const char *name, struct rn_error *error)
{
    struct rn_bytes text = rn_bytes_text(name);
    struct rn_trace_id id;
    bool is_good = text.len > 0 && text.len <= NAME_BYTES_MAX && is_name_byte(text.data[0]);
    for (size_t i = 0; i < text.len && is_good; i++) {
        is_good = is_name_byte(text.data[i]) || strchr("._-", text.data[i]) != NULL;
    }
    if (!is_good) {
        return rn_fail(error, RN_INVALID,
                       "'%.80s' is no name for a backtest: a letter or digit, then at most %u of "
                       "letters, digits, '.', '_' and '-'",
                       name, NAME_BYTES_MAX - 1);
    }
    if (strcmp(name, "last") == 0 || rn_trace_id_parse(text, &id)) {
        return rn_fail(error, RN_INVALID, "'%s' is no name for a backtest: it means something else",
                       name);
    }
    return RN_OK;
}

/* --- edits ---------------------------------------------------------------------------------------------------------- */

static enum rn_status take_place(struct rn_plan *plan, struct rn_bytes place, const char *option,
                                 struct rn_edit **out, struct rn_error *error)
{
    if (place.len == 0) {
        return rn_fail(error, RN_INVALID,
                       "%s names no parameter: it wants a member's name or a JSON pointer", option);
    }
    if (rn_bytes_equal(place, RN_LIT("model")) || rn_bytes_equal(place, RN_LIT("/model"))) {
        return rn_fail(error, RN_INVALID, "the model is named by --to UPSTREAM/MODEL, not by %s",
                       option);
    }
    if (plan->edit_count == RN_PLAN_EDITS_MAX) {
        return rn_fail(error, RN_INVALID, "more than %u edits", RN_PLAN_EDITS_MAX);
    }
    *out = &plan->edits[plan->edit_count++];
    return keep(plan, place, &(*out)->place) ? RN_OK : fail_nomem(error);
}

/* "PLACE=REST" */
static bool split(const char *text, struct rn_bytes *place, struct rn_bytes *rest)
{
    struct rn_bytes all = rn_bytes_text(text);
    size_t equals = rn_bytes_find_byte(all, '=');
    *place = rn_bytes_sub(all, 0, equals == RN_NPOS ? 0 : equals);
    *rest = equals == RN_NPOS ? rn_bytes_of("", 0) : rn_bytes_from(all, equals + 1);
    return equals != RN_NPOS;
}

/* As JSON text. */
static enum rn_status keep_value(struct rn_plan *plan, struct rn_bytes text, struct rn_bytes *out,
                                 struct rn_error *error)
{
    struct rn_json *json = NULL;
    struct rn_buffer quoted = {0};
    enum rn_status status = rn_json_parse(&plan->arena, text, &json, NULL, NULL);
    if (status == RN_OK) {
        return keep(plan, json->raw, out) ? RN_OK : fail_nomem(error);
    }
    status = status == RN_NOMEM ? RN_NOMEM : rn_json_quote(text, &quoted);
    bool kept = status == RN_OK && keep(plan, rn_buffer_bytes(&quoted), out);
    rn_buffer_free(&quoted);
    return kept ? RN_OK : fail_nomem(error);
}

static enum rn_status take_set(struct rn_plan *plan, const char *text, struct rn_error *error)
{
    struct rn_bytes place;
    struct rn_bytes value;
    struct rn_edit *edit = NULL;
    if (!split(text, &place, &value)) {
        return rn_fail(error, RN_INVALID, "--set wants PARAMETER=VALUE, not '%.100s'", text);
    }
    /* Together, since a name may give the value away. */
    enum rn_status status = rn_plan_check_text("the value of --set", rn_bytes_text(text), error);
    status = status == RN_OK ? take_place(plan, place, "--set", &edit, error) : status;
    if (status == RN_OK) {
        edit->kind = RN_EDIT_SET;
        status = keep_value(plan, value, &edit->value, error);
    }
    return status == RN_OK ? rn_plan_check_text("the value of --set", edit->value, error) : status;
}

static enum rn_status take_unset(struct rn_plan *plan, const char *text, struct rn_error *error)
{
    struct rn_edit *edit = NULL;
    enum rn_status status = take_place(plan, rn_bytes_text(text), "--unset", &edit, error);
    if (status == RN_OK) {
        edit->kind = RN_EDIT_UNSET;
        edit->value = RN_LIT("");
    }
    return status;
}

static enum rn_status take_rename(struct rn_plan *plan, const char *text, struct rn_error *error)
{
    struct rn_bytes place;
    struct rn_bytes name;
    struct rn_edit *edit = NULL;
    if (!split(text, &place, &name) || name.len == 0) {
        return rn_fail(error, RN_INVALID, "--rename wants PARAMETER=NAME, not '%.100s'", text);
    }
    if (rn_bytes_equal(name, RN_LIT("model"))) {
        return rn_fail(error, RN_INVALID, "the model is named by --to UPSTREAM/MODEL");
    }
    enum rn_status status = take_place(plan, place, "--rename", &edit, error);
    if (status == RN_OK) {
        edit->kind = RN_EDIT_RENAME;
        status = keep(plan, name, &edit->value) ? RN_OK : fail_nomem(error);
    }
    return status;
}

enum rn_status rn_plan_edits(struct rn_plan *plan, const struct rn_backtest_settings *settings,
                             struct rn_error *error)
{
    enum rn_status (*const take[])(struct rn_plan *, const char *,
                                   struct rn_error *) = {take_set, take_unset, take_rename};
    const char *const *const lists[] = {settings->set, settings->unset, settings->rename};
    enum rn_status status = RN_OK;
    plan->edits = rn_arena_alloc(&plan->arena, RN_PLAN_EDITS_MAX * sizeof *plan->edits);
    if (plan->edits == NULL) {
        return fail_nomem(error);
    }
    for (size_t kind = 0; kind < 3; kind++) {
        for (size_t i = 0; lists[kind] != NULL && lists[kind][i] != NULL && status == RN_OK; i++) {
            status = take[kind](plan, lists[kind][i], error);
        }
    }
    return status;
}
