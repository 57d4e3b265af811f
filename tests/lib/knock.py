#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""knock.py DIR PORT: the far end of doors (door.py).

Knocks at all doors that files DIR/*/*/door tell of, and at PORT on the loopback by TCP and UDP, IPv4 and
IPv6, whether anybody tells of it or not; what it hears is a line of DIR/heard each. Until it is killed.
"""
import glob
import socket
import sys
import time


def ask(protocol, address, port):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family, kind) as sock:
        sock.settimeout(1)
        try:
            sock.connect((address, port))
            if protocol == "udp":
                sock.send(b"knock")
            return sock.recv(256).decode()
        except OSError:
            return ""


def doors(where, port):
    for protocol in ("tcp", "udp"):
        for address in ("127.0.0.1", "::1"):
            yield protocol, address, port
    for name in glob.glob(f"{where}/*/*/door"):
        with open(name, encoding="ascii") as file:
            protocol, address, own, text = file.read().split(maxsplit=3)
        if text.strip() not in heard:
            yield protocol, address, int(own)


heard = set()
with open(sys.argv[1] + "/heard", "w", encoding="ascii", buffering=1) as log:
    while True:
        for door in doors(sys.argv[1], int(sys.argv[2])):
            said = ask(*door)
            if said and said not in heard:
                heard.add(said)
                log.write(said + "\n")
        time.sleep(0.02)
