/* Rows in a hash table while facts go by; tool names afterwards, from the calls that have any (inventory.h). */
#include "inventory.h"

#include <string.h>

#include "base/digest.h"
#include "base/memory.h"

#define BUCKETS 4096u

struct bucket {
    struct bucket *next;
    enum rn_inventory_part part;
    struct rn_inventory_row *row;
};

/* A call whose answer asks for tools. */
struct asking {
    struct rn_trace_id trace;
    uint32_t n;
};

struct rn_inventory_work {
    struct bucket *buckets[BUCKETS];
    struct rn_inventory_row **tails[RN_INVENTORY_PARTS];
    struct asking *asking;
    size_t asking_count, asking_cap;
};

const char *rn_inventory_part_name(enum rn_inventory_part part)
{
    static const char *const names[] = {"upstreams", "models", "prompts", "tools", "collections"};
    return names[part];
}

/* --- rows ----------------------------------------------------------------------------------------------------------- */

static struct rn_inventory_row *new_row(struct rn_inventory *inventory, enum rn_inventory_part part,
                                        struct rn_bytes name, struct rn_bytes other,
                                        struct rn_bytes at)
{
    struct rn_arena *arena = &inventory->arena;
    struct rn_inventory_row *row = rn_arena_alloc(arena, sizeof *row);
    if (row == NULL) {
        return NULL;
    }
    row->name = rn_arena_copy(arena, name);
    row->other = rn_arena_copy(arena, other);
    row->at = rn_arena_copy(arena, at);
    if (row->name.data == NULL || row->other.data == NULL || row->at.data == NULL) {
        return NULL;
    }
    *inventory->work->tails[part] = row;
    inventory->work->tails[part] = &row->next;
    return row;
}

/* NULL: memory ran out. What a prompt is called is not what it is known by. */
static struct rn_inventory_row *row_of(struct rn_inventory *inventory, enum rn_inventory_part part,
                                       struct rn_bytes name, struct rn_bytes other,
                                       struct rn_bytes at)
{
    struct rn_bytes known_by = part == RN_INVENTORY_PROMPTS ? RN_LIT("") : other;
    uint32_t sum = rn_crc32(rn_crc32(rn_crc32((uint32_t)part, name), known_by), at);
    struct bucket **first = &inventory->work->buckets[sum % BUCKETS];
    for (struct bucket *bucket = *first; bucket != NULL; bucket = bucket->next) {
        struct rn_inventory_row *row = bucket->row;
        if (bucket->part == part && rn_bytes_equal(row->name, name) &&
            rn_bytes_equal(row->at, at) &&
            (part == RN_INVENTORY_PROMPTS || rn_bytes_equal(row->other, other))) {
            return row;
        }
    }
    struct bucket *bucket = rn_arena_alloc(&inventory->arena, sizeof *bucket);
    struct rn_inventory_row *row =
        bucket == NULL ? NULL : new_row(inventory, part, name, other, at);
    if (row != NULL) {
        *bucket = (struct bucket){.next = *first, .part = part, .row = row};
        *first = bucket;
    }
    return row;
}

static enum rn_status count_in(struct rn_inventory *inventory, enum rn_inventory_part part,
                               struct rn_bytes name, struct rn_bytes other, struct rn_bytes at,
                               uint64_t wall_ns, bool is_error)
{
    struct rn_inventory_row *row = row_of(inventory, part, name, other, at);
    if (row == NULL) {
        return RN_NOMEM;
    }
    if (part == RN_INVENTORY_PROMPTS && other.len > 0 && wall_ns >= row->last_wall_ns &&
        !rn_bytes_equal(row->other, other)) {
        row->other = rn_arena_copy(&inventory->arena, other);
    }
    row->first_wall_ns =
        row->calls == 0 || wall_ns < row->first_wall_ns ? wall_ns : row->first_wall_ns;
    row->last_wall_ns = wall_ns > row->last_wall_ns ? wall_ns : row->last_wall_ns;
    row->calls++;
    row->errors += is_error;
    return row->other.data == NULL ? RN_NOMEM : RN_OK;
}

/* --- facts ---------------------------------------------------------------------------------------------------------- */

static enum rn_status remember(struct rn_inventory_work *work, const struct rn_trace_id *trace,
                               uint32_t n)
{
    if (work->asking_count == work->asking_cap) {
        size_t cap = work->asking_cap == 0 ? 64 : 2 * work->asking_cap;
        struct asking *asking = rn_realloc(work->asking, cap * sizeof *asking);
        if (asking == NULL) {
            return RN_NOMEM;
        }
        work->asking = asking;
        work->asking_cap = cap;
    }
    work->asking[work->asking_count++] = (struct asking){*trace, n};
    return RN_OK;
}

static enum rn_status count_prompt(struct rn_inventory *inventory, const struct rn_facts *facts,
                                   bool is_error)
{
    char key[2 * RN_PROMPT_KEY_BYTES + 1];
    if (facts->kind != RN_READING_MODEL || rn_prompt_key_is_none(&facts->prompt.system_family)) {
        return RN_OK;
    }
    rn_prompt_key_text(&facts->prompt.system_family, key);
    return count_in(inventory, RN_INVENTORY_PROMPTS, rn_bytes_text(key), facts->prompt_name,
                    RN_LIT(""), facts->arrived_wall_ns, is_error);
}

static enum rn_status count_target(struct rn_inventory *inventory, const struct rn_facts *facts,
                                   bool is_error)
{
    bool is_tool = facts->kind == RN_READING_TOOL;
    if (facts->target.len == 0 || (!is_tool && facts->kind != RN_READING_RETRIEVAL)) {
        return RN_OK;
    }
    return count_in(inventory, is_tool ? RN_INVENTORY_TOOLS : RN_INVENTORY_COLLECTIONS,
                    facts->target,
                    is_tool ? RN_LIT("") : rn_bytes_text(rn_dialect_name(facts->dialect)),
                    facts->upstream, facts->arrived_wall_ns, is_error);
}

static enum rn_status take(void *self, const struct rn_trace_summary *trace,
                           const struct rn_facts *facts)
{
    struct rn_inventory *inventory = self;
    bool is_error = rn_facts_is_upstream_error(facts);
    enum rn_status status = RN_OK;
    inventory->calls++;
    if (facts->upstream.len > 0 && facts->event == RN_EVENT_EXCHANGE) {
        status = count_in(inventory, RN_INVENTORY_UPSTREAMS, facts->upstream, RN_LIT(""),
                          RN_LIT(""), facts->arrived_wall_ns, is_error);
    }
    if (status == RN_OK && facts->model_asked.len > 0) {
        status = count_in(inventory, RN_INVENTORY_MODELS, facts->model_asked, facts->model_answered,
                          facts->upstream, facts->arrived_wall_ns, is_error);
    }
    status = status == RN_OK ? count_prompt(inventory, facts, is_error) : status;
    status = status == RN_OK ? count_target(inventory, facts, is_error) : status;
    return status == RN_OK && facts->asks > 0 ? remember(inventory->work, &trace->id, facts->n)
                                              : status;
}

/* --- tools that models ask for -------------------------------------------------------------------------------------- */

static enum rn_status count_asked(struct rn_inventory *inventory, const struct rn_view *view)
{
    enum rn_status status = RN_OK;
    for (const struct rn_said *said = view->reading.response; said != NULL && status == RN_OK;
         said = said->next) {
        if (said->kind == RN_SAID_TOOL_CALL && said->name.len > 0) {
            status = count_in(inventory, RN_INVENTORY_TOOLS, said->name, RN_LIT(""), RN_LIT(""),
                              view->arrived_wall_ns, false);
        }
    }
    return status;
}

static enum rn_status read_asking(struct rn_store *store, struct rn_inventory *inventory,
                                  const struct asking *asking)
{
    struct rn_arena arena = {0};
    struct rn_error error = {RN_OK, ""};
    struct rn_event event;
    struct rn_view view;
    memset(&event, 0, sizeof event);
    memset(&view, 0, sizeof view);
    enum rn_status status =
        rn_trace_event(store, &asking->trace, RN_CLASS_EVENT, asking->n, &arena, &event, &error);
    if (status == RN_OK) {
        status = rn_view_make(&arena, &event, &view);
        status = status == RN_OK ? count_asked(inventory, &view) : status;
        rn_view_free(&view);
    } else if (status == RN_DAMAGED || status == RN_NOTFOUND) {
        inventory->damaged += status == RN_DAMAGED;
        status = RN_OK;
    }
    rn_arena_free(&arena);
    return status;
}

/* --- who answered --------------------------------------------------------------------------------------------------- */

/* The name that answered last before this row's began; NULL: it is the first of its kind. */
static const struct rn_inventory_row *row_before(const struct rn_inventory *inventory,
                                                 const struct rn_inventory_row *row)
{
    const struct rn_inventory_row *found = NULL;
    for (const struct rn_inventory_row *each = inventory->rows[RN_INVENTORY_MODELS]; each != NULL;
         each = each->next) {
        bool fits = each != row && each->other.len > 0 && rn_bytes_equal(each->name, row->name) &&
                    rn_bytes_equal(each->at, row->at) && each->first_wall_ns < row->first_wall_ns;
        found =
            fits && (found == NULL || each->first_wall_ns > found->first_wall_ns) ? each : found;
    }
    return found;
}

static void mark_changes(struct rn_inventory *inventory)
{
    for (struct rn_inventory_row *row = inventory->rows[RN_INVENTORY_MODELS]; row != NULL;
         row = row->next) {
        const struct rn_inventory_row *before =
            row->other.len > 0 ? row_before(inventory, row) : NULL;
        row->is_other = row->other.len > 0 && !rn_bytes_equal(row->other, row->name);
        row->before = before != NULL ? before->other : RN_LIT("");
    }
}

enum rn_status rn_inventory_make(struct rn_store *store, const struct rn_selection *selection,
                                 struct rn_inventory *out, struct rn_error *error)
{
    memset(out, 0, sizeof *out);
    out->work = rn_calloc(1, sizeof *out->work);
    enum rn_status status = out->work == NULL ? RN_NOMEM : RN_OK;
    for (size_t i = 0; i < RN_INVENTORY_PARTS && status == RN_OK; i++) {
        out->work->tails[i] = &out->rows[i];
    }
    if (status == RN_OK) {
        status = rn_select_facts(store, selection, NULL, take, out, &out->damaged, error);
    }
    for (size_t i = 0; status == RN_OK && i < out->work->asking_count; i++) {
        status = read_asking(store, out, &out->work->asking[i]);
    }
    if (status == RN_OK) {
        mark_changes(out);
    }
    return status == RN_NOMEM ? rn_fail(error, status, "no memory to take the inventory") : status;
}

void rn_inventory_free(struct rn_inventory *inventory)
{
    if (inventory->work != NULL) {
        rn_free(inventory->work->asking);
    }
    rn_free(inventory->work);
    rn_arena_free(&inventory->arena);
    memset(inventory, 0, sizeof *inventory);
}
