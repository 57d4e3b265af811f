#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""HTTP and HTTPS clients for tests, in one process: client_python.py http.client|asyncio|uvloop URL STEP...

A STEP is "CONNECTION METHOD PATH [BODY]": connections are letters, opened on first use and kept.
A `|` in the body is a pause between two writes. One line a step: "CONNECTION METHOD PATH RESULT
SECONDS [ERROR]", where RESULT is the status or `error`. A body @FILE is that file's content, and the
result is `echoed` instead of the status when the answer has the same body. SSL_CERT_FILE names the
authority.
"""
import asyncio
import http.client
import importlib
import ssl
import sys
import time
import urllib.parse

LIMIT = 20  # seconds a step
PAUSE = 0.2


def parse(step):
    letter, method, path, body = (step.split(" ", 3) + [""])[:4]
    if body.startswith("@"):
        with open(body[1:], "rb") as file:
            return letter, method, path, [file.read()]
    return letter, method, path, [part.encode() for part in body.split("|")]


def outcome(step, status, got):
    _, _, _, parts = parse(step)
    return "echoed" if " @" in step and got == parts[0] else status


def report(step, result, start, error=""):
    letter, method, path, _ = parse(step)
    took = f"{time.monotonic() - start:.3f}"
    print(letter, method, path, result, took, error, flush=True)


class Blocking:
    """http.client: the library writes through the socket's file descriptor."""

    def __init__(self, address, secure):
        self.address, self.connections = address, {}
        self.kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection

    def step(self, letter, method, path, parts):
        conn = self.connections.get(letter)
        if not conn:
            conn = self.kind(*self.address, timeout=LIMIT)
            self.connections[letter] = conn
        conn.putrequest(method, path)
        conn.putheader("Content-Length", str(sum(map(len, parts))))
        conn.endheaders(parts[0])
        for part in parts[1:]:
            time.sleep(PAUSE)
            conn.send(part)
        answer = conn.getresponse()
        return answer.status, answer.read()

    def run(self, steps):
        for step in steps:
            start = time.monotonic()
            try:
                report(step, outcome(step, *self.step(*parse(step))), start)
            except (OSError, http.client.HTTPException) as error:
                report(step, "error", start, repr(error))


class Events:
    """asyncio: the library encrypts into memory, and the loop sends."""

    def __init__(self, address, secure):
        self.address, self.connections = address, {}
        self.context = ssl.create_default_context() if secure else None

    async def step(self, letter, method, path, parts):
        if letter not in self.connections:
            self.connections[letter] = await asyncio.open_connection(
                *self.address, ssl=self.context)
        reader, writer = self.connections[letter]
        length = sum(map(len, parts))
        head = (f"{method} {path} HTTP/1.1\r\nHost: {self.address[0]}:{self.address[1]}\r\n"
                f"Content-Length: {length}\r\n\r\n")
        writer.write(head.encode() + parts[0])
        await writer.drain()
        for part in parts[1:]:
            await asyncio.sleep(PAUSE)
            writer.write(part)
            await writer.drain()
        head, body = await reader.readuntil(b"\r\n\r\n"), b""
        for line in head.decode("latin-1").lower().split("\r\n"):
            name, _, value = line.partition(":")
            if name == "content-length":
                body = await reader.readexactly(int(value))
            elif name == "transfer-encoding":
                await reader.readuntil(b"\r\n0\r\n\r\n")
        return int(head.split()[1]), body

    async def all(self, steps):
        for step in steps:
            start = time.monotonic()
            try:
                went = await asyncio.wait_for(self.step(*parse(step)), LIMIT)
                report(step, outcome(step, *went), start)
            except (OSError, EOFError, asyncio.TimeoutError) as error:
                report(step, "error", start, repr(error))

    def run(self, steps):
        asyncio.run(self.all(steps))


def main():
    kind, url, *steps = sys.argv[1:]
    parts = urllib.parse.urlsplit(url)
    client = Blocking if kind == "http.client" else Events
    if kind == "uvloop":
        importlib.import_module("uvloop").install()
    client((parts.hostname, parts.port), parts.scheme == "https").run(steps)


main()
