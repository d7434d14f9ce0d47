"""Concurrent streams: an upstream whose answers wait for one another, an MCP server that asks the client back while its own
answer is open, and the asynchronous client that talks to them. The client says BEFORE CAUSE when it is told something that
can only have come because of what it has not done yet."""
import json
import os
import threading
import time

# What both programs below stand on: HTTP/1.1 over asyncio, with kept connections, at most SOCKETS at once (0: no limit).
ASYNC_HTTP = r'''
import asyncio, contextlib, json, os, random, sys, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
jitter = float(os.environ.get("JITTER_MS", "0")) / 1000
sockets = int(os.environ.get("SOCKETS", "0"))
free, slots = [], asyncio.Semaphore(sockets or 100000)

async def pause():
    await asyncio.sleep(random.uniform(0, jitter))

class Answer:
    def __init__(self, reader, status, fields):
        self.reader, self.status, self.fields, self.whole = reader, status, fields, False

    async def pieces(self):
        if "transfer-encoding" not in self.fields:
            body = await self.reader.readexactly(int(self.fields.get("content-length", 0)))
            self.whole = True
            if body:
                yield body
            return
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            yield (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readuntil(b"\r\n")
        self.whole = True

    async def events(self):
        async for piece in self.pieces():
            for line in piece.decode().splitlines():
                if line.startswith("data: "):
                    yield json.loads(line[6:])

@contextlib.asynccontextmanager
async def ask(method, path, body=None):
    async with slots:
        reader, writer = free.pop() if free else await asyncio.open_connection(base.hostname, base.port)
        content = b"" if body is None else json.dumps(body).encode()
        writer.write(b"%s %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
            method.encode(), (base.path + path).encode(), base.netloc.encode(), len(content), content))
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = {line.split(":", 1)[0].lower(): line.split(":", 1)[1].strip() for line in head[1:] if line}
        answer = Answer(reader, int(head[0].split()[1]), fields)
        try:
            yield answer
        finally:
            if answer.whole:
                free.append((reader, writer))
            else:
                writer.close()
'''

# BRANCHES tool calls at once. The server asks back within each answer, the client replies by a POST of its own. LISTENERS read
# what the server tells everybody: the first leaves once it has heard all there is, the others when the tools are done.
MCP_CLIENT = ASYNC_HTTP + r'''
branches, listeners = int(os.environ["BRANCHES"]), int(os.environ["LISTENERS"])
replied, lines, done = set(), [], asyncio.Event()

def check(where, event):
    if not set(event["after"]) <= replied:
        lines.append(f"BEFORE CAUSE {where} {event}")

async def reply(event):
    await pause()
    replied.add(event["id"])
    async with ask("POST", "/mcp", {"jsonrpc": "2.0", "id": event["id"], "result": {"text": "reply to " + event["id"]}}) as answer:
        assert answer.status == 202, answer.status
        async for _ in answer.pieces():
            pass

async def tool(number):
    await pause()
    told, replies = [], []
    call = {"jsonrpc": "2.0", "id": f"call-{number}", "method": "tools/call", "params": {"name": "ask", "arguments": {"n": number}}}
    async with ask("POST", "/mcp", call) as answer:
        async for event in answer.events():
            check(f"tool {number}", event)
            told.append(event["text"])
            if "method" in event:
                replies.append(asyncio.create_task(reply(event)))
    await asyncio.gather(*replies)
    lines.append(f"tool {number}: " + ", ".join(told))

async def listen(number):
    heard = []
    async with ask("GET", f"/mcp?listener={number}") as answer:
        events = answer.events()
        while len(heard) < 2 * branches:
            event = await anext(events)
            check(f"listener {number}", event)
            heard.append(event["text"])
        if number > 0:
            await done.wait()
            await pause()
    lines.append(f"listener {number}: " + ", ".join(heard))

async def main():
    listening = [asyncio.create_task(listen(i)) for i in range(listeners)]
    await asyncio.gather(*(tool(i) for i in range(branches)))
    done.set()
    await asyncio.gather(*listening)
    print("\n".join(sorted(lines)))

asyncio.run(main())
'''

# Streams a, b, c. b is asked for only after the third piece of a, c after the second piece of b; a goes on when b has ended, b
# when c has. `runs` such threes at once.
CHAIN_CLIENT = ASYNC_HTTP + r'''
lines = []

async def stream(run, name, asked, then):
    told, next_one = [], None
    await pause()
    asked.add(name)
    async with ask("POST", "/stream", {"run": run, "stream": name}) as answer:
        async for event in answer.events():
            if not set(event["after"]) <= asked:
                lines.append(f"BEFORE CAUSE {run}{name} {event}")
            told.append(event["text"])
            if then and then[0][0] == len(told):
                next_one = asyncio.create_task(stream(run, then[0][1], asked, then[1:]))
    if next_one:
        await next_one
    lines.append(f"{run}{name}: " + ", ".join(told))

async def main():
    await asyncio.gather(*(stream(run, "a", set(), [(3, "b"), (2, "c")]) for run in range(int(os.environ["RUNS"]))))
    print("\n".join(sorted(lines)))

asyncio.run(main())
'''


def begin_stream(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")


def send_event(connection, event):
    data = b"data: " + json.dumps(event).encode() + b"\n\n"
    connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))


def end_stream(connection):
    connection.sendall(b"0\r\n\r\n")


def number():
    return int.from_bytes(os.urandom(5), "big")


class McpServer:
    """A behaviour for harness.Upstream: streamable HTTP, each tools/call asks the client twice before it has a result."""

    def __init__(self):
        self.replies = {}
        self.news = []
        self.changed = threading.Condition()

    def __call__(self, head, body, connection):
        if head.startswith(b"GET"):
            self.listen(connection)
            return False
        message = json.loads(body)
        if message.get("method") == "tools/call":
            self.call(message, connection)
        else:
            with self.changed:
                self.replies[message["id"]] = message["result"]
                self.changed.notify_all()
            connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        return True

    def call(self, message, connection):
        begin_stream(connection)
        asked = []
        for kind in ("sampling/createMessage", "elicitation/create"):
            ask = f"{message['id']}-{kind}"
            send_event(connection, {"id": ask, "method": kind, "after": asked, "text": f"{kind} {number()}"})
            asked = [*asked, ask]
            with self.changed:
                self.changed.wait_for(lambda: ask in self.replies, timeout=60)
                self.news.append({"after": asked, "text": f"{message['id']} got {ask} {number()}"})
                self.changed.notify_all()
            send_event(connection, {"after": asked, "text": f"progress {number()}"})
        send_event(connection, {"after": asked, "text": f"result {number()}"})
        end_stream(connection)

    def listen(self, connection):
        begin_stream(connection)
        told = 0
        while True:
            with self.changed:
                self.changed.wait_for(lambda: len(self.news) > told, timeout=60)
                fresh = self.news[told:]
            for event in fresh:
                send_event(connection, event)
            told += len(fresh)


class ChainServer:
    """A behaviour for harness.Upstream: stream a pauses after its third piece until b has ended, b after its second until c has."""

    def __init__(self):
        self.ended = set()
        self.changed = threading.Condition()

    def __call__(self, head, body, connection):
        asked = json.loads(body)
        run, name = asked["run"], asked["stream"]
        waits = {"a": (3, "b"), "b": (2, "c"), "c": (0, None)}[name]
        begin_stream(connection)
        after = [name]
        for piece in range(1, 6):
            send_event(connection, {"after": after, "text": f"{name}{piece} {number()}"})
            if piece == waits[0]:
                with self.changed:
                    self.changed.wait_for(lambda: (run, waits[1]) in self.ended, timeout=60)
                after = [name, waits[1]]
        end_stream(connection)
        with self.changed:
            self.ended.add((run, name))
            self.changed.notify_all()


class LargeBeside:
    """A behaviour for harness.Upstream: /stream goes on when /large has been given, as far as anybody takes it."""

    def __init__(self, size):
        self.size = size
        self.given = threading.Event()

    def __call__(self, head, body, connection):
        if b"/stream" in head.split(b"\r\n")[0]:
            begin_stream(connection)
            send_event(connection, {"number": number()})
            self.given.wait(0.5)
            time.sleep(0.1)
            send_event(connection, {"number": number()})
            end_stream(connection)
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % self.size)
            connection.sendall(b"x" * self.size)
            self.given.set()
