/*
 * Fields of a head that is parsed already: finding them, and the two lists that decide who they are for.
 *
 * Reading them from bytes is http.c's work.
 */
#include "http_field.h"

const struct rn_http_field *rn_http_find(const struct rn_http_head *head, struct rn_bytes name)
{
    for (unsigned i = 0; i < head->field_count; i++) {
        if (rn_bytes_equal_nocase(head->fields[i].name, name)) {
            return &head->fields[i];
        }
    }
    return NULL;
}

unsigned rn_http_count(const struct rn_http_head *head, struct rn_bytes name)
{
    unsigned count = 0;
    for (unsigned i = 0; i < head->field_count; i++) {
        count += rn_bytes_equal_nocase(head->fields[i].name, name) ? 1 : 0;
    }
    return count;
}

bool rn_http_is_hop_by_hop(struct rn_bytes name)
{
    static const struct rn_bytes names[] = {
        {(const uint8_t *)"connection", 10},
        {(const uint8_t *)"keep-alive", 10},
        {(const uint8_t *)"proxy-connection", 16},
        {(const uint8_t *)"transfer-encoding", 17},
        {(const uint8_t *)"te", 2},
        {(const uint8_t *)"upgrade", 7},
        {(const uint8_t *)"trailer", 7},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (rn_bytes_equal_nocase(name, names[i])) {
            return true;
        }
    }
    return false;
}

bool rn_http_list_has(struct rn_bytes value, struct rn_bytes token)
{
    while (value.len > 0) {
        size_t comma = rn_bytes_find_byte(value, ',');
        struct rn_bytes item = rn_bytes_trim(rn_bytes_sub(value, 0, comma));
        if (rn_bytes_equal_nocase(item, token)) {
            return true;
        }
        value = comma == RN_NPOS ? (struct rn_bytes){NULL, 0} : rn_bytes_from(value, comma + 1);
    }
    return false;
}
