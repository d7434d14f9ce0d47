/*
 * Why an answer ended, whoever says it in whichever words (wire.md 1.3). One table for all dialects: no two of them mean different
 * things by one word. Servers that speak a dialect of others bring words of their own; what is in no table is RN_FINISH_OTHER.
 */
#include "reading_parts.h"

static const struct {
    const char *raw;
    enum rn_finish finish;
} meanings[] = {
    {"stop", RN_FINISH_STOP},
    {"end_turn", RN_FINISH_STOP},
    {"stop_sequence", RN_FINISH_STOP},
    {"completed", RN_FINISH_STOP},
    {"complete", RN_FINISH_STOP},
    {"eos", RN_FINISH_STOP},
    {"eos_token", RN_FINISH_STOP},
    {"endoftext", RN_FINISH_STOP},
    {"finish", RN_FINISH_STOP},
    {"finished", RN_FINISH_STOP},
    {"stop_criteria_met", RN_FINISH_STOP},
    {"length", RN_FINISH_LENGTH},
    {"max_tokens", RN_FINISH_LENGTH},
    {"model_length", RN_FINISH_LENGTH},
    {"max_output_tokens", RN_FINISH_LENGTH},
    {"incomplete:max_output_tokens", RN_FINISH_LENGTH},
    {"tool_calls", RN_FINISH_TOOL},
    {"tool_call", RN_FINISH_TOOL},
    {"tool_use", RN_FINISH_TOOL},
    {"function_call", RN_FINISH_TOOL},
    {"refusal", RN_FINISH_REFUSAL},
    {"content_filter", RN_FINISH_FILTERED},
    {"incomplete:content_filter", RN_FINISH_FILTERED},
    {"content_filtered", RN_FINISH_FILTERED},
    {"guardrail_intervened", RN_FINISH_FILTERED},
    {"safety", RN_FINISH_FILTERED},
    {"recitation", RN_FINISH_FILTERED},
    {"blocklist", RN_FINISH_FILTERED},
    {"prohibited_content", RN_FINISH_FILTERED},
    {"spii", RN_FINISH_FILTERED},
    {"image_safety", RN_FINISH_FILTERED},
    {"image_prohibited_content", RN_FINISH_FILTERED},
    {"image_recitation", RN_FINISH_FILTERED},
    {"model_armor", RN_FINISH_FILTERED},
    {"jailbreak", RN_FINISH_FILTERED},
    {"error_toxic", RN_FINISH_FILTERED},
    {"model_context_window_exceeded", RN_FINISH_CONTEXT_FULL},
    {"error_limit", RN_FINISH_CONTEXT_FULL},
    {"pause_turn", RN_FINISH_PAUSED},
    {"input_required", RN_FINISH_PAUSED},
    {"cancelled", RN_FINISH_CANCELLED},
    {"user_cancel", RN_FINISH_CANCELLED},
    {"abort", RN_FINISH_CANCELLED},
    {"failed", RN_FINISH_ERROR},
    {"error", RN_FINISH_ERROR},
    {"timeout", RN_FINISH_ERROR},
    {"insufficient_system_resource", RN_FINISH_ERROR},
    {"unexpected_tool_call", RN_FINISH_ERROR},
    {"too_many_tool_calls", RN_FINISH_ERROR},
    {"malformed_function_call", RN_FINISH_ERROR},
    {"malformed_response", RN_FINISH_ERROR},
    {"missing_thought_signature", RN_FINISH_ERROR},
    {"malformed_model_output", RN_FINISH_ERROR},
    {"malformed_tool_use", RN_FINISH_ERROR},
    {"in_progress", RN_FINISH_UNKNOWN}, /* of a response that is asked for again and again */
    {"queued", RN_FINISH_UNKNOWN},
};

static bool asks_a_tool(const struct rn_said *said)
{
    while (said != NULL && said->kind != RN_SAID_TOOL_CALL) {
        said = said->next;
    }
    return said != NULL;
}

enum rn_finish rn_finish_meaning(struct rn_bytes raw)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++) {
        if (rn_bytes_equal_nocase(raw, rn_bytes_text(meanings[i].raw))) {
            return meanings[i].finish;
        }
    }
    return RN_FINISH_OTHER;
}

enum rn_finish rn_finish_of(const struct rn_reading *reading)
{
    if (reading->finish.len == 0 && reading->error.len > 0) {
        return RN_FINISH_ERROR;
    }
    if (reading->finish.len == 0) {
        return reading->streamed && !reading->complete ? RN_FINISH_TRUNCATED_STREAM
                                                       : RN_FINISH_UNKNOWN;
    }
    enum rn_finish finish = rn_finish_meaning(reading->finish);
    /* Some have one word for an answer and for a call: Responses, Gemini, Ollama. A refusal that stops is told by what is said. */
    return finish == RN_FINISH_STOP && asks_a_tool(reading->response) ? RN_FINISH_TOOL : finish;
}
