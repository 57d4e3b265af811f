#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Destinations by name: what a trusted resolver says is known before who asked can connect; what nobody
# trusted said names nothing. The workload's network is a namespace of its own with a resolver behind a
# second one, where the far ends are, too: they log what reaches them.
# shellcheck disable=SC2016,SC2317 # code for another shell; functions called by check
if [[ -z ${NAMES_INSIDE-} ]]; then
	export NAMES_INSIDE=1
	exec unshare --net --mount --propagation private "$0" "$@"
fi
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root

python=/usr/bin/python3
resolver=10.9.0.1 resolver6=fd00:9::1

# ---- the network ----

# there COMMAND...: in the namespace behind the resolver.
there() {
	nsenter --target "$outside" --net "$@"
}

build_network() {
	unshare --net sleep 3600 &
	outside=$!
	started+=("$outside")
	within 5 differs /proc/self/ns/net "/proc/$outside/ns/net"
	ip link set lo up
	ip link add v0 type veth peer name v1
	ip link set v1 netns "$outside"
	ip addr add 10.9.0.2/24 dev v0
	ip addr add fd00:9::2/64 dev v0 nodad
	ip link set v0 up
	there ip link set lo up
	there ip addr add $resolver/24 dev v1
	there ip addr add $resolver6/64 dev v1 nodad
	there ip link set v1 up
	for n in {1..9} {100..179}; do
		echo "addr add 203.0.113.$n/32 dev lo"
	done | there ip -batch -
	there ip addr add 2001:db8::7/128 dev lo nodad
	ip route add default via $resolver
	ip route add default via $resolver6
}

differs() {
	[[ $(readlink "$1") != "$(readlink "$2")" ]]
}

skip_all() {
	skip 'names of hosts' "$1"
	exit 0
}

said=$(ip link add v0 type veth peer name v1 2>&1) || skip_all "no virtual network here: $said"
ip link del v0
build_network
mkdir "$T/far"
there "$python" "$lib/farhosts.py" "$T/far/log" "$T/far/ready" 443 8443 tls:4443 late:4444 >"$T/far/said" 2>&1 &
started+=($!)
there "$python" "$lib/dnsd.py" $resolver "$T/zone" "$T/dns4" >"$T/far/dns4" 2>&1 &
started+=($!)
there "$python" "$lib/dnsd.py" $resolver6 "$T/zone" "$T/dns6" >"$T/far/dns6" 2>&1 &
started+=($!)
within 20 test -e "$T/far/ready" -a -e "$T/dns4" -a -e "$T/dns6"

cat >"$T/zone" <<'END'
api.test A 203.0.113.1
api.test AAAA 2001:db8::7
other.test A 203.0.113.2
third.test A 203.0.113.3
a.wild.test A 203.0.113.4
b.a.wild.test A 203.0.113.5
wild.test A 203.0.113.6
www.test CNAME edge.cdn.test
edge.cdn.test CNAME deep.cdn.test
deep.cdn.test A 203.0.113.7
shared.test A 203.0.113.1
inside.test A 10.9.0.1
metadata.test A 169.254.169.254
many.test COUNT 64
toomany.test COUNT 80
cut.test A 203.0.113.8
cut.test AAAA 2001:db8::7
cut.test TRUNCATED
alias.test CNAME edge.cut.test
edge.cut.test A 203.0.113.8
alias.test TRUNCATED
large.test COUNT 80
large.test TRUNCATED
deaf.test A 203.0.113.8
deaf.test TRUNCATED
deaf.test DEAF
wrong.test A 203.0.113.8
wrong.test ID
wrong.test TRUNCATED
number.test A 203.0.113.8
number.test ID
question.test A 203.0.113.8
question.test QUESTION api.test
from.test A 203.0.113.8
from.test FROM 203.0.113.9
port.test A 203.0.113.8
port.test FROM 10.9.0.1 5353
twice.test A 203.0.113.2
twice.test TWICE unasked.test
late.test A 203.0.113.8
late.test BEHIND now.test
silent.test BEHIND never.test
unasked.test A 203.0.113.8
END
printf 'nameserver %s\noptions timeout:2 attempts:2\n' $resolver >"$T/resolv.conf"
mount --bind "$T/resolv.conf" /etc/resolv.conf

# ---- helpers ----

# reaches "HOW NAME PORT WANT"...: by a workload under ./policy.yaml.
reaches() {
	local each arguments=()
	for each in "$@"; do
		arguments+=("${each% *}")
	done
	run 0 "$python" "$lib/byname.py" "${arguments[@]}"
	for each in "$@"; do
		has out "^$each\$"
	done
}

# reached ADDRESS TEXT COUNT
reached() {
	same "$(grep -c "^$1 .*$2" "$T/far/log")" "$3" "times that $2 reached $1"
}

fresh_log() {
	: >"$T/far/log"
}

# ---- what names admit ----

without_policy() {
	fresh_log
	reaches 'tcp api.test 443 ok' 'tcp6 api.test 443 ok' 'udp other.test 443 ok' \
		'tcp www.test 8443 ok' 'tcp nowhere.test 443 unknown'
	reached 203.0.113.1 '<tcp-api.test>' 1
	reached 2001:db8::7 '<tcp6-api.test>' 1
	reached 203.0.113.2 '<udp-other.test>' 1
	reached 203.0.113.7 '<tcp-www.test>' 1
}

allowed_by_name() {
	fresh_log
	policy 'allow: ["net:api.test:443"]'
	reaches 'direct 203.0.113.1 443 EPERM' 'tcp api.test 443 ok' 'tcp6 api.test 443 ok' \
		'direct 203.0.113.1 443 ok' 'tcp api.test 8443 EPERM' 'tcp other.test 443 EPERM' \
		'udp api.test 443 ok' 'udp other.test 443 EPERM'
	reached 203.0.113.1 '<tcp-api.test>' 1
	reached 203.0.113.2 '<' 0
	some_line audit type=connect activity=net:api.test:443 net.host=api.test \
		net.addr=203.0.113.1 net.port=443 decision.verdict=allow 'decision.matched=net:api.test:443'
	some_line audit type=connect activity=net:other.test:443 net.host=other.test \
		decision.verdict=deny decision.layer=allow
}

by_protocol() {
	policy 'allow: ["net:api.test:443/udp"]'
	reaches 'tcp api.test 443 EPERM' 'udp api.test 443 ok' 'udp api.test 8443 EPERM'
}

by_wildcard() {
	policy 'allow: [{match: "net:*.wild.test", except: ["net:b.*.wild.test:8443"]}]'
	reaches 'tcp a.wild.test 443 ok' 'tcp b.a.wild.test 443 ok' 'tcp wild.test 443 EPERM' \
		'tcp b.a.wild.test 8443 EPERM' 'tcp api.test 443 EPERM'
}

# Of aliases too, which name what the first name leads to.
denied_by_name() {
	fresh_log
	policy 'deny: ["net:other.test:443", "net:*.cdn.test"]'
	reaches 'tcp other.test 443 EPERM' 'udp other.test 443 EPERM' 'tcp other.test 8443 ok' \
		'tcp www.test 443 EPERM' 'tcp api.test 443 ok'
	reached 203.0.113.7 '<' 0
	some_line audit type=connect net.addr=203.0.113.7 net.host=edge.cdn.test \
		decision.verdict=deny decision.layer=deny
}

aliases_admit_nothing() {
	policy 'allow: ["net:deep.cdn.test"]'
	reaches 'tcp www.test 443 EPERM' 'tcp deep.cdn.test 443 ok'
	policy 'allow: ["net:www.test"]'
	reaches 'tcp www.test 443 ok'
}

names_of_one_address() {
	policy 'deny: ["net:shared.test"]'
	reaches 'tcp api.test 443 ok' 'ask shared.test 443 ok' 'direct 203.0.113.1 443 EPERM' \
		'tcp api.test 443 EPERM'
	policy 'allow: ["net:shared.test"]'
	reaches 'tcp api.test 443 EPERM' 'ask shared.test 443 ok' 'tcp api.test 443 ok'
}

# Time does not pass for a test: the run's names are made to be over.
names_that_are_over() {
	local pid
	policy 'allow: ["net:api.test"]'
	"$WARDEN" run -p policy.yaml --audit audit -- sh -c "$python '$lib/byname.py' 'tcp api.test 443'; touch asked
		while ! [ -e go ]; do sleep 0.05; done
		$python '$lib/byname.py' 'direct 203.0.113.1 443' 'tcp api.test 443'" >out 2>err &
	pid=$!
	within 20 test -e asked
	"$python" "$lib/age.py" "$pid" >aged
	touch go
	ends "$pid" 0
	same "$(<aged)" 1 'names that are over'
	same "$(<out)" $'tcp api.test 443 ok\ndirect 203.0.113.1 443 EPERM\ntcp api.test 443 ok' 'what it reached'
}

private_addresses() {
	policy 'allow: ["net:inside.test", "net:metadata.test"]'
	reaches 'tcp inside.test 443 EPERM' 'tcp metadata.test 443 EPERM'
	policy 'allow: [{match: "net:inside.test", private: true}]'
	reaches 'tcp inside.test 443 ok'
}

resolvers_are_reachable() {
	policy 'allow: ["net:api.test"]' 'default: {net: deny}'
	# The resolver hangs up on a text that is no question.
	reaches "direct $resolver 53 other" 'direct 203.0.113.1 53 EPERM' 'tcp api.test 443 ok'
	policy 'allow: ["net:api.test"]' "deny: [\"net:$resolver\"]"
	reaches 'tcp api.test 443 unknown' "direct $resolver 53 EPERM"
}

# What cannot be seen passes by the name of where it goes.
opaque_by_name() {
	policy 'opaque: {default: deny, allow: ["net:api.test:443"]}' \
		'content: [{name: any, deny: ["phrase"], in: [http]}]'
	reaches 'zip:api.test api.test 443 ok' 'zip:other.test other.test 443 (ECONNABORTED|EACCES)' \
		'zip:api.test api.test 8443 (ECONNABORTED|EACCES)' 'http other.test 443 ok' 'http api.test 8443 ok'
	count_is 2 audit type=opaque decision.verdict=deny
	some_line audit type=opaque net.host=other.test decision.verdict=deny
}

# ---- what clients ask for, once they are connected ----

# No library is seen to make what `raw` and `alert` send, and nobody denies them for that alone.
hosts_without_policy() {
	fresh_log
	reaches 'tls:other.test api.test 4443 ok' 'tls: api.test 4443 ok' 'host:other.test api.test 4443 ok' \
		'early:other.test api.test 4443 ok' 'raw:other.test:7 api.test 4443 ok' \
		'alert:other.test api.test 443 ok' 'late:other.test api.test 4444 ok'
	reached 203.0.113.1 'sni=other.test' 3
	reached 203.0.113.1 'GET /other.test ' 1
	reached 203.0.113.1 'GET /early-other.test ' 1
}

asked_for_by_tls() {
	local cut='(ECONNABORTED|ECONNRESET|EACCES|EPERM)'
	fresh_log
	policy 'opaque: allow' 'allow: ["net:api.test", "net:*.wild.test", "net:203.0.113.2"]'
	reaches 'tls:api.test api.test 4443 ok' 'tls:API.test. api.test 4443 ok' \
		'tls:a.wild.test api.test 4443 ok' "tls:other.test api.test 4443 $cut" \
		"tls:wild.test api.test 4443 $cut" "tls: api.test 4443 $cut" \
		"tls:203.0.113.1 api.test 4443 $cut" 'tls:nowhere.test other.test 4443 ok'
	reached 203.0.113.1 'sni=other.test' 0
	reached 203.0.113.1 'sni=$' 0
	reached 203.0.113.1 'sni=api.test$' 1
	reached 203.0.113.1 'sni=API.test.$' 1
	some_line audit type=connect activity=net:other.test:4443 net.host=other.test net.addr=203.0.113.1 \
		decision.verdict=deny decision.layer=allow decision.tier=cut 'decision.reason=*handshake asks for*'
	some_line audit type=connect activity=net:203.0.113.1:4443 decision.verdict=deny \
		'decision.reason=*does not say*'
}

# However it is sent, by whatever code.
asked_for_in_pieces() {
	local cut='(ECONNABORTED|ECONNRESET|EACCES|EPERM)'
	fresh_log
	policy 'opaque: allow' 'allow: ["net:api.test"]'
	reaches "raw:other.test:7 api.test 4443 $cut" "raw:other.test:100 api.test 4443 $cut" \
		"alert:other.test api.test 443 $cut" 'raw:api.test:7 api.test 4443 ok' \
		'alert:api.test api.test 443 ok'
	reached 203.0.113.1 'sni=other.test' 0
	reached 203.0.113.1 'sni=api.test' 1
}

asked_for_by_requests() {
	fresh_log
	policy 'allow: ["net:api.test"]'
	run 0 "$python" "$lib/byname.py" 'host:api.test api.test 4443' 'host:other.test api.test 4443' \
		'early:api.test api.test 4443'
	has out '^host:api.test api.test 4443 ok$'
	has out '^early:api.test api.test 4443 ok$'
	hasnt out '^host:other.test api.test 4443 ok$'
	reaches 'early:other.test api.test 4443 refused'
	reached 203.0.113.1 'GET /other.test ' 0
	reached 203.0.113.1 'GET /early-other.test ' 0
	reached 203.0.113.1 'GET /early-api.test ' 1
	some_line audit type=connect activity=net:other.test:4443 decision.verdict=deny \
		'decision.reason=*request asks for*'
}

# Without TLS: each request of a connection, however it is sent.
asked_for_without_tls() {
	local cut='(ECONNABORTED|ECONNRESET|EACCES|EPERM)' way
	fresh_log
	policy 'allow: ["net:api.test", "net:203.0.113.2", "net:*.wild.test"]'
	reaches 'http:api.test api.test 443 ok' 'next:a.wild.test api.test 443 ok' 'bits:api.test api.test 443 ok' \
		'whole:api.test api.test 443 ok' 'odd:x other.test 443 ok' 'http:third.test other.test 443 ok' \
		"http:third.test api.test 443 $cut" "next:third.test api.test 443 $cut" \
		"bits:third.test api.test 443 $cut" "whole:third.test api.test 443 $cut" \
		"odd:third.test api.test 443 $cut" "connect:third.test api.test 443 $cut" \
		"socket:third.test api.test 443 ok"
	reached 203.0.113.1 'GET /third.test ' 1 # of the last
	reached 203.0.113.1 'CONNECT third.test' 1
	reached 203.0.113.1 'POST /api.test ' 2
	some_line audit type=connect activity=net:third.test:443 decision.verdict=deny decision.tier=cut \
		net.addr=203.0.113.1 'decision.reason=*request asks for*'
	some_line audit type=connect activity=net:203.0.113.1:443 decision.verdict=deny \
		'decision.reason=*not clearly*'
}

# Denied names are denied anywhere; a proxy may be asked for what it likes, but for those.
denied_where_asked_for() {
	local cut='(ECONNABORTED|ECONNRESET|EACCES|EPERM)'
	policy 'deny: ["net:other.test"]'
	reaches "tls:other.test api.test 4443 $cut" 'tls:third.test api.test 4443 ok' 'tls: api.test 4443 ok' \
		"http:other.test api.test 443 $cut" 'odd:other.test api.test 443 ok'
	policy 'allow: ["net:api.test"]' 'deny: ["net:other.test"]'
	reaches 'late:third.test api.test 4444 ok' "late:other.test api.test 4444 $cut"
}

# What is let through unseen by its name is that host's.
opaque_where_asked_for() {
	local cut='(ECONNABORTED|ECONNRESET|EACCES|EPERM)'
	policy 'opaque: {default: deny, allow: ["net:api.test"]}'
	reaches 'raw:api.test:1000 api.test 4443 ok' "raw:other.test:1000 api.test 4443 $cut"
}

asked_for_in_audit_mode() {
	policy 'mode: audit' 'opaque: allow' 'allow: ["net:api.test"]'
	reaches 'tls:other.test api.test 4443 ok' 'host:other.test api.test 4443 ok' 'tls:api.test third.test 4443 ok'
	count_is 2 audit type=connect net.host=other.test decision.verdict=audit
	count_is 1 audit type=connect net.host=third.test decision.verdict=audit
	count_is 0 audit type=connect net.addr=203.0.113.3 net.host=api.test
}

audit_mode() {
	policy 'mode: audit' 'allow: ["net:api.test"]'
	reaches 'tcp api.test 443 ok' 'tcp other.test 443 ok'
	some_line audit type=connect net.host=other.test decision.verdict=audit
}

over_ipv6() {
	printf 'nameserver %s%%v0\n' $resolver6 >"$T/resolv.conf"
	policy 'allow: ["net:api.test"]'
	reaches 'tcp api.test 443 ok' 'tcp6 api.test 443 ok' 'tcp other.test 443 EPERM'
	printf 'nameserver %s\noptions timeout:2 attempts:2\n' $resolver >"$T/resolv.conf"
}

# ---- answers of many kinds ----

# asks.py NAME...: by itself, in mixed case; prints how many answers came.
cat >"$T/asks.py" <<'END'
import socket, struct, sys
resolver = sys.argv[1]
for name in sys.argv[2:]:
    mixed = "".join(c.upper() if i % 2 else c for i, c in enumerate(name))
    labels = b"".join(bytes([len(l)]) + l.encode() for l in mixed.split(".")) + b"\0"
    sock = socket.socket(socket.AF_INET6 if ":" in resolver else socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(1)
    # With an EDNS option that asks for larger answers.
    sock.sendto(struct.pack(">6H", 7, 0x100, 1, 0, 0, 1) + labels + struct.pack(">2H", 1, 1) +
                b"\0" + struct.pack(">2HIH", 41, 4096, 0, 0), (resolver, 53))
    got = 0
    try:
        while True:
            sock.recv(65536)
            got += 1
            sock.settimeout(0.3)
    except TimeoutError:
        print(name, got)
END

# after_asking {NAME COUNT ADDRESS WANT}...: it is asked for by the program above, then reached; one after
# the other.
after_asking() {
	local code=true wanted=() said line
	while (($#)); do
		code+=" && $python '$T/asks.py' $resolver $1 && $python '$lib/byname.py' 'direct $3 443'"
		wanted+=("$1 $2" "direct $3 443 $4")
		shift 4
	done
	run 0 sh -c "$code"
	for line in "${wanted[@]}"; do
		read -r said
		[[ $said =~ ^$line$ ]] || {
			echo "got <$said>, wanted <$line>"
			return 1
		}
	done <out
	same "$(wc -l <out)" ${#wanted[@]} 'lines'
}

mixed_case() {
	policy 'allow: ["net:api.test"]'
	after_asking api.test 1 203.0.113.1 ok
}

many_answers() {
	policy 'allow: ["net:many.test"]'
	after_asking many.test 1 203.0.113.163 ok
}

# What is not learned whole is not delivered.
too_many_answers() {
	policy 'allow: ["net:toomany.test"]'
	after_asking toomany.test 0 10.0.0.0 EPERM
	some_line audit type=loss loss.reason=names_full
}

# They would be refused, and that is all.
too_many_answers_audited() {
	policy 'mode: audit' 'allow: ["net:toomany.test"]'
	after_asking toomany.test 1 10.0.0.0 'TimeoutError.*' # nobody is there
	some_line audit type=loss loss.reason=names_full
	some_line audit type=connect decision.verdict=audit
}

# No address can have another name: who asks for one does not hear of it.
names_of_all_addresses_full() {
	local pid
	policy 'allow: ["net:api.test"]'
	"$WARDEN" run -p policy.yaml --audit audit -- sh -c "touch ready
		while ! [ -e go ]; do sleep 0.05; done
		$python '$T/asks.py' $resolver api.test
		$python '$lib/byname.py' 'direct 203.0.113.1 443'" >out 2>err &
	pid=$!
	within 20 test -e ready
	"$python" "$lib/fill.py" "$pid" names
	touch go
	ends "$pid" 0
	has out '^api.test 0$'
	has out '^direct 203.0.113.1 443 EPERM$'
	some_line audit type=loss loss.reason=names_full
}

# So many questions behind one that it is forgotten: its answer names nothing.
questions_full() {
	cat >many.py <<-'END'
		import socket, struct, subprocess, sys
		def ask(sock, name, number):
		    labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\0"
		    sock.sendto(struct.pack(">6H", number, 0x100, 1, 0, 0, 0) + labels + struct.pack(">2H", 1, 1),
		                (sys.argv[1], 53))
		one, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
		ask(one, "late.test", 1)
		for number in range(int(sys.argv[2])):
		    ask(other, "silent.test", number) # an answer would make room
		one.settimeout(1)
		for _ in range(30): # among so many a question may be lost
		    ask(other, "now.test", 2)
		    try:
		        print("answer", len(one.recv(4096)) > 12, flush=True)
		        break
		    except TimeoutError:
		        pass
	END
	policy 'allow: ["net:late.test"]'
	run 0 sh -c 'for n in 4000 10; do
			"$1" many.py "$2" $n && "$1" "$3" "direct 203.0.113.8 443" || exit
		done' - "$python" $resolver "$lib/byname.py"
	same "$(<out)" $'answer True\ndirect 203.0.113.8 443 EPERM\nanswer True\ndirect 203.0.113.8 443 ok' \
		'what it reached, behind 4000 and behind 10'
	some_line audit type=loss loss.reason=dns_unasked
}

truncated() {
	policy 'allow: ["net:cut.test"]'
	reaches 'tcp cut.test 443 ok' 'tcp6 cut.test 443 ok' 'tcp other.test 443 EPERM'
	some_line audit type=connect net.host=cut.test decision.verdict=allow
	count_is 0 audit type=loss
	policy 'allow: ["net:alias.test"]' 'deny: ["net:edge.cut.test"]'
	reaches 'tcp alias.test 443 EPERM'
}

# tcp.py NAME TRUNCATED...: asks for NAME over TCP, over UDP for the others before; prints whether an answer
# came, and how long that took.
cat >"$T/tcp.py" <<'END'
import socket, struct, sys, time
def question(name):
    labels = b"".join(bytes([len(l)]) + l.encode() for l in name.split(".")) + b"\0"
    return struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + labels + struct.pack(">2H", 1, 1)
resolver, name, *truncated = sys.argv[1:]
for other in truncated:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.sendto(question(other), (resolver, 53))
        sock.recv(4096)
began = time.monotonic()
with socket.create_connection((resolver, 53), 20) as sock:
    text = question(name)
    sock.sendall(struct.pack(">H", len(text)) + text)
    try:
        print(name, "answer", len(sock.recv(4096)) > 12)
    except TimeoutError:
        print(name, "none")
print("seconds", time.monotonic() - began)
END

# What nobody was sent to TCP for is not known.
over_tcp_by_itself() {
	policy 'allow: ["net:api.test"]'
	run 0 sh -c "$python '$T/tcp.py' $resolver api.test && $python '$lib/byname.py' 'direct 203.0.113.1 443'"
	has out '^api.test answer True$'
	has out '^direct 203.0.113.1 443 EPERM$'
	at_most "$(sed -n 's/^seconds //p' out)" $((slow + 1)) 'seconds without a wait'
}

# No answer to warden either: it is counted, and all others have waited for two seconds.
resolver_without_tcp() {
	policy 'allow: ["net:*.test"]'
	run 0 sh -c "$python '$T/tcp.py' $resolver other.test deaf.test
		$python '$lib/byname.py' 'direct 203.0.113.8 443' 'tcp api.test 443'"
	has out '^other.test answer True$'
	at_most 1 "$(sed -n 's/^seconds //p' out)" 'seconds of waiting'
	at_most "$(sed -n 's/^seconds //p' out)" 8 'seconds of waiting'
	has out '^direct 203.0.113.8 443 EPERM$'
	has out '^tcp api.test 443 ok$'
	some_line audit type=loss loss.reason=names_unresolved
}

# Over TCP the first answer has another number, and it is all that warden reads.
truncated_and_not_what_was_asked() {
	policy 'allow: ["net:wrong.test"]'
	after_asking wrong.test 2 203.0.113.8 EPERM
	some_line audit type=loss loss.reason=names_unresolved
}

truncated_and_too_many() {
	policy 'allow: ["net:large.test"]'
	reaches 'ask large.test 443 ok' 'direct 10.0.0.79 443 EPERM'
	some_line audit type=loss loss.reason=names_full
}

# Without warden nobody waits for ever, and nothing is learned.
truncated_without_warden() {
	local pid status=0
	policy 'allow: ["net:cut.test"]'
	"$WARDEN" run -p policy.yaml --audit audit -- sh -c "touch ready
		while ! [ -e go ]; do sleep 0.05; done
		$python '$lib/byname.py' 'tcp cut.test 443'; touch on" >out 2>err &
	pid=$!
	within 20 test -e ready
	kill -STOP "$pid"
	touch go
	within 20 test -e on || status=1
	kill -CONT "$pid"
	ends "$pid" 0
	has out '^tcp cut.test 443 EPERM$'
	return "$status"
}

# Of twenty names of one address sixteen fit.
names_of_one_address_full() {
	local n names=()
	for n in {1..20}; do
		echo "n$n.test A 203.0.113.3"
		names+=("n$n.test")
	done >>"$T/zone"
	policy 'allow: ["net:*.test"]'
	run 0 "$python" "$T/asks.py" $resolver "${names[@]}"
	has out '^n16.test 1$'
	has out '^n17.test 0$'
	some_line audit type=loss loss.reason=names_full
}

# ---- answers that name nothing ----

not_what_was_asked() {
	policy 'allow: ["net:*.test"]'
	after_asking number.test 2 203.0.113.8 EPERM question.test 1 203.0.113.8 EPERM \
		twice.test 2 203.0.113.8 EPERM from.test 1 203.0.113.8 EPERM port.test 1 203.0.113.8 EPERM
	some_line audit type=loss loss.reason=dns_unasked
	# From a resolver, but another one than was asked.
	printf 'nameserver %s\nnameserver 203.0.113.9\n' $resolver >"$T/resolv.conf"
	after_asking from.test 1 203.0.113.8 EPERM
	printf 'nameserver %s\noptions timeout:2 attempts:2\n' $resolver >"$T/resolv.conf"
}

# Another server at 203.0.113.8 by a name that is allowed: own.sh WHERE SETUP starts a resolver that says so,
# behind the commands SETUP, asks it, and reaches for the address.
cat >"$T/own.sh" <<END
	echo 'api.test A 203.0.113.8' >own.zone
	eval "\$2"
	$python "$lib/dnsd.py" "\$1" own.zone own.ready >own.said 2>&1 &
	server=\$!
	for i in \$(seq 200); do
		[ ! -e own.ready ] || break
		sleep 0.05
	done
	$python "$T/asks.py" "\$1" api.test
	timeout $((3 * slow)) $python "$T/tcp.py" "\$1" api.test || echo api.test silent
	kill \$server
	wait
	eval "\$3"
	$python "$lib/byname.py" 'direct 203.0.113.8 443'
END

# It names something only where it is trusted: asked at an address of its own it answers, and that is all.
resolver_of_its_own() {
	policy 'allow: ["net:*.test", "net:127.0.0.0/8"]'
	run 0 sh "$T/own.sh" 127.0.0.9 : :
	has out '^api.test 1$'
	has out '^api.test answer True$'
	has out '^direct 203.0.113.8 443 EPERM$'
}

# What it sends in the name of the resolver does not arrive.
in_the_resolvers_name() {
	policy 'deny: ["net:other.test"]'
	run 0 sh "$T/own.sh" $resolver "ip addr add $resolver/32 dev lo" "ip addr del $resolver/32 dev lo"
	has out '^api.test 0$'
	has out '^api.test silent$'
	some_line audit type=tamper decision.verdict=deny decision.tier=cgroup
}

# Nor does it in a network namespace of the workload's own.
namespace_of_its_own() {
	policy 'allow: ["net:*.test", "net:10.9.0.0/24"]'
	run 0 unshare --net sh "$T/own.sh" $resolver \
		"ip link set lo up; ip addr add $resolver/32 dev lo; ip addr add 203.0.113.8/32 dev lo" :
	has out '^api.test 0$'
	has out '^api.test silent$'
	has out '^direct 203.0.113.8 443 EPERM$'
}

# late BEGIN END COMMAND...: somebody else answers in the resolver's place, once the workload runs (by
# COMMAND) and BEGIN was done. The workload gets its answer, which names nothing. END takes back what BEGIN
# did.
late() {
	local pid got=0
	echo "${late_name:=api.test} A 203.0.113.8" >own.zone
	policy 'allow: ["net:*.test"]'
	"$WARDEN" run -p policy.yaml --audit audit -- "${@:3}" sh -c "echo \$\$ >ready
		while ! [ -e go ]; do sleep 0.05; done
		$python '$T/asks.py' $resolver $late_name; touch asked
		while ! [ -e on ]; do sleep 0.05; done
		$python '$lib/byname.py' 'direct 203.0.113.8 443' 'tcp other.test 443'" >out 2>err &
	pid=$!
	within 20 test -e ready
	"$1"
	within 20 test -e own.ready
	touch go
	within 20 test -e asked || got=1
	kill "$server"
	"$2"
	touch on
	ends "$pid" 0
	has out "^$late_name 1\$"
	has out '^direct 203.0.113.8 443 EPERM$'
	return "$got"
}

on_loopback() {
	ip addr add $resolver/32 dev lo
	"$python" "$lib/dnsd.py" $resolver own.zone own.ready >own.said 2>&1 &
	server=$!
}

not_on_loopback() {
	ip addr del $resolver/32 dev lo
}

over_loopback() {
	late on_loopback not_on_loopback
	has out '^tcp other.test 443 ok$' # from the true one
}

# Another resolver behind the interface v5 of the namespace of a process PID.
new_interface() {
	unshare --net sleep 600 &
	server=$!
	within 5 differs /proc/self/ns/net "/proc/$server/ns/net"
	nsenter --target "$1" --net ip link add v5 type veth peer name v6
	nsenter --target "$1" --net ip link set v6 netns "$server"
	nsenter --target "$1" --net ip link set v5 up
	nsenter --target "$server" --net sh -c "ip link set lo up; ip link set v6 up
		ip addr add $resolver/24 dev v6"
	nsenter --target "$server" --net "$python" "$lib/dnsd.py" $resolver own.zone own.ready \
		>own.said 2>&1 &
}

# One that was not there at the start.
on_new_interface() {
	new_interface $$
	ip route add $resolver/32 dev v5 src 10.9.0.2
}

# One with a number that there was at the start, in the namespace that the workload is in by now.
on_another_interface() {
	local pid
	pid=$(<ready)
	nsenter --target "$pid" --net ip link set lo up
	new_interface "$pid"
	nsenter --target "$pid" --net ip addr add 10.9.0.2/24 dev v5
	at_most "$(nsenter --target "$pid" --net ip -o link show v5 | cut -d: -f1)" \
		"$(ip -o link show v0 | cut -d: -f1)" 'the number of v5'
}

# With its namespace the interface goes, sooner or later.
not_on_new_interface() {
	kill $!
	ip link del v5 2>/dev/null || true
}

over_new_interface() {
	late on_new_interface not_on_new_interface
	has out '^tcp other.test 443 ok$'
}

# Over TCP alone, where warden asks: it hears nothing from there.
tcp_on_new_interface() {
	new_interface $$
	ip route add $resolver/32 dev v5 src 10.9.0.2 table 100
	ip rule add ipproto tcp dport 53 to $resolver lookup 100
}

tcp_not_on_new_interface() {
	sleep 3 # until warden has given up
	ip rule del ipproto tcp dport 53 to $resolver lookup 100
	not_on_new_interface
}

tcp_over_new_interface() {
	local late_name=cut.test
	echo 'cut.test A 203.0.113.9' >own.zone
	late tcp_on_new_interface tcp_not_on_new_interface
	some_line audit type=loss loss.reason=names_unresolved
}

in_another_namespace() {
	late on_another_interface not_on_new_interface unshare --net
}

check 'without a policy names are only asked for' without_policy
check 'an allow list of names' allowed_by_name
check 'by protocol' by_protocol
check 'by wildcard, with an exception' by_wildcard
check 'denied by name, and by an alias' denied_by_name
check 'aliases admit nothing' aliases_admit_nothing
check 'two names of one address' names_of_one_address
check 'names that are over' names_that_are_over
check 'private addresses' private_addresses
check 'resolvers are reachable' resolvers_are_reachable
check 'opaque, by name' opaque_by_name
check 'hosts that are asked for, without a policy' hosts_without_policy
check 'a host that a TLS handshake asks for' asked_for_by_tls
check 'the same, in pieces' asked_for_in_pieces
check 'a host that a request asks for' asked_for_by_requests
check 'the same, without TLS' asked_for_without_tls
check 'a denied host that is asked for elsewhere' denied_where_asked_for
check 'an opaque connection, and the host that it asks for' opaque_where_asked_for
check 'hosts that are asked for, in mode audit' asked_for_in_audit_mode
check 'mode: audit' audit_mode
check 'a resolver over IPv6' over_ipv6
check 'a question in mixed case' mixed_case
check 'many answers' many_answers
check 'too many answers' too_many_answers
check 'too many answers, mode: audit' too_many_answers_audited
check 'a truncated answer' truncated
check 'a truncated answer, with too many addresses' truncated_and_too_many
check 'a truncated answer, then one to what was not asked' truncated_and_not_what_was_asked
check 'a truncated answer, and a resolver without TCP' resolver_without_tcp
check 'a truncated answer while warden is stopped' truncated_without_warden
check 'a question over TCP' over_tcp_by_itself
check 'too many names of one address' names_of_one_address_full
check 'too many names of all addresses' names_of_all_addresses_full
check 'too many questions' questions_full
check 'answers to what was not asked' not_what_was_asked
check 'a resolver of its own' resolver_of_its_own
check 'answers in the name of the resolver' in_the_resolvers_name
check 'a network namespace of its own' namespace_of_its_own
check 'answers over the loopback' over_loopback
check 'answers over an interface that came later' over_new_interface
check 'answers over TCP, over such an interface' tcp_over_new_interface
check 'answers in a network namespace of its own' in_another_namespace
finish
