#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Looks into files of JSON lines: audit trails and the logs of the servers.

  lines.py count FILE COND...       how many lines fulfil every condition
  lines.py acts  FILE COND...       how many acts they stand for: a folded line is `repeat` of them
  lines.py show  FILE KEY COND...   the values of KEY in those lines, one a line
  lines.py text  FILE TEXT          on how many connections the far end received TEXT
  lines.py after FILE PATH          how many bytes a connection still received after it had
                                    answered PATH; -1 when it never did

COND is KEY=GLOB, or KEY!=GLOB; a key goes into objects and lists with dots: decision.verdict=deny,
exec.args.0=sh. A missing key has the value "" (so KEY= asks for absence).
"""
import fnmatch
import json
import sys


def value_of(line, key):
    for part in key.split("."):
        if isinstance(line, dict):
            line = line.get(part, "")
        elif isinstance(line, list) and part.isdigit() and int(part) < len(line):
            line = line[int(part)]
        else:
            return ""
    return line if isinstance(line, str) else json.dumps(line)


def holds(line, condition):
    key, _, glob = condition.partition("=")
    negated = key.endswith("!")
    return fnmatch.fnmatchcase(value_of(line, key.rstrip("!")), glob) != negated


def select(lines, conditions):
    return [line for line in lines if all(holds(line, c) for c in conditions)]


def received(lines, text):
    streams = {}
    for line in lines:
        if line["what"] in ("data", "datagram"):
            streams[line["conn"]] = streams.get(line["conn"], "") + line["text"]
    return sum(text in stream for stream in streams.values())


def bytes_after(lines, path):
    conn, total = None, -1
    for line in lines:
        if line["what"] == "answer" and line["path"] == path:
            conn, total = line["conn"], 0
        elif line["what"] == "raw" and line["conn"] == conn:
            total += line["bytes"]
    return total


def main():
    verb, file, *rest = sys.argv[1:]
    with open(file, encoding="utf-8") as stream:
        lines = [json.loads(line) for line in stream]
    if verb == "count":
        print(len(select(lines, rest)))
    elif verb == "acts":
        print(sum(line.get("repeat", 1) for line in select(lines, rest)))
    elif verb == "show":
        for line in select(lines, rest[1:]):
            print(value_of(line, rest[0]))
    elif verb == "text":
        print(received(lines, rest[0]))
    elif verb == "after":
        print(bytes_after(lines, rest[0]))
    else:
        sys.exit(__doc__)


main()
