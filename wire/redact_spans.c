/*
 * Spans: collecting, ordering and uniting them, and writing placeholders over them. Knows nothing of credentials.
 */
#include "redact_parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

void rn_spans_free(struct rn_spans *spans)
{
    rn_free(spans->at);
    *spans = (struct rn_spans){.at = NULL};
}

enum rn_status rn_spans_add(struct rn_spans *spans, size_t begin, size_t end,
                            enum rn_secret_kind kind)
{
    assert(begin < end);
    if (spans->count == spans->cap) {
        size_t cap = spans->cap == 0 ? 8 : spans->cap * 2;
        struct rn_span *grown = rn_realloc(spans->at, cap * sizeof *grown);
        if (grown == NULL) {
            return RN_NOMEM;
        }
        spans->at = grown;
        spans->cap = cap;
    }
    spans->at[spans->count++] = (struct rn_span){.offset = begin, .len = end - begin, .kind = kind};
    return RN_OK;
}

static int compare_spans(const void *left, const void *right)
{
    const struct rn_span *a = left;
    const struct rn_span *b = right;
    if (a->offset != b->offset) {
        return a->offset < b->offset ? -1 : 1;
    }
    return (a->len > b->len) - (a->len < b->len);
}

static void unite(struct rn_spans *spans)
{
    size_t kept = 0;
    for (size_t i = 0; i < spans->count; i++) {
        struct rn_span span = spans->at[i];
        struct rn_span *last = kept == 0 ? NULL : &spans->at[kept - 1];
        if (last == NULL || span.offset >= last->offset + last->len) {
            spans->at[kept++] = span;
            continue;
        }
        size_t end = span.offset + span.len;
        if (end > last->offset + last->len) {
            last->len = end - last->offset;
        }
        /* What a name says is more than what a search found. */
        last->kind = span.kind < last->kind ? span.kind : last->kind;
    }
    spans->count = kept;
}

void rn_spans_finish(struct rn_spans *spans, struct rn_bytes text)
{
    bool sorted = true;
    for (size_t i = 1; sorted && i < spans->count; i++) {
        sorted = compare_spans(&spans->at[i - 1], &spans->at[i]) <= 0;
    }
    if (!sorted) {
        qsort(spans->at, spans->count, sizeof *spans->at, compare_spans);
    }
    unite(spans);
    for (size_t i = 0; i < spans->count; i++) {
        struct rn_span *span = &spans->at[i];
        size_t limit = i + 1 < spans->count ? spans->at[i + 1].offset : text.len;
        while (span->len >= RN_CREDENTIAL_BYTES_MIN && span->len < RN_FOUND_BYTES_MAX &&
               span->offset + span->len < limit && text.data[span->offset + span->len] == 'x') {
            span->len++;
        }
    }
}

void rn_redact_apply(uint8_t *bytes, const struct rn_spans *spans)
{
    const size_t fixed = sizeof RN_PLACEHOLDER - 1;
    for (size_t i = 0; i < spans->count; i++) {
        uint8_t *at = bytes + spans->at[i].offset;
        size_t len = spans->at[i].len;
        memset(at, 'x', len);
        if (len >= fixed) {
            memcpy(at, RN_PLACEHOLDER, fixed);
        }
    }
}

void rn_scan_found(struct rn_scan *scan, size_t begin, size_t end, enum rn_secret_kind kind)
{
    for (size_t at = begin; scan->is_lines && at < end; at++) {
        if (scan->text.data[at] == '\r' || scan->text.data[at] == '\n') {
            end = at;
        }
    }
    if (scan->status == RN_OK && begin < end) {
        scan->status = rn_spans_add(scan->spans, begin, end, kind);
    }
}

void rn_scan_open(struct rn_scan *scan, size_t begin)
{
    scan->open = begin < scan->open ? begin : scan->open;
}
