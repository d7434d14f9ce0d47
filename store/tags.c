/* Tags and changes to them (tags.h). Pure. */
#include "tags.h"

#include "base/varint.h"

static struct rn_bytes key_of(struct rn_bytes tag)
{
    return rn_bytes_sub(tag, 0, rn_bytes_find_byte(tag, '='));
}

static bool speaks_of(struct rn_bytes changes, struct rn_bytes key)
{
    struct rn_bytes change;
    while (rn_run_get(&changes, &change)) {
        if (rn_bytes_equal(key_of(change), key)) {
            return true;
        }
    }
    return false;
}

enum rn_status rn_tags_change(struct rn_bytes tags, struct rn_bytes changes, struct rn_buffer *out)
{
    struct rn_bytes rest = changes;
    struct rn_bytes tag;
    enum rn_status status = RN_OK;
    while (status == RN_OK && rn_run_get(&tags, &tag)) {
        status = speaks_of(changes, key_of(tag)) ? RN_OK : rn_run_put(out, tag);
    }
    while (status == RN_OK && rn_run_get(&rest, &tag)) {
        bool is_given = rn_bytes_find_byte(tag, '=') != RN_NPOS && !speaks_of(rest, key_of(tag));
        status = is_given ? rn_run_put(out, tag) : RN_OK;
    }
    return status;
}
