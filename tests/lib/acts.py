#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Acts of a workload for which something is arranged first: acts.py PORT ACT...

Connects to an HTTPS server at 127.0.0.1:PORT, makes the file ./ready, and waits for ./go. An ACT is one of
  write PATH    asks for PATH over that connection
  https PATH    asks for it over another one
  connect       connects there
  exec FILE     runs touch FILE
  bio           calls BIO_f_ssl()
all in a thread that has used no TLS before. Prints "ACT ok", or the name of an error in place of ok.
SSL_CERT_FILE names the authority.
"""
import ctypes
import errno
import http.client
import os
import socket
import ssl
import sys
import threading
import time

LIMIT = 5


def connection(port):
    context = ssl.create_default_context()
    context.check_hostname = False
    made = http.client.HTTPSConnection("127.0.0.1", port, timeout=LIMIT, context=context)
    made.connect()
    return made


def ask(made, path):
    made.request("GET", path)
    return "ok" if made.getresponse().read() else "empty"


def run(path):
    """Killed, or never begun, it leaves no file."""
    pid = os.fork()
    if not pid:
        try:
            os.execv("/usr/bin/touch", ["touch", path])
        finally:
            os._exit(127)
    os.waitpid(pid, 0)
    return "ok" if os.path.exists(path) else "EPERM"


def act(port, early, what, path=""):
    if what == "write":
        return ask(early, path)
    if what == "https":
        return ask(connection(port), path)
    if what == "exec":
        return run(path)
    if what == "bio":
        ctypes.CDLL("libssl.so.3").BIO_f_ssl()
    else:
        socket.create_connection(("127.0.0.1", port), LIMIT).close()
    return "ok"


def do_all(port, early, acts):
    for text in acts:
        try:
            got = act(port, early, *text.split())
        except OSError as error:
            got = errno.errorcode.get(error.errno, type(error).__name__)
        print(text, got, flush=True)


def main():
    port = int(sys.argv[1])
    early = connection(port)
    os.close(os.open("ready", os.O_CREAT | os.O_WRONLY))
    while not os.path.exists("go"):
        time.sleep(0.02)
    doer = threading.Thread(target=do_all, args=(port, early, sys.argv[2:]))
    doer.start()
    doer.join()


main()
