#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Programs by the hash of their content: what is admitted by it is that content and no other, and what is
# denied by it is so under any name. Far end: the file that /usr/bin/touch would create.
# shellcheck disable=SC2016,SC2317 # code for other shells; functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
. "$lib/ways.sh"
need_root

hash_of() {
	sha256sum <"$1" | cut -d' ' -f1
}

python=$(readlink -f /usr/bin/python3)
touch=$(hash_of /usr/bin/touch)
system='allow: ["exec:/usr/bin/*", "exec:/bin/*"'

# Without hashes such a policy is refused before the command starts; `audit` lets it run, and says so.
unsupported() {
	local rule
	for rule in 'deny: [{match: "exec:*"' 'allow: [{match: "exec:/usr/bin/touch"'; do
		policy "$rule, sha256: $touch}]"
		run 4 touch mark
		has err '^warden: .*sha256 of exec: rules cannot be enforced here: .'
		absent mark
	done
	policy "unsupported: audit" "$system, {match: \"exec:$PWD/made\", changed: true, sha256: $touch}]"
	run '*' sh -c 'cp /usr/bin/touch made && ./made mark'
	has err 'sha256 of exec: rules cannot be enforced here: '
	absent mark # what is not known admits nothing
	some_line audit type=exec decision.layer=allow 'decision.reason=*; the kernel does not tell its sha256'
}

# Also where the workload has made it itself. The entry counts for its names only.
admitted() {
	policy "$system, {id: known, match: [\"exec:$PWD/made\", \"exec:$PWD/big\"], sha256: [${touch^^}, $(hash_of "$python")]}]"
	run 0 sh -c 'cp /usr/bin/touch made && ./made mark; cp "$0" big; ./big -c "open(\"large\", \"w\")"' "$python"
	exists mark
	exists large
	some_line audit activity="exec:$PWD/made" decision.rule=known exec.sha256="$touch"
	some_line audit activity="exec:$PWD/big" decision.rule=known exec.sha256="$(hash_of "$python")"
	count_is 0 audit activity=exec:/usr/bin/cp 'exec.sha256=?*'
	rm mark
	run 0 sh -c 'cp /usr/bin/touch copy && ./copy mark; true'
	absent mark
	some_line audit decision.verdict=deny activity="exec:$PWD/copy"
}

# One byte more is another content, whether it was there before the run or came in it.
other_content() {
	cp /usr/bin/touch before
	printf x >>before
	policy "$system, {match: [\"exec:$PWD/before\", \"exec:$PWD/made\"], sha256: $touch}]"
	./before mark
	rm mark
	run 0 sh -c './before mark; cp /usr/bin/touch made; ./made fine; printf x >>made; ./made mark; true'
	absent mark
	exists fine
	count_is 2 audit type=exec decision.verdict=deny decision.layer=allow \
		'decision.reason=*; the file has another sha256'
	some_line audit activity="exec:$PWD/before" exec.sha256="$(hash_of before)" decision.errno=EPERM
}

# One condition beside another, of one entry and of several.
with_arguments() {
	policy "$system, {id: both, match: \"exec:$PWD/t\", sha256: $touch, args: {none: [mark]}}," \
		"  {id: old, match: \"exec:$PWD/t\", args: {any: [-c]}}]"
	cp /usr/bin/touch t
	run 0 sh -c './t fine; ./t mark; ./t -c mark; true'
	exists fine
	absent mark
	some_line audit decision.rule=both decision.verdict=allow
	some_line audit decision.rule=old decision.verdict=allow
	count_is 1 audit type=exec decision.verdict=deny
}

# Content by whatever name: a copy, a link, one in memory, and code that the loader maps.
denied() {
	policy "deny: [{id: no, match: \"exec:*\", sha256: [$(hash_of /bin/false), $touch]}]"
	cat >memory.py <<-'END'
		import os, sys
		fd = os.memfd_create("x")
		os.write(fd, open("/usr/bin/touch", "rb").read())
		os.execve(fd, ["touch", "mark"], os.environ)
	END
	cp /usr/bin/touch copy
	ln copy link
	cp copy other && printf x >>other
	for way in './copy mark' './link mark' '/lib64/ld-linux-x86-64.so.2 ./copy mark' \
		'/usr/bin/python3 memory.py' 'cp copy new; ./new mark'; do
		sh -c "$way"
		exists mark
		rm mark
		echo "$way; [ ! -e mark ] || mv mark done"
	done >ways
	run 0 sh -c '. ./ways; ./other fine'
	absent done
	exists fine
	count_is 5 audit type=exec decision.verdict=deny decision.rule=no exec.sha256="$touch"
}

# Both the script and its interpreter are asked about, each by its own content.
script() {
	printf '#!/bin/sh\n>mark\n' >script
	chmod 755 script
	policy "allow: [\"exec:/usr/bin/*\", {match: \"exec:$PWD/script\", sha256: $(hash_of script)}]"
	run 0 sh -c './script'
	exists mark
	rm mark
	run 0 sh -c 'echo : >>script; ./script; true'
	absent mark
	some_line audit activity="exec:$PWD/script" decision.verdict=deny decision.errno=EPERM
	policy "deny: [{match: \"exec:*\", sha256: $(hash_of "$(readlink -f /bin/sh)")}]"
	run 1 "$python" -c 'import subprocess; subprocess.run("./script")'
	has err PermissionError
	some_line audit activity="exec:$(readlink -f /bin/sh)" decision.verdict=deny
}

# What is run cannot be written to; what was written to can be run again only if it is the content.
while_it_runs() {
	cp /usr/bin/sleep s
	policy "$system, {match: \"exec:$PWD/s\", sha256: $(hash_of s)}]"
	run 0 sh -c './s 3 & sleep 1; if echo x >>s; then >mark; fi 2>err; wait; ./s 0 && >fine'
	absent mark
	exists fine
}

# On file systems that were there before the run.
on_other_mounts() {
	mkdir lower upper work over tmp
	mount -t tmpfs t tmp
	cp /usr/bin/touch lower/made
	mkdir tmp/upper tmp/work
	mount -t overlay -o "lowerdir=$PWD/lower,upperdir=$PWD/tmp/upper,workdir=$PWD/tmp/work" o over
	cp /usr/bin/touch tmp/made
	policy "$system, {match: [\"exec:$PWD/tmp/made\", \"exec:$PWD/over/made\"], sha256: $touch}]"
	run 0 sh -c 'tmp/made one; over/made two; printf x >>over/made; over/made mark; true'
	exists one
	exists two
	absent mark
	umount over tmp
}

if [[ -z $(used_tier exec:sha256) ]]; then
	check 'refused where there are no hashes' unsupported
	finish
fi
check 'admitted by name and content' admitted
check 'other content is not' other_content
check 'beside arguments' with_arguments
check 'denied by any name' denied
check 'scripts' script
check 'a file that runs' while_it_runs
check 'on other mounts' on_other_mounts
finish
