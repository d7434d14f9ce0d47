/* Kinds of streams, and their two fields: reader beside writer. Opens nothing. */
#include "streams.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/varint.h"
#include "pty.h"

#define FIELD_BYTES_MIN 7u /* three kinds, rows, columns */

static bool was_closed[3];

void rn_streams_fill(void)
{
    for (int i = 0; i < 3; i++) {
        if (fcntl(i, F_GETFD) < 0) {
            /* The lowest number is free, so it is this one; the wrong way round, so that using it fails as before. */
            was_closed[i] = open("/dev/null", i == 0 ? O_WRONLY : O_RDONLY) == i;
        }
    }
}

char rn_streams_kind(int descriptor)
{
    struct stat found;
    bool is_standard = descriptor >= 0 && descriptor < 3;
    if (fstat(descriptor, &found) != 0 || (is_standard && was_closed[descriptor])) {
        return '-';
    }
    if (isatty(descriptor) == 1) {
        return 't';
    }
    if (S_ISCHR(found.st_mode)) {
        return found.st_rdev == makedev(1, 3) ? 'n' : 'c';
    }
    return S_ISREG(found.st_mode) ? 'f' : S_ISSOCK(found.st_mode) ? 's' : 'p';
}

/* By the device behind it: /dev/tty is another name of a terminal. */
static bool is_same_terminal(int one, int other)
{
    unsigned device[2];
    return ioctl(one, TIOCGDEV, &device[0]) == 0 && ioctl(other, TIOCGDEV, &device[1]) == 0 &&
           device[0] == device[1];
}

/* While we are in the background it is as somebody else wants it: a shell that waits for a line has it without echo. */
static bool is_ours_now(int terminal)
{
    pid_t front = tcgetpgrp(terminal);
    return front < 0 || front == getpgrp();
}

struct rn_streams rn_streams_ours(void)
{
    struct rn_streams ours = {.manners = RN_PTY_MANNERS_USUAL};
    for (int i = 0; i < 3; i++) {
        ours.kinds[i] = rn_streams_kind(i);
        ours.same[i] = (uint8_t)i;
        for (int lower = i - 1; lower >= 0 && ours.kinds[i] == 't'; lower--) {
            if (ours.kinds[lower] == 't' && is_same_terminal(lower, i)) {
                ours.same[i] = (uint8_t)lower;
            }
        }
    }
    int terminal = rn_streams_terminal(&ours);
    if (terminal >= 0) {
        (void)rn_pty_size(terminal, &ours.rows, &ours.columns);
        ours.manners = is_ours_now(terminal) ? rn_pty_manners(terminal) : RN_PTY_MANNERS_USUAL;
    }
    return ours;
}

int rn_streams_terminal(const struct rn_streams *of)
{
    for (int i = 0; i < 3; i++) {
        if (of->kinds[i] == 't') {
            return i;
        }
    }
    return -1;
}

enum rn_status rn_streams_put(const struct rn_streams *of, const char *term, struct rn_buffer *out)
{
    const uint8_t size[] = {(uint8_t)(of->rows >> 8), (uint8_t)of->rows,
                            (uint8_t)(of->columns >> 8), (uint8_t)of->columns};
    enum rn_status status = rn_buffer_append(out, of->kinds, sizeof of->kinds);
    status = status == RN_OK ? rn_buffer_append(out, size, sizeof size) : status;
    return status == RN_OK ? rn_buffer_add(out, rn_bytes_text(term)) : status;
}

enum rn_status rn_streams_put_same(const struct rn_streams *of, struct rn_buffer *out)
{
    enum rn_status status = rn_buffer_append(out, of->same, sizeof of->same);
    return status == RN_OK ? rn_varint_put(out, of->manners) : status;
}

/* A stream stands for itself, or for a lower one that is a terminal and stands for itself. */
static bool is_sound(const struct rn_streams *of)
{
    for (size_t i = 0; i < 3; i++) {
        size_t same = of->same[i];
        if (strchr("tpfnsc-", of->kinds[i]) == NULL || of->kinds[i] == '\0' || same > i ||
            (same != i &&
             (of->kinds[i] != 't' || of->kinds[same] != 't' || of->same[same] != same))) {
            return false;
        }
    }
    return true;
}

bool rn_streams_get(struct rn_bytes field, struct rn_bytes streams, struct rn_streams *out,
                    struct rn_bytes *term)
{
    uint64_t manners;
    if (field.len < FIELD_BYTES_MIN || streams.len <= sizeof out->same) {
        return false;
    }
    memcpy(out->kinds, field.data, sizeof out->kinds);
    memcpy(out->same, streams.data, sizeof out->same);
    out->rows = (uint16_t)(field.data[3] << 8 | field.data[4]);
    out->columns = (uint16_t)(field.data[5] << 8 | field.data[6]);
    *term = rn_bytes_from(field, FIELD_BYTES_MIN);
    streams = rn_bytes_from(streams, sizeof out->same);
    if (!rn_varint_get(&streams, &manners) || manners > UINT32_MAX || streams.len > 0) {
        return false;
    }
    out->manners = (unsigned)manners;
    return is_sound(out);
}
