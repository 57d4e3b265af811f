#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Bad input: one clear line, the documented exit status, and nothing half-started.
# Far end: ./mark, which the command would have made.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root

# For users who may not look into the directory of the real one.
cp "$WARDEN" "$T/warden"
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --bounding-set=-all)

# Cgroups and run files of warden, and processes that carry $T in their arguments.
remains() {
	find /sys/fs/cgroup -type d -name 'warden-*' -newer "$T/begin" 2>/dev/null
	find /run/warden -newer "$T/begin" -name '[0-9A-Z]*' 2>/dev/null
	true
}

# bad STATUS PATTERN COMMAND...: says one line like PATTERN on stderr, nothing on stdout, and leaves
# nothing behind.
bad() {
	local status=$1 pattern=$2
	shift 2
	touch "$T/begin"
	status_is "$status" "$@"
	one_line err
	has err "$pattern"
	same "$(<out)" '' 'standard output'
	absent mark
	absent audit
}

warden_run() {
	bad "$1" "$2" "$WARDEN" run --audit audit "${@:3}" -- touch mark
}

starts_otherwise() {
	policy 'deny: ["exec:/usr/bin/id"]'
	run 0 touch mark
	exists mark
	exists audit
}

missing_policy() {
	warden_run 3 'no/such.yaml.*No such file' -p no/such.yaml
}

unreadable_policy() {
	mkdir policy.d
	warden_run 3 'policy.d' -p policy.d
	policy
	chmod 600 policy.yaml
	chmod 711 .
	bad 3 'policy.yaml.*Permission denied' "${nobody[@]}" "$T/warden" check policy.yaml
}

broken_yaml() {
	printf 'version: 1\nname: [x\ndeny: "y\n' >policy.yaml
	warden_run 3 '^policy.yaml:[0-9]+:[0-9]+: error: ' -p policy.yaml
	printf 'version: 1\nname: x\n\tdeny: []\n' >policy.yaml
	warden_run 3 '^policy.yaml:3:[0-9]+: error: ' -p policy.yaml
	: >policy.yaml
	warden_run 3 '^policy.yaml:.*error: ' -p policy.yaml
	head -c 2000 /dev/urandom >policy.yaml
	warden_run 3 '^policy.yaml:' -p policy.yaml
	printf 'a: &a [x]\nb: *a\n' >policy.yaml
	status_is 3 "$WARDEN" check policy.yaml
}

wrong_policy() {
	policy 'denny: []'
	warden_run 3 '^policy.yaml:3:1: error: .*denny.*deny' -p policy.yaml
	policy 'deny: ["exec"]'
	warden_run 3 '^policy.yaml:3:8: error: ' -p policy.yaml
	policy 'deny: ["exec:/usr/**"]'
	warden_run 3 '^policy.yaml:3:[0-9]+: error: ' -p policy.yaml
	policy 'mode: sometimes'
	warden_run 3 '^policy.yaml:3:7: error: .*sometimes' -p policy.yaml
	policy 'deny: [undefined_tool]'
	warden_run 3 '^policy.yaml:3:8: error: .*undefined_tool' -p policy.yaml
	printf 'name: x\n' >policy.yaml
	warden_run 3 '^policy.yaml:.*error: .*version' -p policy.yaml
}

later_policy() {
	local line
	for line in 'limits: [{name: calls, per: user, of: "fn:*", count: 60, within: 60s}]' \
		'roles: {admin: [read]}' 'deny: ["fn:x"]' \
		'deny: ["file:read /etc/passwd"]' 'content: [{name: c, deny: ["x"], in: [fn]}]' \
		'cache: {}' 'route: []' 'identity: {user: ["env:X"]}'; do
		policy "$line"
		warden_run 3 '^policy.yaml:3:[0-9]+: error: .*not supported yet' -p policy.yaml
	done
}

huge_policy() {
	{
		printf 'version: 1\nname: huge\ndeny:\n'
		awk 'BEGIN { for (size = 0; size < 10000000; size += length(line)) {
			line = sprintf("  - \"exec:/usr/local/share/some/directory/program-%d\"\n", n++)
			printf "%s", line } }'
	} >policy.yaml
	local start=$SECONDS
	warden_run 3 'policy.yaml' -p policy.yaml
	at_most $((SECONDS - start)) $((10 * slow)) seconds
}

deep_policy() {
	{ printf 'version: 1\nname: '; head -c 5000000 /dev/zero | tr '\0' '['; } >policy.yaml
	local start=$SECONDS
	warden_run 3 'policy.yaml' -p policy.yaml
	at_most $((SECONDS - start)) $((10 * slow)) seconds
	# Anchors that multiply.
	{
		printf 'version: 1\nname: laugh\na: &a [x,x,x,x,x,x,x,x,x,x]\n'
		local from=a to
		for to in b c d e f g h i; do
			echo "$to: &$to [$(printf "*$from,%.0s" 1 2 3 4 5 6 7 8)*$from]"
			from=$to
		done
	} >policy.yaml
	status_is 3 "$WARDEN" check policy.yaml
	at_most $((SECONDS - start)) $((20 * slow)) seconds
}

no_root() {
	chmod 777 .
	bad 1 root "${nobody[@]}" "$T/warden" run --audit audit -- touch mark
	policy 'deny: ["exec:/usr/bin/id"]'
	chmod 644 policy.yaml
	bad 1 root "${nobody[@]}" "$T/warden" run -p policy.yaml --audit audit -- touch mark
}

# The programs name processes by the numbers of the initial namespace.
own_pid_namespace() {
	local start=$SECONDS way
	for way in '' --mount-proc; do
		# shellcheck disable=SC2086 # nothing, or an option
		bad 1 'PID namespace' unshare --pid --fork $way \
			"$WARDEN" run --audit audit -- touch mark
	done
	at_most $((SECONDS - start)) $((5 * slow)) seconds
	status_is 0 unshare --pid --fork --mount-proc "$WARDEN" --version
}

works_without_root() {
	policy 'deny: ["exec:/usr/bin/id"]'
	chmod 644 policy.yaml
	chmod 777 .
	status_is 0 "${nobody[@]}" "$T/warden" check policy.yaml
	status_is 0 "${nobody[@]}" "$T/warden" check - <policy.yaml
	has out '^exec  open$'
	status_is 0 "${nobody[@]}" "$T/warden" explain -p - exec:/usr/bin/id <policy.yaml
	has out '^deny deny deny.0. <stdin>:'
	status_is 0 "${nobody[@]}" "$T/warden" explain -p policy.yaml exec:/usr/bin/id
	has out '^deny deny '
	status_is 0 "${nobody[@]}" "$T/warden" --version
	run 0 true
	chmod 644 audit
	status_is 0 "${nobody[@]}" "$T/warden" verify audit
	status_is 0 "${nobody[@]}" "$T/warden" events audit
}

no_command() {
	bad 127 '/no/such/program' "$WARDEN" run --audit audit -- /no/such/program
	bad 127 'no-such-program' "$WARDEN" run --audit audit -- no-such-program
	bad 126 '/etc/passwd' "$WARDEN" run --audit audit -- /etc/passwd
	bad 126 '/usr' "$WARDEN" run --audit audit -- /usr
	bad 2 'command' "$WARDEN" run --audit audit --
	bad 2 'command' "$WARDEN" run --audit audit
}

# The kernel finds out only when it tries.
unrunnable_command() {
	printf 'not a program\n' >garbage
	printf '#!/no/such/interpreter\n' >script
	chmod 755 garbage script
	run '126|127' ./script
	hasnt out .
	run 126 ./garbage
	has err garbage
}

unknown_option() {
	warden_run 2 'audt.*audit' --audt x
	warden_run 2 'mode' --mode sometimes
	bad 2 'polcy.*policy' "$WARDEN" run --polcy x -- touch mark
	bad 2 'x' "$WARDEN" run -x -- touch mark
	bad 2 'policy|argument|value' "$WARDEN" run -p
	bad 2 'strct.*strict' "$WARDEN" check --strct x
	policy
	bad 2 '--private is for host names' \
		"$WARDEN" explain -p policy.yaml --private net:10.0.0.1:443
}

# Of two values one would be forgotten without a word.
option_given_twice() {
	warden_run 2 "'--audit' is given twice" --audit other
	warden_run 2 "'--uid' is given twice" --uid nobody --uid root
	bad 2 "'--run' is given twice" "$WARDEN" events --run a --run b
	bad 2 "'--user' is given twice" "$WARDEN" events --user a --user b
	policy
	bad 2 "'--args' is given twice" \
		"$WARDEN" explain -p policy.yaml --args a --args b exec:/usr/bin/id
}

unknown_command() {
	bad 2 'rnu.*run' "$WARDEN" rnu -- touch mark
	bad 2 'verfy.*verify' "$WARDEN" verfy x
	bad 2 'xyzzy' "$WARDEN" xyzzy
	status_is 2 "$WARDEN"
	same "$(<out)" '' 'standard output'
}

later() {
	local command
	for command in daemon test replay status top prices report unload oci-hook learn grant; do
		bad 2 "$command.*not supported yet" "$WARDEN" "$command" x
	done
	warden_run 2 'not supported yet' --id user=alice
	warden_run 2 'not supported yet' --label app=x
	policy 'deny: ["exec:/usr/bin/id"]'
	warden_run 2 'several policies are not supported yet' -p policy.yaml -p policy.yaml
	bad 2 'several policies are not supported yet' \
		"$WARDEN" explain -p policy.yaml -p policy.yaml exec:/usr/bin/id
}

audit_file_cannot_be_opened() {
	bad 1 'no/dir/audit' "$WARDEN" run --audit no/dir/audit -- touch mark
	mkdir directory
	bad 1 'directory' "$WARDEN" run --audit directory -- touch mark
}

no_such_user() {
	warden_run 1 'no-such-user' --uid no-such-user
	warden_run 1 'no such user' --uid ''
	warden_run 1 '4294967296' --uid 4294967296 # 0, for who counts in 32 bits
	bad 1 'user' env SUDO_UID=987654 "$WARDEN" run --audit audit -- touch mark
}

leaves_nothing() {
	touch "$T/begin"
	sleep 0.1
	warden_run 3 . -p /no/such.yaml
	bad 127 . "$WARDEN" run --audit audit -- /no/such/program
	bad 1 . "$WARDEN" run --audit no/dir/audit -- touch mark
	printf 'not a program\n' >garbage
	chmod 755 garbage
	run 126 ./garbage
	within 5 nothing_remains
}

# Of the run in ./audit; other runs on this machine are none of ours.
nothing_remains() {
	local id
	id=$(lines show audit run.id type=run.start | tail -n 1)
	[[ -z $id ]] || ! remains | grep -F "$id"
}

help_is_there() {
	local command
	for command in '' run doctor check explain events verify; do
		status_is 0 "$WARDEN" ${command:+"$command"} --help
		has out '[Uu]sage'
		same "$(<err)" '' 'standard error'
	done
	status_is 0 "$WARDEN" --version
	has out '^warden [0-9]+\.[0-9]+\.[0-9]+'
	status_is 0 "$WARDEN" run --help
	has out -- '--audit'
}

# The reports of a command that cannot be written are a failure.
full_output() {
	policy 'deny: ["exec:/usr/bin/id"]'
	run 0 true
	local command
	for command in --help 'events audit' 'check policy.yaml' 'explain -p policy.yaml exec:/usr/bin/id'; do
		# shellcheck disable=SC2086 # words on purpose
		if "$WARDEN" $command >/dev/full 2>err || "$WARDEN" $command 2>err >&-; then
			echo "nobody noticed: $command"
			return 1
		fi
	done
	if timeout 60 "$WARDEN" run --audit - -- touch mark 2>err >&-; then
		echo 'nobody noticed that there is no audit trail'
		return 1
	fi
	absent mark
}

check 'good input starts' starts_otherwise
check 'a missing policy' missing_policy
check 'an unreadable policy' unreadable_policy
check 'broken YAML' broken_yaml
check 'a wrong policy' wrong_policy
check 'what is not supported yet, in a policy' later_policy
check 'a policy of 10 MB' huge_policy
check 'a policy that grows when it is read' deep_policy
check 'no root' no_root
check 'a PID namespace of its own' own_pid_namespace
check 'what needs no root' works_without_root
check 'no such command' no_command
check 'a command that cannot be run' unrunnable_command
check 'an unknown option' unknown_option
check 'an option given twice' option_given_twice
check 'an unknown command' unknown_command
check 'what is not supported yet, on the command line' later
check 'an audit file that cannot be opened' audit_file_cannot_be_opened
check 'no such user' no_such_user
check 'nothing is left behind' leaves_nothing
check 'help and version' help_is_there
check 'output that cannot be written' full_output
finish
