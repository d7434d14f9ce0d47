/*
 * Files of pointer rules from strangers: up to a zero byte the file, up to the next a request, then an answer. What is accepted
 * must have a name and must read any exchange without breaking; what is refused must say why.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "wire/reading_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
    if (!good) {
        abort();
    }
}

static struct rn_bytes take(struct rn_bytes *in)
{
    struct rn_bytes part = rn_bytes_sub(*in, 0, rn_bytes_find_byte(*in, 0));
    *in = rn_bytes_from(*in, part.len + 1);
    return part;
}

static unsigned sum(struct rn_bytes bytes)
{
    unsigned total = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        total += bytes.data[i];
    }
    return total;
}

static void read_by(const struct rn_reading_rules *rules, struct rn_bytes request,
                    struct rn_bytes answer)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    const struct rn_reading_input input = {.method = RN_LIT("POST"),
                                           .target = RN_LIT("/v1/a%20b/lookup?q=1"),
                                           .upstream = RN_LIT("rag"),
                                           .request_body = request,
                                           .status = 200,
                                           .response_body = answer,
                                           .rules = rules};
    enum rn_status status = rn_reading_make(&arena, &input, &reading, NULL);
    require(status == RN_OK || status == RN_INVALID);
    if (reading.dialect == RN_DIALECT_RULE) {
        require(reading.service.len > 0);
    }
    unsigned total = sum(reading.operation) + sum(reading.target) + sum(reading.model_asked);
    for (const struct rn_document *each = reading.documents; each != NULL; each = each->next) {
        total += sum(each->id) + sum(each->score) + sum(each->title) + sum(each->text);
    }
    require(total < 0xffffffffu); /* the sums are used */
    rn_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_bytes in = rn_bytes_of(data, size);
    struct rn_bytes file = take(&in);
    struct rn_bytes request = take(&in);
    struct rn_reading_rules *rules = NULL;
    struct rn_error error = {.status = RN_OK, .text = ""};
    enum rn_status status = rn_reading_rules_parse(file, "rules.json", &rules, &error);
    require(status == RN_OK || (status == RN_INVALID && error.text[0] != '\0' && rules == NULL));
    if (status == RN_OK) {
        read_by(rules, request, in);
    }
    rn_reading_rules_free(rules);
    return 0;
}
