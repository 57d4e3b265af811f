#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Prints a policy that denies much, the same for the same arguments.

many_rules.py [--programs N] [--globs N] [--nets N] [--root DIR] [--port PORT] [--acts COUNT]

N programs below DIR (/nowhere), a third of them prefixes; N globs of several stars for more; N
destinations in 100.64.0.0/10 and 2001:db8::/32, which no host of the internet has: half of them
IPv6, a fifth wider than one address, two thirds for PORT (443) only, and two that all the others
lie in, for a port that is never used.

With --acts, instead, what is to be tried under that policy: some COUNT lines for each kind of rule,
"exec deny PATH", "exec allow PATH" (which differs by little), "tcp deny ADDRESS", "sendto allow
ADDRESS"."""
import argparse

WORDS = ["agent", "batch", "cache", "data", "export", "fetch", "group", "hook", "index", "job"]


def program(i):
    """The path, and if it is that of a directory of programs."""
    path = f"{WORDS[i % 10]}-{i % 97}/{WORDS[i // 10 % 10]}/{'deep/' * (i % 7)}tool-{i}"
    return path, i % 3 == 0


def program_rule(root, i):
    path, prefix = program(i)
    return f"exec:{root}/{path}" + ("/*" if prefix else "")


def program_acts(root, i):
    path, prefix = program(i)
    denied, allowed = (f"{path}/x/y", f"{path}x/y") if prefix else (path, path + "x")
    return [f"exec deny {root}/{denied}", f"exec allow {root}/{allowed}"]


# Globs: the pattern, what it denies, what it does not. {r} is the root, {w} a word, {n} a number.
GLOBS = [
    ("{r}/*/{w}-{n}/*/run", "{r}/a/{w}-{n}/b/run", "{r}/a/{w}-{n}/b/ran"),
    ("{r}/*/{w}-{n}/*.so.*", "{r}/c/{w}-{n}/lib.so.6", "{r}/c/{w}-{n}/lib.so"),
    ("{r}/{w}*{n}*end", "{r}/{w}d/{n}/end", "{r}/{w}d/{n}/ent"),
    ("{r}/*/?{n}*/bin/*", "{r}/e/v{n}-1/bin/p", "{r}/e/{n}-1/bin/p"),
]


def fill_glob(root, i, which):
    text = GLOBS[i % len(GLOBS)][which]
    return text.format(r=root, w=WORDS[i // 4 % 10] + "s", n=f"{i:04}")


def glob_rule(root, i):
    return "exec:" + fill_glob(root, i, 0)


def glob_acts(root, i):
    return [f"exec deny {fill_glob(root, i, 1)}", f"exec allow {fill_glob(root, i, 2)}"]


def net(i):
    """The address, without brackets, and what is written behind it."""
    wide = i // 2 % 5 == 0
    if i % 2:
        network = f"2001:db8:0:{i // 2:x}::"
        return (network, "/64") if wide else (f"{network}{i:x}", "")
    block = f"100.{64 + (i >> 9)}.{i >> 1 & 255}"
    return (block + ".0", "/24") if wide else (f"{block}.{i % 199 + 1}", "")


PORTS = ["", ":{port}", ":{port}/udp"]


def in_rule(address, bits):
    return f"[{address}{bits}]" if ":" in address else address + bits


def net_rule(port, i):
    if i < 2:
        return ["net:100.64.0.0/10:9", "net:[2001:db8::/32]:9"][i]
    return f"net:{in_rule(*net(i))}{PORTS[i // 10 % 3].format(port=port)}"


def net_acts(i):
    address, bits = net(i)
    separator = ":" if ":" in address else "."
    head, _, last = address.rpartition(separator)
    inside = head + separator + ("7" if bits else last)
    outside = head + separator + ("ffff" if separator == ":" else "201")
    acts = [f"tcp {'allow' if i // 10 % 3 == 2 else 'deny'} {inside}", f"sendto deny {inside}"]
    return acts + ([] if bits else [f"tcp allow {outside}", f"sendto allow {outside}"])


def some(count, of):
    """Numbers of rules, from the first to the last."""
    first = 2 if of > 2 else 0  # the first two destinations are for a port that is never used
    return sorted({first + i * (of - 1 - first) // (count - 1) for i in range(count)} if of else ())


def main():
    parser = argparse.ArgumentParser()
    for option in ("--programs", "--globs", "--nets", "--acts"):
        parser.add_argument(option, type=int, default=0)
    parser.add_argument("--root", default="/nowhere")
    parser.add_argument("--port", default="443")
    o = parser.parse_args()
    if o.acts:
        for i in some(o.acts, o.programs):
            print("\n".join(program_acts(o.root, i)))
        for i in some(o.acts, o.globs):
            print("\n".join(glob_acts(o.root, i)))
        for i in some(o.acts, o.nets):
            print("\n".join(net_acts(i)))
        return
    print("version: 1\nname: many\ndeny:")
    rules = [program_rule(o.root, i) for i in range(o.programs)]
    rules += [glob_rule(o.root, i) for i in range(o.globs)]
    rules += [net_rule(o.port, i) for i in range(o.nets)]
    print("\n".join(f'  - "{rule}"' for rule in rules))


main()
