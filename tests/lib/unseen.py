#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Text that leaves although no probe sees it: unseen.py WAY PORT PATH

Shakes hands by OpenSSL, and asks for PATH in one of these ways:
  removed   the breakpoint of SSL_write is taken out of the process's own memory first
  later     the same, behind a first request, for /seen
  keys      encrypts by itself, with the keys that the library tells, in one record
  tiny      the same, a byte a record, behind a first request
  empty     behind a first request, records that have no text to speak of
  garbage   records of random bytes
  plain     what is no TLS, on the socket itself
Prints what came back; ends with 0 unless the way itself is broken.
"""
import ctypes
import hashlib
import hmac
import os
import socket
import struct
import sys
import time

from objects import ByHand, request

PAGE = 4096
DATA = 0x17


def original(address):
    """The byte there in the file that is mapped."""
    for line in open("/proc/self/maps", encoding="ascii"):
        words = line.split()
        first, last = (int(text, 16) for text in words[0].split("-"))
        if first <= address < last:
            with open(words[5], "rb") as file:
                file.seek(int(words[2], 16) + address - first)
                return file.read(1)
    return sys.exit("not mapped from a file")


def remove(function):
    address = ctypes.cast(function, ctypes.c_void_p).value
    byte = original(address)
    if ctypes.string_at(address, 1) == byte:
        print("there is no breakpoint", flush=True)
        return
    page = ctypes.c_void_p(address & ~(PAGE - 1))
    if ctypes.CDLL(None).mprotect(page, ctypes.c_size_t(PAGE), 7):
        sys.exit("mprotect")
    ctypes.memmove(address, byte, 1)


class WithKeys(ByHand):
    """TLS 1.3 with TLS_AES_128_GCM_SHA256, whose keys it knows."""

    def __init__(self):
        super().__init__()
        self.secret, self.number = b"", 0
        kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)
        self.callback = kind(self.tell)
        self.lib.SSL_CTX_set_keylog_callback(self.context, self.callback)
        self.lib.SSL_CTX_set_ciphersuites(self.context, b"TLS_AES_128_GCM_SHA256")
        self.make()
        self.crypto = ctypes.CDLL("libcrypto.so.3")
        for name in "EVP_CIPHER_CTX_new", "EVP_aes_128_gcm":
            getattr(self.crypto, name).restype = ctypes.c_void_p

    def tell(self, _, line):
        label, _, secret = line.decode().split()
        if label == "CLIENT_TRAFFIC_SECRET_0":
            self.secret = bytes.fromhex(secret)

    def expand(self, label, size):
        label = b"tls13 " + label
        info = struct.pack(">HB", size, len(label)) + label + b"\0\1"
        return hmac.new(self.secret, info, hashlib.sha256).digest()[:size]

    def record(self, text):
        head = struct.pack(">BHH", DATA, 0x303, len(text) + 17)
        nonce = int.from_bytes(self.expand(b"iv", 12), "big") ^ self.number
        self.number += 1
        made = ctypes.c_void_p(self.crypto.EVP_CIPHER_CTX_new())
        out, n = ctypes.create_string_buffer(len(text) + 32), ctypes.c_int()
        self.crypto.EVP_EncryptInit_ex(made, ctypes.c_void_p(self.crypto.EVP_aes_128_gcm()), None,
                                       self.expand(b"key", 16), nonce.to_bytes(12, "big"))
        self.crypto.EVP_EncryptUpdate(made, None, ctypes.byref(n), head, 5)
        self.crypto.EVP_EncryptUpdate(made, out, ctypes.byref(n), text + bytes([DATA]), len(text) + 1)
        body = out.raw[:len(text) + 1]
        self.crypto.EVP_EncryptFinal_ex(made, out, ctypes.byref(n))
        self.crypto.EVP_CIPHER_CTX_ctrl(made, 16, 16, out)  # EVP_CTRL_AEAD_GET_TAG
        return head + body + out.raw[:16]


def keep_sending(sock, data, size):
    """Each piece in a packet of its own."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for at in range(0, len(data), size):
        sock.sendall(data[at:at + size])
        time.sleep(0.001)


def act(way, hand, path):
    text = request(path)
    if way in ("later", "tiny", "empty"):
        hand.write(request(b"/seen"))
        hand.read()
        hand.number = 1  # a record has left
    if way in ("removed", "later"):
        remove(hand.lib.SSL_write)
        hand.write(text)
    elif way == "keys":
        hand.sock.sendall(hand.record(text))
    elif way == "tiny":
        keep_sending(hand.sock, b"".join(hand.record(text[i:i + 1]) for i in range(len(text))), 23)
    elif way == "empty":
        keep_sending(hand.sock, b"".join(hand.record(b"") for i in range(100)), 220)
        hand.sock.sendall(hand.record(text[:20]))
    elif way == "garbage":
        hand.sock.sendall(struct.pack(">BHH", DATA, 0x303, 200) + os.urandom(200))
    elif way == "plain":
        hand.sock.sendall(text)


def main():
    way, port, path = sys.argv[1:]
    hand = WithKeys()
    hand.connect(int(port))
    if not hand.secret:
        sys.exit("no keys")
    try:
        act(way, hand, path.encode())
    except OSError as error:
        print("error", error, flush=True)
    hand.read()


main()
