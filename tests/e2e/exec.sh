#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Programs: a denied one does nothing, whatever way it is started; an allowed one runs unchanged.
# Far end: the file that /usr/bin/touch would create, and what the program would have printed.
# shellcheck disable=SC2016,SC2317 # code for other shells; functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root

python=/usr/bin/python3
tier=$("$WARDEN" doctor -o json | "$python" -c '
import json, sys
print(*(f["tier"] for f in json.load(sys.stdin)["facilities"] if f["activity"] == "exec" and f["used"]))')

# refused WANT CMD...: CMD, which makes ./mark in the end, does so when allowed, and not when denied.
# in=run: in a workload of its own.
standing=1
refused() {
	allowed "$@"
	exists mark
	rm -f mark
	"${in:-shared}" "${denied_status:-*}" "${@:2}"
	absent mark
}

recorded() {
	some_line audit type=exec decision.verdict=deny "$@"
}

by_path() {
	policy 'deny: ["exec:/usr/bin/touch"]'
	refused 0 sh -c '/usr/bin/touch mark; true'
	recorded activity=exec:/usr/bin/touch decision.layer=deny 'decision.rule=deny?0?' \
		'decision.at=*policy.yaml:3:*' decision.matched=exec:/usr/bin/touch
}

by_path_lookup() {
	policy 'deny: ["exec:/usr/bin/touch"]'
	refused 0 sh -c 'touch mark; true'
}

# The policy names a path through a symbolic link; programs are known by the file that runs.
by_other_name() {
	policy "deny: [\"exec:$1\"]"
	refused 0 sh -c "$2 mark; true"
	recorded activity=exec:/usr/bin/touch
}

by_symlink() {
	ln -s /usr/bin/touch innocent
	policy 'deny: ["exec:/usr/bin/touch"]'
	refused 0 sh -c './innocent mark; true'
	recorded 'exec.args.0=./innocent'
}

by_relative_path() {
	policy 'deny: ["exec:/usr/bin/touch"]'
	refused 0 sh -c 'here=$PWD; cd /usr; bin/../bin/./touch "$here/mark"; true'
}

by_proc_root() {
	policy 'deny: ["exec:/usr/bin/touch"]'
	refused 0 sh -c '/proc/self/root/usr/bin/touch mark; true'
}

# touch is the script's interpreter: the file that runs is touch.
by_interpreter() {
	printf '#!/usr/bin/touch mark\n' >script
	chmod 755 script
	policy 'deny: ["exec:/usr/bin/touch"]'
	refused 0 sh -c './script; true'
}

by_glob() {
	policy 'deny: ["exec:/usr/bin/tou*"]'
	refused 0 sh -c 'touch mark; true'
}

by_exec_builtin() {
	policy 'deny: ["exec:/usr/bin/touch"]'
	denied_status='126|137' refused 0 sh -c 'exec touch mark'
}

by_spawn() {
	policy 'deny: ["exec:/usr/bin/touch"]'
	refused 0 "$python" "$lib/spawn.py" "$1" /usr/bin/touch mark
	# An error of the call, or a child that was killed before it ran.
	has out '^(error EPERM|signal 9)$'
}

prints_nothing() {
	policy 'deny: ["exec:/usr/bin/id"]'
	allowed 0 sh -c 'id; true'
	has out uid=
	run 0 sh -c 'id; echo still here'
	same "$(<out)" 'still here' 'what was printed'
}

many_at_once() {
	policy 'deny: ["exec:/usr/bin/touch"]'
	shared 0 sh -c 'for n in 1 2 3 4 5 6 7 8; do
			(i=0; while [ $i -lt 25 ]; do /usr/bin/touch mark.$n.$i; i=$((i + 1)); done) &
		done; wait'
	same "$(find . -name 'mark*' | wc -l)" 0 'programs that ran'
}

except_is_allowed() {
	policy 'deny: [{match: "exec:/usr/bin/*", except: ["exec:/usr/bin/touch", "exec:/usr/bin/sh"]}]'
	run 0 sh -c 'touch mark; /usr/bin/id; true'
	exists mark
	hasnt out uid=
}

action_kill() {
	policy 'deny: [{match: "exec:/usr/bin/touch", action: kill}]'
	run '137' sh -c 'exec touch mark; echo survived'
	absent mark
	hasnt out survived
	some_line audit type=exec decision.verdict=kill
}

allow_list() {
	policy 'allow: ["exec:/usr/bin/sh", "exec:/usr/bin/touch"]'
	run 0 sh -c 'touch mark; id; true'
	exists mark
	same "$(<out)" '' 'what id printed'
	some_line audit type=exec activity=exec:/usr/bin/touch decision.verdict=allow
	recorded activity=exec:/usr/bin/id decision.layer=allow decision.rule=allow
}

default_deny() {
	policy 'default: {exec: deny}'
	in=run denied_status=126 refused 0 touch mark
	recorded decision.rule=default
}

mode_audit() {
	policy 'mode: audit' 'deny: ["exec:/usr/bin/touch"]'
	run 0 sh -c 'touch mark'
	exists mark
	some_line audit type=exec activity=exec:/usr/bin/touch decision.verdict=audit
}

audited_rule() {
	policy 'deny: [{match: "exec:/usr/bin/touch", mode: audit}, "exec:/usr/bin/id"]'
	run 0 sh -c 'touch mark; id; true'
	exists mark
	hasnt out uid=
	some_line audit type=exec activity=exec:/usr/bin/touch decision.verdict=audit
}

# A tool's name stands for its activities.
by_tool() {
	policy 'tools: {toucher: {match: ["exec:/usr/bin/touch"]}}' 'deny: [toucher]'
	refused 0 sh -c 'touch mark; true'
	recorded tool=toucher
}

# argument_refused CMD...: the shell that starts CMD reads it from its standard input.
argument_refused() {
	policy 'content: [{name: words, deny: ["forbidden phrase"], in: [exec]}]'
	printf '%s\n' "$1" >script # sh reads it, so that only touch has the phrase as an argument
	refused 0 sh script
	recorded activity=exec:/usr/bin/touch decision.layer=content decision.rule=words
}

argument_of_another_case() {
	argument_refused 'touch mark "x FORBIDDEN Phrase y" || true'
}

argument_far_behind() {
	argument_refused 'touch mark $(seq 3000) "a forbidden phrase" || true'
}

argument_of_100_kb() {
	argument_refused 'touch mark "$(printf "%100000s" "forbidden phrase")" || true'
}

across_arguments() {
	argument_refused 'touch mark forbidden phrase || true'
}

# More than the 2 MiB that arguments may have by default: a large stack limit makes room for 6.
argument_behind_4_mb() {
	cat >many.py <<-'END'
		import os, resource
		resource.setrlimit(resource.RLIMIT_STACK, (-1, -1))
		many = ["x" * 100000] * 40
		os.execv("/bin/sh", ["sh", "-c", "touch mark", "sh", *many, "a forbidden phrase"])
	END
	policy 'content: [{name: words, deny: ["forbidden phrase"], in: [exec]}]'
	denied_status='126|137|1' refused 0 "$python" many.py
	recorded activity=exec:/usr/bin/dash decision.layer=content decision.rule=words
}

# by_condition RULES CODE WANTED...: CODE starts touch, which makes ./mark, in a way that the condition in
# RULES is against; another way is not.
by_condition() {
	policy "$1"
	printf '%s\n' "$2" >script # sh reads it, so that only touch has the phrase as an argument
	refused 0 sh script
	recorded activity=exec:/usr/bin/touch "${@:3}"
	printf '%s\n' 'touch fine || true' >script
	shared 0 sh script
	exists fine
}

conditions_deny() {
	by_condition "deny: [{id: no, match: \"exec:/usr/bin/touch\", $1}]" "$2" decision.layer=deny \
		decision.rule=no decision.matched=exec:/usr/bin/touch
}

conditions_allow() {
	by_condition "allow: [\"exec:/bin/sh\", \"exec:/usr/bin/seq\", {match: \"exec:/usr/bin/touch\", $1}]" \
		"$2" decision.layer=allow decision.rule=allow
}

# Exact: another case is another phrase, and parts of one are none.
conditions_are_exact() {
	policy 'deny: [{match: "exec:/usr/bin/touch", args: {any: ["MARK", "mark2"]}}]'
	run 0 touch mark
	exists mark
}

# Each entry for the program counts, not only the first.
first_that_holds() {
	policy 'allow:' '  - "exec:/bin/sh"' \
		'  - {id: one, match: "exec:/usr/bin/touch", args: {none: ["mark"]}}' \
		'  - {id: two, match: "exec:/usr/bin/touch", args: {any: ["-a", "-c"]}, env: {none: ["EVIL="]}}'
	refused 0 sh -c 'touch mark; true'
	shared 0 sh -c 'touch -a mark && touch fine'
	exists mark
	exists fine
	some_line audit 'exec.args.1=-a' decision.verdict=allow decision.rule=two
	some_line audit 'exec.args.1=fine' decision.verdict=allow decision.rule=one
	rm mark
	shared 0 sh -c 'EVIL= touch -a mark; true'
	absent mark
}

# Only by the environment that the program gets, and nothing of it is recorded.
by_no_environment() {
	policy 'allow: ["exec:/usr/bin/env", {match: "exec:/usr/bin/touch", env: {any: ["KEY=s3cr3t"]}}]'
	in=run denied_status='126|137' refused 0 env -i /usr/bin/touch mark
	run 0 env -i KEY=s3cr3t /usr/bin/touch mark
	exists mark
	! grep s3cr3t audit | grep -v '"path":"/usr/bin/env"'
}

# The interpreter's arguments are those that the kernel makes of the script's first line.
of_an_interpreter() {
	printf '#!%s -I\nopen("mark", "w")\n' "$python" >script
	printf '#!%s\nopen("mark", "w")\n' "$python" >other
	chmod 755 script other
	policy "allow: [\"exec:/bin/sh\", \"exec:$PWD/*\"," \
		"  {match: \"exec:$(readlink -f "$python")\", args: {any: [\" -I $PWD/s\"]}}]"
	shared 0 sh -c "$PWD/script"
	exists mark
	rm mark
	refused 0 sh -c "$PWD/other -I; true"
}

# A script's are those that it was called with.
of_a_script() {
	printf '#!/bin/sh\n>mark\n' >script
	chmod 755 script
	policy "deny: [{match: \"exec:$PWD/script\", args: {any: [\"now\"]}}]"
	refused 0 sh -c './script now; true'
	shared 0 sh -c './script later'
	exists mark
}

# Another thread writes over the arguments while they are looked at. What the program got is what counts.
changed_meanwhile() {
	cat >flip.py <<-'END'
		import ctypes, itertools, os, threading, time
		libc = ctypes.CDLL(None)
		name = ctypes.create_string_buffer(b"fine")
		argv = (ctypes.c_char_p * 3)(b"touch", ctypes.cast(name, ctypes.c_char_p), None)
		def flip():  # one at a time: where there is one processor, threads change places between two rounds
		    for text in itertools.cycle((b"mark\0", b"fine\0")):
		        name.raw = text
		for i in range(60):
		    pid = os.fork()
		    if not pid:
		        threading.Thread(target=flip, daemon=True).start()
		        time.sleep(i % 7 / 1000)
		        libc.execve(b"/usr/bin/touch", argv, None)
		        os._exit(0)
		    os.waitpid(pid, 0)
	END
	allowed 0 "$python" flip.py
	exists mark
	exists fine
	rm mark fine
	policy "allow: [\"exec:$(readlink -f "$python")\", {match: \"exec:/usr/bin/touch\", args: {none: [mark]}}]"
	run 0 "$python" flip.py
	absent mark
	exists fine
}

# changed_in_the_run CODE: CODE makes or changes a file, and begins to run it.
changed_in_the_run() {
	local rules="allow: [\"exec:/usr/bin/*\", {match: [\"exec:$PWD/here\", \"exec:$PWD/made\"]"
	cp /usr/bin/touch here
	policy "$rules}]"
	shared 0 sh -c './here mark'
	exists mark
	rm mark
	refused 0 sh -c "$1 mark; true"
	recorded decision.layer=allow decision.rule=allow 'decision.reason=*changed since the run began'
	policy "$rules, changed: true}]"
	run 0 sh -c "$1 mark; true"
	exists mark
}

# A program in memory is memfd:NAME; exec:* does not stand for it.
in_memory() {
	cat >memory.py <<-'END'
		import os, sys
		fd = os.memfd_create(sys.argv[1])
		with open("/usr/bin/touch", "rb") as touch:
		    os.write(fd, touch.read())
		pid = os.fork()
		if not pid:
		    try:
		        os.execve(fd, ["touch", "mark"], os.environ)
		    finally:
		        os._exit(0)
		os.waitpid(pid, 0)
	END
	policy "$1"
	refused 0 "$python" memory.py evil
	recorded activity=exec:memfd:evil exec.path=memfd:evil
	[[ -z ${2:-} ]] || shared 0 "$python" memory.py "$2"
	[[ -z ${2:-} ]] || exists mark
}

# The agent's own root, in which touch is called id. Names are those of the machine.
below_own_root() {
	local library
	mkdir -p root/usr/bin
	cp /usr/bin/touch root/usr/bin/id
	for library in $(ldd /usr/bin/touch | grep -o '/[^ ]*'); do
		cp --parents -L "$library" root/
	done
	ln -s root/mark mark
	policy 'allow: ["exec:/usr/bin/dash", "exec:/usr/sbin/chroot", "exec:/usr/bin/id"]'
	allowed 0 sh -c '/usr/sbin/chroot root /usr/bin/id mark; true'
	exists root/mark
	rm root/mark
	run 0 sh -c '/usr/sbin/chroot root /usr/bin/id mark; true'
	absent root/mark
	recorded 'exec.path=*/root/usr/bin/id'
}

# A file system that hangs nowhere any more, in which touch is called /usr/bin/id.
on_a_detached_mount() {
	mkdir mnt
	mount -t tmpfs tmpfs mnt
	mkdir -p mnt/usr/bin
	cp /usr/bin/touch mnt/usr/bin/id
	exec 9<mnt/usr/bin/id
	umount -l mnt
	policy 'allow: ["exec:/usr/bin/dash", "exec:/usr/bin/id"]'
	in=run standing='' refused 0 sh -c '/proc/self/fd/9 mark; true'
	recorded decision.layer=allow 'exec.args.1=mark'
}

command_denied() {
	policy 'deny: ["exec:/usr/bin/touch"]'
	in=run denied_status=126 refused 0 /usr/bin/touch mark
	recorded activity=exec:/usr/bin/touch
	some_line audit type=run.end
	has err '^warden: .*touch'
}

command_denied_by_content() {
	policy 'content: [{name: words, deny: ["mark"], in: [exec]}]'
	in=run denied_status=126 refused 0 /usr/bin/touch mark
}

statuses() {
	run 0 true
	run 7 sh -c 'exit 7'
	run 255 sh -c 'exit 255'
	run 126 /etc/passwd
	run 127 /no/such/program
	run 127 no-such-program-anywhere
	run 137 sh -c 'kill -KILL $$'
	run 143 sh -c 'kill -TERM $$'
	some_line audit type=run.end end.exit=7
	some_line audit type=run.end end.exit=137
}

# passes_signal NAME STATUS: a command that minds the signal decides, one that does not dies of it.
passes_signal() {
	local pid
	cat >minds.py <<-'END'
		import signal, sys, time
		caught = []
		for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
		    signal.signal(s, lambda n, f: caught.append(n))
		print("ready", flush=True)
		deadline = time.monotonic() + 60
		while not caught and time.monotonic() < deadline:
		    time.sleep(0.01)
		print("caught", signal.Signals(caught[0]).name, flush=True)
		sys.exit(5)
	END
	env --default-signal "$WARDEN" run --audit audit -- "$python" minds.py >out 2>err &
	pid=$!
	within 20 grep -q ready out
	kill -"$1" "$pid"
	ends "$pid" 5
	has out "caught SIG$1"
	rm out # or its line would do for the second command's
	env --default-signal "$WARDEN" run --audit audit -- sh -c 'echo ready; exec sleep 60' >out 2>err &
	pid=$!
	within 20 grep -q ready out
	kill -"$1" "$pid"
	ends "$pid" "$2"
}

# Every signal that can be caught and is no fault of warden's own; each is in its turn.
passes_every_signal() {
	local pid name
	cat >minds_all.py <<-'END'
		import os, signal, time
		faults = {signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE,
		          signal.SIGSEGV, signal.SIGSYS, signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}
		for s in set(signal.valid_signals()) - faults:
		    signal.signal(s, lambda n, f: print(f"<{n}>", flush=True))
		print("ready", os.getpid(), flush=True)
		while True:
		    time.sleep(60)
	END
	env --default-signal "$WARDEN" run --audit audit -- "$python" minds_all.py >out 2>err &
	pid=$!
	within 20 grep -q ready out
	for name in HUP INT QUIT USR1 USR2 PIPE ALRM TERM STKFLT CONT TSTP TTIN TTOU URG XCPU XFSZ VTALRM \
		PROF WINCH IO PWR RTMIN RTMIN+7 RTMAX; do
		kill -"$name" "$pid"
		within 5 grep -q "<$(kill -l "$name")>" out
	done
	same "$(grep -c '<' out)" 24 'signals, each once'
	kill -KILL "$(sed -n 's/^ready //p' out)"
	ends "$pid" 137
	some_line audit type=run.end end.exit=137
}

# What the workload sends to its whole process group is not sent to the command once more.
sent_to_the_group() {
	status_is 0 setsid -w env --default-signal "$WARDEN" run --quiet --audit inner -- \
		sh -c 'trap "echo got" USR1; kill -USR1 0; sleep 1; :'
	same "$(<out)" got 'times'
}

# What ends a program by default ends the command, and the trail says so.
dies_of() {
	local pid
	env --default-signal "$WARDEN" run --audit audit -- sh -c 'echo ready; exec sleep 60' >out 2>err &
	pid=$!
	within 20 grep -q ready out
	kill -"$1" "$pid"
	ends "$pid" "$2"
	some_line audit type=run.end end.exit="$2"
	rm audit out
}

dies_of_others() {
	dies_of XCPU 152
	dies_of IO 157
	dies_of PROF 155
	dies_of VTALRM 154
	dies_of RTMIN 162
}

# An alarm that was set before exec is meant for the command.
alarm_is_passed_on() {
	status_is 142 "$python" -c 'import os, signal, sys
signal.alarm(3)
os.execvp(sys.argv[1], sys.argv[1:])' "$WARDEN" run --audit audit -- sleep 60
}

# Who ignores SIGCHLD would never learn of an end; the command still ignores it.
sigchld_ignored() {
	status_is 3 "$python" -c 'import os, signal, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
os.execvp(sys.argv[1], sys.argv[1:])' "$WARDEN" run --audit audit -- \
		"$python" -c 'import signal, sys; print(repr(signal.getsignal(signal.SIGCHLD))); sys.exit(3)'
	has out SIG_IGN
}

# What the command left behind under nohup outlives the terminal.
hangup_ignored() {
	local pid
	nohup "$WARDEN" run --audit audit -- sh -c '(sleep 3; echo done >mark) & echo up' >out 2>err &
	pid=$!
	within 20 grep -q up out
	within 20 lines count audit type=exit
	sleep 0.5
	kill -HUP "$pid"
	ends "$pid" 0
	exists mark
}

is_stopped() {
	[[ $(ps -o stat= -p "$1") == T* ]]
}

is_running() {
	! is_stopped "$1"
}

longer() {
	(($(wc -c <"$1") > $2))
}

# Nothing of the workload may run while warden does not: not what left the process group either.
stopped_and_continued() {
	local pid child before
	env --default-signal "$WARDEN" run --audit audit -- sh -c '
		setsid sh -c "while sleep 0.05; do echo x >>beat; done" >/dev/null 2>&1 &
		echo $$; exec sleep 60' >out 2>err &
	pid=$!
	within 20 test -s beat
	child=$(<out)
	for _ in 1 2; do
		kill -TSTP "$pid"
		within 5 is_stopped "$pid"
		is_stopped "$child"
		sleep 0.2
		before=$(wc -c <beat)
		sleep 0.5
		same "$(wc -c <beat)" "$before" 'beats while stopped'
		kill -CONT "$pid"
		within 5 is_running "$pid"
		within 5 is_running "$child"
		within 5 longer beat "$before"
	done
	# A command that somebody else stops is still watched, and may be continued by anybody.
	kill -STOP "$child"
	within 5 is_stopped "$child"
	sleep 0.3
	is_running "$pid"
	kill -CONT "$child"
	kill -TERM "$pid"
	within 5 gone "$child"
	kill -TERM "$pid"
	ends "$pid" 143
}

killed_while_stopped() {
	local pid child
	env --default-signal "$WARDEN" run --audit audit -- sh -c 'echo $$; exec sleep 60' >out 2>err &
	pid=$!
	within 20 test -s out
	child=$(<out)
	kill -TSTP "$pid"
	within 5 is_stopped "$pid"
	kill -KILL "$pid"
	within 5 gone "$child"
}

death_by_a_signal() {
	local pid child
	"$WARDEN" run --audit audit -- sh -c 'echo $$; exec sleep 60' >out 2>err &
	pid=$!
	within 20 test -s out
	child=$(<out)
	kill -USR1 "$child"
	ends "$pid" $((128 + 10))
}

streams_untouched() {
	head -c 3000000 /dev/urandom >sent
	timeout 60 "$WARDEN" run --audit audit -- cat <sent >received 2>err
	cmp sent received
	# Standard error is CMD's too: its bytes are there, beside warden's own lines.
	timeout 60 "$WARDEN" run --audit audit -- sh -c 'printf "one\0two\n" >&2' >out 2>err
	same "$(grep -av '^warden: ' err | od -An -c | tr -d ' ')" 'one\0two\n' 'standard error'
	same "$(<out)" '' 'standard output'
}

closed_streams() {
	timeout 60 "$WARDEN" run --audit audit -- sh -c 'exit 3' <&- >&- 2>&- &
	ends $! 3
	some_line audit type=run.end end.exit=3
}

# A caller that wants to hear nothing of its children hands that on; CMD finds it as it was.
ends_of_children_ignored() {
	cat >ignore.py <<-'END'
		import os, signal, sys
		signal.signal(signal.SIGCHLD, signal.SIG_IGN)
		os.execv(sys.argv[1], sys.argv[1:])
	END
	status_is 0 /usr/bin/python3 ignore.py "$WARDEN" run --audit audit -- \
		grep SigIgn /proc/self/status
	same "$((0x$(sed 's/.*\t//' out) >> 16 & 1))" 1 'SIGCHLD is ignored'
}

few_open_files() {
	ulimit -S -n 30
	run 0 sh -c 'ulimit -n'
	same "$(<out)" 30 'limit of the command'
}

reader_goes_away() {
	timeout 60 "$WARDEN" run --audit audit -- yes 2>err | head -n 1 >out || true
	same "$(<out)" y 'first line'
	within 5 grep -q run.end audit
}

without_terminal() {
	setsid -w timeout 60 "$WARDEN" run --audit audit -- sh -c 'tty; exit 4' </dev/null >out 2>err &
	ends $! 4
	has out 'not a tty'
}

# On a terminal CMD is in the foreground: it reads, and ^C reaches it.
with_terminal() {
	cat >terminal.py <<-'END'
		import os, pty, sys, time
		pid, master = pty.fork()
		if not pid:
		    os.execvp(sys.argv[1], sys.argv[1:])
		seen = b""
		def until(text):
		    global seen
		    deadline = time.monotonic() + 60
		    while text not in seen and time.monotonic() < deadline:
		        seen += os.read(master, 1000)
		until(b"name?")
		os.write(master, b"ada\n")
		until(b"hello ada")
		os.write(master, b"\x03")
		try:
		    while True:
		        seen += os.read(master, 1000)
		except OSError:
		    pass
		print(seen.decode())
		sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
	END
	status_is 130 "$python" terminal.py "$WARDEN" run --audit audit -- \
		sh -c 'echo "name?"; read name; echo "hello $name"; exec sleep 60'
	has out 'hello ada'
}

# Ctrl-Z gives the terminal back to the shell, and `fg` goes on with both. The command starts no
# programs: with or without warden, none stops that waits for a vfork() whose child was stopped.
with_job_control() {
	cat >jobs.py <<-'END'
		import os, pty, signal, sys, time
		def lead():
		    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
		    job = os.fork()
		    if not job:
		        os.setpgid(0, 0)
		        os.tcsetpgrp(0, os.getpid())
		        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
		        os.execvp(sys.argv[1], sys.argv[1:])
		    for _ in range(2):
		        _, status = os.waitpid(job, os.WUNTRACED)
		        if not os.WIFSTOPPED(status):
		            break
		        os.tcsetpgrp(0, os.getpid())
		        print("stopped by", signal.Signals(os.WSTOPSIG(status)).name, flush=True)
		        time.sleep(0.3)
		        os.tcsetpgrp(0, job)
		        os.killpg(job, signal.SIGCONT)
		    else:
		        _, status = os.waitpid(job, 0)
		    print("ended with", os.waitstatus_to_exitcode(status), flush=True)
		    os._exit(0)
		pid, master = pty.fork()
		if not pid:
		    lead()
		seen = b""
		def until(text):
		    global seen
		    deadline = time.monotonic() + 60
		    while text not in seen and time.monotonic() < deadline:
		        seen += os.read(master, 1000)
		    seen = seen.partition(text)[2]
		    print(text.decode())
		until(b"beat")
		for _ in range(2):
		    os.write(master, b"\x1a")
		    until(b"stopped by SIGTSTP")
		    until(b"beat")
		os.write(master, b"\x03")
		until(b"ended with 130")
	END
	status_is 0 env --default-signal "$python" jobs.py "$WARDEN" run --audit audit -- \
		"$python" -uc 'import time
while True:
    print("beat")
    time.sleep(0.1)'
	same "$(xargs <out)" 'beat stopped by SIGTSTP beat stopped by SIGTSTP beat ended with 130' 'order'
}

leaves_nothing_running() {
	run 0 sh -c 'setsid sleep 3 >/dev/null 2>&1 & echo $!'
	gone "$(<out)"
}

# Under sudo the command is run as the calling user.
under_sudo() {
	chmod 777 .
	SUDO_UID=65534 SUDO_GID=65534 SUDO_USER=nobody run 0 sh -c 'id -u; id -g; id -Gn; echo "$HOME"'
	same "$(head -n 2 out | xargs)" '65534 65534' 'user and group'
	same "$(sed -n 3p out)" "$(id -Gn nobody)" 'groups'
	same "$(sed -n 4p out)" "$(getent passwd nobody | cut -d: -f6)" 'home'
	some_line audit type=exec process.uid=65534
}

as_chosen_user() {
	run_options=(--uid nobody)
	run 0 sh -c 'id -u; id -G; grep -E "^Cap(Prm|Eff)" /proc/self/status'
	same "$(sed -n 1p out)" 65534 user
	same "$(sed -n 2p out)" "$(id -G nobody)" groups
	has out 'CapEff:.0000000000000000'
}

as_chosen_number() {
	run_options=(--uid 54321)
	run 0 sh -c 'id -u; id -g; id -G; echo "$HOME" "$USER" "$LOGNAME"'
	same "$(xargs <out)" '54321 54321 54321 /' 'user, group, groups, home and no name'
	some_line audit type=exec process.uid=54321
}

found_in_path() {
	mkdir bin
	printf '#!/bin/sh\necho mine\n' >bin/special
	chmod 755 bin/special
	PATH=$PWD/bin:$PATH run 0 special
	same "$(<out)" mine output
}

check 'denied by its path' by_path
check 'denied when found in PATH' by_path_lookup
check 'denied through a link in the policy, run by its real name' by_other_name /bin/touch /usr/bin/touch
check 'denied through a link in the policy, run by that link' by_other_name /bin/touch /bin/touch
check 'denied by its real name, run by a linked directory' by_other_name /usr/bin/touch /bin/touch
check 'denied when run by a symbolic link' by_symlink
check 'denied when run by a relative path' by_relative_path
check 'denied when run through /proc/self/root' by_proc_root
check 'denied as an interpreter' by_interpreter
check 'denied by a glob' by_glob
check 'denied in place of the shell' by_exec_builtin
for how in subprocess fork posix_spawn fexecve thread; do
	check "denied when started by $how" by_spawn $how
done
check 'a denied program prints nothing' prints_nothing
check 'two hundred denied at once' many_at_once
check 'except' except_is_allowed
check 'action: kill' action_kill
check 'an allow list closes exec' allow_list
check 'default: {exec: deny}' default_deny
check 'mode: audit blocks nothing' mode_audit
check 'a rule with mode: audit blocks nothing' audited_rule
check 'denied by a tool' by_tool
check 'arguments: of another case' argument_of_another_case
check 'arguments: behind 3000 others' argument_far_behind
check 'arguments: at the end of 100 kB' argument_of_100_kb
check 'arguments: a phrase across two' across_arguments
check 'arguments: behind 4 MB of others' argument_behind_4_mb
check 'conditions: args.any denies' conditions_deny 'args: {any: ["a mark"]}' 'touch -a mark || true'
check 'conditions: args.none does not admit' conditions_allow 'args: {none: ["mark"]}' 'touch mark || true'
check 'conditions: args behind 3000 others' conditions_deny 'args: {any: ["the phrase"]}' \
	'touch mark $(seq 3000) "the phrase" || true'
check 'conditions: args at the end of 100 kB' conditions_allow 'args: {none: ["phrase"]}' \
	'touch mark "$(printf "%100000s" "phrase")" || true'
check 'conditions: args across two' conditions_deny 'args: {any: ["mark the phrase"]}' \
	'touch mark the phrase || true'
check 'conditions: env.any denies' conditions_deny 'env: {any: ["LD_PRELOAD="]}' \
	'LD_PRELOAD= touch mark || true'
check 'conditions: env.none does not admit' conditions_allow 'env: {none: ["LD_PRELOAD="]}' \
	'LD_PRELOAD= touch mark || true'
check 'conditions: env behind much else' conditions_deny 'env: {any: ["EVIL=x"]}' \
	'for i in $(seq 600); do export "V$i=$i"; done; BIG="$(printf "%100000s" EVIL=x)" touch mark || true'
check 'conditions: exact case' conditions_are_exact
check 'conditions: the first that holds of several' first_that_holds
check 'conditions: an empty environment' by_no_environment
check 'conditions: the arguments of an interpreter' of_an_interpreter
if [[ $tier == lsm ]]; then
	check 'conditions: the arguments of a script' of_a_script
else
	skip 'conditions: the arguments of a script' "the tier $tier does not know scripts"
fi
check 'conditions: arguments that change meanwhile' changed_meanwhile
check 'changed: a copy' changed_in_the_run 'cp /usr/bin/touch made; ./made'
check 'changed: a copy that is dated back' changed_in_the_run \
	'cp /usr/bin/touch made; touch -d 2001-01-01 made; ./made'
check 'changed: its content' changed_in_the_run 'printf x >>here; ./here'
check 'changed: its mode' changed_in_the_run 'chmod 711 here; ./here'
check 'changed: its names' changed_in_the_run 'ln -f here made; ./here'
check 'in memory: denied by its name' in_memory 'deny: ["exec:memfd:ev*"]' good
check 'in memory: not admitted by exec:*' in_memory 'allow: ["exec:*"]'
check 'in memory: admitted by its name' in_memory \
	'allow: ["exec:/*", "exec:memfd:good"]' good
check "below a root of the agent's own" below_own_root
check 'on a detached mount' on_a_detached_mount
check 'the command itself denied: 126' command_denied
check 'the command itself denied by its arguments: 126' command_denied_by_content
portable 'exit statuses' statuses
portable 'SIGTERM is passed on' passes_signal TERM 143
portable 'SIGINT is passed on' passes_signal INT 130
portable 'SIGHUP is passed on' passes_signal HUP 129
portable 'SIGUSR1 is passed on' passes_signal USR1 138
portable 'every other signal is passed on, once' passes_every_signal
check 'a signal to its own process group arrives once' sent_to_the_group
portable 'signals that end warden end the command instead' dies_of_others
portable 'an alarm from before is passed on' alarm_is_passed_on
portable 'SIGCHLD ignored by the caller' sigchld_ignored
portable 'nohup holds for what is left, too' hangup_ignored
portable 'SIGTSTP stops the workload and warden, SIGCONT continues both' stopped_and_continued
portable 'SIGKILL while stopped' killed_while_stopped
portable 'death by a signal is told' death_by_a_signal
portable 'standard streams are untouched' streams_untouched
portable 'closed standard streams' closed_streams
portable 'a caller that ignores the ends of its children' ends_of_children_ignored
portable 'a low limit of open files' few_open_files
portable 'a reader that goes away' reader_goes_away
portable 'without a terminal' without_terminal
portable 'with a terminal' with_terminal
portable 'Ctrl-Z and fg' with_job_control
check 'nothing of the workload stays behind' leaves_nothing_running
portable 'under sudo' under_sudo
portable '--uid' as_chosen_user
portable '--uid with a number that no account has' as_chosen_number
portable 'found in the PATH of the call' found_in_path
finish
