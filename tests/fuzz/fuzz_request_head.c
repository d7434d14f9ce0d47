/*
 * Request heads from strangers. Whatever is accepted must be made of its own parts, must not depend on what follows it,
 * and must ask for more when it is one byte shorter.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "wire/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rn_http_head head;
static struct rn_http_head again;

static void require(bool good)
{
    if (!good) {
        abort();
    }
}

static bool inside(struct rn_bytes part, struct rn_bytes whole)
{
    return part.data >= whole.data && part.data + part.len <= whole.data + whole.len;
}

/* Start line, field lines and the empty line follow one another without a gap, and no part holds what it may not. */
static void check_parts(void)
{
    const uint8_t *at = head.raw.data;
    require(head.start_line.data == at);
    at += head.start_line.len + 2;
    require(inside(head.method, head.start_line) && inside(head.target, head.start_line));
    require(head.method.len > 0 && head.target.len > 0);
    require(head.field_count <= RN_HEAD_FIELDS_MAX);
    for (unsigned i = 0; i < head.field_count; i++) {
        struct rn_http_field split;
        const struct rn_http_field *field = &head.fields[i];
        require(field->line.data == at && field->name.len > 0);
        require(inside(field->name, field->line) && inside(field->value, field->line));
        require(rn_bytes_find_byte(field->line, '\n') == field->line.len - 1);
        require(rn_bytes_find_byte(field->line, '\r') == field->line.len - 2);
        require(rn_bytes_find_byte(field->line, '\0') == RN_NPOS);
        require(rn_http_field_split(field->line, &split));
        require(split.name.len == field->name.len && split.value.len == field->value.len);
        at += field->line.len;
    }
    require(at + 2 == head.raw.data + head.raw.len);
}

/* What smuggling lives on. */
static void check_framing(void)
{
    unsigned lengths = rn_http_count(&head, RN_LIT("content-length"));
    unsigned codings = rn_http_count(&head, RN_LIT("transfer-encoding"));
    require(lengths + codings <= 1);
    require((head.framing == RN_FRAMING_LENGTH) == (lengths == 1));
    require((head.framing == RN_FRAMING_CHUNKED) == (codings == 1));
    require(head.framing != RN_FRAMING_CLOSE);
    require(rn_http_count(&head, RN_LIT("host")) == 1 || head.version_minor == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t skipped = 0;
    size_t skipped_again = 0;
    struct rn_bytes in = {data, size};
    struct rn_http_fault fault = {0, 0, NULL};
    enum rn_http_step step = rn_http_request_parse(in, &head, &skipped, &fault);
    require((fault.reason != NULL) == (step != RN_HTTP_DONE && step != RN_HTTP_MORE));
    require(fault.offset <= size);
    if (step != RN_HTTP_DONE) {
        return 0;
    }
    check_parts();
    check_framing();
    size_t used = skipped + head.raw.len;
    require(used <= size && head.raw.data == data + skipped);
    require(rn_http_request_parse(rn_bytes_sub(in, 0, used), &again, &skipped_again, NULL) ==
            RN_HTTP_DONE);
    require(again.field_count == head.field_count && again.framing == head.framing);
    require(rn_http_request_parse(rn_bytes_sub(in, 0, used - 1), &again, &skipped_again, NULL) ==
            RN_HTTP_MORE);
    return 0;
}
