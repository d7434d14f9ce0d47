#!/usr/bin/env python3
"""A toy model server that speaks OpenAI's chat completions and really answers at random.

    python3 examples/toy_model.py [PORT]      (0 or nothing: the kernel chooses; the port is printed)

It knows two moves: when tools are offered and no tool has answered yet, it asks for one of them; otherwise it says a
sentence, streamed word by word when asked to. Words, numbers and ids are drawn anew for every answer, so two runs of the
same program differ. Standard library only.
"""
import json
import random
import sys
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OPENINGS = ["Going by the weather service", "As far as I can see", "From what I was told", "To be brief"]
MOODS = ["take an umbrella", "leave the coat at home", "wear good shoes", "stay near a cafe", "bring sunglasses"]


def sentence(messages):
    told = [m["content"] for m in messages if m["role"] == "tool"]
    fact = told[-1] if told else "nothing in particular"
    return f"{random.choice(OPENINGS)}: {fact}. I would {random.choice(MOODS)}. (lucky number {random.randint(0, 9999)})"


def tool_calls(tools, messages):
    if not tools or any(m["role"] == "tool" for m in messages):
        return []
    function = random.choice(tools)["function"]
    city = random.choice(["Paris", "Oslo", "Lima"])
    return [{"id": "call_" + uuid.uuid4().hex[:24], "type": "function",
             "function": {"name": function["name"], "arguments": json.dumps({"city": city})}}]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self.path.endswith("/chat/completions"):
            self.answer({"error": {"message": "this toy knows /v1/chat/completions only", "type": "invalid_request_error"}}, 404)
            return
        calls = tool_calls(body.get("tools"), body["messages"])
        message = {"role": "assistant", "content": None if calls else sentence(body["messages"])}
        if calls:
            message["tool_calls"] = calls
        frame = {"id": "chatcmpl-" + uuid.uuid4().hex[:20], "created": int(time.time()), "model": body["model"]}
        finish = "tool_calls" if calls else "stop"
        if body.get("stream"):
            self.stream(frame, message, finish)
            return
        self.answer(frame | {"object": "chat.completion",
                             "choices": [{"index": 0, "message": message, "finish_reason": finish}],
                             "usage": {"prompt_tokens": 20, "completion_tokens": 9, "total_tokens": 29}})

    def answer(self, document, status=200):
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("x-request-id", "req_" + uuid.uuid4().hex)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, frame, message, finish):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("x-request-id", "req_" + uuid.uuid4().hex)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        deltas = [{"role": "assistant"}]
        if "tool_calls" in message:
            deltas += [{"tool_calls": [{"index": i} | call]} for i, call in enumerate(message["tool_calls"])]
        else:
            deltas += [{"content": word + " "} for word in message["content"].split()]
        for delta in deltas:
            self.event(frame, {"index": 0, "delta": delta, "finish_reason": None})
            time.sleep(random.uniform(0.005, 0.03))
        self.event(frame, {"index": 0, "delta": {}, "finish_reason": finish})
        self.chunk(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def event(self, frame, choice):
        self.chunk(b"data: " + json.dumps(frame | {"object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n")

    def chunk(self, data):
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def log_message(self, *args):
        pass


def main():
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Handler)
    server.daemon_threads = True
    print(server.server_address[1], flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
