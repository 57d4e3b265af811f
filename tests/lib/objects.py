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
  parted       a child asks; its parent has begun a request since, which never arrived
  orphaned     a child whose parent has ended goes on in the middle of its request, then asks
  forgotten    a child makes connections of its own at the place of its parent's object, and asks
  implicit     a child writes at once, which shakes hands
  reconnected  the object carried another connection before, and shakes hands within the write
  peeked       the answer is looked at before it is read
  ex2          by SSL_write_ex2(), or what stands for it: see ssl_ex2.c
  sendfile     begins a request, then has the library send a file
  early        by SSL_write_early_data(), to a server that says nothing
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


class ByHand:
    """What Python does not offer."""

    def __init__(self):
        self.lib = ctypes.CDLL("libssl.so.3")
        for name in ("TLS_client_method", "SSL_CTX_new", "SSL_new"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        made = self.lib.SSL_CTX_new(ctypes.c_void_p(self.lib.TLS_client_method()))
        self.context = ctypes.c_void_p(made)
        self.buffer = ctypes.create_string_buffer(4096)
        self.make()

    def make(self):
        self.tls = ctypes.c_void_p(self.lib.SSL_new(self.context))

    def free(self):
        self.lib.SSL_free(self.tls)

    def dial(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), LIMIT)
        self.sock.setblocking(True)
        self.lib.SSL_set_fd(self.tls, self.sock.fileno())

    def connect(self, port):
        self.dial(port)
        print("connect", self.lib.SSL_connect(self.tls), flush=True)

    def write(self, text):
        print("write", self.lib.SSL_write(self.tls, text, len(text)), flush=True)

    def read(self):
        print("read", self.lib.SSL_read(self.tls, self.buffer, len(self.buffer)), flush=True)


def cleared(port, path):
    hand = ByHand()
    for each in b"/first", path:
        hand.lib.SSL_clear(hand.tls)
        hand.connect(port)
        hand.write(request(each))
        hand.read()
        hand.lib.SSL_shutdown(hand.tls)
        hand.sock.close()


# Of a request with such a head all that follows is its body.
LONG = b"POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"


def reconnected(port, path):
    hand = ByHand()
    hand.connect(port)
    hand.write(LONG)
    hand.lib.SSL_set_connect_state(hand.tls)
    hand.dial(port)
    hand.write(request(path))
    hand.read()


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


def parted(port, path):
    sock = connect(port)
    go, told = os.pipe()
    child = os.fork()
    if child:
        os.dup2(os.open("/dev/null", os.O_WRONLY), sock.fileno())
        say("parent", lambda: sock.sendall(LONG))
        os.write(told, b".")
        os.waitpid(child, 0)
        return
    os.read(go, 1)
    say("asked", lambda: sock.sendall(request(path)))
    say("answer", lambda: sock.recv(1000))
    os._exit(0)


def orphaned(port, path):
    sock = connect(port)
    text = request(b"/first", b"0123456789")
    sock.sendall(text[:-4])
    go, told = os.pipe()
    parent = os.fork()
    if parent:
        os.waitpid(parent, 0)
        time.sleep(0.5)  # until it is forgotten
        os.write(told, b".")
        time.sleep(2)  # the child is not waited for: it has another parent now
        return
    if os.fork():
        os._exit(0)
    os.read(go, 1)
    say("went on", lambda: sock.sendall(text[-4:]))
    say("answer", lambda: sock.recv(1000))
    say("asked", lambda: sock.sendall(request(path)))
    say("answer", lambda: sock.recv(1000))
    os._exit(0)


def forgotten(port, path):
    hand = ByHand()
    hand.connect(port)
    hand.write(LONG)
    if os.fork():
        os.wait()
        return
    for each in b"/second", path:
        hand.free()
        hand.make()
        hand.connect(port)
        hand.write(request(each))
        hand.read()
    os._exit(0)


def implicit(port, path):
    if os.fork():
        os.wait()
        return
    hand = ByHand()
    hand.lib.SSL_set_connect_state(hand.tls)
    hand.dial(port)
    hand.write(request(path))
    hand.read()
    os._exit(0)


def peeked(port, path):
    hand = ByHand()
    hand.connect(port)
    hand.write(request(path))
    print("peek", hand.lib.SSL_peek(hand.tls, hand.buffer, len(hand.buffer)), flush=True)
    hand.read()


def ex2(port, path):
    hand = ByHand()
    hand.connect(port)
    library, count = ctypes.CDLL(None), ctypes.c_size_t()
    for write in library.SSL_write_ex2, library.SSL_write_ex:
        text = request(path, b"x" * 100000)
        written = write(hand.tls, text, ctypes.c_size_t(len(text)), *(
            [ctypes.c_uint64(0)] if write is library.SSL_write_ex2 else []), ctypes.byref(count))
        print("write", written, count.value == len(text), flush=True)
        hand.read()


def sendfile(port, path):
    hand = ByHand()
    hand.connect(port)
    hand.write(b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n" % path)
    with open(__file__, "rb") as file:
        print("sendfile", hand.lib.SSL_sendfile(hand.tls, file.fileno(), 0, 100, 0), flush=True)
    hand.write(b"x" * 100)
    hand.read()


def early(port, path):
    hand, count, text = ByHand(), ctypes.c_size_t(), request(path)
    hand.lib.SSL_get1_session.restype = ctypes.c_void_p
    hand.connect(port)
    hand.sock.settimeout(1)
    hand.sock.setblocking(False)
    time.sleep(0.3)
    hand.read()  # tickets
    session = ctypes.c_void_p(hand.lib.SSL_get1_session(hand.tls))
    hand.lib.SSL_shutdown(hand.tls)
    hand.make()
    hand.lib.SSL_set_session(hand.tls, session)
    hand.dial(port)
    hand.lib.SSL_set_connect_state(hand.tls)
    print("early", hand.lib.SSL_write_early_data(hand.tls, text, len(text), ctypes.byref(count)),
          count.value == len(text), flush=True)
    print("connect", hand.lib.SSL_connect(hand.tls), flush=True)
    hand.write(b"after")
    hand.lib.SSL_shutdown(hand.tls)


def main():
    way, port, path = sys.argv[1:]
    {"handshake": handshake, "tail": tail, "repeat": repeat, "cleared": cleared,
     "interleaved": interleaved, "forked": forked, "parted": parted, "orphaned": orphaned,
     "forgotten": forgotten, "implicit": implicit,
     "reconnected": reconnected, "peeked": peeked, "ex2": ex2, "sendfile": sendfile, "early": early}[way](int(port), path.encode())


if __name__ == "__main__":
    main()
