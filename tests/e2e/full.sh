#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Tables of the kernel side that are full: in mode enforce what finds no room does not happen, in mode audit
# it does, and in either the trail says what was lost. Tables are filled from outside, while the workload
# waits; that a table that is left alone is no hindrance is what other tests are about.
# Far end: an HTTPS server that logs what it decrypted.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root

serve https "$T/https"
port=$(<"$T/https/port")
log=$T/https/log
export SSL_CERT_FILE=$T/https/cert.pem
python=/usr/bin/python3
no_forbidden='deny: ["http:* */forbidden/*"]'

# received TEXT COUNT: connections that received it, in plaintext.
received() {
	same "$(lines text "$log" "$1")" "$2" "connections that received <$1>"
}

# full TABLE STATUS ACT...: does them (acts.py) once TABLE is full; under ./policy.yaml, if there is one. STATUS
# is a pattern.
full() {
	local pid got=0 options=(--audit audit)
	[[ ! -e policy.yaml ]] || options+=(-p policy.yaml)
	rm -f ready go audit
	"$WARDEN" run "${options[@]}" -- "$python" "$lib/acts.py" "$port" "${@:3}" >out 2>err &
	pid=$!
	within 20 test -e ready
	"$python" "$lib/fill.py" "$pid" "$1"
	touch go
	wait "$pid" || got=$?
	# shellcheck disable=SC2053 # a pattern on purpose
	[[ $got == $2 ]] || same "$got" "$2" 'exit status'
}

# lost REASON
lost() {
	some_line audit type=loss "loss.reason=$1"
}

# ---- working memory ----

scratch_enforced() {
	policy "$no_forbidden"
	full scratches 137 'exec mark' connect 'write /scratch/enforced'
	has out '^exec mark EPERM$'
	has out '^connect EPERM$'
	received /scratch/enforced 0
	lost scratch_exhausted
}

# scratch_watched NAME: with ./policy.yaml, or without.
scratch_watched() {
	full scratches 0 'exec mark' connect "write /forbidden/$1/early" "https /forbidden/$1/new"
	hasnt out -v ' ok$'
	same "$(wc -l <out)" 4 acts
	received "/forbidden/$1/early" 1
	received "/forbidden/$1/new" 1
	lost scratch_exhausted
}

scratch_audited() {
	policy 'mode: audit' "$no_forbidden" 'default: {net: deny, exec: deny}'
	scratch_watched audited
}

# ---- TLS objects ----

objects_enforced() {
	policy "$no_forbidden"
	full objects 137 'write /known/object' 'https /new/object'
	has out '^write /known/object ok$'
	received /new/object 0
	lost tls_objects_full
}

objects_audited() {
	policy 'mode: audit' "$no_forbidden"
	full objects 0 'https /forbidden/object'
	has out '^https /forbidden/object ok$'
	received /forbidden/object 1
	lost tls_objects_full
}

# Whose ClientHello it is cannot be told: the object has no socket, and a refusal ends the process, unless
# the function itself can be kept from running.
entered() {
	policy "$no_forbidden"
	full entered '@(0|137)' 'https /allowed/entered' 'https /forbidden/entered'
	has out '^https /allowed/entered ok$'
	hasnt out '^https /forbidden/entered ok$'
	received /forbidden/entered 0
	lost storage_full
	some_line audit type=opaque decision.verdict=audit
}

# A socket that cannot be kept from sending: the process ends.
dead() {
	policy "$no_forbidden"
	full dead 137 'write /forbidden/dead'
	received /forbidden/dead 0
	lost dead_sockets_full
}

# Anybody may be the one who did not fit.
bio_users() {
	policy "$no_forbidden" 'opaque: deny'
	full bio_users 0 'https /before/bio' bio 'https /behind/bio'
	has out '^https /before/bio ok$'
	hasnt out '^https /behind/bio ok$'
	received /behind/bio 0
	lost storage_full
}

# ---- who is to die ----

# One leaves the cgroup while warden kills nobody: all end, another that did nothing among them.
doomed() {
	local pid own status=0
	"$WARDEN" run --audit audit -- sh -c "sleep 300 & echo \$! >other; touch ready
		while ! [ -e go ]; do sleep 0.05; done
		setsid sh -c 'echo \$\$ >\"\$1\"; touch mark' - \"\$(cat away)\"
		touch went; wait" >out 2>err &
	pid=$!
	within 20 test -e ready
	own=$(sed -n 's/^0:://p' "/proc/$(<other)/cgroup")
	echo "$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)${own%/*}/cgroup.procs" >away
	kill -STOP "$pid"
	"$python" "$lib/fill.py" "$pid" doomed || status=1
	touch go
	within 20 test -e went || status=1
	kill -CONT "$pid"
	wait "$pid" || true
	gone "$(<other)"
	absent mark
	lost doomed_full
	return "$status"
}

# ---- plaintext that nobody fetches ----

# Decisions stand; what is missing is said.
plaintext() {
	local pid status=0 curl=(curl -s -S -m $((20 * slow)) --http1.1 --cacert "$SSL_CERT_FILE" -H Expect:)
	policy "$no_forbidden"
	head -c 9000000 /dev/zero | tr '\0' z >body
	# With LSM a program that was not seen before waits for warden, which will not run: each is run once before.
	"$WARDEN" run -p policy.yaml --audit audit -- sh -c "${curl[*]} https://127.0.0.1:$port/first; sleep 0; touch ready
		while ! [ -e go ]; do sleep 0.05; done
		${curl[*]} --data-binary @body https://127.0.0.1:$port/long
		touch sent; sleep 1
		${curl[*]} https://127.0.0.1:$port/forbidden/behind" >out 2>err &
	pid=$!
	within 20 test -e ready
	kill -STOP "$pid"
	touch go
	within 30 test -e sent || status=1
	kill -CONT "$pid"
	wait "$pid" || true
	received 'POST /long' 1
	received /forbidden/behind 0
	lost bytes_ring_full
	some_line audit type=http.request http.path=/forbidden/behind decision.verdict=deny
	return "$status"
}

# ---- mounts ----

# A program is denied by a name that its file system has at a mount with too long a path.
mounts() {
	local long
	mkdir fs
	mount -t tmpfs none fs
	cp /usr/bin/touch fs
	long=$PWD/$(printf '%0200d/%0200d/%0200d/denied' 1 2 3)
	mkdir -p "$long"
	mount --bind fs "$long"
	policy 'deny: ["exec:*/denied/*"]'
	run '*' sh -c "cd $long && ./touch $PWD/mark"
	absent mark
	lost mounts_full
	some_line audit type=exec decision.verdict=deny
	# An allow entry knows it by a name that it has.
	policy 'deny: ["exec:*/denied/*"]' "allow: ['exec:$PWD/fs/*', 'exec:/usr/bin/*']"
	run 0 sh -c "cd fs && ./touch $PWD/mark"
	exists mark
	umount "$long" fs
}

check 'no working memory: nothing is started, reached or sent' scratch_enforced
check 'no working memory, mode: audit' scratch_audited
check 'no working memory, without a policy' scratch_watched free
check 'TLS objects' objects_enforced
check 'TLS objects, mode: audit' objects_audited
check 'handshakes' entered
check 'dead sockets' dead
check 'processes that write through BIOs' bio_users
check 'processes that are to die' doomed
check 'the ring of plaintext' plaintext
check 'mounts' mounts
finish
