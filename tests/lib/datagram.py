# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""A datagram with all of its headers, as raw and packet sockets send it."""
import struct

HERE = b"\x7f\0\0\1"


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def to(port, text):
    udp = struct.pack(">4H", 9, port, 8 + len(text), 0) + text
    head = struct.pack(">2BH2H2BH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, HERE, HERE)
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + udp


def to6(port, text):
    here, size = b"\0" * 15 + b"\1", 8 + len(text)
    pseudo = here + here + struct.pack(">I3xB", size, 17)
    plain = struct.pack(">4H", 9, port, size, 0) + text
    total = checksum(pseudo + plain + b"\0" * (size % 2))
    return struct.pack(">IH2B", 6 << 28, size, 17, 64) + here + here + plain[:6] + \
        struct.pack(">H", total) + plain[8:]
