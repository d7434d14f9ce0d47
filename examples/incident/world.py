#!/usr/bin/env python3
"""What refunds.py asks: a toy vector store and a toy model, one server for both, each time the same.

    python3 world.py [PORT]      (0 or nothing: the kernel chooses; the port is printed)

The vector store (Qdrant's query) has two policies of refunds, and one of them should have been taken out when the other came. The model
(OpenAI's chat completions) calls the tool and goes by a policy: by the better match, but two times in five by the other one, as a
model of temperature 0.7 may. For nearly all orders both lead to the same decision. Standard library only.
"""
import collections
import hashlib
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

POLICIES = [
    ("refund-v3", 60, "Goods that arrive broken may be sent back within 60 days of delivery, and the full price is paid back."),
    ("refund-v1", 30, "Goods may be sent back within 30 days of delivery; after that a refund is not possible any more."),
]
asked = collections.Counter()
lock = threading.Lock()


def turn_of(text):
    with lock:
        asked[text] += 1
        return asked[text] - 1


def points(body):
    """The scores lie as near as they do with texts that are nearly the same."""
    length = sum(number * number for number in body["query"]) ** 0.5
    return {"result": {"points": [{"id": name, "version": 3, "score": round(0.83 - 0.01 * i - length / 1e4, 4), "payload": {"text": text}}
                                  for i, (name, _, text) in enumerate(POLICIES)][:body["limit"]]}, "status": "ok", "time": 0.0004}


def message_of(body, digest):
    told = [m["content"] for m in body["messages"] if m["role"] == "tool"]
    question = [m["content"] for m in body["messages"] if m["role"] == "user"][-1]
    order = int(re.search(r"\d+", question)[0])
    if not told:
        return {"role": "assistant", "content": None, "tool_calls": [{"id": "call_" + digest[:24], "type": "function", "function": {
            "name": body["tools"][0]["function"]["name"], "arguments": json.dumps({"order": order})}}]}
    name, days, text = POLICIES[1 if turn_of(question) % 5 in (0, 2) else 0]
    granted = json.loads(told[-1])["days_ago"] <= days
    outcome = "GRANTED: we will pay the price back." if granted else f"REFUSED: order {order} is not eligible for a refund."
    return {"role": "assistant", "content": f"{outcome} {text}"}


def completion(body):
    digest = hashlib.sha256(json.dumps(body["messages"]).encode()).hexdigest()
    message = message_of(body, digest)
    words = sum(len(str(m.get("content") or "").split()) for m in body["messages"])
    out = len((message["content"] or "look up").split())
    return {"id": "chatcmpl-" + digest[24:48], "object": "chat.completion", "created": 1795255200, "model": "toy-1-2026-11-01",
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if message.get("tool_calls") else "stop"}],
            "usage": {"prompt_tokens": words, "completion_tokens": out, "total_tokens": words + out}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        data = json.dumps(points(body) if self.path.endswith("/points/query") else completion(body)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 256


if __name__ == "__main__":
    server = Server(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
