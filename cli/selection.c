/* The words of a SELECTION, read once. Knows nothing of what they select. */
#include "selection.h"

#include <string.h>

#include "base/clock.h"
#include "shell.h"
#include "when.h"

static struct {
    const char *since;
    const char *until;
    const char *name;
    const char *session;
    const char *release;
    const char *upstream;
    const char *model;
    const char *status;
    const char *kind;
    const char *provider;
    const char *prompt;
    const char *outcome;
    bool upstream_error;
    struct rn_option_list tags;
    uint64_t limit;
    uint64_t sample;
    uint64_t seed;
} asked;

const struct rn_option rn_selection_options[] = {
    {"--since", RN_OPTION_ONCE, &asked.since, "WHEN", "begun then or later: 7d, tue, 2026-11-17"},
    {"--until", RN_OPTION_ONCE, &asked.until, "WHEN", "begun before then"},
    {"--name", RN_OPTION_ONCE, &asked.name, "NAME", "of that name, or NAME* for its beginning"},
    {"--tag", RN_OPTION_LIST, &asked.tags, "KEY=VALUE",
     "with that label, or KEY alone; all given must be there"},
    {"--session", RN_OPTION_ONCE, &asked.session, "ID", "of that session"},
    {"--release", RN_OPTION_ONCE, &asked.release, "LABEL", "of that version of the application"},
    {"--upstream", RN_OPTION_ONCE, &asked.upstream, "NAME", "with a call to that upstream"},
    {"--model", RN_OPTION_ONCE, &asked.model, "MODEL", "with a call to that model, or MODEL*"},
    {"--status", RN_OPTION_ONCE, &asked.status, "CODE", "with an answer 429, 4xx or 200-299"},
    {"--kind", RN_OPTION_ONCE, &asked.kind, "KIND",
     "with a call of kind model, retrieval, tool, ..."},
    {"--provider", RN_OPTION_ONCE, &asked.provider, "NAME",
     "with a call in its dialect: anthropic"},
    {"--prompt", RN_OPTION_ONCE, &asked.prompt, "KEY", "with that prompt version, or its name"},
    {"--upstream-error", RN_OPTION_FLAG, &asked.upstream_error, NULL,
     "with a call its upstream failed"},
    {"--outcome", RN_OPTION_ONCE, &asked.outcome, "TEXT", "that led to this (x-reenact-outcome)"},
    {"--limit", RN_OPTION_NUMBER, &asked.limit, "N", "the newest N of these, 0 for all"},
    {"--sample", RN_OPTION_COUNT, &asked.sample, "N", "N of these, chosen by lot"},
    {"--seed", RN_OPTION_NUMBER, &asked.seed, "S", "another lot"},
    RN_OPTION_END,
};

enum rn_status rn_selection_describe(struct rn_buffer *out)
{
    enum rn_status status = rn_buffer_addf(
        out, "SELECTION: [TRACE...] [options]\n\n"
             "Traces that are named, or all; of these, those that meet every condition.\n"
             "Conditions on calls must hold for one and the same call.\n\n");
    return status == RN_OK ? rn_cli_describe_options(rn_selection_options, out) : status;
}

void rn_selection_set_upstream(const char *name)
{
    asked.upstream = name;
}

bool rn_selection_is_given(char *const *traces)
{
    return (traces != NULL && traces[0] != NULL) || asked.since != NULL || asked.until != NULL ||
           asked.name != NULL || asked.session != NULL || asked.release != NULL ||
           asked.upstream != NULL || asked.model != NULL || asked.status != NULL ||
           asked.kind != NULL || asked.provider != NULL || asked.prompt != NULL ||
           asked.upstream_error || asked.outcome != NULL || asked.tags.count > 0 ||
           asked.limit > 0 || asked.sample > 0;
}

static enum rn_status add_word(struct rn_buffer *out, const char *option, const char *value)
{
    if (value == NULL) {
        return RN_OK;
    }
    enum rn_status status = rn_buffer_addf(out, "%s%s", out->len > 0 ? " " : "", option);
    if (status == RN_OK && option[0] != '\0') {
        status = rn_buffer_add_byte(out, ' ');
    }
    return status == RN_OK ? rn_shell_word(out, rn_bytes_text(value)) : status;
}

static enum rn_status add_number(struct rn_buffer *out, const char *option, uint64_t value)
{
    return value == 0 ? RN_OK
                      : rn_buffer_addf(out, "%s%s %llu", out->len > 0 ? " " : "", option,
                                       (unsigned long long)value);
}

static enum rn_status write_text(char *const *traces, struct rn_buffer *out)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; traces != NULL && traces[i] != NULL && status == RN_OK; i++) {
        status = add_word(out, "", traces[i]);
    }
    const struct {
        const char *option;
        const char *value;
    } words[] = {{"--since", asked.since},     {"--until", asked.until},
                 {"--name", asked.name},       {"--session", asked.session},
                 {"--release", asked.release}, {"--upstream", asked.upstream},
                 {"--model", asked.model},     {"--status", asked.status},
                 {"--kind", asked.kind},       {"--provider", asked.provider},
                 {"--prompt", asked.prompt},   {"--outcome", asked.outcome}};
    for (size_t i = 0; i < sizeof words / sizeof *words && status == RN_OK; i++) {
        status = add_word(out, words[i].option, words[i].value);
    }
    if (asked.upstream_error && status == RN_OK) {
        status = rn_buffer_addf(out, "%s--upstream-error", out->len > 0 ? " " : "");
    }
    for (unsigned i = 0; i < asked.tags.count && status == RN_OK; i++) {
        status = add_word(out, "--tag", asked.tags.at[i]);
    }
    status = status == RN_OK ? add_number(out, "--limit", asked.limit) : status;
    status = status == RN_OK ? add_number(out, "--sample", asked.sample) : status;
    return status == RN_OK ? add_number(out, "--seed", asked.seed) : status;
}

enum rn_status rn_selection_read(char *const *traces, struct rn_selection *out,
                                 struct rn_buffer *text, struct rn_error *error)
{
    uint64_t now = rn_clock_wall_ns();
    enum rn_status status = RN_OK;
    *out = (struct rn_selection){.traces = (const char *const *)traces,
                                 .name = asked.name,
                                 .session = asked.session,
                                 .release = asked.release,
                                 .tags = asked.tags.at,
                                 .upstream = asked.upstream,
                                 .model = asked.model,
                                 .status = asked.status,
                                 .kind = asked.kind,
                                 .provider = asked.provider,
                                 .prompt = asked.prompt,
                                 .upstream_error = asked.upstream_error,
                                 .outcome = asked.outcome,
                                 .limit = asked.limit,
                                 .sample = asked.sample,
                                 .seed = asked.seed};
    if (asked.seed > 0 && asked.sample == 0) {
        return rn_fail(error, RN_INVALID,
                       "--seed draws another lot for --sample, which is not given");
    }
    if (asked.since != NULL) {
        status = rn_when_parse(asked.since, now, &out->since_wall_ns, error);
    }
    if (status == RN_OK && asked.until != NULL) {
        status = rn_when_parse(asked.until, now, &out->until_wall_ns, error);
    }
    if (status == RN_OK && asked.since != NULL && asked.until != NULL &&
        out->since_wall_ns >= out->until_wall_ns) {
        return rn_fail(error, RN_INVALID, "--since %s is not before --until %s", asked.since,
                       asked.until);
    }
    if (status == RN_OK) {
        status = rn_selection_check(out, error);
    }
    if (status == RN_OK && text != NULL && write_text(traces, text) != RN_OK) {
        status = rn_fail(error, RN_NOMEM, "out of memory");
    }
    return status;
}
