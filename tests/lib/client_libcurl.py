#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""An HTTPS client on libcurl, whatever TLS that is built with: client_libcurl.py LIBRARY URL STEP...

Steps and what is printed are those of client_python.py, but that a body is sent at once. A body @FILE is
that file's content, and the result is `echoed` instead of the status when the answer has the same body.
SSL_CERT_FILE names the authority.
"""
import ctypes
import os
import sys
import time

LIMIT = 20  # seconds a step
WRITE = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t,
                         ctypes.c_void_p)
URL, CAINFO, WRITEFUNCTION, TIMEOUT = 10002, 10065, 20011, 13
POSTFIELDS, POSTFIELDSIZE, HTTPGET = 10015, 60, 80
HTTP_VERSION, HTTP_1_1, HTTPHEADER = 84, 2, 10023
RESPONSE_CODE = 0x200002


class Curl:
    def __init__(self, library):
        self.lib = ctypes.CDLL(library)
        self.lib.curl_easy_init.restype = ctypes.c_void_p
        self.lib.curl_easy_strerror.restype = ctypes.c_char_p
        self.lib.curl_slist_append.restype = ctypes.c_void_p
        self.lib.curl_version.restype = ctypes.c_char_p
        self.handles = {}
        self.got = []
        self.write = WRITE(self.take)  # kept: the library does not
        print("#", self.lib.curl_version().decode(), file=sys.stderr)

    def take(self, text, size, count, _):
        self.got.append(ctypes.string_at(text, size * count))
        return size * count

    def set(self, handle, option, value):
        self.lib.curl_easy_setopt(ctypes.c_void_p(handle), option, value)

    def handle(self, letter):
        if letter not in self.handles:
            handle = self.handles[letter] = self.lib.curl_easy_init()
            self.set(handle, WRITEFUNCTION, self.write)
            self.set(handle, CAINFO, os.environ["SSL_CERT_FILE"].encode())
            self.set(handle, TIMEOUT, ctypes.c_long(LIMIT))
            self.set(handle, HTTP_VERSION, ctypes.c_long(HTTP_1_1))
            expect = self.lib.curl_slist_append(None, b"Expect:")
            self.set(handle, HTTPHEADER, ctypes.c_void_p(expect))
        return self.handles[letter]

    def step(self, letter, method, url, body):
        handle = self.handle(letter)
        self.set(handle, URL, url.encode())
        if method == "GET":
            self.set(handle, HTTPGET, ctypes.c_long(1))
        else:
            self.set(handle, POSTFIELDSIZE, ctypes.c_long(len(body)))
            self.set(handle, POSTFIELDS, body)
        self.got.clear()
        error = self.lib.curl_easy_perform(ctypes.c_void_p(handle))
        if error:
            raise OSError(self.lib.curl_easy_strerror(error).decode())
        status = ctypes.c_long()
        self.lib.curl_easy_getinfo(ctypes.c_void_p(handle), RESPONSE_CODE, ctypes.byref(status))
        return status.value, b"".join(self.got)


def content(body):
    if body.startswith("@"):
        with open(body[1:], "rb") as file:
            return file.read()
    return body.replace("|", "").encode()


def main():
    library, url, *steps = sys.argv[1:]
    curl = Curl(library)
    for step in steps:
        letter, method, path, body = (step.split(" ", 3) + [""])[:4]
        start, error, sent = time.monotonic(), "", content(body)
        try:
            result, got = curl.step(letter, method, url + path, sent)
            if body.startswith("@") and got == sent:
                result = "echoed"
        except OSError as failed:
            result, error = "error", repr(failed)
        print(letter, method, path, result, f"{time.monotonic() - start:.3f}", error, flush=True)


main()
