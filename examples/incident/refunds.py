#!/usr/bin/env python3
"""A service that decides refunds: an unmodified HTTP application of the usual kind, for scripts/quickstart-incident.

    OPENAI_BASE_URL=... QDRANT_URL=... python3 refunds.py PORT

POST /refunds {"order": 88231, "reason": "..."} is answered {"order", "refund": true|false, "reply"}. To decide, it looks up the policies
in a vector store, gives them to a model with one tool, runs the tool, and asks again. It hands on the header of the trace it was
called in, as services do with traceparent; nothing else in it knows of reenact. Standard library only.
"""
import datetime
import hashlib
import http.client
import json
import os
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SYSTEM = ("You decide refunds. Look the order up. Go by these policies alone, the better match first; begin with GRANTED or REFUSED and "
          "give the customer the sentence of the policy you went by.\n\n")
TOOL = {"type": "function", "function": {"name": "get_order", "description": "when an order was delivered, and what it was", "parameters": {
    "type": "object", "properties": {"order": {"type": "integer"}}, "required": ["order"]}}}
TODAY = datetime.date(2026, 11, 21)


def get_order(order):
    """The shop's database. All were delivered within the last month or long ago, but for one that came 36 days ago."""
    days = 36 if order == 88231 else order % 29 + 1 if order % 4 else order % 200 + 90
    item = ("lamp", "kettle", "chair", "radio")[order % 4]
    return {"order": order, "item": item, "delivered": str(TODAY - datetime.timedelta(days)), "days_ago": days, "price": order % 90 + 9.5}


def embed(text):
    """A toy: 8 numbers of the words in it."""
    vector = [0.0] * 8
    for word in text.lower().split():
        digest = hashlib.sha256(word.strip(".,!?").encode()).digest()
        vector[digest[0] % 8] += digest[1] / 255
    return vector


def post(base, path, body, trace):
    url = urllib.parse.urlsplit(base)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    fields = {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ["OPENAI_API_KEY"]}
    if trace:
        fields["x-reenact-trace"] = trace
    connection.request("POST", url.path + path, json.dumps(body), fields)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def decide(request, trace):
    found = post(os.environ["QDRANT_URL"], "/collections/policies/points/query",
                 {"query": embed("may it be sent back, " + request["reason"]), "limit": 2, "with_payload": True}, trace)
    policies = "\n".join(f"[{point['id']}] {point['payload']['text']}" for point in found["result"]["points"])
    messages = [{"role": "system", "content": SYSTEM + policies},
                {"role": "user", "content": f"Order {request['order']}: {request['reason']}"}]
    while True:
        answer = post(os.environ["OPENAI_BASE_URL"], "/chat/completions", {"model": "toy-1", "temperature": 0.7, "max_tokens": 200,
                                                                           "tools": [TOOL], "messages": messages}, trace)
        message = answer["choices"][0]["message"]
        messages.append(message)
        if not message.get("tool_calls"):
            return message["content"]
        for call in message["tool_calls"]:
            told = get_order(json.loads(call["function"]["arguments"])["order"])
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": json.dumps(told)})


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = decide(request, self.headers.get("x-reenact-trace"))
        granted, _, sentence = reply.partition(": ")
        body = json.dumps({"order": request["order"], "refund": granted == "GRANTED", "reply": sentence}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 256


if __name__ == "__main__":
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
