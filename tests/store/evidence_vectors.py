#!/usr/bin/env python3
"""The test vectors of docs/format.md, "Digests", computed from the text of that page alone, with hashlib.

Prints them; with file names as arguments, checks that every vector stands in each of the files.
"""
import hashlib
import hmac
import struct
import sys

SECRET = bytes(range(32))
TRACE = bytes(range(0x10, 0x20))
EVENT, GAP = 0, 1
SAID = {1, 3, 16, 17, 18, 19, 20, 21, 25, 26, 27, 28, 30, 40, 44, 45, 46, 47, 53}
HEADS = {19, 26}
VOLATILE = (b"date", b"x-stainless-lang", b"x-request-id", b"user-agent")  # those that occur below


def varint(value):
    out = b""
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def run(data):
    return varint(len(data)) + data


def salt(kind, n, tag):
    place = bytes([kind]) + struct.pack(">I", n) + bytes([tag])
    return hmac.new(SECRET, b"reenact salt 1" + place, hashlib.sha256).digest()


def without_volatile(head):
    lines = head.split(b"\r\n")
    kept = [lines[0]] + [l for l in lines[1:] if l.split(b":")[0].lower() not in VOLATILE]
    return b"\r\n".join(kept)


def field_hash(kind, n, tag, data):
    return hashlib.sha256(salt(kind, n, tag) + data).digest()


def digest(kind, n, fields, words, said):
    text = words
    for tag in sorted(fields):
        data = fields[tag]
        if said and tag not in SAID:
            continue
        if said and tag in HEADS:
            data = without_volatile(data)
        text += bytes([tag]) + struct.pack(">Q", len(data)) + field_hash(kind, n, tag, data)
    return hashlib.sha256(text).digest()


def link(chain, kind, n, event):
    return hashlib.sha256(chain + bytes([kind]) + struct.pack(">I", n) + event).digest()


RUN = {1: b"\x01", 40: run(b"python3") + run(b"app.py"), 41: b"/srv/app", 45: b"done\n", 47: b"\x00"}
EXCHANGE = {
    1: b"\x02",
    2: varint(1700000000000000000) + varint(1000) + varint(2000),
    3: b"\x01",
    16: b"openai",
    17: b"POST",
    18: b"/v1/chat/completions",
    19: b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:4000\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
        b"X-Stainless-Lang: python\r\nAccept: */*\r\n\r\n",
    20: b'{"model":"m"}',
    26: b"HTTP/1.1 200 OK\r\nX-Request-Id: abc\r\nContent-Type: text/plain\r\n\r\n",
    27: b"hello",
    28: varint(2) + varint(3),
}
GAP_1 = {1: b"\x06", 56: varint(1) + varint(5) + varint(6) + b"disk full"}


def vectors():
    out = {"salt of event 1, tag 20": salt(EVENT, 1, 20),
           "field hash of event 1, tag 20": field_hash(EVENT, 1, 20, EXCHANGE[20]),
           "field hash of event 1, tag 19": field_hash(EVENT, 1, 19, EXCHANGE[19]),
           "said hash of event 1, tag 19": field_hash(EVENT, 1, 19, without_volatile(EXCHANGE[19]))}
    start = hashlib.sha256(b"reenact trace 1" + TRACE).digest()
    evidence = said = start
    out["start of both chains"] = start
    for n, fields in ((0, RUN), (1, EXCHANGE)):
        whole = digest(EVENT, n, fields, b"reenact event 1", False)
        spoken = digest(EVENT, n, fields, b"reenact said 1", True)
        out["event digest of event %d" % n] = whole
        out["said digest of event %d" % n] = spoken
        evidence = link(evidence, EVENT, n, whole)
        said = link(said, EVENT, n, spoken)
    gap = digest(GAP, 1, GAP_1, b"reenact event 1", False)
    out["event digest of gap 1"] = gap
    out["evidence of the trace"] = link(evidence, GAP, 1, gap)
    out["said of the trace"] = said
    return out


def main(paths):
    found = vectors()
    for name, value in found.items():
        print("%-32s %s" % (name, value.hex()))
    failed = 0
    for path in paths:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for name, value in found.items():
            if value.hex() not in text:
                print("%s lacks the %s" % (path, name), file=sys.stderr)
                failed += 1
    print("counted: %d passed, %d failed" % (len(found) * len(paths) - failed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
