#!/usr/bin/env python3
"""A small support agent: three model calls and a tool, in Python's standard library.

    OPENAI_API_KEY=... [OPENAI_BASE_URL=...] python3 support.py "WHAT THE CUSTOMER WROTE"

It sorts the message into a queue, lets the model look up the order, and has it write the reply. SUPPORT_MODEL names the
model. The other files of this folder are later releases of it: the same program with one thing changed.
"""
import json
import os
import sys
import urllib.error
import urllib.request

BASE = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1").rstrip("/")
MODEL = os.environ.get("SUPPORT_MODEL", "toy-1")
SORT = "Sort the customer's message into one queue: shipping, billing or other. Answer with the one word."
LOOK_UP = "You are the support agent of a bookshop. Look up the order the customer speaks of."
REPLY = "Reply to the customer in two sentences. Promise nothing that the order does not say."
TOOLS = [{"type": "function", "function": {
    "name": "look_up_order", "description": "State of an order.",
    "parameters": {"type": "object", "properties": {"order": {"type": "integer"}}, "required": ["order"]}}}]
ORDERS = {88231: "shipped on Monday, with the carrier", 88232: "paid twice, one payment will be returned",
          88240: "waiting for stock until Friday", 88255: "delivered on Tuesday"}


def ask(system, conversation, **more):
    """One call of the model; gives its message."""
    body = {"model": MODEL, "temperature": 0, "messages": [{"role": "system", "content": system}, *conversation], **more}
    request = urllib.request.Request(BASE + "/chat/completions", json.dumps(body).encode(),
                                     {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ.get("OPENAI_API_KEY", "none")})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)["choices"][0]["message"]
    except urllib.error.HTTPError as error:
        sys.exit(f"support: the model answered {error.code}: {error.read().decode(errors='replace').strip()}")
    except urllib.error.URLError as error:
        sys.exit(f"support: the model cannot be reached: {error.reason}")


def look_up_order(order):
    return f"order {order}: {ORDERS.get(int(order), 'not known')}"


def sort(message):
    return ask(SORT, [{"role": "user", "content": message}])["content"].strip().lower()


def look_up(conversation):
    """Lets the model call the tool, once; gives the conversation with what the tool said."""
    said = ask(LOOK_UP, conversation, tools=TOOLS)
    calls = said.get("tool_calls") or []
    results = [{"role": "tool", "tool_call_id": call["id"], "content": look_up_order(**json.loads(call["function"]["arguments"]))} for call in calls]
    return [*conversation, said, *results]


def main():
    message = " ".join(sys.argv[1:])
    queue = sort(message)
    conversation = look_up([{"role": "user", "content": message}])
    reply = ask(REPLY, conversation)["content"]
    print(f"[{queue}] {reply}")


if __name__ == "__main__":
    main()
