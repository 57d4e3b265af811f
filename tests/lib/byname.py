#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Reaches destinations by name, in one process: byname.py "HOW NAME PORT"...

HOW is tcp or udp; tcp6, udp6 for an IPv6 address; http: a request without TLS; ask: the name is only asked
for; direct: NAME is an address. Each name is asked for by the C library. Prints a line each: "HOW NAME PORT ok", or in place
of ok the name of an error, or `unknown` when there is no address.
"""
import errno
import socket
import sys


def lookup(how, name, port):
    if how == "direct":
        return socket.AF_INET6 if ":" in name else socket.AF_INET, (name, port)
    family = socket.AF_INET6 if how.endswith("6") else socket.AF_INET
    for family, _, _, _, address in socket.getaddrinfo(name, port, family, socket.SOCK_STREAM):
        return family, address


def reach(how, name, port):
    family, address = lookup(how, name, port)
    if how == "ask":
        return "ok"
    kind = socket.SOCK_DGRAM if how.startswith("udp") else socket.SOCK_STREAM
    with socket.socket(family, kind) as sock:
        sock.settimeout(5)
        text = f"<{how}-{name}>".encode()
        if how == "http":
            text = b"GET /" + text + b" HTTP/1.1\r\n\r\n"
        if kind == socket.SOCK_DGRAM:
            sock.sendto(text, address)
        else:
            sock.connect(address)
            sock.sendall(text)
        return "ok" if sock.recv(4096) == text else "other"


for what in sys.argv[1:]:
    how, name, port = what.split()
    try:
        got = reach(how, name, int(port))
    except socket.gaierror:
        got = "unknown"
    except OSError as error:
        got = errno.errorcode.get(error.errno, repr(error))
    print(what, got, flush=True)
