/* Quoting, and nothing about what the words mean. */
#include "shell.h"

#include <string.h>

#include "printable.h"

static bool is_letter(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_';
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_bare(struct rn_bytes word)
{
    for (size_t i = 0; i < word.len; i++) {
        uint8_t byte = word.data[i];
        if (!is_letter(byte) && !is_digit(byte) &&
            (byte == '\0' || strchr("@%+=:,./-", byte) == NULL)) {
            return false;
        }
    }
    return word.len > 0;
}

static enum rn_status put_quoted(struct rn_buffer *out, struct rn_bytes word)
{
    enum rn_status status = rn_buffer_add_byte(out, '\'');
    for (size_t i = 0; i < word.len && status == RN_OK; i++) {
        status = word.data[i] == '\'' ? rn_buffer_add(out, RN_LIT("'\\''"))
                                      : rn_buffer_add_byte(out, word.data[i]);
    }
    return status == RN_OK ? rn_buffer_add_byte(out, '\'') : status;
}

/* Octal, because an \x escape would swallow hex digits that follow it. */
static enum rn_status put_escaped(struct rn_buffer *out, struct rn_bytes word)
{
    enum rn_status status = rn_buffer_add(out, RN_LIT("$'"));
    for (size_t i = 0; i < word.len && status == RN_OK; i++) {
        uint8_t byte = word.data[i];
        if (byte == '\0') {
            return RN_INVALID;
        }
        if (byte == '\'' || byte == '\\') {
            status = rn_buffer_addf(out, "\\%c", byte);
        } else if (byte == '\n') {
            status = rn_buffer_add(out, RN_LIT("\\n"));
        } else if (byte < 0x20 || byte >= 0x7f) {
            status = rn_buffer_addf(out, "\\%03o", byte);
        } else {
            status = rn_buffer_add_byte(out, byte);
        }
    }
    return status == RN_OK ? rn_buffer_add_byte(out, '\'') : status;
}

enum rn_status rn_shell_word(struct rn_buffer *out, struct rn_bytes word)
{
    if (is_bare(word)) {
        return rn_buffer_add(out, word);
    }
    return rn_printable_is_plain(word) ? put_quoted(out, word) : put_escaped(out, word);
}

enum rn_status rn_shell_words(struct rn_buffer *out, char *const *argv)
{
    enum rn_status status = RN_OK;
    for (size_t i = 0; argv[i] != NULL && status == RN_OK; i++) {
        if (i > 0) {
            status = rn_buffer_add_byte(out, ' ');
        }
        status = status == RN_OK ? rn_shell_word(out, rn_bytes_text(argv[i])) : status;
    }
    return status;
}

bool rn_shell_is_name(struct rn_bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (!is_letter(name.data[i]) && !(i > 0 && is_digit(name.data[i]))) {
            return false;
        }
    }
    return name.len > 0;
}
