/* Asks the terminal and the environment once per call; writes escape sequences for colour and nothing else. */
#include "screen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static bool progress_shown;

static unsigned width_of(int descriptor, bool is_terminal)
{
    uint64_t columns = 0;
    const char *told = getenv("COLUMNS");
    if (told != NULL && rn_bytes_to_u64(rn_bytes_text(told), &columns) && columns > 0 &&
        columns < 10000) {
        return (unsigned)columns;
    }
    struct winsize size;
    memset(&size, 0, sizeof size);
    if (is_terminal && ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    return is_terminal ? 80 : 0;
}

struct rn_screen rn_screen_of(FILE *stream)
{
    struct rn_screen screen = {false, false, 0};
    int descriptor = fileno(stream);
    const char *no_colour = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    screen.is_terminal = isatty(descriptor) == 1;
    screen.colour = screen.is_terminal && (no_colour == NULL || no_colour[0] == '\0') &&
                    term != NULL && strcmp(term, "dumb") != 0;
    screen.width = width_of(descriptor, screen.is_terminal);
    return screen;
}

enum rn_status rn_screen_paint(struct rn_buffer *out, bool colour, enum rn_paint paint,
                               struct rn_bytes text)
{
    static const char *const begin[] = {"",         "\x1b[2m",  "\x1b[1m", "\x1b[31m",
                                        "\x1b[32m", "\x1b[33m", "\x1b[36m"};
    if (!colour || paint == RN_PAINT_NONE || text.len == 0) {
        return rn_buffer_add(out, text);
    }
    enum rn_status status = rn_buffer_add(out, rn_bytes_text(begin[paint]));
    status = status == RN_OK ? rn_buffer_add(out, text) : status;
    return status == RN_OK ? rn_buffer_add(out, RN_LIT("\x1b[0m")) : status;
}

void rn_screen_progress(const char *text)
{
    if (isatty(STDERR_FILENO) == 1) {
        (void)fprintf(stderr, "\r\x1b[K%s", text);
        (void)fflush(stderr);
        progress_shown = true;
    }
}

void rn_screen_progress_end(void)
{
    if (progress_shown) {
        (void)fprintf(stderr, "\r\x1b[K");
        (void)fflush(stderr);
        progress_shown = false;
    }
}

/* The same terminal, file or pipe: what is written to one stands behind what is written to the other. */
static bool is_same(int one, int other)
{
    struct stat a, b;
    return fstat(one, &a) == 0 && fstat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

void rn_screen_fresh_line(bool open, bool open_on_stderr)
{
    if (is_same(STDOUT_FILENO, STDERR_FILENO) ? open : open_on_stderr) {
        (void)fputc('\n', stderr);
    }
}

bool rn_screen_put(FILE *stream, struct rn_buffer *out)
{
    bool good = out->len == 0 || fwrite(out->data, 1, out->len, stream) == out->len;
    rn_buffer_clear(out);
    return good && ferror(stream) == 0;
}
