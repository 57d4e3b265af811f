# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""As much of io_uring as it takes to submit one request after another (<linux/io_uring.h>)."""
import ctypes
import mmap
import os
import socket
import struct
import time

SETUP, ENTER = 425, 426  # numbers of the system calls
SQPOLL = 1 << 1          # IORING_SETUP_SQPOLL: a thread of the kernel submits
ASYNC = 1 << 4           # IOSQE_ASYNC: a worker of the kernel does it
CONNECT, SEND, SOCKET, BIND, LISTEN = 16, 26, 45, 56, 57
GETEVENTS, WAKEUP = 1, 2
CQ_RING, SQES = 0x8000000, 0x10000000  # offsets to map at

libc = ctypes.CDLL(None, use_errno=True)


def syscall(*arguments):
    result = libc.syscall(*arguments)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def offsets(params, at):
    return struct.unpack_from("7I", params, at)


class Ring:
    def __init__(self, flags=0):
        params = ctypes.create_string_buffer(struct.pack("=4I", 0, 0, flags, 0) +
                                             struct.pack("=I", 2000), 120)
        self.fd = syscall(SETUP, 4, params)
        self.poll = flags & SQPOLL
        entries, completions = struct.unpack_from("2I", params)
        self.head, self.tail, self.mask, _, self.flags, _, array = offsets(params, 40)
        _, self.cq_tail, self.cq_mask, _, _, self.cqes, _ = offsets(params, 80)
        self.sq = mmap.mmap(self.fd, array + 4 * entries)
        self.cq = mmap.mmap(self.fd, self.cqes + 16 * completions, offset=CQ_RING)
        self.sqes = mmap.mmap(self.fd, 64 * entries, offset=SQES)
        self.array, self.done = array, 0

    def ask(self, code, fd, address, length, offset=0, flags=0):
        """Submits one request, waits, and returns its result or raises OSError."""
        tail, = struct.unpack_from("I", self.sq, self.tail)
        slot = tail & struct.unpack_from("I", self.sq, self.mask)[0]
        self.sqes[slot * 64:slot * 64 + 64] = struct.pack(
            "=BBHiQQII32x", code, flags, 0, fd, offset, address, length, 0)
        struct.pack_into("I", self.sq, self.array + 4 * slot, slot)
        struct.pack_into("I", self.sq, self.tail, tail + 1)
        syscall(ENTER, self.fd, 0 if self.poll else 1, 0 if self.poll else 1,
                WAKEUP if self.poll else GETEVENTS, None, 0)
        while struct.unpack_from("I", self.cq, self.cq_tail)[0] == self.done:
            time.sleep(0.001)
        index = self.done & struct.unpack_from("I", self.cq, self.cq_mask)[0]
        result, = struct.unpack_from("i", self.cq, self.cqes + 16 * index + 8)
        self.done += 1
        if result < 0:
            raise OSError(-result, os.strerror(-result))
        return result

    def connect(self, sock, port, flags=0):
        name = ctypes.create_string_buffer(
            struct.pack("=H", socket.AF_INET) + struct.pack(">H4s8x", port, b"\x7f\0\0\1"), 16)
        self.ask(CONNECT, sock, ctypes.addressof(name), 0, 16, flags)

    def bind(self, sock, port):
        name = ctypes.create_string_buffer(
            struct.pack("=H", socket.AF_INET) + struct.pack(">H4s8x", port, b"\x7f\0\0\1"), 16)
        self.ask(BIND, sock, ctypes.addressof(name), 0, 16)

    def listen(self, sock):
        self.ask(LISTEN, sock, 0, 8)

    def send(self, sock, text, flags=0):
        data = ctypes.create_string_buffer(text)
        self.ask(SEND, sock, ctypes.addressof(data), len(text), 0, flags)
