"""What test_nasty.py needs: a raw-socket upstream that answers by script, a raw client, tiny encoders, and an oracle.

An upstream's script is a list of steps: bytes to send, ("sleep", seconds), ("each", n, bytes) which writes n bytes at a time,
"reset", "hang" (until the other side leaves) and "keep". Behind its script the connection is closed, unless what was sent ends
itself: then it is kept, as a server that does not announce its end has to, or another request could be on its way. The oracle says
what a client is to get for what an upstream sent, knowing nothing of reenact but DESIGN 5.1: hop-by-hop fields and framing are
ours, everything else is the upstream's. Standard library only.
"""
import socket
import struct
import threading
import time

from harness import Upstream

HOP_BY_HOP = {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
              b"trailer", b"transfer-encoding", b"upgrade", b"content-length"}


def reset(connection):
    """The next close sends a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Scripted(Upstream):
    """Answers a request by the script that stands in `scripts` under the last word of its path; keeps what it was asked."""

    def __init__(self, scripts):
        self.scripts = scripts
        self.asked = {}
        self.left = {}  # by name: set when a client of a hanging script is gone
        self.lock = threading.Lock()
        super().__init__(self.play)

    def serve(self, connection):
        """As Upstream, but a request whose name begins with `early` is answered before its body is read."""
        if b"/early" not in (start := connection.recv(300, socket.MSG_PEEK)).split(b"\r\n")[0]:
            super().serve(connection)
            return
        name = start.split(b" ")[1].rsplit(b"/", 1)[1].decode()
        try:
            for step in self.scripts[name]:
                connection.sendall(step)
        except OSError:
            pass
        connection.close()  # with bytes unread this is a reset, which may overtake the answer

    def play(self, head, body, connection):
        name = head.split(b" ")[1].partition(b"?")[0].rsplit(b"/", 1)[1].decode()
        with self.lock:
            self.asked.setdefault(name, []).append((head, body))
            gone = self.left.setdefault(name, threading.Event())
        sent = b""
        for step in self.scripts[name]:
            if isinstance(step, bytes):
                connection.sendall(step)
                sent += step
            elif step == "reset":
                time.sleep(0.004)  # what is queued must leave before the reset takes it away
                reset(connection)
            elif step == "hang":
                try:
                    while connection.recv(65536):
                        pass
                finally:
                    gone.set()
            elif step == "keep":
                return True
            elif step[0] == "sleep":
                time.sleep(step[1])
            elif step[0] == "each":
                for at in range(0, len(step[2]), step[1]):
                    connection.sendall(step[2][at:at + step[1]])
                sent += step[2]
        return "reset" not in self.scripts[name] and ends_itself(sent, head.startswith(b"HEAD "))


# The client: argv[1] is a JSON list of [name, steps]. Every case has a connection of its own. Steps: {"send": latin-1 text},
# {"zeros": n, "seed": text}, {"sleep": s}, {"half": true} (closes its sending half), {"until": text} (reads until it came),
# {"slow": bytes} (a small receive buffer, read in such pieces), {"abort": true} (will close by a reset), {"leave": true} (closes
# without reading on). Then it reads to the end.
# Prints one JSON object per case, in the order of the list: what came (latin-1; of much only its digest) and how it ended. argv[2]
# says how many cases are under way at once.
CLIENT = r'''
import concurrent.futures, hashlib, json, os, socket, struct, sys, time, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
def ask(case):
    name, steps = case
    connection = socket.socket()
    connection.settimeout(60)
    slow = next((step["slow"] for step in steps if "slow" in step), 0)
    if slow:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((base.hostname, base.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    came, end = bytearray(), "end"
    try:
        for step in steps:
            if "send" in step:
                connection.sendall(step["send"].replace("@AUTHORITY@", base.netloc).encode("latin-1"))
            if "repeat" in step:
                connection.sendall(step["repeat"].encode("latin-1") * step["times"])
            if "sleep" in step:
                time.sleep(step["sleep"])
            if "abort" in step:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if "half" in step:
                connection.shutdown(socket.SHUT_WR)
            while "until" in step and step["until"].encode("latin-1") not in came:
                data = connection.recv(65536)
                if not data:
                    break
                came += data
        if any("leave" in step for step in steps):
            end = "left"
        while end == "end":
            data = connection.recv(slow or 65536)
            if not data:
                break
            came += data
            if slow:
                time.sleep(0.0002)
    except (ConnectionResetError, BrokenPipeError):
        end = "reset"
    connection.close()
    return json.dumps({"name": name, "bytes": len(came), "sha": hashlib.sha256(came).hexdigest(), "end": end,
                       "came": came.decode("latin-1") if len(came) < 300000 else None})
with concurrent.futures.ThreadPoolExecutor(int(sys.argv[2])) as pool:
    for line in pool.map(ask, json.load(open(sys.argv[1]))):
        print(line, flush=True)
'''


# --- encoders ---------------------------------------------------------------------------------------------------------

def chunked(*pieces, extension=b"", trailers=b""):
    return b"".join(b"%x%s\r\n%s\r\n" % (len(piece), extension, piece) for piece in pieces) + b"0%s\r\n%s\r\n" % (extension, trailers)


def brotli(data):
    """A brotli stream of one stored meta-block (RFC 7932 9.2); at most 65536 bytes."""
    bits = (len(data) - 1) << 4 | 1 << 20  # a window of 64 KiB, not the last, four nibbles of length, then "stored"
    return bits.to_bytes(3, "little") + data + b"\x03"


def zstd(data):
    """A zstd frame of one raw block (RFC 8878 3.1.1); 256 to 65791 bytes."""
    return b"\x28\xb5\x2f\xfd\x60" + struct.pack("<H", len(data) - 256) + (len(data) << 3 | 1).to_bytes(3, "little") + data


# --- the oracle -------------------------------------------------------------------------------------------------------

def lines_of(head):
    return head.split(b"\r\n")


def own_fields(head):
    """The field lines of a head that are not about framing or one hop, as they came."""
    lines = lines_of(head)[1:]
    named = {word.strip().lower() for line in lines if line.lower().startswith(b"connection:")
             for word in line.partition(b":")[2].split(b",")}
    return [line for line in lines if line.partition(b":")[0].strip().lower() not in HOP_BY_HOP | named]


def field(head, name):
    return next((line.partition(b":")[2].strip() for line in lines_of(head)[1:] if line.partition(b":")[0].lower() == name), None)


def dechunk(rest):
    """(data, trailers, complete, lengths, rest) of a chunked body that may be cut anywhere."""
    data, lengths = b"", []
    while True:
        line, found, behind = rest.partition(b"\r\n")
        if not found:
            return data, b"", False, lengths, b""
        size = int(line.partition(b";")[0], 16)
        if size == 0:
            trailers = b""
            while True:
                line, found, behind = behind.partition(b"\r\n")
                if not found:
                    return data, trailers, False, lengths, b""
                if not line:
                    return data, trailers, True, lengths, behind
                trailers += line + b"\r\n"
        data += behind[:size]
        if behind[:size]:
            lengths.append(len(behind[:size]))
        if len(behind) < size + 2:
            return data, b"", False, lengths, b""
        rest = behind[size + 2:]


class Message:
    """A response as it stands at the front of `raw`: interim heads, head, body, whether its framing says that it is whole."""

    def __init__(self, raw, ended_by="end", is_head=False):
        self.interim, self.head, self.body, self.trailers, self.lengths = [], None, b"", b"", []
        self.complete, self.framing = False, None
        while True:
            head, found, raw = raw.partition(b"\r\n\r\n")
            if not found:
                self.partial_head, self.rest = head, b""
                return
            status = int(head[9:12])
            if status >= 200:
                break
            self.interim.append(head)
        self.head, self.status, self.rest = head, status, b""
        coding, length = field(head, b"transfer-encoding"), field(head, b"content-length")
        if is_head or status in (204, 304):
            self.framing, self.complete, self.rest = "none", True, raw
        elif coding is not None:
            self.framing = "chunked"
            self.body, self.trailers, self.complete, self.lengths, self.rest = dechunk(raw)
        elif length is not None:
            self.framing = "length"
            self.body, self.rest = raw[:int(length)], raw[int(length):]
            self.complete = len(self.body) == int(length)
        else:
            self.framing, self.body, self.complete = "close", raw, ended_by == "end"


def ends_itself(sent, is_head):
    """Whether a connection is still good behind these bytes."""
    try:
        message = Message(sent, is_head=is_head)
    except ValueError:  # no status, or no chunk size
        return False
    return message.complete and message.framing != "close" and not message.rest
