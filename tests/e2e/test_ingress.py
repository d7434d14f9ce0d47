"""In front of the application: inbound requests open traces, and its calls join them by what can be told, never by guessing."""
import http.client
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
import unittest

from harness import REENACT, Case, answer, main

# An application without a framework. It is told where its model is and how it behaves by its environment.
APP = r'''
import http.client, http.server, json, os, random, sys, threading, time, urllib.parse
base = urllib.parse.urlsplit(os.environ["MODEL_URL"])
hands_on = os.environ.get("HANDS_ON", "")
wording = os.environ.get("WORDING", "please")
sessions = {}

def ask(messages, fields, query):
    connection = http.client.HTTPConnection(base.hostname, base.port, timeout=60)
    connection.request("POST", base.path + "/v1/chat/completions" + query, json.dumps({"model": "m", "max_tokens": 10000, "messages": messages}),
                       {"Content-Type": "application/json", **fields})
    told = json.load(connection.getresponse())
    connection.close()
    return told["choices"][0]["message"]

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fields = {name: self.headers[name] for name in hands_on.split(",") if name and self.headers[name]}
        query = urllib.parse.urlsplit(self.path).query
        if "jitter" in asked:
            time.sleep(random.random() * asked["jitter"])
        past = sessions.setdefault(asked.get("session"), []) if "session" in asked else []
        messages = past + [{"role": "user", "content": f"{wording} look at order {asked.get('order')}: {asked.get('text', '')}"}]
        for _ in range(asked.get("calls", 1)):
            told = ask(messages, fields, query and "?" + query)
            messages.append(told)
            for call in told.get("tool_calls", ()):
                messages.append({"role": "tool", "tool_call_id": call["id"], "content": "delivered"})
        if "session" in asked:
            sessions[asked["session"]] = messages
        if asked.get("stream"):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for word in ("one", "two", "[DONE]"):
                piece = f"data: {word}\n\n".encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
                time.sleep(asked.get("pause", 0))
            self.wfile.write(b"0\r\n\r\n")
            return
        body = json.dumps({"order": asked.get("order"), "said": messages[-1].get("content")}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Reenact-Outcome", "answered")
        self.send_header("X-Saw", ",".join(sorted(n.lower() for n in self.headers if n.lower().startswith("x-reenact"))))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
'''


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def wait_for(port):
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nothing listens on port {port}")


def model(head, body, connection):
    """Repeats nothing of what it was asked; asks for a tool on the first turn."""
    asked = json.loads(body)
    message = {"role": "assistant", "content": f"answer {int.from_bytes(os.urandom(6), 'big')}"}
    if asked["messages"][-1]["role"] == "user":
        message["tool_calls"] = [{"id": "call_" + os.urandom(12).hex(), "type": "function", "function": {"name": "get", "arguments": "{}"}}]
    answer(connection, {"id": "chatcmpl-" + os.urandom(8).hex(), "choices": [{"message": message}]})


class Ingress(Case):
    def start(self, behaviour=model, options=(), **environment):
        """Application, model and reenact in between; gives the process of serve, its port and the ingress's."""
        self.app = self.write("app.py", APP)
        self.app_port = free_port()
        listen = free_port()
        process, port = self.serve(self.upstream(behaviour), "--listen", str(listen), "--ingress", f"0=http://127.0.0.1:{self.app_port}",
                                   *options)
        self.running = self.run_app(f"http://127.0.0.1:{port}/toy", **environment)
        for line in process.stderr:
            if "app is behind" in line:
                return process, port, int(line.rsplit(":", 1)[1])
        self.fail("no ingress")

    def run_app(self, model_url, **environment):
        running = subprocess.Popen([sys.executable, self.app, str(self.app_port)], env=self.environment | {"MODEL_URL": model_url} | environment)
        self.addCleanup(lambda: (running.kill(), running.wait()))
        wait_for(self.app_port)
        return running

    def ask(self, port, asked, fields=(), path="/refunds"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        connection.request("POST", path, json.dumps(asked), {"Content-Type": "application/json"} | dict(fields))
        response = connection.getresponse()
        told = response.read()
        connection.close()
        return response, told

    def events(self, trace, whole=True):
        """The events of a trace, with all that is stored unless `whole` is false."""
        listed = self.show(trace)["timeline"]
        if whole:
            for event in listed:
                shown = self.reenact("show", "--store", self.store, "--json", "--event", event["event"], trace)
                event["fields"] = json.loads(shown.stdout)["fields"]
        return listed

    def test_an_inbound_request_opens_a_trace_and_its_calls_join_by_the_header_it_got(self):
        process, _, ingress = self.start(HANDS_ON="x-reenact-trace")
        response, told = self.ask(ingress, {"order": 88231, "calls": 2}, {"X-Reenact-Subject": "customer-7", "X-Request-Id": "request-of-a-customer-1"})
        self.assertEqual((response.status, json.loads(told)["order"]), (200, 88231))
        self.assertEqual(response.headers["X-Saw"], "x-reenact-trace")  # what is added, and nothing else of ours
        self.assertNotIn("X-Reenact-Outcome", response.headers)
        status, remarks = self.end(process)
        self.assertEqual(status, 0)
        self.assertIn("ingress: 1 decision; calls joined: 2 by name; left alone: 0", remarks)
        (trace,) = self.traces()
        first, second, third = self.events(trace["trace"])
        self.assertEqual([e["kind"] for e in (first, second, third)], ["decision", "exchange", "exchange"])
        self.assertEqual([e["fields"]["rule"] for e in (first, second, third)], ["new", "header", "header"])
        self.assertNotIn("x-reenact-trace", first["fields"]["request-head"].lower())  # it holds what the client sent
        self.assertEqual(first["fields"]["labels"], ["X-Reenact-Subject", "customer-7", "X-Request-Id", "request-of-a-customer-1", "X-Reenact-Outcome", "answered"])
        shown = self.reenact("show", "--store", self.store, "request-of-a-customer-1").stdout  # the id its client gave it
        self.assertRegex(shown, r"1 +decision +POST /refunds 200")
        self.assertSound()

    def test_rules_are_asked_in_order(self):
        held = {}

        def slow(head, body, connection):
            text = json.loads(body)["messages"][-1].get("content", "")
            for key, (came, go) in held.items():
                if key in text:
                    came.set()
                    go.wait(30)
            model(head, body, connection)
        process, port, ingress = self.start(slow, HANDS_ON="traceparent")
        parent = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
        held["first in the row"] = held["second in the row"] = None
        for key in list(held):
            held[key] = (threading.Event(), threading.Event())
        asked = [({"order": 11111, "text": "first in the row"}, {"traceparent": parent}), ({"order": 22222, "text": "second in the row"}, {})]
        threads = [threading.Thread(target=self.ask, args=(ingress, *one)) for one in asked]
        for thread, key in zip(threads, held):
            thread.start()
            self.assertTrue(held[key][0].wait(30))
        calls = [
            ("traceparent", "nobody knows this", {"traceparent": parent}),
            ("content", "see order 22222", {}),
            ("content", "he said: second in the row, and left", {}),
            ("new", "orders 11111 and 22222", {}),
            ("new", "nothing to tell by", {}),
            ("new", "order 222223 and a22222", {}),
        ]
        for i, (_, text, fields) in enumerate(calls):
            body = json.dumps({"model": "m", "n": i, "messages": [{"role": "user", "content": text}]})
            self.assertEqual(self.call(port, "/toy/v1/chat/completions", body, fields)[0], 200)
        for _, go in held.values():
            go.set()
        for thread in threads:
            thread.join()
        self.end(process)
        found = {}
        for trace in self.traces():
            for event in self.events(trace["trace"]):
                body = json.loads(event["fields"]["request-body"])
                if "n" in body:
                    found[body["n"]] = event["fields"]["rule"]
        self.assertEqual([found[i] for i in range(len(calls))], [rule for rule, _, _ in calls])

    def crowd(self, ingress, asked, mark):
        told = [None] * len(asked)

        def one(i):
            told[i] = self.ask(ingress, asked[i], path=f"/refunds?mark={mark + i}")[0].status
        threads = [threading.Thread(target=one, args=(i,)) for i in range(len(asked))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(set(told), {200})

    def judge(self):
        """Joined rightly, joined wrongly, left alone. The paths say whose a call is by a mark that no rule looks at."""
        right = wrong = alone = 0
        for trace in self.traces():
            events = self.events(trace["trace"], whole=False)
            decisions = {e["target"].split("mark=")[1] for e in events if e["kind"] == "decision"}
            for event in events:
                if event["kind"] != "decision":
                    whose = event["target"].split("mark=")[1]
                    alone += not decisions
                    right += whose in decisions
                    wrong += bool(decisions) and whose not in decisions
        return right, wrong, alone

    def test_among_64_in_flight_without_a_header_no_call_is_joined_wrongly(self):
        rounds = 8 if os.environ.get("REENACT_FULL") else 2
        process, _, ingress = self.start()
        count = 0
        for turn in range(rounds):
            # The last 16 are equal in groups of four, and nothing that their calls repeat tells them apart.
            asked = [{"order": 70000 + turn * 100 + (i if i < 48 else 48 + i % 4), "session": f"session-of-customer-{i}", "calls": 3,
                      "jitter": 0.1, "text": "it came broken, what now?"} for i in range(64)]
            count += sum(one["calls"] for one in asked)
            self.crowd(ingress, asked, turn * 64)
        status, remarks = self.end(process)
        self.assertEqual(status, 0)
        right, wrong, alone = self.judge()
        self.assertEqual((wrong, right + alone), (0, count))
        self.assertGreater(right, count // 2, remarks)
        self.assertGreater(alone, 0)
        self.assertIn(f"left alone: {alone}", remarks)
        self.assertSound()

    def test_a_late_call_for_a_closed_trace_is_a_child_of_it(self):
        process, port, ingress = self.start(options=["--trace-idle", "1"], HANDS_ON="x-reenact-trace")
        self.assertEqual(self.ask(ingress, {"order": 88231})[0].status, 200)
        deadline = time.time() + 60
        while (traces := self.traces())[0]["state"] == "open" and time.time() < deadline:
            time.sleep(0.2)
        (trace,) = traces
        self.assertEqual((trace["state"], trace["events"]), ("closed", 2))
        idle = (int(trace["ended_ns"]) - int(trace["started_ns"])) / 1e9  # a second more than anybody waited for
        self.assertNotIn(f"{idle:.2f} s", self.reenact("log", "--store", self.store).stdout)
        late = json.dumps({"model": "m", "messages": [{"role": "user", "content": "late"}]})
        self.assertEqual(self.call(port, "/toy/v1/chat/completions", late, {"x-reenact-trace": trace["trace"]})[0], 200)
        self.end(process)
        child = next(t["trace"] for t in self.traces() if t["trace"] != trace["trace"])
        self.assertEqual(self.show(child)["parent"], trace["trace"])

    def test_a_streamed_answer_passes_and_a_client_that_leaves_is_recorded(self):
        process, _, ingress = self.start()
        response, told = self.ask(ingress, {"order": 1, "stream": True})
        self.assertEqual(told, b"data: one\n\ndata: two\n\ndata: [DONE]\n\n")
        client = socket.create_connection(("127.0.0.1", ingress))
        body = json.dumps({"order": 2, "stream": True, "pause": 1})
        client.sendall(f"POST /refunds HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        while b"data: one" not in client.recv(65536):
            pass
        client.close()
        self.running.kill()
        self.running.wait()
        response, told = self.ask(ingress, {"order": 3})
        self.assertEqual(response.status, 502)
        self.assertEqual(self.end(process)[0], 0)
        ends = {json.loads(e["fields"]["request-body"])["order"]: e["end"] for t in self.traces()
                for e in self.events(t["trace"]) if e["kind"] == "decision"}
        self.assertEqual(ends, {1: "ended", 2: "aborted", 3: "refused"})

    def recorded_for_driving(self, *asked, **environment):
        """A recording of these inbound requests; gives the port of REENACT_URL and the traces in order."""
        process, port, ingress = self.start(HANDS_ON="x-reenact-trace", **environment)
        for one in asked:
            self.assertEqual(self.ask(ingress, one)[0].status, 200)
        self.assertEqual(self.end(process)[0], 0)
        self.running.kill()
        self.running.wait()
        return port, [t["trace"] for t in self.traces()][::-1]

    def drive(self, trace, port, *options, **environment):
        """Lets replay start the application, which asks where it asked before."""
        command = [sys.executable, self.app, str(self.app_port)]
        env = {"MODEL_URL": f"http://127.0.0.1:{port}/toy", "HANDS_ON": "x-reenact-trace"} | environment
        return self.replay(*command, options=["--drive", f"http://127.0.0.1:{self.app_port}", "--listen", str(port), *options], trace=trace, env=env)

    def test_a_sound_application_is_driven_and_reproduced(self):
        port, traces = self.recorded_for_driving({"order": 88231, "calls": 3}, {"order": 5, "stream": True})
        for trace in traces:
            done = self.drive(trace, port)
            self.assertVerdict(done, "reproduced", 0)
            self.assertIn("1 of 1 inbound requests answered as recorded", done.stderr)
            self.assertEqual((done.receipt["mode"], done.receipt["counts"]["inbound_same"]), ("drive", 1))
        # The application may run already; then the exports are for whoever starts it.
        running = self.run_app(f"http://127.0.0.1:{port}/toy", HANDS_ON="x-reenact-trace")
        done = self.replay(options=["--drive", f"http://127.0.0.1:{self.app_port}", "--listen", str(port)], trace=traces[0])
        self.assertVerdict(done, "reproduced", 0)
        self.assertIsNone(running.poll())
        self.assertVerdict(self.replay(trace=traces[0]), "verified", 0)

    def test_a_changed_application_diverges_and_it_is_said_where(self):
        port, (trace,) = self.recorded_for_driving({"order": 88231})
        done = self.drive(trace, port, WORDING="kindly")  # another prompt
        self.assertVerdict(done, "diverged", 1)
        self.assertIn("request body", done.receipt["divergence"]["place"])
        changed = APP.replace('"order": asked.get("order"), "said"', '"said"')  # another answer
        self.assertNotEqual(changed, APP)
        self.write("app.py", changed)
        done = self.drive(trace, port)
        self.assertVerdict(done, "diverged", 1)
        self.assertIn("event 1, answer's head", done.receipt["divergence"]["place"])  # its length
        self.write("app.py", APP.replace('"order": asked.get("order"), "said"', '"Order": asked.get("order"), "said"'))
        done = self.drive(trace, port)
        self.assertVerdict(done, "diverged", 1)
        self.assertIn("event 1, answer's body, byte 2", done.receipt["divergence"]["place"])
        self.assertEqual(done.receipt["counts"]["inbound_same"], 0)
        self.write("app.py", "raise SystemExit(3)")
        done = self.drive(trace, port)
        self.assertVerdict(done, "incomparable", 3)
        self.assertIn("ended with exit status 3", done.receipt["sentence"])

    def test_what_cannot_be_driven_is_refused(self):
        self.record_client(self.upstream(), "POST|/chat|{}")
        done = self.replay("true", options=["--drive", "http://127.0.0.1:1"])
        self.assertEqual(done.returncode, 2)
        self.assertIn("holds no inbound request", done.stderr)
        done = self.replay(options=["--drive", "http://127.0.0.1:1", "--serve"])
        self.assertEqual(done.returncode, 2)

    def test_what_a_client_received_whole_survives_kill_9(self):
        process, _, ingress = self.start()
        received = [self.ask(ingress, {"order": 50000 + i})[1] for i in range(10)]
        process.kill()
        process.wait()
        kept = [e["fields"]["response-body"] for t in self.traces() for e in self.events(t["trace"]) if e["kind"] == "decision"]
        self.assertEqual(sorted(kept), sorted(r.decode() for r in received))
        self.assertSound()

    def test_an_ingress_that_cannot_be_is_refused_with_a_sentence(self):
        for given, words in (("8080", "PORT=URL"), ("99999=http://127.0.0.1:1", "PORT=URL"), ("0=ftp://x", "cannot be used")):
            done = self.reenact("serve", "--store", self.store, "--ingress", given)
            self.assertEqual(done.returncode, 2, given)
            self.assertIn(words, done.stderr)
        done = self.reenact("serve", "--store", self.store, "--upstream", "app=http://127.0.0.1:1", "--ingress", "0=http://127.0.0.1:1")
        self.assertEqual(done.returncode, 2)
        self.assertIn("already", done.stderr)


if __name__ == "__main__":
    main()
