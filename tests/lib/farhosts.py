#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Far ends of many addresses: farhosts.py LOG READY PORT..., TCP and UDP, of whatever address this
machine has. Echoes what it receives, and writes "ADDRESS PORT TEXT" for it into LOG."""
import os
import socket
import sys
import threading

log = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY | os.O_APPEND)


def note(address, port, text):
    address = address.split("%")[0].removeprefix("::ffff:")
    os.write(log, f"{address} {port} {text.decode(errors='replace')}\n".encode())


def talk(peer):
    address = peer.getsockname()
    with peer:
        while True:
            text = peer.recv(4096)
            if not text:
                return
            note(address[0], address[1], text)
            peer.sendall(text)


def streams(port):
    server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    while True:
        peer, _ = server.accept()
        threading.Thread(target=talk, args=(peer,), daemon=True).start()


def datagrams(port):
    sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    sock.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
    sock.setsockopt(socket.IPPROTO_IPV6, 49, 1)  # IPV6_RECVPKTINFO
    sock.bind(("::", port))
    while True:
        text, control, _, peer = sock.recvmsg(4096, 256)
        address = next(data[:16] for level, kind, data in control
                       if (level, kind) == (socket.IPPROTO_IPV6, 50))
        note(socket.inet_ntop(socket.AF_INET6, address), port, text)
        sock.sendmsg([text], control, 0, peer)


def main():
    for port in map(int, sys.argv[3:]):
        for serve in streams, datagrams:
            threading.Thread(target=serve, args=(port,), daemon=True).start()
    os.close(os.open(sys.argv[2], os.O_CREAT | os.O_WRONLY))
    threading.Event().wait()


main()
