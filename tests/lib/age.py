#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Lets the names of a run's addresses be over: age.py WARDEN, the process id of `warden run`. Prints how
many they were."""
import ctypes
import errno
import struct
import sys

import fill

MAP_GET_NEXT_KEY = 4


def keys(fd, size):
    """Of a map that nobody else writes to."""
    at, following = 0, ctypes.create_string_buffer(size)
    while True:
        try:
            fill.bpf(MAP_GET_NEXT_KEY, struct.pack("<IIQQ", fd, 0, at, ctypes.addressof(following)))
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise
            return
        key = ctypes.create_string_buffer(following.raw, size)
        at = ctypes.addressof(key)
        yield key


def main():
    fd = fill.find_map(int(sys.argv[1]), "names")
    key_size, value_size, _, _ = fill.map_info(fd)
    found = list(keys(fd, key_size))
    for key in found:
        value = ctypes.create_string_buffer(value_size)
        fill.element(fill.MAP_LOOKUP_ELEM, fd, key, value)
        struct.pack_into("<Q", value, 0, 1)  # bpf/names.h: until
        fill.element(fill.MAP_UPDATE_ELEM, fd, key, value)
    print(len(found))


main()
