"""`export --html`: one page that needs nothing else, and on which whatever was recorded is text.

A strict reading with html.parser in every run; where Chromium is there (apt install chromium, or `scripts/setup full`), it opens the
page too and must find no script run and nothing asked of any network.
"""
import html.parser
import json
import os
import re
import shutil
import subprocess
import threading

from harness import Case, answer, main

POLICY = "Goods that arrive broken may be returned within 30 days of delivery, and the full price is paid back to the card."
OLD = "Goods may be returned within 14 days, if they are whole and in the box in which they were sent to the customer."
ORDER = '{"id": 88231, "delivered": "2026-10-16", "item": "Lamp <Nova>", "price": 129.0}'
SECRET = "sk-proj-" + "Ab3dEf6h" * 6
VOID = {"meta", "br", "hr", "img", "input", "link"}
SVG_EMPTY = {"path", "rect", "line", "circle"}

ATTACKS = [
    "</script><script>document.title='owned'</script>", "<img src=x onerror=\"document.title='owned'\">",
    "\"><svg onload=\"document.title='owned'\">", "' onmouseover='alert(1)' x='", "</pre></details></main></body></html>",
    "<!-- ", "--><b>x</b>", "]]>", "&lt;b&gt; &amp;amp; &#x3c;script&#x3e;", "javascript:alert(1)",
    "</title><h1>owned</h1>", "</style><style>*{display:none}</style>", "a\u202eb\u2066c\u200fd", "nul\x00byte \x1b[31m \x7f \x85",
    "<a href=\"http://evil.example/\">click</a>", "\ufeff\ufffe\uffff \ud7ff", "\r\n\ttab\r", "<plaintext>", "<base href='//evil.example'>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>", "{{7*7}} ${7*7} %s %n %1000000s",
]


class Reader(html.parser.HTMLParser):
    """Well-formed, each id once, each link to an id that is there, nothing from elsewhere."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.links, self.faults, self.texts = [], [], [], [], []
        self.policy, self.seen = None, {}
        self.feed(text)
        self.close()
        self.faults += [f"<{tag}> is never closed" for tag in self.open]
        self.faults += [f"id {name} stands {self.ids.count(name)} times" for name in set(self.ids) if self.ids.count(name) > 1]
        self.faults += [f"nothing is at #{name}" for name in self.links if name not in self.ids]

    def handle_starttag(self, tag, attributes):
        names = [name for name, _ in attributes]
        values = dict(attributes)
        self.seen[tag] = self.seen.get(tag, 0) + 1
        if len(set(names)) != len(names):
            self.faults.append(f"<{tag}> has an attribute twice")
        if tag in ("script", "iframe", "object", "embed", "link", "base", "img", "form", "input", "video", "audio"):
            self.faults.append(f"there is a <{tag}>")
        for name, value in attributes:
            if name.startswith("on") or name in ("src", "srcset", "action", "formaction", "style", "xlink:href", "background"):
                self.faults.append(f"<{tag}> has {name}={value!r}")
            if name == "href" and not value.startswith("#"):
                self.faults.append(f"<{tag}> leads to {value!r}")
        if tag == "meta" and values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"]
        elif tag == "meta" and "http-equiv" in values:
            self.faults.append(f"a meta element says {values}")
        self.ids += [values["id"]] if "id" in values else []
        self.links += [values["href"][1:]] if values.get("href", "").startswith("#") else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if self.open[-1:] == [tag]:
            self.open.pop()

    def handle_endtag(self, tag):
        if self.open[-1:] != [tag]:
            self.faults.append(f"</{tag}> at {self.getpos()} closes {self.open[-3:]}")
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_comment(self, data):
        self.faults.append(f"a comment: {data[:60]!r}")

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.texts.append(data)


def service(head, body, connection):
    """A vector store and a model that asks for a tool, is told, and quotes a policy."""
    path = head.split(b" ")[1].decode()
    if "points" in path:
        return answer(connection, {"result": {"points": [
            {"id": "refund-v1", "score": 0.83, "payload": {"text": POLICY}}, {"id": "refund-v0", "score": 0.82, "payload": {"text": OLD}}]}})
    if path.endswith("/plain"):
        return answer(connection, b"\x00\x01binary" if b"binary" in body else body, media_type="text/plain")
    asked = json.loads(body)
    if asked.get("fail"):
        return answer(connection, {"error": {"message": asked["fail"], "type": "server_error"}}, status="500 Oh no")
    if "say" in asked:
        message, finish = {"role": "assistant", "content": asked["say"]}, "stop"
    elif asked["messages"][-1]["role"] == "tool":
        message, finish = {"role": "assistant", "content": f"Order 88231 is not eligible. {OLD}"}, "stop"
    else:
        message, finish = {"role": "assistant", "content": None, "tool_calls": [
            {"id": "call_7", "type": "function", "function": {"name": "get_order", "arguments": '{"id":88231}'}}]}, "tool_calls"
    return answer(connection, {"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4.1-2025-04-14", "choices": [
        {"index": 0, "message": message, "finish_reason": finish}], "usage": {"prompt_tokens": 190, "completion_tokens": 31, "total_tokens": 221}})


class Page(Case):
    def setUp(self):
        super().setUp()
        self.process, self.port = self.serve(self.upstream(service), "--release", "2.14.1")

    def ask(self, path, body, trace="a" * 32, **fields):
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        return self.call(self.port, "/toy" + path, body if isinstance(body, (str, bytes)) else json.dumps(body), {"x-reenact-trace": trace} | named)

    def chat(self, *messages, **rest):
        return self.ask("/v1/chat/completions", {"model": "gpt-4.1", "messages": list(messages)} | rest)

    def refund(self):
        self.ask("/collections/policies/points/query", {"query": [0.1, 0.2], "limit": 2})
        told = [{"role": "system", "content": f"You decide refunds. Policies:\n{POLICY}\n{OLD}"},
                {"role": "user", "content": "Order 88231 arrived broken, I want my money back."}]
        self.chat(*told, tools=[{"type": "function", "function": {"name": "get_order", "parameters": {"type": "object"}}}], temperature=0.2)
        asks = {"role": "assistant", "content": None, "tool_calls": [{"id": "call_7", "type": "function", "function": {
            "name": "get_order", "arguments": '{"id":88231}'}}]}
        self.chat(*told, asks, {"role": "tool", "tool_call_id": "call_7", "content": ORDER}, authorization="Bearer " + SECRET)

    def end_serve(self):
        """What is closed has digests."""
        if self.process.poll() is None:
            self.end(self.process)

    def export(self, trace="a" * 32, *options, status=0):
        self.end_serve()
        done = self.reenact("export", "--store", self.store, trace, "--html", "-", *options, text=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout.decode("utf-8")

    def read(self, text):
        read = Reader(text)
        self.assertEqual(read.faults, [])
        self.assertTrue(text.startswith("<!DOCTYPE html>") and text.endswith("</html>\n"))
        self.assertIn("default-src 'none'", read.policy)
        self.assertNotIn("script", read.policy)
        self.assertNotRegex(text, r"(?i)url\(|@import|<\s*script")
        self.assertNotRegex(text, "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
        return read

    def test_an_incident_can_be_read_from_it(self):
        self.refund()
        text = self.export()
        read = self.read(text)
        words = "".join(read.texts)
        for wanted in ("a" * 32, "2.14.1", "refund-v1", "0.83", "similarity", "get_order", '{"id":88231}', ORDER, "3.t1", "Order 88231 is not eligible",
                       "gpt-4.1-2025-04-14", "190", "Evidence"):
            self.assertIn(wanted, words)
        self.assertIn("prefers-color-scheme:dark", text)
        self.assertEqual(read.seen["svg"], 1)
        digests = json.loads(self.reenact("log", "--store", self.store, "--json").stdout)["traces"][0]
        for digest in ("evidence", "said"):
            self.assertIn(digests[digest], words)

    def test_an_answer_is_linked_to_the_document_it_stands_in(self):
        self.refund()
        text = self.export()
        self.read(text)
        answered = text[text.index('id="e3a"'):]
        self.assertRegex(answered, r'<a class="from" href="#e1d2" title="verbatim in refund-v0 \(event 1, rank 2\)">[^<]*' + re.escape(OLD[:40]))
        self.assertIn('<li id="e1d2">', text)
        lineage = text[text.index('id="lineage"'):text.index("What happened")]
        self.assertRegex(lineage, r'refund-v1 \(event 1, rank 1\)</a></td><td><a href="#e2">prompt of 2</a>')
        self.assertRegex(lineage, r'refund-v0 .*prompt of 2</a>.*answer of 3</a>')

    def test_what_was_said_before_is_not_said_again(self):
        self.refund()
        words = "".join(self.read(self.export()).texts).split("What happened", 1)[1]
        self.assertEqual(words.count("You decide refunds."), 1)
        self.assertEqual(words.count("I want my money back"), 1)
        self.assertEqual(words.count(ORDER), 1)  # as 3.t1; event 3 points to it

    def test_what_was_redacted_is_seen_as_such(self):
        self.refund()
        text = self.export()
        self.assertNotIn(SECRET, text)
        self.assertRegex(text, r'<mark[^>]*>RN-REDACTED-x*</mark>')
        self.assertIn("1 credential not stored", text)

    def test_whatever_was_recorded_is_text(self):
        for attack in ATTACKS:
            self.chat({"role": "user" + attack, "content": attack}, say=attack, **{"model": "m" + attack})
            self.ask("/v1/chat/completions", {"model": attack, "messages": [], "fail": attack})
            self.ask("/plain", attack.encode("utf-8", "surrogatepass"))
        self.ask("/plain", b"\xff\xfe not \xc3 UTF-8 \xed\xa0\x80")
        self.ask("/plain", b"binary")
        asks = {"role": "assistant", "content": None, "tool_calls": [{"id": "c" + ATTACKS[0], "type": "function", "function": {
            "name": ATTACKS[2], "arguments": ATTACKS[0]}}]}
        self.chat({"role": "user", "content": "x"}, asks, {"role": "tool", "tool_call_id": "c" + ATTACKS[0], "content": ATTACKS[1]}, say="done")
        self.ask("/collections/" + "%3Cb%3E" + "/points/query", {"query": [0.1]})
        text = self.export()
        read = self.read(text)
        words = "".join(read.texts)
        for attack in (ATTACKS[0], ATTACKS[1], ATTACKS[4], ATTACKS[8]):
            self.assertGreaterEqual(words.count(attack), 3, attack)
        self.assertIn(r"a\u202eb\u2066c", words)
        self.assertIn("bytes that are no text", words)
        self.assertIsNone(self.browse(text, "owned"))

    def test_names_tags_and_output_of_a_command_are_text(self):
        self.end_serve()
        says = self.write("says.txt", "\n".join(ATTACKS).encode() + b"\xff")
        done = self.reenact("record", "--store", self.store, "--name", "run", "--release", "\"><script>", "--tag", "k=<i onclick=x>",
                            "--", "sh", "-c", f"cat {says}; cat {says} >&2; exit 3", text=False)
        self.assertEqual(done.returncode, 3, done.stderr)
        text = self.export("run")
        words = "".join(self.read(text).texts)
        for wanted in ("\"><script>", "k=<i onclick=x>", "exit 3", *ATTACKS[:3]):
            self.assertIn(wanted, words)
        self.assertIsNone(self.browse(text, "owned"))

    def test_long_texts_are_cut_and_the_page_says_so(self):
        self.chat({"role": "user", "content": "\u00e9" * 2_500_000}, say="short")
        self.ask("/plain", "line\n" * 1000)
        text = self.export()
        read = self.read(text)
        words = "".join(read.texts)
        self.assertLess(len(text), 1_000_000)
        self.assertIn("This text has 5,000,000 bytes. The page holds the first 65,536 of them", words)
        self.assertGreater(read.seen["details"], 2)
        self.assertIn("bytes more", words)

    def test_calls_at_one_time_stand_over_one_another(self):
        gate = threading.Barrier(6)
        calls = [threading.Thread(target=lambda i=i: (gate.wait(), self.ask("/plain", f"call {i}"))) for i in range(6)]
        for call in calls:
            call.start()
        for call in calls:
            call.join()
        text = self.export()
        read = self.read(text)
        self.assertEqual(read.seen["article"], 6)
        rows = re.findall(r'<rect class="row" x="0" y="([\d.]+)"', text)
        self.assertEqual(len(set(rows)), 6)

    def test_a_file_is_written_whole_or_not_at_all(self):
        self.refund()
        self.end_serve()
        path = os.path.join(self.directory, "page.html")
        done = self.reenact("export", "--store", self.store, "last", "--html", path)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        self.assertRegex(done.stderr, r"page\.html: \d+ kB")
        with open(path, encoding="utf-8") as file:
            self.read(file.read())
        for arguments, says in (([], "which trace?"), (["last"], "where to?"), (["last", "--html", "nowhere/x.html"], "nowhere"),
                                (["last", "--html", self.directory], "is a directory"), (["last:2", "--html", path], "whole trace"),
                                (["0" * 32, "--html", path], "0000"), (["last", "--html", path, "--prices", "none.json"], "none.json")):
            failed = self.reenact("export", "--store", self.store, *arguments)
            self.assertEqual(failed.returncode, 2, (arguments, failed.stderr))
            self.assertIn(says, failed.stderr)

    def test_a_browser_shows_it_without_asking_anybody(self):
        self.refund()
        self.browse(self.export(), "What happened", wanted=True)

    def browse(self, text, needle, wanted=False):
        """The title and the text as Chromium has them; skipped where there is none."""
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        if chromium is None:
            if wanted:
                self.skipTest("there is no chromium here: `apt install chromium`, or `scripts/setup full`")
            return None
        path = self.write("page.html", text)
        done = subprocess.run([chromium, "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=" + os.path.join(self.directory, "chromium"),
                               "--virtual-time-budget=2000", "--dump-dom", "file://" + path], capture_output=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr[-400:])
        dom = done.stdout.decode()
        self.assertNotIn("<script", dom)
        title = re.search("<title>(.*?)</title>", dom, re.S).group(1)
        if not wanted:
            self.assertNotIn(needle, title)
        else:
            self.assertIn(needle, dom)
        return None


if __name__ == "__main__":
    main()
