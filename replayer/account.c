/* Adding up. In: everything a replay left behind. Out: the outcome. Sends nothing and runs nothing. */
#include "account.h"

#include <string.h>

/* --- facts about the recording ------------------------------------------------------------------------------------- */

static void look_at_traces(const struct rn_catalog *catalog, struct rn_verdict_facts *facts)
{
    facts->complete = RN_COMPLETE_YES;
    facts->has_problem = catalog->problem[0] != '\0';
    facts->recorded = catalog->count;
    facts->recorded_malformed = catalog->malformed;
    facts->recorded_misdirected = catalog->misdirected;
    for (size_t i = 0; i < catalog->trace_count; i++) {
        const struct rn_trace_summary *trace = &catalog->traces[i].summary;
        facts->is_open = facts->is_open || trace->state == RN_TRACE_OPEN;
        if (trace->state == RN_TRACE_LOST || trace->complete == RN_COMPLETE_NO || trace->gaps > 0) {
            facts->complete = RN_COMPLETE_NO;
        } else if (trace->complete != RN_COMPLETE_YES && facts->complete == RN_COMPLETE_YES) {
            facts->complete = RN_COMPLETE_UNKNOWN;
        }
    }
}

static bool answers_equal(const struct rn_event *a, const struct rn_event *b)
{
    static const enum rn_tag tags[] = {RN_TAG_END, RN_TAG_RESPONSE_BODY, RN_TAG_RESPONSE_CUTS,
                                       RN_TAG_RESPONSE_TRAILERS};
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        if (!rn_bytes_equal(rn_event_get(a, tags[i]), rn_event_get(b, tags[i]))) {
            return false;
        }
    }
    struct rn_bytes head_a = rn_event_get(a, RN_TAG_RESPONSE_HEAD);
    struct rn_bytes head_b = rn_event_get(b, RN_TAG_RESPONSE_HEAD);
    return rn_bytes_equal(rn_bytes_sub(head_a, 0, rn_bytes_find_byte(head_a, '\n')),
                          rn_bytes_sub(head_b, 0, rn_bytes_find_byte(head_b, '\n')));
}

/* Whether any ambiguous row had another answer than another row of its queue: then giving them in order was a choice. */
static bool ambiguous_differ(const struct rn_account *account)
{
    const struct rn_catalog *catalog = account->catalog;
    bool differ = false;
    for (uint32_t row = 0; row < catalog->count && !differ; row++) {
        if (!catalog->rows[row].ambiguous) {
            continue;
        }
        uint32_t other = rn_match_next_same(rn_replayer_matcher(account->replayer), row);
        struct rn_arena arena = {0};
        struct rn_event a;
        struct rn_event b;
        differ = catalog->rows[row].rule !=
                 RN_RULE_BYTES; /* equal as JSON only: not worth a closer look */
        if (!differ && other != RN_NO_ROW) {
            differ = rn_catalog_event(catalog, row, &arena, &a, NULL) != RN_OK ||
                     rn_catalog_event(catalog, other, &arena, &b, NULL) != RN_OK ||
                     !answers_equal(&a, &b);
        }
        rn_arena_free(&arena);
    }
    return differ;
}

/* --- the first divergence ------------------------------------------------------------------------------------------ */

static bool find_unconsumed(const struct rn_account *account, struct rn_arena *arena,
                            struct rn_finding *out)
{
    const struct rn_catalog *catalog = account->catalog;
    for (uint32_t row = 0; row < catalog->count; row++) {
        if (catalog->rows[row].state == RN_ROW_UNSERVED) {
            rn_finding_missing(catalog, row, arena, out);
            return true;
        }
        if (catalog->rows[row].state == RN_ROW_SERVING) {
            rn_finding_left(catalog, row, 0, arena, out);
            return true;
        }
    }
    return false;
}

static bool refused_more(const struct rn_verdict_facts *facts)
{
    return facts->malformed > facts->recorded_malformed ||
           facts->misdirected > facts->recorded_misdirected;
}

static bool refused_fewer(const struct rn_verdict_facts *facts)
{
    return facts->malformed < facts->recorded_malformed ||
           facts->misdirected < facts->recorded_misdirected;
}

static const char *refusal_words(struct rn_arena *arena, uint64_t malformed, uint64_t misdirected)
{
    return rn_words(arena,
                    "%llu that broke the rules of HTTP, %llu for a foreign host or origin or over "
                    "too many connections",
                    (unsigned long long)malformed, (unsigned long long)misdirected);
}

static void find_refused(const struct rn_verdict_facts *facts, struct rn_arena *arena,
                         struct rn_finding *out)
{
    const char *expected =
        refusal_words(arena, facts->recorded_malformed, facts->recorded_misdirected);
    const char *came = refusal_words(arena, facts->malformed, facts->misdirected);
    *out = (struct rn_finding){
        .sentence = rn_words(arena,
                             "%s requests than when recorded were refused before they could be "
                             "matched: %s; recorded were %s",
                             refused_more(facts) ? "more" : "fewer", came, expected),
        .place = "gateway, refused requests",
        .pointer = "",
        .expected = expected,
        .came = came,
        .cause = "a client that speaks HTTP otherwise than before",
        .advice = "look at the answers with status 400, 403, 421, 431, 501, 503 or 505 that the "
                  "application got",
        .row = RN_NO_ROW};
}

static void find_relaxed(const struct rn_account *account, struct rn_arena *arena,
                         struct rn_finding *out)
{
    size_t count = 0;
    const struct rn_relaxation *first = rn_replayer_relaxations(account->replayer, &count);
    if (count > 0) {
        rn_finding_early(account->catalog, first->row, first->awaited, first->awaited_end, arena,
                         out);
    }
}

/* In order of what a person wants to know first. False: nothing diverged. */
static bool find_first(const struct rn_account *account, const struct rn_verdict_facts *facts,
                       const struct rn_finding *run_finding, struct rn_arena *arena,
                       struct rn_finding *out)
{
    const struct rn_finding *first =
        account->replayer == NULL ? NULL : rn_replayer_first(account->replayer);
    const struct rn_finding *difference =
        account->self == NULL ? NULL : rn_self_difference(account->self);
    if (first != NULL || difference != NULL) {
        *out = first != NULL ? *first : *difference;
        rn_finding_settle(account->catalog, facts->misses, arena, out);
        return true;
    }
    if (account->replayer == NULL) {
        return false;
    }
    if (refused_more(facts)) {
        find_refused(facts, arena, out);
        return true;
    }
    if (find_unconsumed(account, arena, out)) {
        return true;
    }
    if (refused_fewer(facts)) {
        find_refused(facts, arena, out);
        return true;
    }
    if (account->drive != NULL && rn_drive_difference(account->drive) != NULL) {
        *out = *rn_drive_difference(account->drive);
        return true;
    }
    if (facts->run_differs) {
        *out = *run_finding;
        return true;
    }
    if (facts->strict && facts->relaxations > 0) {
        find_relaxed(account, arena, out);
        return true;
    }
    return false;
}

/* --- adding up ----------------------------------------------------------------------------------------------------- */

static uint32_t count_unserved(const struct rn_catalog *catalog)
{
    uint32_t count = 0;
    for (uint32_t row = 0; row < catalog->count; row++) {
        count += catalog->rows[row].state == RN_ROW_UNSERVED;
    }
    return count;
}

static void add_counts(const struct rn_account *account, struct rn_verdict_facts *facts,
                       struct rn_replay_outcome *outcome)
{
    struct rn_replayer_counts counts = rn_replayer_counts(account->replayer);
    const struct rn_stage *stage = rn_replayer_stage(account->replayer);
    facts->served = outcome->served = counts.served;
    facts->misses = outcome->misses = counts.misses;
    facts->broken = outcome->broken = counts.broken;
    facts->relaxations = outcome->relaxations = counts.relaxations;
    facts->malformed = account->gateway.malformed;
    facts->misdirected = account->gateway.misdirected;
    outcome->malformed = facts->malformed + facts->misdirected;
    facts->was_touched = account->gateway.connections > 0;
    outcome->timed_out_holds = counts.timed_out_holds;
    outcome->ambiguous = counts.ambiguous;
    outcome->unconsumed = count_unserved(account->catalog);
    outcome->redacted_spans = stage->redacted;
    memcpy(outcome->by_rule, counts.by_rule, sizeof outcome->by_rule);
    facts->ambiguous_differ = counts.ambiguous > 0 && ambiguous_differ(account);
}

static enum rn_status compare_run(const struct rn_account *account, struct rn_verdict_facts *facts,
                                  struct rn_arena *arena, struct rn_finding *finding)
{
    if (account->mode != RN_MODE_COMMAND || !facts->can_compare_run || !facts->run_ended) {
        return RN_OK;
    }
    return rn_rerun_compare(account->rerun, account->catalog, account->redactor,
                            facts->ignore_output, arena, &facts->run_differs, finding);
}

static const char *keep(struct rn_arena *arena, const char *text)
{
    return text == NULL ? "" : rn_words(arena, "%s", text);
}

/* COMMAND ran against a recording that is whole, and nobody connected to us: how it ended is then the only clue. */
static bool never_came(const struct rn_verdict_facts *facts,
                       const struct rn_replay_outcome *outcome)
{
    return outcome->ran_command && !facts->has_problem && !facts->is_open &&
           facts->complete != RN_COMPLETE_NO && facts->recorded > 0 && facts->served == 0 &&
           !facts->was_touched;
}

static void say(const struct rn_account *account, const struct rn_verdict_facts *facts,
                const struct rn_finding *run_finding, struct rn_replay_outcome *outcome)
{
    struct rn_arena *arena = &outcome->arena;
    struct rn_finding finding = {0};
    struct rn_judgement judgement = rn_judge(facts);
    outcome->verdict = judgement.verdict;
    outcome->sentence = judgement.reason;
    if (facts->has_problem) {
        outcome->sentence = rn_words(arena, "%s: %s", judgement.reason, account->catalog->problem);
    }
    if (judgement.verdict == RN_VERDICT_INCOMPARABLE && never_came(facts, outcome)) {
        outcome->sentence = rn_words(arena, "%s, and ended with %s", judgement.reason,
                                     rn_rerun_end_words(arena, outcome->wait_status));
    }
    bool found = judgement.verdict == RN_VERDICT_DIVERGED &&
                 find_first(account, facts, run_finding, arena, &finding);
    outcome->place = keep(arena, finding.place);
    outcome->expected = keep(arena, finding.expected);
    outcome->came = keep(arena, finding.came);
    outcome->cause = keep(arena, finding.cause);
    outcome->advice = keep(arena, finding.advice);
    if (found && finding.sentence[0] != '\0') {
        outcome->sentence = keep(arena, finding.sentence);
    }
}

enum rn_status rn_account_close(const struct rn_account *account, struct rn_verdict_facts *facts,
                                struct rn_replay_outcome *outcome)
{
    struct rn_finding run_finding = {0};
    *facts = (struct rn_verdict_facts){.mode = account->mode,
                                       .ignore_output = account->settings->ignore_output,
                                       .strict = account->settings->strict,
                                       .can_compare_run = rn_rerun_has_end(account->catalog),
                                       .run_ended = account->rerun->ended};
    look_at_traces(account->catalog, facts);
    facts->decisions = (uint32_t)account->catalog->decision_count;
    outcome->recorded = facts->recorded;
    outcome->decisions = facts->decisions;
    outcome->unconsumed = facts->recorded;
    outcome->remark = keep(&outcome->arena, account->rerun->remark);
    if (account->ports_moved && outcome->remark[0] == '\0') {
        outcome->remark = "recorded ports were taken by others: other ones were given";
    }
    if (facts->decisions > 0 && account->mode != RN_MODE_DRIVE && outcome->remark[0] == '\0') {
        outcome->remark = "the inbound requests of the recording were not sent: --drive URL sends "
                          "them and compares the answers";
    }
    if (account->drive != NULL) {
        facts->driven_same = outcome->driven_same = rn_drive_same(account->drive);
        outcome->driven = true;
    }
    outcome->ran_command = account->rerun->ended;
    outcome->output_left_out = account->mode == RN_MODE_SERVE ||
                               (account->mode == RN_MODE_COMMAND && facts->ignore_output);
    outcome->wait_status = account->rerun->wait_status;
    if (account->replayer != NULL) {
        add_counts(account, facts, outcome);
    }
    if (account->self != NULL) {
        facts->bytes_differ = rn_self_difference(account->self) != NULL;
        outcome->compared_bytes = rn_self_compared(account->self);
    }
    enum rn_status status = compare_run(account, facts, &outcome->arena, &run_finding);
    say(account, facts, &run_finding, outcome);
    return status;
}
