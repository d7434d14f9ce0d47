"""A recorder that is killed loses nothing that a client received complete.

`serve --late-after never` is killed with SIGKILL at random moments under load and started again on the same store: 8 times, 200
times with REENACT_FULL=1. Every response that a client read to the end of its framing must then be in the store, whole, and
the store must verify. The seed is printed; REENACT_SEED=N repeats it.
"""
import http.client
import json
import os
import random
import signal
import threading
import time
import unittest

from harness import Case, answer, main

KILLS = 200 if os.environ.get("REENACT_FULL") else 8
CLIENTS = 6
EXACT = 2  # of each client the last so many are compared byte by byte; the others by target, end and length


def upstream_behaviour(head, body, connection):
    """The path says which form the answer has; what it says is never the same twice."""
    path = head.split(b" ", 2)[1].decode()
    form = path.split("/")[2]
    text = os.urandom(20 + len(path) * 7 % 900).hex()
    if form == "json":
        answer(connection, {"path": path, "text": text})
    elif form == "stream":
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in [f'data: {{"path":"{path}","n":{i},"text":"{text[i * 5:]}"}}\n\n' for i in range(4)] + ["data: [DONE]\n\n"]:
            connection.sendall(f"{len(piece):x}\r\n{piece}\r\n".encode())
            time.sleep(0.002)
        connection.sendall(b"0\r\n\r\n")
    else:  # long enough for several parts
        answer(connection, (path + text).encode() * 400, media_type="text/plain")


class Client(threading.Thread):
    """Asks until the recorder is gone. `complete` holds what it read to the end: (target, body)."""

    def __init__(self, port, alias, number):
        super().__init__(daemon=True)
        self.port, self.alias, self.number = port, alias, number
        self.complete = []

    def run(self):
        forms = ["json", "stream", "long"]
        for i in range(100000):
            target = f"/v1/{forms[(i + self.number) % 3]}/{i}"
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                connection.request("POST", f"/t/{self.alias}/toy{target}", json.dumps({"i": i}))
                with connection.getresponse() as response:
                    told = response.read()
            except (OSError, http.client.HTTPException):  # cut short, refused, or reset: not complete
                return
            finally:
                connection.close()
            if response.status == 200:
                self.complete.append((target, told))


class Lossless(Case):
    def timeline(self, alias):
        """The events of a trace by target, or nothing where the trace was not opened before the kill."""
        shown = self.reenact("show", "--store", self.store, "--json", alias)
        if shown.returncode != 0:
            return {}
        return {event["target"]: event for event in json.loads(shown.stdout)["timeline"] if event.get("kind") == "exchange"}

    def check(self, client):
        if not client.complete:
            return
        kept = self.timeline(client.alias)
        for target, told in client.complete:
            event = kept.get(target)
            self.assertIsNotNone(event, f"{client.alias}: {target} was received complete and is not in the store")
            self.assertEqual((event["end"], int(event["response_bytes"]), event["flags"]), ("ended", len(told), []), f"{client.alias}: {target}")
        for target, told in client.complete[-EXACT:]:
            raw = self.reenact("show", "--store", self.store, "--raw", "response", "--event", kept[target]["event"], client.alias, text=False)
            self.assertEqual(raw.stdout.partition(b"\r\n\r\n")[2], told, f"{client.alias}: {target}")

    def test_what_a_client_received_complete_survives_every_kill(self):
        seed = int(os.environ.get("REENACT_SEED") or random.randrange(1 << 30))
        print(f"seed {seed}", flush=True)
        chance = random.Random(seed)
        upstream = self.upstream(upstream_behaviour)
        clients, opened = [], []
        for kill in range(KILLS):
            began = time.monotonic()
            process, port = self.serve(upstream, "--late-after", "never")
            opened.append(time.monotonic() - began)
            now = [Client(port, f"k{kill}-{i}", i) for i in range(CLIENTS)]
            for client in now:
                client.start()
            time.sleep(chance.uniform(0.02, 0.6))
            process.send_signal(signal.SIGKILL)
            process.wait()
            for client in now:
                client.join(60)
            clients += now
        self.end(self.serve(upstream)[0])  # the last one's traces are closed by whoever comes next
        complete = sum(len(client.complete) for client in clients)
        print(f"{KILLS} kills, {complete} responses received complete; opening took {max(opened):.3f} s at most, "
              f"{sorted(opened)[len(opened) // 2]:.3f} s as a rule", flush=True)
        self.assertGreater(complete, KILLS)
        checked = self.reenact("verify", "--store", self.store, timeout=600)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        for client in clients:
            self.check(client)


if __name__ == "__main__":
    main()
