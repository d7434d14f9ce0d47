"""`prompts`: the versions that traffic really used, what one says, what changed; and SELECTION by what readings know."""
import json
import sys

import harness

KIND = "You help customers of the shop. Be kind. Today is %s. Never promise a refund after 30 days."
BRIEF = "You help customers of the shop. Be brief. Today is %s. Never promise a refund after 14 days."

APP = r'''
import http.client, json, os, sys, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
def ask(system, model, **more):
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
    body = {"model": model, "messages": [{"role": "system", "content": system}, {"role": "user", "content": "hi"}], **more}
    connection.request("POST", base.path + "/chat/completions", json.dumps(body),
                       {"Content-Type": "application/json", "x-reenact-prompt": "support", "x-reenact-outcome": "helped"})
    connection.getresponse().read()
    connection.close()
for call in json.loads(sys.argv[1]):
    ask(**call)
'''


def answer(head, body, connection):
    asked = json.loads(body)
    said = {"id": "chatcmpl-1", "model": asked["model"] + "-2026", "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}}
    status = "200 OK" if asked["model"] != "broken" else "500 Internal Server Error"
    harness.answer(connection, json.dumps(said).encode(), status=status)


class Prompts(harness.Case):
    def setUp(self):
        super().setUp()
        app = self.write("app.py", APP)
        server = self.upstream(answer)
        calls = [{"system": KIND % day, "model": "gpt-4.1", "temperature": 0.2} for day in ("2026-11-19", "2026-11-20", "2026-11-21")]
        first = self.record(server, sys.executable, app, json.dumps(calls))
        tool = {"type": "function", "function": {"name": "get_order", "parameters": {}}}
        calls = [{"system": BRIEF % "2026-11-21", "model": "gpt-4.1-mini", "tools": [tool]}, {"system": BRIEF % "2026-11-21", "model": "broken"}]
        second = self.record(server, sys.executable, app, json.dumps(calls))
        self.assertEqual((first.returncode, second.returncode), (0, 0), first.stderr + second.stderr)

    def prompts(self, *words):
        return self.reenact("prompts", *words[:1], "--store", self.store, *words[1:]) if words[:1] in (("diff",), ("show",)) else \
            self.reenact("prompts", "--store", self.store, *words)

    def listed(self, *words):
        done = self.prompts("--json", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)["prompts"]

    def log(self, *words):
        done = self.reenact("log", "--store", self.store, "--json", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return len(json.loads(done.stdout)["traces"])

    def test_a_date_makes_a_wording_and_no_family(self):
        brief, kind = self.listed()
        self.assertEqual((kind["calls"], kind["traces"], len(kind["wordings"]), kind["models"], kind["name"]), ("3", "1", 3, ["gpt-4.1"], "support"))
        self.assertEqual((brief["calls"], len(brief["wordings"]), len(brief["tools"]), brief["models"]), ("2", 1, 1, ["broken", "gpt-4.1-mini"]))
        table = self.prompts()
        self.assertIn(kind["family"], table.stdout)
        self.assertEqual(len(table.stdout.splitlines()), 3, table.stdout)
        self.assertEqual([row["family"] for row in self.listed("--model", "gpt-4.1")], [kind["family"]])

    def test_a_difference_is_shown_word_by_word(self):
        brief, kind = (row["family"] for row in self.listed())
        done = self.prompts("diff", brief, kind)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("Be [-brief-]{+kind+}. Today is 2026-11-21. Never promise a refund after [-14-]{+30+} days.", done.stdout)
        same = self.prompts("diff", kind, kind[:8])
        self.assertEqual((same.returncode, "system: the same" in same.stdout), (0, True), same.stdout + same.stderr)
        document = json.loads(self.prompts("diff", "--json", brief, kind).stdout)
        for side, other in (("a", "added"), ("b", "removed")):
            self.assertEqual("".join(run["text"] for run in document["system"] if run["kind"] != other), document[side]["system"])

    def test_a_version_is_shown_as_it_was_said(self):
        wordings = self.listed()[1]["wordings"]
        done = self.prompts("show", wordings[0])
        self.assertIn(KIND % "2026-11-19", done.stdout)
        trace = self.traces()[1]["trace"]
        done = self.prompts("show", f"{trace}:2")
        self.assertIn(KIND % "2026-11-20", done.stdout, done.stderr)

    def test_what_is_no_prompt_is_refused_with_a_sentence(self):
        for words, sentence in ((("show", "ffff"), "no call used a prompt 'ffff'"), (("show",), "give one prompt"), (("diff", "support"), "give two prompts"),
                                (("show", "last:0"), "asks no model"), (("show", "last:9"), "no event 9")):
            done = self.prompts(*words)
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertIn(sentence, done.stderr)

    def test_traces_are_selected_by_what_readings_know(self):
        brief, kind = (row["family"] for row in self.listed())
        for words, count in ((("--prompt", kind), 1), (("--prompt", brief[:6]), 1), (("--prompt", "support"), 2), (("--upstream-error",), 1),
                             (("--upstream-error", "--model", "gpt-4.1-mini"), 0), (("--kind", "model"), 2), (("--kind", "retrieval"), 0),
                             (("--provider", "openai"), 2), (("--provider", "anthropic"), 0), (("--outcome", "helped"), 2), (("--outcome", "x"), 0),
                             (("--model", "gpt-4.1*-2026"), 0), (("--model", "gpt-4.1-2026"), 1), (("--status", "5xx"), 1)):
            with self.subTest(words=words):
                self.assertEqual(self.log(*words), count)
        self.assertSound()


if __name__ == "__main__":
    harness.main()
