"""What the tests of backtests share: a store with recorded questions, the server that answers them, what must come out.

The expectation is counted here from `behaviours` alone, by what docs/backtest.md says is judged; nothing is taken from a report.
"""
import collections
import json
import os
import subprocess
import sys

import behaviours
from harness import REENACT, Case

HERE = os.path.dirname(os.path.abspath(__file__))
FULL = os.environ.get("REENACT_FULL") == "1"
PICO = 10**12
# Dollars for a million tokens.
PRICES = {"old": {"in": 2.0, "cached": 0.5, "out": 8.0}, "new": {"in": 0.4, "cached": 0.1, "out": 1.6},
          "equal": {"in": 1.0, "cached": 1.0, "out": 3.0}}


def cost_pico(model, prompt, completion):
    price = PRICES[model]
    return round(prompt * price["in"] * 1e6) + round(completion * price["out"] * 1e6)


def judged(form, behaviour):
    """{aspect: same?} of a pair whose new answer behaves so."""
    unchanged = behaviour in {"same", "slow"} | behaviours.AGAIN
    if form == "tools":
        out = {"tools": unchanged or behaviour == "spaced", "tool_names": unchanged or behaviour in ("spaced", "other_arguments"),
               "finish": behaviour != "only_talks", "refusal": True}
        return out | ({"text": False, "normalised": False} if behaviour == "only_talks" else {})
    out = {"text": unchanged, "normalised": unchanged or behaviour == "typographic", "finish": behaviour != "cut_short", "refusal": behaviour != "refuses"}
    if form == "json":  # the same JSON is the same text, once normalised
        out |= {"json": behaviour != "breaks_json", "normalised": unchanged or behaviour == "spaced"}
    return out


class Expected:
    """What a backtest of questions first..last-1 to `new` must find."""

    def __init__(self, first, last, form=None):
        self.calls = last - first
        self.behaviours = collections.Counter()
        self.judged, self.same = collections.Counter(), collections.Counter()
        self.compared = self.failed = self.unchanged = 0
        self.tokens = collections.Counter()
        self.cost = collections.Counter()
        for i in range(first, last):
            self.take(i, form or behaviours.form_of(i))

    def take(self, i, form):
        behaviour = behaviours.behaviour_of(behaviours.question(i), form)
        self.behaviours[behaviour] += 1
        if behaviour in behaviours.FAILS:
            self.failed += 1
            return
        self.compared += 1
        aspects = judged(form, behaviour)
        for aspect, same in aspects.items():
            self.judged[aspect] += 1
            self.same[aspect] += same
        self.unchanged += all(same for aspect, same in aspects.items() if aspect != "text")
        for side, model in (("recorded", "old"), ("fresh", "new")):
            prompt, completion = behaviours.answer_of(behaviours.request_of(i, model, form), model)[3]
            self.tokens[side, "in"] += prompt
            self.tokens[side, "out"] += completion
            self.cost[side] += cost_pico(model, prompt, completion)


class BacktestCase(Case):
    def setUp(self):
        super().setUp()
        self.server = behaviours.Server()
        self.addCleanup(self.server.stop)
        self.environment |= {"BEHAVIOURS": HERE, "PYTHONDONTWRITEBYTECODE": "1", "REENACT_STORE": self.store}
        self.asker = self.write("asker.py", behaviours.CLIENT)
        self.prices = self.write("prices.json", json.dumps({"schema": "reenact.prices/1", "date": "2026-11-20", "models": PRICES}))

    def record_questions(self, first, last, model="old", form=None, name="week", server=None):
        url = (server or self.server).url
        arguments = [str(first), str(last), model] + ([form] if form else [])
        done = self.reenact("record", "--name", name, "--", sys.executable, self.asker, *arguments,
                            env={"OPENAI_BASE_URL": url + "/v1", "ANTHROPIC_BASE_URL": url}, timeout=600)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def arguments(self, *options, to="openai/new", url=None):
        """`url` "": the upstream is not named."""
        named = [] if url == "" else ["--upstream", f"{to.split('/', 1)[0]}={url or self.server.url}"]
        return ["backtest", "--to", to, *named, "--prices", self.prices, *options]

    def backtest(self, *options, to="openai/new", url=None, expect=0, timeout=600, **rest):
        """Runs a backtest with --json; gives the completed process with .document (None where nothing was printed)."""
        done = self.reenact(*self.arguments("--json", *options, to=to, url=url), timeout=timeout, **rest)
        done.document = json.loads(done.stdout) if done.stdout.startswith("{") else None
        self.assertEqual(done.returncode, expect, f"{done.stdout[:2000]}\n{done.stderr}")
        return done

    def resume(self, which, *options, expect=0):
        done = self.reenact("backtest", "resume", which, "--json", *options, timeout=600)
        done.document = json.loads(done.stdout) if done.stdout.startswith("{") else None
        self.assertEqual(done.returncode, expect, f"{done.stdout[:2000]}\n{done.stderr}")
        return done

    def report(self, which, *options):
        done = self.reenact("backtest", "report", which, "--json", "--prices", self.prices, *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def listed(self):
        done = self.reenact("backtest", "list", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def begin(self, *options, to="openai/new"):
        """The same, running."""
        process = subprocess.Popen([REENACT, *self.arguments(*options, to=to)], env=self.environment, cwd=self.directory,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.kill)
        return process
