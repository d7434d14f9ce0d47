"""What `show` makes of retrieval, tools and private services, and what a file of pointer rules changes."""
import json
import os

from harness import Case, answer, main

QDRANT = {"result": {"points": [{"id": 17, "score": 0.83, "payload": {"text": "30 days", "title": "Refunds"}}]}, "status": "ok"}
LOOKUP = {"hits": [{"key": "refund-v3", "rank": {"score": 0.83}, "body": "30 days"}, {"key": "refund-v1", "body": "14 days"}]}
TOOL = {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "no such order"}], "isError": True}}
RULES = {"schema": "reenact.rules/1", "rules": [{
    "name": "policies", "match": {"upstream": "toy", "path": "/lookup/{}"}, "kind": "retrieval", "operation": "lookup",
    "query": "/question", "items": "/hits", "id": "/key", "score": "/rank/score", "score_kind": "similarity", "text": "/body"}]}


def service(head, body, connection):
    path = head.split(b" ")[1].decode()
    answer(connection, QDRANT if "points" in path else TOOL if path.endswith("/mcp") else LOOKUP)


class Readings(Case):
    def setUp(self):
        super().setUp()
        process, port = self.serve(self.upstream(service))
        fields = {"x-reenact-trace": "a" * 32}
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_order", "arguments": {"id": 88231}}}
        for path, body in (("/toy/collections/policies/points/query", {"query": [0.1], "limit": 2}),
                           ("/toy/lookup/returns", {"question": "refund?"}),
                           ("/toy/mcp", call)):
            self.assertEqual(self.call(port, path, json.dumps(body), fields)[0], 200)
        self.end(process)
        self.rules = self.write("rules.json", json.dumps(RULES))

    def readings(self, **environment):
        shown = self.reenact("show", "--store", self.store, "--json", self.traces()[0]["trace"], env=environment)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        return [event.get("reading") for event in json.loads(shown.stdout)["timeline"]]

    def test_documents_and_operations_are_shown(self):
        found, nobody, tool = self.readings()
        self.assertEqual((found["kind"], found["dialect"], found["operation"], found["target"]),
                         ("retrieval", "qdrant", "query", "policies"))
        self.assertEqual(found["documents"], [{"query": 0, "rank": 1, "id": "17", "score": "0.83", "score_kind": "similarity",
                                               "title": "Refunds", "text": "30 days"}])
        self.assertIsNone(nobody)
        self.assertEqual((tool["kind"], tool["target"], tool["error"]), ("tool", "get_order", "no such order"))
        self.assertTrue(tool["response"][0]["is_error"])
        page = self.reenact("show", "--store", self.store, self.traces()[0]["trace"] + ":1").stdout
        self.assertIn("reading     retrieval by qdrant, query policies\n", page)
        self.assertIn("--- documents\n1  17  0.83 similarity  Refunds: 30 days\n", page)

    def test_a_rule_reads_a_private_service(self):
        _, lookup, _ = self.readings(REENACT_RULES=self.rules)
        self.assertEqual((lookup["dialect"], lookup["service"], lookup["operation"], lookup["target"]),
                         ("rule", "policies", "lookup", "returns"))
        self.assertEqual([(d["id"], d.get("score"), d["text"]) for d in lookup["documents"]],
                         [("refund-v3", "0.83", "30 days"), ("refund-v1", None, "14 days")])
        self.assertEqual(lookup["request"], [{"kind": "text", "role": "query", "text": "refund?"}])

    def test_rules_beside_the_key_are_found_and_can_be_switched_off(self):
        place = os.path.join(self.directory, "config", "reenact")
        os.makedirs(place, exist_ok=True)
        os.rename(self.rules, os.path.join(place, "rules.json"))
        self.assertEqual(self.readings()[1]["service"], "policies")
        self.assertIsNone(self.readings(REENACT_RULES="")[1])

    def test_a_broken_file_stops_reading_and_no_recording(self):
        broken = self.write("broken.json", '{"schema":"reenact.rules/1","rules":[{"kind":"retreival"}]}')
        for name, words in ((broken, "/rules/0/kind must be one of"), (broken + ".not", "there is no such file")):
            for command in (("show", "--store", self.store, "a" * 32), ("log", "--store", self.store)):
                refused = self.reenact(*command, env={"REENACT_RULES": name})
                self.assertEqual(refused.returncode, 2, refused.stdout)
                self.assertIn(words, refused.stderr)
            self.assertEqual(self.reenact("log", "--help", env={"REENACT_RULES": name}).returncode, 0)
            self.assertEqual(self.reenact("verify", "--store", self.store, env={"REENACT_RULES": name}).returncode, 0)
            recorded = self.reenact("record", "--store", self.store, "--", "true", env={"REENACT_RULES": name})
            self.assertEqual(recorded.returncode, 0, recorded.stderr)


if __name__ == "__main__":
    main()
