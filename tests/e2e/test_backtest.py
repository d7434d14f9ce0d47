"""Recorded calls sent again to a model whose behaviour is known: the report must find exactly what is there."""
import html.parser
import json
import os
import random
import sys
import threading
import xml.etree.ElementTree

import behaviours
from backtesting import FULL, PICO, BacktestCase, Expected, cost_pico
from harness import answer, main


class Shares(BacktestCase):
    def assertFound(self, document, expected):
        """Every share of the report is the one counted beforehand."""
        for aspect, judged in expected.judged.items():
            share = document["shares"][aspect]
            self.assertEqual((share["same"], share["judged"]), (expected.same[aspect], judged), aspect)
        for aspect, share in document["shares"].items():
            self.assertEqual(share["judged"], expected.judged[aspect], aspect)
        pairs = document["pairs"]
        self.assertEqual((pairs["compared"], pairs["new_failed"]), (expected.compared, expected.failed), pairs)
        self.assertEqual(document["same"], expected.unchanged)

    def test_every_share_is_found_exactly(self):
        count = 400
        self.record_questions(0, count)
        document = self.backtest("--as", "switch", "-j", "8").document
        expected = Expected(0, count)
        self.assertFound(document, expected)
        tokens = document["tokens"]
        for side in ("recorded", "fresh"):
            self.assertEqual((int(tokens[side]["in"]), int(tokens[side]["out"])), (expected.tokens[side, "in"], expected.tokens[side, "out"]))
            self.assertEqual(int(document["cost"][side]["pico"]), expected.cost[side])
        self.assertEqual(document["refusals"]["fresh"], expected.behaviours["refuses"])
        failed = {failure["what"][:3]: failure["count"] for failure in document["failures"]}
        self.assertEqual(failed["429"], expected.behaviours["busy_always"])
        self.assertEqual(failed["500"], expected.behaviours["fails_always"])
        self.assertEqual(failed["400"], expected.behaviours["rejects"])
        self.assertPaid(expected)
        self.assertEqual(self.report("switch")["shares"], document["shares"])

    def assertPaid(self, expected):
        """What is asked once is asked once; what fails is asked again as often as attempts allow; what is refused is not."""
        asked = self.server.asked["new"]
        for i in range(expected.calls):
            text = behaviours.question(i)
            behaviour = behaviours.behaviour_of(text, behaviours.form_of(i))
            times = 2 if behaviour in behaviours.AGAIN else 5 if behaviour in ("busy_always", "fails_always", "breaks_always") else 1
            self.assertEqual(asked[text], times, f"{text} {behaviour}")

    def test_equal_answers_make_no_difference(self):
        self.record_questions(0, 120)
        document = self.backtest("-j", "4", "--fail-if", "text_same < 1 or tool_agreement < 1 or json_same < 1 or failed > 0", to="openai/equal").document
        for aspect, share in document["shares"].items():
            self.assertEqual(share["same"], share["judged"], aspect)
        self.assertEqual((document["pairs"]["compared"], document["same"]), (120, 120))
        self.assertEqual(self.server.total("equal"), 120)

    def test_only_the_model_is_changed(self):
        self.server.keep = True
        self.record_questions(0, 40)
        recorded, self.server.bodies = sorted(self.server.bodies), []
        self.backtest(to="openai/equal")
        self.assertEqual(sorted(body.replace(b'"model": "equal"', b'"model": "old"') for body in self.server.bodies), recorded)

    def test_parameters_are_set_renamed_and_taken_away(self):
        self.server.keep = True
        self.record_questions(0, 8)
        self.server.bodies = []
        self.backtest("--set", "temperature=0.9", "--set", "seed=7", "--unset", "stream", "--unset", "stream_options", "--rename", "temperature=heat",
                      to="openai/equal")
        for body in map(json.loads, self.server.bodies):
            self.assertEqual((body["heat"], body["seed"], "temperature" in body, "stream" in body), (0.9, 7, False, False))

    def test_messages_of_anthropic_are_compared_too(self):
        count = 120
        self.record_questions(0, count, form="anthropic")
        document = self.backtest("--as", "claude", to="anthropic/new").document
        behaves = [behaviours.behaviour_of(behaviours.question(i), "text" if i % 2 else "stream") for i in range(count)]
        failed = sum(b in behaviours.FAILS for b in behaves)
        self.assertEqual(document["shares"]["text"]["judged"], count - failed)
        self.assertEqual(document["shares"]["text"]["same"], sum(b in {"same", "slow"} | behaviours.AGAIN for b in behaves))
        self.assertEqual(document["shares"]["refusal"]["judged"] - document["shares"]["refusal"]["same"], behaves.count("refuses"))

    def test_credentials_come_from_the_environment_and_stay_out_of_the_store(self):
        key = "sk-live-" + "Zq7" * 12
        self.record_questions(0, 12)
        self.backtest("--key-env", "MY_KEY", to="openai/equal", env={"MY_KEY": key})
        self.assertEqual(self.server.keys[b"Bearer " + key.encode()], 12)
        for folder, _, names in os.walk(self.store):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    self.assertNotIn(key.encode(), file.read())


class LeftOut(BacktestCase):
    def chat(self, i, **more):
        return "POST|/chat/completions|" + json.dumps(behaviours.request_of(i, "old", "text") | more)

    def test_a_key_that_a_stream_says_in_pieces_is_in_no_report(self):
        key = "sk-proj-" + "Ab3dEf6hIj9k" * 4
        unknown = "in-house-" + "Wq8zLm2p" * 5  # no shape: known while it is in the environment
        def says_it(head, body, connection):
            text = f"your keys: {key} {unknown} \\u202e"
            pieces = [json.dumps({"choices": [{"index": 0, "delta": {"content": text[i:i + 5]}}]}) for i in range(0, len(text), 5)]
            stream = "".join(f"data: {piece}\n\n" for piece in [*pieces, '{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}', "[DONE]"])
            answer(connection, stream.encode(), media_type="text/event-stream")
        self.record_questions(0, 3, form="text")
        page, junit = (os.path.join(self.directory, name) for name in ("report.html", "report.xml"))
        done = self.backtest("--as", "said", "--set", "stream=true", "--html", page, "--junit", junit, url=self.upstream(says_it).url, env={"OPENAI_API_KEY": unknown})
        shown = done.stdout + done.stderr + self.reenact("backtest", "report", "said", env={"OPENAI_API_KEY": unknown}).stdout
        for path in (page, junit):
            with open(path) as file:
                shown += file.read()
        self.assertIn("your keys: ", shown)
        self.assertNotIn(key, shown)
        self.assertNotIn(unknown, shown)

    def test_what_a_provider_says_moves_no_terminal(self):
        def refuses(head, body, connection):
            answer(connection, {"error": {"message": "no \u009b31m \u202e \x1b[31m red"}}, "404 Not Found")
        self.record_questions(0, 3, form="text")
        self.backtest("--as", "red", url=self.upstream(refuses).url, expect=2)
        done = self.reenact("backtest", "report", "red")
        self.assertIn("404", done.stdout.splitlines()[0])
        shown = done.stdout + done.stderr
        nasty = self.write("nasty.py", "import http.client, json, os, urllib.parse\n"
                           "base = urllib.parse.urlsplit(os.environ['OPENAI_BASE_URL'])\n"
                           "connection = http.client.HTTPConnection(base.hostname, base.port)\n"
                           "body = {'model': 'm\\x1b[31m\\u202e\\x9b', 'messages': [{'role': 'user', 'content': 'x'}]}\n"
                           "connection.request('POST', base.path + '/chat/completions', json.dumps(body), {'Content-Type': 'application/json'})\n"
                           "connection.getresponse().read()\n")
        self.assertEqual(self.record(self.server, sys.executable, nasty).returncode, 0)
        done = self.reenact(*self.arguments("--dry-run", "--limit", "1"))
        self.assertIn("asked     m\\x1b[31m", done.stdout)
        for forbidden in ("\u009b", "\u202e", "\x1b"):
            self.assertNotIn(forbidden, shown + done.stdout + done.stderr)

    def test_what_cannot_be_sent_again_is_named_and_counted_apart(self):
        key = "sk-proj-" + "Ab3" * 16
        self.record_client(self.server, self.chat(1), self.chat(2), "GET|/models|", self.chat(3, user=f"my key is {key}"),
                           'POST|/responses|{"model":"old","input":"and then?","previous_response_id":"resp_1"}', "POST|/chat/completions|{not json")
        done = self.backtest("--as", "odd", to="openai/equal")
        self.assertEqual(done.document["calls"], 2)
        self.assertEqual({why: count for why, count in done.document["left_out"].items() if count},
                         {"no model call": 1, "redacted": 1, "stateful": 1, "unreadable": 1})
        self.assertEqual(self.server.total("equal"), 2)
        for why in ("redacted", "stateful", "unreadable"):
            self.assertIn(why, done.stderr)

    def test_of_calls_that_a_client_repeated_the_last_is_sent(self):
        busy = iter([True, True, False])
        def upstream(head, body, connection):
            if next(busy):
                answer(connection, {"error": {"message": "busy", "type": "rate_limit_exceeded"}}, "429 Too Many Requests")
            else:
                answer(connection, {"choices": [{"index": 0, "message": {"role": "assistant", "content": "there"}, "finish_reason": "stop"}]})
        self.record_client(self.upstream(upstream), *[self.chat(1)] * 3)
        document = self.backtest(to="openai/equal").document
        self.assertEqual((document["calls"], document["left_out"]["retried"], self.server.total("equal")), (1, 2, 1))

    def test_recorded_failures_are_sent_and_counted_as_such(self):
        for i, body in enumerate((b"<html>bad gateway</html>", b"busy", b"")):
            self.record_client(self.upstream(lambda head, _, connection, body=body: answer(connection, body, "502 Bad Gateway", media_type="text/html")), self.chat(i))
        self.record_client(self.server, self.chat(4, model="garbled"))
        document = self.backtest(to="openai/equal").document
        self.assertEqual((document["calls"], document["pairs"]["recorded_failed"], document["pairs"]["compared"]), (4, 4, 0), document["left_out"])


class Documents(BacktestCase):
    def setUp(self):
        super().setUp()
        self.record_questions(0, 60)
        self.backtest("--as", "shown")

    def report_file(self, option, name):
        path = os.path.join(self.directory, name)
        done = self.reenact("backtest", "report", "shown", "--prices", self.prices, option, path)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(path) as file:
            return file.read()

    def test_html_is_one_well_formed_page_that_loads_nothing(self):
        page = self.report_file("--html", "report.html")
        parser = Page()
        parser.feed(page)
        parser.close()
        self.assertEqual(parser.open, [])
        self.assertEqual(parser.loads, [])
        self.assertGreater(parser.plots, 0)

    def test_junit_is_well_formed_and_counts_conditions(self):
        path = os.path.join(self.directory, "report.xml")
        done = self.reenact("backtest", "report", "shown", "--junit", path, "--fail-if", "tool_agreement < 0.99", "--fail-if", "text_same < 0.01")
        self.assertEqual(done.returncode, 1, done.stderr)
        root = xml.etree.ElementTree.parse(path).getroot()
        failures = [case for case in root.iter("testcase") if case.find("failure") is not None]
        self.assertTrue(any("tool_agreement < 0.99" in case.get("name") for case in failures), xml.etree.ElementTree.tostring(root))
        self.assertFalse(any("text_same < 0.01" in case.get("name") for case in failures))

    def test_conditions_decide_the_exit_status(self):
        for condition, status in [("tool_agreement < 0.99", 1), ("tool_agreement < 0.01", 0), ("not (tool_agreement < 0.01) and text_same < 99%", 1), ("tool_agreement <", 2), ("nonsense > 1", 2),
                                  ("vectors_same < 0.5", 1)]:
            done = self.reenact("backtest", "report", "shown", "--prices", self.prices, "--fail-if", condition)
            self.assertEqual(done.returncode, status, f"{condition}: {done.stderr}")

    def test_the_first_line_says_what_changed_most(self):
        done = self.reenact("backtest", "report", "shown", "--prices", self.prices)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(self.report("shown")["headline"], done.stdout.splitlines()[0])


VOID = {"meta", "link", "br", "hr", "img", "input", "col", "path", "rect", "line", "circle", "polyline", "polygon", "use"}


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.loads, self.plots = [], [], 0

    def handle_starttag(self, tag, attributes):
        self.plots += tag == "svg"
        self.loads += [f"{name}={value}" for name, value in attributes if name in ("src", "href", "data", "action") and not (value or "").startswith("#")]
        self.loads += [tag] * (tag in ("link", "iframe", "object", "embed"))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open and self.open[-1] == tag, (tag, self.open)
            self.open.pop()


class Ceilings(BacktestCase):
    def test_a_probe_that_fails_stops_the_rest(self):
        self.record_questions(0, 100)
        for model, words in (("missing", "does not exist"), ("locked", "Incorrect API key"), ("flaky", "maximum context length")):
            with self.subTest(model=model):
                done = self.backtest("--as", f"to-{model}", "-j", "4", to=f"openai/{model}", expect=2)
                self.assertLessEqual(self.server.total(model), 20)
                self.assertIn(words, done.stderr)

    def test_a_budget_holds_to_the_call(self):
        count = 80
        self.record_questions(0, count)
        costs, worst = {}, {}
        for i in range(count):
            body = behaviours.request_of(i, "equal")
            prompt, completion = behaviours.answer_of(body, "equal")[3]
            costs[behaviours.question(i)] = cost_pico("equal", prompt, completion)
            worst[behaviours.question(i)] = cost_pico("equal", prompt, body["max_tokens"])
        budget = sum(costs.values()) * 6 // 10
        for jobs in ("1", "8"):
            with self.subTest(jobs=jobs):
                self.server.asked.clear()
                done = self.backtest("--as", f"poor-{jobs}", "-j", jobs, "--budget", f"{budget / PICO:.12f}", to="openai/equal")
                self.assertIn("budget", done.stderr)
                self.assertFalse(done.document["complete"])
                asked = self.server.asked["equal"]
                paid = sum(costs[text] * times for text, times in asked.items())
                self.assertEqual(int(done.document["spent"]["pico"]), paid)
                self.assertLessEqual(paid, budget)
                # It did not stop early either: what was left would not have borne the worst of the next call.
                self.assertGreater(paid + max(worst[text] for text in costs if text not in asked), budget)
                done = self.resume(f"poor-{jobs}", "--budget", "1")
                self.assertTrue(done.document["complete"])
                self.assertEqual(self.server.total("equal"), count)

    def test_requests_per_minute_hold_to_the_call(self):
        self.record_questions(0, 60)
        process = self.begin("--as", "calm", "-j", "8", "--rpm", "40", to="openai/equal")
        reached = threading.Event()
        self.server.on_request = lambda server, model: reached.set() if server.total(model) == 40 else None
        self.assertTrue(reached.wait(60), "40 requests were allowed at once")
        if FULL:
            process.wait(180)
            self.assertEqual(self.server.total("equal"), 60)
        else:
            process.terminate()
            process.wait(60)
        moments = [moment for moment, model in self.server.arrivals if model == "equal"]
        for i in range(len(moments) - 40):
            self.assertGreater(moments[i + 40] - moments[i], 60, f"requests {i} to {i + 40} came within a minute")

    def test_a_thousand_calls_need_a_bound(self):
        self.record_questions(0, 1010)
        done = self.backtest(to="openai/equal", expect=2)
        self.assertIn("--limit", done.stderr)
        self.assertEqual(self.server.total("equal"), 0)
        self.backtest("--limit", "30", "--as", "few", to="openai/equal")
        self.backtest("--sample", "30", "--seed", "7", "--as", "some", to="openai/equal")
        self.assertEqual(self.server.total("equal"), 60)

    def test_more_is_never_in_flight_than_jobs(self):
        self.server.delay_s = 0.005
        self.record_questions(0, 60)
        self.server.in_flight_most = 0
        self.backtest("-j", "3", to="openai/equal")
        self.assertLessEqual(self.server.in_flight_most, 3)

    def test_memory_does_not_grow_with_the_calls(self):
        few, many = (1000, 10000) if FULL else (300, 2000)
        self.record_questions(0, many)
        peaks = [self.peak_kb("--limit", str(count), "-j", "8", "--as", f"of-{count}") for count in (few, many)]
        self.assertEqual(self.server.total("equal"), few + many)
        self.assertLess(peaks[1] - peaks[0], 16 * 1024, peaks)

    def peak_kb(self, *options):
        """The most private memory it ever had, looked at by every request and until its end. Pages of the store's map do not count."""
        self.environment["ASAN_OPTIONS"] = "quarantine_size_mb=1:thread_local_quarantine_size_kb=64"
        process = self.begin(*options, to="openai/equal")
        peak = 0
        while process.poll() is None:
            try:
                with open(f"/proc/{process.pid}/status") as file:
                    peak = max(peak, *(int(line.split()[1]) for line in file if line.startswith("RssAnon:")), 0)
            except (OSError, TypeError):
                pass
        self.assertEqual(process.returncode, 0, process.stderr.read())
        return peak


class BadInput(BacktestCase):
    def setUp(self):
        super().setUp()
        self.record_questions(0, 24)
        self.backtest("--as", "taken", to="openai/equal")

    def everything(self):
        return [self.reenact(*arguments, "--json").stdout for arguments in (("log",), ("backtest", "list"))]

    def test_bad_input_gets_a_sentence_and_changes_nothing(self):
        before, asked = self.everything(), self.server.total("equal")
        for options, rest, says in [
                (["--release", "none-such"], {}, ""), (["--model", "none-such"], {}, ""), (["--since", "2031-01-01"], {}, ""),
                (["no-such-trace"], {}, "no-such-trace"), (["--since", "someday"], {}, "someday"), (["--status", "99x"], {}, "99x"),
                ([], {"to": "nowhere/new", "url": ""}, "nowhere"), (["--as", "taken"], {}, "taken"), (["--set", "temperature"], {}, "temperature"), (["--set", "model=other"], {}, "model"),
                (["--rename", "temperature"], {}, ""), (["--limit", "5", "--sample", "5"], {}, ""), (["--fail-if", "tool_agreement <"], {}, ""),
                (["-j", "999"], {}, ""), (["--budget", "much"], {}, "much"), (["--prices", "/nonexistent.json"], {}, "/nonexistent.json")]:
            with self.subTest(options=options, **rest):
                done = self.backtest(*options, expect=2, **{"to": "openai/equal"} | rest)
                self.assertRegex(done.stderr, r"\S")
                self.assertIn(says, done.stderr)
                self.assertEqual(self.everything(), before)
        for arguments in (["report", "nothing"], ["resume", "nothing"], ["drop", "nothing"], ["--since", "1d"], ["--to", "openai", "--since", "1d"], ["--to", "/x"]):
            with self.subTest(arguments=arguments):
                done = self.reenact("backtest", *arguments)
                self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
                self.assertEqual(self.everything(), before)
        self.assertEqual(self.server.total("equal"), asked)

    def test_without_a_key_nothing_is_sent_and_no_plan_is_left(self):
        before, asked = self.everything(), self.server.total("equal")
        self.environment.pop("OPENAI_API_KEY")
        done = self.backtest(to="openai/equal", url="", expect=2)  # the built-in server; one of your own may want none
        self.assertIn("OPENAI_API_KEY", done.stderr)
        self.assertEqual((self.everything(), self.server.total("equal")), (before, asked))

    def test_an_upstream_that_refuses_connections_is_trouble(self):
        nobody = self.upstream()
        nobody.stop()
        done = self.backtest("--as", "refused", to="openai/equal", url=nobody.url, expect=2)
        self.assertIn(str(nobody.port), done.stderr)

    def test_an_unknown_model_is_the_probes_finding(self):
        done = self.backtest("--as", "unknown", to="openai/missing", expect=2)
        self.assertIn("does not exist", done.stderr)

    def test_a_dry_run_sends_and_writes_nothing(self):
        before, asked = self.everything(), dict(self.server.asked["equal"])
        done = self.reenact(*self.arguments("--dry-run", to="openai/equal"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("24", done.stdout + done.stderr)
        self.assertEqual(self.everything(), before)
        self.assertEqual(dict(self.server.asked["equal"]), asked)

    def test_drop_takes_answers_and_plan_away(self):
        self.backtest("--as", "gone", to="openai/equal")
        done = self.reenact("backtest", "drop", "gone")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("gone", json.dumps(self.listed()))
        self.assertEqual(self.reenact("verify").returncode, 0)
        self.backtest("--as", "gone", to="openai/equal")

    def test_no_store_is_trouble_and_none_is_made(self):
        nowhere = os.path.join(self.directory, "nowhere")
        done = self.backtest(to="openai/equal", expect=2, env={"REENACT_STORE": nowhere})
        self.assertIn("nowhere", done.stderr)
        self.assertFalse(os.path.exists(nowhere))


if __name__ == "__main__":
    main()
