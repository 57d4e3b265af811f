# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""A client, and a server that hands 1000 bytes of its input on without reading them."""

import os
import subprocess
import sys

SERVER = """
import os
null = os.open("/dev/null", os.O_WRONLY)
os.read(0, 65536)
os.write(1, b'{"jsonrpc":"2.0","id":1,"result":{}}\\n')
gone = 0
while gone < 1000:
    gone += os.splice(0, null, 1000 - gone)
os.write(1, b'{"jsonrpc":"2.0","id":2,"result":{}}\\n')
while os.read(0, 65536):
    pass
"""


def call(name, n, fill=b""):
	line = b'{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"%s","arguments":{"a":"' % (n, name)
	return line + fill + b'"}}}\n'


p = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
p.stdin.write(call(b"before", 1))
p.stdout.readline()
p.stdin.write(call(b"spliced", 2, b"x" * (1000 - len(call(b"spliced", 2)))))
p.stdout.readline()
p.stdin.write(b"\n" + call(b"behind", 3))
p.stdin.close()
sys.exit(p.wait())
