#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Compares an audit trail with the log of mock.py: bodies.py AUDIT LOG

Every request that the far end has received, and every answer that it gave, is in the trail once, with the same
length and SHA-256 of its body. Prints "N requests N answers", or what differs (exit status 1).
"""
import collections
import hashlib
import json
import sys


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def entry(path, length, digest):
    return path.split("?")[0], length, digest if length else ""


def of_trail(trail, kind):
    name = kind.split(".")[1]
    events = [line for line in trail if line["type"] == kind
              and line.get("decision", {}).get("verdict", "allow") == "allow"]
    return collections.Counter(entry(line["http"]["path"], line.get("content", {}).get(name + "_bytes", 0),
                                     line.get("content", {}).get(name + "_sha256", "")) for line in events)


def of_log(line):
    body = line["body"].encode("latin-1")
    return entry(line["path"], len(body), hashlib.sha256(body).hexdigest())


def main():
    trail, log = lines(sys.argv[1]), lines(sys.argv[2])
    requests = collections.Counter(of_log(line) for line in log if line["what"] == "request")
    answers = collections.Counter(entry(line["path"], line["bytes"], line["sha256"])
                                  for line in log if line["what"] == "sent")
    failed = False
    for name, want, got in (("request", requests, of_trail(trail, "http.request")),
                            ("answer", answers, of_trail(trail, "http.response"))):
        for what, only in (("not in the trail", want - got), ("only in the trail", got - want)):
            for item in only:
                print(name, what + ":", *item)
                failed = True
    print(sum(requests.values()), "requests", sum(answers.values()), "answers")
    sys.exit(failed)


main()
