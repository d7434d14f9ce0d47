"""Nasty traffic through the real binary: passed on unharmed or refused clearly, recorded as what the client was sent, replayed
the same to the byte and to the end (DESIGN 2.1, 5.1, 5.4; issue 4, point 1).

Each class is a table of cases that one recorded run asks one after the other; then the store is verified and the recording is
shown, replayed against itself and replayed with the command. Every case is a test of its own. A cut stream is cut at a sample
of its bytes in the plain run and at every byte with REENACT_FULL=1.
"""
import concurrent.futures
import gzip
import json
import os
import sys
import unittest
import zlib

from harness import REENACT, Case, main
from nasty import CLIENT, Message, Scripted, brotli, chunked, field, own_fields, zstd

FULL = os.environ.get("REENACT_FULL") == "1"
OK = b"HTTP/1.1 200 OK\r\n"
JSON = b"Content-Type: application/json\r\n"
EVENTS = b"Content-Type: text/event-stream\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
PLAIN = "HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
HEAD_MAX = 64 * 1024
FIELDS_MAX = 256


def sized(body, fields=JSON, start=OK):
    return start + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body


def ask(name, body="{}", fields="Connection: close\r\n", version="1.1", method="PUT", base="/v1"):
    """A PUT is sent again where a kept connection turns out to be dead, as that of the case before it may be."""
    host = "Host: 127.0.0.1\r\n" if version == "1.1" else ""
    return f"{method} {base}/{name} HTTP/{version}\r\n{host}{fields}Content-Length: {len(body)}\r\n\r\n{body}"


class Asked:
    """One case: what the upstream does, what the client does, and what is to come of it where the oracle cannot know."""

    def __init__(self, name, script, steps=None, *, answer=None, ends="fin", complete=None, end=None, events=1, is_head=False,
                 status=None, same=True, check=None):
        self.name = name
        self.script = script if isinstance(script, list) else [script]
        self.steps = steps if steps is not None else [{"send": ask(name)}]
        self.answer = answer if answer is not None else b"".join(
            step if isinstance(step, bytes) else step[2] if step[0] == "each" else b"" for step in self.script)
        self.ends, self.complete, self.end, self.events = ends, complete, end, events
        self.is_head, self.status, self.same, self.check = is_head, status, same, check
        self.first = 0  # ordinal of its first event


class Batch(unittest.TestCase):
    """Subclasses give `cases`; `raw_stride` says how often the recording is read back byte for byte in the plain run."""
    maxDiff = 2000
    cases = []
    verdicts = (("verified", 0), ("reproduced", 0))  # of a replay against itself, and of one with the command
    raw_stride = 1
    options = []     # of the recording
    answered = True  # whether there is an upstream at all
    at_once = 1      # cases under way together

    @classmethod
    def setUpClass(cls):
        cls.house = house = Case()
        house.setUp()
        ordinal = 1
        for case in cls.cases:
            case.first, ordinal = ordinal, ordinal + case.events
        upstream = cls.upstream = Scripted({case.name: case.script for case in cls.cases})
        script = house.write("nasty_client.py", CLIENT)
        table = house.write("cases.json", json.dumps([[case.name, case.steps] for case in cls.cases]))
        if not cls.answered:
            upstream.stop()
        cls.recorded = house.record(upstream, sys.executable, script, table, str(cls.at_once), options=cls.options, timeout=600)
        upstream.stop()
        cls.came = {line["name"]: line for line in map(json.loads, cls.recorded.stdout.splitlines())}
        cls.verified = house.reenact("verify", "--store", house.store)
        cls.self_replayed = house.replay(options=["--self"], timeout=600)
        cls.replayed = house.replay(timeout=600)
        cls.again = {line["name"]: line for line in map(json.loads, cls.replayed.stdout.splitlines())}
        shown = house.reenact("show", "--store", house.store, "--json", "run")
        cls.events = {event["event"]: event for event in json.loads(shown.stdout)["timeline"]} if shown.stdout else {}
        if cls.at_once > 1:
            cls.find_events()
        cls.read_back()

    @classmethod
    def find_events(cls):
        """Which case came first is not known where several are under way."""
        by_target = {event.get("target"): int(n) for n, event in cls.events.items() if n.isdigit()}
        for case in cls.cases:
            case.first = by_target.get(f"/v1/{case.name}", 0)

    @classmethod
    def read_back(cls):
        """Reads the recorded responses by `show --raw` into cls.raw: by ordinal."""
        stride = 1 if FULL else cls.raw_stride
        wanted = [case.first + i for at, case in enumerate(cls.cases) if at % stride == 0 for i in range(case.events)]

        def show(n):
            return n, cls.house.reenact("show", "--store", cls.house.store, "--event", str(n), "--raw", "response", "run", text=False)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            cls.raw = dict(pool.map(show, wanted))

    @classmethod
    def tearDownClass(cls):
        cls.house.doCleanups()

    # --- what holds for the whole run

    def test_recording_succeeds_and_is_complete(self):
        self.assertEqual(self.recorded.returncode, 0, self.recorded.stderr)
        self.assertEqual(len(self.came), len(self.cases))
        self.assertEqual(len([event for event in self.events if event.isdigit() and event != "0"]),
                         sum(case.events for case in self.cases))

    def test_verify_is_clean(self):
        self.assertEqual(self.verified.returncode, 0, self.verified.stdout + self.verified.stderr)

    def test_replayed_against_itself_every_byte_is_equal(self):
        self.assertVerdict(self.self_replayed, *self.verdicts[0])

    def test_replayed_with_its_command_it_is_reproduced(self):
        self.assertVerdict(self.replayed, *self.verdicts[1])
        if self.verdicts[1][0] == "reproduced":
            self.assertEqual(self.replayed.stdout, self.recorded.stdout)

    def assertVerdict(self, done, verdict, status):
        self.assertIsNotNone(done.receipt, done.stderr)
        self.assertEqual((done.receipt["verdict"], done.returncode), (verdict, status), done.stderr)

    # --- what holds for each case

    def expected(self, case):
        return Message(case.answer, "end" if case.ends == "fin" else "reset", case.is_head)

    def check_case(self, case):
        came = self.came[case.name]
        if case.same:
            self.assertEqual(self.again.get(case.name), came)
        if case.check is not None:
            case.check(self, case, came)
            return
        got = Message(came["came"].encode("latin-1"), came["end"], case.is_head)
        self.assertIsNotNone(got.head, came)
        self.assertEqual(got.rest, b"")
        if case.status is not None:
            self.assertEqual((got.status, got.complete), (case.status, True), came)
            self.assertEqual(self.events[str(case.first)]["end"], case.end or "refused")
        else:
            self.check_passed_on(case, came, got)
        self.check_recording(case, got)

    def check_passed_on(self, case, came, got):
        sent = self.expected(case)
        if sent.head is None:
            self.assertEqual((got.status, got.complete, got.interim), (502, True, sent.interim), came)
            self.assertIn(b"reenact_gateway", got.body)
            self.assertEqual(self.events[str(case.first)]["end"], "refused")
            return
        complete = sent.complete if case.complete is None else case.complete
        self.assertEqual(got.interim, sent.interim)
        self.assertEqual(got.head.split(b"\r\n")[0].rstrip(), b"HTTP/1.1" + sent.head.split(b"\r\n")[0].rstrip()[8:], came)
        self.assertEqual(own_fields(got.head), own_fields(sent.head))
        self.assertEqual(got.complete, complete, came)
        if case.ends == "fin" or complete:
            self.assertEqual(got.body, sent.body)
            self.assertEqual(got.trailers if complete else b"", sent.trailers if complete and got.framing == "chunked" else b"")
        else:
            self.assertTrue(sent.body.startswith(got.body), came)
        self.assertEqual(came["end"], "reset" if not complete and got.framing == "close" else "end")
        self.assertEqual(self.events[str(case.first)]["end"], case.end or ("ended" if complete else "cut"))

    def check_recording(self, case, got):
        event = self.events[str(case.first)]
        self.assertEqual((event["status"], int(event["response_bytes"])), (got.status, len(got.body)))
        if case.first in self.raw:
            shown = self.raw[case.first]
            self.assertEqual(shown.returncode, 0, shown.stderr)
            self.assertEqual(shown.stdout, got.head + b"\r\n\r\n" + got.body)


def check_again(self, case):
    """What is expected of every case, behind a check of its own."""
    case.check = None
    self.check_case(case)


def tabled(batch):
    """Makes a test of every case."""
    names = set()
    for case in batch.cases:
        assert case.name not in names, case.name
        names.add(case.name)
        setattr(batch, f"test_{case.name}", lambda self, case=case: self.check_case(case))
    return batch


# --- cut and reset at every byte ----------------------------------------------------------------------------------------

SMALL = {
    "length": OK + JSON + b'X-A: b\r\nContent-Length: 17\r\n\r\n{"answer": "abc"}',
    "chunked": OK + JSON + CHUNKED + b"\r\n" + chunked(b'{"answer"', b': "abc"}', trailers=b"X-T: v\r\n"),
    "untilclose": b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-A: b\r\n\r\nuntil the connection ends',
    "sse": OK + EVENTS + CHUNKED + b"\r\n" + chunked(b"data: {\"a\":1}\n\n", b": x\n\ndata: [DONE]\n\n"),
    "ssetoclose": OK + EVENTS + b"\r\ndata: {\"a\":1}\n\ndata: [DONE]\n\n",
    "hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok",
}


def places(text, stride):
    """Where to cut: everywhere, or a sample with the borders of head, body and end."""
    if FULL:
        return range(len(text) + 1)
    border = text.rindex(b"\r\n\r\n", 0, len(text) - 4) if text.endswith(b"\r\n\r\n") else text.index(b"\r\n\r\n")
    near = {0, 1, border + 2, border + 3, border + 4, border + 5, len(text) - 2, len(text) - 1, len(text)}
    return sorted(near | set(range(3, len(text), stride)))


def cuts():
    for framing, text in SMALL.items():
        for ends in ("fin", "reset"):
            for at in places(text, 7 if ends == "fin" else 13):
                # libcurl takes a last chunk for one without its very last byte.
                lenient = True if (ends, at) == ("fin", len(text) - 1) and framing in ("chunked", "sse") else None
                yield Asked(f"{ends}_{framing}_at_{at:03}", [text[:at]] + (["reset"] if ends == "reset" else []), ends=ends,
                            complete=lenient)


@tabled
class Cuts(Batch):
    cases = list(cuts())
    raw_stride = 6


def sampled(prefix, every):
    for at, case in enumerate(cuts()):
        if at % every == 0:
            yield Asked(prefix + case.name, case.script, ends=case.ends, complete=case.complete)


@tabled
class CutsStrict(Batch):
    options = ["--durability", "strict"]
    cases = list(sampled("strict_", 7))
    raw_stride = 6


@tabled
class CutsAsync(Batch):
    options = ["--durability", "async"]
    cases = list(sampled("async_", 8))
    raw_stride = 6


def together():
    """Cut streams among whole ones, with pauses that make them overlap."""
    for at, case in enumerate(cuts()):
        if at % 3 == 0:
            head = [step for step in case.script if isinstance(step, bytes)][0]
            middle = len(head) * (at % 7) // 7
            yield Asked("together_" + case.name, [head[:middle], ("sleep", 0.001 * (at % 11)), head[middle:], *case.script[1:]],
                        ends=case.ends, complete=case.complete)


@tabled
class CutsTogether(Batch):
    at_once = 12
    cases = list(together())
    raw_stride = 6


@tabled
class CutsKeptAlive(Batch):
    """What was cut ends its connection, and what its client had sent behind it is not asked."""
    cases = [Asked(f"kept_{framing}", [SMALL[framing][:-3]], [{"send": ask(f"kept_{framing}", fields="")}])
             for framing in ("length", "chunked", "sse")] + \
            [Asked(f"pipelined_{framing}", [SMALL[framing][:-3]],
                   [{"send": ask(f"pipelined_{framing}", fields="") + ask("never_asked")}], check=lambda self, case, came: (
                       self.assertNotIn("never_asked", self.upstream.asked), check_again(self, case)))
             for framing in ("length", "chunked", "sse")]


@tabled
class Nobody(Batch):
    """No upstream at all: our 502, recorded and given again."""
    answered = False
    cases = [Asked("nobody", b"", status=502),
             Asked("nobody_for_an_old_client", b"", [{"send": ask("nobody_for_an_old_client", version="1.0", fields="")}], status=502),
             Asked("nobody_for_a_head", b"", [{"send": "HEAD /v1/x HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"}], status=502,
                   is_head=True)]


@tabled
class CutsForOldClients(Batch):
    """HTTP/1.0: where only the end of the connection ends a body, one that was cut is reset, and nothing else is."""
    cases = [Asked(f"old_{ends}_{framing}_at_{at:03}", [SMALL[framing][:at]] + (["reset"] if ends == "reset" else []),
                   [{"send": ask(f"old_{ends}_{framing}_at_{at:03}", version="1.0", fields="")}], ends=ends,
                   complete=True if (ends, framing, at) == ("fin", "chunked", len(SMALL["chunked"]) - 1) else None)
             for framing in ("chunked", "length", "untilclose") for ends in ("fin", "reset")
             for at in places(SMALL[framing], 19)]
    raw_stride = 6


# --- bodies ---------------------------------------------------------------------------------------------------------------

TEXT = json.dumps({"choices": [{"message": {"content": "words and more words, " * 20}}]}).encode()
CODED = {"gzip": gzip.compress(TEXT, mtime=0), "deflate": zlib.compress(TEXT), "br": brotli(TEXT), "zstd": zstd(TEXT)}


def coded(name):
    return JSON + b"Content-Encoding: %s\r\n" % name.encode()


def trailers_of(total):
    text = b"".join(b"X-T%03d: %s\r\n" % (i, b"v" * 1000) for i in range(total // 1009))
    return text + b"X-Last: " + b"v" * (total - len(text) - 10) + b"\r\n"


def thirds(data):
    third = len(data) // 3
    return data[:third], data[third:2 * third], data[2 * third:]


def decodes_to(text):
    def check(self, case, came):
        check_again(self, case)
        shown = self.house.reenact("show", "--store", self.house.store, "--event", str(case.first), "--json", "run")
        self.assertEqual(json.loads(shown.stdout).get("response_body_decoded"), text)
    return check


@tabled
class Bodies(Batch):
    cases = [
        *(Asked(f"coding_{name}", sized(data, coded(name)), check=decodes_to(TEXT.decode())) for name, data in CODED.items()),
        *(Asked(f"streamed_{name}", [OK + coded(name) + CHUNKED + b"\r\n", ("each", 7, chunked(*thirds(data)))])
          for name, data in CODED.items()),
        *(Asked(f"cut_{name}", sized(data, coded(name))[:-20]) for name, data in CODED.items()),
        *(Asked(f"lies_{name}", sized(TEXT, coded(name))) for name in CODED),
        Asked("coding_twice", sized(gzip.compress(CODED["gzip"], mtime=0), coded("gzip, gzip")), check=decodes_to(TEXT.decode())),
        Asked("coding_empty", sized(b"", coded("gzip"))),
        Asked("invalid_utf8", sized(b'{"a": "\xff\xc0\x80\xed\xa0\x80"}')),
        Asked("invalid_utf8_text", sized(bytes(range(256)), b"Content-Type: text/plain; charset=utf-8\r\n")),
        Asked("invalid_json", sized(b'{"a": 1, "a": 2,, nan}')),
        Asked("half_json", sized(b'{"a": [1, 2')),
        Asked("deep_json", sized(b"[" * 5000 + b"]" * 5000)),
        Asked("nothing", sized(b"")),
        Asked("no_content", b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n"),
        Asked("not_modified", b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 99\r\n\r\n"),
        Asked("short_length", OK + b"Content-Length: 20\r\n\r\nhello"),
        Asked("long_length", OK + b"Content-Length: 5\r\n\r\nhello, and more than was announced",
              answer=OK + b"Content-Length: 5\r\n\r\nhello"),
        Asked("same_length_twice", OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
        Asked("two_lengths", OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", status=502),
        Asked("negative_length", OK + b"Content-Length: -5\r\n\r\nhello", status=502),
        Asked("huge_length", OK + b"Content-Length: 99999999999999999999\r\n\r\nhello", status=502),
        Asked("length_and_chunks", OK + b"Content-Length: 3\r\n" + CHUNKED + b"\r\n" + chunked(b"hello")),
        Asked("chunk_extension", OK + CHUNKED + b"\r\n" + chunked(b"hello", b"world", extension=b';a="b c";d')),
        Asked("chunk_upper_case", OK + CHUNKED + b"\r\nA\r\n0123456789\r\n0\r\n\r\n"),
        Asked("chunk_zeros", OK + CHUNKED + b"\r\n000005\r\nhello\r\n00\r\n\r\n"),
        Asked("chunk_malformed", OK + CHUNKED + b"\r\n5\r\nhello\r\nXY\r\nworld\r\n0\r\n\r\n", answer=OK + CHUNKED + b"\r\n5\r\nhello\r\n"),
        Asked("chunk_one_byte", [OK + CHUNKED + b"\r\n", ("each", 1, chunked(*[b"%d" % (i % 10) for i in range(60)]))]),
        Asked("chunk_extension_60k", OK + CHUNKED + b"\r\n" + chunked(b"hello", extension=b";a=" + b"b" * 60000)),
        Asked("trailers_16k", OK + CHUNKED + b"\r\n" + chunked(b"hello", trailers=trailers_of(16 * 1024))),
        Asked("trailers_over_their_limit", OK + CHUNKED + b"\r\n" + chunked(b"hello", trailers=trailers_of(16 * 1024 + 1)), complete=False),
        Asked("coded_transfer", OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + chunked(*thirds(CODED["gzip"])),
              answer=sized(TEXT, b"")),
        Asked("coded_transfer_that_lies", OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + chunked(TEXT), answer=OK + CHUNKED + b"\r\n"),
        Asked("identity_transfer", OK + b"Transfer-Encoding: identity\r\n\r\n" + TEXT, answer=OK + b"\r\n" + TEXT),
        Asked("no_content_with_a_body", [b"HTTP/1.1 204 No Content\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello", "keep"],
              answer=b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n"),
        Asked("behind_no_content", sized(b"{}")),
        Asked("head_with_a_body", [sized(b"hello"), "keep"], [{"send": f"HEAD /v1/head_with_a_body {PLAIN}\r\n"}], is_head=True,
              answer=sized(b"hello")[:-5]),
        Asked("behind_a_head_with_a_body", sized(b"{}")),
        # What nobody asked for is nobody's answer.
        Asked("two_answers", [sized(b"first") + sized(b"second"), "keep"], answer=sized(b"first")),
        Asked("behind_two_answers", sized(b"third")),
        Asked("an_answer_too_many", [sized(b"first"), ("sleep", 0.005), sized(b"second"), "keep"], answer=sized(b"first")),
        Asked("behind_an_answer_too_many", [("sleep", 0.02), sized(b"third")], [{"sleep": 0.03}, {"send": ask("behind_an_answer_too_many")}],
              answer=sized(b"third")),
        Asked("trailers", OK + CHUNKED + b"Trailer: X-Sum\r\n\r\n" + chunked(b"hello", trailers=b"X-Sum: 1\r\nx-sum: 2\r\nEmpty:\r\n")),
    ]


def is_withheld(self, case, came):
    """What we cannot read for credentials is not kept (docs/format.md): passed on unharmed, and never given again as complete."""
    sent, got = self.expected(case), Message(came["came"].encode("latin-1"), came["end"])
    self.assertEqual((got.body, got.complete), (sent.body, True))
    self.assertEqual(self.events[str(case.first)]["flags"], ["withheld"])
    again = self.again[case.name]
    replayed = Message(again["came"].encode("latin-1"), again["end"])
    self.assertEqual((replayed.head, replayed.body, replayed.complete), (got.head, b"", False))


@tabled
class Withheld(Batch):
    verdicts = (("incomparable", 3), ("incomparable", 3))
    BOMB = gzip.compress(b"\0" * 3000000, mtime=0)
    cases = [
        Asked("unknown_coding", sized(TEXT, coded("compress")), same=False, check=is_withheld),
        Asked("unknown_coding_chunked", OK + coded("compress") + CHUNKED + b"\r\n" + chunked(*thirds(TEXT)), same=False, check=is_withheld),
        Asked("unknown_coding_kept_alive", [OK + coded("compress") + CHUNKED + b"\r\n" + chunked(*thirds(TEXT)), "keep"],
              [{"send": ask("unknown_coding_kept_alive", fields="")}, {"until": "\r\n0\r\n\r\n"}, {"leave": True}], same=False,
              check=is_withheld),
        Asked("unknown_coding_until_close", OK + coded("compress") + b"\r\n" + TEXT,
              [{"send": ask("unknown_coding_until_close", version="1.0", fields="")}], same=False, check=is_withheld),
        Asked("bomb", sized(BOMB, coded("gzip")), same=False, check=is_withheld),
    ]


# --- heads ----------------------------------------------------------------------------------------------------------------

def head_of(total):
    """An answer whose head has exactly so many bytes, in fields of 4000."""
    head, tail = OK, b"Content-Length: 2\r\n\r\n"
    number = 0
    while (left := total - len(head) - len(tail)) > 0:
        size = left if left <= 4000 else min(4000, left - 100)
        number += 1
        name = b"X-Filler-%04d: " % number
        head += name + b"v" * (size - len(name) - 2) + b"\r\n"
    assert len(head + tail) == total
    return head + tail + b"ok"


def fields_of(count):
    return OK + b"".join(b"x-Field-%d: %d\r\n" % (i, i) for i in range(count - 1)) + b"Content-Length: 2\r\n\r\nok"


def hint_of(total):
    head, tail = b"HTTP/1.1 103 Early Hints\r\nLink: ", b"\r\n\r\n"
    return head + b"v" * (total - len(head + tail)) + tail


def refused_for(words):
    def check(self, case, came):
        self.assertIn("502 Bad Gateway", came["came"])
        self.assertIn(words, came["came"])
        self.assertEqual(self.events[str(case.first)]["end"], "refused")
    return check


@tabled
class Heads(Batch):
    cases = [
        Asked("duplicates", OK + b"x-a: 1\r\nX-A: 2\r\nSet-X: a\r\nx-a: 1\r\nset-x: b\r\nContent-Length: 2\r\n\r\nok"),
        Asked("odd_case", OK + b"cOnTeNt-TyPe: application/json\r\nX-rEQUEST-iD: q\r\ncontent-LENGTH: 2\r\n\r\n{}"),
        Asked("empty_values", OK + b"Access-Control-Allow-Origin: \r\nEmpty:\r\nTab:\t\r\nContent-Length: 2\r\n\r\nok"),
        Asked("blanks_around_values", OK + b"A:   x  \r\nB:\ty\t\r\nContent-Length:  2 \r\n\r\nok"),
        Asked("bytes_in_values", OK + b"X-A: \xff\xfe\xc3\xbc\r\nContent-Length: 2\r\n\r\nok"),
        Asked("no_reason", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"),
        Asked("blank_reason", b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok"),
        Asked("odd_reason", b"HTTP/1.1 299 It's (\xfc) fine:  200?\r\nContent-Length: 2\r\n\r\nok"),
        Asked("odd_status", b"HTTP/1.1 799 Far\r\nContent-Length: 2\r\n\r\nok"),
        Asked("old_version", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        Asked("no_status", b"HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\nok", status=502),
        Asked("not_http", b"ICY 200 OK\r\n\r\nok", status=502),
        Asked("switching", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n", status=502),
        Asked("hop_by_hop", OK + b"Connection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-Stays: 2\r\n"
              b"Proxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nok"),
        Asked("hints", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + sized(b"{}")),
        Asked("hints_and_time", [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", ("sleep", 0.02),
                                 b"HTTP/1.1 102 Processing\r\n\r\n", ("sleep", 0.02), sized(b"{}")]),
        Asked("head_60k", head_of(60 * 1024)),
        Asked("head_at_its_limit", head_of(HEAD_MAX)),
        Asked("head_over_its_limit", head_of(HEAD_MAX + 1), check=refused_for("a head that is too large")),
        Asked("head_of_one_field", OK + b"X-Long: " + b"v" * 60000 + b"\r\nContent-Length: 2\r\n\r\nok"),
        Asked("head_at_its_limit_chunked", head_of(HEAD_MAX).replace(b"Content-Length: 2\r\n\r\nok", b"X-Other-Name: 2\r\n\r\nok")),
        Asked("fields_256", fields_of(FIELDS_MAX)),
        Asked("fields_257", fields_of(FIELDS_MAX + 1)),
        Asked("fields_1000", fields_of(1000)),
        Asked("head_one_byte_per_write", [("each", 1, sized(b'{"a": 1}'))]),
        Asked("continue_unasked", b"HTTP/1.1 100 Continue\r\n\r\n" + sized(b"{}"), answer=sized(b"{}")),
        Asked("redirect", b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://192.0.2.1/else\r\nContent-Length: 0\r\n\r\n"),
        Asked("control_in_a_value", OK + b"X-A: a\x01b\x7f\r\nContent-Length: 2\r\n\r\nok"),
        Asked("nul_in_a_value", OK + b"X-A: a\0b\r\nContent-Length: 2\r\n\r\nok", status=502),
        Asked("odd_name", OK + b"X(A): b\r\nContent-Length: 2\r\n\r\nok"),
        Asked("hints_at_their_limit", hint_of(HEAD_MAX // 2) * 2 + sized(b"{}")),
        Asked("hints_over_their_limit", hint_of(HEAD_MAX // 2) * 2 + hint_of(60) + sized(b"{}"), check=refused_for("interim")),
        Asked("hints_without_end", hint_of(1000) * 3000, check=refused_for("interim")),
        Asked("many_hints", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 100 + sized(b"{}")),
    ]


# --- streams --------------------------------------------------------------------------------------------------------------

UMLAUTS = "data: {\"delta\": \"äöü€😀\"}\n\n".encode()


def streamed(name, *pieces, pause=0.002, kind=EVENTS, rest=()):
    steps = [OK + kind + CHUNKED + b"\r\n"]
    for piece in pieces:
        steps += [b"%x\r\n%s\r\n" % (len(piece), piece), ("sleep", pause)]
    return Asked(name, steps + [b"0\r\n\r\n", *rest])


@tabled
class Streams(Batch):
    cases = [
        streamed("sse_lf", b"data: a\n\n", b"data: b\n\n", b"data: [DONE]\n\n"),
        streamed("sse_cr", b"data: a\r", b"\rdata: b\r\r", b"data: [DONE]\r\r"),
        streamed("sse_crlf", b"data: a\r\n\r\n", b"data: b\r", b"\n\r", b"\n", b"data: [DONE]\r\n\r\n"),
        streamed("sse_mixed", b"data: a\r\n\n", b"data: b\n\r\n", b"data: c\r\r\n", b"data: [DONE]\n\r"),
        streamed("sse_bom", b"\xef", b"\xbb\xbf", b"data: a\n\n", b"data: [DONE]\n\n"),
        streamed("sse_comments", b": hello\n\n", b":\n", b"\n", b"id: 1\nretry: 5\nevent: x\ndata: a\n\n", b": keep-alive\n\n", b"data: [DONE]\n\n"),
        streamed("sse_split_utf8", *[UMLAUTS[at:at + 1] for at in range(len(UMLAUTS))], b"data: [DONE]\n\n", pause=0),
        streamed("sse_invalid_utf8", b"data: \xff\xfe\xed\xa0\x80\n\n", b"data: [DONE]\n\n"),
        streamed("sse_goes_on", b"data: [DONE]\n\n", b": still here\n\n", b"data: [DONE]\n\ndata: more\n\n"),
        streamed("sse_without_an_end", b"data: a\n\n", b"data: no empty line"),
        streamed("sse_nothing"),
        streamed("sse_done_in_pieces", *[bytes([byte]) for byte in b"data: [DONE]\n\n"]),
        streamed("sse_message_stop", b"event: message_start\ndata: {\"type\":\"message_start\"}\n\n",
                 b"event: message_stop\ndata: {\"type\": \"message_stop\"}\n\n"),
        streamed("ndjson", b'{"done":false}\n', b'{"done":', b'true}\n', kind=b"Content-Type: application/x-ndjson\r\n"),
        streamed("ndjson_goes_on", b'{"done":true}\n{"done":false}\n', b'{"done":true}\n', kind=b"Content-Type: application/x-ndjson\r\n"),
        Asked("sse_one_byte_per_write", [OK + EVENTS + b"\r\n", ("each", 1, b"data: {\"a\": 1}\n\n" * 12 + b"data: [DONE]\n\n")]),
        Asked("sse_one_byte_chunks", [OK + EVENTS + CHUNKED + b"\r\n",
                                      ("each", 1, chunked(*[bytes([byte]) for byte in b"data: {\"a\": 1}\n\ndata: [DONE]\n\n"]))]),
        Asked("sse_length", sized(b"data: a\n\ndata: [DONE]\n\n", EVENTS)),
        Asked("sse_cut_behind_done", OK + EVENTS + CHUNKED + b"\r\n" + b"e\r\ndata: [DONE]\n\n\r\n"),
        Asked("sse_reset_behind_done", [OK + EVENTS + CHUNKED + b"\r\n" + b"e\r\ndata: [DONE]\n\n\r\n", ("sleep", 0.05), "reset"], ends="reset"),
        streamed("sse_gzip", *thirds(gzip.compress(b"data: a\n\n" * 30 + b"data: [DONE]\n\n", mtime=0)),
                 kind=EVENTS + b"Content-Encoding: gzip\r\n"),
        # Long enough that several parts are committed before the end, each with a last unit that was held.
        streamed("sse_many_dones", *[b"data: [DONE]\n\n"] * 6, pause=0.03),
        streamed("sse_pause_before_the_end", b"data: a\n\n", b"data: [DONE]\n\n", pause=0.06),
    ]


def replayed_again(*options):
    def test(self):
        done = self.house.replay(options=options, timeout=600)
        self.assertVerdict(done, "reproduced", 0)
        self.assertEqual(done.stdout, self.recorded.stdout)
    return test


Streams.test_at_the_recorded_pace = replayed_again("--pace", "recorded")
Streams.test_in_any_order = replayed_again("--order", "any")
Streams.test_strictly = replayed_again("--strict")


# --- sizes ----------------------------------------------------------------------------------------------------------------

MANY = (50 if FULL else 5) * 1000 * 1000
PART = 256 * 1024  # a piece of a body that is committed on its own
PATTERN = os.urandom(997)
MUCH = (PATTERN * (MANY // len(PATTERN) + 1))[:MANY]
FLOOD = PATTERN * 30000
EVENT = b"data: " + (b"x" + PATTERN.hex().encode()) * (8 * 1024 * 1024 // (2 * len(PATTERN) + 1)) + b"\n\n"


def has_bytes(body, end="ended", stop="end"):
    """Of much only digests are kept: the client's, over head, chunks and all, equals that of the recording sent again."""
    def check(self, case, came):
        self.assertEqual(came["end"], stop)
        event = self.events[str(case.first)]
        self.assertEqual((event["end"], int(event["response_bytes"])), (end, len(body)))
        self.assertGreater(came["bytes"], len(body))
        _, _, recorded = self.raw[case.first].stdout.partition(b"\r\n\r\n")
        self.assertTrue(recorded == body)
    return check


def sends_much(self, case, came):
    """The upstream gets the whole request, which the recording holds too."""
    (head, body), = self.upstream.asked[case.name]
    self.assertTrue(body == b"0123456789" * (MANY // 10))
    self.assertEqual(field(head, b"content-length"), b"%d" % (MANY // 10 * 10))
    self.assertEqual(int(self.events[str(case.first)]["request_bytes"]), MANY // 10 * 10)
    self.assertIn("200 OK", came["came"])


def is_early(self, case, came):
    """The upstream answered before it had read: its answer, or its reset, as our 502; complete either way."""
    got = Message(came["came"].encode("latin-1"))
    self.assertTrue(got.complete)
    self.assertIn((got.status, self.events[str(case.first)]["end"]), ((413, "ended"), (502, "refused")))


@tabled
class Sizes(Batch):
    cases = [
        Asked("big_length", sized(MUCH), check=has_bytes(MUCH)),
        Asked("big_chunked", OK + CHUNKED + b"\r\n" + chunked(MUCH[:MANY // 2], MUCH[MANY // 2:]), check=has_bytes(MUCH)),
        Asked("big_until_close", OK + b"\r\n" + MUCH, check=has_bytes(MUCH)),
        Asked("big_cut", sized(MUCH)[:-1], check=has_bytes(MUCH[:-1], "cut")),
        Asked("big_request", sized(b"{}"), [{"send": f"POST /v1/big_request HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                                                     f"Content-Length: {MANY // 10 * 10}\r\n\r\n"},
                                            {"repeat": "0123456789", "times": MANY // 10}], check=sends_much),
        Asked("big_chunked_request", sized(b"{}"), [{"send": "POST /v1/big_chunked_request HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                                                             "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"},
                                                    {"repeat": "a;x=y\r\n0123456789\r\n", "times": MANY // 10}, {"send": "0\r\n\r\n"}],
              check=sends_much),
        Asked("early_small", sized(b"{}", start=b"HTTP/1.1 413 Content Too Large\r\n"), check=is_early),
        Asked("early_big", sized(b"{}", start=b"HTTP/1.1 413 Content Too Large\r\n"),
              [{"send": f"POST /v1/early_big HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {MANY // 10 * 10}\r\n\r\n"},
               {"repeat": "0123456789", "times": MANY // 10}], check=is_early),
        Asked("event_8m", OK + EVENTS + CHUNKED + b"\r\n" + chunked(EVENT, b"data: [DONE]\n\n"), check=has_bytes(EVENT + b"data: [DONE]\n\n")),
        *(Asked(f"part_of_{size}_{framing}", [head, ("each", 65536, MUCH[:size]), tail], check=has_bytes(MUCH[:size]))
          for size in (PART - 1, PART, PART + 1, 2 * PART) for framing, head, tail in (
              ("length", OK + b"Content-Length: %d\r\n\r\n" % size, b""),
              ("chunked", OK + CHUNKED + b"\r\n%x\r\n" % size, b"\r\n0\r\n\r\n"),
              ("toclose", OK + b"\r\n", b""))),
        Asked("slow_reader", sized(MUCH[:600000]), [{"slow": 16384}, {"send": ask("slow_reader")}], check=has_bytes(MUCH[:600000])),
        # An HTTP/1.0 client that is slow still gets everything that came before the reset.
        Asked("slow_reader_of_a_cut", OK + CHUNKED + b"\r\n" + b"%x\r\n" % 600001 + MUCH[:600000],
              [{"slow": 16384}, {"send": ask("slow_reader_of_a_cut", version="1.0", fields="")}],
              check=lambda self, case, came: (has_bytes(MUCH[:600000], "cut", "reset")(self, case, came))),
    ]


# --- clients --------------------------------------------------------------------------------------------------------------

def answers(*bodies, ends=("ended",)):
    """The client got these answers one behind the other, each complete."""
    def check(self, case, came):
        rest = came["came"].encode("latin-1")
        for at, body in enumerate(bodies):
            got = Message(rest)
            self.assertEqual((got.status, got.body, got.complete), (200, body, True), came)
            self.assertEqual(self.events[str(case.first + at)]["end"], ends[at % len(ends)])
            self.assertEqual(self.raw[case.first + at].stdout, got.head + b"\r\n\r\n" + got.body)
            rest = got.rest
        self.assertEqual(rest, b"")
    return check


def upstream_got(*requests, lines=None):
    """What stood in the requests that the upstream got: bodies, and field lines in order."""
    def check(self, case, came):
        asked = self.upstream.asked[case.name]
        self.assertEqual([body for _, body in asked], list(requests))
        for line in lines or ():
            self.assertIn(line, asked[0][0].split(b"\r\n"))
        check_again(self, case)
    return check


def is_aborted(self, case, came):
    self.assertEqual(self.events[str(case.first)]["end"], "aborted")


def pipelined(name, count):
    plain = "HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    last = f"POST /v1/{name} {plain}Connection: close\r\nContent-Length: 3\r\n\r\n{{ }}"
    return "".join(f"POST /v1/{name} {plain}Content-Length: 1\r\n\r\n{i}" for i in range(count - 1)) + last


DONE = sized(b'{"fine": true}')


@tabled
class Clients(Batch):
    cases = [
        Asked("pipelined", [DONE, "keep"], [{"send": pipelined("pipelined", 5)}], events=5, check=answers(*[b'{"fine": true}'] * 5)),
        Asked("request_one_byte_per_write", DONE, [step for byte in ask("request_one_byte_per_write") for step in ({"send": byte}, {"sleep": 0.0002})],
              check=upstream_got(b"{}")),
        Asked("request_chunked", DONE, [{"send": f"POST /v1/request_chunked {PLAIN}Transfer-Encoding: chunked\r\n\r\n"
                                                 "3;a=\"b c\";d\r\n{\"a\r\n"}, {"sleep": 0.01}, {"send": "4\r\n\": 1\r\n1\r\n}\r\n0;x\r\nT: v\r\n\r\n"}],
              check=upstream_got(b'{"a": 1}')),
        Asked("request_chunked_empty", DONE, [{"send": f"POST /v1/request_chunked_empty {PLAIN}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}],
              check=upstream_got(b"")),
        Asked("expects_continue", DONE, [{"send": f"POST /v1/expects_continue {PLAIN}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"},
                                         {"until": "100 Continue\r\n\r\n"}, {"send": "{}"}],
              answer=b"HTTP/1.1 100 Continue\r\n\r\n" + DONE, check=upstream_got(b"{}")),
        Asked("expects_continue_in_vain", DONE, [{"send": ask("expects_continue_in_vain", fields="Connection: close\r\nExpect: 100-continue\r\n")}],
              check=upstream_got(b"{}")),
        Asked("old_client_expects", DONE, [{"send": ask("old_client_expects", version="1.0", fields="Expect: 100-continue\r\n")}],
              check=upstream_got(b"{}")),
        Asked("absolute_form", DONE, [{"send": f"POST http://@AUTHORITY@/v1/absolute_form?q=%zz&&a {PLAIN}Content-Length: 2\r\n\r\n{{}}"}],
              check=lambda self, case, came: (self.assertIn(b"POST /v1/absolute_form?q=%zz&&a ", self.upstream.asked[case.name][0][0]),
                                              upstream_got(b"{}")(self, case, came))),
        Asked("odd_target", DONE, [{"send": ask("odd_target?a=%ff&b=^|{}\\\"`", base="/v1/./..//x;y")}],
              check=lambda self, case, came: (self.assertIn(b"/v1/./..//x;y/odd_target?a=%ff&b=^|{}\\\"` ", self.upstream.asked[case.name][0][0]),
                                              upstream_got(b"{}")(self, case, came))),
        Asked("odd_method", DONE, [{"send": ask("odd_method", method="pRoP!#")}], check=upstream_got(b"{}")),
        Asked("get_with_a_body", DONE, [{"send": ask("get_with_a_body", method="GET")}], check=upstream_got(b"{}")),
        Asked("asks_for_a_head", sized(b"")[:-5] + b"99\r\n\r\n", [{"send": f"HEAD /v1/asks_for_a_head {PLAIN}\r\n"}], is_head=True),
        Asked("request_fields", DONE, [{"send": ask("request_fields", fields="Connection: close, X-Hop\r\nx-a: 1\r\nX-A: 2\r\nX-Hop: 3\r\n"
                                                    "Empty:\r\nX-Bytes: \xff\xfe\r\ncOnTeNt-TyPe: application/json\r\nTE: trailers\r\n")}],
              check=upstream_got(b"{}", lines=[b"x-a: 1", b"X-A: 2", b"X-Bytes: \xff\xfe", b"cOnTeNt-TyPe: application/json"])),
        Asked("request_utf8", DONE, [{"send": ask("request_utf8", '{"a": "\xff\xc0\x80"}')}], check=upstream_got(b'{"a": "\xff\xc0\x80"}')),
        Asked("request_json", DONE, [{"send": ask("request_json", '{"a": 1, "a": 2,, nan')}], check=upstream_got(b'{"a": 1, "a": 2,, nan')),
        Asked("request_lies", DONE, [{"send": ask("request_lies", fields="Connection: close\r\nContent-Encoding: gzip\r\n")}], check=upstream_got(b"{}")),
        Asked("request_gzip", DONE, [{"send": ask("request_gzip", CODED["gzip"].decode("latin-1"), fields="Connection: close\r\nContent-Encoding: gzip\r\n")}],
              check=upstream_got(CODED["gzip"])),
        Asked("request_head_60k", DONE, [{"send": ask("request_head_60k", fields="Connection: close\r\nX-Long: " + "v" * 60000 + "\r\n")}],
              check=upstream_got(b"{}")),
        Asked("request_of_256_fields", DONE, [{"send": ask("request_of_256_fields", fields="Connection: close\r\n" + "".join(
            f"X-F{i}: {i}\r\n" for i in range(FIELDS_MAX - 3)))}], check=upstream_got(b"{}", lines=[b"X-F0: 0", b"X-F252: 252"])),
        Asked("empty_lines_before", DONE, [{"send": "\r\n\r\n" + ask("empty_lines_before")}], check=upstream_got(b"{}")),
        Asked("old_client", DONE, [{"send": ask("old_client", version="1.0", fields="")}], check=upstream_got(b"{}")),
        Asked("old_client_keeps", DONE, [{"send": ask("old_client_keeps", version="1.0", fields="Connection: keep-alive\r\n")},
                                         {"until": '{"fine": true}'}, {"leave": True}], check=answers(b'{"fine": true}')),
        Asked("old_client_of_a_stream", OK + EVENTS + CHUNKED + b"\r\n" + chunked(b"data: a\n\n", b"data: [DONE]\n\n"),
              [{"send": ask("old_client_of_a_stream", version="1.0", fields="")}]),
        # A client that closes its sending half before its answer is complete counts as gone (gateway.h).
        Asked("half_closes", [("sleep", 0.1), DONE], [{"send": ask("half_closes")}, {"half": True}], check=is_aborted),
        Asked("half_closes_behind_the_answer", [DONE, "keep"], [{"send": ask("half_closes_behind_the_answer", fields="")},
                                                              {"until": '{"fine": true}'}, {"half": True}],
              check=answers(b'{"fine": true}')),
    ]


def leaves_a_flood(self, case, came):
    """It is recorded as far as it was sent, which is further than the client looked, and not to its end."""
    event = self.events[str(case.first)]
    self.assertEqual(event["end"], "aborted")
    self.assertLess(int(event["response_bytes"]), len(FLOOD))
    body = self.raw[case.first].stdout.partition(b"\r\n\r\n")[2]
    self.assertTrue(body and FLOOD.startswith(body))


@tabled
class Leaving(Batch):
    """Upstreams that hang until their client has left."""
    HANGING = OK + EVENTS + CHUNKED + b"\r\n" + b"9\r\ndata: a\n\n\r\n"

    def is_left(self, case, came):
        self.assertTrue(self.upstream.left[case.name].wait(10), "the upstream was not told")
        self.assertEqual(self.events[str(case.first)]["end"], "aborted")
        if case.first in self.raw:
            head, _, body = self.raw[case.first].stdout.partition(b"\r\n\r\n")
            self.assertEqual(body, Message(came["came"].encode("latin-1")).body)
            self.assertTrue(came["came"].encode("latin-1").startswith(head))

    cases = [
        Asked("before_the_head", ["hang"], [{"send": ask("before_the_head")}, {"sleep": 0.1}, {"leave": True}], check=is_left),
        Asked("in_the_head", [OK + b"X-A:", "hang"], [{"send": ask("in_the_head")}, {"sleep": 0.1}, {"leave": True}], check=is_left),
        Asked("behind_a_hint", [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", "hang"],
              [{"send": ask("behind_a_hint")}, {"until": "</a>\r\n\r\n"}, {"leave": True}],
              check=lambda self, case, came: self.assertEqual(self.events[str(case.first)]["end"], "aborted")),
        Asked("behind_the_head", [OK + EVENTS + CHUNKED + b"\r\n", "hang"],
              [{"send": ask("behind_the_head")}, {"until": "\r\n\r\n"}, {"leave": True}], check=is_left),
        Asked("in_a_stream", [HANGING, "hang"], [{"send": ask("in_a_stream")}, {"until": "data: a\n\n\r\n"}, {"leave": True}], check=is_left),
        Asked("in_a_length", [OK + b"Content-Length: 20\r\n\r\nhello", "hang"],
              [{"send": ask("in_a_length")}, {"until": "hello"}, {"leave": True}], check=is_left),
        Asked("old_client", [HANGING, "hang"], [{"send": ask("old_client", version="1.0", fields="")}, {"until": "data: a\n\n"}, {"leave": True}],
              check=is_left),
        Asked("behind_done", [OK + EVENTS + CHUNKED + b"\r\n" + b"e\r\ndata: [DONE]\n\n\r\n", "hang"],
              [{"send": ask("behind_done")}, {"until": "[DONE]\n\n\r\n"}, {"leave": True}], check=is_left),
        Asked("by_a_reset", [HANGING, "hang"], [{"send": ask("by_a_reset")}, {"until": "data: a\n\n\r\n"}, {"abort": True}, {"leave": True}],
              check=is_left),
        Asked("a_flood", [OK + CHUNKED + b"\r\n" + b"%x\r\n" % 99999999 + FLOOD, "hang"],
              [{"send": ask("a_flood")}, {"until": "\r\n\r\n"}, {"sleep": 0.1}, {"leave": True}], same=False, check=leaves_a_flood),
        Asked("one_that_half_closes", [HANGING, "hang"], [{"send": ask("one_that_half_closes")}, {"until": "data: a\n\n\r\n"}, {"half": True}],
              check=is_left),
    ]


def is_refused(status):
    def check(self, case, came):
        self.assertEqual(Message(came["came"].encode("latin-1")).status, status, came)
        self.assertNotIn(case.name, self.upstream.asked)
    return check


@tabled
class Refused(Batch):
    """Requests that break HTTP/1.1 are told so and are no calls; how many there were is recorded, and as many have to come again."""
    cases = [
        Asked("fine", DONE),
        *(Asked(name, DONE, [{"send": text.replace("NAME", name)}], events=0, check=is_refused(status)) for name, status, text in (
            ("head_over_its_limit", 431, f"POST /v1/NAME {PLAIN}X: {'v' * HEAD_MAX}\r\n\r\n"),
            ("fields_257", 431, f"GET /v1/NAME {PLAIN}" + "".join(f"X-{i}: {i}\r\n" for i in range(FIELDS_MAX - 1)) + "\r\n"),
            ("length_and_chunks", 400, f"POST /v1/NAME {PLAIN}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{{}}"),
            ("two_lengths", 400, f"POST /v1/NAME {PLAIN}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{{}}"),
            ("lone_lf", 400, "POST /v1/NAME HTTP/1.1\nHost: 127.0.0.1\n\n"),
            ("bad_chunk", 400, f"POST /v1/NAME {PLAIN}Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
            ("gzip_coding", 501, f"POST /v1/NAME {PLAIN}Transfer-Encoding: gzip\r\n\r\n"),
            ("no_host", 400, "GET /v1/NAME HTTP/1.1\r\n\r\n"),
            ("version_2", 505, f"GET /v1/NAME HTTP/2.0\r\nHost: 127.0.0.1\r\n\r\n"))),
    ]


del Batch
if __name__ == "__main__":
    main()
