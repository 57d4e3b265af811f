#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# MCP over stdio: what a process and its child say to each other is in the trail, byte for byte by its hashes,
# however it is cut into pieces; other text is counted and not copied; what is lost is said.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root

python=/usr/bin/python3
stdio=$lib/stdio.py
run_options=(--debug)
# Whether scripts have names, and functions of the kernel hooks.
read -r scripts hooks < <("$WARDEN" doctor -o json | "$python" -c '
import json, sys
d = json.load(sys.stdin)
works = {f["name"]: f["works"] for f in d["facilities"]}
print(*("yes" if yes else "no" for yes in (d["use"]["exec"] == "lsm", works["stdio_hook"])))')
# An emulated machine copies slowly, and what comes faster than warden takes it is lost; nor has it the time for
# as many.
export MAX=$((slow > 1 ? 1 << 20 : 4 << 20)) STEP=$((slow > 1 ? 5 : 1)) MANY=$((slow > 1 ? 10 : 50))

seen() {
	"$python" "$stdio" seen audit >seen
}

# the_same CALLS: both ends have logged so many, and the trail has them all, in the order of the server.
the_same() {
	seen
	hasnt out unexpected
	hasnt audit '"type":"loss"'
	same "$(grep -c ^call seen)" "$1" 'calls in the trail'
	same "$(grep -c ^result seen)" "$1" 'results in the trail'
	for kind in call result; do
		cmp <(grep "^$kind" server) <(grep "^$kind" seen)
		# In which order threads write nobody knows but the pipe.
		cmp <(grep "^$kind" client | grep -v '^call threads') <(grep "^$kind" seen | grep -v '^call threads')
	done
}

# passes STREAMS HOW CALLS STEP...
passes() {
	policy 'mcp: {}'
	run 0 "$python" "$stdio" client "$1" "$2" "${@:4}"
	the_same "$3"
}

sizes=$((MAX == 4 << 20 ? 28 : 26))

all() {
	passes "$1" "$2" $((sizes + MANY + 3 + 4 * MANY + 2 + 1 + 1)) sizes several batch threads bad late last
}

# The line has 95 bytes.
splits() {
	passes "$1" "$2" $(((93 + STEP) / STEP)) splits
}

node() {
	policy 'mcp: {}'
	run 0 node "$lib/stdio_node.js" "$python" "$stdio"
	the_same $((MAX == 4 << 20 ? 10 : 8))
}

# An event has all that is known of a call.
event() {
	policy "mcp: {files: {exec: $(readlink -f $python)}}" 'capture: evidence'
	run 0 "$python" "$stdio" client pipes read bad last
	some_line audit type=tool.call activity=mcp:files/error call.id=1 'call.args={}' process.comm=python3
	some_line audit type=tool.result activity=mcp:files/error call.id=1 call.status=error
	some_line audit type=tool.result activity=mcp:files/failed call.id=2 call.status=error
	some_line audit type=tool.result activity=mcp:files/last call.id=n3 call.status=ok
	some_line audit type=run.end end.tool_calls=3
	same "$(grep -c '"tool.result"' audit)" 3 'results'
	# All are the client's, which the run began with.
	same "$(grep '"type":"tool' audit | grep -o '"pid":[0-9]*' | sort -u)" \
		"$(grep -m 1 '"type":"exec"' audit | grep -o '"pid":[0-9]*')" 'processes'
}

metadata() {
	policy 'mcp: {}' 'capture: metadata'
	run 0 "$python" "$stdio" client pipes read last
	the_same 1
	hasnt audit '"call":[{][^}]*"args":|"response":'
}

# What other lines there are is no harm; of one that begins like a message it is said.
noise() {
	policy 'mcp: {}'
	run 0 "$python" "$stdio" client pipes read noise last
	seen
	cmp server seen
	some_line audit type=loss loss.reason=mcp_line_unreadable loss.records=1 loss.bytes=1
	same "$(grep -c '"type":"loss"' audit)" 1 'losses'
}

passed() {
	sed -n 's/.*not copied, as no JSON-RPC: \([0-9]*\) standard streams, \([0-9]*\) bytes.*/\1 \2/p' err
}

# other TEXT: goes through two programs that have pipes at both ends; counted to its end.
other() {
	local streams bytes
	printf '%b' "$1" >text
	for _ in {1..2000}; do echo '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"no"}}'; done >>text
	policy 'mcp: {}'
	run 0 /bin/sh -c 'cat text | cat | cat | cat >/dev/null'
	hasnt audit '"type":"tool'
	hasnt audit '"type":"loss"'
	read -r streams bytes < <(passed)
	((streams >= 2)) || same "$streams" '2 or more' streams
	# Up to where it was known, or cut off at a read of 16 KiB.
	at_most $((2 * $(wc -c <text) - 2 * 16384)) "$bytes" 'bytes that were counted, of two streams'
}

# Of what warden is too late for the trail says so, and goes on behind it.
lost() {
	local pid
	policy 'mcp: {}'
	"$WARDEN" run --audit audit -p policy.yaml -- "$python" "$stdio" client pipes read last wait=go flood \
		wait=on last >out 2>err &
	pid=$!
	within 20 test -e ready
	rm ready
	kill -STOP "$pid"
	touch go
	within 60 test -e ready
	kill -CONT "$pid"
	sleep 1
	touch on
	ends "$pid" 0
	seen
	some_line audit type=loss loss.reason=bytes_ring_full
	some_line audit type=loss loss.reason=mcp_line_torn
	hasnt audit unaccounted
	same "$(grep -c '^call last' seen)" 2 'calls before and behind'
}

# What a server hands on unread is a gap.
spliced() {
	policy 'mcp: {}'
	"$python" -c 'import os; os.splice' 2>/dev/null || { echo 'no os.splice()' && return 1; }
	run 0 "$python" "$lib/stdio_splice.py"
	some_line audit type=tool.call activity=mcp:unknown/before
	some_line audit type=loss loss.reason=plaintext_unreadable loss.bytes=1000
	some_line audit type=loss loss.reason=mcp_line_torn
	some_line audit type=tool.call activity=mcp:unknown/behind
}

# A server that a wrapper has started: the wrapper's script gives it a name, where scripts are known.
wrapped() {
	printf '%s\n' '#!/bin/sh' "\"$python\" \"$stdio\" \"\$@\"" 'exit $?' >wrapper
	chmod +x wrapper
	policy "mcp: {files: {exec: $PWD/wrapper}}"
	SERVER=$PWD/wrapper run 0 "$python" "$stdio" client pipes read last bad
	if [[ $scripts == yes ]]; then
		some_line audit type=tool.call activity=mcp:files/last process.comm=python3
	else
		some_line audit type=tool.call activity=mcp:unknown/last process.comm=python3
	fi
	same "$(grep -c '"type":"tool.result"' audit)" 3 'results'
	hasnt audit '"type":"loss"'
}

# Streams of which there is no room for are lost, and said to be.
table() {
	local pid
	policy 'mcp: {}'
	"$WARDEN" run --audit audit -p policy.yaml -- /bin/sh -c \
		'touch ready; until [ -e go ]; do sleep 0.1; done; exec "$@"' sh \
		"$python" "$stdio" client pipes read last >out 2>err &
	pid=$!
	within 20 test -e ready
	"$python" "$lib/fill.py" "$pid" pipes
	touch go
	ends "$pid" 0
	some_line audit type=loss loss.reason=storage_full
	hasnt audit '"type":"tool'
}

message='{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"outer"}}'

# The workload's own streams are not between two of its processes.
outer() {
	policy 'mcp: {}'
	for command in 'cat' 'cat | cat' '(cat)'; do
		for _ in {1..3}; do echo "$message"; done |
			status_is 0 "$WARDEN" run --audit audit -p policy.yaml -- /bin/sh -c "$command" </dev/stdin
		same "$(grep -c outer out)" 3 'lines that have come through'
		hasnt audit '"type":"tool'
	done
}

unasked() {
	[[ -z $1 ]] || policy "$@"
	run 0 "$python" "$stdio" client pipes read last
	hasnt audit '"type":"tool'
	hasnt err 'not copied'
	hasnt audit 'tool_calls'
}

check 'pipes' all pipes read
check 'one pair of sockets' all pair recv
check 'two pairs of sockets, read into several pieces of memory' all pairs recvmsg
check 'pipes, read into several pieces of memory' all pipes readv
check 'a call cut in two at each byte, over pipes' splits pipes read
check 'a call cut in two at each byte, over sockets' splits pair recv
check 'byte by byte' passes pipes one 6 batch bad last
if command -v node >/dev/null; then
	check 'Node.js' node
else
	skip 'Node.js' 'there is none'
fi
if [[ $hooks == yes ]]; then
	check 'io_uring' passes pipes uring $((MANY + 3 + 2 + 1)) several batch bad last
else
	skip 'io_uring' 'this kernel has no hooks on its functions'
fi
check 'events' event
check 'capture: metadata' metadata
check 'other lines' noise
check 'text is counted' other 'some text\n'
check 'JSON of another kind is counted' other '{"a":1}\n'
check 'JSON over several lines is counted' other '{\n'
check 'a full ring' lost
check 'what is spliced' spliced
check 'a wrapper' wrapped
check 'a full table' table
check 'streams from outside' outer
check 'without mcp' unasked 'capture: full'
check 'capture: off' unasked 'mcp: {}' 'capture: off'
check 'without a policy' unasked ''
finish
