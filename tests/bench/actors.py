# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""Who takes part in the benchmark: warden, the empty probes, a web server, and what is measured."""
import contextlib
import dataclasses
import os
import re
import select
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

LIMIT = 30  # seconds that anything may take
OURS = {b"scope_newtask", b"tls_leave", b"empty_enter", b"empty_leave"}
SUMMARY = re.compile(rb"warden: (\d+) programs?, (\d+) destinations?, (\d+) requests?: (\d+) denied")
LOST = re.compile(rb"warden: lost (\d+) records: (\S+)")
TLS_SECONDS = 1


class Failed(Exception):
    """Something could not be measured; the text says what and why."""


def tail(text):
    return text.decode(errors="replace").strip()[-500:]


# ---- processes ----


@dataclasses.dataclass
class Ended:
    """A process that has ended. Times in nanoseconds of CLOCK_MONOTONIC."""

    status: int
    out: bytes
    err: bytes
    begin: int
    end: int
    cpu: int  # of the process itself, without children
    rss: int  # bytes, the most that was seen


def peak_rss(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def cpu_time(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as stat:
        return int(stat.read().split()[0])


def wait_for_end(pid):
    """Waits, without reaping. Returns the largest peak of its memory."""
    rss, fd = 0, os.pidfd_open(pid)
    deadline = time.monotonic() + LIMIT
    try:
        while not select.select([fd], [], [], 0.1)[0]:
            rss = max(rss, peak_rss(pid))
            if time.monotonic() > deadline:
                raise Failed(f"no end after {LIMIT} s")
    finally:
        os.close(fd)
    return rss


def run(argv):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begin = time.monotonic_ns()
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        try:
            rss = wait_for_end(process.pid)
            end, cpu = time.monotonic_ns(), cpu_time(process.pid)
        except BaseException:
            process.terminate()
            raise
        finally:
            status = process.wait()
        out.seek(0)
        err.seek(0)
        ended = Ended(status, out.read(), err.read(), begin, end, cpu, rss)
    if status:
        raise Failed(f"{argv[0]} ended with {status}: {tail(ended.err)}")
    return ended


@contextlib.contextmanager
def holding(argv):
    """Runs argv, which says "ready", behind other lines, and then waits for the end of its input,
    meanwhile."""
    with tempfile.TemporaryFile() as err:
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=err, bufsize=0
        )
        try:
            if not select.select([process.stdout], [], [], LIMIT)[0]:
                raise Failed(f"{argv[0]} is not ready after {LIMIT} s")
            while (line := process.stdout.readline()) and line != b"ready\n":
                pass
            if not line:
                err.seek(0)
                raise Failed(f"{argv[0]}: {tail(err.read())}")
            yield process.pid
        finally:
            process.stdin.close()
            try:
                process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


# What a tracer does that prints what goes through a library: as much of each call as bpftrace takes.
TRACE = """
uprobe:{lib}:SSL_write,uprobe:{lib}:SSL_write_ex,uprobe:{lib}:SSL_read,uprobe:{lib}:SSL_read_ex
{{ @buf[tid] = arg1; @len[tid] = arg2; }}
uretprobe:{lib}:SSL_write,uretprobe:{lib}:SSL_write_ex,uretprobe:{lib}:SSL_read,uretprobe:{lib}:SSL_read_ex
/@buf[tid]/ {{ printf("%r\\n", buf(@buf[tid], @len[tid])); delete(@buf[tid]); delete(@len[tid]); }}
interval:ms:50 {{ printf("ready\\n"); }}
"""


@contextlib.contextmanager
def tracing(stage):
    """bpftrace on the functions of the library that wrk uses, meanwhile."""
    path = os.path.join(stage.directory, "trace")
    argv = ["bpftrace", "-o", path, "-e", TRACE.format(lib=stage.libssl())]
    with tempfile.TemporaryFile() as err:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=err, stderr=err)
        try:
            deadline = time.monotonic() + LIMIT
            while not (os.path.exists(path) and os.path.getsize(path)):
                if process.poll() is not None or time.monotonic() > deadline:
                    err.seek(0)
                    raise Failed(f"bpftrace: {tail(err.read())}")
                time.sleep(0.02)
            yield
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


# ---- the stage ----


class Stage:
    """A directory of our own, and the tools in theirs."""

    def __init__(self, warden, tools, directory):
        self.warden, self.tools, self.directory = warden, tools, directory
        self.wrk = shutil.which("wrk")
        self.bpftrace = shutil.which("bpftrace")
        self.nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        self.url = None
        self.policy = os.path.join(directory, "policy.yaml")
        self.audit = os.path.join(directory, "audit.jsonl")
        self.foreign = set()
        self.foreign = self.loaded()
        self.disturbed = bool(self.foreign)

    def tool(self, name):
        return os.path.join(self.tools, name)

    def loaded(self):
        """Ids of programs like ours that are in the kernel and not a stranger's."""
        listing = subprocess.run(
            [self.tool("probes"), "loaded"], capture_output=True, check=True, timeout=LIMIT
        )
        rows = (line.split(b" ", 1) for line in listing.stdout.splitlines())
        return {int(number) for number, name in rows if name in OURS} - self.foreign

    def settle(self):
        """Waits until all is detached: warden's guardian takes the probes off after its end."""
        deadline = time.monotonic() + 5
        while (left := self.loaded()) and time.monotonic() < deadline:
            time.sleep(0.02)
        if left:
            self.disturbed = True
            self.foreign |= left
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.audit)

    def libssl(self):
        """The file of the library that wrk uses."""
        listing = subprocess.run(["ldd", self.wrk], capture_output=True, check=True, timeout=LIMIT).stdout
        found = re.search(rb"libssl\S* => (\S+)", listing)
        if not found:
            raise Failed("wrk uses no libssl")
        return os.path.realpath(found.group(1).decode())

    def tiers(self):
        """What enforces on this machine, in warden's own words."""
        said = subprocess.run([self.warden, "doctor"], capture_output=True, check=True, timeout=LIMIT)
        found = re.search(rb"^Used here: (.*)$", said.stdout, re.M)
        return found.group(1).decode() if found else "unknown tiers"

    def write_policy(self):
        """One with rules of every kind, which allows all that is done here."""
        programs = [self.tool("loops"), self.tool("stamp"), "/bin/true"]
        lines = ["version: 1", "name: bench", "deny:"]
        lines += ['  - "exec:/usr/bin/nc"', '  - "http:* */admin/*"', "allow:"]
        lines += [f'  - "exec:{path}"' for path in programs + ([self.wrk] if self.wrk else [])]
        lines += ['  - "net:127.0.0.0/8"', '  - "http:GET 127.0.0.1/*"', "content:"]
        lines += ['  - {name: destructive, deny: ["DROP TABLE", "rm -rf"], in: [exec, http]}']
        with open(self.policy, "w", encoding="utf-8") as policy:
            policy.write("\n".join(lines) + "\n")

    def under_warden(self, *argv):
        return [self.warden, "run", "-p", self.policy, "--audit", self.audit, "--", *argv]


# ---- the web server ----

NGINX = """
daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/error.log;
events {{ worker_connections 64; }}
http {{
	access_log off; keepalive_requests 100000000; default_type text/plain;
	client_body_temp_path {dir}/a; proxy_temp_path {dir}/b; fastcgi_temp_path {dir}/c;
	uwsgi_temp_path {dir}/d; scgi_temp_path {dir}/e;
	server {{
		listen 127.0.0.1:{port} ssl; ssl_protocols TLSv1.3;
		ssl_certificate {dir}/cert.pem; ssl_certificate_key {dir}/key.pem;
		set $half {half};
		location / {{ return 200 $half$half; }}
		location /large {{ return 200 {large}; }}
	}}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def far_end(stage):
    """Where the loops connect to: a process outside of every workload."""
    port = str(free_port())
    with holding([stage.tool("loops"), "serve", port]):
        os.environ["LOOPS_PORT"] = port
        yield


def make_certificate(directory):
    argv = ["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    argv += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    argv += ["-keyout", f"{directory}/key.pem", "-out", f"{directory}/cert.pem"]
    subprocess.run(argv, check=True, capture_output=True, timeout=LIMIT)


def answers(port, process):
    deadline = time.monotonic() + 5
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        time.sleep(0.02)
    return False


@contextlib.contextmanager
def web_server(stage):
    """nginx in one process, with TLS 1.3 and answers of 4 KiB, or 64, out of memory."""
    directory, port = stage.directory, free_port()
    conf = os.path.join(directory, "nginx.conf")
    make_certificate(directory)
    with open(conf, "w", encoding="ascii") as file:
        file.write(NGINX.format(dir=directory, port=port, half="x" * 2048, large="$half" * 32))
    argv = [stage.nginx, "-p", directory, "-e", f"{directory}/error.log", "-c", conf]
    with open(os.path.join(directory, "nginx.said"), "wb") as said:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        if not answers(port, process):
            with open(said.name, "rb") as text:
                raise Failed(f"nginx does not start: {tail(text.read())}")
        stage.url = f"https://127.0.0.1:{port}/"
        yield
    finally:
        stage.url = None
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# ---- what is measured ----


@dataclasses.dataclass
class Load:
    """What wrk did. Times in nanoseconds."""

    requests: int
    duration: int
    plaintext: int  # bytes, both directions
    cpu: int  # of wrk


def wrk_argv(stage, path=""):
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "report.lua")
    return [stage.wrk, "-c4", "-t1", f"-d{TLS_SECONDS}s", "-s", script, stage.url + path]


def load_of(out):
    found = re.search(rb"^report (\d+) (\d+) (\d+) (\d+) (\d+)$", out, re.M)
    if not found:
        raise Failed(f"wrk has reported nothing: {tail(out)}")
    requests, micros, plaintext, cpu, errors = map(int, found.groups())
    if errors or not requests or plaintext < 4096 * requests:
        raise Failed(f"wrk: {errors} errors, {requests} requests, {plaintext} bytes")
    return Load(requests, micros * 1000, plaintext, cpu)


def acts_of(out):
    """Nanoseconds an act, by its name: the median of what loops.c printed."""
    rows = (line.split() for line in out.decode().splitlines())
    return {name: statistics.median(map(int, values)) for name, *values in rows}


def map_memory(pid):
    """Bytes of all BPF maps that a process has open."""
    sizes = {}
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as info:
            fields = dict(line.split(":", 1) for line in info if ":" in line)
            if "map_id" in fields:
                sizes[int(fields["map_id"])] = int(fields["memlock"])
    return sum(sizes.values())


@dataclasses.dataclass
class Recorded:
    """What warden says at the end of a run."""

    programs: int
    destinations: int
    requests: int
    lost: dict  # reason -> records


def recorded_of(err):
    found = SUMMARY.search(err)
    if not found:
        raise Failed(f"warden has not summed up: {tail(err)}")
    *counts, denied = map(int, found.groups())
    if denied:
        raise Failed(f"warden denied {denied} acts that were to be allowed: {tail(err)}")
    lost = {}
    for number, reason in LOST.findall(err):
        lost[reason.decode()] = lost.get(reason.decode(), 0) + int(number)
    return Recorded(*counts, lost)
