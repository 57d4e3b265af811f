#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Fills a table of a run's kernel side from outside: fill.py WARDEN MAP

WARDEN is the process id of `warden run`, MAP the name of one of its BPF maps: a hash table gets keys that
nobody has until there is no room, `scratches` loses every slot that is free. Prints how many were put.
"""
import ctypes
import errno
import os
import struct
import sys

SYS_BPF, SYS_PIDFD_OPEN, SYS_PIDFD_GETFD = 321, 434, 438
MAP_LOOKUP_ELEM, MAP_UPDATE_ELEM, OBJ_GET_INFO_BY_FD, MAP_UPDATE_BATCH = 1, 2, 15, 26
BATCH = 4096

libc = ctypes.CDLL(None, use_errno=True)


def syscall(*arguments):
    got = libc.syscall(*(ctypes.c_long(a) for a in arguments))
    if got < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return got


def bpf(command, attributes):
    text = ctypes.create_string_buffer(attributes, 128)
    return syscall(SYS_BPF, command, ctypes.addressof(text), 128)


def element(command, fd, key, value, flags=0):
    bpf(command, struct.pack("<IIQQQ", fd, 0, ctypes.addressof(key), ctypes.addressof(value), flags))


def map_info(fd):
    """Key size, value size, most entries, name."""
    info = ctypes.create_string_buffer(256)
    bpf(OBJ_GET_INFO_BY_FD, struct.pack("<IIQ", fd, 256, ctypes.addressof(info)))
    return *struct.unpack_from("<3I", info, 8), info.raw[24:40].split(b"\0")[0].decode()


def find_map(pid, name):
    process = syscall(SYS_PIDFD_OPEN, pid, 0)
    for number in os.listdir(f"/proc/{pid}/fd"):
        if os.readlink(f"/proc/{pid}/fd/{number}") == "anon_inode:bpf-map":
            fd = syscall(SYS_PIDFD_GETFD, process, int(number), 0)
            if map_info(fd)[3] == name:
                return fd
    sys.exit(f"process {pid} has no map {name}")


def take_slots(fd, value_size, most):
    """The owner is the first word of a slot (bpf/warden.bpf.h)."""
    taken = 0
    for slot in range(most):
        key = ctypes.create_string_buffer(struct.pack("<I", slot), 4)
        value = ctypes.create_string_buffer(value_size)
        element(MAP_LOOKUP_ELEM, fd, key, value)
        if not struct.unpack_from("<Q", value)[0]:
            struct.pack_into("<Q", value, 0, 1)
            element(MAP_UPDATE_ELEM, fd, key, value)
            taken += 1
    return taken


def put_batch(fd, keys, value_size, count):
    """Returns how many of the keys were put before there was no room."""
    values = ctypes.create_string_buffer(value_size * count)
    keys = ctypes.create_string_buffer(keys, len(keys))
    attributes = ctypes.create_string_buffer(struct.pack(
        "<QQQQII", 0, 0, ctypes.addressof(keys), ctypes.addressof(values), count, fd), 128)
    try:
        syscall(SYS_BPF, MAP_UPDATE_BATCH, ctypes.addressof(attributes), 128)
    except OSError as error:
        if error.errno != errno.E2BIG:
            raise
    return struct.unpack_from("<I", attributes, 32)[0]


def put_keys(fd, key_size, value_size, most):
    """Many by each call: a call for each of 65,536 takes an interpreter in an emulated machine a minute."""
    put = 0
    while put <= most:
        numbers = range(put, min(put + BATCH, most + 1))
        keys = b"".join(struct.pack("<I", 0x40000000 + n).ljust(key_size, b"\x7f") for n in numbers)
        done = put_batch(fd, keys, value_size, len(numbers))
        put += done
        if done < len(numbers):
            return put
    sys.exit("there was room for more than the map holds")


def main():
    fd = find_map(int(sys.argv[1]), sys.argv[2])
    key_size, value_size, most, name = map_info(fd)
    put = take_slots(fd, value_size, most) if name == "scratches" else \
        put_keys(fd, key_size, value_size, most)
    print(put, "of", most)
    if not put:
        sys.exit("it was full")


if __name__ == "__main__":
    main()
