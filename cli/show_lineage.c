/* `show --lineage`: what of a trace stands verbatim in what. The search is replayer/look/lineage.c's. */
#include "show.h"

#include <inttypes.h>
#include <stdio.h>

#include "human.h"
#include "lineage_text.h"
#include "table.h"

static const struct rn_table_column columns[] = {
    {"IN", false, false},   {"OF", false, true},   {"FROM", false, true},
    {"CHARS", true, false}, {"TEXT", false, true},
};
#define COLUMNS (sizeof columns / sizeof columns[0])

enum rn_status rn_lineage_source_text(const struct rn_lineage_source *source, struct rn_buffer *out)
{
    enum rn_status status = RN_OK;
    if (source->id.len > 0) {
        status = rn_buffer_add(out, source->id);
        status = status == RN_OK ? rn_buffer_add_byte(out, ' ') : status;
    } else {
        status = rn_buffer_addf(
            out, "%s ",
            source->kind == RN_LINEAGE_ANSWER ? "the answer" : rn_lineage_kind_name(source->kind));
    }
    if (status != RN_OK) {
        return status;
    }
    if (source->kind == RN_LINEAGE_DOCUMENT && source->query > 0) {
        return rn_buffer_addf(out, "(event %" PRIu32 ", query %" PRIu32 ", rank %" PRIu32 ")",
                              source->n, source->query + 1, source->rank);
    }
    if (source->kind == RN_LINEAGE_DOCUMENT) {
        return rn_buffer_addf(out, "(event %" PRIu32 ", rank %" PRIu32 ")", source->n,
                              source->rank);
    }
    return source->t > 0 ? rn_buffer_addf(out, "(%" PRIu32 ".t%" PRIu32 ")", source->n, source->t)
                         : rn_buffer_addf(out, "(event %" PRIu32 ")", source->n);
}

/* --- for a person --------------------------------------------------------------------------------------------------- */

static enum rn_status add_row(struct rn_table *table, const struct rn_lineage_link *link)
{
    struct rn_buffer from = {0};
    char in[32];
    char chars[24];
    (void)snprintf(in, sizeof in, "%" PRIu32 " %s", link->n,
                   link->in_answer ? "answer" : "request");
    (void)snprintf(chars, sizeof chars, "%" PRIu64, link->characters);
    enum rn_status status = rn_lineage_source_text(link->source, &from);
    if (status == RN_OK) {
        const struct rn_bytes cells[COLUMNS] = {rn_bytes_text(in), link->role,
                                                rn_buffer_bytes(&from), rn_bytes_text(chars),
                                                link->excerpt};
        status = rn_table_row(table, cells, RN_PAINT_CYAN);
    }
    rn_buffer_free(&from);
    return status;
}

static enum rn_status print_table(const struct rn_show *show, const struct rn_lineage *lineage)
{
    struct rn_table *table = rn_table_new(columns, COLUMNS);
    struct rn_buffer out = {0};
    enum rn_status status = table == NULL ? RN_NOMEM : RN_OK;
    for (const struct rn_lineage_link *link = lineage->links; link != NULL && status == RN_OK;
         link = link->next) {
        status = add_row(table, link);
    }
    status = status == RN_OK ? rn_table_render(table, &show->screen, &out) : status;
    status = status == RN_OK && !rn_screen_put(stdout, &out) ? RN_IO : status;
    rn_table_free(table);
    rn_buffer_free(&out);
    return status;
}

static void tell(const struct rn_lineage *lineage)
{
    struct rn_human documents, tools, answers, pieces;
    (void)fprintf(stderr, "%s, %s and %s looked for in %s\n",
                  rn_human_count(&documents, lineage->documents, "document", "documents"),
                  rn_human_count(&tools, lineage->tools, "tool output", "tool outputs"),
                  rn_human_count(&answers, lineage->answers, "answer", "answers"),
                  rn_human_count(&pieces, lineage->pieces, "text", "texts"));
    if (lineage->links == NULL) {
        (void)fprintf(stderr, "nothing of 32 characters or more stands verbatim in them\n");
    }
    if (lineage->is_full) {
        (void)fprintf(stderr, "beyond %zu MiB of them, none were looked for\n",
                      RN_LINEAGE_BYTES_MAX >> 20);
    }
    if (lineage->unread > 0) {
        (void)fprintf(stderr, "%" PRIu32 " events could not be read\n", lineage->unread);
    }
}

/* --- for machines --------------------------------------------------------------------------------------------------- */

static json_t *source_json(const struct rn_lineage_source *source)
{
    char name[32];
    json_t *object = json_object();
    rn_json_out_text(object, "kind", rn_lineage_kind_name(source->kind));
    (void)snprintf(name, sizeof name, source->t > 0 ? "%" PRIu32 ".t%" PRIu32 : "%" PRIu32,
                   source->n, source->t);
    rn_json_out_text(object, "step", name);
    if (source->kind == RN_LINEAGE_DOCUMENT) {
        rn_json_out_u32(object, "query", source->query);
        rn_json_out_u32(object, "rank", source->rank);
    }
    if (source->id.len > 0) {
        rn_json_out_bytes(object, source->kind == RN_LINEAGE_DOCUMENT ? "id" : "tool", source->id);
    }
    return object;
}

static enum rn_status print_json(const struct rn_show *show, const struct rn_lineage *lineage,
                                 struct rn_error *error)
{
    json_t *document = rn_json_out_new("reenact.lineage/1");
    json_t *links = json_array();
    for (const struct rn_lineage_link *link = lineage->links; link != NULL; link = link->next) {
        json_t *object = json_object();
        rn_json_out_u32(object, "event", link->n);
        rn_json_out_text(object, "in", link->in_answer ? "answer" : "request");
        rn_json_out_u32(object, "piece", link->piece);
        rn_json_out_bytes(object, "role", link->role);
        rn_json_out_u64(object, "characters", link->characters);
        rn_json_out_u64(object, "bytes", link->bytes);
        rn_json_out_bytes(object, "excerpt", link->excerpt);
        (void)json_object_set_new(object, "source", source_json(link->source));
        if (json_array_append_new(links, object) != 0) {
            rn_json_out_short();
        }
    }
    rn_json_out_trace_id(document, "trace", &show->summary.id);
    rn_json_out_u32(document, "documents", lineage->documents);
    rn_json_out_u32(document, "tools", lineage->tools);
    rn_json_out_u32(document, "answers", lineage->answers);
    rn_json_out_u32(document, "texts", lineage->pieces);
    rn_json_out_bool(document, "all", !lineage->is_full);
    rn_json_out_u32(document, "unread", lineage->unread);
    (void)json_object_set_new(document, "links", links);
    return rn_json_out_put(stdout, document) ? RN_OK
                                             : rn_fail(error, RN_IO, "cannot print the document");
}

enum rn_status rn_show_lineage(struct rn_show *show, bool as_json, struct rn_error *error)
{
    struct rn_lineage lineage;
    enum rn_status status =
        rn_lineage_make(show->store, &show->summary, RN_LINEAGE_BYTES_MAX, false, &lineage, error);
    show->damaged = status == RN_OK ? lineage.unread : show->damaged;
    if (status == RN_OK && as_json) {
        status = print_json(show, &lineage, error);
    } else if (status == RN_OK) {
        status = lineage.links != NULL ? print_table(show, &lineage) : RN_OK;
        tell(&lineage);
    }
    rn_lineage_free(&lineage);
    return status == RN_OK || error->text[0] != '\0'
               ? status
               : rn_fail(error, status, "cannot show what stands verbatim: %s",
                         rn_status_name(status));
}
