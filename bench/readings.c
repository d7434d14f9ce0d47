/*
 * Readings of recorded traffic, for bench/readings: takes JSONL files of exchanges (the lines tests/corpus/play.py plays) and
 * prints what wire/ makes of each, a JSON object a line.
 *
 *   bench_readings FILE ...            the readings
 *   bench_readings --speed N FILE ...  N rounds over all bodies held in memory: MB/s of one core, per dialect
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "redact_parts.h"
#include "wire/coding.h"
#include "wire/json.h"
#include "wire/reading.h"

struct exchange {
    struct exchange *next;
    struct rn_reading_input input;
};

static void die(const char *what)
{
    fprintf(stderr, "bench_readings: %s\n", what);
    exit(2);
}

static void *must(void *memory)
{
    if (memory == NULL) {
        die("out of memory");
    }
    return memory;
}

/* --- in ------------------------------------------------------------------------------------------------------------ */

static struct rn_http_head *head_of(struct rn_arena *arena, const struct rn_json *fields)
{
    struct rn_http_head *head = must(rn_arena_alloc(arena, sizeof *head));
    const struct rn_json *each =
        fields != NULL && fields->kind == RN_JSON_ARRAY_BEGIN ? fields->child : NULL;
    for (; each != NULL && head->field_count < RN_HEAD_FIELDS_MAX; each = each->next) {
        head->fields[head->field_count++] =
            (struct rn_http_field){.name = rn_json_text(arena, rn_json_at(each, "/0")),
                                   .value = rn_json_text(arena, rn_json_at(each, "/1"))};
    }
    return head;
}

static struct rn_bytes field_of(const struct rn_http_head *head, struct rn_bytes name)
{
    const struct rn_http_field *field = rn_http_find(head, name);
    return field == NULL ? RN_LIT("") : field->value;
}

static struct rn_bytes body_of(struct rn_arena *arena, const struct rn_json *line, const char *name,
                               const char *coded)
{
    struct rn_buffer out = {0};
    const struct rn_json *base64 = rn_json_member(line, coded);
    struct rn_bytes body = rn_json_text(arena, rn_json_member(line, name));
    if (base64 != NULL && base64->kind == RN_JSON_STRING) {
        if (!rn_base64_decode(rn_json_text(arena, base64), &out)) {
            die("a body that is no base64");
        }
        body = rn_arena_copy(arena, rn_buffer_bytes(&out));
        rn_buffer_free(&out);
    }
    return body;
}

/* As rn_view does; what a cassette's author decoded already stays as it is. */
static struct rn_bytes without_coding(struct rn_arena *arena, const struct rn_http_head *head,
                                      struct rn_bytes body)
{
    struct rn_bytes coding = field_of(head, RN_LIT("content-encoding"));
    struct rn_buffer out;
    rn_buffer_init(&out, RN_DECODED_BYTES_MAX);
    if (!rn_coding_is_identity(coding) && rn_coding_decode(coding, body, &out, NULL) == RN_OK) {
        body = rn_arena_copy(arena, rn_buffer_bytes(&out));
    }
    rn_buffer_free(&out);
    return body;
}

/* Scheme and host say nothing here. */
static struct rn_bytes target_of(struct rn_bytes url)
{
    size_t scheme = rn_bytes_find(url, RN_LIT("://"));
    if (scheme == RN_NPOS) {
        return RN_LIT("");
    }
    url = rn_bytes_from(url, scheme + 3);
    size_t slash = rn_bytes_find_byte(url, '/');
    return slash == RN_NPOS ? RN_LIT("/") : rn_bytes_from(url, slash);
}

static struct rn_bytes upper(struct rn_arena *arena, struct rn_bytes text)
{
    char *copy = must(rn_arena_text(arena, text));
    for (size_t i = 0; i < text.len; i++) {
        copy[i] = (char)(copy[i] >= 'a' && copy[i] <= 'z' ? copy[i] - 32 : copy[i]);
    }
    return rn_bytes_of(copy, text.len);
}

static void take_line(struct rn_arena *arena, struct rn_bytes text, struct exchange ***tail)
{
    struct rn_json *line = NULL;
    struct rn_error error;
    if (rn_json_parse(arena, text, &line, NULL, &error) != RN_OK) {
        die(error.text);
    }
    struct rn_bytes target = target_of(rn_json_text(arena, rn_json_member(line, "url")));
    if (target.len == 0) {
        return; /* a tool of the application's own */
    }
    uint64_t status = 0;
    struct exchange *exchange = must(rn_arena_alloc(arena, sizeof *exchange));
    const struct rn_http_head *request = head_of(arena, rn_json_member(line, "req_headers"));
    const struct rn_http_head *response = head_of(arena, rn_json_member(line, "resp_headers"));
    const struct rn_json *number = rn_json_member(line, "status");
    (void)(number != NULL && rn_bytes_to_u64(number->raw, &status));
    exchange->input = (struct rn_reading_input){
        .method = upper(arena, rn_json_text(arena, rn_json_member(line, "method"))),
        .target = target,
        .request_head = request,
        .response_head = response,
        .request_body =
            without_coding(arena, request, body_of(arena, line, "req_body", "req_body_b64")),
        .status = (unsigned)status,
        .response_type = field_of(response, RN_LIT("content-type")),
        .response_body =
            without_coding(arena, response, body_of(arena, line, "resp_body", "resp_body_b64"))};
    **tail = exchange;
    *tail = &exchange->next;
}

static void take_file(struct rn_arena *arena, const char *path, struct exchange ***tail)
{
    struct rn_buffer text;
    rn_buffer_init(&text, (size_t)1 << 30);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(2);
    }
    static uint8_t piece[1 << 20];
    for (size_t len; (len = fread(piece, 1, sizeof piece, file)) > 0;) {
        if (rn_buffer_append(&text, piece, len) != RN_OK) {
            die("out of memory");
        }
    }
    fclose(file);
    struct rn_bytes rest = rn_arena_copy(arena, rn_buffer_bytes(&text));
    rn_buffer_free(&text);
    while (rest.len > 0) {
        struct rn_bytes line = rn_bytes_sub(rest, 0, rn_bytes_find_byte(rest, '\n'));
        rest = rn_bytes_from(rest, line.len + 1);
        take_line(arena, line, tail);
    }
}

/* --- out ----------------------------------------------------------------------------------------------------------- */

static void put_text(struct rn_buffer *out, const char *name, struct rn_bytes text)
{
    (void)rn_buffer_addf(out, ",\"%s\":", name);
    (void)rn_json_quote(text, out);
}

static void put_number(struct rn_buffer *out, const char *name, uint64_t value)
{
    (void)rn_buffer_addf(out, ",\"%s\":%llu", name, (unsigned long long)value);
}

static void put_said(struct rn_buffer *out, const char *name, const struct rn_said *said)
{
    static const char *const kinds[] = {"text", "call", "result", "refusal", "thinking", "other"};
    (void)rn_buffer_addf(out, ",\"%s\":[", name);
    for (const char *comma = ""; said != NULL; said = said->next, comma = ",") {
        (void)rn_buffer_addf(out, "%s{\"kind\":\"%s\"", comma, kinds[said->kind]);
        put_text(out, "role", said->role);
        put_text(out, "name", said->name);
        put_text(out, "id", said->id);
        put_text(out, "text", said->text);
        (void)rn_buffer_add_byte(out, '}');
    }
    (void)rn_buffer_add_byte(out, ']');
}

static void put_reading(const struct rn_reading *reading, const struct rn_error *error)
{
    struct rn_buffer out = {0};
    (void)rn_buffer_addf(&out, "{\"dialect\":\"%s\",\"kind\":\"%s\",\"finished\":\"%s\"",
                         rn_dialect_name(reading->dialect), rn_reading_kind_name(reading->kind),
                         rn_finish_name(reading->finished));
    put_text(&out, "model_asked", reading->model_asked);
    put_text(&out, "model_answered", reading->model_answered);
    put_text(&out, "operation", reading->operation);
    put_text(&out, "finish", reading->finish);
    put_text(&out, "error", reading->error);
    put_text(&out, "response_id", reading->response_id);
    put_text(&out, "continues", reading->continues);
    put_number(&out, "counted", reading->counted);
    put_number(&out, "in", reading->tokens_in);
    put_number(&out, "cached", reading->tokens_cached);
    put_number(&out, "cache_write", reading->tokens_cache_write);
    put_number(&out, "out", reading->tokens_out);
    put_number(&out, "reasoning", reading->tokens_reasoning);
    put_number(&out, "total", reading->tokens_total);
    (void)rn_buffer_addf(&out, ",\"streamed\":%s,\"complete\":%s,\"unread\":%s",
                         reading->streamed ? "true" : "false", reading->complete ? "true" : "false",
                         reading->unread ? "true" : "false");
    put_text(&out, "reason", rn_bytes_text(reading->unread ? error->text : ""));
    put_said(&out, "request", reading->request);
    put_said(&out, "response", reading->response);
    if (rn_buffer_addf(&out, "}\n") != RN_OK) {
        die("out of memory");
    }
    fwrite(out.data, 1, out.len, stdout);
    rn_buffer_free(&out);
}

static void print_all(const struct exchange *exchange)
{
    for (; exchange != NULL; exchange = exchange->next) {
        struct rn_arena arena = {0};
        struct rn_reading reading;
        struct rn_error error = {.status = RN_OK};
        if (rn_reading_make(&arena, &exchange->input, &reading, &error) == RN_NOMEM) {
            die("out of memory");
        }
        put_reading(&reading, &error);
        rn_arena_free(&arena);
    }
}

/* --- how fast ------------------------------------------------------------------------------------------------------ */

struct pace {
    uint64_t bytes;
    uint64_t ns;
    uint64_t calls;
};

static uint64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void read_once(const struct exchange *exchange, struct pace *paces)
{
    struct rn_arena arena = {0};
    struct rn_reading reading;
    uint64_t begin = cpu_ns();
    (void)rn_reading_make(&arena, &exchange->input, &reading, NULL);
    rn_arena_free(&arena);
    uint64_t took = cpu_ns() - begin;
    struct pace *pace = &paces[reading.dialect];
    pace->bytes += exchange->input.request_body.len + exchange->input.response_body.len;
    pace->ns += took;
    pace->calls++;
}

static void print_pace(const char *name, const struct pace *pace)
{
    if (pace->ns > 0) {
        printf("%-24s %8llu calls %10.1f MB %8.1f MB/s\n", name, (unsigned long long)pace->calls,
               (double)pace->bytes / 1e6, (double)pace->bytes * 1e3 / (double)pace->ns);
    }
}

static void measure(const struct exchange *first, unsigned long rounds)
{
    struct pace paces[RN_DIALECT_COUNT] = {{0}};
    struct pace all = {0};
    for (unsigned long round = 0; round < rounds; round++) {
        for (const struct exchange *exchange = first; exchange != NULL; exchange = exchange->next) {
            read_once(exchange, paces);
        }
    }
    for (int i = RN_DIALECT_NONE + 1; i < RN_DIALECT_COUNT; i++) {
        print_pace(rn_dialect_name((enum rn_dialect)i), &paces[i]);
        all.bytes += paces[i].bytes;
        all.ns += paces[i].ns;
        all.calls += paces[i].calls;
    }
    print_pace("all", &all);
}

int main(int argc, char **argv)
{
    struct rn_arena arena = {0};
    struct exchange *first = NULL;
    struct exchange **tail = &first;
    bool speed = argc > 2 && strcmp(argv[1], "--speed") == 0;
    unsigned long rounds = speed ? strtoul(argv[2], NULL, 10) : 0;
    for (int i = speed ? 3 : 1; i < argc; i++) {
        take_file(&arena, argv[i], &tail);
    }
    if (speed) {
        measure(first, rounds);
    } else {
        print_all(first);
    }
    rn_arena_free(&arena);
    return EXIT_SUCCESS;
}
