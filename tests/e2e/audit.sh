#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# The audit trail: every act is in it, it is chained, and without it nothing goes on.
# shellcheck disable=SC2016,SC2317 # code for other shells; functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root
limit=$((120 * slow))

serve net "$T/net"
serve https "$T/https"
read -r port _ <"$T/net/port"
url=https://127.0.0.1:$(<"$T/https/port")
export SSL_CERT_FILE=$T/https/cert.pem
python=/usr/bin/python3
nothing=$top/build/tests/nothing

# loop N: runs a program so often.
loop() {
	echo "i=0; while [ \$i -lt $1 ]; do $nothing; i=\$((i + 1)); done; :"
}

# sound FILE: an implementation of the contract's words on the trail, apart from warden's own.
sound() {
	cat >sound.py <<-'END'
		import hashlib, json, re, sys
		prev, seq, ids = "sha256:" + 64 * "0", None, set()
		decided = {"exec", "connect", "http.request", "opaque", "listen"}
		severities = {"allow": "info", "audit": "medium", "deny": "high", "kill": "high"}
		for number, line in enumerate(open(sys.argv[1], "rb"), 1):
		    assert line.endswith(b"}\n"), f"line {number} is torn"
		    event = json.loads(line)
		    body, found, rest = line.rpartition(b',"hash"')
		    assert found and re.fullmatch(rb':"sha256:[0-9a-f]{64}"}\n', rest), number
		    assert event["hash"] == "sha256:" + hashlib.sha256(body).hexdigest(), number
		    assert event["prev"] == prev, f"line {number} does not follow the one before"
		    assert seq is None or event["seq"] == seq + 1, f"gap before line {number}"
		    assert event["v"] == 1 and event["host"] and event["boot_id"], number
		    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", event["time"]), number
		    assert re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{26}", event["id"]), number
		    assert event["id"] not in ids, f"line {number}: id used twice"
		    assert event["run"]["id"] and event["run"]["name"], number
		    if event["type"] in decided:
		        verdict = event["decision"]["verdict"]
		        assert event["severity"] == severities[verdict], number
		        assert event["activity"], number
		        assert verdict == "allow" or event["decision"]["tier"], number
		    if event["type"] in ("exec", "connect", "http.request"):
		        assert event["process"]["pid"] > 0 and event["process"]["comm"], number
		        assert re.fullmatch(r"\d+:\d+", event["process"]["id"]), number
		    if event["type"] == "loss":
		        assert event["severity"] == "critical" and event["loss"]["reason"], number
		    prev, seq = event["hash"], event["seq"]
		    ids.add(event["id"])
		assert ids, "empty"
	END
	"$python" sound.py "$1"
	status_is 0 "$WARDEN" verify "$1"
}

every_program() {
	run 0 sh -c "$(loop 200)"
	sound audit
	count_is 0 audit type=loss
	count_is 200 audit type=exec exec.path="$nothing" decision.verdict=allow
	count_is 201 audit type=exec
	count_is 201 audit type=exit
	count_is 1 audit type=run.start
	count_is 1 audit type=run.end end.exit=0
	same "$(stat -c '%a %u' audit)" '600 0' 'mode and owner'
}

programs_in_parallel() {
	run 0 sh -c "for n in 1 2 3 4; do ($(loop 100)) & done; wait"
	sound audit
	count_is 0 audit type=loss
	count_is 400 audit type=exec exec.path="$nothing"
}

every_denial() {
	policy "deny: [\"exec:$nothing\"]"
	run 0 sh -c "$(loop 200)"
	has err '^warden: .*200 denied'
	sound audit
	same "$(lines acts audit type=exec activity="exec:$nothing" decision.verdict=deny)" 200 acts
	some_line audit type=run.end end.violations=200
}

every_connection() {
	cat >connect.py <<-'END'
		import socket, sys
		for n in range(150):
		    with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 20) as s:
		        s.sendall(b"x")
		        s.recv(1)
		with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
		    for n in range(50):
		        s.sendto(b"x", ("127.0.0.1", int(sys.argv[1])))
		        s.recv(1)
	END
	run 0 "$python" connect.py "$port"
	sound audit
	count_is 0 audit type=loss
	count_is 150 audit type=connect net.port="$port" net.proto=tcp decision.verdict=allow
	# Fifty datagrams of one socket are one use of a destination.
	count_is 1 audit type=connect net.port="$port" net.proto=udp
}

every_request() {
	cat >requests.py <<-'END'
		import http.client, sys
		c = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
		for n in range(100):
		    c.request("POST", f"/n/{n}", "x" * n)
		    assert c.getresponse().read()
	END
	run 0 "$python" requests.py "${url##*:}"
	sound audit
	count_is 0 audit type=loss
	count_is 100 audit type=http.request http.path='/n/*' decision.verdict=allow
	count_is 100 audit type=http.response http.path='/n/*' http.status=200
	count_is 1 audit type=http.request http.path=/n/77
}

exec_fields() {
	mkdir dir
	run 0 sh -c 'cd dir; /usr/bin/echo one "two words" "" "ü" "$(printf "\377")" >/dev/null'
	same "$(lines show audit exec.args exec.path=/usr/bin/echo)" \
		'["/usr/bin/echo", "one", "two words", "", "\u00fc", "\ufffd"]' arguments
	same "$(lines show audit exec.cwd exec.path=/usr/bin/echo)" "$PWD/dir" 'directory'
	same "$(lines show audit process.uid exec.path=/usr/bin/echo)" 0 'user'
	same "$(lines show audit process.ppid exec.path=/usr/bin/echo)" \
		"$(lines show audit process.pid type=exec 'exec.path!=/usr/bin/echo')" 'parent'
}

# The names of places and programs may hold anything.
strange_names() {
	local name=$'a"b\\c\nd'
	mkdir "$name"
	cp /usr/bin/true "$name/tr ue"
	run 0 "./$name/tr ue" $'\x01\x7f'
	sound audit
	same "$(lines count audit type=exec "exec.path=*/tr ue")" 1 'lines'
}

continued() {
	run 0 true
	local first
	first=$(wc -l <audit)
	run 0 true
	sound audit
	(($(wc -l <audit) > first)) || { echo "nothing was added" && return 1; }
	count_is 2 audit type=run.end
	same "$(lines show audit run.id | sort -u | wc -l)" 2 runs
}

tampered() {
	run 0 sh -c '/usr/bin/true; /usr/bin/true'
	local n
	# A changed byte in the middle of line 3.
	sed '3s/"type":"/"type":"x/' audit >changed
	status_is 1 "$WARDEN" verify changed
	cat out err | grep 'changed:3\b' >/dev/null || { cat out err && return 1; }
	# A line taken out, two exchanged, one twice.
	sed 3d audit >changed
	status_is 1 "$WARDEN" verify changed
	cat out err | grep 'changed:3\b' >/dev/null
	{ sed -n 1p audit && sed -n 3p audit && sed -n 2p audit && sed 1,3d audit; } >changed
	status_is 1 "$WARDEN" verify changed
	sed 2p audit >changed
	status_is 1 "$WARDEN" verify changed
	# A torn last line.
	n=$(stat -c %s audit)
	head -c $((n - 10)) audit >changed
	status_is 1 "$WARDEN" verify changed
	status_is 1 "$WARDEN" verify /no/such/file
	status_is 0 "$WARDEN" verify audit
	# Several at once: the bad one is named.
	sed 3d audit >changed
	status_is 1 "$WARDEN" verify audit changed
	cat out err | grep 'changed:3\b' >/dev/null
}

not_ours_is_not_continued() {
	echo 'some other file' >audit
	cp audit before
	run 1 touch mark
	absent mark
	one_line err
	cmp audit before
}

two_writers() {
	local pid
	"$WARDEN" run --audit audit -- sh -c 'echo up; exec sleep 30' >one 2>&1 &
	pid=$!
	within 20 grep -q up one
	run 1 touch mark
	absent mark
	one_line err
	kill "$pid"
	ends "$pid" 143
	sound audit
}

on_standard_output() {
	timeout 60 "$WARDEN" run --audit - -- sh -c '/usr/bin/true; :' >lines 2>err
	sound lines
	count_is 2 lines type=exec
}

default_place() {
	status_is 0 "$WARDEN" run -- true
	local file
	file=$(grep -o '/var/log/warden/[^ ]*\.jsonl' err)
	sound "$file"
	same "$(basename "$file" .jsonl)" "$(lines show "$file" run.id type=run.end)" 'name of the run'
	same "$(stat -c '%a %u' "$file")" '600 0' 'mode and owner'
	rm "$file"
}

header_fields_stay_out() {
	cat >secrets.py <<-'END'
		import http.client, sys
		c = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
		c.request("POST", "/secrets", "body-text", {
		    "Authorization": "Bearer sk-secret-token", "Cookie": "id=secret-cookie",
		    "X-Api-Key": "secret-key"})
		assert c.getresponse().read()
	END
	for capture in full evidence; do
		policy "capture: $capture"
		run 0 "$python" secrets.py "${url##*:}"
	done
	sound audit
	hasnt audit 'sk-secret|secret-cookie|secret-key'
	some_line audit content.request=body-text
}

# captured MODE BODY-BYTES: one request with a body of so many bytes; ./audit then has its lines.
captured() {
	cat >body.py <<-'END'
		import http.client, sys
		c = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
		c.request("POST", "/big/" + sys.argv[2], b"y" * int(sys.argv[2]))
		assert len(c.getresponse().read()) == int(sys.argv[2])
	END
	policy "capture: $1"
	rm -f audit
	run 0 "$python" body.py "${url##*:}" "$2"
	sound audit
}

hash_of() {
	head -c "$1" /dev/zero | tr '\0' "$2" | sha256sum | cut -d' ' -f1
}

capture() {
	captured full 100000
	same "$(lines show audit content.request 'content.request=y*')" \
		"$(head -c 100000 /dev/zero | tr '\0' y)" 'request'
	same "$(lines show audit content.response 'content.response=x*')" \
		"$(head -c 100000 /dev/zero | tr '\0' x)" 'response'
	captured evidence 100000
	same "$(lines show audit content.response 'content.response=x*' | wc -c)" 65537 'kept'
	some_line audit content.truncated=true
	some_line audit content.response_bytes=100000 "content.response_sha256=*$(hash_of 100000 x)"
	some_line audit content.request_bytes=100000 "content.request_sha256=*$(hash_of 100000 y)"
	captured metadata 5000
	hasnt audit 'xxxxx|yyyyy'
	some_line audit content.response_bytes=5000 "content.response_sha256=*$(hash_of 5000 x)"
	captured off 5000
	hasnt audit '"content"|xxxxx'
	some_line audit type=http.request http.path=/big/5000
	count_is 0 audit type=http.response
}

# Head and body go in two calls: what the head let go is written when the phrase is found.
refused_by_its_body() {
	cat >phrase.py <<-'END'
		import http.client, sys
		c = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[1]), timeout=20)
		c.request("POST", "/phrase", b"please DROP TABLE users")
		print(c.getresponse().status)
	END
	policy 'capture: off' 'content: [{name: d, deny: ["rm -rf", "DROP TABLE"], in: http}]'
	run '1|137' "$python" phrase.py "${url##*:}"
	has err '^warden: denied +http:POST 127\.0\.0\.1/phrase'
	has err '^warden: .* 1 request: 1 denied'
	sound audit
	count_is 1 audit type=http.request http.path=/phrase decision.verdict=deny \
		decision.rule=d 'decision.matched=DROP TABLE'
	some_line audit type=run.end end.violations=1
	run_options=(--mode audit)
	run 0 "$python" phrase.py "${url##*:}"
	same "$(<out)" 200 'answer'
	has err '^warden: .* 1 request: 0 denied, 1 would have been'
	sound audit
	count_is 1 audit type=http.request http.path=/phrase decision.verdict=audit decision.rule=d
}

# The trail names the phrase as the policy writes it, also where it is far behind.
matched_phrase() {
	policy 'content: [{name: d, deny: ["rm -rf", "Drop Table"], in: exec}]'
	echo '/usr/bin/echo "$(printf "%9000s" "drop table")"; :' >script # not an argument of sh
	run 0 sh script
	sound audit
	some_line audit type=exec activity=exec:/usr/bin/echo decision.verdict=deny \
		'decision.matched=Drop Table'
}

# ---- when nothing can be recorded ----

small_disk() {
	mkdir small
	mount -t tmpfs -o "size=$1" small small
}

counting='n=0; i=0; while [ $i -lt 400 ]; do /usr/bin/true && n=$((n + 1)); i=$((i + 1)); done; echo $n'

full_disk_denies() {
	small_disk 64k
	policy 'deny: ["exec:/usr/bin/id"]'
	status_is 0 "$WARDEN" run -p policy.yaml --audit small/audit -- sh -c "$counting"
	at_most 1 "$(<out)" 'programs before the disk was full'
	at_most "$(<out)" 399 'programs that ran'
	has err '^warden: .*(small/audit|record).*'
	sound small/audit
}

# As many as were recorded have run, within what was under way when the disk filled up.
full_disk_recorded() {
	small_disk 64k
	policy 'deny: ["exec:/usr/bin/id"]'
	status_is 0 "$WARDEN" run -p policy.yaml --audit small/audit -- sh -c "$counting"
	local recorded
	recorded=$(lines count small/audit type=exec exec.path=/usr/bin/true decision.verdict=allow)
	at_most "$(<out)" $((recorded + 20)) 'programs that ran, against those in the trail'
}

full_disk_may_continue() {
	small_disk 64k
	policy 'on_audit_failure: continue' 'deny: ["exec:/usr/bin/id"]'
	status_is 0 "$WARDEN" run -p policy.yaml --audit small/audit -- sh -c "$counting"
	same "$(<out)" 400 'programs that ran'
	has err '^warden: .*(small/audit|record)'
}

full_disk_without_policy() {
	small_disk 64k
	status_is 0 "$WARDEN" run --audit small/audit -- sh -c "$counting"
	same "$(<out)" 400 'programs that ran'
	has err '^warden: .*(small/audit|record)'
}

full_disk_at_start() {
	small_disk 4k
	head -c 4096 /dev/zero >small/filler
	policy 'deny: ["exec:/usr/bin/id"]'
	status_is '1|126' "$WARDEN" run -p policy.yaml --audit small/audit -- touch mark
	absent mark
	has err '^warden: '
}

# The same by a limit on the size of files, which comes with a signal.
file_size_limit() {
	policy 'deny: ["exec:/usr/bin/id"]'
	(
		ulimit -f 60
		status_is 0 "$WARDEN" run -p policy.yaml --audit audit -- sh -c "$counting"
	)
	at_most 1 "$(<out)" 'programs before the limit'
	at_most "$(<out)" 399 'programs that ran'
	has err '^warden: .*(audit|record)'
}

# ---- when nobody reads it ----

# A pipe that is open for reading, on 7, but not read.
unread_pipe() {
	mkfifo pipe
	exec 7<>pipe
}

# What is in it: whole lines, but perhaps the last one.
read_pipe() {
	timeout 2 cat <&7 >"$1" || true
	[[ -z $(tail -c 1 "$1") ]] || sed -i '$d' "$1"
}

unread_pipe_denies() {
	unread_pipe
	policy 'deny: ["exec:/usr/bin/id"]'
	# It takes a moment to know that nobody reads.
	status_is 0 "$WARDEN" run -p policy.yaml --audit pipe -- sh -c \
		'n=0; while [ $n -lt 50000 ] && /usr/bin/true; do n=$((n + 1)); done; echo $n'
	at_most 1 "$(<out)" 'programs before the pipe was full'
	at_most "$(<out)" 49999 'programs that ran'
	same "$(grep -c '^warden: cannot write the audit trail pipe: .*denied' err)" 1 'complaints'
	read_pipe got
	sound got
	count_is 1 got type=run.start
}

unread_pipe_may_continue() {
	unread_pipe
	policy 'on_audit_failure: continue' 'deny: ["exec:/usr/bin/id"]'
	status_is 0 "$WARDEN" run -p policy.yaml --audit pipe -- sh -c "$counting"
	same "$(<out)" 400 'programs that ran'
	has err '^warden: cannot write the audit trail pipe'
}

# While warden is stopped nobody fetches records: connections go on until there is no room for more. Then
# they are refused (by the policy's default), and not any more once it goes on.
full_ring() {
	local pid got
	serve net "$T/$1"
	cat >flood.py <<-'END'
		import os, socket, sys, time
		port = int(sys.argv[1])

		def connect():
		    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
		        sock.connect(("127.0.0.1", port))

		def wait_for(file):
		    while not os.path.exists(file):
		        time.sleep(0.01)

		open("ready", "w").close()
		wait_for("stopped")
		count = 0
		try:
		    while count < 60000:
		        connect()
		        count += 1
		except PermissionError:
		    pass
		print(count, flush=True)
		open("flooded", "w").close()
		wait_for("goes on")
		for attempt in range(1000):
		    try:
		        connect()
		        print("again", flush=True)
		        break
		    except PermissionError:
		        time.sleep(0.01)
	END
	"$WARDEN" run -p policy.yaml --audit audit -- /usr/bin/python3 flood.py \
		"$(cut -d' ' -f1 "$T/$1/port")" >out 2>err &
	pid=$!
	within 20 test -e ready
	kill -STOP "$pid"
	touch stopped
	within 60 test -e flooded || got=$?
	kill -CONT "$pid"
	touch 'goes on'
	ends "$pid" 0
	return "${got:-0}"
}

full_ring_denies() {
	policy 'deny: ["exec:/usr/bin/id"]'
	full_ring denies
	at_most 1000 "$(head -1 out)" 'connections before it was full'
	at_most "$(head -1 out)" 59999 'connections'
	has out '^again$'
	some_line audit type=loss loss.reason=events_ring_full
}

full_ring_may_continue() {
	policy 'on_audit_failure: continue' 'deny: ["exec:/usr/bin/id"]'
	full_ring continues
	same "$(head -1 out)" 60000 connections
	some_line audit type=loss loss.reason=events_ring_full
}

# What is missing is said to who reads after all.
pipe_read_late() {
	local pid
	unread_pipe
	"$WARDEN" run --audit pipe -- sh -c "$counting
		while ! [ -e go ]; do sleep 0.05; done; $counting" >out 2>err &
	pid=$!
	within 30 grep -q '^warden: cannot write' err
	cat pipe >got 7>&- &
	touch go
	ends "$pid" 0
	exec 7>&-
	wait
	same "$(paste -sd' ' out)" '400 400' 'programs that ran'
	has err '^warden: the audit trail can be written again'
	sound got
	some_line got type=loss loss.reason=audit_write_failed
	some_line got type=run.end
}

# The command has the same standard output, and finds it as it was.
unread_standard_output() {
	unread_pipe
	status_is 0 sh -c 'exec "$0" run --audit - -- sh -c "$1" >pipe' "$WARDEN" \
		"grep flags /proc/self/fdinfo/1 >flags; exec >count; $counting"
	same "$(<count)" 400 'programs that ran'
	same $((0$(awk '{ print $2 }' flags) & 04000)) 0 O_NONBLOCK
	has err '^warden: cannot write the audit trail -'
	read_pipe got
	sound got
}

events() {
	policy 'deny: ["exec:/usr/bin/id"]'
	run 0 sh -c '/usr/bin/true; /usr/bin/id; /usr/bin/date >date; :'
	status_is 0 "$WARDEN" events -o json audit
	cmp out audit
	status_is 0 "$WARDEN" events --type exec --verdict deny -o json audit
	same "$(wc -l <out)" 1 'denied programs'
	has out exec:/usr/bin/id
	status_is 0 "$WARDEN" events --type exec audit
	same "$(wc -l <out)" 4 'programs'
	has out 'exec:/usr/bin/id'
	status_is 0 "$WARDEN" events --type exit audit
	has out ' exit +/usr/bin/date  [0-9]+  ok  exit 0  #[0-9]+$'
	status_is 0 "$WARDEN" events --run "$(lines show audit run.id type=run.end)" audit
	status_is 0 "$WARDEN" events --run 01ARZ3NDEKTSV4RRFFQ69G5FAV audit
	same "$(<out)" '' 'events of another run'
	status_is 1 "$WARDEN" events /no/such/file
}

# seconds_to PROGRAM: by the trail, from the first line on.
seconds_to() {
	local from to
	from=$(lines show audit time type=run.start)
	to=$(lines show audit time exec.path="$1")
	echo $(($(date -d "$to" +%s) - $(date -d "$from" +%s)))
}

# The clock is set while the command runs, and set back. (Not by more: this test is timed with it.)
clock_is_set() {
	status_is 0 "$WARDEN" run --audit audit -- sh -c 'date -s "+150 seconds" >/dev/null; sleep 1
		/usr/bin/true; sleep 1; date -s "-150 seconds" >/dev/null; sleep 1; /usr/bin/id >/dev/null'
	at_most 149 "$(seconds_to /usr/bin/true)" 'seconds before true, at least'
	at_most "$(seconds_to /usr/bin/id)" 100 'seconds before id'
}

check 'each of 200 programs is a line' every_program
check 'each of 400 in parallel' programs_in_parallel
check 'each of 200 denials' every_denial
check 'each of 150 connections' every_connection
check 'each of 100 requests, and its answer' every_request
check 'what an exec line says' exec_fields
check 'strange names' strange_names
portable 'a file is continued' continued
portable 'tampering is found' tampered
portable 'a file of another kind is not touched' not_ours_is_not_continued
portable 'two writers of one file' two_writers
portable '--audit -' on_standard_output
portable 'the default place' default_place
portable 'header fields stay out' header_fields_stay_out
portable 'capture' capture
check 'capture: off, a request refused by its body' refused_by_its_body
check 'the phrase that was found' matched_phrase
check 'a full disk denies in enforce' full_disk_denies
check 'what ran is recorded, to the end' full_disk_recorded
portable 'on_audit_failure: continue' full_disk_may_continue
portable 'a full disk without a policy' full_disk_without_policy
check 'a disk that is full at the start' full_disk_at_start
portable 'a limit on the size of files' file_size_limit
check 'a pipe that nobody reads denies in enforce' unread_pipe_denies
portable 'a pipe that nobody reads, on_audit_failure: continue' unread_pipe_may_continue
portable 'a pipe that is read late' pipe_read_late
check 'a full ring denies in enforce' full_ring_denies
check 'a full ring, on_audit_failure: continue' full_ring_may_continue
portable '--audit - when nobody reads it' unread_standard_output
portable 'warden events' events
if [[ -n ${TEST_OWN_MACHINE-} ]]; then
	check 'times after the clock was set' clock_is_set
else
	skip 'times after the clock was set' 'would set the clock of this machine'
fi
finish
