# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""What was measured, as a table of plain text."""
import os
import statistics


class Results:
    """Values by name, one a round; ratios are of values of the same round."""

    def __init__(self):
        self.values = {}
        self.groups = {}  # g50 -> automata that 50 globs are
        self.lost = {}  # reason -> records
        self.rounds = 0
        self.seconds = 0.0
        self.tiers = ""
        self.skipped = None  # why there is nothing about TLS
        self.disturbed = False
        self.load_before = os.getloadavg()

    def add(self, name, value):
        self.values.setdefault(name, []).append(value)

    def lose(self, lost):
        for reason, records in lost.items():
            self.lost[reason] = self.lost.get(reason, 0) + records

    def median(self, name):
        return statistics.median(self.values[name])

    def row(self, name):
        """Values of NAME, or ratios of A/B."""
        over, _, under = name.partition("/")
        values = self.values.get(over, [])
        if not under:
            return values
        return [a / b for a, b in zip(values, self.values.get(under, []))]


# Heading, and rows: what, name of values, unit, target.
TABLE = [
    (
        what,
        [
            ("bare", f"{key}.bare", "us", None),
            ("bare once more / bare", f"{key}.again/{key}.bare", "", None),
            ("outside / bare", f"{key}.outside/{key}.bare", "", 1.01),
            ("inside / bare", f"{key}.inside/{key}.bare", "", wanted),
            ("bare, CPU time", f"{key}.cpu.bare", "us", None),
            ("outside / bare, CPU time", f"{key}.cpu.outside/{key}.cpu.bare", "", 1.01),
            ("inside / bare, CPU time", f"{key}.cpu.inside/{key}.cpu.bare", "", wanted),
        ],
    )
    for what, key, wanted in [
        ("fork+exec+exit, posix_spawn", "spawn", 1.10),
        ("fork+exec+exit, fork", "fork", 1.10),
        ("connect+close, TCP on loopback", "reach", 1.10),
        ("the same to itself, so that the workload pays for both ends", "connect", 1.10),
    ]
] + [
    (
        "TLS request, answer of 4 KiB",
        [
            ("bare", "tls.bare", "us", None),
            ("bare once more / bare", "tls.again/tls.bare", "", None),
            ("empty probes / bare", "tls.empty/tls.bare", "", None),
            ("outside / empty probes", "tls.outside/tls.empty", "", 1.05),
            ("inside / empty probes", "tls.inside/tls.empty", "", 1.30),
            ("inside / bare", "tls.inside/tls.bare", "", None),
            ("bpftrace, up to 64 bytes a call / bare", "tls.traced/tls.bare", "", None),
            ("requests a second, bare", "rate.bare", " ", None),
            ("requests a second, inside", "rate.inside", " ", None),
            ("bare, CPU time of the client", "client.bare", "us", None),
            ("empty probes / bare, CPU time", "client.empty/client.bare", "", None),
            ("outside / empty probes, CPU time", "client.outside/client.empty", "", 1.05),
            ("inside / empty probes, CPU time", "client.inside/client.empty", "", 1.30),
        ],
    ),
    (
        "warden itself",
        [
            ("CPU for 1,000 TLS requests", "requests.small", "ms", None),
            ("CPU for 1 GB, answers of 4 KiB", "plaintext.small", "s", 1.5e9),
            ("CPU for 1 GB, answers of 64 KiB", "plaintext.large", "s", 1.5e9),
            ("requests recorded", "recorded", "%", None),
            ("peak memory, RSS", "rss", "MB", 48e6),
            ("BPF maps", "maps", "MB", None),
            ("start to first instruction", "start", "ms", 0.5e9),
            ("command's end to warden's", "end", "ms", None),
        ],
    ),
    (
        "what rules add to a decision on an exec, a path of 93 bytes",
        [
            ("10 rules", "alone.exec.10.0", "ns", None),
            ("1,000 rules", "alone.exec.1000.0", "ns", None),
            ("10,000 rules", "alone.exec.10000.0", "ns", None),
            ("10,000, 50 of them globs: {g50} groups", "alone.exec.10000.50", "ns", None),
            ("10,000, 100 of them globs: {g100} groups", "alone.exec.10000.100", "ns", None),
            ("each group", "alone.group", "ns", None),
        ],
    ),
    (
        "what rules add to a decision on a connect",
        [
            ("10 rules", "alone.connect.10.0", "ns", None),
            ("1,000 rules", "alone.connect.1000.0", "ns", None),
            ("10,000 rules", "alone.connect.10000.0", "ns", None),
        ],
    ),
    (
        "what a resolver's answer costs",
        [
            ("one address", "answer.1", "ns", 5e3),
            ("two aliases, one address", "answer.aliases", "ns", 5e3),
            ("sixteen addresses", "answer.16", "ns", 5e3),
        ],
    ),
    (
        "the program that decides on real acts, all of its run time",
        [
            ("exec, 10 rules", "exec.10.0", "ns", None),
            ("exec, 1,000 rules / 10", "exec.1000.0/exec.10.0", "", 1.10),
            ("exec, 10,000 rules / 10", "exec.10000.0/exec.10.0", "", 1.10),
            ("exec, {g100} groups / none", "exec.10000.100/exec.10000.0", "", None),
            ("connect, 10 rules", "connect.10.0", "ns", None),
            ("connect, 1,000 rules / 10", "connect.1000.0/connect.10.0", "", 1.10),
            ("connect, 10,000 rules / 10", "connect.10000.0/connect.10.0", "", 1.10),
            ("exec, instructions verified", "exec.verified", " ", None),
            ("connect, instructions verified", "connect.verified", " ", None),
        ],
    ),
    (
        "a policy of 10,000 programs and 10,000 destinations",
        [
            ("compiling it", "compile.10000.100", "ms", 1e9),
            ("start with it to first instruction", "rules.start", "ms", 1e9),
            ("its image, and its map", "image.10000.100", "MB", None),
            ("peak memory, RSS", "rss.10000.100", "MB", 48e6),
        ],
    ),
]

# What a value is divided by, and digits behind the point.
UNITS = {"": (1, 3), " ": (1, 0), "ns": (1, 0), "us": (1e3, 1), "ms": (1e6, 1), "s": (1e9, 2), "MB": (1e6, 1), "%": (0.01, 1)}


def number(value, unit):
    scale, digits = UNITS[unit]
    return f"{value / scale:.{digits}f}"


def format_row(results, what, name, unit, target):
    values = results.row(name)
    if not values:
        return None
    median = statistics.median(values)
    what = what.format_map(results.groups)
    cells = f"  {what:<38}{number(median, unit):>8} {unit:<3}"
    cells += f"{number(min(values), unit):>8} ..{number(max(values), unit):>8}"
    if target:
        cells += f"{number(target, unit):>10}  {'met' if median <= target else 'missed'}"
    return cells


def cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        names = [line.partition(":")[2].strip() for line in info if line.startswith("model name")]
    return names[0] if names else "unknown"


def head(results):
    before, after = results.load_before[0], os.getloadavg()[0]
    return [
        f"{results.rounds} rounds, interleaved, in {results.seconds:.0f} s; "
        f"load average {before:.2f} before, {after:.2f} after",
        f"Linux {os.uname().release}, {os.cpu_count()} CPUs ({cpu_model()}); {results.tiers}",
        "",
        f"{'':<40}{'median':>8}    {'lowest':>8} ..{'highest':>8}{'at most':>10}",
    ]


def notes(results):
    lines = [f"Not measured: TLS ({results.skipped})."] if results.skipped else []
    if results.values.get("spawn.bare") and results.rounds < 5:
        lines.append(f"Only {results.rounds} rounds: too few to rely on.")
    if results.disturbed:
        lines.append("Another warden was loaded meanwhile: bare is not bare.")
    for reason, records in sorted(results.lost.items()):
        lines.append(f"Lost inside, and written into the trail: {records} records, {reason}.")
    return [""] + lines if lines else []


def render(results):
    lines = head(results)
    for heading, rows in TABLE:
        shown = [line for row in rows if (line := format_row(results, *row))]
        if shown:
            lines += [heading, *shown]
    return "\n".join(lines + notes(results)) + "\n"
