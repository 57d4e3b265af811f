# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""What a decision costs, and compiling, by the number of rules.

The kernel itself measures how long programs run. What rules add to a decision is asked alone, over
and over; the whole run time of the programs that decide is of real acts, with all that the programs
do beside: they find names, read arguments, and write records."""
import contextlib
import os
import shutil
import struct
import subprocess
import sys

import actors
from actors import Failed

# Rules for programs, of which so many are globs with several stars; as many for destinations.
POLICIES = [(10, 0), (1000, 0), (10000, 0), (10000, 50), (10000, 100)]

# What decides on an act, on each tier: with LSM an exec is decided twice.
PROGRAMS = {
    "exec": [("exec_check", "exec_committed"), ("exec_done",)],
    "connect": [("net_connect",), ("net_connect4",)],
}

ACT_SECONDS = "0.2"
GENERATOR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../lib/many_rules.py")


def name_of(rules, globs):
    return f"{rules}.{globs}"


def write_policy(stage, rules, globs):
    path = os.path.join(stage.directory, f"rules.{name_of(rules, globs)}.yaml")
    argv = [sys.executable, GENERATOR, "--programs", str(rules - globs), "--globs", str(globs)]
    with open(path, "wb") as policy:
        subprocess.run(argv + ["--nets", str(rules)], stdout=policy, check=True)
    return path


def compile_policy(stage, results, path, name):
    lines = (line.split() for line in actors.run([stage.tool("compile"), path, "3"]).out.splitlines())
    said = {key.decode(): list(map(int, values)) for key, *values in lines}
    results.add(f"compile.{name}", min(said["ns"]))
    results.add(f"image.{name}", said["image"][0])
    results.groups[f"g{name.partition('.')[2]}"] = said["groups"][0]


def make_program(stage):
    """A program with a path that is not short: each of its bytes is looked at."""
    directory = os.path.join(stage.directory, "/".join(["some-agent", "work"] * 5))
    os.makedirs(directory, exist_ok=True)
    return shutil.copy("/bin/true", os.path.join(directory, "tool"))


def run_stats(stage, pid):
    """Of the programs that a process has open: name -> runs, nanoseconds, instructions verified."""
    listing = actors.run([stage.tool("probes"), "loaded"]).out.decode()
    names = dict(line.split(" ", 1) for line in listing.splitlines())
    stats = {}
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as info:
            fields = dict(line.split(":", 1) for line in info if ":" in line)
            if "run_cnt" in fields:
                name = names.get(fields["prog_id"].strip())
                stats[name] = [int(fields[key]) for key in ("run_cnt", "run_time_ns", "verified_insns")]
    return stats


def add_costs(results, stats, name):
    for act, ways in PROGRAMS.items():
        ran = [way for way in ways if all(stats.get(program, (0,))[0] for program in way)]
        if not ran:
            raise Failed(f"no program has decided on {act}")
        counts = [stats[program] for program in ran[0]]
        results.add(f"{act}.{name}", sum(time / runs for runs, time, _ in counts))
        results.add(f"{act}.verified", sum(verified for _, _, verified in counts))


def measure_policy(stage, results, path, name):
    loops = [stage.tool("loops"), ACT_SECONDS, "spawn", "connect", "hold"]
    argv = [stage.warden, "run", "--quiet", "-p", path, "--audit", stage.audit, "--", *loops]
    with actors.holding(["env", f"LOOPS_PROGRAM={make_program(stage)}", *argv]) as pid:
        add_costs(results, run_stats(stage, pid), name)
        results.add(f"rss.{name}", actors.peak_rss(pid))
    stage.settle()


def measure_start(stage, results, path):
    """From warden's start to the first instruction of the command."""
    argv = [stage.warden, "run", "--quiet", "-p", path, "--audit", stage.audit, "--"]
    ended = actors.run([*argv, stage.tool("stamp")])
    seconds, nanos = struct.unpack("qq", ended.out)
    results.add("rules.start", seconds * 10**9 + nanos - ended.begin)
    stage.settle()


def told(argv):
    """What a program prints: name -> number, a line each."""
    return {name: int(value) for name, value in map(str.split, actors.run(argv).out.decode().splitlines())}


def measure_alone(results, costs, path, name):
    for act, value in told([os.path.join(costs, "decision_cost"), path]).items():
        results.add(f"alone.{act}.{name}", value)


def measure_answers(results, costs):
    for name, value in told([os.path.join(costs, "answer_cost")]).items():
        results.add(name, value)


def add_group(results):
    """What each automaton adds."""
    none, many = (results.values[f"alone.exec.{name_of(*policy)}"][-1] for policy in POLICIES[2::2])
    results.add("alone.group", (many - none) / results.groups["g100"])


def measure_rules(stage, results, costs, rounds):
    policies = [(name_of(*policy), write_policy(stage, *policy)) for policy in POLICIES]
    for number in range(rounds):
        turn = number % len(policies)
        turned = policies[turn:] + policies[:turn]
        for name, path in turned:
            compile_policy(stage, results, path, name)
            measure_alone(results, costs, path, name)
        measure_answers(results, costs)
        measure_start(stage, results, policies[-1][1])
        with actors.holding([stage.tool("probes"), "stats"]):
            for name, path in turned:
                measure_policy(stage, results, path, name)
        add_group(results)
