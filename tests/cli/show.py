#!/usr/bin/env python3
"""What log, show and verify give back of a recording: exact bytes, runnable command lines, documents, harmless text.

    REENACT=path/to/reenact show.py
"""
import base64
import json
import os
import pty
import subprocess
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "e2e"))
from harness import Case, answer, main  # noqa: E402

EVIL = "\x1b[31mred\x07 \u202e\x9b2J"

# Sends what it is told to on standard input: a list of [method, path, headers, body in base64].
SENDER = r'''
import base64, http.client, json, os, sys, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
for method, path, headers, body in json.load(open(sys.argv[1])):
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
    connection.request(method, path, base64.b64decode(body), headers)
    connection.getresponse().read()
    connection.close()
'''

BODIES = [
    b'{"plain": "text"}', b"it's \"quoted\" \\ $HOME `id` !x\n\n", b"@not-a-file", b"ends without a line end", b"\x00\x01\xff binary \x80",
    b"\x1b]0;title\x07", b"x" * 200_000, "\u00fc\u6771\u4eac\n".encode(), b"a\r\nb", b"%41 %s \\n", b"REENACT_BODY\n",
]


class Show(Case):
    def send(self, upstream, *requests):
        calls = self.write("calls.json", json.dumps([[m, p, h, base64.b64encode(b).decode()] for m, p, h, b in requests]))
        recorded = self.record(upstream, sys.executable, self.write("sender.py", SENDER), calls)
        self.assertEqual(recorded.returncode, 0, recorded.stderr)
        return recorded

    def show(self, *arguments, **rest):
        done = self.reenact("show", "--store", self.store, *arguments, **rest)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def terminal(self, *arguments, **environment):
        """Standard output of a command that has a terminal."""
        master, slave = pty.openpty()
        child = subprocess.Popen([os.environ["REENACT"], *arguments, "--store", self.store], stdin=slave, stdout=slave, stderr=slave,
                                 env=self.environment | {"TERM": "xterm", "COLUMNS": "80"} | environment, cwd=self.directory)
        os.close(slave)
        output = b""
        while True:
            try:
                data = os.read(master, 65536)
            except OSError:
                break
            if not data:
                break
            output += data
        os.close(master)
        self.assertEqual(child.wait(), 0, output)
        return output.decode()

    def test_raw_writes_the_stored_bytes(self):
        body = b'{"a": 1}\x00\xff'
        coded = zlib.compress(b"some answer", wbits=31)
        self.send(self.upstream(lambda head, got, connection: answer(connection, coded, fields=["Content-Encoding: gzip"])),
                  ("POST", "/v1/x?q=1", {"X-Odd-Case": "yes"}, body))
        request = self.show("--raw", "request", "run", text=False)
        response = self.show("--raw", "response", "run:1", text=False)
        heads = self.show("--raw", "head", "--event", "1", "run", text=False)
        self.assertTrue(request.startswith(b"POST /v1/x?q=1 HTTP/1.1\r\n") and b"\r\nX-Odd-Case: yes\r\n" in request, request)
        self.assertTrue(request.endswith(b"\r\n\r\n" + body), request)
        self.assertTrue(response.startswith(b"HTTP/1.1 200 OK\r\n") and response.endswith(b"\r\n\r\n" + coded), response)
        self.assertEqual(heads, request[:-len(body)] + response[:-len(coded)])
        self.assertIn("some answer", self.show("run:1"))
        document = json.loads(self.show("--json", "run:1"))
        self.assertEqual(base64.b64decode(document["fields"]["response-body_base64"]), coded)
        self.assertEqual(document["response_body_decoded"], "some answer")

    def test_curl_sends_the_same_again(self):
        upstream = self.upstream(lambda head, body, connection: answer(connection, {"ok": True}))
        headers = {"Authorization": "Bearer sk-live-" + "q1" * 20, "X-Quote": "it's", "X-Empty": "", "Content-Type": "text/x"}
        self.send(upstream, *[("POST", f"/v1/a%20b?x=[{i}]&y='", headers, body) for i, body in enumerate(BODIES)],
                  ("GET", "/v1/models", {}, b""), ("DELETE", "/v1/x", {}, b""))
        recorded = list(upstream.requests)
        upstream.requests.clear()
        for n in range(1, len(recorded) + 1):
            line = self.show("--curl", f"run:{n}")
            self.assertNotIn("sk-live", line)
            for control in map(chr, [*range(10), *range(11, 32), 127]):
                self.assertNotIn(control, line)
            done = subprocess.run(["bash", self.write("line.sh", line)], capture_output=True, text=True, timeout=60,
                                  env=self.environment | {"OPENAI_URL": upstream.url, "OPENAI_API_KEY": "sk-another"})
            self.assertEqual((done.returncode, done.stderr), (0, ""), line[:400])
        self.assertEqual(len(upstream.requests), len(recorded))
        for (head, body), (old_head, old_body) in zip(upstream.requests, recorded):
            self.assertEqual(body, old_body)
            self.assertEqual(head.splitlines()[0], old_head.splitlines()[0])
            fields, old = [dict(line.lower().split(b":", 1) for line in h.splitlines()[1:]) for h in (head, old_head)]
            for ignored in (b"host", b"connection"):
                fields.pop(ignored, None), old.pop(ignored, None)
            if b"authorization" in old:
                self.assertEqual(fields.pop(b"authorization"), b" bearer sk-another")
                old.pop(b"authorization")
            self.assertEqual(fields, {name: value for name, value in old.items() if (name, value) != (b"content-length", b" 0")} |
                             ({b"content-length": fields[b"content-length"]} if b"content-length" in fields else {}))

    def test_nothing_recorded_can_steer_a_terminal(self):
        body = json.dumps({"model": "m" + EVIL, "messages": [{"role": "user" + EVIL, "content": EVIL}]}, ensure_ascii=False).encode()
        self.send(self.upstream(lambda head, got, connection: answer(connection, EVIL.encode(), media_type="text/plain")),
                  ("POST", "/v1/chat/completions", {"Content-Type": "application/json"}, body))
        for arguments in (["show", "run"], ["show", "run", "--talk"], ["show", "run", "--tree"], ["show", "run", "--lineage"], ["diff", "run", "run", "--words"],
                          ["inventory"], ["show", "run:1"], ["show", "run:0"], ["show", "run", "--raw", "response"],
                          ["show", "run", "--raw", "request"], ["show", "run", "--curl"], ["log"], ["verify"]):
            shown = self.terminal(*arguments, NO_COLOR="1")
            rest = [c for c in shown if (ord(c) < 32 and c not in "\r\n\t") or 127 <= ord(c) < 160 or c == "\u202e"]
            if arguments == ["verify"]:  # its progress line
                rest = [c for c in rest if c != "\x1b"]
            self.assertEqual(rest, [], (arguments, shown))
        self.assertNotIn("\x1b", self.show("run"))

    def test_colour_is_for_terminals_that_want_it(self):
        self.send(self.upstream(lambda head, got, connection: answer(connection, {})), ("GET", "/v1/x", {}, b""))
        self.assertIn("\x1b[", self.terminal("log"))
        self.assertNotIn("\x1b[", self.terminal("log", NO_COLOR="1"))
        self.assertNotIn("\x1b[", self.terminal("log", TERM="dumb"))
        self.assertNotIn("\x1b[", self.reenact("log", "--store", self.store).stdout)

    def test_a_conversation_is_told_once(self):
        said = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is it warm?"}]
        call = {"id": "call_abc123", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Lima"}'}}
        turns = [{"role": "assistant", "content": None, "tool_calls": [call]}, {"role": "assistant", "content": "In Lima."}]

        def behaviour(head, body, connection):
            turn = turns[1] if len(json.loads(body)["messages"]) > 2 else turns[0]
            answer(connection, {"id": "c1", "object": "chat.completion", "model": "toy-2", "choices": [{"index": 0, "message": turn, "finish_reason": "stop"}],
                                "usage": {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}})
        follow_up = said + [turns[0], {"role": "tool", "tool_call_id": "call_abc123", "content": "24 degrees"}]
        headers = {"Content-Type": "application/json"}
        self.send(self.upstream(behaviour), *[("POST", "/v1/chat/completions", headers, json.dumps({"model": "toy", "messages": messages}).encode())
                                              for messages in (said, follow_up)])
        shown = self.show("--talk", "run")
        for once in ("Be brief.", "Where is it warm?", 'weather({"city":"Lima"})', "weather: 24 degrees", "In Lima.", "3 said before, as in 1"):
            self.assertEqual(shown.count(once), 1, shown)
        self.assertIn("11 tokens in, 5 out", shown)
        document = json.loads(self.show("--json", "run"))
        self.assertEqual([said["kind"] for said in document["timeline"][2]["reading"]["request"]][-1], "tool_result")
        reading = document["timeline"][1]["reading"]
        self.assertEqual([reading[name] for name in ("kind", "finished", "tokens_total", "response_id")], ["model", "tool", "16", "c1"])

    def test_our_line_begins_at_the_margin(self):
        def said(script, **streams):
            done = subprocess.run([os.environ["REENACT"], "record", "--store", self.store, "--", "sh", "-c", script], text=True,
                                  env=self.environment, cwd=self.directory, stdout=subprocess.PIPE, timeout=60, **streams)
            return done.stdout, done.stderr
        for script, kept in (("printf half", "half\nreenact record: "), ("echo whole", "whole\nreenact record: "), ("true", "reenact record: "),
                             ("echo whole >&2", "whole\nreenact record: "),
                             ("printf half >&2", "half\nreenact record: ")):
            self.assertTrue(said(script, stderr=subprocess.STDOUT)[0].startswith(kept), script)
        out, err = said("printf half", stderr=subprocess.PIPE)  # what is redirected is not added to
        self.assertEqual((out, err[:15]), ("half", "reenact record:"))

    def test_the_run_in_full_fits_a_screen(self):
        self.environment |= {f"A_VARIABLE_{n}": "x" for n in range(40)}
        self.send(self.upstream(lambda head, got, connection: answer(connection, {})), ("GET", "/v1/x", {}, b""))
        lines = self.show("run:0").split("\n--- ")[0].splitlines()
        named = [line for line in lines if "A_VARIABLE_" in line]
        self.assertTrue(len(named) > 5 and max(map(len, named)) <= 80, named)
        self.assertEqual([line for line in lines if line != line.rstrip()], [])

    def test_documents_have_schemas_and_wide_numbers_are_strings(self):
        self.send(self.upstream(lambda head, got, connection: answer(connection, {})), ("GET", "/v1/x", {}, b""))
        log = json.loads(self.reenact("log", "--store", self.store, "--json").stdout)
        self.assertEqual((log["schema"], len(log["traces"])), ("reenact.log/1", 1))
        trace = log["traces"][0]
        self.assertEqual((trace["name"], trace["state"], trace["complete"], trace["exit"], trace["events"]), ("run", "closed", "yes", {"exited": 0}, 1))
        shown = json.loads(self.show("--json", "last"))
        self.assertEqual((shown["schema"], [event["event"] for event in shown["timeline"]]), ("reenact.show/1", ["0", "1"]))
        run, exchange = (json.loads(self.show("--json", f"last:{n}")) for n in (0, 1))
        self.assertEqual((run["schema"], run["kind"], exchange["kind"]), ("reenact.event/1", "run", "exchange"))
        verified = json.loads(self.reenact("verify", "--store", self.store, "--json").stdout)
        self.assertEqual((verified["schema"], verified["damaged"], verified["findings"]), ("reenact.verify/1", "0", []))

        def walk(value):
            if isinstance(value, dict):
                return [x for v in value.values() for x in walk(v)]
            if isinstance(value, list):
                return [x for v in value for x in walk(v)]
            return [value]
        for document in (log, shown, run, exchange, verified):
            self.assertTrue(all(not isinstance(x, float) and (not isinstance(x, int) or x < 1 << 32) for x in walk(document)), document)

    def test_verify_names_what_is_damaged(self):
        self.send(self.upstream(lambda head, got, connection: answer(connection, {"text": "findme" * 20})), ("GET", "/v1/x", {}, b""))
        self.assertEqual(self.reenact("verify", "--store", self.store, "run").returncode, 0)
        path = os.path.join(self.store, "data.mdb")
        with open(path, "rb") as file:
            whole = file.read()
        pieces = whole.split(bytes.fromhex("28b52ffd"))  # zstd frames; some lie in pages that are no longer in use
        with open(path, "wb") as file:
            file.write(bytes.fromhex("28b52ffd").join(pieces[:1] + [piece[:8] + bytes([piece[8] ^ 1]) + piece[9:] for piece in pieces[1:]]))
        done = self.reenact("verify", "--store", self.store)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertNotEqual(done.stdout + done.stderr, "")

    def test_log_knows_how_each_run_ended(self):
        for command, status, ended in (("true", 0, {"exited": 0}), ("exit 3", 3, {"exited": 3}), ("kill -9 $$", 137, {"signal": 9}),
                                       ("echo some output; exit 1", 1, {"exited": 1})):
            self.assertEqual(self.reenact("record", "--store", self.store, "--", "sh", "-c", command).returncode, status)
            log = json.loads(self.reenact("log", "--store", self.store, "--json", "--limit", "1").stdout)
            self.assertEqual(log["traces"][0]["exit"], ended, command)

    def test_log_says_what_it_left_out(self):
        for _ in range(3):
            self.assertEqual(self.reenact("record", "--store", self.store, "--", "true").returncode, 0)
        done = self.reenact("log", "--store", self.store, "--limit", "2")
        self.assertEqual(len(done.stdout.splitlines()), 3, done.stdout)
        self.assertIn("--limit 0", done.stderr)
        everything = self.reenact("log", "--store", self.store, "--limit", "3")
        self.assertEqual((len(everything.stdout.splitlines()), everything.stderr), (4, ""))


if __name__ == "__main__":
    main()
