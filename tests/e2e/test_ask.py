"""`ask TRACE:N`: a recorded call sent again, and its answers counted as a backtest would compare them.

Against servers whose answers are known beforehand: a list of answers in turn, and behaviours.py.
"""
import json
import signal
import subprocess
import threading

import behaviours
from backtesting import BacktestCase, cost_pico, judged
from harness import REENACT, answer, main

SAID = "You may return it within 30 days."


def completion(said, tool=None, finish=None):
    message = {"role": "assistant", "content": said}
    if tool:
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": {"name": tool[0], "arguments": tool[1]}}]
    return {"id": "chatcmpl-7", "object": "chat.completion", "model": "old", "usage": {"prompt_tokens": 20, "completion_tokens": 8, "total_tokens": 28},
            "choices": [{"index": 0, "message": message, "finish_reason": finish or ("tool_calls" if tool else "stop")}]}


class Dice:
    """Answers with what stands next in a list: a completion, or (status line, document, fields); the last one for ever."""

    def __init__(self, case, *faces):
        self.faces, self.turn, self.lock = list(faces), 0, threading.Lock()
        self.upstream = case.upstream(self.answer)
        self.heads, self.bodies = [], []

    def answer(self, head, body, connection):
        with self.lock:
            face = self.faces[min(self.turn, len(self.faces) - 1)]
            self.turn += 1
            self.heads.append(head)
            self.bodies.append(body)
        if isinstance(face, tuple):
            answer(connection, face[1], status=face[0], fields=face[2:])
        else:
            answer(connection, face)


class Ask(BacktestCase):
    def record_call(self, dice, body=None, path="/v1/chat/completions", fields=(), trace="a" * 32):
        process, port = self.serve(dice.upstream)
        body = body if body is not None else {"model": "old", "messages": [{"role": "user", "content": "May I return it?"}]}
        status, told = self.call(port, "/toy" + path, body if isinstance(body, (str, bytes)) else json.dumps(body), {"x-reenact-trace": trace} | dict(fields))
        self.end(process)
        return status, told

    def ask(self, which, *options, url=None, expect=None, name="toy", **rest):
        named = ["--upstream", f"{name}={url}"] if url else []
        done = self.reenact("ask", "--store", self.store, which, "--prices", self.prices, "--json", *named, *options, **rest)
        if expect is not None:
            self.assertEqual(done.returncode, expect, done.stdout[:2000] + done.stderr)
        return json.loads(done.stdout) if done.stdout.startswith("{") else done

    def test_the_spread_is_what_was_answered(self):
        dice = Dice(self, completion(SAID), completion(SAID), completion(SAID.lower().rstrip(".") + " "), completion("No, you may not."),
                    completion(SAID), completion(None, ("get_order", '{"id":1}')), completion("No, you may not."), completion(SAID),
                    completion(None, ("get_order", '{ "id": 1.0 }')), completion("No \u2014 you may not."), completion(SAID))
        self.record_call(dice)
        found = self.ask("a" * 32 + ":1", "--times", "10", "-j", "1", url=dice.upstream.url, expect=1)
        self.assertEqual((found["schema"], found["asked"], found["answered"], found["same"], found["distinct"], found["as_recorded"]),
                         ("reenact.ask/1", 10, 10, 5, 4, "some"))
        self.assertEqual([(a["recorded"], a["count"], a["tools"], a["finished"]) for a in found["answers"]],
                         [(True, 5, [], "stop"), (False, 2, [], "stop"), (False, 2, ["get_order"], "tool"), (False, 1, [], "stop")])
        self.assertIn(SAID, found["answers"][0]["answer"])
        self.assertEqual(int(found["cost_pico_usd"]), 10 * cost_pico("old", 20, 8))
        self.assertEqual(int(found["recorded_cost_pico_usd"]), cost_pico("old", 20, 8))
        self.assertEqual((found["tokens_in"], found["tokens_out"]), ("200", "80"))
        spread = [int(found["latency"][name]) for name in ("least_ns", "p50_ns", "most_ns")]
        self.assertTrue(0 < spread[0] <= spread[1] <= spread[2], spread)

    def test_what_is_sent_is_what_was_recorded(self):
        body = b'{ "model":"old", "temperature" : 0.70, "messages":[{"role":"user","content":"\\u00fc?"}]}'
        dice = Dice(self, completion(SAID))
        self.record_call(dice, body, fields={"X-Own": "kept", "Authorization": "Bearer sk-" + "old4" * 8})
        found = self.ask("a" * 32 + ":1", "--times", "3", url=dice.upstream.url, expect=0, env={"TOY_API_KEY": "sk-new-key-of-today"})
        self.assertEqual((found["same"], found["as_recorded"], found["changes"]), (3, "all", []))
        self.assertEqual(dice.bodies, [body] * 4)
        for head in dice.heads[1:]:
            self.assertIn(b"Bearer sk-new-key-of-today", head)
            self.assertIn(b"X-Own: kept", head)
            self.assertNotIn(b"old4", head)
        self.assertEqual(len(self.traces()), 1, "nothing is stored")

    def test_a_dialect_that_cannot_move_is_asked_where_it_was(self):
        def gemini(text):
            return {"candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}], "modelVersion": "gemini-2.5-pro",
                    "usageMetadata": {"promptTokenCount": 9, "candidatesTokenCount": 4, "totalTokenCount": 13}}
        body = b'{"contents": [ {"role":"user","parts":[{"text":"May I?"}]} ]}'
        dice = Dice(self, gemini(SAID), gemini(SAID), gemini("No."), gemini(SAID))
        path = "/v1beta/models/gemini-2.5-pro:generateContent"
        self.record_call(dice, body, path, fields={"x-goog-api-key": "AIza" + "old4" * 9})
        found = self.ask("a" * 32 + ":1", "--times", "3", "-j", "1", url=dice.upstream.url, expect=1, env={"TOY_API_KEY": "key-of-today-12345"})
        self.assertEqual((found["to"], found["same"], found["distinct"], found["tokens_out"]), ("toy/gemini-2.5-pro", 2, 2, "12"))
        self.assertEqual(dice.bodies, [body] * 4)
        for head in dice.heads[1:]:
            self.assertIn(b"POST " + path.encode(), head)
            self.assertIn(b"x-goog-api-key: key-of-today-12345", head)

    def test_another_model_is_judged_as_a_backtest_judges_it(self):
        self.record_questions(0, 40)
        seen = set()
        for i in range(40):
            form = behaviours.form_of(i)
            behaviour = behaviours.behaviour_of(behaviours.question(i), form)
            if behaviour in seen:
                continue
            seen.add(behaviour)
            events = self.show("week")["timeline"]
            n = next(e["event"] for e in events if behaviours.question(i) in json.dumps(e.get("reading", {}).get("request", "")))
            found = self.ask(f"week:{n}", "--to", "openai/new", "--times", "2", url=self.server.url, name="openai")
            if behaviour in behaviours.FAILS:
                self.assertEqual((found["answered"], found["failures"][0]["count"] > 0), (0, True), behaviour)
            else:
                same = all(good for aspect, good in judged(form, behaviour).items() if aspect != "text")
                self.assertEqual((found["answered"], found["same"]), (2, 2 * same), (behaviour, form, found))
        self.assertGreaterEqual(len(seen), 8)

    def test_a_passing_trouble_is_asked_again_and_a_lasting_one_is_told(self):
        busy = ("429 Too Many Requests", {"error": {"message": "slow down"}}, "retry-after-ms: 1")
        dice = Dice(self, completion(SAID), busy, busy, completion(SAID), busy, completion(SAID), ("500 No", {"error": {"message": "boom"}}, "retry-after-ms: 1"))
        self.record_call(dice)
        found = self.ask("a" * 32 + ":1", "--times", "3", "-j", "1", url=dice.upstream.url, expect=1)
        self.assertEqual((found["answered"], found["same"], found["failures"]), (2, 2, [{"count": 1, "status": 500, "sentence": "boom"}]))
        self.assertEqual(dice.turn, 1 + 3 + 2 + 3)

    def test_who_refuses_for_good_is_not_asked_ten_times(self):
        dice = Dice(self, completion(SAID), ("401 Unauthorized", {"error": {"message": "Incorrect API key provided."}}))
        self.record_call(dice)
        found = self.ask("a" * 32 + ":1", "-j", "2", url=dice.upstream.url, expect=2)
        self.assertEqual((found["answered"], found["as_recorded"]), (0, "unknown"))
        self.assertIn("refuses", found["stopped"])
        self.assertLessEqual(dice.turn, 3)
        self.assertEqual(found["failures"][0]["sentence"], "Incorrect API key provided.")

    def test_a_budget_is_kept(self):
        body = {"model": "old", "max_tokens": 50, "messages": [{"role": "user", "content": "May I return it?"}]}
        dice = Dice(self, completion(SAID))
        self.record_call(dice, body)
        most, one = cost_pico("old", 20, 50), cost_pico("old", 20, 8)
        budget = (2 * one + most + one // 2) / 1e12  # two are paid, a third could still be, a fourth could not
        found = self.ask("a" * 32 + ":1", "-j", "1", "--budget", f"{budget:.9f}", url=dice.upstream.url, expect=1)
        self.assertEqual((found["asked"], found["same"]), (3, 3))
        self.assertIn("budget", found["stopped"])
        self.assertLessEqual(int(found["cost_pico_usd"]), budget * 1e12)
        other = self.ask("a" * 32 + ":1", "--to", "toy/unpriced", "--budget", "1", url=dice.upstream.url, expect=2)
        self.assertIn("no price is known", other.stderr)

    def test_what_cannot_be_asked_says_why(self):
        dice = Dice(self, completion(SAID))
        chat = {"model": "old", "messages": [{"role": "user", "content": "x"}]}
        self.record_call(dice, {"hello": 1}, "/v1/other", trace="b" * 32)
        self.record_call(dice, chat | {"metadata": {"api_key": "sk-proj-" + "Zz9y8x7w" * 5}}, trace="c" * 32)
        self.record_call(dice, {"model": "old", "input": "x", "previous_response_id": "resp_123"}, "/v1/responses", trace="d" * 32)
        self.record_call(dice, {"contents": [{"parts": [{"text": "x"}]}]}, "/v1beta/models/gemini-2.5-pro:generateContent", trace="e" * 32)
        self.record_call(dice, chat, trace="a" * 32)
        url = dice.upstream.url
        asked = dice.turn
        for which, options, says in (
                ("b" * 32 + ":1", [], "asks no model"), ("c" * 32 + ":1", [], "credential"), ("d" * 32 + ":1", [], "only the recorded provider knows"),
                ("e" * 32 + ":1", ["--to", "toy/gemini-2.5-flash"], "dialect"), ("a" * 32, [], "which call?"), ("a" * 32 + ":9", [], "9"), ("f" * 32 + ":1", [], "ffff"),
                ("a" * 32 + ":1", ["--to", "toy"], "UPSTREAM/MODEL"), ("a" * 32 + ":1", ["--to", "nobody/x"], "there is no upstream 'nobody'"),
                ("a" * 32 + ":1", ["--times", "1001"], "1 to 1000"), ("a" * 32 + ":1", ["--times", "0"], "--times"),
                ("a" * 32 + ":1", ["--budget", "free"], "free"), ("a" * 32 + ":1", ["--key-env", "NOT_SET"], "set NOT_SET"),
                ("a" * 32 + ":1", ["--to", "anthropic/claude-x"], "there is no key for anthropic: set ANTHROPIC_API_KEY")):
            done = self.ask(which, *options, url=url, expect=2)
            self.assertIn(says, done.stderr, (which, options))
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        unknown = self.ask("a" * 32 + ":1", expect=2)
        self.assertIn("there is no upstream 'toy'", unknown.stderr)
        self.assertEqual(dice.turn, asked, "nothing was sent")

    def test_an_upstream_that_is_down_is_trouble(self):
        dice = Dice(self, completion(SAID))
        self.record_call(dice)
        dice.upstream.stop()
        found = self.ask("a" * 32 + ":1", "--times", "2", url=dice.upstream.url, expect=2)
        self.assertEqual(found["answered"], 0)
        self.assertIn("connect", found["failures"][0]["sentence"])

    def test_a_recorded_failure_has_nothing_to_be_compared_with(self):
        dice = Dice(self, ("500 No", {"error": {"message": "boom"}}), completion(SAID))
        self.record_call(dice)
        found = self.ask("a" * 32 + ":1", "--times", "2", url=dice.upstream.url, expect=1)
        self.assertEqual((found["answered"], found["same"], found["recorded_answered"], found["as_recorded"]), (2, 0, False, "unknown"))

    def test_on_a_terminal_it_says_whether_it_was_a_coin_flip(self):
        dice = Dice(self, completion(SAID), completion(SAID), completion("No\x1b[31m, \u202eyou may not."), completion(SAID), completion(SAID))
        self.record_call(dice)
        done = self.reenact("ask", "--store", self.store, "a" * 32 + ":1", "--times", "4", "-j", "1", "--upstream", f"toy={dice.upstream.url}")
        self.assertEqual(done.returncode, 1, done.stderr)
        for wanted in ("4 of 4, 2 distinct; 3 as recorded", "75%", "25%", "recorded | 1 of 4", "a coin flip: 3 of 4 said what was recorded, 1 did not"):
            self.assertIn(wanted, done.stdout)
        self.assertNotRegex(done.stdout, "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]")
        again = self.reenact("ask", "--store", self.store, "a" * 32 + ":1", "--times", "2", "--upstream", f"toy={dice.upstream.url}")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn("no coin flip: all 2 said what was recorded", again.stdout)

    def test_a_signal_ends_it_with_what_has_come(self):
        many = threading.Event()
        dice = Dice(self, completion(SAID))
        self.record_call(dice)
        told = dice.upstream.behaviour

        def slow_after_five(head, body, connection):
            if dice.turn < 6:
                return told(head, body, connection)
            many.set()
            return threading.Event().wait(30)
        dice.upstream.behaviour = slow_after_five
        process = subprocess.Popen([REENACT, "ask", "--store", self.store, "a" * 32 + ":1", "-j", "1", "--json", "--upstream", f"toy={dice.upstream.url}"],
                                   env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertTrue(many.wait(60))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        found = json.loads(out)
        self.assertEqual((process.returncode, found["asked"], found["same"], found["stopped"]), (1, 5, 5, "interrupted"), err)


if __name__ == "__main__":
    main()
