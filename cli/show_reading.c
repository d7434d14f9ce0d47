/* What an exchange was for, and which documents it gave, for `show TRACE:N`. What models say is in the bodies below it. */
#include "show.h"

#include <inttypes.h>

#include "printable.h"

#define LABEL_COLUMNS 11
#define DOCUMENTS_MAX 200u /* more of them are in --json */

static enum rn_status add_word(struct rn_buffer *out, const char *before, struct rn_bytes word)
{
    if (word.len == 0) {
        return RN_OK;
    }
    enum rn_status status = rn_buffer_addf(out, "%s", before);
    return status == RN_OK ? rn_printable(out, word, RN_PRINTABLE_LINE) : status;
}

/* "retrieval by qdrant, query policies" */
static enum rn_status add_kind(struct rn_buffer *out, const struct rn_reading *reading)
{
    enum rn_status status =
        rn_buffer_addf(out, "%-*s %s by %s", LABEL_COLUMNS, "reading",
                       rn_reading_kind_name(reading->kind), rn_dialect_name(reading->dialect));
    status = status == RN_OK ? add_word(out, " ", reading->service) : status;
    status = status == RN_OK ? add_word(out, ", ", reading->operation) : status;
    status = status == RN_OK ? add_word(out, " ", reading->target) : status;
    status = status == RN_OK && reading->unread ? rn_buffer_addf(out, ", read in part") : status;
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

static enum rn_status add_error(struct rn_buffer *out, const struct rn_reading *reading)
{
    if (reading->error.len == 0) {
        return RN_OK;
    }
    enum rn_status status = rn_buffer_addf(out, "%-*s ", LABEL_COLUMNS, "error");
    status = status == RN_OK ? rn_printable(out, reading->error, RN_PRINTABLE_LINE) : status;
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

/* "1  refund-v3  0.83 similarity  Refunds: Goods may be ..." as wide as the screen. */
static enum rn_status add_document(struct rn_buffer *out, const struct rn_show *show,
                                   const struct rn_document *document, bool many_queries)
{
    struct rn_buffer line = {0};
    enum rn_status status =
        many_queries ? rn_buffer_addf(&line, "%" PRIu32 ".", document->query + 1) : RN_OK;
    status = status == RN_OK ? rn_buffer_addf(&line, "%" PRIu32, document->rank) : status;
    const struct {
        const char *before;
        struct rn_bytes text;
    } parts[] = {{"  ", document->id},
                 {" in ", document->collection},
                 {"  ", document->score},
                 {" ", document->score_kind == RN_SCORE_NONE
                           ? RN_LIT("")
                           : rn_bytes_text(rn_score_kind_name(document->score_kind))},
                 {"  ", document->title},
                 {": ", document->text}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && status == RN_OK; i++) {
        if (parts[i].text.len > 0) {
            status = rn_buffer_addf(&line, "%s", parts[i].before);
            status = status == RN_OK ? rn_buffer_add(&line, parts[i].text) : status;
        }
    }
    status = status == RN_OK ? rn_printable_short(out, rn_buffer_bytes(&line), rn_show_width(show))
                             : status;
    rn_buffer_free(&line);
    return status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
}

enum rn_status rn_show_documents(struct rn_buffer *out, const struct rn_show *show,
                                 const struct rn_reading *reading)
{
    const struct rn_document *first = reading->documents;
    bool many_queries = false;
    uint32_t count = 0;
    enum rn_status status = RN_OK;
    if (first == NULL) {
        return RN_OK;
    }
    for (const struct rn_document *each = first; each != NULL; each = each->next) {
        many_queries = many_queries || each->query > 0;
        count++;
    }
    status = rn_buffer_add_byte(out, '\n');
    status = status == RN_OK
                 ? rn_screen_paint(out, show->screen.colour, RN_PAINT_BOLD, RN_LIT("--- documents"))
                 : status;
    status = status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
    uint32_t shown = 0;
    for (const struct rn_document *each = first;
         each != NULL && shown < DOCUMENTS_MAX && status == RN_OK; each = each->next) {
        status = add_document(out, show, each, many_queries);
        shown++;
    }
    return status == RN_OK && count > shown
               ? rn_buffer_addf(out, "... and %" PRIu32 " more; --json has them\n", count - shown)
               : status;
}

enum rn_status rn_show_reading(struct rn_buffer *out, const struct rn_reading *reading)
{
    if (reading->dialect == RN_DIALECT_NONE) {
        return RN_OK;
    }
    enum rn_status status = add_kind(out, reading);
    return status == RN_OK ? add_error(out, reading) : status;
}
