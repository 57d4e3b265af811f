#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Uses of TLS objects that a plain client does not show: objects.py WAY PORT PATH

Asks for PATH, in the end, in one of these ways:
  handshake    writes something else during the handshake first, which fails
  tail         a long write that fails half way is repeated with another end, which asks for PATH
  repeat       the same, repeated as it was
  cleared      the object carried another connection before (SSL_clear)
  interleaved  two objects shake hands on one thread, in memory; the second one asks
  forked       a child goes on in the middle of its parent's request, then asks
Prints what happened; ends with 0 unless the way itself is broken. SSL_CERT_FILE names the authority.
"""
import ctypes
import os
import socket
import ssl
import sys
import time

LIMIT = 20


def request(path, body=b"", head=b""):
    return b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n%b\r\n%b" % (
        path, len(body), head, body)


def context():
    made = ssl.create_default_context()
    made.check_hostname = False
    return made


def connect(port, **options):
    return context().wrap_socket(socket.create_connection(("127.0.0.1", port), LIMIT), **options)


def say(what, act):
    try:
        print(what, act(), flush=True)
    except OSError as error:
        print(what, "error", repr(error), flush=True)


def half_written(port, first, again):
    sock = connect(port)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    sock.setblocking(False)
    try:
        sock.send(first)
        sys.exit("the write did not fail")
    except ssl.SSLWantWriteError:
        pass
    time.sleep(0.2)
    sock.settimeout(LIMIT)
    say("repeated", lambda: sock.send(again) == len(again))
    say("answer", lambda: sock.recv(100))


SIZE = 4 << 20


def tail(port, path):
    """Both are a request with a body; behind the second one another request takes up the room."""
    asks = request(path)
    first = request(b"/first", b"y" * SIZE)
    half_written(port, first[:-len(asks)] + b"y" * len(asks), first[:-len(asks)] + asks)


def repeat(port, path):
    text = request(path, b"y" * SIZE)
    half_written(port, text, text)


def cleared(port, path):
    """Python does not offer SSL_clear(): by hand."""
    lib = ctypes.CDLL("libssl.so.3")
    for name in ("TLS_client_method", "SSL_CTX_new", "SSL_new"):
        getattr(lib, name).restype = ctypes.c_void_p
    tls = ctypes.c_void_p(lib.SSL_new(ctypes.c_void_p(
        lib.SSL_CTX_new(ctypes.c_void_p(lib.TLS_client_method())))))
    buffer = ctypes.create_string_buffer(4096)
    for each in b"/first", path:
        sock = socket.create_connection(("127.0.0.1", port), LIMIT)
        sock.setblocking(True)
        lib.SSL_clear(tls)
        lib.SSL_set_fd(tls, sock.fileno())
        print("connect", lib.SSL_connect(tls), flush=True)
        text = request(each)
        print("write", lib.SSL_write(tls, text, len(text)), flush=True)
        print("read", lib.SSL_read(tls, buffer, len(buffer)), flush=True)
        lib.SSL_shutdown(tls)
        sock.close()


class InMemory:
    def __init__(self, port):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context().wrap_bio(self.incoming, self.outgoing)
        self.sock = socket.create_connection(("127.0.0.1", port), LIMIT)

    def step(self):
        try:
            self.tls.do_handshake()
            return True
        except ssl.SSLWantReadError:
            return False

    def flush(self):
        data = self.outgoing.read()
        if data:
            self.sock.sendall(data)

    def finish(self):
        while not self.step():
            self.flush()
            self.incoming.write(self.sock.recv(65536))
        self.flush()

    def ask(self, path):
        self.tls.write(request(path))
        self.flush()
        while True:
            try:
                return self.tls.read(100)
            except ssl.SSLWantReadError:
                self.incoming.write(self.sock.recv(65536))


def handshake(port, path):
    """In memory, where no answer of the server can come before the write has failed."""
    mine = InMemory(port)
    try:
        mine.tls.write(request(b"/first", b"x" * 200))
        sys.exit("the write did not fail")
    except ssl.SSLWantReadError:
        mine.finish()
    say("answer", lambda: mine.ask(path))


def interleaved(port, path):
    one, two = InMemory(port), InMemory(port)
    one.step()
    two.step()
    one.flush()
    two.flush()
    one.finish()
    two.finish()
    say("answer", lambda: two.ask(path))


def forked(port, path):
    sock = connect(port)
    text = request(b"/first", b"0123456789")
    sock.sendall(text[:-4])
    if os.fork():
        os.wait()
        return
    sock.sendall(text[-4:])
    say("answer", lambda: sock.recv(1000))
    sock.sendall(request(path))
    say("answer", lambda: sock.recv(1000))
    os._exit(0)


def main():
    way, port, path = sys.argv[1:]
    {"handshake": handshake, "tail": tail, "repeat": repeat, "cleared": cleared,
     "interleaved": interleaved, "forked": forked}[way](int(port), path.encode())


main()
