/*
 * Chunked bodies (RFC 9112 7.1), taken apart as they arrive.
 *
 * In come pieces cut anywhere, out go the data as it lies in them, the border behind each chunk, and at last the raw
 * trailer lines. Nothing but trailers is kept. Strict: CRLF only, sizes of at most 16 digits, the CRLF behind the data
 * checked; a fault is for ever. Where the pieces are cut never changes what is said.
 */
#include "http.h"

#include <assert.h>
#include <string.h>

#include "http_field.h"

#define SIZE_DIGITS_MAX 16

enum {
    SIZE = 0,  /* the digits */
    BLANK,     /* blanks between size and ';', which RFC 9112 7.1.1 allows there only */
    EXTENSION, /* behind ';' */
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER,
    END,
    BAD,
    TOO_LARGE,
};

static enum rn_chunk_step bad(struct rn_chunk_decoder *decoder, const char *fault)
{
    decoder->state = BAD;
    decoder->fault = fault;
    return RN_CHUNK_BAD;
}

static enum rn_chunk_step too_large(struct rn_chunk_decoder *decoder, const char *fault)
{
    decoder->state = TOO_LARGE;
    decoder->fault = fault;
    return RN_CHUNK_TOO_LARGE;
}

static void drop(struct rn_bytes *in, size_t count)
{
    in->data += count;
    in->len -= count;
}

static int digit_value(uint8_t byte)
{
    uint8_t low = rn_byte_lower(byte);
    if (low >= '0' && low <= '9') {
        return low - '0';
    }
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/* RN_CHUNK_MORE means here: nothing to say yet, go on with the next state. */
static enum rn_chunk_step take_size(struct rn_chunk_decoder *decoder, struct rn_bytes *in)
{
    uint8_t byte = in->data[0];
    int value = digit_value(byte);
    if (value >= 0) {
        if (decoder->digits == SIZE_DIGITS_MAX) {
            return bad(decoder, "a chunk size of more than 16 digits");
        }
        if (decoder->digits == 0) {
            decoder->chunk_bytes = 0;
            decoder->extension_bytes = 0;
        }
        decoder->chunk_bytes = decoder->chunk_bytes << 4 | (unsigned)value;
        decoder->digits++;
    } else if (decoder->digits == 0) {
        return bad(decoder, "no chunk size where one must stand");
    } else if (byte == '\r') {
        decoder->state = SIZE_LF;
    } else if (byte == ';') {
        decoder->state = EXTENSION;
    } else if (byte == ' ' || byte == '\t') {
        decoder->state = BLANK;
        decoder->extension_bytes++;
    } else {
        return bad(decoder, "an illegal byte in a chunk size");
    }
    drop(in, 1);
    return RN_CHUNK_MORE;
}

static enum rn_chunk_step take_extension(struct rn_chunk_decoder *decoder, struct rn_bytes *in)
{
    uint8_t byte = in->data[0];
    if (decoder->state == BLANK && byte == ';') {
        decoder->state = EXTENSION;
    } else if (decoder->state == BLANK && byte != ' ' && byte != '\t') {
        return bad(decoder, "a blank behind a chunk size");
    } else if (byte == '\r') {
        decoder->state = SIZE_LF;
    } else if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
        return bad(decoder, "a control character in a chunk extension");
    } else if (decoder->extension_bytes == RN_CHUNK_EXTENSION_BYTES_MAX) {
        return too_large(decoder, "chunk extensions of more than 4 KiB");
    } else {
        decoder->extension_bytes++;
    }
    drop(in, 1);
    return RN_CHUNK_MORE;
}

static enum rn_chunk_step take_size_lf(struct rn_chunk_decoder *decoder, struct rn_bytes *in)
{
    if (in->data[0] != '\n') {
        return bad(decoder, "a carriage return without line feed behind a chunk size");
    }
    drop(in, 1);
    decoder->digits = 0;
    decoder->left = decoder->chunk_bytes;
    decoder->state = decoder->left == 0 ? TRAILER : DATA;
    return RN_CHUNK_MORE;
}

static enum rn_chunk_step take_data(struct rn_chunk_decoder *decoder, struct rn_bytes *in,
                                    struct rn_bytes *data)
{
    assert(decoder->left > 0);
    size_t len = decoder->left < in->len ? (size_t)decoder->left : in->len;
    *data = (struct rn_bytes){in->data, len};
    drop(in, len);
    decoder->left -= len;
    if (decoder->left == 0) {
        decoder->state = DATA_CR;
    }
    return RN_CHUNK_DATA;
}

static enum rn_chunk_step take_data_end(struct rn_chunk_decoder *decoder, struct rn_bytes *in)
{
    bool first = decoder->state == DATA_CR;
    if (in->data[0] != (first ? '\r' : '\n')) {
        return bad(decoder, "a chunk whose data is not followed by CRLF");
    }
    drop(in, 1);
    decoder->state = first ? DATA_LF : SIZE;
    return first ? RN_CHUNK_MORE : RN_CHUNK_BORDER;
}

/* The last line of the trailer buffer, which ends it. */
static struct rn_bytes last_line(const struct rn_buffer *trailers)
{
    assert(trailers->len > 0 && trailers->data[trailers->len - 1] == '\n');
    const uint8_t *before = memrchr(trailers->data, '\n', trailers->len - 1);
    size_t begin = before == NULL ? 0 : (size_t)(before - trailers->data) + 1;
    return (struct rn_bytes){trailers->data + begin, trailers->len - begin};
}

static enum rn_chunk_step judge_trailer(struct rn_chunk_decoder *decoder)
{
    struct rn_http_field field;
    struct rn_http_fault fault;
    struct rn_bytes line = last_line(&decoder->trailers);
    if (rn_bytes_equal(line, RN_LIT("\r\n"))) {
        decoder->trailers.len -= line.len;
        decoder->state = END;
        return RN_CHUNK_END;
    }
    if (rn_http_field_read(line, &field, &fault) != RN_HTTP_DONE) {
        return bad(decoder, "a malformed trailer");
    }
    if (decoder->trailers.len > RN_TRAILER_BYTES_MAX) {
        return too_large(decoder, "trailers of more than 16 KiB");
    }
    return RN_CHUNK_MORE;
}

/* The buffer has room for the empty line behind trailers of the largest size. */
static enum rn_chunk_step take_trailer(struct rn_chunk_decoder *decoder, struct rn_bytes *in)
{
    size_t feed = rn_bytes_find_byte(*in, '\n');
    size_t len = feed == RN_NPOS ? in->len : feed + 1;
    decoder->trailers.max = RN_TRAILER_BYTES_MAX + 2;
    enum rn_status status = rn_buffer_append(&decoder->trailers, in->data, len);
    if (status != RN_OK) {
        return too_large(decoder, status == RN_LIMIT ? "trailers of more than 16 KiB"
                                                     : "no memory for the trailers");
    }
    drop(in, len);
    return feed == RN_NPOS ? RN_CHUNK_MORE : judge_trailer(decoder);
}

static enum rn_chunk_step take(struct rn_chunk_decoder *decoder, struct rn_bytes *in,
                               struct rn_bytes *data)
{
    switch (decoder->state) {
    case SIZE:
        return take_size(decoder, in);
    case BLANK:
    case EXTENSION:
        return take_extension(decoder, in);
    case SIZE_LF:
        return take_size_lf(decoder, in);
    case DATA:
        return take_data(decoder, in, data);
    case DATA_CR:
    case DATA_LF:
        return take_data_end(decoder, in);
    default:
        assert(decoder->state == TRAILER);
        return take_trailer(decoder, in);
    }
}

enum rn_chunk_step rn_chunk_next(struct rn_chunk_decoder *decoder, struct rn_bytes *in,
                                 struct rn_bytes *data)
{
    enum rn_chunk_step step = RN_CHUNK_MORE;
    *data = (struct rn_bytes){NULL, 0};
    if (decoder->state >= END) {
        return decoder->state == END   ? RN_CHUNK_END
               : decoder->state == BAD ? RN_CHUNK_BAD
                                       : RN_CHUNK_TOO_LARGE;
    }
    while (step == RN_CHUNK_MORE && in->len > 0) {
        step = take(decoder, in, data);
    }
    return step;
}

void rn_chunk_decoder_free(struct rn_chunk_decoder *decoder)
{
    rn_buffer_free(&decoder->trailers);
}

size_t rn_chunk_head(uint64_t len, char out[20])
{
    static const char digits[] = "0123456789abcdef";
    size_t count = 1;
    while (count < SIZE_DIGITS_MAX && len >> (4 * count) != 0) {
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = digits[len >> (4 * (count - 1 - i)) & 15];
    }
    out[count] = '\r';
    out[count + 1] = '\n';
    return count + 2;
}
