#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Datagrams like those of QUIC: quic.py KIND HOST PORT MARK [KIND HOST PORT MARK]...

KIND: first, an Initial of version 1; grease, of a version that nobody has; short, a datagram of a
connection that has begun; dns, a question whose number could be such a byte; many, two of which the second
is an Initial, handed over in one piece (UDP_SEGMENT). All on one socket for each family. Prints the kind
and whether it was sent.
"""
import os
import socket
import struct
import sys

UDP_SEGMENT = 103


def long_header(version, mark):
    return b"\xc3" + struct.pack(">I", version) + b"\x08" + os.urandom(8) + b"\0\0" + mark + bytes(1100)


def text_of(kind, mark):
    if kind == "first":
        return long_header(1, mark)
    if kind == "grease":
        return long_header(0x1a2a3a4a, mark)
    if kind == "dns":
        return b"\xff\0\1\0\0\1\0\0\0\0\0\0\4name\0\0\1\0\1" + mark
    if kind == "many":
        data = long_header(1, mark)
        return b"\x40" + bytes(len(data) - 1) + data
    return b"\x40" + mark


def main():
    words, socks = sys.argv[1:], {}
    for kind, host, port, mark in zip(*[iter(words)] * 4):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        sock = socks.setdefault(family, socket.socket(family, socket.SOCK_DGRAM))
        data = text_of(kind, mark.encode())
        sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, len(data) // 2 if kind == "many" else 0)
        try:
            sock.sendto(data, (host, int(port)))
            print(kind, "sent", flush=True)
        except OSError as error:
            print(kind, "error", error, flush=True)


main()
