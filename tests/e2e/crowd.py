"""What the tests of many and of slow streams share: an upstream of one thread for thousands of connections, and its client."""
import asyncio
import resource
import threading

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
BLOCK = bytes(range(256)) * 256  # 64 KB


def event(number, i):
    """Of stream `number` the i-th: 120 bytes, different in each."""
    text = f'data: {{"stream":{number},"event":{i},"text":"'
    return (text + "x" * (116 - len(text)) + '"}\n\n').encode()


def chunk(data):
    return b"%x\r\n" % len(data) + data + b"\r\n"


def told(number, events):
    """What the client of a stream is to read behind the head."""
    return b"".join(chunk(event(number, i)) for i in range(events)) + b"0\r\n\r\n"


def large(size):
    return BLOCK * (size // len(BLOCK)) + BLOCK[: size % len(BLOCK)]


def raise_descriptors():
    """As far as it goes; the limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


async def read_head(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    return head, length


class Streams:
    """
    /gathered/N   stream N: begins when `expected` of them have come, then `events` events, each round for all before the next
    /open/N       stream N: one event at once, the rest and the end after finish()
    /large/BYTES  a body of that many, as fast as it is taken; `pushed` says how much went into the socket's queue
    anything else a short JSON answer
    """

    def __init__(self, expected=0, events=5):
        self.expected, self.events = expected, events
        self.came = self.pushed = self.received = 0
        self.writers = []
        ready = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait()
        self.url = f"http://127.0.0.1:{self.port}"

    def run(self, ready):
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.finished = asyncio.Event()
        server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=4096))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self.loop.run_forever()

    def finish(self):
        self.loop.call_soon_threadsafe(self.finished.set)

    def stop(self):
        """Ends whatever is still being answered. May be called again."""
        if self.thread.is_alive():
            self.loop.call_soon_threadsafe(self.end)
            self.thread.join(60)

    def end(self):
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.call_later(0.1, self.loop.stop)

    async def serve(self, reader, writer):
        try:
            while True:
                head, length = await read_head(reader)
                while length > 0:
                    piece = await reader.read(min(length, 65536))
                    if not piece:
                        return
                    length -= len(piece)
                    self.received += len(piece)
                await self.answer(head.split(b" ")[1].decode().split("/"), writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    async def answer(self, path, writer):
        kind, number = path[-2], path[-1]
        if kind == "gathered":
            await self.gather(int(number), writer)
        elif kind == "open":
            writer.write(HEAD + chunk(event(int(number), 0)))
            await self.finished.wait()
            writer.write(told(int(number), self.events)[len(chunk(event(int(number), 0))):])
        elif kind == "large":
            await self.push(int(number), writer)
        else:
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"short": 13}')
        await writer.drain()

    async def gather(self, number, writer):
        self.writers.append((number, writer))
        if len(self.writers) < self.expected:
            await self.finished.wait()
            return
        for i in range(self.events):
            for one, to in self.writers:
                to.write((HEAD if i == 0 else b"") + chunk(event(one, i)))
            for _, to in self.writers:
                await to.drain()
        for _, to in self.writers:
            to.write(b"0\r\n\r\n")
        self.writers = []
        self.finished.set()

    async def push(self, size, writer):
        writer.transport.set_write_buffer_limits(high=len(BLOCK))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n" % size)
        for at in range(0, size, len(BLOCK)):
            writer.write(BLOCK[: size - at])
            await writer.drain()
            self.pushed += min(len(BLOCK), size - at)


async def ask(port, path, body=b"{}"):
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(b"POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (path.encode(), len(body))
                 + body)
    return reader, writer


async def read_stream(reader):
    """The head and all behind it up to the last chunk; what there is where it ends before."""
    head = await reader.readuntil(b"\r\n\r\n")
    body = b""
    while not body.endswith(b"\r\n0\r\n\r\n"):
        piece = await reader.read(65536)
        if not piece:
            break
        body += piece
    return head, body
