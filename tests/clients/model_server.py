"""An OpenAI-like server for client tests: answers at random, fails when asked to, streams without end when asked to.

Started by run.py; prints its port. Standard library only.
"""
import base64
import json
import random
import struct
import sys
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

failed = set()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/embeddings"):
            self.answer(200, self.embeddings(body))
            return
        told = body["messages"][-1]["content"]
        if told.startswith("fail once with ") and told not in failed:
            failed.add(told)
            self.answer(int(told.split()[-1]), {"error": {"message": "once", "type": "server_error"}}, {"retry-after-ms": "3"})
        elif told == "bad request":
            self.answer(400, {"error": {"message": f"no {random.random()}", "type": "invalid_request_error"}})
        elif body.get("stream"):
            self.stream(body, endless=told == "endless")
        else:
            if told.startswith("parallel"):
                time.sleep(random.uniform(0, 0.05))
            self.answer(200, self.completion(body))

    def completion(self, body):
        message = {"role": "assistant", "content": f"I heard {body['messages'][-1]['content']!r} ({random.random()})"}
        finish = "stop"
        if "tools" in body and body["messages"][-1]["role"] == "user":
            call = {"id": "call_" + uuid.uuid4().hex, "type": "function",
                    "function": {"name": "lookup", "arguments": json.dumps({"q": str(random.random())})}}
            message, finish = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
        return {"id": "chatcmpl-" + uuid.uuid4().hex, "object": "chat.completion", "created": int(time.time()),
                "model": body["model"], "choices": [{"index": 0, "message": message, "finish_reason": finish}],
                "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}

    def embeddings(self, body):
        def vector():
            numbers = [random.uniform(-1, 1) for _ in range(8)]
            if body.get("encoding_format") == "base64":
                return base64.b64encode(struct.pack("<8f", *numbers)).decode()
            return numbers
        return {"object": "list", "model": body["model"], "usage": {"prompt_tokens": 2, "total_tokens": 2},
                "data": [{"object": "embedding", "index": i, "embedding": vector()} for i, _ in enumerate(body["input"])]}

    def answer(self, status, document, fields=()):
        data = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("x-request-id", "req_" + uuid.uuid4().hex)
        self.send_header("Set-Cookie", "__cf_bm=" + uuid.uuid4().hex)
        for name, value in dict(fields).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def stream(self, body, endless):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        words = f"{random.random()} žluťoučký kůň 🐎 says {uuid.uuid4()}".split()
        count = 0
        try:
            while endless or count < len(words):
                self.event({"choices": [{"index": 0, "delta": {"content": words[count % len(words)] + " "}}]})
                count += 1
                time.sleep(0.004)
            self.chunk(b"data: [DONE]\n\n")
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True

    def event(self, document):
        self.chunk(b"data: " + json.dumps(document | {"id": "chatcmpl-x", "object": "chat.completion.chunk"}).encode() + b"\n\n")

    def chunk(self, data):
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(server.server_address[1], flush=True)
sys.stdout.close()
server.serve_forever()
