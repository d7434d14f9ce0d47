/* A trace's tags as runs "k=v", and changes to them: "k=v" gives a key its value, "k" takes it away. Private to store/. */
#ifndef RN_STORE_TAGS_H
#define RN_STORE_TAGS_H

#include "base/buffer.h"

/* Appends the tags as they are after the changes: what stays in its order, then what was given. The last change of a key counts. */
enum rn_status rn_tags_change(struct rn_bytes tags, struct rn_bytes changes, struct rn_buffer *out);

#endif
