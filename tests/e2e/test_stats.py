"""`stats`: calls, failures, tokens and money in groups, from a server whose every figure is known."""
import json
import sys

import harness

APP = r'''
import http.client, json, os, sys, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
for model, times in json.loads(sys.argv[1]):
    for _ in range(times):
        connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
        connection.request("POST", base.path + "/chat/completions", json.dumps({"model": model, "messages": []}), {"Content-Type": "application/json"})
        connection.getresponse().read()
        connection.close()
'''
PRICES = {"schema": "reenact.prices/1", "date": "2026-11-01", "models": {"dear": {"in": 2.0, "cached": 0.5, "out": 8.0}}}


def answer(head, body, connection):
    model = json.loads(body)["model"]
    said = {"id": "x", "model": model, "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100, "prompt_tokens_details": {"cached_tokens": 400}}}
    if model == "broken":
        said = {"error": {"message": "no", "type": "server_error"}}
    harness.answer(connection, json.dumps(said).encode(), status="503 Busy" if model == "broken" else "200 OK")


class Stats(harness.Case):
    def setUp(self):
        super().setUp()
        app, server = self.write("app.py", APP), self.upstream(answer)
        self.prices = self.write("prices.json", json.dumps(PRICES))
        for release, calls in (("1", [("dear", 3), ("broken", 2)]), ("2", [("dear", 1), ("free", 2)])):
            done = self.record(server, sys.executable, app, json.dumps(calls), options=("--release", release))
            self.assertEqual(done.returncode, 0, done.stderr)

    def stats(self, *words):
        done = self.reenact("stats", "--store", self.store, "--prices", self.prices, *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def rows(self, *words):
        return json.loads(self.stats("--json", *words))["rows"]

    def test_every_figure_is_counted_once(self):
        rows = {row["model"]: row for row in self.rows()}
        figures = {model: [int(row[k]) for k in ("calls", "failed", "counted", "tokens_in", "tokens_cached", "tokens_out", "priced", "cost_pico_usd")]
                   for model, row in rows.items()}
        dear = 600 * 2_000_000 + 400 * 500_000 + 100 * 8_000_000
        self.assertEqual(figures, {"dear": [4, 0, 4, 4000, 1600, 400, 4, 4 * dear], "broken": [2, 2, 0, 0, 0, 0, 0, 0],
                                   "free": [2, 0, 2, 2000, 800, 200, 0, 0]})
        self.assertIsNone(rows["broken"]["latency"])
        self.assertGreater(int(rows["dear"]["latency"]["p50_ns"]), 0)
        document = json.loads(self.stats("--json"))
        self.assertEqual((document["traces"], document["total"]["calls"], document["prices"]), ("2", "8", "2026-11-01"))

    def test_groups_are_made_of_several_words(self):
        groups = {(row["release"], row["status"]): int(row["calls"]) for row in self.rows("--by", "release,status")}
        self.assertEqual(groups, {("1", "200"): 3, ("1", "503"): 2, ("2", "200"): 3})
        self.assertEqual([row["finish"] for row in self.rows("--by", "finish")], ["stop", "error"])

    def test_a_selection_narrows_it(self):
        self.assertEqual([(row["model"], row["calls"]) for row in self.rows("--release", "2")], [("free", "2"), ("dear", "1")])
        self.assertEqual([row["model"] for row in self.rows("--upstream-error")], ["broken"])

    def test_the_table_says_what_is_not_priced(self):
        lines = [line.split() for line in self.stats().splitlines()]
        self.assertEqual([line[0] for line in lines], ["MODEL", "dear", "broken", "free", "all"])
        self.assertEqual((lines[1][-1], lines[2][-1], lines[3][-1], lines[4][-1][-1]), ("$0.0088", "-", "-", "+"))

    def test_what_is_no_group_is_refused(self):
        for words in (("--by", "colour"), ("--by", ""), ("--by", "model,status,day,kind"), ("--prices", "/nowhere"), ("--kind", "colour")):
            done = self.reenact("stats", "--store", self.store, *words)
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
            self.assertIn("reenact stats: ", done.stderr)


if __name__ == "__main__":
    harness.main()
