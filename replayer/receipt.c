/* The document itself. Everything in it was decided elsewhere. */
#include "receipt.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/memory.h"
#include "base/varint.h"

/* --- values -------------------------------------------------------------------------------------------------------- */

/* Text that may hold anything: what is no UTF-8 is shown as '?'. */
static json_t *text_of(struct rn_bytes text)
{
    json_t *value = json_stringn((const char *)text.data, text.len);
    if (value != NULL || text.len == 0) {
        return value != NULL ? value : json_string("");
    }
    char *copy = rn_dup(text.data, text.len);
    for (size_t i = 0; copy != NULL && i < text.len; i++) {
        if ((unsigned char)copy[i] >= 0x80) {
            copy[i] = '?';
        }
    }
    value = copy == NULL ? NULL : json_stringn(copy, text.len);
    rn_free(copy);
    return value;
}

static void put(json_t *object, const char *name, json_t *value)
{
    (void)json_object_set_new(
        object, name, value); /* a missing member is found at the end: see rn_receipt_make */
}

static void put_text(json_t *object, const char *name, const char *text)
{
    put(object, name, text_of(rn_bytes_text(text)));
}

static void put_count(json_t *object, const char *name, uint64_t count)
{
    put(object, name, json_integer((json_int_t)count));
}

static void put_u64(json_t *object, const char *name, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    put(object, name, json_string(text));
}

static void put_id(json_t *object, const char *name, const struct rn_trace_id *id)
{
    char text[33];
    rn_trace_id_text(id, text);
    put(object, name, json_string(text));
}

static void put_digest(json_t *object, const char *name, const uint8_t digest[RN_SHA256_BYTES])
{
    char text[2 * RN_SHA256_BYTES + 1];
    rn_hex(rn_bytes_of(digest, RN_SHA256_BYTES), text);
    put(object, name, json_string(text));
}

static json_t *event_of(const struct rn_catalog *catalog, uint32_t row)
{
    json_t *event = json_object();
    put_id(event, "trace", &catalog->traces[catalog->rows[row].trace].summary.id);
    put_count(event, "event", catalog->rows[row].n);
    return event;
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
        put_id(one, "trace", &trace->id);
        put(one, "name", text_of(trace->name));
        put(one, "release", text_of(trace->release));
        put_count(one, "events", trace->events);
        put_text(one, "complete", complete_name(trace->complete));
        put_digest(one, "evidence", trace->digests.evidence);
        put_digest(one, "said", trace->digests.said);
        (void)json_array_append_new(list, one);
    }
    return list;
}

static json_t *status_of(int wait_status)
{
    json_t *status = json_object();
    if (WIFSIGNALED(wait_status)) {
        put_count(status, "signal", (uint64_t)WTERMSIG(wait_status));
    } else {
        put_count(status, "code", (uint64_t)WEXITSTATUS(wait_status));
    }
    return status;
}

static json_t *command_of(const struct rn_receipt_facts *facts)
{
    json_t *command = json_object();
    json_t *argv = json_array();
    for (size_t i = 0; facts->rerun->argv != NULL && facts->rerun->argv[i] != NULL; i++) {
        (void)json_array_append_new(argv, text_of(rn_bytes_text(facts->rerun->argv[i])));
    }
    put(command, "argv", argv);
    put_text(command, "cwd", facts->rerun->cwd == NULL ? "" : facts->rerun->cwd);
    put(command, "recorded_exit",
        rn_rerun_has_end(facts->catalog)
            ? status_of((int)rn_event_number(&facts->catalog->run, RN_TAG_EXIT, 0))
            : json_null());
    put(command, "exit", facts->rerun->ended ? status_of(facts->rerun->wait_status) : json_null());
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
            (void)json_array_append_new(allowed, json_string(names[rule]));
        }
        put_count(served, names[rule], facts->outcome->by_rule[rule]);
    }
    put(rules, "allowed", allowed);
    put(rules, "strict", json_boolean(facts->settings->strict));
    put(rules, "served", served);
    put_count(rules, "key_version", RN_KEY_VERSION);
    return rules;
}

static json_t *order_of(const struct rn_receipt_facts *facts)
{
    json_t *order = json_object();
    put_text(order, "mode", facts->settings->order == RN_ORDER_ANY ? "any" : "recorded");
    put_count(order, "peak", facts->peak);
    put_count(order, "relaxations", facts->outcome->relaxations);
    put_count(order, "timed_out_holds", facts->outcome->timed_out_holds);
    return order;
}

static json_t *counts_of(const struct rn_receipt_facts *facts)
{
    const struct rn_replay_outcome *outcome = facts->outcome;
    json_t *counts = json_object();
    put_count(counts, "recorded", outcome->recorded);
    put_count(counts, "served", outcome->served);
    put_count(counts, "misses", outcome->misses);
    put_count(counts, "unconsumed", outcome->unconsumed);
    put_count(counts, "broken", outcome->broken);
    put_count(counts, "ambiguous", outcome->ambiguous);
    put_count(counts, "malformed", outcome->malformed);
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
            put_text(one, "rule", rules[recorded->rule]);
        }
        if (!served) {
            put(one, "asked_for", json_boolean(recorded->state != RN_ROW_UNSERVED));
        }
        if (recorded->ambiguous) {
            put(one, "ambiguous", json_true());
        }
        (void)json_array_append_new(list, one);
    }
    put(receipt, name, list);
    put_count(receipt, left_off, left);
}

static json_t *finding_of(const struct rn_catalog *catalog, const struct rn_finding *finding)
{
    json_t *out = finding->row == RN_NO_ROW ? json_object() : event_of(catalog, finding->row);
    put_text(out, "sentence", finding->sentence);
    put_text(out, "place", finding->place);
    put_text(out, "pointer", finding->pointer);
    put_text(out, "expected", finding->expected);
    put_text(out, "came", finding->came);
    put_text(out, "cause", finding->cause);
    put_text(out, "advice", finding->advice);
    return out;
}

static json_t *misses_of(const struct rn_receipt_facts *facts)
{
    json_t *list = json_array();
    size_t count = 0;
    const struct rn_finding *misses =
        facts->replayer == NULL ? NULL : rn_replayer_misses(facts->replayer, &count);
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(list, finding_of(facts->catalog, &misses[i]));
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
    put_count(altered, "redacted", stage == NULL ? 0 : stage->redacted);
    put_count(altered, "retry_after", stage == NULL ? 0 : stage->retry_after);
    put_count(altered, "framing", stage == NULL ? 0 : stage->framing);
    for (size_t i = 0; stage != NULL && i < stage->alteration_count; i++) {
        const struct rn_alteration *alteration = &stage->alterations[i];
        json_t *one = event_of(facts->catalog, alteration->row);
        put_text(one, "what", names[alteration->what]);
        put_text(one, "field", rn_tag_name(alteration->tag));
        put_u64(one, "offset", alteration->offset);
        put_u64(one, "length", alteration->len);
        (void)json_array_append_new(list, one);
    }
    put(altered, "list", list);
    return altered;
}

/* We neither see nor hinder what goes elsewhere yet, and say so. */
static json_t *outside_of(void)
{
    json_t *outside = json_object();
    put_text(outside, "isolation", "unguarded");
    put_text(outside, "bypasses", "not observed");
    return outside;
}

static const char *mode_name(enum rn_replay_mode mode)
{
    return mode == RN_MODE_COMMAND ? "command" : mode == RN_MODE_SERVE ? "serve" : "self";
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
    put_text(out, "place", outcome->place);
    put_text(out, "expected", outcome->expected);
    put_text(out, "came", outcome->came);
    put_text(out, "cause", outcome->cause);
    put_text(out, "advice", outcome->advice);
    return out;
}

static json_t *document_of(const struct rn_receipt_facts *facts)
{
    const struct rn_replay_outcome *outcome = facts->outcome;
    const struct rn_trace_summary *root = &facts->catalog->traces[facts->catalog->root].summary;
    json_t *receipt = json_object();
    json_t *versions = json_object();
    put_text(receipt, "schema", "reenact.receipt/1");
    put_text(receipt, "verdict", rn_verdict_name(outcome->verdict));
    put_count(receipt, "exit", (uint64_t)rn_verdict_exit(outcome->verdict));
    put_text(receipt, "sentence", outcome->sentence);
    put_text(receipt, "remark", outcome->remark);
    put_text(receipt, "mode", mode_name(facts->verdict->mode));
    put_id(receipt, "trace", &root->id);
    put_id(receipt, "session", &root->session);
    put(receipt, "traces", traces_of(facts));
    put(receipt, "command",
        facts->verdict->mode == RN_MODE_COMMAND ? command_of(facts) : json_null());
    put_text(receipt, "output", output_name(facts->verdict));
    put(receipt, "rules", rules_of(facts));
    put(receipt, "order", order_of(facts));
    put(receipt, "pace", pace_of(facts->settings->pace));
    put_text(receipt, "clock", "real");
    put(receipt, "outside", outside_of());
    put(receipt, "counts", counts_of(facts));
    put(receipt, "divergence", divergence_of(facts));
    put(receipt, "misses", misses_of(facts));
    put(receipt, "altered", altered_of(facts));
    put_u64(receipt, "compared_bytes", outcome->compared_bytes);
    put_rows(receipt, "unconsumed", "unconsumed_left_off", facts->catalog, false);
    put_rows(receipt, "calls", "calls_left_off", facts->catalog, true);
    put_text(versions, "reenact", REENACT_VERSION);
    put_count(versions, "event_schema", RN_SCHEMA_VERSION);
    put(receipt, "versions", versions);
    put_u64(receipt, "started_ns", facts->started_ns);
    put_u64(receipt, "ended_ns", facts->ended_ns);
    return receipt;
}

enum rn_status rn_receipt_make(const struct rn_receipt_facts *facts, struct rn_arena *arena,
                               struct rn_bytes *out)
{
    json_set_alloc_funcs(rn_alloc, rn_free);
    json_t *receipt = document_of(facts);
    /* What was made last is here only if memory sufficed for what came before. */
    char *text =
        json_object_get(receipt, "ended_ns") == NULL ? NULL : json_dumps(receipt, JSON_INDENT(1));
    enum rn_status status = text == NULL ? RN_NOMEM : RN_OK;
    if (text != NULL && strlen(text) > RN_RECEIPT_BYTES_MAX) {
        status = RN_LIMIT;
    }
    if (status == RN_OK) {
        *out = rn_arena_copy(arena, rn_bytes_text(text));
        status = out->data == NULL ? RN_NOMEM : RN_OK;
    }
    rn_free(text);
    json_decref(receipt);
    return status;
}
