/*
 * Edits from strangers in JSON from strangers: kind, place, value and text, parted by zero bytes. What comes out is JSON
 * again, what was to be kept is there, and doing it twice does nothing more.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "wire/json.h"
#include "wire/splice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
    if (!good) {
        abort();
    }
}

static bool is_json(struct rn_bytes in)
{
    struct rn_json_reader reader;
    enum rn_json_token token;
    rn_json_begin(&reader, in);
    do {
        token = rn_json_next(&reader, NULL);
    } while (token != RN_JSON_END && token != RN_JSON_FAULT);
    return token == RN_JSON_END;
}

static struct rn_bytes take(struct rn_bytes *in)
{
    size_t border = rn_bytes_find_byte(*in, 0);
    struct rn_bytes part = rn_bytes_sub(*in, 0, border);
    *in = border == RN_NPOS ? rn_bytes_of(NULL, 0) : rn_bytes_from(*in, border + 1);
    return part;
}

/* A change lies between the brackets of the text. */
static void check_ends(struct rn_bytes old, struct rn_bytes new)
{
    size_t front = 0;
    size_t back = 0;
    while (front < old.len && front < new.len &&old.data[front] == new.data[front]) {
        front++;
    }
    while (back < old.len - front &&
           back < new.len - front &&old.data[old.len - 1 - back] == new.data[new.len - 1 - back]) {
        back++;
    }
    require(front > 0 && back > 0);
}

/* A second time: SET finds its own value, UNSET nothing, and of RENAME nothing is left to rename. */
static void check_twice(struct rn_bytes text, const struct rn_edit *edit)
{
    struct rn_buffer out = {0};
    bool applied = true;
    enum rn_status status = rn_splice(text, edit, 1, &out, &applied, NULL);
    bool is_end = rn_bytes_ends_with(edit->place, RN_LIT("/-"));
    bool is_element = edit->kind == RN_EDIT_UNSET; /* the next one moves up */
    require(status == RN_OK || edit->kind == RN_EDIT_SET);
    require(!applied || is_end || is_element);
    rn_buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum rn_edit_kind kinds[] = {RN_EDIT_SET, RN_EDIT_UNSET, RN_EDIT_RENAME};
    struct rn_buffer out = {0};
    struct rn_error error = {.text = ""};
    bool applied = false;
    if (size < 1) {
        return 0;
    }
    struct rn_bytes rest = rn_bytes_of(data + 1, size - 1);
    struct rn_edit edit = {.kind = kinds[data[0] % 3]};
    edit.place = take(&rest);
    edit.value = take(&rest);
    enum rn_status status = rn_splice(rest, &edit, 1, &out, &applied, &error);
    require(status == RN_OK || status == RN_INVALID);
    require((status == RN_OK) == (error.text[0] == '\0'));
    require(status == RN_INVALID ? out.len == 0 : is_json(rest) && is_json(rn_buffer_bytes(&out)));
    if (status == RN_OK) {
        require(applied != rn_bytes_equal(rn_buffer_bytes(&out), rest));
        if (applied) {
            check_ends(rest, rn_buffer_bytes(&out));
        }
        check_twice(rn_buffer_bytes(&out), &edit);
    }
    rn_buffer_free(&out);
    return 0;
}
