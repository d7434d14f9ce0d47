#!/usr/bin/env python3
"""Five hundred customers, 64 at once, who want their money back.

    python3 customers.py URL      POSTs to URL/refunds; prints how many were granted, and the one who complains
"""
import concurrent.futures
import http.client
import json
import sys
import urllib.parse

REASONS = ["it arrived broken", "the switch came off", "it has a crack and does not work", "broken in the box"]
url = urllib.parse.urlsplit(sys.argv[1])


def ask(order):
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    connection.request("POST", "/refunds", json.dumps({"order": order, "reason": REASONS[order % 4]}), {"Content-Type": "application/json"})
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    if response.status != 200:
        sys.exit(f"order {order}: status {response.status}: {answer}")
    return answer


with concurrent.futures.ThreadPoolExecutor(64) as crowd:
    answers = list(crowd.map(ask, range(88001, 88501)))
print(f"{len(answers)} customers were answered, {sum(answer['refund'] for answer in answers)} of them granted")
for answer in answers:
    if answer["order"] == 88231:
        print(f"one complains: \"order 88231 came 36 days ago, your terms say 60, and I was told: {answer['reply']}\"")
