/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "audit/names.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/libbpf_log.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "mounts.h"
#include "policy/brokers.h"
#include "process.h"
#include "stacks.h"
#include "tiers.h"
#include "tiers_memory.h"
#include "tlsfiles.h"

#define LSM_LIST "/sys/kernel/security/lsm"
#define BTF_FILE "/sys/kernel/btf/vmlinux"

#define WIDTH  92 /* of the text */
#define COLUMN 29 /* where the last one of the table begins */

static const char *const formats[] = {"text", "json"};

struct args {
	bool json;
	bool debug;
};

static int set_format(void *to, const char *value)
{
	int i = opts_choice("doctor", "output format", value, formats, 2);

	((struct args *)to)->json = i == 1;
	return i < 0 ? EXIT_USAGE : 0;
}

static const struct opt options[] = {
	{"output", 'o', "FORMAT", "text (default) or json", OPT_CALL(set_format)},
	{"debug", 0, NULL, "libbpf's output too, and what the verifier says",
	 OPT_FLAG(struct args, debug)},
	{},
};

static const struct opts command = {
	.name = "doctor",
	.operands = "",
	.about = "Tells what this kernel lets warden see and enforce, tier by tier.",
	.options = options,
	.notes = "Everything is tried out on processes, sockets and a cgroup made for it; nothing\n"
		 "else is touched. Ends with 4 when nothing can be enforced here.",
};

/* What is known about the machine; "" is not known, or not there. */
struct machine {
	struct utsname uts;
	char lsm[256];
	char cgroup2[PATH_MAX];
	bool btf;
	bool own_pids; /* in a PID namespace other than the initial one: nothing is used here */
};

static void read_machine(struct machine *m)
{
	_fclose_ FILE *lsm = fopen(LSM_LIST, "re");

	*m = (struct machine){};
	uname(&m->uts);
	if (lsm && fgets(m->lsm, sizeof(m->lsm), lsm))
		m->lsm[strcspn(m->lsm, "\n")] = '\0';
	mounts_cgroup2(m->cgroup2, sizeof(m->cgroup2));
	m->btf = !access(BTF_FILE, R_OK);
	m->own_pids = !process_ids_are_global();
}

static bool nothing_works(const struct tiers *t)
{
	return t->exec == TIER_NONE && t->net == TIER_NONE && t->plaintext == TIER_NONE;
}

/* ---- text ---- */

/* Adds words from column `at` on; lines end before WIDTH, and later ones begin at `at` too. */
static void add_wrapped(struct buf *b, size_t at, const char *text)
{
	size_t column = at;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column > at && column + 1 + len > WIDTH) {
			buf_addf(b, "\n%*s", (int)at, "");
			column = at;
		} else if (column > at) {
			buf_add_char(b, ' ');
			column++;
		}
		buf_add(b, text, len);
		column += len;
		text += len;
		text += strspn(text, " ");
	}
	buf_add_char(b, '\n');
}

static void add_machine(struct buf *b, const struct machine *m)
{
	buf_addf(b, "kernel   %s\n", m->uts.release);
	buf_addf(b, "lsm      %s\n", *m->lsm ? m->lsm : "not known: " LSM_LIST " cannot be read");
	buf_addf(b, "cgroup2  %s\n", *m->cgroup2 ? m->cgroup2 : "not mounted");
	buf_addf(b, "BTF      %s\n", m->btf ? BTF_FILE : "none: " BTF_FILE " cannot be read");
	if (m->own_pids)
		buf_add_str(b, "pids     a namespace of warden's own: `warden run` is refused here\n");
}

static void add_facility(struct buf *b, const struct tiers *t, enum facility f, const char *unused)
{
	const struct facility_name *name = &facility_names[f];
	const struct facility_result *r = &t->facility[f];
	bool again = f > 0 && !strcmp(name->activity, facility_names[f - 1].activity);
	const char *use = tiers_use(t, f);

	buf_addf(b, "%-12s%-10s%-7s", again ? "" : name->activity, name->tier,
		 r->works ? "yes" : "no");
	add_wrapped(b, COLUMN, r->works ? use ?: unused : r->reason);
}

static void add_stacks(struct buf *b)
{
	buf_add_str(b, "TLS that is read:");
	for (size_t i = 0; tlsfile_stacks[i]; i++)
		buf_addf(b, "%s %s", i ? "," : "", tlsfile_stacks[i]);
	buf_add_str(b, "; all other is opaque\nOpaque by name:");
	for (size_t i = 0; stacks_known[i]; i++)
		buf_addf(b, "%s %s", i ? "," : "", stacks_known[i]);
	buf_add_char(b, '\n');
}

static enum tier broker_tier(const struct broker *broker, const struct tiers *t)
{
	if (broker->kind == KIND_NET)
		return tiers_brokers(t);
	if (t->facility[FACILITY_GUARD].works)
		return TIER_LSM;
	return t->facility[FACILITY_SYSCTL].works && broker_is_setting(broker) ? TIER_CGROUP : TIER_NONE;
}

static const char *const how[2][TIER_COUNT] = {
	{
		[TIER_NONE] = "not held here",
		[TIER_LSM] = "tier lsm, by the socket that is reached",
		[TIER_CGROUP] = "tier cgroup, by the path that is passed",
	},
	{
		[TIER_NONE] = "not held here",
		[TIER_LSM] = "tier lsm, by the file that is written",
		[TIER_CGROUP] = "tier cgroup, by the setting that is written",
	},
};

static void add_brokers_of(struct buf *b, const struct tiers *t, enum kind kind, enum tier tier)
{
	bool any = false;

	for (size_t i = 0; i < BROKERS; i++) {
		_buf_ struct buf paths = {};

		if (brokers[i].kind != kind || broker_tier(&brokers[i], t) != tier)
			continue;
		if (!any)
			buf_addf(b, "%s, %s:\n", kind == KIND_NET ? "Sockets" : "Files",
				 how[kind == KIND_FILE][tier]);
		any = true;
		for (size_t k = 0; k < BROKER_PATHS && brokers[i].paths[k]; k++)
			buf_addf(&paths, "%s%s", k ? " " : "", brokers[i].paths[k]);
		buf_add_char(&paths, '\0');
		buf_addf(b, "  %-*s", COLUMN - 2, brokers[i].rule);
		add_wrapped(b, COLUMN, buf_error(&paths) ? "" : paths.data);
	}
}

static void add_brokers(struct buf *b, const struct tiers *t)
{
	const enum tier tiers[] = {TIER_LSM, TIER_CGROUP, TIER_NONE};

	buf_add_str(b, "\nBrokers, which act outside of the workload, are denied unless a policy names them.\n");
	for (size_t i = 0; i < 2 * sizeof(tiers) / sizeof(tiers[0]); i++)
		add_brokers_of(b, t, i % 2 ? KIND_FILE : KIND_NET, tiers[i / 2]);
}

static void add_text(struct buf *b, const struct machine *m, const struct tiers *t)
{
	const char *limits[TIERS_LIMITS];
	size_t n = tiers_limits(t, limits);

	add_machine(b, m);
	buf_addf(b, "\n%-12s%-10s%s\n", "activity", "tier", "works");
	for (enum facility f = 0; f < FACILITY_COUNT; f++)
		add_facility(b, t, f, m->own_pids ? "not used" : "not needed");
	buf_addf(b, "\nUsed here: exec %s, net %s, plaintext %s\n", tier_names[t->exec],
		 tier_names[t->net], tier_names[t->plaintext]);
	add_stacks(b);
	add_brokers(b, t);
	buf_add_str(b, "\nWhat these tiers do not hold:\n");
	for (size_t i = 0; i < n; i++) {
		buf_add_str(b, "  - ");
		add_wrapped(b, 4, limits[i]);
	}
}

/* ---- json ---- */

static void add_lsm_json(struct buf *b, const char *list)
{
	if (!*list)
		return;
	json_open(b, "lsm", '[');
	for (size_t len; *list; list += len + (list[len] == ',')) {
		len = strcspn(list, ",");
		json_text(b, NULL, list, len);
	}
	json_close(b, ']');
}

static void add_facility_json(struct buf *b, const struct tiers *t, enum facility f)
{
	const struct facility_result *r = &t->facility[f];

	json_open(b, NULL, '{');
	json_str(b, "name", facility_names[f].name);
	json_str(b, "activity", facility_names[f].activity);
	json_str(b, "tier", facility_names[f].tier);
	json_bool(b, "works", r->works);
	json_bool(b, "used", tiers_use(t, f));
	json_str(b, "reason", r->works ? NULL : r->reason);
	json_close(b, '}');
}

static void add_broker_json(struct buf *b, const struct broker *broker, enum tier tier)
{
	json_open(b, NULL, '{');
	json_str(b, "rule", broker->rule);
	json_str(b, "kind", broker->kind == KIND_NET ? "net" : "file");
	json_str(b, "tier", tier_names[tier]);
	json_open(b, "paths", '[');
	for (size_t i = 0; i < BROKER_PATHS && broker->paths[i]; i++)
		json_str(b, NULL, broker->paths[i]);
	json_close(b, ']');
	json_str(b, "reason", broker->reason);
	json_close(b, '}');
}

static void add_json(struct buf *b, const struct machine *m, const struct tiers *t)
{
	const char *limits[TIERS_LIMITS];
	size_t n = tiers_limits(t, limits);

	json_open(b, NULL, '{');
	json_str(b, "kernel", m->uts.release);
	add_lsm_json(b, m->lsm);
	json_str(b, "cgroup2", *m->cgroup2 ? m->cgroup2 : NULL);
	json_bool(b, "btf", m->btf);
	json_str(b, "pid_namespace", m->own_pids ? "own" : "initial");
	json_open(b, "facilities", '[');
	for (enum facility f = 0; f < FACILITY_COUNT; f++)
		add_facility_json(b, t, f);
	json_close(b, ']');
	json_open(b, "use", '{');
	json_str(b, "exec", tier_names[t->exec]);
	json_str(b, "net", tier_names[t->net]);
	json_str(b, "plaintext", tier_names[t->plaintext]);
	json_close(b, '}');
	json_open(b, "stacks", '[');
	for (size_t i = 0; tlsfile_stacks[i]; i++)
		json_str(b, NULL, tlsfile_stacks[i]);
	json_close(b, ']');
	json_open(b, "opaque_stacks", '[');
	for (size_t i = 0; stacks_known[i]; i++)
		json_str(b, NULL, stacks_known[i]);
	json_close(b, ']');
	json_open(b, "brokers", '[');
	for (size_t i = 0; i < BROKERS; i++)
		add_broker_json(b, &brokers[i], broker_tier(&brokers[i], t));
	json_close(b, ']');
	json_open(b, "limits", '[');
	for (size_t i = 0; i < n; i++)
		json_str(b, NULL, limits[i]);
	json_close(b, ']');
	json_close(b, '}');
	buf_add_char(b, '\n');
}

/* ---- the command ---- */

static int print(const struct buf *b)
{
	int r = buf_error(b);

	if (!r && (fwrite(b->data, 1, b->len, stdout) != b->len || fflush(stdout)))
		r = -errno;
	if (r < 0)
		log_error("doctor: cannot write the report: %s", strerror(-r));
	return r;
}

static int probe(struct tiers *t)
{
	int r = tiers_probe(t);

	if (r == 0)
		tiers_remember(TIERS_MEMORY, t); /* what runs go by from now on */
	if (r == -EPERM)
		log_error("doctor: root is needed to probe the kernel");
	else if (r < 0)
		log_error("doctor: cannot probe the kernel: %s", strerror(-r));
	return r;
}

int cmd_doctor(int argc, char **argv)
{
	_buf_ struct buf out = {};
	struct args args = {};
	struct machine machine;
	struct tiers tiers;
	int first, status;

	status = opts_parse(&command, argc, argv, &args, &first);
	if (status != OPTS_GO_ON)
		return status;
	if (first < argc) {
		log_error("doctor: unexpected operand '%s'; see 'warden doctor --help'",
			  argv[first]);
		return EXIT_USAGE;
	}
	if (args.debug)
		log_level = LOG_DEBUG;
	libbpf_log_init();
	if (probe(&tiers) < 0)
		return EXIT_FAILED;
	read_machine(&machine);
	if (machine.own_pids)
		tiers.exec = tiers.net = tiers.plaintext = TIER_NONE;
	(args.json ? add_json : add_text)(&out, &machine, &tiers);
	if (print(&out) < 0)
		return EXIT_FAILED;
	return nothing_works(&tiers) ? EXIT_KERNEL : EXIT_OK;
}
