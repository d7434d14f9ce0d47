"""kill -9 in the middle of a backtest, again and again: what was answered is kept, and is not paid for twice."""
import collections
import json
import os
import random
import re
import signal
import subprocess
import threading

import behaviours
from backtesting import FULL, BacktestCase
from harness import REENACT, main

KILLS = 50 if FULL else 8
JOBS = 4
# Members that tell of one run and not of what it found: times, names, what was paid.
OF_ITS_OWN = re.compile(r"id|name|created_ns|answer|spent.*|.*twice|.*latency.*|.*first_byte.*")


def without_its_own(document):
    if isinstance(document, dict):
        return {key: without_its_own(value) for key, value in document.items() if not OF_ITS_OWN.fullmatch(key)}
    return [without_its_own(value) for value in document] if isinstance(document, list) else document


class Killed(BacktestCase):
    def kill_at(self, process, requests, delay_s):
        """Kills it when the server has had so many more requests, and a moment behind that. False: it ended before."""
        target = self.server.total("new") + requests

        def on_request(server, model):
            if server.total(model) == target:
                server.loop.call_later(delay_s, os.kill, process.pid, signal.SIGKILL)
        self.server.on_request = on_request
        process.wait(120)
        self.server.on_request = None
        return process.returncode == -signal.SIGKILL

    def answered(self):
        """The questions that have an answer in the store which is not tried again."""
        questions = set()
        for trace in json.loads(self.reenact("log", "--json").stdout)["traces"]:
            if trace["kind"] == "backtest":
                shown = self.reenact("show", "--json", trace["trace"])
                self.assertEqual(shown.returncode, 0, shown.stderr)
                questions |= {event["reading"]["request"][-1]["text"] for event in json.loads(shown.stdout)["timeline"]
                              if event["kind"] == "exchange" and event["end"] == "ended" and event["status"] in (200, 400)}
        return questions

    def begin_resume(self, name):
        process = subprocess.Popen([REENACT, "backtest", "resume", name], env=self.environment, cwd=self.directory, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        return process

    def asked(self):
        return collections.Counter(self.server.asked["new"])

    def assertNotAskedAgain(self, kept, before):
        self.assertEqual(set(self.asked() - before) & kept, set())

    def test_nothing_that_was_answered_is_asked_again(self):
        draw = random.Random(os.environ.get("REENACT_SEED", "backtest"))
        most = 18
        count = most * KILLS
        self.record_questions(0, count)
        self.server.delay_s = 0.002
        process = self.begin("--as", "killed", "-j", str(JOBS))
        kept, before = set(), self.asked()
        for i in range(KILLS):
            killed = self.kill_at(process, draw.randrange(1, most), draw.choice([0, 0.0005, 0.002, 0.005, 0.01]))
            self.assertTrue(killed, f"it ended before kill {i + 1}: {process.returncode} {process.stderr.read()}")
            self.assertNotAskedAgain(kept, before)
            kept, before = self.answered(), self.asked()
            process = self.begin_resume("killed")
        process.wait(120)
        self.assertEqual(process.returncode, 0, process.stderr.read())
        self.assertNotAskedAgain(kept, before)
        self.assertEqual(self.reenact("verify").returncode, 0)
        document = self.report("killed")
        self.assertPaid(count, document["twice"])
        self.server.asked.clear()
        self.assertEqual(without_its_own(document), without_its_own(self.backtest("--as", "calm", "-j", str(JOBS)).document))

    def assertPaid(self, count, twice):
        """Of calls that are answered at once, only what was in flight at a kill was paid for again, and each is counted."""
        asked = self.asked()
        extra = []
        for i in range(count):
            text = behaviours.question(i)
            if behaviours.behaviour_of(text, behaviours.form_of(i)) not in behaviours.AGAIN | behaviours.FAILS - {"rejects"}:
                self.assertGreaterEqual(asked[text], 1, text)
                extra.append(asked[text] - 1)
        self.assertLessEqual(sum(extra), KILLS * JOBS)
        self.assertLessEqual(sum(times > 0 for times in extra), twice)
        self.assertLessEqual(twice, KILLS * JOBS)

    def test_a_signal_ends_it_in_order(self):
        self.record_questions(0, 120)
        self.server.delay_s = 0.002
        process = self.begin("--as", "stopped", "-j", str(JOBS), to="openai/equal")
        self.server.on_request = lambda server, model: process.terminate() if server.total(model) == 40 else None
        process.wait(120)
        self.assertNotEqual(process.returncode, 0)
        self.assertLess(self.server.total("equal"), 120)
        done = self.resume("stopped")
        self.assertEqual(self.server.total("equal"), 120, "what a signal lets end is not paid twice")
        # An intent that was stored and not sent any more is counted on the safe side.
        self.assertLessEqual(done.document["twice"], JOBS)

    def test_one_process_at_a_time_runs_it(self):
        self.record_questions(0, 120)
        self.server.delay_s = 0.002
        started = threading.Event()
        self.server.on_request = lambda server, model: started.set() if server.total(model) == 3 else None
        process = self.begin("--as", "busy", "-j", "1", to="openai/equal")
        self.assertTrue(started.wait(60))
        second = self.reenact("backtest", "resume", "busy")
        self.assertEqual(second.returncode, 2, second.stderr)
        self.assertEqual(self.reenact("backtest", "drop", "busy").returncode, 2)
        process.wait(120)
        self.assertEqual((process.returncode, self.server.total("equal")), (0, 120))


if __name__ == "__main__":
    main()
