"""What the sweeps share: reenact with one of its calls failing, and what may be seen of it from outside.

FAULTY_LIBRARY names the module that is loaded in front of the C library (faulty.c), SWEEP_CLIENT the client whose word counts
(client.c). In the plain run every command fails in some places of different stacks; with REENACT_FULL=1 in each.
"""
import json
import os
import random
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from harness import REENACT, Case, answer, main  # noqa: E402, F401

FULL = bool(os.environ.get("REENACT_FULL"))
LIBRARY = os.environ.get("FAULTY_LIBRARY", "")
CLIENT = os.environ.get("SWEEP_CLIENT", "")
DIED = 99  # what a sanitizer makes of it
CALLS = ["/chat/completions", '{"model":"m","messages":[{"role":"user","content":"one"}]}',
         "/chat/completions", '{"model":"m","stream":true,"messages":[{"role":"user","content":"two"}]}',
         "/embeddings", '{"model":"e","input":"three"}']
EVENTS = [json.dumps({"id": "chatcmpl-stream", "object": "chat.completion.chunk",
                      "choices": [{"index": 0, "delta": {"content": word}}]}) for word in ("to", "be", "or", "not")] + ["[DONE]"]
WHOLE = json.dumps({"id": "chatcmpl-whole", "object": "chat.completion", "model": "m",
                    "choices": [{"index": 0, "message": {"role": "assistant", "content": "well " * 40}, "finish_reason": "stop"}]})
VECTOR = json.dumps({"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5] * 20}], "model": "e"})
STREAM = "".join(f"data: {event}\n\n" for event in EVENTS)
ANSWERS = [WHOLE, STREAM, VECTOR]


def behave(head, body, connection):
    """Always the same answers, so that what a client got can be compared."""
    asked = json.loads(body)
    if asked.get("stream"):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in EVENTS:
            piece = f"data: {event}\n\n".encode()
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        connection.sendall(b"0\r\n\r\n")
    else:
        answer(connection, (VECTOR if "input" in asked else WHOLE).encode())


def told_by_client(text):
    """The answers that client.c tells of: (status, body), or (None, why)."""
    told = []
    while text:
        line, _, text = text.partition("\n")
        if found := re.fullmatch(r"whole (\d+) (\d+)", line):
            length = int(found[2])
            told.append((int(found[1]), text[:length]))
            text = text[length + 1:]
        elif line.startswith("broken "):
            told.append((None, line[7:]))
        else:
            told.append((None, f"not the client's: {line}"))
    return told


class Sweep(Case):
    def setUp(self):
        super().setUp()
        self.met = os.path.join(self.directory, "met")
        self.list = os.path.join(self.directory, "list")
        self.found = []
        self.random = random.Random(4)

    def environment_of(self, call, number, error, how, listed=False):
        for path in (self.met, self.list):
            if os.path.exists(path):
                os.unlink(path)
        told = {"LD_PRELOAD": LIBRARY, "FAULTY": f"{call} {number} {error} {how}", "FAULTY_IN": os.path.basename(REENACT),
                "FAULTY_MET": self.met, "UBSAN_OPTIONS": f"exitcode={DIED}",
                # Libraries lose what they had when memory runs out in their middle; tests/*/test_*.c count what is ours.
                "ASAN_OPTIONS": f"verify_asan_link_order=0:exitcode={DIED}:detect_leaks=0:{os.environ.get('ASAN_OPTIONS', '')}"}
        return told | ({"FAULTY_LIST": self.list} if listed else {})

    def listing(self, call, run):
        """The numbers of the calls of a sound run, and the first number of each stack."""
        run(self.environment_of(call, 0, 0, "once", listed=True))
        first = {}
        count = 0
        with open(self.list) as file:
            for line in file:
                number, stack = line.split()
                first.setdefault(stack, int(number))
                count = int(number)
        return count, sorted(first.values())

    def numbers(self, call, run, seconds):
        """Which calls fail: with REENACT_FULL each, else those of different stacks in an order of chance, for some seconds."""
        count, stacks = self.listing(call, run)
        seconds *= float(os.environ.get("LONGER", "1"))
        chosen = list(range(1, count + 50)) if FULL else stacks
        if not FULL:
            self.random.shuffle(chosen)
        began = time.monotonic()
        done = 0
        for number in chosen:
            if not FULL and time.monotonic() - began > seconds and done >= 4:
                break
            done += 1
            yield number
        print(f"{self.id().split('.')[-1]}: {call} failed in {done} of {count} places ({len(stacks)} stacks)", flush=True)

    def where(self):
        """The stack of the failure, innermost first."""
        if not os.path.exists(self.met):
            return "nowhere"
        with open(self.met) as file:
            return file.read()

    def has_met(self):
        return os.path.exists(self.met)

    def note(self, name, done, why):
        """A finding; the sweep goes on, so that one run tells all."""
        self.found.append(f"{name}: {why}\nexit {done.returncode}\n{done.stdout[-500:]}\n{done.stderr[-3000:]}\nfailed in:\n{self.where()}")

    def reenact(self, *arguments, timeout=40, **rest):
        try:
            return super().reenact(*arguments, timeout=timeout, **rest)
        except subprocess.TimeoutExpired as late:
            return subprocess.CompletedProcess(arguments, "none, it hangs", (late.stdout or b"").decode(errors="replace"),
                                               (late.stderr or b"").decode(errors="replace"))

    def replay_bare(self, environment):
        """Replays; .receipt is the parsed receipt, None, or the text that is none."""
        path = os.path.join(self.directory, "receipt.json")
        if os.path.exists(path):
            os.unlink(path)
        done = self.reenact("replay", "--store", self.store, "--receipt", path, "run", "--", CLIENT, *CALLS, env=environment)
        done.receipt = None
        if os.path.exists(path):
            with open(path) as file:
                text = file.read()
            try:
                done.receipt = json.loads(text)
            except ValueError:
                done.receipt = text
        return done

    def check_replay(self, name, done):
        """Only what was reproduced is called that, and a receipt is a receipt."""
        self.check_end(name, done, (0, 1, 2, 3))
        is_true = self.check_answers(name, done)
        if isinstance(done.receipt, str):
            self.note(name, done, f"the receipt is no JSON: {done.receipt[:300]}")
        elif done.returncode == 0 and not (is_true and done.receipt and done.receipt["verdict"] == "reproduced"):
            self.note(name, done, "exit 0, and it was not reproduced")
        elif done.returncode not in (0, 2) and done.receipt and done.receipt["verdict"] == "reproduced":
            self.note(name, done, "the receipt says reproduced, the exit status does not")

    def check_end(self, name, done, allowed):
        """It ended by itself with a documented status, and said why where it was trouble."""
        if done.returncode not in allowed:
            self.note(name, done, f"exit {done.returncode} is not one of {allowed}")
        elif done.returncode in (2, 124, 125) and not re.search(r"(?m)^reenact", done.stderr):
            self.note(name, done, "no sentence says why")

    def check_answers(self, name, done):
        """Each answer is the true one whole, or one of ours that says so, or visibly broken. Whether all were true."""
        told = told_by_client(done.stdout)
        for (status, body), wanted in zip(told, ANSWERS):
            if status == 200 and body != wanted:
                self.note(name, done, "the client got a wrong answer as a whole one")
            elif status is not None and status != 200 and "reenact" not in body:
                self.note(name, done, f"{status} without a sentence of ours")
        return [(200, wanted) for wanted in ANSWERS] == told

    def check_store(self, name):
        """It verifies, or there is none yet."""
        if not os.path.exists(os.path.join(self.store, "data.mdb")):
            return
        done = self.reenact("verify", "--store", self.store)
        if done.returncode != 0 and "holds no store yet" not in done.stderr:
            self.note(name, done, "the store does not verify afterwards")

    def check_record(self, name, done, is_harmless=False):
        """Exit 10 is the client's: it saw a refusal or a broken answer."""
        self.check_end(name, done, (0,) if is_harmless else (0, 10, 124, 125))
        is_true = self.check_answers(name, done)
        if done.returncode == 0 and not is_true:
            self.note(name, done, "exit 0, and the client's output is not whole")
        self.check_store(name)
        if done.returncode == 0 and (FULL or self.random.random() < 0.2):
            again = self.replay_bare({})
            if again.returncode != 0:
                self.note(name, again, "recorded without a complaint, and does not replay")

    def record_sound(self):
        done = self.record(self.upstream(behave), CLIENT, *CALLS)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def over(self):
        """The end of a sweep: what was found, once for each reason."""
        self.assertEqual(len(self.found), 0, "\n\n".join(self.found[:int(os.environ.get("SHOW", "20"))]))
