#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Compares the demo's plan with what happened, as seen from the far end.

  check.py PLAN LOG FILE [AUDIT]

LOG is the model server's log, FILE the file that must not be shredded. What was to be done must
have been done; what was to be denied must have failed for the agent within a second (TEST_SLOW
times as much on slow machines), must have left no trace at the far end, and must be in the AUDIT
trail. Prints what the server received and one line for each step; fails if anything is wrong.
"""
import fnmatch
import json
import os
import sys

LIMIT_MS = 1000 * int(os.environ.get("TEST_SLOW", "1"))


def read_lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def value_of(line, key):
    for part in key.split("."):
        line = line.get(part, {}) if isinstance(line, dict) else {}
    return line if isinstance(line, str) else ""


def some(lines, conditions):
    return any(all(fnmatch.fnmatchcase(value_of(line, key), glob)
                   for key, glob in conditions.items()) for line in lines)


def reports_of(log):
    """What the agent reported to the model, by call: the last request holds all of it."""
    asked = [line for line in log
             if line["what"] == "request" and line["path"] == "/v1/chat/completions"]
    if not asked:
        return {}
    messages = json.loads(asked[-1]["body"])["messages"]
    return {message["tool_call_id"]: json.loads(message["content"])
            for message in messages if message["role"] == "tool"}


def faults_of(step, report, log, audit):
    """What is wrong with one step."""
    if report is None:
        return ["the agent never reported it"]
    faults = []
    if report["ok"] != (step["want"] == "done"):
        faults.append("it succeeded" if report["ok"] else f"it failed: {report['error']}")
    if step["want"] == "done":
        if "far_end" in step and not some(log, step["far_end"]):
            faults.append("the far end never saw it")
        return faults
    if report["ms"] > LIMIT_MS:
        faults.append(f"the error came after {report['ms']} ms")
    if "far_end" in step and some(log, step["far_end"]):
        faults.append("it reached the far end")
    if audit is not None and not some(audit, {**step["audit"], "decision.verdict": "deny"}):
        faults.append(f"not in the audit trail: {step['audit']}")
    return faults


def show(log):
    print("What the servers received:")
    for line in log:
        if line["what"] == "open" and line["server"] == "database":
            print("  a connection to the database")
        elif line["what"] == "request" and line["path"] != "/v1/chat/completions":
            print(" ", line["method"], line["path"], line["body"][:60])
    count = sum(line["what"] == "request" and line["path"] == "/v1/chat/completions"
                for line in log)
    print(f"  POST /v1/chat/completions, {count} times")


def main():
    plan_path, log_path, file, *audit_path = sys.argv[1:]
    with open(plan_path, encoding="utf-8") as stream:
        steps = json.load(stream)["steps"]
    log = read_lines(log_path)
    audit = read_lines(audit_path[0]) if audit_path else None
    reports = reports_of(log)
    show(log)
    print("Step by step, as seen from there:")
    bad = 0
    for number, step in enumerate(steps, 1):
        faults = faults_of(step, reports.get(f"call_{number}"), log, audit)
        bad += bool(faults)
        print(f"  {'WRONG' if faults else 'right'}: {step['say']} "
              f"({step['want']}{': ' + '; '.join(faults) if faults else ''})")
    if not os.path.exists(file):
        bad += 1
        print("  WRONG: the file was shredded")
    sys.exit(1 if bad else 0)


main()
