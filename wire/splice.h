/*
 * Small changes in a JSON text that leave every other byte as it is: order, blanks, number spelling, escapes, duplicates.
 *
 * A place is a member of the top object ("temperature") or, when it begins with a slash, a JSON pointer (RFC 6901).
 */
#ifndef RN_WIRE_SPLICE_H
#define RN_WIRE_SPLICE_H

#include "base/buffer.h"
#include "base/bytes.h"
#include "base/status.h"

enum rn_edit_kind { RN_EDIT_SET, RN_EDIT_UNSET, RN_EDIT_RENAME };

/* `value`: for SET JSON text, without regard to blanks around it; for RENAME the member's new name, as text. */
struct rn_edit {
    enum rn_edit_kind kind;
    struct rn_bytes place;
    struct rn_bytes value;
};

/*
 * Appends `body` with the edits applied one after the other. SET replaces, or adds a member at the end of its object (with the
 * blanks of its neighbour) and, by the segment "-", an element at the end of its array; UNSET and RENAME of what is not there
 * change nothing. `applied` (one bool per edit, may be NULL) says which changed something: a SET to the very same text did not.
 *
 * RN_INVALID with a sentence: no JSON, the place leads through something that is no object or array, a SET whose parent or array
 * element is not there, a value that is no JSON or would nest deeper than RN_JSON_DEPTH_MAX, a member that stands twice, a new
 * name that is there already, the name of an array's element. RN_LIMIT: beyond the maximum of `out`. RN_NOMEM. `out` is then as
 * it was. `body` must not lie in `out`. One pass and no tree: time and memory are linear in the text, for each edit.
 */
enum rn_status rn_splice(struct rn_bytes body, const struct rn_edit *edits, size_t count,
                         struct rn_buffer *out, bool *applied, struct rn_error *error);

#endif
