/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "tiers.h"

const struct facility_name facility_names[FACILITY_COUNT] = {
	[FACILITY_EXEC_LSM] = {"exec_lsm", "exec", "lsm"},
	[FACILITY_EXEC_SIGNAL] = {"exec_signal", "exec", "signal"},
	[FACILITY_EXEC_HASH] = {"exec_hash", "exec:sha256", "lsm"},
	[FACILITY_NET_LSM] = {"net_lsm", "net", "lsm"},
	[FACILITY_NET_CGROUP] = {"net_cgroup", "net", "cgroup"},
	[FACILITY_NET_UNIX] = {"net_unix", "net:unix", "cgroup"},
	[FACILITY_UPROBE] = {"uprobe", "plaintext", "probes"},
	[FACILITY_PLAINTEXT_OVERRIDE] = {"plaintext_override", "plaintext", "override"},
	[FACILITY_PLAINTEXT_LSM] = {"plaintext_lsm", "plaintext", "lsm"},
	[FACILITY_PLAINTEXT_CUT] = {"plaintext_cut", "plaintext", "cut"},
	[FACILITY_PLAINTEXT_SIGNAL] = {"plaintext_signal", "plaintext", "signal"},
	[FACILITY_MEMBERSHIP] = {"membership", "membership", "task"},
	[FACILITY_CGROUP2] = {"cgroup2", "membership", "cgroup"},
	[FACILITY_GUARD] = {"guard_lsm", "warden", "lsm"},
	[FACILITY_SYSCTL] = {"sysctl_cgroup", "sysctl", "cgroup"},
	[FACILITY_STDIO_SYSCALL] = {"stdio_syscall", "mcp:stdio", "syscall"},
	[FACILITY_STDIO_HOOK] = {"stdio_hook", "mcp:stdio", "hook"},
};

/* A tier, and what it takes beside cgroups and membership. The best comes first. */
struct choice {
	enum tier tier;
	enum facility needs[2];
};

static const struct choice exec_choices[] = {
	{TIER_LSM, {FACILITY_EXEC_LSM, FACILITY_EXEC_LSM}},
	{TIER_SIGNAL, {FACILITY_EXEC_SIGNAL, FACILITY_EXEC_SIGNAL}},
	{},
};

static const struct choice net_choices[] = {
	{TIER_LSM, {FACILITY_NET_LSM, FACILITY_NET_LSM}},
	{TIER_CGROUP, {FACILITY_NET_CGROUP, FACILITY_NET_CGROUP}},
	{},
};

static const struct choice plaintext_choices[] = {
	{TIER_OVERRIDE, {FACILITY_UPROBE, FACILITY_PLAINTEXT_OVERRIDE}},
	{TIER_LSM, {FACILITY_UPROBE, FACILITY_PLAINTEXT_LSM}},
	{TIER_CUT, {FACILITY_UPROBE, FACILITY_PLAINTEXT_CUT}},
	{TIER_SIGNAL, {FACILITY_UPROBE, FACILITY_PLAINTEXT_SIGNAL}},
	{},
};

static enum tier best(const struct tiers *t, const struct choice *choices)
{
	for (; choices->tier != TIER_NONE; choices++)
		if (t->facility[choices->needs[0]].works && t->facility[choices->needs[1]].works)
			return choices->tier;
	return TIER_NONE;
}

void tiers_choose(struct tiers *t)
{
	t->exec = t->net = t->plaintext = TIER_NONE;
	if (!t->facility[FACILITY_CGROUP2].works || !t->facility[FACILITY_MEMBERSHIP].works)
		return;
	t->exec = best(t, exec_choices);
	t->net = best(t, net_choices);
	t->plaintext = best(t, plaintext_choices);
}

/* ---- what is in use ---- */

static bool takes(const struct choice *choices, enum tier chosen, enum facility f)
{
	for (; choices->tier != TIER_NONE; choices++)
		if (choices->tier == chosen)
			return choices->needs[0] == f || choices->needs[1] == f;
	return false;
}

enum tier tiers_socket(const struct tiers *t)
{
	enum tier behind;

	if (t->plaintext != TIER_OVERRIDE)
		return t->plaintext;
	behind = best(t, plaintext_choices + 1);
	return behind == TIER_NONE ? TIER_SIGNAL : behind;
}

static bool plaintext_needs_socket(const struct tiers *t)
{
	return t->plaintext == TIER_CUT || t->plaintext == TIER_LSM;
}

const char *tiers_use(const struct tiers *t, enum facility f)
{
	bool any = t->exec != TIER_NONE || t->net != TIER_NONE || t->plaintext != TIER_NONE;

	if (!t->facility[f].works)
		return NULL;
	if (takes(exec_choices, t->exec, f) || takes(net_choices, t->net, f) ||
	    takes(plaintext_choices, t->plaintext, f))
		return "in use";
	if (f == FACILITY_PLAINTEXT_SIGNAL && plaintext_needs_socket(t))
		return "in use where the socket of a request is not known";
	if (f == FACILITY_NET_UNIX && t->net == TIER_CGROUP)
		return "in use";
	if (f == FACILITY_EXEC_HASH && t->exec == TIER_LSM)
		return "in use where a rule has a sha256";
	if (any && (f == FACILITY_STDIO_HOOK || f == FACILITY_STDIO_SYSCALL))
		return "in use where a policy has mcp";
	if ((f == FACILITY_MEMBERSHIP || f == FACILITY_CGROUP2 || f == FACILITY_GUARD ||
	     f == FACILITY_SYSCTL) &&
	    any)
		return "in use";
	return NULL;
}

enum tier tiers_brokers(const struct tiers *t)
{
	if (t->net == TIER_CGROUP && !t->facility[FACILITY_NET_UNIX].works)
		return TIER_NONE;
	return t->net;
}

/* ---- limits ---- */

static bool no_exec(const struct tiers *t)
{
	return t->exec == TIER_NONE;
}

static bool exec_is_signal(const struct tiers *t)
{
	return t->exec == TIER_SIGNAL;
}

static bool no_net(const struct tiers *t)
{
	return t->net == TIER_NONE;
}

static bool net_is_lsm(const struct tiers *t)
{
	return t->net == TIER_LSM;
}

static bool net_is_cgroup(const struct tiers *t)
{
	return t->net == TIER_CGROUP;
}

static bool no_net_unix(const struct tiers *t)
{
	return net_is_cgroup(t) && !t->facility[FACILITY_NET_UNIX].works;
}

static bool net_unix(const struct tiers *t)
{
	return !no_net(t) && !no_net_unix(t);
}

static bool unix_is_cgroup(const struct tiers *t)
{
	return tiers_brokers(t) == TIER_CGROUP;
}

static bool brokers_are_open(const struct tiers *t)
{
	return tiers_brokers(t) == TIER_NONE;
}

static bool no_guard(const struct tiers *t)
{
	return !t->facility[FACILITY_GUARD].works;
}

static bool guard(const struct tiers *t)
{
	return !no_guard(t);
}

static bool always(const struct tiers *t)
{
	return true;
}

static bool no_plaintext(const struct tiers *t)
{
	return t->plaintext == TIER_NONE;
}

static bool any_plaintext(const struct tiers *t)
{
	return !no_plaintext(t);
}

static bool nobody_waits(const struct tiers *t)
{
	return any_plaintext(t) && t->exec != TIER_LSM;
}

static bool plaintext_is_override(const struct tiers *t)
{
	return t->plaintext == TIER_OVERRIDE;
}

static bool plaintext_is_cut(const struct tiers *t)
{
	return t->plaintext == TIER_CUT;
}

static bool plaintext_is_signal(const struct tiers *t)
{
	return t->plaintext == TIER_SIGNAL;
}

static bool any_cgroup_program(const struct tiers *t)
{
	return net_is_cgroup(t) || any_plaintext(t);
}

static bool stdio_is_hook(const struct tiers *t)
{
	return t->facility[FACILITY_STDIO_HOOK].works;
}

static bool stdio_is_syscall(const struct tiers *t)
{
	return t->facility[FACILITY_STDIO_SYSCALL].works;
}

static bool no_stdio(const struct tiers *t)
{
	return !stdio_is_hook(t) && !stdio_is_syscall(t);
}

static bool any_stdio(const struct tiers *t)
{
	return !no_stdio(t);
}

static bool stdio_is_hook_only(const struct tiers *t)
{
	return stdio_is_hook(t) && !stdio_is_syscall(t);
}

static bool stdio_is_syscall_only(const struct tiers *t)
{
	return stdio_is_syscall(t) && !stdio_is_hook(t);
}

static const struct {
	bool (*holds)(const struct tiers *);
	const char *text;
} limits[] = {
	{no_exec, "exec: no rule can be enforced here."},
	{exec_is_signal, "exec: a script (#!) that is denied by its path still runs when it is "
			 "started through another name of the same file."},
	{exec_is_signal, "exec: of a file that is opened by another program (#!, binfmt_misc) the trail "
			 "names that one, and an allow list asks for that one alone."},
	{exec_is_signal, "exec: a denied program still runs when it is given to its loader "
			 "(ld-linux.so FILE), unless an allow list leaves that out."},
	{exec_is_signal, "exec: on kernels that preempt kernel code (7.x as Debian builds it) the "
			 "program is skipped now and then, and a denied program then runs."},
	{no_net, "net: no rule can be enforced here."},
	{net_is_cgroup, "net: a socket that was made outside of the workload, and received over a "
			"unix socket (SCM_RIGHTS) or taken (pidfd_getfd), is not checked."},
	{net_is_cgroup,
	 "net: sockets of other families than IPv4, IPv6 and unix (packet, vsock), and tun and tap "
	 "devices, are not checked."},
	{always, "net: rules are on the addresses that programs ask for. Where these lead is up to whoever "
		 "configures the network (routes, address translation, tunnels): a workload with "
		 "CAP_NET_ADMIN where it began can do so, too."},
	{net_is_lsm, "net: on a socket that was made outside of the workload, and received, packets with a "
		     "source route are not checked."},
	{net_is_cgroup, "net: nobody sees where a workload listens: rules for net:listen cannot be enforced."},
	{net_is_cgroup, "net: a packet socket can give an address a name that it does not have, in the "
			"place of a resolver."},
	{always, "net: an address that the workload asked no resolver for has no name: to deny a host "
		 "holds only what was asked for, an allow list holds all."},
	{no_net_unix, "net: unix sockets are not checked."},
	{brokers_are_open, "brokers: none is held here: what can be reached through them is open to the "
			   "workload."},
	{unix_is_cgroup, "brokers: one that is reached through a symbolic link, a hard link, another "
			 "mount or a root directory of the workload's own is not held: without LSM "
			 "only the path that is passed is known."},
	{no_guard, "brokers: what acts outside of the workload because of a file (crontabs, at jobs, units) "
		   "is not held without LSM, but for settings of the kernel in /proc/sys."},
	{guard, "brokers: a workload that may mount file systems where it began can put a file of its own "
		"over one that a broker reads. Files are those of the brokers that warden knows, by their "
		"names: a hard link that was there before is another name."},
	{always, "brokers: a connection to a broker, or an open file of one, that the workload was given is "
		 "not held."},
	{net_unix, "net: a unix socket that is reached through a symbolic link is known by the "
		   "link, not by where it leads."},
	{no_plaintext, "plaintext: requests inside TLS can neither be seen nor refused here."},
	{any_plaintext, "plaintext: rules hold for clients that are left as they are. One that "
			"changes its own code, or brings a TLS that warden does not know, is only "
			"held by `net` and `opaque`."},
	{always, "plaintext: of HTTP without TLS it is decided what leaves the socket. A workload that may rewrite "
		 "packets (CAP_NET_ADMIN), or that changes memory while the kernel sends from it, can have "
		 "something else arrive."},
	{nobody_waits, "plaintext: a TLS library that is mapped after the start, and a program that brings its "
		       "own, are probed once they have been noticed; what was sent before is `opaque`."},
	{plaintext_needs_socket, "plaintext: a request on a TLS object whose socket is not known "
				 "ends its process instead of failing."},
	{plaintext_is_override, "plaintext: functions of Go programs cannot be made to return an error: what "
				"they are refused is stopped as without override."},
	{plaintext_is_cut, "plaintext: the client of a refused request gets its error within "
			   "milliseconds, from warden; if warden has died, it gets no answer at "
			   "all."},
	{plaintext_is_signal, "plaintext: every refused request ends its process."},
	{no_stdio, "mcp: what servers are told over their standard streams cannot be seen here."},
	{any_stdio, "mcp: of servers over stdio only what they and their clients read is recorded, and none of it "
		    "can be refused; known are those that were started with pipes or unix sockets."},
	{stdio_is_syscall, "mcp: to see what is read over stdio every system call on the machine is hooked while "
			   "a policy with mcp is in use; what one reads from a descriptor that another thread "
			   "closes meanwhile is not seen."},
	{stdio_is_syscall_only, "mcp: what is read over stdio by io_uring, recvmmsg or a 32-bit program is not seen."},
	{stdio_is_hook_only, "mcp: a message over stdio that is waited for while another run begins or ends is not "
			     "seen."},
	{no_guard,
	 "warden: a workload with root's rights can end or trace warden and its guardian, open and "
	 "detach their BPF objects, and change the audit file and the policy. When warden ends, its "
	 "guardian ends the workload; when both do, the workload runs on under its policy."},
	{guard,
	 "warden: a workload that may load kernel modules or BPF programs of its own, write to "
	 "devices of disks, mount other files over warden's, or end or freeze warden's whole "
	 "cgroup, is not kept from it."},
	{any_cgroup_program,
	 "membership: a process that a workload with root's rights puts outside of its cgroup is "
	 "killed: at once since Linux 6.13, before that within milliseconds, in which `net` (tier "
	 "cgroup) and `opaque` do not see it. Nor do they see one that somebody else puts there."},
};

size_t tiers_limits(const struct tiers *t, const char *ret[TIERS_LIMITS])
{
	size_t n = 0;

	_Static_assert(sizeof(limits) / sizeof(limits[0]) <= TIERS_LIMITS, "room for all");
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (limits[i].holds(t))
			ret[n++] = limits[i].text;
	return n;
}
