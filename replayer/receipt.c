/* The document itself. Everything in it was decided elsewhere. */
#include "receipt.h"

#include <sys/wait.h>

#include "base/varint.h"
#include "members.h"

static json_t *event_of(const struct rn_catalog *catalog, uint32_t row)
{
    return rn_member_event(&catalog->traces[catalog->rows[row].trace].summary.id,
                           catalog->rows[row].n);
}

/* --- sections ------------------------------------------------------------------------------------------------------ */

static const char *complete_name(enum rn_complete complete)
{
    return complete == RN_COMPLETE_YES ? "yes" : complete == RN_COMPLETE_NO ? "no" : "unknown";
}

static json_t *traces_of(const struct rn_receipt_facts *facts)
{
    json_t *list = json_array();
    for (size_t i = 0; i < facts->catalog->trace_count && i < RN_RECEIPT_ROWS_MAX; i++) {
        const struct rn_trace_summary *trace = &facts->catalog->traces[i].summary;
        json_t *one = json_object();
        rn_member_id(one, "trace", &trace->id);
        rn_member(one, "name", rn_member_string(trace->name));
        rn_member(one, "release", rn_member_string(trace->release));
        rn_member_count(one, "events", trace->events);
        rn_member_text(one, "complete", complete_name(trace->complete));
        rn_member_digest(one, "evidence", trace->digests.evidence);
        rn_member_digest(one, "said", trace->digests.said);
        rn_member_of_list(list, one);
    }
    return list;
}

static json_t *status_of(int wait_status)
{
    json_t *status = json_object();
    if (WIFSIGNALED(wait_status)) {
        rn_member_count(status, "signal", (uint64_t)WTERMSIG(wait_status));
    } else {
        rn_member_count(status, "code", (uint64_t)WEXITSTATUS(wait_status));
    }
    return status;
}

static json_t *command_of(const struct rn_receipt_facts *facts)
{
    json_t *command = json_object();
    json_t *argv = json_array();
    for (size_t i = 0; facts->rerun->argv != NULL && facts->rerun->argv[i] != NULL; i++) {
        rn_member_of_list(argv, rn_member_string(rn_bytes_text(facts->rerun->argv[i])));
    }
    rn_member(command, "argv", argv);
    rn_member_text(command, "cwd", facts->rerun->cwd == NULL ? "" : facts->rerun->cwd);
    rn_member(command, "recorded_exit",
              rn_rerun_has_end(facts->catalog)
                  ? status_of((int)rn_event_number(&facts->catalog->run, RN_TAG_EXIT, 0))
                  : json_null());
    rn_member(command, "exit",
              facts->rerun->ended ? status_of(facts->rerun->wait_status) : json_null());
    return command;
}

static const char *output_name(const struct rn_verdict_facts *verdict)
{
    if (verdict->mode != RN_MODE_COMMAND) {
        return "not observed";
    }
    if (verdict->ignore_output) {
        return "ignored";
    }
    return verdict->can_compare_run ? "compared" : "not recorded";
}

static json_t *rules_of(const struct rn_receipt_facts *facts)
{
    static const char *const names[] = {NULL, "bytes", "json"};
    json_t *rules = json_object();
    json_t *allowed = json_array();
    json_t *served = json_object();
    for (unsigned rule = RN_RULE_BYTES; rule <= RN_RULE_JSON; rule++) {
        if ((facts->settings->rules & 1u << rule) != 0) {
            rn_member_of_list(allowed, json_string(names[rule]));
        }
        rn_member_count(served, names[rule], facts->outcome->by_rule[rule]);
    }
    rn_member(rules, "allowed", allowed);
    rn_member(rules, "strict", json_boolean(facts->settings->strict));
    rn_member(rules, "served", served);
    rn_member_count(rules, "key_version", RN_KEY_VERSION);
    return rules;
}

static const char *release_name(enum rn_release why)
{
    switch (why) {
    case RN_RELEASE_PEAK:
        return "peak";
    case RN_RELEASE_CONNECTION:
        return "connection";
    case RN_RELEASE_UNREAD:
        return "unread";
    default:
        return "time";
    }
}

/* Holds that ended before their turn: whose, what they still waited for, and why. */
static void put_relaxations(json_t *order, const struct rn_receipt_facts *facts)
{
    size_t count = 0;
    json_t *list = json_array();
    const struct rn_relaxation *relaxations =
        facts->replayer == NULL ? NULL : rn_replayer_relaxations(facts->replayer, &count);
    for (size_t i = 0; i < count; i++) {
        json_t *one = event_of(facts->catalog, relaxations[i].row);
        json_t *awaited = event_of(facts->catalog, relaxations[i].awaited);
        rn_member_text(awaited, "what", relaxations[i].awaited_end ? "end" : "request");
        rn_member(one, "awaited", awaited);
        rn_member_text(one, "why", release_name(relaxations[i].why));
        rn_member_u64(one, "held_ns", relaxations[i].held_ns);
        rn_member_of_list(list, one);
    }
    rn_member(order, "relaxed", list);
    rn_member_count(order, "relaxed_left_off", facts->outcome->relaxations - count);
}

/* To the end: no call was missed, and one recorder recorded it all. */
static bool is_in_force(const struct rn_receipt_facts *facts)
{
    return facts->replayer != NULL && !rn_order_is_off(rn_replayer_stage(facts->replayer)->order);
}

static json_t *order_of(const struct rn_receipt_facts *facts)
{
    json_t *order = json_object();
    struct rn_replayer_counts counts = {0};
    if (facts->replayer != NULL) {
        counts = rn_replayer_counts(facts->replayer);
    }
    rn_member_text(order, "mode", facts->settings->order == RN_ORDER_ANY ? "any" : "recorded");
    rn_member(order, "in_force", json_boolean(is_in_force(facts)));
    rn_member_count(order, "peak", facts->peak);
    rn_member_count(order, "relaxations", facts->outcome->relaxations);
    rn_member_count(order, "timed_out_holds", facts->outcome->timed_out_holds);
    rn_member_u64(order, "held_ns", counts.held_ns);
    put_relaxations(order, facts);
    return order;
}

static json_t *counts_of(const struct rn_receipt_facts *facts)
{
    const struct rn_replay_outcome *outcome = facts->outcome;
    json_t *counts = json_object();
    rn_member_count(counts, "recorded", outcome->recorded);
    rn_member_count(counts, "served", outcome->served);
    rn_member_count(counts, "misses", outcome->misses);
    rn_member_count(counts, "unconsumed", outcome->unconsumed);
    rn_member_count(counts, "broken", outcome->broken);
    rn_member_count(counts, "ambiguous", outcome->ambiguous);
    rn_member_count(counts, "malformed", outcome->malformed);
    rn_member_count(counts, "malformed_recorded",
                    facts->verdict->recorded_malformed + facts->verdict->recorded_misdirected);
    rn_member_count(counts, "inbound", outcome->decisions);
    rn_member_count(counts, "inbound_same", outcome->driven_same);
    return counts;
}

/* The calls that were served (`served`), or those that were not. */
static void put_rows(json_t *receipt, const char *name, const char *left_off,
                     const struct rn_catalog *catalog, bool served)
{
    static const char *const rules[] = {"none", "bytes", "json"};
    json_t *list = json_array();
    uint64_t left = 0;
    for (uint32_t row = 0; row < catalog->count; row++) {
        const struct rn_recorded *recorded = &catalog->rows[row];
        if ((recorded->state == RN_ROW_SERVED) != served) {
            continue;
        }
        if (json_array_size(list) == RN_RECEIPT_ROWS_MAX) {
            left++;
            continue;
        }
        json_t *one = event_of(catalog, row);
        if (recorded->rule != RN_RULE_NONE) {
            rn_member_text(one, "rule", rules[recorded->rule]);
        }
        if (!served) {
            rn_member(one, "asked_for", json_boolean(recorded->state != RN_ROW_UNSERVED));
        }
        if (recorded->ambiguous) {
            rn_member(one, "ambiguous", json_true());
        }
        rn_member_of_list(list, one);
    }
    rn_member(receipt, name, list);
    rn_member_count(receipt, left_off, left);
}

static json_t *finding_of(const struct rn_catalog *catalog, const struct rn_finding *finding)
{
    json_t *out = finding->row == RN_NO_ROW ? json_object() : event_of(catalog, finding->row);
    rn_member_text(out, "sentence", finding->sentence);
    rn_member_text(out, "place", finding->place);
    rn_member_text(out, "pointer", finding->pointer);
    rn_member_text(out, "expected", finding->expected);
    rn_member_text(out, "came", finding->came);
    rn_member_text(out, "cause", finding->cause);
    rn_member_text(out, "advice", finding->advice);
    return out;
}

static json_t *misses_of(const struct rn_receipt_facts *facts)
{
    json_t *list = json_array();
    size_t count = 0;
    const struct rn_finding *misses =
        facts->replayer == NULL ? NULL : rn_replayer_misses(facts->replayer, &count);
    for (size_t i = 0; i < count; i++) {
        rn_member_of_list(list, finding_of(facts->catalog, &misses[i]));
    }
    return list;
}

static json_t *altered_of(const struct rn_receipt_facts *facts)
{
    static const char *const names[] = {"redacted", "retry-after", "framing"};
    json_t *altered = json_object();
    json_t *list = json_array();
    const struct rn_stage *stage =
        facts->replayer == NULL ? NULL : rn_replayer_stage(facts->replayer);
    rn_member_count(altered, "redacted", stage == NULL ? 0 : stage->redacted);
    rn_member_count(altered, "retry_after", stage == NULL ? 0 : stage->retry_after);
    rn_member_count(altered, "framing", stage == NULL ? 0 : stage->framing);
    for (size_t i = 0; stage != NULL && i < stage->alteration_count; i++) {
        const struct rn_alteration *alteration = &stage->alterations[i];
        json_t *one = event_of(facts->catalog, alteration->row);
        rn_member_text(one, "what", names[alteration->what]);
        rn_member_text(one, "field", rn_tag_name(alteration->tag));
        rn_member_u64(one, "offset", alteration->offset);
        rn_member_u64(one, "length", alteration->len);
        rn_member_of_list(list, one);
    }
    rn_member(altered, "list", list);
    return altered;
}

/* We neither see nor hinder what goes elsewhere yet, and say so. */
static json_t *outside_of(void)
{
    json_t *outside = json_object();
    rn_member_text(outside, "isolation", "unguarded");
    rn_member_text(outside, "bypasses", "not observed");
    return outside;
}

static const char *mode_name(enum rn_replay_mode mode)
{
    switch (mode) {
    case RN_MODE_COMMAND:
        return "command";
    case RN_MODE_SERVE:
        return "serve";
    case RN_MODE_SELF:
        return "self";
    case RN_MODE_DRIVE:
        return "drive";
    }
    return "unknown";
}

static json_t *pace_of(double pace)
{
    return pace <= 0 ? json_string("instant") : json_real(pace);
}

static json_t *divergence_of(const struct rn_receipt_facts *facts)
{
    const struct rn_replay_outcome *outcome = facts->outcome;
    if (outcome->place[0] == '\0') {
        return json_null();
    }
    json_t *out = json_object();
    rn_member_text(out, "place", outcome->place);
    rn_member_text(out, "expected", outcome->expected);
    rn_member_text(out, "came", outcome->came);
    rn_member_text(out, "cause", outcome->cause);
    rn_member_text(out, "advice", outcome->advice);
    return out;
}

static json_t *document_of(const struct rn_receipt_facts *facts)
{
    const struct rn_replay_outcome *outcome = facts->outcome;
    const struct rn_trace_summary *root = &facts->catalog->traces[facts->catalog->root].summary;
    json_t *receipt = rn_members_new("reenact.receipt/1");
    json_t *versions = json_object();
    rn_member_text(receipt, "verdict", rn_verdict_name(outcome->verdict));
    rn_member_count(receipt, "exit", (uint64_t)rn_verdict_exit(outcome->verdict));
    rn_member_text(receipt, "sentence", outcome->sentence);
    rn_member_text(receipt, "remark", outcome->remark);
    rn_member_text(receipt, "mode", mode_name(facts->verdict->mode));
    rn_member_id(receipt, "trace", &root->id);
    rn_member_id(receipt, "session", &root->session);
    rn_member(receipt, "traces", traces_of(facts));
    rn_member(receipt, "command",
              facts->verdict->mode == RN_MODE_COMMAND ? command_of(facts) : json_null());
    rn_member_text(receipt, "output", output_name(facts->verdict));
    rn_member(receipt, "rules", rules_of(facts));
    rn_member(receipt, "order", order_of(facts));
    rn_member(receipt, "pace", pace_of(facts->settings->pace));
    rn_member_text(receipt, "clock", "real");
    rn_member(receipt, "outside", outside_of());
    rn_member(receipt, "counts", counts_of(facts));
    rn_member(receipt, "divergence", divergence_of(facts));
    rn_member(receipt, "misses", misses_of(facts));
    rn_member(receipt, "altered", altered_of(facts));
    rn_member_u64(receipt, "compared_bytes", outcome->compared_bytes);
    put_rows(receipt, "unconsumed", "unconsumed_left_off", facts->catalog, false);
    put_rows(receipt, "calls", "calls_left_off", facts->catalog, true);
    rn_member_text(versions, "reenact", REENACT_VERSION);
    rn_member_count(versions, "event_schema", RN_SCHEMA_VERSION);
    rn_member(receipt, "versions", versions);
    rn_member_u64(receipt, "started_ns", facts->started_ns);
    rn_member_u64(receipt, "ended_ns", facts->ended_ns);
    return receipt;
}

enum rn_status rn_receipt_make(const struct rn_receipt_facts *facts, struct rn_arena *arena,
                               struct rn_bytes *out)
{
    struct rn_buffer text;
    rn_buffer_init(&text, RN_RECEIPT_BYTES_MAX);
    enum rn_status status = rn_members_print(document_of(facts), &text);
    if (status == RN_OK) {
        *out = rn_arena_copy(arena, rn_buffer_bytes(&text));
        status = out->data == NULL ? RN_NOMEM : RN_OK;
    }
    rn_buffer_free(&text);
    return status;
}
