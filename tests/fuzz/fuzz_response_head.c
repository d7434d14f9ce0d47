/*
 * Response heads from strangers, for GET and for HEAD. Whatever is accepted must be made of its own parts, and the
 * method may change nothing but the framing.
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

static void check_parts(void)
{
    const uint8_t *at = head.start_line.data + head.start_line.len + 2;
    require(head.start_line.data == head.raw.data);
    require(head.status >= 100 && head.status <= 999);
    require(rn_bytes_ends_with(head.start_line, head.reason));
    for (unsigned i = 0; i < head.field_count; i++) {
        require(head.fields[i].line.data == at);
        at += head.fields[i].line.len;
    }
    require(at + 2 == head.raw.data + head.raw.len);
}

static void check_framing(void)
{
    bool bodiless = head.status < 200 || head.status == 204 || head.status == 304;
    require(rn_http_count(&head, RN_LIT("content-length")) +
                rn_http_count(&head, RN_LIT("transfer-encoding")) <=
            1);
    require((head.framing == RN_FRAMING_NONE) == bodiless);
    require(head.framing != RN_FRAMING_LENGTH || head.has_content_length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_bytes in = {data, size};
    struct rn_http_fault fault = {0, 0, NULL};
    enum rn_http_step step = rn_http_response_parse(in, RN_LIT("GET"), &head, &fault);
    require((fault.reason != NULL) == (step != RN_HTTP_DONE && step != RN_HTTP_MORE));
    require(fault.offset <= size);
    require(rn_http_response_parse(in, RN_LIT("HEAD"), &again, NULL) == step);
    if (step != RN_HTTP_DONE) {
        return 0;
    }
    check_parts();
    check_framing();
    require(again.framing == RN_FRAMING_NONE && again.field_count == head.field_count);
    require(again.has_content_length == head.has_content_length);
    require(rn_http_response_parse(rn_bytes_sub(in, 0, head.raw.len - 1), RN_LIT("GET"), &again,
                                   NULL) == RN_HTTP_MORE);
    return 0;
}
