"""What a streamed answer amounts to, by the rules of wire.md alone: the reference beside which bench/readings holds the readings.

It shares nothing with wire/: it goes by the URL and the bodies, knows only the protocols below, and says of a call

    {"protocol", "model", "id", "text", "thinking", "refusal", "calls": [[id, name, arguments]], "finish",
     "tokens": {"in", "cached", "cache_write", "out", "reasoning", "total"}, "streamed", "complete"}

with `text` and `thinking` the concatenation of all there is. Members that a protocol does not have are empty.
"""
import base64
import json
import re
import struct
import urllib.parse
import zlib

ROUTES = [
    ("responses", re.compile(r"/responses(/compact)?$"), ("POST",)),
    ("responses", re.compile(r"/responses/[^/]+$"), ("GET",)),
    ("chat", re.compile(r"/chat/completions$"), ("POST",)),
    ("completions", re.compile(r"/completions$"), ("POST",)),
    ("embeddings", re.compile(r"/embeddings$"), ("POST",)),
    ("anthropic", re.compile(r"/v1/messages$"), ("POST",)),
    ("anthropic", re.compile(r"/publishers/anthropic/models/[^/]+:(stream)?[rR]awPredict$"), ("POST",)),
    ("gemini", re.compile(r":(generateContent|streamGenerateContent)$"), ("POST",)),
    ("gemini.embed", re.compile(r":(embedContent|batchEmbedContents|predict)$"), ("POST",)),
    ("converse", re.compile(r"/model/[^/]+/converse(-stream)?$"), ("POST",)),
    ("invoke", re.compile(r"/model/[^/]+/invoke(-with-response-stream)?$"), ("POST",)),
    ("ollama", re.compile(r"/api/(chat|generate|embed)$"), ("POST",)),
    ("cohere", re.compile(r"/v[12]/chat$"), ("POST",)),
    ("cohere.embed", re.compile(r"/v[12]/embed$"), ("POST",)),
]


def protocol_of(record):
    """The protocol of a call, or None: what no parser is promised for."""
    path = urllib.parse.urlsplit(record["url"]).path.rstrip("/")
    method = record["method"].upper()
    for name, pattern, methods in ROUTES:
        if method in methods and pattern.search(path):
            asked = load(body_of(record, "req_body"))
            if name == "embeddings" and isinstance(asked, dict) and "prompt" in asked:
                return "ollama"
            if name == "cohere" and isinstance(asked, dict) and "message" not in asked and path.endswith("/v1/chat"):
                return "chat"
            return name
    return None


def body_of(record, name):
    if record.get(name + "_b64") is not None:
        body = base64.b64decode(record[name + "_b64"])
        return zlib.decompress(body, 31) if body[:2] == b"\x1f\x8b" else body
    return (record.get(name) or "").encode("utf-8", "surrogatepass")


def load(text):
    try:
        return json.loads(text)
    except ValueError:
        return None


def header(record, name):
    return next((v for k, v in record["resp_headers"] if k.lower() == name), "")


# --- streams into events ----------------------------------------------------------------------------------------------

def sse(body):
    """[(event name, data)] by WHATWG's rules."""
    events, name, data = [], "", []
    for line in re.split(r"\r\n|\r|\n", body.decode("utf-8", "surrogatepass").removeprefix("\ufeff")) + [""]:
        if not line:
            if data:
                events.append((name, "\n".join(data)))
            name, data = "", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            name = value
    return events


def frames(body):
    """[(event type, payload)] of an AWS event stream; checksums must hold."""
    events, at = [], 0
    while at < len(body):
        total, head_len, head_sum = struct.unpack_from(">III", body, at)
        assert zlib.crc32(body[at:at + 8]) == head_sum
        assert zlib.crc32(body[at:at + total - 4]) == struct.unpack_from(">I", body, at + total - 4)[0]
        names, place = {}, at + 12
        while place < at + 12 + head_len:
            size = body[place]
            key = body[place + 1:place + 1 + size].decode()
            assert body[place + 1 + size] == 7
            length = struct.unpack_from(">H", body, place + 2 + size)[0]
            names[key] = body[place + 4 + size:place + 4 + size + length].decode()
            place += 4 + size + length
        events.append((names.get(":event-type", ""), body[at + 12 + head_len:at + total - 4]))
        at += total
    return events


def pieces_of(record, body):
    """None for a whole answer, else its events as (name, parsed data); [DONE] is data None."""
    kind = header(record, "content-type").split(";")[0].strip().lower()
    if kind == "text/event-stream":
        return [(name, None if data.strip() == "[DONE]" else json.loads(data)) for name, data in sse(body)]
    if kind == "application/vnd.amazon.eventstream":
        return [(name, json.loads(data)) for name, data in frames(body)]
    if kind in ("application/x-ndjson", "application/stream+json"):
        return [("", json.loads(line)) for line in body.splitlines() if line.strip()]
    return None


# --- tokens -----------------------------------------------------------------------------------------------------------

def at(value, *path):
    for key in path:
        if isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        elif isinstance(value, dict):
            value = value.get(key)
        else:
            return None
    return value


def number(value):
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0


def first(*values):
    return next((number(v) for v in values if v is not None), 0)


def tokens(told=0, cached=0, wrote=0, out=0, reasoning=0, total=None):
    return {"in": told, "cached": cached, "cache_write": wrote, "out": out, "reasoning": reasoning,
            "total": told + out if total is None else total}


def openai_tokens(usage):
    told, out = number(usage.get("prompt_tokens")), number(usage.get("completion_tokens"))
    total = usage.get("total_tokens")
    reasoning = first(at(usage, "completion_tokens_details", "reasoning_tokens"), usage.get("reasoning_tokens"))
    if reasoning and total == told + out + reasoning:
        out += reasoning
    cached = first(at(usage, "prompt_tokens_details", "cached_tokens"), at(usage, "prompt_token_details", "cached_tokens"),
                   usage.get("num_cached_tokens"), usage.get("cached_tokens"), usage.get("prompt_cache_hit_tokens"))
    return tokens(told, cached, first(at(usage, "prompt_tokens_details", "cache_write_tokens")), out, reasoning, total)


def responses_tokens(usage):
    return tokens(number(usage.get("input_tokens")), first(at(usage, "input_tokens_details", "cached_tokens")),
                  first(at(usage, "input_tokens_details", "cache_write_tokens")), number(usage.get("output_tokens")),
                  first(at(usage, "output_tokens_details", "reasoning_tokens")), usage.get("total_tokens"))


def anthropic_tokens(usage):
    read, wrote = number(usage.get("cache_read_input_tokens")), number(usage.get("cache_creation_input_tokens"))
    return tokens(number(usage.get("input_tokens")) + read + wrote, read, wrote, number(usage.get("output_tokens")),
                  first(at(usage, "output_tokens_details", "thinking_tokens")))


def gemini_tokens(usage):
    thoughts = number(usage.get("thoughtsTokenCount"))
    return tokens(number(usage.get("promptTokenCount")) + number(usage.get("toolUsePromptTokenCount")),
                  number(usage.get("cachedContentTokenCount")), 0, number(usage.get("candidatesTokenCount")) + thoughts,
                  thoughts, usage.get("totalTokenCount"))


def converse_tokens(usage):
    told, out = number(usage.get("inputTokens")), number(usage.get("outputTokens"))
    read = first(usage.get("cacheReadInputTokens"), usage.get("cacheReadInputTokenCount"))
    wrote = first(usage.get("cacheWriteInputTokens"), usage.get("cacheWriteInputTokenCount"))
    total = usage.get("totalTokens")
    return tokens(told if total == told + out else told + read + wrote, read, wrote, out, 0, total)


def cohere_tokens(usage):
    seen, billed = usage.get("tokens") or {}, usage.get("billed_units") or {}
    return tokens(first(seen.get("input_tokens"), billed.get("input_tokens")), number(usage.get("cached_tokens")), 0,
                  first(seen.get("output_tokens"), billed.get("output_tokens")))


# --- answers ----------------------------------------------------------------------------------------------------------

class Answer(dict):
    def __init__(self, protocol, streamed):
        super().__init__(protocol=protocol, model="", id="", text="", thinking="", refusal="", calls=[], finish="",
                         tokens=None, streamed=streamed, complete=not streamed)

    def add(self, name, text):
        if isinstance(text, str):
            self[name] += text

    def call(self, identity, name, arguments):
        if not isinstance(arguments, str):
            arguments = "" if arguments is None else canonical(arguments)
        self["calls"].append([identity or "", name or "", arguments])


def canonical(value):
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def chat_message(answer, message):
    content = message.get("content")
    for part in content if isinstance(content, list) else [{"type": "text", "text": content}]:
        if part.get("type") == "thinking":
            for piece in part.get("thinking") or []:
                answer.add("thinking", piece.get("text"))
        else:
            answer.add("text", part.get("text"))
    reasoning = message.get("reasoning_content")
    answer.add("thinking", reasoning if isinstance(reasoning, str) else message.get("reasoning"))
    answer.add("refusal", message.get("refusal"))


def chat_call(call):
    what = call.get("function") or call.get("custom") or call
    return call.get("id"), what.get("name"), what.get("input" if "custom" in call else "arguments")


def chat_whole(answer, body):
    for index, choice in enumerate(body.get("choices") or []):
        message = choice.get("message") or {"content": choice.get("text")}
        chat_message(answer, message)
        for call in message.get("tool_calls") or []:
            answer.call(*chat_call(call))
        if index == 0:
            answer["finish"] = choice.get("finish_reason") or ""
    usage = body.get("usage") or at(body, "x_groq", "usage")
    answer.update(model=body.get("model") or "", id=body.get("id") or "", tokens=openai_tokens(usage) if usage else None)


def chat_stream(answer, events):
    choices, calls = {}, {}
    for _, chunk in events:
        if chunk is None:
            answer["complete"] = True
            continue
        answer["model"] = answer["model"] or chunk.get("model") or ""
        answer["id"] = answer["id"] or chunk.get("id") or ""
        usage = chunk.get("usage") or at(chunk, "x_groq", "usage")
        if usage:
            answer["tokens"] = openai_tokens(usage)
        for choice in chunk.get("choices") or []:
            index = choice.get("index", 0)
            part = choices.setdefault(index, Answer("", True))
            delta = choice.get("delta") or {"content": choice.get("text")}
            chat_message(part, delta)
            for place, call in enumerate(delta.get("tool_calls") or []):
                identity, name, arguments = chat_call(call)
                slot = calls.setdefault((index, call.get("index", place)), ["", "", ""])
                slot[0] = slot[0] or identity or ""
                slot[1] = slot[1] or name or ""
                slot[2] += arguments if isinstance(arguments, str) else canonical(arguments) if arguments else ""
            if index == 0 and choice.get("finish_reason"):
                answer["finish"] = choice["finish_reason"]
    for index in sorted(choices):
        for name in ("text", "thinking", "refusal"):
            answer[name] += choices[index][name]
    answer["calls"] = [calls[key] for key in sorted(calls)]


def responses_whole(answer, body):
    for item in body.get("output") or []:
        kind = item.get("type")
        if kind == "message":
            for part in item.get("content") or []:
                answer.add("refusal" if part.get("type") == "refusal" else "text",
                           part.get("refusal") if part.get("type") == "refusal" else part.get("text"))
        elif kind == "reasoning":
            for part in (item.get("summary") or []) + (item.get("content") or []):
                answer.add("thinking", part.get("text"))
        elif kind in ("function_call", "custom_tool_call", "mcp_call"):
            answer.call(item.get("call_id") or item.get("id"), item.get("name"),
                        item.get("input" if kind == "custom_tool_call" else "arguments"))
    answer.update(model=body.get("model") or "", id=body.get("id") or "",
                  finish=at(body, "incomplete_details", "reason") or body.get("status") or "",
                  tokens=responses_tokens(body["usage"]) if body.get("usage") else None)


def responses_stream(answer, events):
    """From the deltas: the terminal event, which holds it all again, must say the same."""
    parts, calls, last = {}, {}, None
    for _, data in events:
        kind = (data or {}).get("type", "")
        if kind in ("response.output_text.delta", "response.refusal.delta", "response.reasoning_summary_text.delta",
                    "response.reasoning_text.delta"):
            name = "refusal" if "refusal" in kind else "thinking" if "reasoning" in kind else "text"
            behind = 1 if kind == "response.reasoning_text.delta" else 0
            key = (data["output_index"], behind, data.get("content_index", data.get("summary_index", 0)), name)
            parts[key] = parts.get(key, "") + data["delta"]
        elif kind in ("response.output_item.added", "response.output_item.done"):
            item = data["item"]
            if item["type"] in ("function_call", "custom_tool_call", "mcp_call"):
                slot = calls.setdefault(data["output_index"], ["", "", ""])
                slot[0], slot[1] = item.get("call_id") or item.get("id"), item.get("name")
                if kind.endswith("done"):
                    slot[2] = item.get("arguments", item.get("input")) or ""
        elif kind in ("response.completed", "response.incomplete", "response.failed"):
            last = data["response"]
    if last is not None:
        responses_whole(answer, last)
        answer["complete"] = True
    by_deltas = {name: "".join(parts[key] for key in sorted(parts) if key[3] == name)
                 for name in ("text", "thinking", "refusal")}
    by_deltas["calls"] = [calls[key] for key in sorted(calls)]
    if last is None or not last.get("output"):
        answer.update(by_deltas)
    elif any(by_deltas[name] and by_deltas[name] != answer[name] for name in ("text", "calls")):
        answer["text"] = "the deltas do not say what the last event says"


def anthropic_block(answer, block):
    kind = block.get("type")
    if kind == "text":
        answer.add("text", block.get("text"))
    elif kind == "thinking":
        answer.add("thinking", block.get("thinking"))
    elif kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
        answer.call(block.get("id"), block.get("name"), block.get("input"))


def anthropic_whole(answer, body):
    for block in body.get("content") or []:
        anthropic_block(answer, block)
    answer.update(model=body.get("model") or "", id=body.get("id") or "", finish=body.get("stop_reason") or "",
                  tokens=anthropic_tokens(body["usage"]) if body.get("usage") else None)


def anthropic_stream(answer, events):
    message, blocks, usage = {}, {}, {}
    for _, data in events:
        kind = (data or {}).get("type")
        if kind == "message_start":
            message = dict(data["message"])
            usage.update(message.get("usage") or {})
        elif kind == "content_block_start":
            blocks[data["index"]] = dict(data["content_block"], _json="")
        elif kind == "content_block_delta":
            block, delta = blocks[data["index"]], data["delta"]
            if delta["type"] == "text_delta":
                block["text"] = block.get("text", "") + delta["text"]
            elif delta["type"] == "thinking_delta":
                block["thinking"] = block.get("thinking", "") + delta["thinking"]
            elif delta["type"] == "input_json_delta":
                block["_json"] += delta["partial_json"]
        elif kind == "message_delta":
            message.update({k: v for k, v in data["delta"].items() if v is not None})
            usage.update({k: v for k, v in (data.get("usage") or {}).items() if v is not None})
        elif kind == "message_stop":
            answer["complete"] = True
    for block in blocks.values():
        if block["_json"]:
            block["input"] = json.loads(block["_json"])
    message["content"] = [blocks[index] for index in sorted(blocks)]
    message["usage"] = usage
    anthropic_whole(answer, message)


def gemini_any(answer, bodies):
    ended = set()
    seen = set()
    usage = None
    for body in bodies:
        answer["model"] = body.get("modelVersion") or answer["model"]
        answer["id"] = answer["id"] or body.get("responseId") or ""
        counts = body.get("usageMetadata")
        if counts and ("promptTokenCount" in counts or "totalTokenCount" in counts):
            usage = counts
        if at(body, "promptFeedback", "blockReason"):
            answer["finish"] = body["promptFeedback"]["blockReason"]
        for place, candidate in enumerate(body.get("candidates") or []):
            index = candidate.get("index", place)
            seen.add(index)
            for part in at(candidate, "content", "parts") or []:
                if "text" in part:
                    answer.add("thinking" if part.get("thought") else "text", part["text"])
                elif "functionCall" in part:
                    call = part["functionCall"]
                    answer.call(call.get("id"), call.get("name"), call["args"] if "args" in call else "")
            if candidate.get("finishReason"):
                ended.add(index)
                if index == 0:
                    answer["finish"] = candidate["finishReason"]
    answer["tokens"] = gemini_tokens(usage) if usage else None
    if answer["streamed"]:
        answer["complete"] = bool(seen) and ended == seen


def converse_blocks(answer, blocks):
    for block in blocks or []:
        answer.add("text", block.get("text"))
        answer.add("thinking", at(block, "reasoningContent", "reasoningText", "text"))
        if "toolUse" in block:
            call = block["toolUse"]
            answer.call(call.get("toolUseId"), call.get("name"), call.get("input"))


def converse_whole(answer, body):
    converse_blocks(answer, at(body, "output", "message", "content"))
    answer["finish"] = body.get("stopReason") or ""
    answer["tokens"] = converse_tokens(body["usage"]) if body.get("usage") else None


def converse_stream(answer, events):
    blocks = {}
    for name, data in events:
        block = blocks.setdefault(data.get("contentBlockIndex"), {"text": "", "thinking": "", "call": None, "input": ""})
        if name == "contentBlockStart":
            block["call"] = at(data, "start", "toolUse")
        elif name == "contentBlockDelta":
            block["text"] += at(data, "delta", "text") or ""
            block["thinking"] += at(data, "delta", "reasoningContent", "text") or ""
            block["input"] += at(data, "delta", "toolUse", "input") or ""
        elif name == "messageStop":
            answer["finish"] = data["stopReason"]
        elif name == "metadata":
            answer["tokens"] = converse_tokens(data["usage"])
            answer["complete"] = True
    for index in sorted(k for k in blocks if k is not None):
        block = blocks[index]
        answer.add("text", block["text"])
        answer.add("thinking", block["thinking"])
        if block["call"]:
            answer.call(block["call"]["toolUseId"], block["call"]["name"], json.loads(block["input"] or "{}"))


def invoke_tokens(record, body):
    told = first(body.get("inputTextTokenCount"), body.get("prompt_token_count"),
                 header(record, "x-amzn-bedrock-input-token-count") and
                 int(header(record, "x-amzn-bedrock-input-token-count")) or None)
    out = first(at(body, "results", 0, "tokenCount"), body.get("generation_token_count"),
                header(record, "x-amzn-bedrock-output-token-count") and
                int(header(record, "x-amzn-bedrock-output-token-count")) or None)
    return tokens(told, 0, 0, out)


PLAIN = [(("results", 0, "outputText"), ("results", 0, "completionReason")), (("outputText",), ("completionReason",)),
         (("generation",), ("stop_reason",)), (("outputs", 0, "text"), ("outputs", 0, "stop_reason")),
         (("completion",), ("stop_reason",)), (("completions", 0, "data", "text"), ("completions", 0, "finishReason", "reason")),
         (("generations", 0, "text"), ("generations", 0, "finish_reason"))]


def invoke_plain(answer, body):
    for text, finish in PLAIN:
        if isinstance(at(body, *text), str):
            answer.add("text", at(body, *text))
            answer["finish"] = at(body, *finish) or answer["finish"]


def invoke_whole(answer, body, record):
    if body.get("type") == "message":
        anthropic_whole(answer, body)
    elif "choices" in body:
        chat_whole(answer, body)
    elif at(body, "output", "message"):
        converse_whole(answer, body)
    else:
        invoke_plain(answer, body)
        answer["id"] = body.get("id") if isinstance(body.get("id"), str) else ""
        answer["tokens"] = invoke_tokens(record, body)


def invoke_stream(answer, events):
    inside = [json.loads(base64.b64decode(data["bytes"])) for name, data in events if name == "chunk"]
    if any(event.get("type") == "message_start" for event in inside):
        anthropic_stream(answer, [("", event) for event in inside])
        return
    for event in inside:
        invoke_plain(answer, event)
        metrics = event.get("amazon-bedrock-invocationMetrics")
        if metrics:
            answer["tokens"] = tokens(metrics["inputTokenCount"], 0, 0, metrics["outputTokenCount"])
            answer["complete"] = True


def ollama_any(answer, lines):
    for line in lines:
        answer["model"] = answer["model"] or line.get("model") or ""
        message = line.get("message") or {}
        answer.add("thinking", message.get("thinking") or line.get("thinking"))
        answer.add("text", message.get("content") or line.get("response"))
        for call in message.get("tool_calls") or []:
            answer.call(call.get("id"), at(call, "function", "name"), at(call, "function", "arguments"))
        if line.get("done"):
            answer.update(finish=line.get("done_reason") or "", complete=True,
                          tokens=tokens(number(line.get("prompt_eval_count")), 0, 0, number(line.get("eval_count"))))


def cohere_whole(answer, body):
    message = body.get("message")
    if isinstance(message, dict):
        answer.add("thinking", message.get("tool_plan"))
        for part in message.get("content") or []:
            answer.add("thinking" if part.get("type") == "thinking" else "text", part.get("thinking") or part.get("text"))
        for call in message.get("tool_calls") or []:
            answer.call(*chat_call(call))
    answer.add("text", body.get("text"))
    if message is None:
        for call in body.get("tool_calls") or []:
            answer.call("", call.get("name"), call.get("parameters"))
    usage = body.get("usage") or body.get("meta")
    answer.update(id=body.get("id") or body.get("response_id") or "", finish=body.get("finish_reason") or "",
                  tokens=cohere_tokens(usage) if usage else None)


def cohere_stream(answer, events):
    calls = {}
    for _, data in events:
        kind = (data or {}).get("type")
        message = at(data, "delta", "message") or {}
        if kind == "message-start":
            answer["id"] = data.get("id") or ""
        elif kind in ("content-start", "content-delta"):
            answer.add("text", at(message, "content", "text"))
            answer.add("thinking", at(message, "content", "thinking"))
        elif kind == "tool-plan-delta":
            answer.add("thinking", message.get("tool_plan"))
        elif kind in ("tool-call-start", "tool-call-delta"):
            call = message.get("tool_calls") or {}
            slot = calls.setdefault(data.get("index", 0), ["", "", ""])
            slot[0] = slot[0] or call.get("id") or ""
            slot[1] = slot[1] or at(call, "function", "name") or ""
            slot[2] += at(call, "function", "arguments") or ""
        elif kind == "message-end":
            answer.update(finish=at(data, "delta", "finish_reason") or "", complete=True,
                          tokens=cohere_tokens(at(data, "delta", "usage") or {}))
    answer["calls"] = [calls[key] for key in sorted(calls)]


def embedding(answer, protocol, body):
    answer["model"] = body.get("model") or ""
    if protocol == "embeddings":
        usage = body.get("usage") or {}
        answer["tokens"] = tokens(first(usage.get("prompt_tokens"), usage.get("total_tokens")), total=usage.get("total_tokens"))
    elif protocol == "gemini.embed":
        usage = body.get("usageMetadata")
        told = sum(number(at(p, "embeddings", "statistics", "token_count")) for p in body.get("predictions") or [])
        answer["tokens"] = tokens(told) if usage is None else tokens(first(usage.get("promptTokenCount"), usage.get("totalTokenCount")),
                                                                     total=usage.get("totalTokenCount"))
    elif protocol == "cohere.embed":
        answer["id"] = body.get("id") or ""
        answer["tokens"] = cohere_tokens(body.get("meta") or {})


def assemble(record):
    """The answer of one call, or None where there is none to assemble: an error, or no protocol."""
    protocol = protocol_of(record)
    body = body_of(record, "resp_body")
    if protocol is None or record["status"] >= 400:
        return None
    events = pieces_of(record, body)
    answer = Answer(protocol, events is not None)
    whole = load(body) if events is None else None
    if protocol == "gemini" and isinstance(whole, list):
        answer["streamed"], events = True, [("", element) for element in whole]
    if events is None and not isinstance(whole, dict):
        return None
    if protocol in ("chat", "completions"):
        chat_stream(answer, events) if events is not None else chat_whole(answer, whole)
    elif protocol == "responses":
        responses_stream(answer, events) if events is not None else responses_whole(answer, whole)
    elif protocol == "anthropic":
        anthropic_stream(answer, events) if events is not None else anthropic_whole(answer, whole)
    elif protocol == "gemini":
        gemini_any(answer, [data for _, data in events] if events is not None else [whole])
    elif protocol == "converse":
        converse_stream(answer, events) if events is not None else converse_whole(answer, whole)
    elif protocol == "invoke":
        invoke_stream(answer, events) if events is not None else invoke_whole(answer, whole, record)
    elif protocol == "ollama":
        ollama_any(answer, [data for _, data in events] if events is not None else [whole])
    elif protocol == "cohere":
        cohere_stream(answer, events) if events is not None else cohere_whole(answer, whole)
    else:
        embedding(answer, protocol, whole)
    return answer
