# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""A client and a server of MCP over stdio, in all the ways in which lines can be cut into pieces.

stdio.py client STREAMS HOW STEP...    starts `stdio.py server HOW` and speaks with it. STREAMS:
    pipes   two pipes
    pair    one pair of unix sockets, which is the server's input and output
    pairs   two of them
                                       $SERVER: a program that does so instead
stdio.py server HOW                    HOW it reads: read, one (byte a call), readv, recv, recvmsg, uring
stdio.py seen AUDIT                    what the trail has, in the form of the logs

Both log, in ./client and ./server, a line for each call of a tool and each answer: "call NAME SHA-256 of its
arguments" and "result NAME SHA-256 of it".

Steps: sizes        arguments and results from nothing to 4 MiB ($MAX: of no more bytes)
       splits       a call cut in two at each byte, each part read before the next is sent; answers too ($STEP:
                    at each so-many-th)
       several      $MANY calls, notifications and blank lines in one write
       batch        an array of calls
       threads      four threads that write one line each at a time, to one pipe
       bad          an answer that is an error, one with isError, one that nobody asked for
       noise        lines of other text between messages
       late         "jsonrpc" as the last key of a long line
       flood        12 MiB in calls, of which nothing is logged
       wait=FILE    makes ./ready, and waits for FILE
       last         one more call
"""

import array
import fcntl
import hashlib
import json
import os
import socket
import subprocess
import sys
import termios
import threading
import time

MAX = int(os.environ.get("MAX", 4 << 20))
READ = 22  # of io_uring's requests
STEP = int(os.environ.get("STEP", 1))
MANY = int(os.environ.get("MANY", 50))


def digest(text):
	return hashlib.sha256(text).hexdigest()


class Log:
	def __init__(self, path):
		self.file = open(path, "w")
		self.lock = threading.Lock()

	def put(self, *words):
		with self.lock:
			print(*words, file=self.file, flush=True)


# ---- reading and writing ----


def unread(fd, out):
	"""Bytes that were written and nobody has read yet."""
	n = array.array("i", [0])
	fcntl.ioctl(fd, out, n)
	return n[0]


class Writer:
	def __init__(self, fd):
		self.fd = fd
		self.is_socket = os.path.realpath(f"/proc/self/fd/{fd}").count("socket:")

	def write(self, data):
		view = memoryview(data)
		while view:
			view = view[os.write(self.fd, view) :]

	def settle(self):
		# Of a socket SIOCOUTQ counts memory, and is 0 when all was read.
		while unread(self.fd, termios.TIOCOUTQ if self.is_socket else termios.FIONREAD):
			time.sleep(0.0002)

	def split(self, line, at):
		self.write(line[:at])
		self.settle()
		self.write(line[at:])
		self.settle()


def reader(fd, how):
	"""A function that returns what there is, b"" at the end."""
	if how in ("recv", "recvmsg"):
		s = socket.socket(fileno=os.dup(fd))
		if how == "recv":
			return lambda: (s.recv(100, socket.MSG_PEEK), s.recv(65536))[1]
		def scattered():
			parts = [bytearray(3), bytearray(0), bytearray(1000), bytearray(70000)]
			n = s.recvmsg_into(parts)[0]
			return b"".join(parts)[:n]
		return scattered
	if how == "readv":
		def gathered():
			parts = [bytearray(5), bytearray(0), bytearray(4096), bytearray(20000)]
			n = os.readv(fd, parts)
			return b"".join(parts)[:n]
		return gathered
	if how == "uring":
		return uring_reader(fd)
	return lambda: os.read(fd, 1 if how == "one" else 65536)


def uring_reader(fd):
	import ctypes
	import uring

	room = ctypes.create_string_buffer(4096)
	def fetched():
		ring = uring.Ring() # has room for a few answers
		n = ring.ask(READ, fd, ctypes.addressof(room), len(room))
		os.close(ring.fd)
		return room.raw[:n]
	return fetched


def lines(read):
	rest = b""
	parts = []
	while True:
		data = read()
		if not data:
			return
		*whole, rest = data.split(b"\n")
		for line in whole:
			yield b"".join(parts) + line
			parts = []
		parts.append(rest)


# ---- the server ----


def field(line, name):
	"""The value of the last key of an object, or of the one before, as it was sent."""
	value = line[line.index(b'"%s":' % name) + len(name) + 3 :]
	return value[: value.rindex(b'},"jsonrpc"') if b'},"jsonrpc"' in value else value.rindex(b"}}")]


def answer(id, result, error=False):
	return b'{"jsonrpc":"2.0","id":%s,"%s":%s}\n' % (id, b"error" if error else b"result", result)


class Server:
	def __init__(self, how):
		self.log = Log("server")
		self.out = Writer(1)
		self.how = how

	def call(self, line):
		message = json.loads(line)
		id = json.dumps(message["id"]).encode()
		name = message["params"]["name"]
		arguments = field(line, b"arguments")
		if name == "flood":
			return self.out.write(answer(id, b"{}"))
		self.log.put("call", name, digest(arguments))
		wanted = message["params"]["arguments"].get("result")
		result = b'{"content":[{"type":"text","text":"%s"}]}' % (b"r" * wanted if wanted else b"ok")
		error = False
		if name == "error":
			result, error = b'{"code":-32000,"message":"no"}', True
		elif name == "failed":
			result = b'{"content":[],"isError":true}'
		self.log.put("result", name, digest(result))
		text = answer(id, result, error)
		if name == "split":
			self.out.split(text, message["params"]["arguments"]["at"] % len(text))
		elif name == "noise":
			self.out.write(b"just text\n{\n" + text)
		else:
			self.out.write(text)

	def serve(self):
		for line in lines(reader(0, self.how)):
			if not line.strip() or line[:1] not in b"{[":
				continue
			if line[:1] == b"[":
				for one in json.loads(line):
					self.call(json.dumps(one, separators=(",", ":")).encode())
				continue
			message = json.loads(line)
			if message.get("method") == "tools/call":
				self.call(line)
			elif "id" in message and "method" in message:
				self.out.write(answer(json.dumps(message["id"]).encode(), b"{}"))


# ---- the client ----


class Client:
	def __init__(self, streams, how):
		self.log = Log("client")
		self.numbers = 0
		program = [os.environ["SERVER"]] if "SERVER" in os.environ else [sys.executable, os.path.abspath(__file__)]
		command = program + ["server", how]
		if streams == "pipes":
			(ours_in, child_out), (child_in, ours_out) = os.pipe(), os.pipe()
			mine = [ours_in, ours_out]
		elif streams == "pairs":
			a, b = socket.socketpair(), socket.socketpair()
			mine = [a[0].detach(), b[0].detach()]
			child_out, child_in = a[1].detach(), b[1].detach()
		else:
			a, b = socket.socketpair()
			mine = [a.detach()] * 2
			child_in = child_out = b.detach()
		self.child = subprocess.Popen(command, stdin=child_in, stdout=child_out)
		for fd in {child_in, child_out}:
			os.close(fd)
		self.mine = mine
		self.out = Writer(mine[1])
		self.lines = lines(reader(mine[0], how))

	def line(self, name, arguments, late=False):
		self.numbers += 1
		id = b"%d" % self.numbers if self.numbers % 3 else b'"n%d"' % self.numbers
		call = b'"method":"tools/call","params":{"name":"%s","arguments":%s}' % (name.encode(), arguments)
		return b'{"id":%s,%s,"jsonrpc":"2.0"}\n' % (id, call) if late else \
			b'{"jsonrpc":"2.0","id":%s,%s}\n' % (id, call)

	def sent(self, name, arguments):
		self.log.put("call", name, digest(arguments))

	def receive(self, *names):
		for name in names:
			line = next(self.lines)
			while line[:2] != b'{"':
				line = next(self.lines)
			key = b"error" if b'"error":' in line else b"result"
			self.log.put("result", name, digest(line[line.index(b'"%s":' % key) + len(key) + 3 : -1]))

	def ask(self, name, arguments, write=None, **more):
		self.sent(name, arguments)
		(write or self.out.write)(self.line(name, arguments, **more))
		self.receive(name)

	def greet(self):
		self.out.write(b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}\n')
		next(self.lines)

	def sizes(self):
		for size in [0, 1, 2, 4095, 4096, 4097, 16383, 16384, 16385, 65535, 65536, 65537, 1 << 20, 4 << 20]:
			if size > MAX:
				continue
			text = os.urandom(size // 2).hex().encode()
			self.ask("sizes", b'{"text":"%s"}' % text)
			self.ask("sizes", b'{"result":%d}' % size)
			if size >= 1 << 20:
				time.sleep(0.5)

	def splits(self):
		for at in range(1, len(self.line("split", b'{"at":10}')), STEP):
			self.ask("split", b'{"at":%d}' % at, lambda line: self.out.split(line, at))

	def several(self):
		text = []
		for i in range(MANY):
			arguments = b'{"i":%d,"text":"\\n \\" } ]"}' % i
			self.sent("several", arguments)
			text += [self.line("several", arguments), b'{"jsonrpc":"2.0","method":"notifications/x"}\n', b"\n \r\n"]
		self.out.write(b"".join(text))
		self.receive(*["several"] * MANY)

	def batch(self):
		arguments = [b'{"b":%d}' % i for i in range(3)]
		for one in arguments:
			self.sent("batch", one)
		self.out.write(b"[" + b",".join(self.line("batch", a).strip() for a in arguments) + b"]\n")
		self.receive(*["batch"] * 3)

	def threads(self):
		"""In which order they come is up to the pipe: what the server says counts."""
		text = [[self.line("threads", b'{"t":%d,"i":%d,"text":"%s"}' % (t, i, b"x" * (i * 1500 // MANY))) for i in range(MANY)]
			for t in range(4)]
		all = [threading.Thread(target=lambda t=t: [self.out.write(line) for line in text[t]]) for t in range(4)]
		for t in all:
			t.start()
		self.receive(*["threads"] * 4 * MANY)
		for t in all:
			t.join()

	def bad(self):
		self.ask("error", b"{}")
		self.ask("failed", b"{}")
		self.out.write(b'{"jsonrpc":"2.0","id":"nobody","result":{}}\n')
		self.out.write(b'{"jsonrpc":"2.0","id":1000,"method":"ping"}\n')
		next(self.lines)

	def noise(self):
		self.out.write(b"some text\n")
		self.ask("noise", b"{}")

	def late(self):
		self.ask("late", b'{"text":"%s"}' % (b"\\\"jsonrpc\\\"" * 20000), late=True)

	def flood(self):
		for i in range(12):
			self.out.write(self.line("flood", b'{"text":"%s"}' % (b"f" * (1 << 20))))
			next(self.lines)

	def last(self):
		self.ask("last", b"{}")

	def end(self):
		for fd in set(self.mine):
			if fd == self.mine[0] == self.mine[1]:
				socket.socket(fileno=os.dup(fd)).shutdown(socket.SHUT_WR)
			elif fd == self.mine[1]:
				os.close(fd)
		for line in self.lines:
			print("unexpected", line)
		sys.exit(self.child.wait())


def client(streams, how, steps):
	c = Client(streams, how)
	if not steps[0].startswith("late"):
		c.greet()
	for step in steps:
		if step.startswith("wait="):
			open("ready", "w").close()
			while not os.path.exists(step[5:]):
				time.sleep(0.01)
		else:
			getattr(c, step)()
	c.end()


# ---- the trail ----


def seen(path):
	for line in open(path):
		event = json.loads(line)
		name = event.get("activity", "").split("/")[-1]
		if name == "flood":
			continue
		if event["type"] == "tool.call":
			print("call", name, event["call"].get("args_hash", "sha256:none")[7:])
		elif event["type"] == "tool.result":
			print("result", name, event["content"]["response_sha256"])


def main():
	what, *rest = sys.argv[1:]
	if what == "server":
		Server(rest[0]).serve()
	elif what == "client":
		client(rest[0], rest[1], rest[2:])
	else:
		seen(rest[0])


main()
