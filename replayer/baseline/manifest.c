/*
 * The manifest of a baseline as JSON, "reenact.baseline/1", and back. Writer and reader stand together. Members are sorted,
 * traces stand by id and facts by what they say, so that equal baselines are equal texts but for "created".
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "baseline_parts.h"
#include "members.h"
#include "wire/json.h"

#define SCHEMA "reenact.baseline/"
#define SCHEMA_VERSION 1u

/* --- writing -------------------------------------------------------------------------------------------------------- */

/* Everything that is made hangs on the root at once; what could not be made is remembered. */
struct pen {
    bool failed;
};

static void put(struct pen *pen, json_t *object, const char *name, json_t *value)
{
    if (value == NULL || json_object_set_new(object, name, value) != 0) {
        pen->failed = true;
    }
}

static json_t *add(struct pen *pen, json_t *list, json_t *value)
{
    if (value == NULL || json_array_append_new(list, value) != 0) {
        pen->failed = true;
        return NULL;
    }
    return value;
}

/* NULL also for what is no UTF-8. */
static json_t *exact_text(struct rn_bytes text)
{
    return json_stringn(text.len == 0 ? "" : (const char *)text.data, text.len);
}

static void put_hex(struct pen *pen, json_t *object, const char *name, struct rn_bytes bytes)
{
    char *text = rn_alloc(2 * bytes.len + 1);
    if (text == NULL) {
        pen->failed = true;
        return;
    }
    rn_hex(bytes, text);
    put(pen, object, name, json_string(text));
    rn_free(text);
}

/* A text that must come back byte for byte: "NAME_hex" stands beside it where JSON cannot hold it. */
static void put_text(struct pen *pen, json_t *object, const char *name, struct rn_bytes text)
{
    char beside[40];
    json_t *exact = exact_text(text);
    put(pen, object, name, exact != NULL ? exact : rn_member_string(text));
    if (exact == NULL) {
        (void)snprintf(beside, sizeof beside, "%s_hex", name);
        put_hex(pen, object, beside, text);
    }
}

static void put_u64(struct pen *pen, json_t *object, const char *name, uint64_t number)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%" PRIu64, number);
    put(pen, object, name, json_string(text));
}

static void add_trace(struct pen *pen, json_t *list, const struct rn_baseline_trace *trace)
{
    json_t *one = add(pen, list, json_object());
    if (one == NULL) {
        return;
    }
    put_hex(pen, one, "trace", rn_bytes_of(trace->id.bytes, RN_TRACE_ID_BYTES));
    put_hex(pen, one, "evidence", rn_bytes_of(trace->evidence, RN_SHA256_BYTES));
    put_text(pen, one, "name", trace->name);
    put(pen, one, "run", json_boolean(trace->has_run));
    if (trace->has_input) {
        put_text(pen, one, "input", trace->input);
    }
}

static void put_list(struct pen *pen, json_t *root, const struct rn_baseline *baseline,
                     enum rn_baseline_list list)
{
    json_t *facts = json_array();
    put(pen, root, rn_baseline_list_name(list), facts);
    for (size_t i = 0; !pen->failed && i < baseline->list_counts[list]; i++) {
        const struct rn_baseline_fact *fact = &baseline->lists[list][i];
        json_t *one = add(pen, facts, json_object());
        if (one != NULL) {
            put(pen, one, "what", rn_member_string(fact->what));
            put(pen, one, "note", rn_member_string(fact->note));
            put_u64(pen, one, "count", fact->calls);
        }
    }
}

static json_t *document_of(struct pen *pen, const struct rn_baseline *baseline)
{
    json_t *root = json_object();
    json_t *traces = json_array();
    put(pen, root, "schema", json_sprintf(SCHEMA "%u", SCHEMA_VERSION));
    put_text(pen, root, "name", baseline->name);
    put_u64(pen, root, "created", baseline->frozen_wall_ns);
    put_text(pen, root, "selection", baseline->selection);
    put_hex(pen, root, "root", rn_bytes_of(baseline->root, RN_SHA256_BYTES));
    put_u64(pen, root, "calls", baseline->calls);
    put(pen, root, "traces", traces);
    for (size_t i = 0; !pen->failed && i < baseline->count; i++) {
        add_trace(pen, traces, &baseline->traces[i]);
    }
    for (unsigned list = 0; !pen->failed && list < RN_BASELINE_LISTS; list++) {
        put_list(pen, root, baseline, (enum rn_baseline_list)list);
    }
    return root;
}

enum rn_status rn_manifest_write(struct rn_baseline *baseline, struct rn_error *error)
{
    struct pen pen = {false};
    rn_members_begin();
    json_t *root = document_of(&pen, baseline);
    char *text = pen.failed ? NULL : rn_members_text(root, JSON_SORT_KEYS | JSON_COMPACT);
    json_decref(root);
    if (text != NULL) {
        baseline->json = rn_arena_copy(&baseline->arena, rn_bytes_text(text));
    }
    bool good = text != NULL && baseline->json.data != NULL;
    rn_free(text);
    return good ? RN_OK : rn_fail(error, RN_NOMEM, "no memory for a manifest");
}

/* --- reading -------------------------------------------------------------------------------------------------------- */

struct reader {
    struct rn_baseline *out;
    const char *name; /* for sentences */
    enum rn_status status;
    const char *broken; /* the member that breaks the layout */
};

static void breaks(struct reader *reader, const char *member)
{
    if (reader->status == RN_OK) {
        reader->status = RN_DAMAGED;
        reader->broken = member;
    }
}

static void no_memory(struct reader *reader)
{
    reader->status = reader->status == RN_OK ? RN_NOMEM : reader->status;
}

static struct rn_bytes get_string(struct reader *reader, const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_string(value)) {
        breaks(reader, name);
        return RN_LIT("");
    }
    return rn_bytes_of(json_string_value(value), json_string_length(value));
}

static struct rn_bytes keep(struct reader *reader, struct rn_bytes bytes)
{
    struct rn_bytes copy = rn_arena_copy(&reader->out->arena, bytes);
    if (copy.data == NULL) {
        no_memory(reader);
    }
    return copy;
}

static struct rn_bytes get_shown(struct reader *reader, const json_t *object, const char *name)
{
    return keep(reader, get_string(reader, object, name));
}

static struct rn_bytes get_text(struct reader *reader, const json_t *object, const char *name)
{
    char beside[40];
    (void)snprintf(beside, sizeof beside, "%s_hex", name);
    if (json_object_get(object, beside) == NULL) {
        return get_shown(reader, object, name);
    }
    struct rn_bytes hex = get_string(reader, object, beside);
    uint8_t *bytes = rn_arena_alloc(&reader->out->arena, hex.len / 2 + 1);
    if (bytes == NULL) {
        no_memory(reader);
        return RN_LIT("");
    }
    if (!rn_unhex(hex, bytes, hex.len / 2)) {
        breaks(reader, name);
    }
    return rn_bytes_of(bytes, hex.len / 2);
}

static void get_digest(struct reader *reader, const json_t *object, const char *name, uint8_t *out,
                       size_t len)
{
    if (!rn_unhex(get_string(reader, object, name), out, len)) {
        breaks(reader, name);
    }
}

static uint64_t get_u64(struct reader *reader, const json_t *object, const char *name)
{
    uint64_t number = 0;
    if (!rn_bytes_to_u64(get_string(reader, object, name), &number)) {
        breaks(reader, name);
    }
    return number;
}

static void get_trace(struct reader *reader, const json_t *one, struct rn_baseline_trace *out)
{
    *out = (struct rn_baseline_trace){.has_run = json_is_true(json_object_get(one, "run")),
                                      .has_input = json_object_get(one, "input") != NULL};
    get_digest(reader, one, "trace", out->id.bytes, RN_TRACE_ID_BYTES);
    get_digest(reader, one, "evidence", out->evidence, RN_SHA256_BYTES);
    out->name = get_text(reader, one, "name");
    out->input = out->has_input ? get_text(reader, one, "input") : RN_LIT("");
}

static void get_traces(struct reader *reader, const json_t *root)
{
    const json_t *list = json_object_get(root, "traces");
    struct rn_baseline *out = reader->out;
    size_t count = json_array_size(list);
    out->traces = rn_calloc(count, sizeof *out->traces);
    if (!json_is_array(list)) {
        breaks(reader, "traces");
    }
    if (out->traces == NULL) {
        no_memory(reader);
    }
    for (size_t i = 0; reader->status == RN_OK && i < count; i++) {
        get_trace(reader, json_array_get(list, i), &out->traces[i]);
        if (i > 0 &&
            memcmp(out->traces[i - 1].id.bytes, out->traces[i].id.bytes, RN_TRACE_ID_BYTES) >= 0) {
            breaks(reader, "traces");
        }
        out->count = i + 1;
    }
}

static void get_list(struct reader *reader, const json_t *root, enum rn_baseline_list which)
{
    const char *name = rn_baseline_list_name(which);
    const json_t *list = json_object_get(root, name);
    struct rn_baseline *out = reader->out;
    size_t count = json_array_size(list);
    if (!json_is_array(list)) {
        breaks(reader, name);
        return;
    }
    out->lists[which] = rn_arena_alloc(&out->arena, (count + 1) * sizeof *out->lists[which]);
    if (out->lists[which] == NULL) {
        no_memory(reader);
        return;
    }
    for (size_t i = 0; reader->status == RN_OK && i < count; i++) {
        const json_t *one = json_array_get(list, i);
        struct rn_baseline_fact *fact = &out->lists[which][i];
        fact->what = get_shown(reader, one, "what");
        fact->note = get_shown(reader, one, "note");
        fact->calls = get_u64(reader, one, "count");
        out->list_counts[which] = i + 1;
    }
}

static enum rn_status check_schema(struct reader *reader, const json_t *root,
                                   struct rn_error *error)
{
    struct rn_bytes schema = get_string(reader, root, "schema");
    uint64_t version = 0;
    if (!rn_bytes_starts_with(schema, RN_LIT(SCHEMA)) ||
        !rn_bytes_to_u64(rn_bytes_from(schema, sizeof SCHEMA - 1), &version) || version == 0) {
        return rn_fail(error, RN_DAMAGED, "the manifest of baseline '%s' is none", reader->name);
    }
    if (version > SCHEMA_VERSION) {
        return rn_fail(error, RN_NEWER,
                       "the manifest of baseline '%s' has version %" PRIu64
                       ", and this reenact reads version %u",
                       reader->name, version, SCHEMA_VERSION);
    }
    return RN_OK;
}

static enum rn_status check_root(const struct reader *reader, struct rn_error *error)
{
    const struct rn_baseline *out = reader->out;
    uint8_t root[RN_SHA256_BYTES];
    if (!rn_baseline_root(out->traces, out->count, root)) {
        return rn_fail(error, RN_NOMEM, "no memory for a manifest");
    }
    if (memcmp(root, out->root, sizeof root) != 0) {
        return rn_fail(
            error, RN_DAMAGED,
            "the manifest of baseline '%s' was changed: its root does not follow from its "
            "list of traces",
            reader->name);
    }
    return RN_OK;
}

static void get_document(struct reader *reader, const json_t *root)
{
    struct rn_baseline *out = reader->out;
    out->frozen_wall_ns = get_u64(reader, root, "created");
    out->selection = get_text(reader, root, "selection");
    out->calls = get_u64(reader, root, "calls");
    get_digest(reader, root, "root", out->root, RN_SHA256_BYTES);
    get_traces(reader, root);
    for (unsigned list = 0; reader->status == RN_OK && list < RN_BASELINE_LISTS; list++) {
        get_list(reader, root, (enum rn_baseline_list)list);
    }
}

static enum rn_status read_document(struct reader *reader, const json_t *root,
                                    struct rn_error *error)
{
    enum rn_status status = check_schema(reader, root, error);
    if (status != RN_OK) {
        return status;
    }
    get_document(reader, root);
    if (reader->status == RN_NOMEM) {
        return rn_fail(error, RN_NOMEM, "no memory for a manifest");
    }
    if (reader->status != RN_OK) {
        return rn_fail(error, RN_DAMAGED, "the manifest of baseline '%s' is damaged at \"%s\"",
                       reader->name, reader->broken);
    }
    return check_root(reader, error);
}

/* Jansson does not always tell broken text from want of memory; our own reader does. */
static enum rn_status fail_unread(struct rn_bytes json, const char *name, struct rn_error *error)
{
    struct rn_arena arena = {0};
    struct rn_json *tree = NULL;
    size_t duplicates = 0;
    enum rn_status status = rn_json_parse(&arena, json, &tree, &duplicates, NULL);
    rn_arena_free(&arena);
    if (status == RN_NOMEM || (status == RN_OK && duplicates == 0)) {
        return rn_fail(error, RN_NOMEM, "no memory for the manifest of baseline '%s'", name);
    }
    return rn_fail(error, RN_DAMAGED, "the manifest of baseline '%s' is no JSON", name);
}

enum rn_status rn_manifest_read(struct rn_bytes json, const char *name, struct rn_baseline *out,
                                struct rn_error *error)
{
    struct reader reader = {.out = out, .name = name, .status = RN_OK};
    json_set_alloc_funcs(rn_alloc, rn_free);
    out->name = rn_arena_copy(&out->arena, rn_bytes_text(name));
    out->json = rn_arena_copy(&out->arena, json);
    if (out->name.data == NULL || out->json.data == NULL) {
        return rn_fail(error, RN_NOMEM, "no memory for a manifest");
    }
    json_t *root = json_loadb((const char *)out->json.data, out->json.len,
                              JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    if (root == NULL) {
        return fail_unread(out->json, name, error);
    }
    enum rn_status status = read_document(&reader, root, error);
    json_decref(root);
    return status;
}
