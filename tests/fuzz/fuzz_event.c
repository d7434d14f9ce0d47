/*
 * A stranger's event, by itself: what the msgpack decoder accepts is one event with one encoding, a refusal has a sentence, and
 * numbers and runs in its fields are walked without leaving them.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/varint.h"
#include "store/event.h"
#include "store/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool truth)
{
    if (!truth) {
        abort();
    }
}

static void check_same(const struct rn_event *a, const struct rn_event *b)
{
    require(a->fields == b->fields && a->erased == b->erased);
    require(a->class == b->class && a->n == b->n);
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        require(rn_bytes_equal(rn_event_get(a, tag), rn_event_get(b, tag)));
    }
}

/* Numbers and runs of a stranger are walked to where they end or break. */
static void walk(const struct rn_event *event)
{
    for (unsigned tag = 1; tag < RN_TAG_LIMIT; tag++) {
        struct rn_bytes numbers = rn_event_get(event, tag);
        struct rn_bytes runs = numbers;
        struct rn_bytes run;
        uint64_t value;
        size_t left = numbers.len + 1;
        while (numbers.len > 0 && rn_varint_get(&numbers, &value)) {
            require(numbers.len < left);
            left = numbers.len;
        }
        left = runs.len + 1;
        while (runs.len > 0 && rn_run_get(&runs, &run)) {
            require(runs.len < left && run.len < left);
            left = runs.len;
        }
    }
    (void)rn_event_kind_name(rn_event_kind_of(event));
    (void)rn_end_name(rn_event_end_of(event));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct rn_arena arena = {0};
    struct rn_event event = {0};
    struct rn_event again = {0};
    struct rn_buffer once = {0};
    struct rn_buffer twice = {0};
    struct rn_error error = {.text = ""};
    enum rn_status status = rn_event_decode(rn_bytes_of(data, size), &arena, &event, &error);
    require(status == RN_OK || error.text[0] != '\0');
    if (status == RN_OK) {
        require(rn_event_encode(&event, &once) == RN_OK);
        require(rn_event_decode(rn_buffer_bytes(&once), &arena, &again, NULL) == RN_OK);
        check_same(&event, &again);
        require(rn_event_encode(&again, &twice) == RN_OK);
        require(rn_bytes_equal(rn_buffer_bytes(&once), rn_buffer_bytes(&twice)));
        walk(&event);
    }
    rn_buffer_free(&twice);
    rn_buffer_free(&once);
    rn_arena_free(&arena);
    return 0;
}
