/*
 * Fields of a head that is parsed already: finding them, and the two lists that decide who they are for. Then what can be
 * read of a head that breaks the rules.
 *
 * Reading heads strictly is http.c's work.
 */
#include "http_field.h"

#include <string.h>

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

/* --- heads that break the rules ------------------------------------------------------------------------------------ */

static struct rn_bytes take_line(struct rn_bytes *rest)
{
    size_t end = rn_bytes_find_byte(*rest, '\n');
    struct rn_bytes line = rn_bytes_sub(*rest, 0, end == RN_NPOS ? rest->len : end + 1);
    *rest = rn_bytes_from(*rest, line.len);
    return line;
}

bool rn_http_response_skim(struct rn_bytes in, struct rn_http_head *head)
{
    struct rn_bytes rest = in;
    struct rn_bytes line = take_line(&rest);
    line.len -= rn_bytes_ends_with(line, RN_LIT("\n")) ? 1 : 0;
    line.len -= rn_bytes_ends_with(line, RN_LIT("\r")) ? 1 : 0;
    uint64_t status = 0;
    size_t blank = rn_bytes_find_byte(line, ' ');
    if (!rn_bytes_starts_with(line, RN_LIT("HTTP/")) || blank == RN_NPOS ||
        !rn_bytes_to_u64(rn_bytes_sub(line, blank + 1, 3), &status) || status < 100) {
        return false;
    }
    memset(head, 0, offsetof(struct rn_http_head, fields));
    head->raw = in;
    head->start_line = line;
    head->status = (unsigned)status;
    while (rest.len > 0 && head->field_count < RN_HEAD_FIELDS_MAX) {
        head->field_count +=
            rn_http_field_split(take_line(&rest), &head->fields[head->field_count]) ? 1 : 0;
    }
    return true;
}
