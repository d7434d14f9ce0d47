"""Several stores read together: --store A,B,DIR/* for log, stats and prompts."""
import json
import os
import sys

import harness

APP = r'''
import http.client, json, os, sys, urllib.parse
base = urllib.parse.urlsplit(os.environ["OPENAI_BASE_URL"])
connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
body = {"model": "m", "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "order " + sys.argv[1]}]}
connection.request("POST", base.path + "/chat/completions", json.dumps(body), {"Content-Type": "application/json"})
connection.getresponse().read()
'''


class Stores(harness.Case):
    def setUp(self):
        super().setUp()
        app, server = self.write("app.py", APP), self.upstream()
        self.of = {name: os.path.join(self.directory, "stores", name) for name in ("east", "west")}
        os.mkdir(os.path.join(self.directory, "stores"))
        for number, name in ((1, "east"), (2, "west"), (3, "east"), (4, "west")):
            done = self.reenact("record", "--store", self.of[name], "--name", f"run{number}", "--", sys.executable, app, f"{number}{number}{number}",
                                env={"OPENAI_BASE_URL": server.url + "/v1"})
            self.assertEqual(done.returncode, 0, done.stderr)
        self.both = f"{self.of['east']},{self.of['west']}"
        self.all = os.path.join(self.directory, "stores", "*")

    def log(self, *words, status=0):
        done = self.reenact("log", "--json", *words)
        self.assertEqual(done.returncode, status, done.stderr)
        return [(trace["name"], os.path.basename(trace.get("store", "-"))) for trace in json.loads(done.stdout)["traces"]], done.stderr

    def test_traces_of_all_are_listed_in_order_of_time(self):
        wanted = [("run4", "west"), ("run3", "east"), ("run2", "west"), ("run1", "east")]
        self.assertEqual(self.log("--store", self.both)[0], wanted)
        self.assertEqual(self.log("--store", self.all)[0], wanted)
        self.assertEqual(self.log("--store", self.all, "--limit", "3")[0], wanted[:3])
        self.assertEqual(self.log("--store", self.of["east"])[0], [("run3", "-"), ("run1", "-")])

    def test_a_table_says_which_store(self):
        lines = self.reenact("log", "--store", self.all, "--limit", "3").stdout.splitlines()
        self.assertEqual([line.split()[1] for line in lines], ["STORE", "west", "east", "west"])
        self.assertNotIn("STORE", self.reenact("log", "--store", self.of["east"]).stdout)

    def test_searching_and_selecting_go_through_all(self):
        traces, remark = self.log("--store", self.all, "--grep", "order 222")
        self.assertEqual(traces, [("run2", "west")])
        self.assertTrue(remark.startswith("1 of 4 traces"), remark)
        self.assertEqual(self.log("--store", self.all, "--model", "m", "--limit", "2")[0], [("run4", "west"), ("run3", "east")])
        self.assertEqual(self.log("--store", self.all, "run1")[0], [("run1", "east")])
        self.assertIn("no-such", self.reenact("log", "--store", self.all, "no-such-run").stderr)

    def test_counts_are_of_all(self):
        stats = json.loads(self.reenact("stats", "--json", "--store", self.all).stdout)
        self.assertEqual((stats["traces"], [(row["model"], row["calls"]) for row in stats["rows"]]), ("4", [("m", "4")]))
        prompts = json.loads(self.reenact("prompts", "--json", "--store", self.both).stdout)["prompts"]
        self.assertEqual([(row["calls"], row["traces"]) for row in prompts], [("4", "4")])

    def test_one_that_cannot_be_opened_is_named_and_left_out(self):
        traces, remark = self.log("--store", f"{self.of['east']},/nowhere", status=2)
        self.assertEqual([name for name, _ in traces], ["run3", "run1"])
        self.assertIn("/nowhere", remark)
        for text in ("/nowhere,/neither", f"{self.directory}/none/*,"):
            done = self.reenact("log", "--store", text)
            self.assertEqual((done.returncode, done.stdout), (2, ""), text)
            self.assertNotEqual(done.stderr, "")

    def test_a_store_with_a_comma_in_its_name_is_one_store(self):
        odd = os.path.join(self.directory, "odd,one")
        os.rename(self.of["west"], odd)
        self.assertEqual(self.log("--store", odd)[0], [("run4", "-"), ("run2", "-")])


if __name__ == "__main__":
    harness.main()
