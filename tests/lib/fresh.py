#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""fresh.py LIBSSL DIR PORT FIRST COUNT: COUNT copies of a TLS library that nobody has seen, one after the
other; the first thing that each does is to shake hands with 127.0.0.1:PORT and to ask for /fresh/N, and
the next to ask for /forbidden/N. Prints what came of both: "N OK|ERROR OK|ERROR"."""
import ctypes
import os
import shutil
import socket
import sys


def prepare(path):
    tls = ctypes.CDLL(path)
    for name in ("TLS_client_method", "SSL_CTX_new", "SSL_new"):
        getattr(tls, name).restype = ctypes.c_void_p
        getattr(tls, name).argtypes = [ctypes.c_void_p]
    tls.TLS_client_method.argtypes = []
    tls.SSL_set_fd.argtypes = [ctypes.c_void_p, ctypes.c_int]
    tls.SSL_connect.argtypes = [ctypes.c_void_p]
    for name in ("SSL_write", "SSL_read"):
        getattr(tls, name).argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    return tls


def ask(tls, ssl, path):
    text = f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
    answer = ctypes.create_string_buffer(4096)
    if tls.SSL_write(ssl, text, len(text)) != len(text):
        return "ERROR"
    return "OK" if tls.SSL_read(ssl, answer, 4096) > 0 and b" 200 " in answer.raw else "ERROR"


def try_copy(source, directory, port, number):
    path = f"{directory}/libssl-{number}.so"
    shutil.copy(source, path)
    tls = prepare(path)
    ssl = tls.SSL_new(tls.SSL_CTX_new(tls.TLS_client_method()))
    with socket.create_connection(("127.0.0.1", port)) as sock:
        tls.SSL_set_fd(ssl, sock.fileno())
        if tls.SSL_connect(ssl) != 1:
            return "ERROR ERROR"
        return f"{ask(tls, ssl, f'/fresh/{number}')} {ask(tls, ssl, f'/forbidden/{number}')}"


def main():
    source, directory, port, first, count = sys.argv[1:]
    os.makedirs(directory, exist_ok=True)
    for number in range(int(first), int(first) + int(count)):
        print(number, try_copy(source, directory, int(port), number), flush=True)


main()
