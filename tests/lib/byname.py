#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Reaches destinations by name, in one process: byname.py "HOW NAME PORT"...

HOW is tcp or udp; tcp6, udp6 for an IPv6 address; http: a request without TLS; ask: the name is only asked
for; direct: NAME is an address. Each name is asked for by the C library. Of TLS there are, with the server
name SNI, or none if it is empty:

  tls:SNI        a request for NAME, by the ssl module
  host:HOST      the same, with server name NAME, for another HOST
  early:HOST     the same, by SSL_write() before the handshake
  raw:SNI:N      a ClientHello that no library is seen to make, in packets of N bytes
  alert:SNI      the same, behind an alert and in one packet with that, to an echo
  late:SNI       tls:SNI, behind a line of text

Without TLS there are, each with its answer awaited:

  http:HOST      a request for HOST
  next:HOST      the same, behind one for NAME
  bits:HOST      the same, in packets of 5 bytes
  whole:HOST     the same, with the host in its first line
  odd:HOST       the same, with a blank that servers do not agree about
  zip:HOST       the same, with a body that is said to be compressed
  connect:HOST   the same, behind a CONNECT to HOST
  socket:HOST    the same, behind one to NAME that asks for WebSocket, and a frame of that

Prints a line each: "HOW NAME PORT ok", or in place of ok the name of an error, or `unknown` when there is
no address.
"""
import ctypes
import errno
import socket
import ssl
import sys
import time


def lookup(how, name, port):
    if how == "direct":
        return socket.AF_INET6 if ":" in name else socket.AF_INET, (name, port)
    family = socket.AF_INET6 if how.endswith("6") else socket.AF_INET
    for family, _, _, _, address in socket.getaddrinfo(name, port, family, socket.SOCK_STREAM):
        return family, address


def echoed(sock, text):
    return "ok" if sock.recv(4096) == text else "other"


# ---- TLS ----


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    return made


def request(sock, sni, host):
    text = f"GET /{host} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    with context().wrap_socket(sock, server_hostname=sni or None) as tls:
        tls.sendall(text)
        return echoed(tls, text)


def tls(sock, name, sni):
    return request(sock, sni, name)


def host(sock, name, asked):
    return request(sock, name, asked)


def late(sock, name, sni):
    sock.sendall(b"HELO\n")
    return request(sock, sni, name) if sock.recv(3) == b"ok\n" else "other"


def hello(sni):
    """The bytes of a ClientHello, whose object is gone."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        context().wrap_bio(incoming, outgoing, server_hostname=sni or None).do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()


def send_hello(sock, text, size):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(0, len(text), size):
        sock.sendall(text[at:at + size])
        time.sleep(0.002 if size < len(text) else 0)
    return "ok" if sock.recv(1) == b"\x16" else "other"  # a ServerHello


def raw(sock, _, argument):
    sni, size = argument.rsplit(":", 1)
    return send_hello(sock, hello(sni), int(size))


def alert(sock, _, sni):
    text = b"\x15\3\1\0\2\1\x5a" + hello(sni)
    sock.sendall(text)
    return echoed(sock, text)


def early(sock, name, asked):
    lib = ctypes.CDLL("libssl.so.3")
    lib.TLS_client_method.restype = lib.SSL_CTX_new.restype = lib.SSL_new.restype = ctypes.c_void_p
    text = f"GET /early-{asked} HTTP/1.1\r\nHost: {asked}\r\n\r\n".encode()
    shared = ctypes.c_void_p(lib.SSL_CTX_new(ctypes.c_void_p(lib.TLS_client_method())))
    made = ctypes.c_void_p(lib.SSL_new(shared))
    buffer = ctypes.create_string_buffer(4096)
    sock.setblocking(True)
    lib.SSL_set_fd(made, sock.fileno())
    lib.SSL_ctrl(made, 55, 0, name.encode())  # SSL_CTRL_SET_TLSEXT_HOSTNAME
    lib.SSL_set_connect_state(made)
    if lib.SSL_write(made, text, len(text)) <= 0:
        return "refused"
    got = lib.SSL_read(made, buffer, 4096)
    return "ok" if got > 0 and buffer.raw[:got] == text else "other"


# ---- without TLS ----


def head(first, host, line="Host: {}\r\n"):
    return f"{first} HTTP/1.1\r\n{line.format(host)}\r\n".encode()


def say(sock, *texts):
    """The last result, or the first that is not as it should be."""
    for text in texts:
        sock.sendall(text)
        if echoed(sock, text) != "ok":
            return "other"
    return "ok"


def http(sock, _, asked):
    return say(sock, head(f"GET /{asked}", asked))


def next(sock, name, asked):
    return say(sock, head(f"POST /{name}", name, "Host: {}\r\nContent-Length: 4\r\n") + b"body",
               head(f"GET /{asked}", asked))


def bits(sock, _, asked):
    text = head(f"GET /{asked}", asked)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return say(sock, *(text[at:at + 5] for at in range(0, len(text), 5)))


def whole(sock, name, asked):
    return say(sock, head(f"GET http://{asked}/{asked}", name))


def odd(sock, _, asked):
    return say(sock, head(f"GET /{asked}", asked, "Host : {}\r\n"))


def zip(sock, _, asked):
    return say(sock, head(f"POST /{asked}", asked, "Host: {}\r\nContent-Encoding: x\r\nContent-Length: 0\r\n"))


def connect(sock, _, asked):
    return say(sock, head(f"CONNECT {asked}:443", asked), head(f"GET /{asked}", asked))


def socket_(sock, name, asked):
    upgrade = head(f"GET /{name}", name, "Host: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n")
    return say(sock, upgrade, b"\x82\x81\1\2\3\4a", head(f"GET /{asked}", asked))


WAYS = {each.__name__.strip("_"): each for each in
        (tls, host, late, raw, alert, early, http, next, bits, whole, odd, zip, connect,
         socket_)}


def reach(how, name, port):
    family, address = lookup(how, name, port)
    if how == "ask":
        return "ok"
    kind = socket.SOCK_DGRAM if how.startswith("udp") else socket.SOCK_STREAM
    with socket.socket(family, kind) as sock:
        sock.settimeout(5)
        text = f"<{how}-{name}>".encode()
        way, colon, argument = how.partition(":")
        if how == "http":
            text = b"GET /" + text + b" HTTP/1.1\r\n\r\n"
        if kind == socket.SOCK_DGRAM:
            sock.sendto(text, address)
        else:
            sock.connect(address)
            if colon:
                return WAYS[way](sock, name, argument)
            sock.sendall(text)
        return echoed(sock, text)


for what in sys.argv[1:]:
    how, name, port = what.split()
    try:
        got = reach(how, name, int(port))
    except socket.gaierror:
        got = "unknown"
    except ssl.SSLError as error:
        got = error.reason or "TLS"
    except OSError as error:
        got = errno.errorcode.get(error.errno, repr(error))
    print(what, got, flush=True)
