"""`diff` and `inventory`: two recordings of one application step by step, and what all of them use."""
import json
import sys

import harness

# Sends what it is told: a list of [path, body].
APP = r'''
import http.client, json, os, sys, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
for path, body in json.loads(sys.argv[1]):
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    connection.getresponse().read()
    connection.close()
'''
CHAT, SEARCH = "/v1/chat/completions", "/collections/policies/points/search"


def chat(text, model="gpt-4.1", system="Be kind."):
    return [CHAT, {"model": model, "messages": [{"role": "system", "content": system}, {"role": "user", "content": text}]}]


FIND = [SEARCH, {"vector": [0.5], "limit": 1}]


class Diff(harness.Case):
    def setUp(self):
        super().setUp()
        self.app = self.write("app.py", APP)
        self.made = {}
        self.answered = "gpt-4.1-2025-04-14"
        self.server = self.upstream(self.answer)

    def answer(self, head, body, connection):
        asked = json.loads(body)
        if b"/points/search" in head.splitlines()[0]:
            return harness.answer(connection, {"result": [{"id": "d1", "version": 1, "score": 0.5, "payload": {"text": "a rule"}}], "status": "ok", "time": 0.1})
        text = asked["messages"][-1]["content"]
        if text == "fail":
            return harness.answer(connection, {"error": {"message": "no", "type": "server_error"}}, status="500 Broken")
        turn = {"role": "assistant", "content": f"You said: {text}, and that is {self.made.get(text, 'fine')}."}
        if text == "look":
            turn = {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}]}
        return harness.answer(connection, {"id": f"x{len(self.server.requests)}", "object": "chat.completion", "model": self.answered, "choices":
                                           [{"index": 0, "message": turn, "finish_reason": "stop"}],
                                           "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}})

    def make(self, name, *calls, status=0):
        done = self.record(self.server, sys.executable, self.app, json.dumps(calls), options=("--name", name))
        self.assertEqual(done.returncode, status, done.stderr)

    def diff(self, *words, status):
        done = self.reenact("diff", "--store", self.store, *words)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def steps(self, *words, status):
        document = json.loads(self.diff("--json", *words, status=status))
        return document, [(step["state"], step.get("first"), step.get("second")) for step in document["steps"] if step["kind"] != "run"]

    def test_the_same_twice_is_the_same(self):
        for name in ("a", "b"):
            self.make(name, FIND, chat("one"), chat("two"))
        document, steps = self.steps("a", "b", status=0)
        self.assertEqual(steps, [("same", str(n), str(n)) for n in (1, 2, 3)])
        self.assertEqual((document["schema"], document["same"], document["first_difference"]), ("reenact.diff/1", 4, None))
        self.assertTrue(self.diff("a", "b", status=0).endswith("4 same, 0 changed, 0 only in A, 0 only in B\n"))

    def test_one_more_call_shifts_nothing(self):
        self.make("a", chat("one"), chat("two"), chat("three"))
        self.make("b", chat("one"), FIND, chat("extra"), chat("two"), chat("three"))
        document, steps = self.steps("a", "b", status=1)
        self.assertEqual(steps, [("same", "1", "1"), ("only_second", None, "2"), ("only_second", None, "3"), ("same", "2", "4"), ("same", "3", "5")])
        self.assertEqual(document["first_difference"]["second"], "2")
        _, back = self.steps("b", "a", status=1)
        self.assertEqual([state for state, _, _ in back], ["same", "only_first", "only_first", "same", "same"])

    def test_the_first_difference_is_named_by_its_pointer(self):
        self.make("a", chat("one"), chat("two"))
        self.make("b", chat("one"), chat("two", system="Be stern."))
        document, steps = self.steps("a", "b", status=1)
        first = document["first_difference"]
        self.assertEqual(steps, [("same", "1", "1"), ("changed", "2", "2")])
        self.assertEqual((first["what"], first["pointer"], first["first_value"], first["second_value"]),
                         ("request body, /messages/0/content", "/messages/0/content", '"Be kind."', '"Be stern."'))
        text = self.diff("a", "b", status=1)
        self.assertIn("first difference: A 2, B 2 (model), request body, /messages/0/content\n  A  \"Be kind.\"\n  B  \"Be stern.\"\n", text)

    def test_changed_texts_are_told_word_by_word(self):
        self.make("a", chat("one"))
        self.made["one"] = "wrong"
        self.make("b", chat("one"))
        text = self.diff("--words", "a", "b", status=1)
        self.assertIn("answer: assistant: You said: one, and that is [-fine-]{+wrong+}.", text)
        self.assertNotIn("[-", self.diff("a", "b", status=1))

    def test_another_model_is_a_change_of_the_same_step(self):
        self.make("a", chat("one"), chat("two"))
        self.make("b", chat("one"), chat("two", model="gpt-5"))
        document, steps = self.steps("a", "b", status=1)
        self.assertEqual(steps[1], ("changed", "2", "2"))
        self.assertEqual(document["steps"][1]["pointer"], "/model")

    def test_what_cannot_be_compared_is_refused(self):
        self.make("a", chat("one"))
        for words in (("a",), ("a", "a", "a"), ("a", "nobody"), ("a:1", "a")):
            self.assertEqual(self.diff(*words, status=2), "")

    def inventory(self, *words):
        done = self.reenact("inventory", "--store", self.store, *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_the_inventory_has_all_that_is_used(self):
        self.make("a", FIND, chat("one"), chat("look"), chat("fail"))
        self.answered = "gpt-4.1-2026-01-01"
        self.make("b", chat("one"), chat("two", model="gpt-4.1-2026-01-01"))
        document = json.loads(self.inventory("--json"))
        rows = {part: [(row["name"], row["calls"], row["errors"]) for row in document[part]] for part in ("upstreams", "models", "tools", "collections", "prompts")}
        self.assertEqual(rows["upstreams"], [("openai", "6", "1")])
        self.assertEqual(rows["tools"], [("look_up", "1", "0")])
        self.assertEqual(rows["collections"], [("policies", "1", "0")])
        self.assertEqual([calls for _, calls, _ in rows["prompts"]], ["5"])
        models = [(row["name"], row["answered"], row["calls"], row["errors"], row["answered_by_another_name"], row.get("answered_before")) for row in document["models"]]
        self.assertEqual(models, [("gpt-4.1", "gpt-4.1-2025-04-14", "2", "0", True, None), ("gpt-4.1", "", "1", "1", False, None),
                                  ("gpt-4.1", "gpt-4.1-2026-01-01", "1", "0", True, "gpt-4.1-2025-04-14"),
                                  ("gpt-4.1-2026-01-01", "gpt-4.1-2026-01-01", "1", "0", False, None)])
        day = document["models"][2]["first"][:10]
        self.assertIn(f"since {day}, before: gpt-4.1-2025-04-14", self.inventory())
        narrow = json.loads(self.inventory("--json", "--name", "b"))
        self.assertEqual((narrow["tools"], [row["calls"] for row in narrow["upstreams"]]), ([], ["2"]))

    def test_the_inventory_of_nothing_says_so(self):
        self.make("a", chat("one"))
        done = self.reenact("inventory", "--store", self.store, "--name", "nobody")
        self.assertEqual((done.returncode, done.stdout), (0, ""))
        self.assertIn("no calls", done.stderr)


if __name__ == "__main__":
    harness.main()
