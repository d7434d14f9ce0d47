"""`show`: an application that retrieves, asks a model, calls a tool of its own and answers is told step by step."""
import json
import sys

import harness

APP = r'''
import http.client, json, os, sys, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
def send(path, body):
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", "Authorization": "Bearer sk-" + "a1b2" * 8})
    answer = connection.getresponse().read()
    connection.close()
    return json.loads(answer)
found = send("/collections/policies/points/search", {"vector": [0.1, 0.2], "limit": 2, "with_payload": True})
rules = "\n".join(point["payload"]["text"] for point in found["result"])
said = [{"role": "system", "content": "Answer by these rules:\n" + rules}, {"role": "user", "content": "Can I return order 88231?"}]
turn = send("/v1/chat/completions", {"model": "gpt-4.1", "messages": said})["choices"][0]["message"]
call = turn["tool_calls"][0]
said += [turn, {"role": "tool", "tool_call_id": call["id"], "content": json.dumps({"delivered": "2026-10-16"})}]
send("/v1/chat/completions", {"model": "gpt-4.1", "messages": said})
for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 0):
    send("/v1/chat/completions", {"model": "broken", "messages": said[:2]})
'''
RULE = "Goods may be returned within 30 days of delivery, unless the seal is broken."


def point(name, score, text):
    return {"id": name, "version": 1, "score": score, "payload": {"text": text}}


def answer(head, body, connection):
    asked = json.loads(body)
    if b"/points/search" in head.splitlines()[0]:
        return harness.answer(connection, {"result": [point("refund-v3", 0.83, "Ask for the reason."), point("refund-v1", 0.82, RULE)], "status": "ok", "time": 0.1})
    if asked["model"] == "broken":
        return harness.answer(connection, {"error": {"message": "slow down", "type": "rate_limit"}}, status="429 Too Many")
    call = {"id": "call_88231", "type": "function", "function": {"name": "get_order", "arguments": '{"id":88231}'}}
    turn = {"role": "assistant", "content": None, "tool_calls": [call]}
    if len(asked["messages"]) > 2:
        turn = {"role": "assistant", "content": "No: " + RULE}
    return harness.answer(connection, {"id": f"c{len(asked['messages'])}", "object": "chat.completion", "model": "gpt-4.1-2025-04-14", "choices":
                                       [{"index": 0, "message": turn, "finish_reason": "tool_calls" if turn.get("tool_calls") else "stop"}],
                                       "usage": {"prompt_tokens": 1904, "completion_tokens": 31, "total_tokens": 1935}})


class Show(harness.Case):
    def setUp(self):
        super().setUp()
        self.app = self.write("app.py", APP)

    def make(self, *words):
        done = self.record(self.upstream(answer), sys.executable, self.app, *words)
        self.assertEqual(done.returncode, 0, done.stderr)

    def lines(self, *words, columns=120, status=0):
        done = self.reenact("show", "--store", self.store, *words, env=self.environment | {"COLUMNS": str(columns)})
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout.splitlines()

    def step(self, lines, name):
        found = [line for line in lines if line.split(" ")[0] == name and "redacted" not in line]
        self.assertEqual(len(found), 1, lines)
        return " ".join(found[0].split())

    def test_each_step_is_a_line(self):
        self.make()
        lines = self.lines("run")
        self.assertRegex(self.step(lines, "0"), r"^0 run exit 0 \S+ m?s .*python")
        self.assertRegex(self.step(lines, "1"), r"^1 retrieval qdrant policies .*s refund-v3 0\.83, refund-v1 0\.82$")
        self.assertRegex(self.step(lines, "2"), r'^2 model gpt-4\.1 1904>31 tok \S+ m?s asks get_order\(\{"id":88231\}\)$')
        self.assertEqual(self.step(lines, "3.t1"), '3.t1 tool get_order (as told to 3) {"delivered": "2026-10-16"}')
        self.assertRegex(self.step(lines, "3"), r'^3 model gpt-4\.1 1904>31 tok \S+ m?s "No: Goods may be returned')
        self.assertEqual([line.split(" ")[0] for line in lines[1:6]], ["0", "1", "2", "3.t1", "3"])
        self.assertRegex(lines[0], r"^trace [0-9a-f]{8}  run  .*  complete$")

    def test_an_answer_says_what_it_stands_in(self):
        self.make()
        lines = self.lines("run", columns=160)
        self.assertRegex(self.step(lines, "3"), r'"No: Goods .*<- verbatim in refund-v1 \(event 1, rank 2\)$')
        lines = self.lines("run", columns=80)
        self.assertEqual([line.strip() for line in lines if "verbatim" in line], ["<- verbatim in refund-v1 (event 1, rank 2)"])

    def test_the_document_has_what_tools_answered(self):
        self.make()
        told = [event.get("told") for event in self.show("run")["timeline"]]
        self.assertEqual(told[:3], [None] * 3)
        self.assertEqual(told[3], [{"step": "3.t1", "tool": "get_order", "id": "call_88231", "asked_by": 2, "by_order": False, "is_error": False,
                                    "arguments": '{"id":88231}', "result": '{"delivered": "2026-10-16"}'}])

    def lineage(self):
        done = self.reenact("show", "--store", self.store, "--lineage", "--json", "run")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_lineage_names_each_place_once(self):
        self.make("1")
        document = self.lineage()
        places = [(link["event"], link["in"], link["role"], link["characters"], link["source"]["kind"], link["source"]["step"], link["source"]["rank"],
                   link["source"]["id"]) for link in document["links"]]
        size = str(len(RULE))  # the second and third request repeat the prompt: no news
        self.assertEqual(places, [(2, "request", "system", size, "document", "1", 2, "refund-v1"), (3, "answer", "assistant", size, "document", "1", 2, "refund-v1")])
        self.assertEqual([link["excerpt"] for link in document["links"]], [RULE, RULE])
        self.assertEqual((document["schema"], document["documents"], document["all"]), ("reenact.lineage/1", 1, True))
        table = self.lines("--lineage", "run")
        self.assertEqual(len([line for line in table if "refund-v1 (event 1, rank 2)" in line]), 2, table)

    def test_a_tree_hangs_calls_under_what_asked_for_them(self):
        self.make("1")
        done = self.reenact("show", "--store", self.store, "--tree", "--json", "run")
        document = json.loads(done.stdout)
        links = [(step["step"], step["link"], step.get("parent")) for step in document["steps"]]
        self.assertEqual(links, [("0", "root", None), ("1", "root", None), ("2", "root", None), ("3.t1", "asked", "2"), ("3", "told", "2"), ("4", "root", None)])
        lines = self.lines("--tree", "run", columns=80)
        self.assertEqual([line[:len(line) - len(line.lstrip())] + line.split()[0] for line in lines], ["trace", "0", "1", "2", "  3.t1", "  3", "4"])
        self.assertLessEqual(max(map(len, lines)), 80)

    def test_a_tree_has_the_traces_below_it(self):
        done = self.record_client(self.upstream(answer), 'POST|/chat/completions|{"model":"broken","messages":[]}',
                                  'POST|/chat/completions|{"model":"broken","messages":[]}|x-reenact-trace: below')
        self.assertEqual(done.returncode, 0, done.stderr)
        document = json.loads(self.reenact("show", "--store", self.store, "--tree", "--json", "run").stdout)
        self.assertEqual([(trace["name"], [step["step"] for step in trace["steps"]], trace["traces"]) for trace in document["traces"]], [("below", ["1"], [])])
        lines = self.lines("--tree", "run")
        self.assertRegex(lines[-2], r"^  trace [0-9a-f]{8}  below$")
        self.assertRegex(lines[-1], r"^  1  model ")

    def test_ways_to_show_are_one_at_a_time(self):
        self.make()
        for words in (("--tree", "--lineage"), ("--talk", "--tree"), ("--raw", "head", "--lineage"), ("--curl", "--json")):
            done = self.reenact("show", "--store", self.store, *words, "run")
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
        for words in (("--tree", "run:1"), ("--lineage", "run:2")):
            self.assertEqual(self.reenact("show", "--store", self.store, *words).returncode, 2, words)

    def test_what_is_no_exchange_is_said_to_stand_elsewhere(self):
        self.make()
        for place, sentence in (("2.t1", "`reenact show run:2` has it"), ("g1", "`reenact show run --event g1`"), ("n1", "`reenact show run --event n1`"),
                                ("x", "the number of an exchange, not 'x'")):
            done = self.reenact("show", "--store", self.store, f"run:{place}")
            self.assertEqual((done.returncode, done.stdout), (2, ""), place)
            self.assertIn(sentence, done.stderr)
        self.assertIn("there is no trace 'walk:g1'", self.reenact("show", "--store", self.store, "walk:g1").stderr)

    def test_what_is_proposed_can_be_done(self):
        self.make()
        following = [line for line in self.lines("run") if line.startswith("next: ")]
        self.assertEqual(len(following), 1)
        known = self.reenact("help").stdout
        ways = following[0].removeprefix("next: ").split(" | ")
        self.assertIn("reenact show", following[0])
        for way in ways:
            self.assertIn(f"\n  {way.split()[1]} ", known)
        shown = [way for way in ways if way.split()[1] == "show"][0]
        self.assertIn("event", self.reenact(*shown.split()[1:], "--store", self.store, "--json").stdout)

    def test_what_went_wrong_is_said_in_a_word(self):
        self.make("1")
        self.assertRegex(self.step(self.lines("run"), "4"), r"^4 model broken \S+ m?s status 429; error \(slow down\)$")

    def test_lines_fit_the_terminal(self):
        self.make("1")
        for columns in (40, 60, 80, 100, 200):
            lines = self.lines("run", columns=columns)
            too_wide = [line for line in lines if len(line) > max(columns, 64)]
            self.assertEqual(too_wide, [], columns)
            self.assertEqual([line for line in lines if line != line.rstrip()], [])

    def test_the_conversation_stays_to_be_had(self):
        self.make()
        talk = "\n".join(self.lines("--talk", "run"))
        self.assertIn("3 said before, as in 2", talk)
        self.assertIn("evidence", talk)
        self.lines("--talk", "--json", "run", status=2)
        self.lines("--talk", "run:1", status=2)


if __name__ == "__main__":
    harness.main()
