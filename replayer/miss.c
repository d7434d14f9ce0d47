/* Error bodies for misses. Knows the shapes, not the reasons. */
#include "miss.h"

#include "wire/json.h"

/* Providers that answer like OpenAI (wire.md 1.6). */
static const char *const openai_like[] = {"openai",     "azure", "mistral",  "groq",     "deepseek",
                                          "openrouter", "xai",   "together", "fireworks"};

enum rn_miss_shape rn_miss_shape_of(const struct rn_request *request)
{
    struct rn_bytes upstream = request->route.upstream;
    if (rn_bytes_equal(upstream, RN_LIT("anthropic")) ||
        rn_http_find(request->head, RN_LIT("anthropic-version")) != NULL) {
        return RN_MISS_ANTHROPIC;
    }
    for (size_t i = 0; i < sizeof openai_like / sizeof openai_like[0]; i++) {
        if (rn_bytes_starts_with(upstream, rn_bytes_text(openai_like[i]))) {
            return RN_MISS_OPENAI;
        }
    }
    return RN_MISS_PLAIN;
}

enum rn_status rn_miss_body(enum rn_miss_shape shape, const char *sentence, struct rn_buffer *out)
{
    static const struct {
        const char *before;
        const char *after;
    } frames[] = {
        [RN_MISS_OPENAI] =
            {"{\"error\":{\"message\":",
             ",\"type\":\"reenact_miss\",\"param\":null,\"code\":\"reenact_miss\"}}\n"},
        [RN_MISS_ANTHROPIC] =
            {"{\"type\":\"error\",\"error\":{\"type\":\"reenact_miss\",\"message\":", "}}\n"},
        [RN_MISS_PLAIN] = {"{\"error\":", "}\n"}};
    struct rn_buffer text = {0};
    enum rn_status status = rn_buffer_addf(&text, "reenact: %s", sentence);
    if (status == RN_OK) {
        status = rn_buffer_add(out, rn_bytes_text(frames[shape].before));
    }
    if (status == RN_OK) {
        status = rn_json_quote(rn_buffer_bytes(&text), out);
    }
    if (status == RN_OK) {
        status = rn_buffer_add(out, rn_bytes_text(frames[shape].after));
    }
    rn_buffer_free(&text);
    return status;
}

void rn_miss_answer(struct rn_exchange *exchange, const struct rn_request *request,
                    const char *sentence)
{
    struct rn_buffer body = {0};
    struct rn_bytes content =
        RN_LIT("{\"error\":\"reenact: no recording matches this request\"}\n");
    if (rn_miss_body(rn_miss_shape_of(request), sentence, &body) == RN_OK) {
        content = rn_buffer_bytes(&body);
    }
    rn_exchange_answer(exchange, 422, RN_LIT("x-should-retry: false\r\n"), "application/json",
                       content, NULL);
    rn_buffer_free(&body);
}
