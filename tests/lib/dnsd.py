#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""A name server: dnsd.py ADDRESS ZONE READY, on port 53, UDP and TCP; makes the file READY.

ZONE has a line for each record, and is read anew for each question:
  NAME A|AAAA|CNAME VALUE [TTL]
  NAME COUNT N        N more addresses, 203.0.113.100 and so on (10.0.0.0 and so on beyond 64)
  NAME TRUNCATED      answers over UDP say that they are, and have no record
  NAME DEAF           no answers over TCP
  NAME ID             answers have another number, and come once more with the right one and no address
  NAME QUESTION OTHER answers are to the question for OTHER
  NAME FROM ADDRESS [PORT]
                      answers come from there
  NAME BEHIND OTHER   answers over UDP come when OTHER is asked for
  NAME TWICE OTHER    behind the answer comes one to OTHER that nobody asked for
Aliases are followed. What is not in the zone does not exist.
"""
import ipaddress
import os
import socket
import struct
import sys
import threading

TYPES = {"A": 1, "CNAME": 5, "AAAA": 28}


def read_zone(path):
    zone = {}
    with open(path, encoding="ascii") as lines:
        for line in lines:
            name, kind, *rest = line.split()
            zone.setdefault(name.lower(), []).append((kind, *rest))
    return zone


def encode(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def question(message):
    """The name as it was asked for, in lower case, where it ends, and the type."""
    at, labels = 12, []
    while message[at]:
        labels.append(message[at + 1:at + 1 + message[at]].decode("latin-1"))
        at += 1 + message[at]
    return ".".join(labels).lower(), at + 5, struct.unpack_from(">H", message, at + 1)[0]


def record(owner, kind, ttl, data):
    return owner + struct.pack(">HHIH", TYPES[kind], 1, ttl, len(data)) + data


def records(zone, name, kind):
    """Of that type, and the aliases that lead to them."""
    found, owner = [], b"\xc0\x0c"
    for _ in range(20):
        alias = [r for r in zone.get(name, []) if r[0] == "CNAME"]
        if not alias:
            break
        name = alias[0][1].lower()
        found.append(record(owner, "CNAME", 60, encode(alias[0][1])))
        owner = encode(name)
    for what, *rest in zone.get(name, []):
        if what == "COUNT" and kind == 1:
            for i in range(int(rest[0])):
                first = "203.0.113.100" if int(rest[0]) <= 64 else "10.0.0.0"
                address = ipaddress.ip_address(first) + i
                found.append(record(owner, "A", 60, address.packed))
        elif TYPES.get(what) == kind:
            ttl = int(rest[1]) if len(rest) > 1 else 60
            found.append(record(owner, what, ttl, ipaddress.ip_address(rest[0]).packed))
    return found


def answers(zone, message, over_udp):
    """What to send, and from where (None: from where it was asked)."""
    name, end, kind = question(message)
    special = {r[0]: r[1:] for r in zone.get(name, [])}
    found = records(zone, name, kind)
    flags = 0x8180 if name in zone else 0x8183
    if over_udp and "TRUNCATED" in special:
        flags |= 0x200
        found = []
    asked = message[12:end]
    number = message[:2]
    source = special.get("FROM")
    if "QUESTION" in special:
        asked = encode(special["QUESTION"][0]) + struct.pack(">HH", kind, 1)
    if "ID" in special:
        wrong = bytes([number[0] ^ 1, number[1]])
        yield wrong + struct.pack(">5H", flags, 1, len(found), 0, 0) + asked + b"".join(found), None
        found = []
    yield number + struct.pack(">5H", flags, 1, len(found), 0, 0) + asked + b"".join(found), source
    if "TWICE" in special:
        other = special["TWICE"][0].lower()
        found = records(zone, other, kind)
        yield (number + struct.pack(">5H", 0x8180, 1, len(found), 0, 0) + encode(other) +
               struct.pack(">HH", kind, 1) + b"".join(found)), None


def waits_for(zone, name):
    return next((r[1] for r in zone.get(name, []) if r[0] == "BEHIND"), None)


def serve_udp(sock, family, path):
    waiting = {}
    while True:
        message, peer = sock.recvfrom(4096)
        zone = read_zone(path)
        name = question(message)[0]
        other = waits_for(zone, name)
        if other:
            waiting[other] = next(answers(zone, message, True))[0], peer
            continue
        if name in waiting:
            sock.sendto(*waiting.pop(name))
        for answer, source in answers(zone, message, True):
            if not source:
                sock.sendto(answer, peer)
                continue
            with socket.socket(family, socket.SOCK_DGRAM) as other:
                other.bind((source[0], int(source[1]) if len(source) > 1 else 53))
                other.sendto(answer, peer)


def answer_tcp(peer, path):
    """Until who asks has nothing more to ask."""
    with peer:
        while len(size := peer.recv(2)) == 2:
            zone, message = read_zone(path), peer.recv(struct.unpack(">H", size)[0])
            if ["DEAF"] in [list(r) for r in zone.get(question(message)[0], [])]:
                continue
            for answer, _ in answers(zone, message, False):
                peer.sendall(struct.pack(">H", len(answer)) + answer)


def serve_tcp(sock, path):
    while True:
        peer, _ = sock.accept()
        threading.Thread(target=answer_tcp, args=(peer, path), daemon=True).start()


def main():
    address, path, ready = sys.argv[1:]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    udp.bind((address, 53))
    tcp = socket.create_server((address, 53), family=family)
    os.close(os.open(ready, os.O_CREAT | os.O_WRONLY))
    threading.Thread(target=serve_tcp, args=(tcp, path), daemon=True).start()
    serve_udp(udp, family, path)


if __name__ == "__main__":
    main()
