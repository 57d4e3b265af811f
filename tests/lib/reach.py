#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Reaches a unix socket: reach.py PATH MARK [ROOT]; makes the file MARK when its server has answered.

With ROOT, that becomes the root directory first.
"""
import os
import socket
import sys

path, mark, *root = sys.argv[1:]
made = os.open(os.path.dirname(mark), os.O_RDONLY)
if root:
    os.chroot(root[0])
sock = socket.socket(socket.AF_UNIX)
sock.settimeout(20)
sock.connect(path)
sock.sendall(b"<reached>")
if sock.recv(100):
    os.close(os.open(os.path.basename(mark), os.O_CREAT | os.O_WRONLY, dir_fd=made))
