"""A model server whose answers are known beforehand. Standard library only.

    python3 behaviours.py [PORT]        (0 or nothing: the kernel chooses; the port is printed)

It speaks OpenAI's chat completions and Anthropic's messages, streamed or not. What it says is a pure function of the model and
the question (the last thing the user said): any model gives the same first answer but `new`, which does with a question
what `behaviour_of` says, and a few that fail (`missing`, `locked`, `flaky`, `garbled`). So the shares of a comparison can be
counted before it is made. Whatever happens "once" happens on the first request for that question.

It counts what it is asked, and when: that is what somebody would pay.
"""
import asyncio
import collections
import hashlib
import json
import sys
import threading
import time
import urllib.parse

CITIES = ["Lima", "Oslo", "Kyoto", "Porto", "Accra", "Quito", "Turin", "Hanoi"]
MAX_TOKENS = 40
FORMS = ["text", "tools", "json", "stream"]

# Of 100 questions of each form, so many (by hash, so not exactly: count them).
BEHAVIOURS = {
    "text": [("same", 40), ("typographic", 8), ("reworded", 20), ("refuses", 10), ("cut_short", 6), ("slow", 4), ("busy_once", 4),
             ("fails_once", 4), ("busy_always", 1), ("fails_always", 1), ("rejects", 2)],
    "stream": [("same", 40), ("typographic", 8), ("reworded", 20), ("refuses", 8), ("cut_short", 6), ("slow", 4), ("busy_once", 4),
               ("fails_once", 2), ("breaks_once", 6), ("breaks_always", 2)],
    "tools": [("same", 50), ("spaced", 10), ("other_tool", 14), ("other_arguments", 14), ("only_talks", 6), ("busy_once", 4), ("rejects", 2)],
    "json": [("same", 50), ("spaced", 10), ("reworded", 14), ("breaks_json", 20), ("busy_once", 4), ("rejects", 2)],
}
FAILS = {"busy_always", "fails_always", "breaks_always", "rejects"}
AGAIN = {"busy_once", "fails_once", "breaks_once"}


def number_of(text, salt=""):
    return int.from_bytes(hashlib.sha256((salt + text).encode()).digest()[:8], "big")


def question(i):
    return f"Case {i:05d}: where is parcel {number_of(str(i)) % 90000 + 10000}?"


def form_of(i):
    return FORMS[i % len(FORMS)]


def behaviour_of(text, form):
    """What `new` does with this question."""
    roll = number_of(text, "behaviour 26") % 100  # of the first 240 some do each, of the first 24 none fails
    for name, share in BEHAVIOURS[form]:
        if roll < share:
            return name
        roll -= share
    raise AssertionError(f"the shares of {form} are not 100")


def request_of(i, model, form=None):
    """The body a client sends for question number i."""
    form = form or form_of(i)
    body = {"model": model, "temperature": 0.2, "max_tokens": MAX_TOKENS,
            "messages": [{"role": "system", "content": "You trace parcels. Be brief."}, {"role": "user", "content": question(i)}]}
    if form == "tools":
        body["tools"] = [{"type": "function", "function": {"name": name, "description": name.replace("_", " "), "parameters": {
            "type": "object", "properties": {"parcel": {"type": "integer"}, "city": {"type": "string"}}}}} for name in ("track_parcel", "call_depot")]
    elif form == "json":
        body["response_format"] = {"type": "json_object"}
    elif form == "stream":
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return body


def facts(text):
    n = number_of(text, "facts")
    return {"parcel": n % 90000 + 10000, "city": CITIES[n // 7 % len(CITIES)], "days": n // 11 % 9 + 2}


def said(text, form, behaviour):
    """The answer as (content, tool call or None, finish reason)."""
    know = facts(text)
    tool = ("track_parcel", json.dumps({"parcel": know["parcel"], "city": know["city"]}, separators=(",", ":")))
    if form == "tools":
        if behaviour == "spaced":
            tool = ("track_parcel", json.dumps({"city": know["city"], "parcel": know["parcel"]}, indent=1))
        elif behaviour == "other_tool":
            tool = ("call_depot", tool[1])
        elif behaviour == "other_arguments":
            tool = ("track_parcel", json.dumps({"parcel": know["parcel"] + 1, "city": know["city"]}))
        elif behaviour == "only_talks":
            return "Let me look that up.", None, "stop"
        return None, tool, "tool_calls"
    if form == "json":
        content = json.dumps(know, separators=(",", ":"))
        if behaviour == "spaced":
            content = json.dumps(know, indent=2)
        elif behaviour == "reworded":
            content = json.dumps(know | {"note": "in transit"}, separators=(",", ":"))
        elif behaviour == "breaks_json":
            content = content[:-1] + ","
        return content, None, "stop"
    content = f"It's on its way: parcel {know['parcel']} left {know['city']} and arrives in {know['days']} days."
    if behaviour == "typographic":
        content = f"It\u2019s on its way: Parcel {know['parcel']} left {know['city']} and arrives  in {know['days']} days"
    elif behaviour == "reworded":
        content = f"Expect parcel {know['parcel']} within {know['days']} days, {know['city']} has sent it."
    elif behaviour == "refuses":
        content = "I'm sorry, but I can't help with that."
    elif behaviour == "cut_short":
        return content[:len(content) // 2], None, "length"
    return content, None, "stop"


def usage_of(messages, content, tool):
    """(tokens of the prompt, tokens of the answer): words, more or less."""
    prompt = sum(len(str(m.get("content") or "").split()) for m in messages) + 3
    return prompt, len((content or " ".join(tool or ())).split())


def answer_of(body, model, behaviour=None):
    """Content, tool, finish, and usage of an answer that is not an error."""
    text = question_in(body)
    form = form_in(body)
    if behaviour is None:
        behaviour = behaviour_of(text, form) if model == "new" else "same"
    content, tool, finish = said(text, form, behaviour)
    return content, tool, finish, usage_of(body["messages"], content, tool)


def question_in(body):
    users = [m["content"] for m in body["messages"] if m["role"] == "user"]
    return users[-1] if isinstance(users[-1], str) else users[-1][0]["text"]


def form_in(body):
    return "tools" if body.get("tools") else "json" if body.get("response_format") else "stream" if body.get("stream") else "text"


# --- the wire ---------------------------------------------------------------------------------------------------------


def whole(document, status="200 OK", fields=""):
    data = json.dumps(document).encode()
    return (f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n{fields}Content-Length: {len(data)}\r\n\r\n").encode() + data


def failure(status, kind, message, fields=""):
    return whole({"error": {"message": message, "type": kind, "code": kind}}, status, fields)


def chunked(events, cut):
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunks = [b"%x\r\n%s\r\n" % (len(event), event) for event in events]
    return head + (b"".join(chunks[:max(2, len(chunks) // 2)]) if cut else b"".join(chunks) + b"0\r\n\r\n")


def chat(body, model, behaviour, cut):
    content, tool, finish, (prompt, completion) = answer_of(body, model, behaviour)
    identity = {"id": f"chatcmpl-{number_of(question_in(body), model):016x}", "created": 1760000000, "model": model}
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    message = {"role": "assistant", "content": content}
    if tool:
        message["tool_calls"] = [{"id": f"call_{number_of(tool[1], model):016x}", "type": "function", "function": {"name": tool[0], "arguments": tool[1]}}]
    if not body.get("stream"):
        return whole(identity | {"object": "chat.completion", "usage": usage, "choices": [{"index": 0, "message": message, "finish_reason": finish}]})
    identity |= {"object": "chat.completion.chunk"}
    deltas = [{"role": "assistant", "content": ""}]
    deltas += [{"content": content[i:i + 7]} for i in range(0, len(content or ""), 7)]
    if tool:
        deltas.append({"tool_calls": [{"index": 0} | message["tool_calls"][0]]})
    frames = [identity | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    frames += [identity | {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}, identity | {"choices": [], "usage": usage}]
    return chunked([b"data: " + json.dumps(frame).encode() + b"\n\n" for frame in frames] + [b"data: [DONE]\n\n"], cut)


def messages(body, model, behaviour, cut):
    content, tool, finish, (prompt, completion) = answer_of(body, model, behaviour)
    stop = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}[finish]
    block = {"type": "text", "text": content} if tool is None else {"type": "tool_use", "id": f"toolu_{number_of(tool[1], model):016x}",
                                                                     "name": tool[0], "input": json.loads(tool[1])}
    message = {"id": f"msg_{number_of(question_in(body), model):016x}", "type": "message", "role": "assistant", "model": model}
    if not body.get("stream"):
        return whole(message | {"content": [block], "stop_reason": stop, "stop_sequence": None, "usage": {"input_tokens": prompt, "output_tokens": completion}})
    events = [{"type": "message_start", "message": message | {"content": [], "stop_reason": None, "usage": {"input_tokens": prompt, "output_tokens": 1}}},
              {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}]
    events += [{"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": content[i:i + 7]}} for i in range(0, len(content), 7)]
    events += [{"type": "content_block_stop", "index": 0}, {"type": "message_delta", "delta": {"stop_reason": stop}, "usage": {"output_tokens": completion}},
               {"type": "message_stop"}]
    return chunked([f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events], cut)


# --- the server -------------------------------------------------------------------------------------------------------


class Server:
    """Runs in a thread of its own. `delay_s` holds each answer back; `on_request(server, model)`, if set, hears of each request."""

    def __init__(self, delay_s=0.0, port=0):
        self.delay_s = delay_s
        self.asked = collections.defaultdict(collections.Counter)  # model -> question -> requests
        self.arrivals = []  # (monotonic seconds, model)
        self.bodies = []  # of the requests, when `keep` is set
        self.keep = False
        self.on_request = None
        self.statuses = collections.Counter()
        self.keys = collections.Counter()
        self.in_flight = self.in_flight_most = 0
        ready = threading.Event()
        threading.Thread(target=self.run, args=(port, ready), daemon=True).start()
        ready.wait()

    def run(self, port, ready):
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(self.loop.create_server(lambda: Connection(self), "127.0.0.1", port, backlog=512))
        self.port = self.server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        ready.set()
        self.loop.run_forever()
        self.loop.close()

    def stop(self):
        def close():
            self.server.close()
            self.loop.stop()
        self.loop.call_soon_threadsafe(close)

    def total(self, model):
        return sum(self.asked[model].values())

    def stats(self):
        return {"models": {model: sum(counts.values()) for model, counts in self.asked.items()}, "statuses": self.statuses,
                "in_flight_most": self.in_flight_most}

    def answer(self, target, fields, body):
        """(bytes to send, whether to cut the connection behind them)"""
        path = urllib.parse.urlsplit(target).path
        if path == "/_stats":
            return whole(self.stats()), False
        if path not in ("/v1/chat/completions", "/v1/messages"):
            return failure("404 Not Found", "invalid_request_error", f"there is no {path} here"), False
        if self.keep:
            self.bodies.append(body)
        try:
            document = json.loads(body)
            model, text = document["model"], question_in(document)
        except (ValueError, LookupError):
            return failure("400 Bad Request", "invalid_request_error", "We could not parse the JSON body of your request."), False
        self.asked[model][text] += 1
        self.arrivals.append((time.monotonic(), model))
        self.keys[fields.get(b"authorization", fields.get(b"x-api-key", b""))] += 1
        if self.on_request:
            self.on_request(self, model)
        return self.behave(path, document, model, text, self.asked[model][text] == 1)

    def behave(self, path, document, model, text, first):
        if model == "missing":
            return failure("404 Not Found", "model_not_found", "The model `missing` does not exist or you do not have access to it."), False
        if model == "locked":
            return failure("401 Unauthorized", "invalid_api_key", "Incorrect API key provided."), False
        if model == "garbled":
            return whole({})[:-2] + b"{]", False
        if model == "flaky" and number_of(text, "flaky") % 2 == 0:
            return failure("400 Bad Request", "context_length_exceeded", "This model's maximum context length is 12 tokens."), False
        behaviour = behaviour_of(text, form_in(document)) if model == "new" else "same"
        if behaviour == "busy_always" or (behaviour == "busy_once" and first):
            return failure("429 Too Many Requests", "rate_limit_exceeded", "Rate limit reached for `new`.", "Retry-After: 0\r\n"), False
        if behaviour == "fails_always" or (behaviour == "fails_once" and first):
            return failure("500 Internal Server Error", "server_error", "The server had an error.", "Retry-After: 0\r\n"), False
        if behaviour == "rejects":
            return failure("400 Bad Request", "invalid_prompt", "This prompt is not accepted."), False
        cut = behaviour == "breaks_always" or (behaviour == "breaks_once" and first)
        return (chat if path.endswith("completions") else messages)(document, model, behaviour, cut), cut

    def delay_of(self, body):
        return self.delay_s + (0.03 if self.is_slow(body) else 0)

    def is_slow(self, body):
        try:
            document = json.loads(body)
            return document["model"] == "new" and behaviour_of(question_in(document), form_in(document)) == "slow"
        except (ValueError, KeyError, IndexError):
            return False


class Connection(asyncio.Protocol):
    def __init__(self, server):
        self.server = server
        self.pending = bytearray()

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.pending += data
        while (end := self.pending.find(b"\r\n\r\n")) >= 0:
            lines = bytes(self.pending[:end]).split(b"\r\n")
            fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
            need = end + 4 + int(fields.get(b"content-length", 0))
            if len(self.pending) < need:
                return
            body = bytes(self.pending[end + 4:need])
            del self.pending[:need]
            self.take(lines[0].split(b" ")[1].decode(), fields, body)

    def take(self, target, fields, body):
        server = self.server
        data, cut = server.answer(target, fields, body)
        server.in_flight += 1
        server.in_flight_most = max(server.in_flight_most, server.in_flight)
        delay = server.delay_of(body)
        if delay > 0:
            server.loop.call_later(delay, self.give, data, cut)
        else:
            self.give(data, cut)

    def give(self, data, cut):
        self.server.in_flight -= 1
        self.server.statuses[data[9:12].decode()] += 1
        self.transport.write(data)
        if cut:
            self.transport.close()


# A client: records questions FROM..TO-1 over four connections. `form` of the environment makes all of one form.
CLIENT = r'''
import concurrent.futures, http.client, json, os, sys, threading, urllib.parse
sys.path.insert(0, os.environ["BEHAVIOURS"])
import behaviours
first, last, model = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
form = sys.argv[4] if len(sys.argv) > 4 else None
anthropic = form == "anthropic"
base = urllib.parse.urlsplit(os.environ["ANTHROPIC_BASE_URL" if anthropic else "OPENAI_BASE_URL"])
local = threading.local()
def call(i):
    if not hasattr(local, "connection"):
        local.connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
    body = behaviours.request_of(i, model, ("text" if i % 2 else "stream") if anthropic else form)
    headers = {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    if anthropic:
        body.pop("stream_options", None)
        body |= {"system": body["messages"][0]["content"], "messages": body["messages"][1:]}
        headers = {"Content-Type": "application/json", "x-api-key": os.environ["OPENAI_API_KEY"], "anthropic-version": "2023-06-01"}
    path = "/v1/messages" if anthropic else base.path + "/chat/completions"
    local.connection.request("POST", path, json.dumps(body), headers)
    response = local.connection.getresponse()
    data = response.read()
    assert response.status == 200, data
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    for _ in pool.map(call, range(first, last)):
        pass
'''


def main():
    server = Server(port=int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    print(server.port, flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
