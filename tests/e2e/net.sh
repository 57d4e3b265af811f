#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Destinations: a denied one gets no packet, whatever way it is asked for; an allowed one works.
# Far end: servers that log every connection and datagram.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root

python=/usr/bin/python3

# Two sets of servers, alike: one to be denied, one to stay open.
serve net "$T/closed"
serve net "$T/open"
read -r closed4 closed6 <"$T/closed/port"
read -r open4 open6 <"$T/open/port"

# A third one at another loopback address, which is to be denied.
serve net2 "$T/second"
second=$(<"$T/second/port")

# dials WANT TAG DESTINATION...: reaches each, "HOW HOST PORT", with a text that names TAG and HOW;
# the answer to each must be WANT.
dials() {
	local want=$1 tag=$2 dial arguments=()
	shift 2
	for dial in "$@"; do
		arguments+=("$dial <$tag>${dial// /-}")
	done
	"${dialler[@]}" "$python" "$lib/dial.py" "${arguments[@]}"
	for dial in "$@"; do
		has out "^$dial $want\$"
	done
}
dialler=(in_one 0)

# in_one WANT CMD...: in the workload that stands by for ./policy.yaml, or for none. A trail is ./audit only
# where there is a policy.
in_one() {
	if [[ -e policy.yaml ]]; then
		shared "$@"
	else
		standing=1 allowed "$@"
	fi
}

# Nothing with that tag reached the servers of $T/closed, and no more connections than before.
silent() {
	same "$(lines text "$T/closed/log" "<$1>")" 0 "connections that carried $1"
	same "$(lines count "$T/closed/log" what=open)" "$2" 'connections'
}

opened() {
	lines count "$T/closed/log" what=open
}

has_opened() {
	[[ $(opened) == "$1" ]]
}

ways4=("tcp 127.0.0.1 $closed4" "fastopen 127.0.0.1 $closed4" "nonblock 127.0.0.1 $closed4"
	"udp 127.0.0.1 $closed4" "sendto 127.0.0.1 $closed4" "sendmsg 127.0.0.1 $closed4"
	"unspec 127.0.0.1 $closed4")
mapped=("tcp ::ffff:127.0.0.1 $closed4" "udp ::ffff:127.0.0.1 $closed4"
	"sendto ::ffff:127.0.0.1 $closed4" "sendmsg ::ffff:127.0.0.1 $closed4")
zeros=("tcp 0.0.0.0 $closed4" "udp 0.0.0.0 $closed4" "sendto 0.0.0.0 $closed4"
	"tcp ::ffff:0.0.0.0 $closed4")
ways6=("tcp ::1 $closed6" "fastopen ::1 $closed6" "nonblock ::1 $closed6" "udp ::1 $closed6"
	"sendto ::1 $closed6" "sendmsg ::1 $closed6" "tcp :: $closed6" "sendto :: $closed6")
unix=("unix $T/closed/stream -" "unixgram $T/closed/datagram -"
	"unix @$T/closed/stream -" "unixgram @$T/closed/datagram -") # abstract
free4=("tcp 127.0.0.1 $open4" "fastopen 127.0.0.1 $open4" "nonblock 127.0.0.1 $open4"
	"udp 127.0.0.1 $open4" "sendto 127.0.0.1 $open4" "sendmsg 127.0.0.1 $open4"
	"unspec 127.0.0.1 $open4"
	"tcp ::ffff:127.0.0.1 $open4" "tcp 0.0.0.0 $open4")
free6=("tcp ::1 $open6" "udp ::1 $open6" "sendto ::1 $open6")
free_unix=("unix $T/open/stream -" "unixgram $T/open/datagram -"
	"unix @$T/open/stream -" "unixgram @$T/open/datagram -")

all_is_reached_without_policy() {
	local all=("${ways4[@]}" "${mapped[@]}" "${zeros[@]}" "${ways6[@]}" "${unix[@]}")
	local dial tag=before
	dials ok "$tag" "${all[@]}"
	for dial in "${all[@]}"; do
		[[ $(lines text "$T/closed/log" "<$tag>${dial// /-}") == 1 ]] || {
			echo "the far end has not seen $dial"
			return 1
		}
	done
}

# The address of all zeros is the one that the socket is bound to.
bound=("tcp@127.0.0.2 0.0.0.0 $second" "fastopen@127.0.0.2 0.0.0.0 $second"
	"udp@127.0.0.2 0.0.0.0 $second" "sendto@127.0.0.2 0.0.0.0 $second"
	"tcp@::ffff:127.0.0.2 ::ffff:0.0.0.0 $second" "sendto@::ffff:127.0.0.2 ::ffff:0.0.0.0 $second")
named=("pktinfo@127.0.0.2 0.0.0.0 $second") # or that the message names
bound6=("tcp@::ffff:127.0.0.1 :: $closed4" "udp@::ffff:127.0.0.1 :: $closed4"
	"sendto@::ffff:127.0.0.1 :: $closed4")

zeros_of_bound_sockets() {
	rm -f policy.yaml
	dials ok plain "${bound[@]}" "${named[@]}" "${bound6[@]}"
	same "$(lines text "$T/second/log" "<plain>")" 4 'three connections, and datagrams'
	policy "deny: [\"net:127.0.0.2:$second\", \"net:127.0.0.1:$closed4\"]"
	closes bound "${bound[@]}" "${named[@]}" "${bound6[@]}"
	same "$(lines text "$T/second/log" "<bound>")" 0 'connections, and datagrams'
	some_line audit type=connect net.addr=127.0.0.2 net.port="$second" decision.verdict=deny
	policy "deny: [\"net:127.0.0.1\", \"net:[::1]\"]"
	dials ok others "${bound[@]}"
	policy 'deny: ["net:10.0.0.0/8"]'
	dials ok others "${bound[@]}" "${bound6[@]}"
}

# closes TAG DESTINATION...: under ./policy.yaml.
closes() {
	local tag=$1 before
	shift
	before=$(opened)
	dials EPERM "$tag" "$@"
	silent "$tag" "$before"
}

deny_v4() {
	policy "deny: [\"net:127.0.0.1:$closed4\"]"
	closes "$1" "${@:2}"
	some_line audit type=connect activity="net:127.0.0.1:$closed4*" decision.verdict=deny \
		decision.layer=deny net.addr=127.0.0.1 net.port="$closed4"
}

deny_v6() {
	policy "deny: [\"net:[::1]:$closed6\"]"
	closes v6 "${ways6[@]}"
	some_line audit type=connect "activity=net:?::1?:$closed6*" decision.verdict=deny \
		net.addr=::1 net.port="$closed6"
}

others_stay_open() {
	policy "deny: [\"net:127.0.0.1:$closed4\", \"net:[::1]:$closed6\"]"
	dials ok others "${free4[@]}" "${free6[@]}" "${free_unix[@]}"
	some_line audit type=connect activity="net:127.0.0.1:$open4*" decision.verdict=allow
	count_is 0 audit decision.verdict=deny
}

by_cidr() {
	policy 'deny: ["net:127.0.0.0/8"]'
	closes cidr "${ways4[@]}" "${mapped[@]}" "${zeros[@]}"
	dials ok cidr6 "${free6[@]}"
}

by_cidr6() {
	policy 'deny: ["net:[::/64]"]'
	closes cidr6 "${ways6[@]}"
	dials ok cidr4 "${free4[@]}"
}

by_port() {
	policy "deny: [\"net:*:$closed4\"]"
	closes port "${ways4[@]}" "${zeros[@]}"
	dials ok port "${free4[@]}" "${free6[@]}"
}

by_protocol() {
	policy "deny: [\"net:127.0.0.1:$closed4/udp\"]"
	closes udponly "udp 127.0.0.1 $closed4" "sendto 127.0.0.1 $closed4" \
		"sendmsg ::ffff:127.0.0.1 $closed4"
	dials ok tcpstays "tcp 127.0.0.1 $closed4"
	same "$(lines text "$T/closed/log" '<tcpstays>')" 1 'what TCP carried'
}

except() {
	policy "deny: [{match: \"net:127.0.0.0/8\", except: [\"net:127.0.0.1:$open4\"]}]"
	closes except "${ways4[@]}" "tcp 127.0.0.2 $open4"
	dials ok except "${free4[@]}"
}

# An allow list closes IPv4, IPv6 and unix sockets.
allow_list() {
	policy "allow: [\"net:127.0.0.0/8:$open4\"]"
	closes list "${ways4[@]}" "${mapped[@]}" "${zeros[@]}" "${ways6[@]}"
	dials ok list "${free4[@]}"
	in_one 0 "$python" "$lib/dial.py" "tcp ::1 $open6 list"
	has out EPERM
	some_line audit type=connect decision.verdict=deny decision.layer=allow decision.rule=allow
	some_line audit type=connect activity="net:127.0.0.1:$open4*" decision.verdict=allow
}

allow_list_closes_unix() {
	policy "allow: [\"net:127.0.0.0/8:$open4\"]"
	closes nounix "${unix[@]}"
}

allow_list_names_unix() {
	policy "allow: [\"net:unix:$T/open/*\", \"net:unix:@$T/open/*\"]"
	closes onlyopen "${unix[@]}"
	dials ok onlyopen "${free_unix[@]}"
}

deny_unix() {
	policy "deny: [\"net:unix:$T/closed/*\", \"net:unix:@$T/closed/*\"]"
	closes unix "${unix[@]}"
	dials ok unix "${free_unix[@]}"
	some_line audit type=connect activity="net:unix:@$T/closed/stream" decision.verdict=deny
	some_line audit type=connect activity="net:unix:$T/closed/stream" decision.verdict=deny
}

# One socket can be passed in many ways: where rules name sockets, only the plain one is a name.
unix_by_other_names() {
	local other=("unix $T/open/../closed/stream -" "unix /$T/closed/stream -"
		"unix $T/./closed/stream -" "unix closed/stream -" "unixgram ./closed/datagram -")
	cd "$T"
	rm -f policy.yaml
	dials ok plain "${other[@]}"
	policy "deny: [\"net:unix:$T/closed/*\"]"
	closes names "${other[@]}"
	policy 'allow: ["net:*"]' "deny: [\"net:unix:$T/closed/*\"]"
	closes names "${other[@]}"
	policy "allow: [\"net:unix:$T/open/*\"]"
	closes names "${other[@]}"
	rm policy.yaml
}

# Sends to the closed port in a loop from many threads while others use the open one.
many_threads() {
	cat >threads.py <<-'END'
		import socket, sys, threading
		closed, opened = int(sys.argv[1]), int(sys.argv[2])
		wrong = []
		def work(n):
		    for i in range(25):
		        port = closed if (n + i) % 2 else opened
		        try:
		            socket.create_connection(("127.0.0.1", port), 10).close()
		            if port == closed:
		                wrong.append("reached")
		        except PermissionError:
		            if port == opened:
		                wrong.append("refused")
		threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
		[t.start() for t in threads]
		[t.join() for t in threads]
		print(len(wrong), "wrong", set(wrong))
	END
	local before
	before=$(opened)
	policy "deny: [\"net:127.0.0.1:$closed4\"]"
	in_one 0 "$python" threads.py "$closed4" "$open4"
	has out '^0 wrong'
	same "$(opened)" "$before" 'connections'
}

# A denied connect must not spoil the socket for an allowed one.
socket_survives() {
	cat >again.py <<-'END'
		import socket, sys
		s = socket.socket()
		try:
		    s.connect(("127.0.0.1", int(sys.argv[1])))
		except PermissionError:
		    s.connect(("127.0.0.1", int(sys.argv[2])))
		    s.sendall(b"second")
		    print(s.recv(10).decode())
	END
	policy "deny: [\"net:127.0.0.1:$closed4\"]"
	in_one 0 "$python" again.py "$closed4" "$open4"
	has out '^second$'
}

default_deny() {
	policy 'default: {net: deny}'
	closes default "${ways4[@]}" "${mapped[@]}" "${ways6[@]}"
	some_line audit decision.rule=default
}

mode_audit() {
	policy 'mode: audit' "deny: [\"net:127.0.0.1:$closed4\"]"
	dials ok audit "${ways4[@]}"
	some_line audit type=connect activity="net:127.0.0.1:$closed4*" decision.verdict=audit
}

# Where a hook cannot kill, the error may be seen before the end comes (or the command may end by
# itself: this one would stay); the destination is not.
action_kill() {
	policy "deny: [{match: \"net:127.0.0.1:$closed4\", action: kill}]"
	local before
	cat >stays.py <<-'END'
		import runpy, sys, time
		del sys.argv[0]
		try:
		    runpy.run_path(sys.argv[0], run_name="__main__")
		finally:
		    time.sleep(5)
		    print("survived")
	END
	before=$(opened)
	run 137 "$python" stays.py "$lib/dial.py" "tcp 127.0.0.1 $closed4 killed" \
		"tcp 127.0.0.1 $open4 killed"
	hasnt out ' ok|survived'
	same "$(opened)" "$before" 'connections'
}

# Not only when there is room for the record of it: a ring that is full at the time holds nobody up.
action_kill_unseen() {
	policy 'on_audit_failure: continue' \
		"deny: [{match: \"net:127.0.0.1:$closed4\", action: kill}, \"http:PUT */never\"]"
	cat >unseen.py <<-'END'
		import socket, ssl, sys, time
		https, closed = int(sys.argv[1]), int(sys.argv[2])
		context = ssl.create_default_context()
		tls = context.wrap_socket(socket.create_connection(("127.0.0.1", https), 20),
		                          server_hostname="127.0.0.1")
		tls.setblocking(False)
		try:  # one call, and a record for each request of it
		    tls.send(b"GET /flood HTTP/1.1\r\nHost: h\r\n\r\n" * 40000)
		except ssl.SSLWantWriteError:
		    pass
		try:
		    socket.socket().connect(("127.0.0.1", closed))
		except OSError as error:
		    print(error, flush=True)
		time.sleep(5)
		print("survived")
	END
	local before
	before=$(opened)
	SSL_CERT_FILE=$T/https/cert.pem run 137 "$python" unseen.py "$(<"$T/https/port")" "$closed4"
	hasnt out survived
	some_line audit type=loss loss.reason=events_ring_full
	same "$(opened)" "$before" 'connections'
}

# An address that does not say its family is none at all to UDP of IPv6: the datagram goes where the
# socket is connected, whatever it says.
no_family_in_ipv6() {
	cat >unspec6.py <<-'END'
		import ctypes, socket, struct, sys
		opened, closed = map(int, sys.argv[1:])
		s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
		s.settimeout(5)
		s.connect(("::1", opened))
		name = struct.pack("=H", 0) + struct.pack(">HI16sI", closed, 0,
		                                          socket.inet_pton(socket.AF_INET6, "::1"), 0)
		print(ctypes.CDLL(None).sendto(s.fileno(), b"<unspec6>", 9, 0, name, len(name)))
		print(s.recvfrom(100)[1][1] == opened)
	END
	policy "deny: [\"net:[::1]:$closed6\"]"
	in_one 0 "$python" unspec6.py "$open6" "$closed6"
	has out True
	same "$(lines text "$T/closed/log" '<unspec6>')" 0 'datagrams at the closed port'
	same "$(lines text "$T/open/log" '<unspec6>')" 1 'datagrams at the open port'
}

# Somebody else's connection is no way around: the command is not started with it.
inherited() {
	local before
	policy "deny: [\"net:127.0.0.1:$closed4\"]"
	before=$(($(opened) + 1))
	exec 9<>"/dev/tcp/127.0.0.1/$closed4"
	within 10 has_opened "$before"
	run 1 sh -c 'echo "<inherited>" >&9'
	one_line err
	has err "descriptor 9, .* net:127.0.0.1:$closed4: denied by deny\[0\]"
	absent audit
	exec 9>&-
	silent inherited "$before"
	exec 9<>"/dev/tcp/127.0.0.1/$open4"
	run 0 sh -c 'echo "<inherited>" >&9'
	exec 9>&-
	within 10 has_come "$T/open/log" '<inherited>'
}

# Each first use of a destination by a socket is one line.
each_use_is_recorded() {
	dialler=(run 0)
	dials ok recorded "tcp 127.0.0.1 $open4" "udp 127.0.0.1 $open4" "tcp ::1 $open6" \
		"unix $T/open/stream -"
	count_is 1 audit type=connect net.addr=127.0.0.1 net.port="$open4" net.proto=tcp \
		decision.verdict=allow
	count_is 1 audit type=connect net.addr=127.0.0.1 net.port="$open4" net.proto=udp
	count_is 1 audit type=connect net.addr=::1 net.port="$open6" net.proto=tcp
	count_is 1 audit type=connect net.proto=unix net.addr="$T/open/stream"
}

# unix_check NAME FUNCTION: where the kernel has no hook for unix sockets, a rule that names them is
# refused as a whole (exit status 4, and says why), which is then all that can be tested.
unix_refused='' unix_asked=''
unix_check() {
	if [[ -z $unix_asked ]]; then
		unix_asked=1
		(cd "$T" && policy "deny: [\"net:unix:/nowhere\"]" && run 0 true) >/dev/null || unix_refused=1
		rm "$T/policy.yaml"
	fi
	if [[ $unix_refused ]] && grep -q unix "$T/err" && grep -q 'cannot enforce' "$T/err"; then
		skip "$1" "$(grep -m 1 unix "$T/err")"
	else
		check "$@"
	fi
}

check 'without a policy every way reaches the far end' all_is_reached_without_policy
check 'denied IPv4 destination, all ways' deny_v4 v4 "${ways4[@]}"
check 'denied IPv4 destination, as IPv4-mapped IPv6' deny_v4 mapped "${mapped[@]}"
check 'denied IPv4 destination, as the address of all zeros' deny_v4 zeros "${zeros[@]}"
check 'the address of all zeros on a bound socket' zeros_of_bound_sockets
check 'denied IPv6 destination, all ways' deny_v6
check 'an address of no family, IPv6' no_family_in_ipv6
check 'other destinations stay open' others_stay_open
check 'denied by CIDR' by_cidr
check 'denied by IPv6 CIDR' by_cidr6
check 'denied by port' by_port
check 'denied by protocol' by_protocol
check 'except' except
check 'an allow list closes net' allow_list
unix_check 'an allow list closes unix sockets' allow_list_closes_unix
unix_check 'an allow list names unix sockets' allow_list_names_unix
unix_check 'denied unix socket' deny_unix
unix_check 'denied unix socket, by other names' unix_by_other_names
check 'default: {net: deny}' default_deny
check 'many threads' many_threads
check 'a socket survives its denial' socket_survives
check 'an inherited connection' inherited
check 'mode: audit blocks nothing' mode_audit
check 'action: kill' action_kill
serve https "$T/https"
check 'action: kill, when its record is lost' action_kill_unseen
check 'each first use is recorded' each_use_is_recorded
finish
