#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Measures what warden costs, in rounds. Each round measures everything once, in an order that
turns from round to round, so that a machine that gets busier or slower meanwhile does so for all."""
import argparse
import contextlib
import os
import signal
import struct
import subprocess
import sys
import tempfile
import time

import actors
import rules
from actors import Failed, Stage
from table import Results, render

ACTS = ["spawn", "fork", "reach", "connect"]
ACT_SECONDS = "0.4"


# ---- parts of a round ----


def measure_loops(stage, results, where, prefix):
    ended = actors.run([*prefix, stage.tool("loops"), ACT_SECONDS, *ACTS])
    for name, value in actors.acts_of(ended.out).items():
        results.add(f"{name}.{where}", value)
    return ended


def add_load(results, where, load):
    results.add(f"tls.{where}", load.duration / load.requests)
    results.add(f"client.{where}", load.cpu / load.requests)
    results.add(f"rate.{where}", load.requests / load.duration * 1e9)


def measure_tls(stage, results, where):
    if stage.url:
        add_load(results, where, actors.load_of(actors.run(actors.wrk_argv(stage)).out))


def bare(stage, results, where="bare"):
    measure_loops(stage, results, where, [])
    measure_tls(stage, results, where)


def again(stage, results):
    """Twice the same: how far its ratio is from 1 is what the machine adds to every ratio."""
    bare(stage, results, "again")


def empty(stage, results):
    if stage.url:
        with actors.holding([stage.tool("probes"), "empty", stage.wrk]):
            measure_tls(stage, results, "empty")


def traced(stage, results):
    if stage.url and stage.bpftrace:
        with actors.tracing(stage):
            measure_tls(stage, results, "traced")


def outside(stage, results):
    with actors.holding(stage.under_warden(stage.tool("loops"), "hold")) as pid:
        results.add("maps", actors.map_memory(pid))
        measure_loops(stage, results, "outside", [])
        measure_tls(stage, results, "outside")


def inside(stage, results):
    ended = measure_loops(stage, results, "inside", stage.under_warden())
    recorded = actors.recorded_of(ended.err)
    results.lose(recorded.lost)
    if not stage.url:  # else of the run that needs most
        results.add("rss", ended.rss)
    if not recorded.programs or not recorded.destinations:
        raise Failed("warden has recorded nothing of the loops")


def add_daemon(results, ended, load, name):
    """Its CPU time beyond that of a run that does nothing."""
    cpu = max(ended.cpu - results.median("cpu.idle"), 0)
    results.add(f"requests.{name}", cpu / load.requests * 1000)
    results.add(f"plaintext.{name}", cpu / load.plaintext * 1e9)
    results.add("rss", ended.rss)


def inside_tls(stage, results):
    if not stage.url:
        return
    ended = actors.run(stage.under_warden(*actors.wrk_argv(stage)))
    load, recorded = actors.load_of(ended.out), actors.recorded_of(ended.err)
    add_load(results, "inside", load)
    add_daemon(results, ended, load, "small")
    results.lose(recorded.lost)
    results.add("recorded", recorded.requests / load.requests)
    if recorded.requests < load.requests and not recorded.lost:
        raise Failed(f"of {load.requests} requests warden knows only {recorded.requests}")


def inside_large(stage, results):
    """Answers of 64 KiB: bytes, rather than requests."""
    if not stage.url:
        return
    ended = actors.run(stage.under_warden(*actors.wrk_argv(stage, "large")))
    results.lose(actors.recorded_of(ended.err).lost)
    add_daemon(results, ended, actors.load_of(ended.out), "large")


def idle(stage, results):
    """A run whose command ends at once."""
    ended = actors.run(stage.under_warden(stage.tool("stamp")))
    seconds, nanos = struct.unpack("qq", ended.out)
    first = seconds * 10**9 + nanos
    results.add("start", first - ended.begin)
    results.add("end", ended.end - first)
    results.add("cpu.idle", ended.cpu)


PARTS = [bare, outside, empty, traced, again, inside, inside_tls, inside_large]


def measure_round(stage, results, number):
    turn = number % len(PARTS)
    for part in [idle, *PARTS[turn:], *PARTS[:turn]]:
        part(stage, results)
        stage.settle()


# ---- all rounds ----


def measure(stage, results, options):
    """Rounds, while there is time for one more. One that lasts too long after all is cut off."""
    begin = last = time.monotonic()
    longest = 0
    signal.setitimer(signal.ITIMER_REAL, options.seconds)
    with contextlib.suppress(OutOfTime):
        while results.rounds < options.rounds and last - begin + longest < options.seconds - 2:
            measure_round(stage, results, results.rounds)
            results.rounds += 1
            now = time.monotonic()
            longest, last = max(longest, now - last), now
    signal.setitimer(signal.ITIMER_REAL, 0)
    results.seconds = time.monotonic() - begin


def missing(stage):
    names = [name for name, path in (("wrk", stage.wrk), ("nginx", stage.nginx)) if not path]
    return f"no {' and no '.join(names)} on this machine" if names else None


def measure_all(stage, results, options):
    begin = time.monotonic()
    stage.write_policy()
    results.tiers = stage.tiers()
    results.skipped = missing(stage)
    rules.measure_rules(stage, results, options.costs, options.rules)
    options.seconds -= int(time.monotonic() - begin)
    if options.rounds:
        with contextlib.ExitStack() as servers:
            servers.enter_context(actors.far_end(stage))
            if not results.skipped:
                servers.enter_context(actors.web_server(stage))
            measure(stage, results, options)
    stage.settle()


class OutOfTime(Exception):
    pass


def stop(number, _frame):
    if number == signal.SIGALRM:
        raise OutOfTime
    sys.exit(128 + number)


def render_all(stage, results, options):
    results.disturbed = stage.disturbed
    text = render(results)
    with open(os.path.join(options.tools, "table.txt"), "w", encoding="utf-8") as file:
        file.write(text)
    print(text, end="")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--warden", type=os.path.abspath, required=True)
    parser.add_argument("--tools", type=os.path.abspath, required=True)
    parser.add_argument("--costs", type=os.path.abspath, required=True)
    parser.add_argument("--seconds", type=int, default=110)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--rules", type=int, default=2)
    options = parser.parse_args()
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    results = Results()
    try:
        with tempfile.TemporaryDirectory(prefix="warden-bench.") as directory:
            stage = Stage(options.warden, options.tools, directory)
            measure_all(stage, results, options)
    except (Failed, OSError, subprocess.SubprocessError) as error:
        sys.exit(f"tests/bench/run: {error}")
    render_all(stage, results, options)


main()
