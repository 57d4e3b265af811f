# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""The far end: servers that write down all that reaches them, for tests to look at.

The log is JSON lines. Each has `conn`, the number of the connection (from 1, over all servers of
one log), `what`, and `t`, seconds since the start:

  open       a connection was accepted (`server`, `peer`)
  raw        `bytes` arrived from the network, still encrypted if the server speaks TLS
  handshake  the TLS handshake is complete (`alpn`)
  data       `text` arrived, decrypted
  request    an HTTP request is whole (`method`, `path`, `headers`, `body`)
  answer     the answer to `path` was handed to the network
  close      the connection ended (`why`), `incomplete` is what had not become a request
  datagram   `text` arrived (`server`)

Bytes are written as text, one character a byte (Latin-1). Only the standard library is used.
"""
import json
import os
import socket
import ssl
import subprocess
import threading
import time

IDLE_LIMIT = 120  # seconds until a silent connection is given up


class Log:
    """JSON lines in a file, each written at once."""

    def __init__(self, path):
        self.file = open(path, "a", encoding="ascii")
        self.lock = threading.Lock()
        self.start = time.monotonic()
        self.connections = 0

    def write(self, conn, what, **more):
        with self.lock:
            entry = {"t": round(time.monotonic() - self.start, 4), "conn": conn, "what": what}
            self.file.write(json.dumps({**entry, **more}) + "\n")
            self.file.flush()

    def open(self, server, peer):
        with self.lock:
            self.connections += 1
            conn = self.connections
        self.write(conn, "open", server=server, peer=str(peer))
        return conn


def publish(path, text):
    """Writes a file that is either absent or whole: its reader waits for it to appear."""
    with open(path + ".tmp", "w", encoding="ascii") as file:
        file.write(text)
    os.rename(path + ".tmp", path)


def make_certificate(directory):
    """Makes key.pem and cert.pem, which is its own authority, for the names of the loopback."""
    key, cert = os.path.join(directory, "key.pem"), os.path.join(directory, "cert.pem")
    names = "DNS:localhost,IP:127.0.0.1,IP:127.0.0.2,IP:::1"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
               "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
               "-addext", "subjectAltName=" + names,
               "-addext", "keyUsage=critical,digitalSignature,keyCertSign",
               "-keyout", key, "-out", cert]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return key, cert


def server_context(directory, alpn=()):
    """A TLS context for servers, of the certificate in the directory; makes one if need be."""
    key, cert = os.path.join(directory, "key.pem"), os.path.join(directory, "cert.pem")
    if not os.path.exists(cert):
        make_certificate(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


class Plain:
    """One connection without TLS: the same few functions as Tls."""

    def __init__(self, sock, log, conn):
        self.sock, self.log, self.conn = sock, log, conn
        sock.settimeout(IDLE_LIMIT)

    def receive(self):
        """The next bytes that arrived; none at the end."""
        data = self.sock.recv(65536)
        if data:
            self.log.write(self.conn, "raw", bytes=len(data))
        return data

    def send(self, data):
        self.sock.sendall(data)


class Tls(Plain):
    """One connection with TLS, through memory, so that what arrives is seen before it is
    understood: half a record leaves its mark in the log too."""

    def __init__(self, sock, log, conn, context):
        super().__init__(sock, log, conn)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)
        self.handshaken = False

    def flush(self):
        data = self.outgoing.read()
        if data:
            self.sock.sendall(data)

    def advance(self):
        """Bytes if there are any, None if more must arrive first."""
        try:
            if not self.handshaken:
                self.tls.do_handshake()
                self.handshaken = True
                self.log.write(self.conn, "handshake", alpn=self.tls.selected_alpn_protocol())
            return self.tls.read(65536)
        except ssl.SSLWantReadError:
            return None
        finally:
            self.flush()

    def receive(self):
        while True:
            data = self.advance()
            if data is not None:
                return data
            raw = super().receive()
            if not raw:
                return b""
            self.incoming.write(raw)

    def send(self, data):
        self.tls.write(data)
        self.flush()


class Requests:
    """Splits bytes into HTTP/1.1 requests."""

    def __init__(self):
        self.buffer = b""

    def feed(self, data):
        self.buffer += data
        while True:
            request = self.take()
            if request is None:
                return
            yield request

    def take(self):
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        line, *fields = head.decode("latin-1").split("\r\n")
        headers = {}
        for field in fields:
            name, _, value = field.partition(":")
            headers[name.strip().lower()] = value.strip()
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body, rest = self.chunks(rest)
        else:
            length = int(headers.get("content-length", 0))
            body, rest = (rest[:length], rest[length:]) if len(rest) >= length else (None, rest)
        if body is None:
            return None
        self.buffer = rest
        method, target, *_ = line.split(" ") + ["", ""]
        return {"method": method, "path": target, "headers": headers,
                "body": body.decode("latin-1")}

    @staticmethod
    def chunks(rest):
        body = b""
        while True:
            size, found, rest = rest.partition(b"\r\n")
            if not found:
                return None, rest
            length = int(size.split(b";")[0], 16)
            if len(rest) < length + 2:
                return None, rest
            body, rest = body + rest[:length], rest[length + 2:]
            if not length:
                return body, rest


def make_answer(status, body, content_type="application/json"):
    """An HTTP/1.1 answer with a length, as bytes."""
    reason = {200: "OK", 400: "Bad Request", 404: "Not Found"}.get(status, "Status")
    return (f"HTTP/1.1 {status} {reason}\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode("ascii") + body


def talk_http(end, log, conn, answer):
    """Serves requests of one connection; answer(request) returns bytes. Returns what is left."""
    requests = Requests()
    try:
        while True:
            data = end.receive()
            if not data:
                return "end", requests.buffer
            log.write(conn, "data", text=data.decode("latin-1"))
            for request in requests.feed(data):
                log.write(conn, "request", **request)
                end.send(answer(request))
                log.write(conn, "answer", path=request["path"])
    except (OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}", requests.buffer


def talk_raw(end, log, conn, echo):
    """Writes down what arrives on one connection, and sends it back if asked to."""
    try:
        while True:
            data = end.receive()
            if not data:
                return "end", b""
            log.write(conn, "data", text=data.decode("latin-1"))
            if echo:
                end.send(data)
    except OSError as error:
        return f"{type(error).__name__}: {error}", b""


class Server:
    """Accepts connections for ever, each in a thread of its own.

    `listener` is a bound and listening stream socket. With a `context` it speaks TLS, with an
    `answer` function HTTP; otherwise it sends back what arrives, if `echo`.
    """

    def __init__(self, listener, log, name, context=None, answer=None, echo=True):
        self.listener, self.log, self.name = listener, log, name
        self.context, self.answer, self.echo = context, answer, echo
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            sock, peer = self.listener.accept()
            conn = self.log.open(self.name, peer)
            threading.Thread(target=self.serve, args=(sock, conn), daemon=True).start()

    def serve(self, sock, conn):
        with sock:
            end = Tls(sock, self.log, conn, self.context) if self.context else \
                Plain(sock, self.log, conn)
            if self.answer:
                why, rest = talk_http(end, self.log, conn, self.answer)
            else:
                why, rest = talk_raw(end, self.log, conn, self.echo)
            self.log.write(conn, "close", why=why, incomplete=rest.decode("latin-1"))


def listen(host, port=0):
    """A listening TCP socket; port 0: the kernel chooses."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(64)
    return listener
