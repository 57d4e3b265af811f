#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Membership: whatever a process of the workload does to get away, it and its children stay in it.
# Far end: the file that /usr/bin/touch would create.
# shellcheck disable=SC2016,SC2317 # code for other shells; functions called by check
# shellcheck source=../lib/tap.sh
. "$(dirname -- "$0")/../lib/tap.sh"
need_root

python=/usr/bin/python3
deny_touch='deny: ["exec:/usr/bin/touch"]'

# Where the v2 hierarchy is, and the shell line that names a process's own cgroup in it.
cgroups=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
own='own='"$cgroups"'$(sed -n s/^0:://p /proc/self/cgroup)'

# A process that moves itself out of the cgroup is killed, and so is not there to go on.
leaves() {
	policy "$deny_touch"
	cat >leave <<-END
		$own
		echo \$\$ >"\${own%/*}/cgroup.procs"
		/usr/bin/touch mark
	END
	allowed 137 sh leave # there is no way out, policy or not
	absent mark
	run 137 sh leave
	absent mark
	some_line audit type=tamper severity=critical
}

# It may arrange itself below: that is still the workload.
moves_below() {
	policy "$deny_touch"
	cat >below <<-END
		$own
		mkdir "\$own/below" && echo \$\$ >"\$own/below/cgroup.procs" || exit 9
		grep -q below /proc/self/cgroup || exit 8
		/usr/bin/touch mark
		exit 0
	END
	allowed 0 sh below
	exists mark
	rm mark
	run 0 sh below
	absent mark
	some_line audit type=exec activity=exec:/usr/bin/touch decision.verdict=deny
	count_is 0 audit type=tamper
}

# Moving somebody else out is the same.
moves_another() {
	cat >another <<-END
		$own
		sleep 30 &
		echo \$! >"\${own%/*}/cgroup.procs"
		/usr/bin/touch mark
	END
	allowed 137 sh another
	absent mark
	some_line audit.allowed type=tamper
}

# A daemon of the classic kind: new session, orphaned, streams closed.
daemon() {
	policy "$deny_touch"
	cat >daemon.py <<-'END'
		import os, time
		if os.fork():
		    os._exit(0)
		os.setsid()
		if os.fork():
		    os._exit(0)
		os.closerange(0, 3)
		time.sleep(0.5)
		try:
		    os.execv("/usr/bin/touch", ["touch", "mark"])
		except OSError:
		    pass
	END
	allowed 0 "$python" daemon.py
	exists mark
	rm mark
	run 0 "$python" daemon.py
	absent mark
	some_line audit type=exec activity=exec:/usr/bin/touch decision.verdict=deny
}

# Namespaces change names, not membership.
namespaces() {
	policy "$deny_touch"
	if ! unshare -mpiunf true 2>/dev/null; then
		echo "unshare does not work here"
		return 1
	fi
	allowed 0 sh -c 'unshare -mpiunf sh -c "/usr/bin/touch mark"; true'
	exists mark
	rm mark
	run 0 sh -c 'unshare -mpiunf sh -c "/usr/bin/touch mark"; true'
	absent mark
}

# Many at once: no child is missed.
storm() {
	policy "$deny_touch"
	cat >storm.py <<-'END'
		import os, subprocess, threading
		def work(n):
		    for i in range(20):
		        try:
		            subprocess.run(["/usr/bin/touch", f"mark.{n}.{i}"])
		        except OSError:
		            pass
		threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
		[t.start() for t in threads]
		[t.join() for t in threads]
	END
	run 0 "$python" storm.py
	[[ -z $(find . -name 'mark.*') ]] || { ls && return 1; }
	count_is 160 audit type=exec activity=exec:/usr/bin/touch decision.verdict=deny
}

# Where warden itself sees only a part of the hierarchy, depths are not what they seem.
cgroup_namespace() {
	policy "$deny_touch"
	mkdir "$cgroups/warden-test-$$"
	(
		echo "$BASHPID" >"$cgroups/warden-test-$$/cgroup.procs"
		unshare -Cm sh -c "umount $cgroups && mount -t cgroup2 none $cgroups &&
			exec $WARDEN run -p policy.yaml --audit audit -- sh -c '/usr/bin/touch mark; true'"
	)
	within 10 rmdir "$cgroups/warden-test-$$"
	absent mark
	some_line audit type=exec activity=exec:/usr/bin/touch decision.verdict=deny
}

check 'leaving the cgroup' leaves
check 'a cgroup below is the same workload' moves_below
check 'moving another out of the cgroup' moves_another
check 'a daemon' daemon
check 'namespaces' namespaces
check 'a storm of children' storm
check 'warden in a cgroup namespace' cgroup_namespace
finish
