/* The conditions of a selection, one by one. Pure: nothing is read here but what is given. */
#include "select_fit.h"

#include <string.h>
#include <strings.h>

#include "base/varint.h"

#define STATUS_MIN 100u
#define STATUS_MAX 999u
#define PROMPT_DIGITS_MIN 4u

/* --- a selection that makes sense ----------------------------------------------------------------------------------- */

static bool status_number(struct rn_bytes text, unsigned *out)
{
    uint64_t number = 0;
    if (text.len != 3 || !rn_bytes_to_u64(text, &number) || number < STATUS_MIN ||
        number > STATUS_MAX) {
        return false;
    }
    *out = (unsigned)number;
    return true;
}

/* "429", "4xx", "200-299" */
static bool status_range(struct rn_bytes text, unsigned *from, unsigned *to)
{
    if (text.len == 3 && text.data[0] >= '1' && text.data[0] <= '5' &&
        rn_bytes_equal_nocase(rn_bytes_from(text, 1), RN_LIT("xx"))) {
        *from = (unsigned)(text.data[0] - '0') * 100;
        *to = *from + 99;
        return true;
    }
    if (text.len == 7 && text.data[3] == '-') {
        return status_number(rn_bytes_sub(text, 0, 3), from) &&
               status_number(rn_bytes_from(text, 4), to) && *from <= *to;
    }
    *to = 0;
    bool good = status_number(text, from);
    *to = *from;
    return good;
}

/* An empty text would fit nothing or everything, and nobody means that. */
static enum rn_status check_texts(const struct rn_selection *selection, struct rn_error *error)
{
    const struct {
        const char *what;
        const char *text;
    } texts[] = {{"name", selection->name},       {"session", selection->session},
                 {"release", selection->release}, {"upstream", selection->upstream},
                 {"model", selection->model},     {"status", selection->status},
                 {"kind", selection->kind},       {"provider", selection->provider},
                 {"prompt", selection->prompt},   {"outcome", selection->outcome}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i].text != NULL && texts[i].text[0] == '\0') {
            return rn_fail(error, RN_INVALID, "the %s to select by is empty", texts[i].what);
        }
    }
    for (size_t i = 0; selection->tags != NULL && selection->tags[i] != NULL; i++) {
        if (selection->tags[i][0] == '\0' || selection->tags[i][0] == '=') {
            return rn_fail(error, RN_INVALID, "the tag '%.100s' has no key: write k=v, or k alone",
                           selection->tags[i]);
        }
    }
    return RN_OK;
}

static enum rn_status check_kind(const char *kind, struct rn_error *error)
{
    bool is_known = kind == NULL || strcmp(kind, "decision") == 0;
    for (int i = 0; !is_known && i < RN_READING_KIND_COUNT; i++) {
        is_known = strcmp(kind, rn_reading_kind_name((enum rn_reading_kind)i)) == 0;
    }
    return is_known
               ? RN_OK
               : rn_fail(error, RN_INVALID,
                         "'%.100s' is no kind: write model, embedding, rerank, retrieval, tool, "
                         "decision or other",
                         kind);
}

enum rn_status rn_fit_make(const struct rn_selection *selection, struct rn_fit *out,
                           struct rn_error *error)
{
    *out = (struct rn_fit){.asked = selection,
                           .is_named = selection->traces != NULL && selection->traces[0] != NULL};
    enum rn_status status = check_texts(selection, error);
    status = status == RN_OK ? check_kind(selection->kind, error) : status;
    if (status != RN_OK) {
        return status;
    }
    if (selection->status != NULL &&
        !status_range(rn_bytes_text(selection->status), &out->status_from, &out->status_to)) {
        return rn_fail(error, RN_INVALID, "'%.100s' is no status: write 429, 4xx or 200-299",
                       selection->status);
    }
    if (selection->limit > 0 && selection->sample > 0) {
        return rn_fail(error, RN_INVALID,
                       "a limit and a sample exclude each other: the newest, or any");
    }
    if (selection->until_wall_ns > 0 && selection->since_wall_ns >= selection->until_wall_ns) {
        return rn_fail(error, RN_INVALID, "the time to select by ends before it begins");
    }
    if (selection->session != NULL) {
        out->has_session = true;
        out->session = rn_find_session_id(selection->session);
    }
    return RN_OK;
}

enum rn_status rn_selection_check(const struct rn_selection *selection, struct rn_error *error)
{
    struct rn_fit fit;
    return rn_fit_make(selection, &fit, error);
}

bool rn_fit_asks_exchanges(const struct rn_fit *fit)
{
    return fit->asked->upstream != NULL || rn_fit_needs_facts(fit);
}

bool rn_selection_asks_facts(const struct rn_selection *asked)
{
    return asked->status != NULL || asked->model != NULL || asked->kind != NULL ||
           asked->provider != NULL || asked->prompt != NULL || asked->upstream_error ||
           asked->outcome != NULL;
}

bool rn_fit_needs_facts(const struct rn_fit *fit)
{
    return rn_selection_asks_facts(fit->asked);
}

bool rn_fit_is_narrow(const struct rn_fit *fit)
{
    const struct rn_selection *asked = fit->asked;
    bool is_few = fit->is_named || fit->has_session || asked->name != NULL ||
                  asked->since_wall_ns > 0 || (asked->limit > 0 && !rn_fit_needs_facts(fit));
    return is_few && asked->outcome == NULL; /* labels are read of facts alone */
}

/* --- a trace -------------------------------------------------------------------------------------------------------- */

/* The whole text, or what stands before a '*' at the pattern's end. */
static bool fits_pattern(struct rn_bytes text, const char *pattern)
{
    struct rn_bytes wanted = rn_bytes_text(pattern);
    if (wanted.len > 0 && wanted.data[wanted.len - 1] == '*') {
        return rn_bytes_starts_with(text, rn_bytes_sub(wanted, 0, wanted.len - 1));
    }
    return rn_bytes_equal(text, wanted);
}

static bool fits_text(struct rn_bytes text, const char *wanted)
{
    return wanted == NULL || rn_bytes_equal(text, rn_bytes_text(wanted));
}

/* "k=v" is a whole tag, "k" one with any value. */
static bool has_tag(struct rn_bytes tags, const char *wanted)
{
    struct rn_bytes text = rn_bytes_text(wanted);
    struct rn_bytes tag;
    bool with_value = rn_bytes_find_byte(text, '=') != RN_NPOS;
    while (rn_run_get(&tags, &tag)) {
        size_t key = rn_bytes_find_byte(tag, '=');
        key = key == RN_NPOS ? tag.len : key;
        if (rn_bytes_equal(with_value ? tag : rn_bytes_sub(tag, 0, key), text)) {
            return true;
        }
    }
    return false;
}

static bool has_tags(struct rn_bytes tags, const char *const *wanted)
{
    for (size_t i = 0; wanted != NULL && wanted[i] != NULL; i++) {
        if (!has_tag(tags, wanted[i])) {
            return false;
        }
    }
    return true;
}

static bool has_run(struct rn_bytes runs, const char *wanted)
{
    struct rn_bytes run;
    while (wanted != NULL && rn_run_get(&runs, &run)) {
        if (rn_bytes_equal(run, rn_bytes_text(wanted))) {
            return true;
        }
    }
    return wanted == NULL;
}

bool rn_fit_start(const struct rn_fit *fit, uint64_t started_wall_ns)
{
    uint64_t until = fit->asked->until_wall_ns;
    return started_wall_ns >= fit->asked->since_wall_ns && (until == 0 || started_wall_ns < until);
}

bool rn_fit_trace(const struct rn_fit *fit, const struct rn_trace_summary *summary)
{
    const struct rn_selection *asked = fit->asked;
    return (fit->is_named || !rn_trace_is_backtest(summary)) &&
           (asked->name == NULL || fits_pattern(summary->name, asked->name)) &&
           (!fit->has_session || rn_trace_id_equal(&summary->session, &fit->session)) &&
           fits_text(summary->release, asked->release) && has_tags(summary->tags, asked->tags) &&
           has_run(summary->upstreams, asked->upstream);
}

bool rn_fit_labels(const struct rn_fit *fit, const struct rn_trace_labels *labels)
{
    return fits_text(labels->outcome, fit->asked->outcome);
}

/* --- an exchange ---------------------------------------------------------------------------------------------------- */

static bool fits_model(const struct rn_facts *facts, const char *model)
{
    return model == NULL ||
           (facts->model_asked.len > 0 && fits_pattern(facts->model_asked, model)) ||
           (facts->model_answered.len > 0 && fits_pattern(facts->model_answered, model));
}

static bool fits_kind(const struct rn_facts *facts, const char *kind)
{
    bool is_decision = facts->event == RN_EVENT_DECISION;
    return kind == NULL
               ? !is_decision
               : strcmp(kind, is_decision ? "decision" : rn_reading_kind_name(facts->kind)) == 0;
}

/* "openai" is whoever's dialect is named so, up to the dot. */
static bool fits_provider(const struct rn_facts *facts, const char *provider)
{
    if (provider == NULL) {
        return true;
    }
    struct rn_bytes name = rn_bytes_text(rn_dialect_name(facts->dialect));
    struct rn_bytes wanted = rn_bytes_text(provider);
    return rn_bytes_equal(name, wanted) ||
           (rn_bytes_starts_with(name, wanted) && name.data[wanted.len] == '.');
}

static bool fits_key(const struct rn_prompt_key *key, const char *prompt)
{
    char text[2 * RN_PROMPT_KEY_BYTES + 1];
    size_t len = strlen(prompt);
    rn_prompt_key_text(key, text);
    return !rn_prompt_key_is_none(key) && len >= PROMPT_DIGITS_MIN &&
           strncasecmp(text, prompt, len) == 0;
}

static bool fits_prompt(const struct rn_facts *facts, const char *prompt)
{
    const struct rn_prompt *keys = &facts->prompt;
    return prompt == NULL || rn_bytes_equal(facts->prompt_name, rn_bytes_text(prompt)) ||
           fits_key(&keys->whole, prompt) || fits_key(&keys->system_family, prompt) ||
           fits_key(&keys->system_exact, prompt) || fits_key(&keys->tools, prompt);
}

bool rn_fit_facts(const struct rn_fit *fit, const struct rn_facts *facts)
{
    const struct rn_selection *asked = fit->asked;
    bool fits_status = fit->status_from == 0 ||
                       (facts->status >= fit->status_from && facts->status <= fit->status_to);
    return facts->damaged ||
           (fits_status && fits_text(facts->upstream, asked->upstream) &&
            fits_model(facts, asked->model) && fits_kind(facts, asked->kind) &&
            fits_provider(facts, asked->provider) && fits_prompt(facts, asked->prompt) &&
            (!asked->upstream_error || rn_facts_is_upstream_error(facts)));
}

bool rn_fit_event(const struct rn_fit *fit, const struct rn_event *event)
{
    return rn_event_kind_of(event) == RN_EVENT_EXCHANGE &&
           fits_text(rn_event_get(event, RN_TAG_UPSTREAM), fit->asked->upstream);
}
