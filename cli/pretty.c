/* Walks tokens of wire/json.h and writes them with line ends between; no value is interpreted. */
#include "pretty.h"

#include "printable.h"
#include "wire/json.h"

static enum rn_status new_line(struct rn_buffer *out, unsigned depth)
{
    return rn_buffer_addf(out, "\n%*s", (int)(depth * 2), "");
}

/* Where the writer is between two tokens. */
struct place {
    unsigned depth;
    bool first;     /* nothing stands in this object or array yet */
    bool after_key; /* the value belongs on the key's line */
};

static enum rn_status separate(struct rn_buffer *out, struct place *place, enum rn_json_token token)
{
    bool ends = token == RN_JSON_OBJECT_END || token == RN_JSON_ARRAY_END;
    enum rn_status status = RN_OK;
    if (ends) {
        place->depth--;
        status = place->first ? RN_OK : new_line(out, place->depth);
    } else if (!place->after_key && place->depth > 0) {
        status = place->first ? RN_OK : rn_buffer_add_byte(out, ',');
        status = status == RN_OK ? new_line(out, place->depth) : status;
    }
    place->first = false;
    place->after_key = false;
    return status;
}

static enum rn_status put_token(struct rn_buffer *out, struct place *place,
                                enum rn_json_token token, struct rn_bytes text)
{
    enum rn_status status = separate(out, place, token);
    if (status != RN_OK) {
        return status;
    }
    switch (token) {
    case RN_JSON_OBJECT_BEGIN:
    case RN_JSON_ARRAY_BEGIN:
        place->depth++;
        place->first = true;
        return rn_buffer_add_byte(out, token == RN_JSON_OBJECT_BEGIN ? '{' : '[');
    case RN_JSON_OBJECT_END:
        return rn_buffer_add_byte(out, '}');
    case RN_JSON_ARRAY_END:
        return rn_buffer_add_byte(out, ']');
    case RN_JSON_KEY:
        place->after_key = true;
        status = rn_printable(out, text, RN_PRINTABLE_LINE);
        return status == RN_OK ? rn_buffer_add(out, RN_LIT(": ")) : status;
    case RN_JSON_TRUE:
        return rn_buffer_add(out, RN_LIT("true"));
    case RN_JSON_FALSE:
        return rn_buffer_add(out, RN_LIT("false"));
    case RN_JSON_NULL:
        return rn_buffer_add(out, RN_LIT("null"));
    default:
        return rn_printable(out, text, RN_PRINTABLE_LINE);
    }
}

enum rn_status rn_pretty_json(struct rn_buffer *out, struct rn_bytes in)
{
    struct rn_json_reader reader;
    struct place place = {0, true, false};
    size_t before = out->len;
    rn_json_begin(&reader, in);
    for (;;) {
        struct rn_bytes text = {NULL, 0};
        enum rn_json_token token = rn_json_next(&reader, &text);
        if (token == RN_JSON_END) {
            return rn_buffer_add_byte(out, '\n');
        }
        enum rn_status status =
            token == RN_JSON_FAULT ? RN_INVALID : put_token(out, &place, token, text);
        if (status != RN_OK) {
            out->len = before;
            return status;
        }
    }
}

enum rn_status rn_pretty_hex(struct rn_buffer *out, struct rn_bytes in, size_t limit)
{
    enum rn_status status = RN_OK;
    in = rn_bytes_sub(in, 0, limit);
    for (size_t at = 0; at < in.len && status == RN_OK; at += 16) {
        struct rn_bytes row = rn_bytes_sub(in, at, 16);
        status = rn_buffer_addf(out, "%08zx ", at);
        for (size_t i = 0; i < 16 && status == RN_OK; i++) {
            status = i < row.len ? rn_buffer_addf(out, " %02x", row.data[i])
                                 : rn_buffer_addf(out, "   ");
        }
        status = status == RN_OK ? rn_buffer_addf(out, "  ") : status;
        for (size_t i = 0; i < row.len && status == RN_OK; i++) {
            bool visible = row.data[i] >= 0x20 && row.data[i] < 0x7f;
            status = rn_buffer_add_byte(out, visible ? row.data[i] : '.');
        }
        status = status == RN_OK ? rn_buffer_add_byte(out, '\n') : status;
    }
    return status;
}
