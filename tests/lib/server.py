#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Servers for tests, on loopback ports that the kernel chooses. What reaches them is logged (see
farend.py).

  server.py net2  DIR   TCP and UDP on 127.0.0.2
  server.py any   DIR   TCP and UDP on every address, in a network namespace without others
  server.py route DIR   no server: packets on the loopback that go to 127.0.0.9, or have a routing header
  server.py net   DIR   TCP and UDP on 127.0.0.1 and on ::1, unix sockets DIR/stream, DIR/datagram, and both
                        as abstract names
  server.py https DIR   HTTP/1.1 over TLS on 127.0.0.1, certificate in DIR/cert.pem
  server.py http  DIR   HTTP/1.1 without TLS
  server.py http6 DIR   the same on ::1
  server.py h2    DIR   TLS that agrees on HTTP/2 only; it reads, but does not answer

Each writes its log to DIR/log and its port to DIR/port; `net` writes "PORT4 PORT6", each the same
for TCP and UDP. It ends by itself after 15 minutes.

Paths of the HTTP servers: /status/N answers with that status, /big/N with N bytes, /echo with
the body of the request, /chunked with chunks; all others with 200 and a line of JSON.
"""
import json
import os
import signal
import socket
import sys
import threading

import farend

LIFETIME = 900  # seconds


def answer(request):
    _, kind, *rest = request["path"].split("?")[0].split("/") + [""]
    if kind == "status":
        return farend.make_answer(int(rest[0]), b"{}\n")
    if kind == "big":
        return farend.make_answer(200, b"x" * int(rest[0]), "text/plain")
    if kind == "echo":
        return farend.make_answer(200, request["body"].encode("latin-1"), "application/octet-stream")
    if kind == "chunked":
        return (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
    body = json.dumps({"path": request["path"], "bytes": len(request["body"])}) + "\n"
    return farend.make_answer(200, body.encode("ascii"))


def receive_datagrams(sock, log, name):
    while True:
        data, peer = sock.recvfrom(65536)
        log.write(0, "datagram", server=name, text=data.decode("latin-1"))
        if peer:
            sock.sendto(data, peer)


def serve_datagrams(sock, log, name):
    threading.Thread(target=receive_datagrams, args=(sock, log, name), daemon=True).start()


def listen_both(host):
    """A TCP and a UDP socket of the same port."""
    while True:
        stream = farend.listen(host)
        datagram = socket.socket(stream.family, socket.SOCK_DGRAM)
        try:
            datagram.bind((host, stream.getsockname()[1]))
            return stream, datagram
        except OSError:  # taken for UDP: the next one
            stream.close()
            datagram.close()


def serve_host(host, log):
    stream, datagram = listen_both(host)
    farend.Server(stream, log, "tcp " + host)
    serve_datagrams(datagram, log, "udp " + host)
    return str(stream.getsockname()[1])


def watch_routes(log):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))  # ETH_P_ALL
    sock.bind(("lo", 0))
    while True:
        data = sock.recv(65536)
        if data[16:20] == b"\x7f\0\0\x09" if data[0] >> 4 == 4 else data[6] == 43:
            log.write(0, "datagram", server="lo", text=data.decode("latin-1"))


def serve_net(directory, log):
    ports = [serve_host(host, log) for host in ("127.0.0.1", "::1")]
    for prefix in "", "\0":
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stream.bind(prefix + os.path.join(directory, "stream"))
        stream.listen(16)
        farend.Server(stream, log, "unix stream")
        datagram = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        datagram.bind(prefix + os.path.join(directory, "datagram"))
        serve_datagrams(datagram, log, "unix datagram")
    return " ".join(ports)


def serve_http(directory, log, kind):
    context = None
    if kind in ("https", "h2"):
        context = farend.server_context(directory, ["h2"] if kind == "h2" else [])
    listener = farend.listen("::1" if kind == "http6" else "127.0.0.1")
    farend.Server(listener, log, kind, context, None if kind == "h2" else answer, echo=False)
    return str(listener.getsockname()[1])


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("any", "route", "net", "net2", "https", "http", "http6", "h2"):
        sys.exit(__doc__)
    kind, directory = sys.argv[1:]
    log = farend.Log(os.path.join(directory, "log"))
    signal.alarm(LIFETIME)
    if kind == "net":
        port = serve_net(directory, log)
    elif kind == "route":
        threading.Thread(target=watch_routes, args=(log,), daemon=True).start()
        port = "none"
    elif kind == "any":
        port = serve_host("::", log)
    elif kind == "net2":
        port = serve_host("127.0.0.2", log)
    else:
        port = serve_http(directory, log, kind)
    farend.publish(os.path.join(directory, "port"), port + "\n")
    while True:
        signal.pause()


main()
