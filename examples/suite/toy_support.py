#!/usr/bin/env python3
"""A toy model server for support.py that answers the same question in the same way, standing in for a real one.

    python3 toy_support.py [PORT]      (0 or nothing: the kernel chooses; the port is printed)

It speaks OpenAI's chat completions and knows three moves: a queue in one word, a call of the tool that is offered, a reply.
The model `toy-2` is the cheaper one: it words its replies anew, knows less of queues, and now and then writes an order's number as
text, calls no tool, or will not answer. Any other name is `toy-1`. Standard library only.
"""
import hashlib
import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def queue_of(model, message):
    words = message.lower()
    if re.search(r"charged|refund|pay", words):
        return "Billing" if model != "toy-2" or "refund" in words else "other"
    return "shipping" if re.search(r"order|address|sent", words) else "other"


def tool_call(model, tools, message):
    number = re.search(r"\d{5}", message)
    if number is None or (model == "toy-2" and "torn" in message):
        return None
    order = number[0] if model == "toy-2" and "change" in message else int(number[0])
    digest = hashlib.sha256(f"{model} {message}".encode()).hexdigest()
    return {"id": "call_" + digest[:24], "type": "function",
            "function": {"name": tools[0]["function"]["name"], "arguments": json.dumps({"order": order})}}


def reply_of(model, message, told):
    if model == "toy-2":
        if "address" in message:
            return "I'm sorry, but I can't help with that."
        return f"Good news, here is what I found: {told}. Just write again if anything is unclear."
    return f"Thank you for writing. We looked it up: {told}."


def message_of(body):
    said = [m["content"] for m in body["messages"] if m["role"] == "user"][-1]
    told = [m["content"] for m in body["messages"] if m["role"] == "tool"]
    system = body["messages"][0]["content"]
    if "queue" in system:
        return {"role": "assistant", "content": queue_of(body["model"], said)}
    call = tool_call(body["model"], body["tools"], said) if body.get("tools") and not told else None
    if call:
        return {"role": "assistant", "content": None, "tool_calls": [call]}
    if body.get("tools"):
        return {"role": "assistant", "content": "Which order is it?"}
    return {"role": "assistant", "content": reply_of(body["model"], said, told[-1] if told else "there is no order in it")}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        message = message_of(body)
        prompt, answer = len(json.dumps(body["messages"]).split()), len(json.dumps(message).split())
        digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        data = json.dumps({
            "id": "chatcmpl-" + digest[:20], "object": "chat.completion", "created": 1760000000, "model": body["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if "tool_calls" in message else "stop"}],
            "usage": {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

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
