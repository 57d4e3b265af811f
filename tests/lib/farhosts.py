#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Far ends of many addresses: farhosts.py LOG READY PORT..., of whatever address this machine has.

PORT is a number: TCP and UDP; tls:NUMBER: TLS; late:NUMBER: TLS behind one line of text, which is answered
with "ok". They echo what they receive, and write "ADDRESS PORT TEXT" for it into LOG; for a TLS handshake
TEXT is "sni=NAME". Certificates are beside LOG."""
import os
import socket
import sys
import threading

import farend

log = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY | os.O_APPEND)


def note(address, port, text):
    address = address.split("%")[0].removeprefix("::ffff:")
    os.write(log, f"{address} {port} {text}\n".encode())


def talk(peer, address):
    while True:
        text = peer.recv(4096)
        if not text:
            return
        note(address[0], address[1], text.decode(errors="replace"))
        peer.sendall(text)


def handshake(peer, address, kind):
    if kind == "late":
        while not peer.recv(1) == b"\n":
            pass
        peer.sendall(b"ok\n")
    context = farend.server_context(os.path.dirname(sys.argv[1]))
    context.sni_callback = lambda tls, name, _: note(address[0], address[1], f"sni={name or ''}")
    return context.wrap_socket(peer, server_side=True)


def serve(peer, kind):
    address = peer.getsockname()
    with peer:
        try:
            talk(handshake(peer, address, kind) if kind else peer, address)
        except OSError:
            pass  # the other end is gone


def streams(kind, port):
    server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        peer, _ = server.accept()
        threading.Thread(target=serve, args=(peer, kind), daemon=True).start()


def datagrams(_, port):
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
    sock.setsockopt(socket.IPPROTO_IPV6, 49, 1)  # IPV6_RECVPKTINFO
    sock.bind(("::", port))
    while True:
        text, control, _, peer = sock.recvmsg(4096, 256)
        address = next(data[:16] for level, kind, data in control
                       if (level, kind) == (socket.IPPROTO_IPV6, 50))
        note(socket.inet_ntop(socket.AF_INET6, address), port, text.decode(errors="replace"))
        sock.sendmsg([text], control, 0, peer)


def main():
    for what in sys.argv[3:]:
        kind, _, port = what.rpartition(":")
        if kind:
            farend.server_context(os.path.dirname(sys.argv[1]))  # makes the certificate
        for serves in (streams,) if kind else (streams, datagrams):
            threading.Thread(target=serves, args=(kind, int(port)), daemon=True).start()
    os.close(os.open(sys.argv[2], os.O_CREAT | os.O_WRONLY))
    threading.Event().wait()


main()
