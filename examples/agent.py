#!/usr/bin/env python3
"""A small tool-calling agent that streams, in Python's standard library.

    OPENAI_API_KEY=... [OPENAI_BASE_URL=...] python3 examples/agent.py [QUESTION]

It asks a model, runs the tool the model asks for, tells the model, and prints what the model says as it comes. It knows
nothing of reenact: only that OPENAI_BASE_URL says where the model is, as every client library does. OPENAI_MODEL names
another model.
"""
import json
import os
import sys
import urllib.error
import urllib.request

BASE = os.environ.get("OPENAI_BASE_URL", "https://api.openai.com/v1").rstrip("/")
MODEL = os.environ.get("OPENAI_MODEL", "gpt-4o-mini")
TOOLS = [{"type": "function", "function": {
    "name": "get_weather", "description": "The weather in a city, now.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]
WEATHER = {"Paris": "14 degrees and light rain", "Oslo": "3 degrees and clear", "Lima": "22 degrees and hazy"}


def get_weather(city):
    return f"in {city} it is {WEATHER.get(city, '18 degrees and cloudy')}"


def events(messages):
    """Sends one request and yields the chunks of its streamed answer."""
    request = urllib.request.Request(
        BASE + "/chat/completions",
        json.dumps({"model": MODEL, "messages": messages, "tools": TOOLS, "stream": True}).encode(),
        {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ.get("OPENAI_API_KEY", "none")})
    with urllib.request.urlopen(request, timeout=60) as response:
        for line in response:
            if line.startswith(b"data: ") and line.strip() != b"data: [DONE]":
                yield json.loads(line[6:])


def ask(messages):
    """One turn of the model: prints its text as it streams and returns the whole message."""
    message = {"role": "assistant", "content": ""}
    calls = {}
    for event in events(messages):
        if not event["choices"]:
            continue
        delta = event["choices"][0]["delta"]
        if delta.get("content"):
            message["content"] += delta["content"]
            print(delta["content"], end="", flush=True)
        for part in delta.get("tool_calls", []):
            call = calls.setdefault(part["index"], {"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
            call["id"] += part.get("id") or ""
            call["function"]["name"] += part["function"].get("name") or ""
            call["function"]["arguments"] += part["function"].get("arguments") or ""
    if calls:
        message["tool_calls"] = [calls[i] for i in sorted(calls)]
    return message


def main():
    question = " ".join(sys.argv[1:]) or "I may travel today. What should I know about the weather there?"
    messages = [{"role": "system", "content": "You are a brief travel assistant."}, {"role": "user", "content": question}]
    for _ in range(8):
        try:
            message = ask(messages)
        except urllib.error.HTTPError as error:
            sys.exit(f"agent: the model answered {error.code}: {error.read().decode(errors='replace').strip()}")
        except urllib.error.URLError as error:
            sys.exit(f"agent: the model cannot be reached: {error.reason}")
        messages.append(message)
        if "tool_calls" not in message:
            print()
            return
        for call in message["tool_calls"]:
            result = get_weather(**json.loads(call["function"]["arguments"]))
            print(f"[{call['function']['name']}({call['function']['arguments']}) -> {result}]")
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
    sys.exit("agent: the model asked for tools eight times; giving up")


if __name__ == "__main__":
    main()
