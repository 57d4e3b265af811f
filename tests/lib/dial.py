#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Reaches destinations in one process: dial.py "HOW HOST PORT TEXT"...

HOW is one of these, with @ADDRESS behind it if the socket is to be bound first:
  tcp       connect, send, wait for the echo
  fastopen  a stream socket that opens with data (MSG_FASTOPEN)
  nonblock  connect without blocking, then send
  udp       connect a datagram socket, send, wait for the echo
  sendto    an unconnected datagram socket
  sendmsg   the same with sendmsg(2)
  pktinfo   sendmsg(2) with control data that names ADDRESS as the one to send from; not bound
  unspec    sendto(2), with an address that does not say its family
  unix      a unix stream socket at path HOST (PORT is -), or at the abstract name @...
  unixgram  a unix datagram socket, unconnected
Prints a line each: "HOW HOST PORT ok", or "HOW HOST PORT" and the name of the error.
"""
import ctypes
import errno
import select
import signal
import socket
import struct
import sys

LIMIT = 5  # seconds


def make(host, kind):
    family = socket.AF_UNIX if "/" in host else \
        socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, kind)
    sock.settimeout(LIMIT)
    return sock, host.replace("@", "\0", 1) if family == socket.AF_UNIX else None


def expect(sock, data):
    got = b""
    while len(got) < len(data):
        more = sock.recv(65536)
        if not more:
            raise OSError(errno.ECONNRESET, "end")
        got += more
    if got != data:
        raise ValueError(f"other echo: {got!r}")


def tcp(sock, address, data):
    sock.connect(address)
    sock.sendall(data)
    expect(sock, data)


def fastopen(sock, address, data):
    sock.settimeout(None)  # a socket that does not block would have to be asked again
    sock.sendto(data, socket.MSG_FASTOPEN, address)
    expect(sock, data)


def nonblock(sock, address, data):
    sock.setblocking(False)
    error = sock.connect_ex(address)
    if error not in (0, errno.EINPROGRESS):
        raise OSError(error, "connect")
    select.select([], [sock], [], LIMIT)
    sock.send(data)
    sock.settimeout(LIMIT)
    expect(sock, data)


def udp(sock, address, data):
    sock.connect(address)
    sock.send(data)
    expect(sock, data)


def sendto(sock, address, data):
    sock.sendto(data, address)
    expect(sock, data)


def sendmsg(sock, address, data):
    sock.sendmsg([data], [], 0, address)
    expect(sock, data)


def pktinfo(source):
    def send(sock, address, data):
        info = struct.pack("=I4s4s", 0, socket.inet_aton(source), bytes(4))
        sock.sendmsg([data], [(socket.IPPROTO_IP, 8, info)], 0, address)
        expect(sock, data)
    return send


def unspec(sock, address, data):
    host, port = address
    name = struct.pack("=H", socket.AF_UNSPEC) + struct.pack(">H4s8x", port, socket.inet_aton(host))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.sendto(sock.fileno(), data, len(data), 0, name, len(name)) < 0:
        raise OSError(ctypes.get_errno(), "sendto")
    expect(sock, data)


def unixgram(sock, address, data):
    sock.sendto(data, address)  # without a name of its own, so without an echo


WAYS = {
    "tcp": (socket.SOCK_STREAM, tcp),
    "fastopen": (socket.SOCK_STREAM, fastopen),
    "nonblock": (socket.SOCK_STREAM, nonblock),
    "udp": (socket.SOCK_DGRAM, udp),
    "sendto": (socket.SOCK_DGRAM, sendto),
    "sendmsg": (socket.SOCK_DGRAM, sendmsg),
    "unspec": (socket.SOCK_DGRAM, unspec),
    "unix": (socket.SOCK_STREAM, tcp),
    "unixgram": (socket.SOCK_DGRAM, unixgram),
}


def dial(how, host, port, text):
    how, _, source = how.partition("@")
    kind, way = WAYS[how] if how != "pktinfo" else (socket.SOCK_DGRAM, pktinfo(source))
    sock, path = make(host, kind)
    try:
        with sock:
            if source and how != "pktinfo":
                sock.bind((source, 0))
            way(sock, path or (host, int(port)), text.encode())
        return "ok"
    except socket.timeout:
        return "timeout"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))


signal.alarm(300)
for argument in sys.argv[1:]:
    HOW, HOST, PORT, TEXT = argument.split(" ", 3)
    print(HOW, HOST, PORT, dial(HOW, HOST, PORT, TEXT), flush=True)
