# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Doors into a workload: sockets that say a text to the first that comes (knock.py), within some seconds.

Where a door is, a file `door` in the current directory tells: PROTOCOL ADDRESS PORT TEXT.
"""
import os
import socket

SECONDS = 8


def announce(protocol, sock, text, at):
    with open("door.new", "w", encoding="ascii") as file:
        file.write(f"{protocol} {at} {sock.getsockname()[1]} {text}\n")
    os.rename("door.new", "door")


def make(kind, address, port, options=()):
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    if ":" in address:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    for option in [socket.SO_REUSEADDR, *options]:
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
    sock.bind((address, port))
    return sock


def serve(sock, text, at):
    announce("tcp", sock, text, at)
    sock.settimeout(SECONDS)
    conn, _ = sock.accept()
    conn.sendall(text.encode())
    conn.close()


def stream(address, port, text, at=None, options=()):
    sock = make(socket.SOCK_STREAM, address, port, options)
    sock.listen()
    serve(sock, text, at or address)


def datagrams(address, port, text, at=None):
    sock = make(socket.SOCK_DGRAM, address, port)
    announce("udp", sock, text, at or address)
    sock.settimeout(SECONDS)
    _, knocker = sock.recvfrom(16)
    sock.sendto(text.encode(), knocker)
