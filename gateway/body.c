/*
 * A request as it gathers: raw head, then body, in one run of memory, and in a file where it is too much.
 *
 * In come pieces that connection.c has already taken out of their framing. What exceeds RN_REQUEST_BODY_BYTES_MAX is still
 * passed on whole, so it goes to an unlinked temporary file; the first bytes stay in memory for matching and recording.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "connection.h"

#include "base/file.h"
#include "base/memory.h"

/* Bodies announced above this grow as they come: an announcement alone must not cost memory. */
#define ANNOUNCED_BYTES_MAX ((uint64_t)256 * 1024)

enum rn_status rn_body_begin(struct rn_connection *connection, struct rn_bytes raw_head,
                             uint64_t body_bytes)
{
    uint64_t room = body_bytes < ANNOUNCED_BYTES_MAX ? body_bytes : ANNOUNCED_BYTES_MAX;
    struct rn_buffer *request = &connection->request;
    rn_buffer_free(request);
    /* Exactly as much as is needed: a handler may keep it for as long as its stream is open. */
    request->cap = raw_head.len + (size_t)room;
    request->data = rn_alloc(request->cap);
    if (request->data == NULL) {
        request->cap = 0;
        return RN_NOMEM;
    }
    connection->head_bytes = raw_head.len;
    connection->body_bytes = 0;
    return rn_buffer_add(request, raw_head);
}

static int open_temporary(void)
{
    const char *directory = getenv("TMPDIR");
    if (directory == NULL || directory[0] == '\0') {
        directory = "/tmp";
    }
    int descriptor = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (descriptor >= 0) {
        return descriptor;
    }
    char path[4096]; /* a filesystem without O_TMPFILE */
    int len = snprintf(path, sizeof path, "%s/reenact-XXXXXX", directory);
    if (len < 0 || (size_t)len >= sizeof path) {
        return -1;
    }
    descriptor = mkostemp(path, O_CLOEXEC);
    if (descriptor >= 0) {
        (void)unlink(path);
    }
    return descriptor;
}

static enum rn_status begin_spill(struct rn_connection *connection)
{
    int descriptor = open_temporary();
    if (descriptor < 0) {
        return RN_IO;
    }
    connection->exchange.spill = descriptor;
    struct rn_bytes kept =
        rn_bytes_from(rn_buffer_bytes(&connection->request), connection->head_bytes);
    return rn_file_write_all(descriptor, kept);
}

enum rn_status rn_body_add(struct rn_connection *connection, struct rn_bytes piece)
{
    size_t kept = connection->request.len - connection->head_bytes;
    enum rn_status status = RN_OK;
    if (connection->exchange.spill < 0 && piece.len > RN_REQUEST_BODY_BYTES_MAX - kept) {
        status = begin_spill(connection);
    }
    if (status == RN_OK && connection->exchange.spill >= 0) {
        status = rn_file_write_all(connection->exchange.spill, piece);
    }
    if (status == RN_OK) {
        connection->body_bytes += piece.len;
        status = rn_buffer_add(&connection->request,
                               rn_bytes_sub(piece, 0, RN_REQUEST_BODY_BYTES_MAX - kept));
    }
    return status;
}
