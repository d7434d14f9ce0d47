"""`log --grep`: the trace behind a complaint, found by what stands in it."""
import json
import re
import sys

import harness

APP = r'''
import http.client, json, os, sys, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
messages = [{"role": "user", "content": sys.argv[1]}]
for _ in range(2):
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
    connection.request("POST", base.path + "/chat/completions", json.dumps({"model": "m", "messages": messages, "stream": True}),
                       {"Content-Type": "application/json"})
    connection.getresponse().read()
    connection.close()
    messages += [{"role": "assistant", "content": "Hm."}, {"role": "user", "content": "Sure?"}]
print("done with", sys.argv[1])
'''


def answer(head, body, connection):
    asked = json.loads(body)["messages"][0]["content"]
    words = ["You ", "asked: ", *(letter for letter in asked), " It is not ", "eligible", "."]
    events = [{"choices": [{"index": 0, "delta": {"content": word}}]} for word in words] + [{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]
    harness.answer(connection, "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode() + b"data: [DONE]\n\n", media_type="text/event-stream")


class Grep(harness.Case):
    def setUp(self):
        super().setUp()
        app, server = self.write("app.py", APP), self.upstream(answer)
        for number in (4711, 88231, 12):
            done = self.record(server, sys.executable, app, f"Refund order {number} to Zürich, please", options=("--tag", f"order={number}"))
            self.assertEqual(done.returncode, 0, done.stderr)

    def found(self, *words):
        done = self.reenact("log", "--store", self.store, "--json", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [(trace["tags"][0], [(hit["event"], hit["in"]) for hit in trace["hits"]]) for trace in json.loads(done.stdout)["traces"]], done.stderr

    def test_a_trace_is_found_by_what_was_asked_and_answered(self):
        traces, remark = self.found("--grep", "88231")
        self.assertEqual(traces, [("order=88231", [(0, "decision"), (0, "decision"), (1, "prompt"), (1, "answer")])])
        self.assertRegex(remark, r"^1 of 3 traces; 9 events and \d.* searched\n$")
        self.assertEqual(self.found("--grep", "88231", "--in", "answer")[0], [("order=88231", [(1, "answer")])])

    def test_streams_and_escapes_are_searched_as_they_read(self):
        traces, _ = self.found("--grep", "order 4711 to Zürich, please It is not eligible", "--in", "answer,prompt")
        self.assertEqual(traces, [("order=4711", [(1, "answer")])])

    def test_the_newest_come_first_and_a_limit_counts_traces_with_hits(self):
        self.assertEqual([tag for tag, _ in self.found("--grep", "refund ORDER", "--ignore-case")[0]], ["order=12", "order=88231", "order=4711"])
        self.assertEqual([tag for tag, _ in self.found("--grep", "Refund order", "--limit", "1")[0]], ["order=12"])
        self.assertEqual(self.found("--grep", "Refund order", "--tag", "order=4711")[0][0][0], "order=4711")

    def test_a_line_shows_where_it_stands(self):
        done = self.reenact("log", "--store", self.store, "--grep", "88231", "--in", "prompt")
        self.assertEqual(len(done.stdout.splitlines()), 2, done.stdout)
        self.assertIn("1 prompt user: Refund order 88231 to Zürich, please", done.stdout)
        nothing = self.reenact("log", "--store", self.store, "--grep", "99999")
        self.assertEqual((nothing.returncode, nothing.stdout), (0, ""))
        self.assertIn("0 of 3 traces", nothing.stderr)

    def test_a_line_shows_a_trace_at_a_glance(self):
        line = self.reenact("log", "--store", self.store, "--tag", "order=12").stdout.splitlines()[1]
        self.assertRegex(line, r"^\w{8}  .*run +m +2 calls .* exit 0  You asked: Refund order 12 to Zürich, please It is not eligible\.$")

    def test_a_command_is_searched_and_shown_as_it_was_typed(self):
        traces, _ = self.found("--grep", "app.py Refund order 88231", "--in", "decision")
        self.assertEqual([tag for tag, _ in traces], ["order=88231"])
        line = self.reenact("log", "--store", self.store, "--grep", "Refund order 88231", "--in", "decision").stdout.splitlines()[1]
        self.assertRegex(line, r"0 decision argv: .*app\.py Refund order 88231 to Zürich, please")

    def test_a_note_makes_no_trace_longer(self):
        self.assertEqual(self.reenact("note", "--store", self.store, "last", "seen").returncode, 0)
        row = self.reenact("log", "--store", self.store, "--tag", "order=12").stdout.splitlines()[1]
        took = re.search(r"^took +(.*)$", self.reenact("show", "--store", self.store, "last:0").stdout, re.M)[1]
        self.assertRegex(row, f" 2 calls  +{took}  ")
        self.assertEqual(self.reenact("verify", "--store", self.store).returncode, 0)

    def test_a_document_says_what_a_line_says(self):
        done = self.reenact("log", "--store", self.store, "--json", "--tag", "order=12")
        trace = json.loads(done.stdout)["traces"][0]
        self.assertEqual((trace["decision"], trace["models"], trace["calls"], trace["tools"], trace["failed"]), ("", ["m"], 2, 0, 0))
        self.assertGreater(int(trace["took_ns"]), 0)
        self.assertNotIn("cost_pico_usd", trace)

    def test_what_cannot_be_searched_for_is_refused(self):
        for words, sentence in ((("--grep", ""), "is empty"), (("--grep", "x", "--in", "prompts"), "cannot search in 'prompts'"), (("--in", "tool"), "give --grep"),
                                (("--ignore-case",), "give --grep")):
            done = self.reenact("log", "--store", self.store, *words)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(sentence, done.stderr)


if __name__ == "__main__":
    harness.main()
