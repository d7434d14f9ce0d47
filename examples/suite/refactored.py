#!/usr/bin/env python3
"""Release 1.1: written anew around a class, members of the JSON in another order. What is asked is the same."""
import json
import sys
import urllib.request

import support


class Conversation:
    def __init__(self, message):
        self.turns = [{"content": message, "role": "user"}]

    def ask(self, system, tools=None):
        body = {"messages": [{"content": system, "role": "system"}] + self.turns, "temperature": 0.0, "model": support.MODEL}
        if tools:
            body["tools"] = tools
        request = urllib.request.Request(f"{support.BASE}/chat/completions", json.dumps(body, indent=1).encode())
        request.add_header("Content-Type", "application/json")
        request.add_header("Authorization", "Bearer " + support.os.environ.get("OPENAI_API_KEY", "none"))
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)["choices"][0]["message"]

    def run_tools(self):
        said = self.ask(support.LOOK_UP, support.TOOLS)
        self.turns.append(said)
        for call in said.get("tool_calls") or []:
            result = support.look_up_order(**json.loads(call["function"]["arguments"]))
            self.turns.append({"tool_call_id": call["id"], "role": "tool", "content": result})


if __name__ == "__main__":
    conversation = Conversation(" ".join(sys.argv[1:]))
    queue = conversation.ask(support.SORT)["content"].strip().lower()
    conversation.run_tools()
    print(f"[{queue}] {conversation.ask(support.REPLY)['content']}")
