#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Uses of NSS that a plain client does not show: nss.py WAY PORT PATH

Asks for PATH at 127.0.0.1 in one of these ways, and prints what came of it:
  write   by PR_Write and PR_Read, after SSL_ForceHandshake
  peek    the answer is looked at before it is read
  files   writes a request to plain files, too
  vector  by PR_Writev
  layer   through a layer that lies over the object and changes nothing
  late    the layer is put there once hands are shaken
  forked  a child asks, over the connection of its parent
The server's certificate is not looked at.
"""
import ctypes
import os
import sys

nspr, nss, ssl = (ctypes.CDLL(name) for name in ("libnspr4.so", "libnss3.so", "libssl3.so"))
for function in (nspr.PR_OpenTCPSocket, nspr.PR_Open, nspr.PR_CreateIOLayerStub,
                 nspr.PR_GetDefaultIOMethods, ssl.SSL_ImportFD):
    function.restype = ctypes.c_void_p
nspr.PR_MillisecondsToInterval.restype = ctypes.c_uint32

FAMILY, PR_WRONLY, PR_CREATE, PEEK = 2, 2, 8, 2
ACCEPT = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int)
accept = ACCEPT(lambda arg, fd, check, server: 0)
LIMIT = nspr.PR_MillisecondsToInterval(20000)


class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_char_p), ("len", ctypes.c_int)]


def pointer(value):
    return ctypes.c_void_p(value)


def request(path):
    return b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n" % path


class Connection:
    def __init__(self, port):
        address = (ctypes.c_char * 128)()
        nspr.PR_InitializeNetAddr(2, ctypes.c_uint16(port), address)  # PR_IpAddrLoopback
        self.fd = nspr.PR_OpenTCPSocket(FAMILY)
        self.fd = ssl.SSL_ImportFD(None, pointer(self.fd))
        ssl.SSL_AuthCertificateHook(pointer(self.fd), accept, None)
        ssl.SSL_SetURL(pointer(self.fd), b"localhost")
        print("connect", nspr.PR_Connect(pointer(self.fd), address, LIMIT), flush=True)

    def shake(self):
        ssl.SSL_ResetHandshake(pointer(self.fd), 0)
        print("handshake", ssl.SSL_ForceHandshake(pointer(self.fd)), flush=True)
        return self

    def write(self, text):
        print("write", nspr.PR_Write(pointer(self.fd), text, len(text)) == len(text), flush=True)

    def read(self):
        text = ctypes.create_string_buffer(4096)
        n = nspr.PR_Read(pointer(self.fd), text, len(text))
        print("answer", text.raw[9:12].decode() if n > 12 else n, flush=True)

    def cover(self):
        identity = nspr.PR_GetUniqueIdentity(b"cover")
        layer = nspr.PR_CreateIOLayerStub(identity, pointer(nspr.PR_GetDefaultIOMethods()))
        print("layer", nspr.PR_PushIOLayer(pointer(self.fd), -2, pointer(layer)), flush=True)

    def close(self):
        nspr.PR_Close(pointer(self.fd))


def write(port, path):
    made = Connection(port).shake()
    made.write(request(path))
    made.read()
    made.close()


def peek(port, path):
    made = Connection(port).shake()
    made.write(request(path))
    text = ctypes.create_string_buffer(4096)
    print("peek", nspr.PR_Recv(pointer(made.fd), text, 20, PEEK, LIMIT), flush=True)
    made.read()
    made.close()


def to_file(text):
    fd = nspr.PR_Open(b"file", PR_WRONLY | PR_CREATE, 0o600)
    print("file", nspr.PR_Write(pointer(fd), text, len(text)) == len(text), flush=True)
    return fd


def files(port, path):
    first = to_file(request(b"/to-a-file"))
    made = Connection(port).shake()
    second = to_file(request(b"/to-a-file"))
    made.write(request(path))
    made.read()
    for fd in first, made.fd, second:
        nspr.PR_Close(pointer(fd))


def vector(port, path):
    made = Connection(port).shake()
    text = request(path)
    parts = (Vector * 2)(Vector(text[:7], 7), Vector(text[7:], len(text) - 7))
    print("vector", nspr.PR_Writev(pointer(made.fd), parts, 2, LIMIT) == len(text), flush=True)
    made.read()


def layer(port, path):
    made = Connection(port)
    made.cover()
    made.write(request(path))
    made.read()


def late(port, path):
    made = Connection(port).shake()
    made.cover()
    made.write(request(path))
    made.read()


def forked(port, path):
    made = Connection(port).shake()
    go, told = os.pipe()
    child = os.fork()
    if child:
        os.write(told, b".")
        os.waitpid(child, 0)
        return
    os.read(go, 1)
    made.write(request(path))
    made.read()
    os._exit(0)


def main():
    way, port, path = sys.argv[1:]
    print("init", nss.NSS_NoDB_Init(None), flush=True)
    ssl.NSS_SetDomesticPolicy()
    {"write": write, "peek": peek, "files": files, "vector": vector, "layer": layer, "late": late,
     "forked": forked}[way](int(port), path.encode())


main()
