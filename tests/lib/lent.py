# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Sockets of somebody else's.

lent.py PATH PORT    lends at the unix socket PATH, until it is killed, what it is asked for: a word
                     of KINDS. Sockets are connected to 127.0.0.1:PORT, where they can be.
borrow(PATH, KIND)   from there, by SCM_RIGHTS
place(PATH, KIND)    the same, but where it is: process and file descriptor
"""
import socket
import struct
import sys


def tcp(port):
    return socket.create_connection(("127.0.0.1", port))


def udp(port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", port))
    return sock


def raw(_port):
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)


KINDS = {"tcp": tcp, "udp": udp, "raw": raw}


def ask(path, kind):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(path)
    sock.sendall(kind.encode())
    data, fds, flags, _ = socket.recv_fds(sock, 100, 1)
    return data, fds, flags


def borrow(path, kind):
    _, fds, flags = ask(path, kind)
    if not fds or flags & socket.MSG_CTRUNC:
        sys.exit("nothing was received")
    return socket.socket(fileno=fds[0])


def place(path, kind):
    return struct.unpack("=II", ask(path, "stay " + kind)[0])


def lend(path, port):
    import os
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    os.chmod(path, 0o666)
    listener.listen(16)
    kept = []
    while True:
        client, _ = listener.accept()
        words = client.recv(100).decode().split()
        kept.append(KINDS[words[-1]](port))
        fd = kept[-1].fileno()
        socket.send_fds(client, [struct.pack("=II", os.getpid(), fd)], [] if words[0] == "stay" else [fd])
        client.close()


if __name__ == "__main__":
    lend(sys.argv[1], int(sys.argv[2]))
