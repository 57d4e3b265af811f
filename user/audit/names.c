/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
#include "audit/names.h"

#include <string.h>

const char *const audit_type_names[AUDIT_TYPES] = {
	[AUDIT_RUN_START] = "run.start",
	[AUDIT_RUN_END] = "run.end",
	[AUDIT_EXEC] = "exec",
	[AUDIT_EXIT] = "exit",
	[AUDIT_CONNECT] = "connect",
	[AUDIT_LISTEN] = "listen",
	[AUDIT_FILE] = "file",
	[AUDIT_TOOL_CALL] = "tool.call",
	[AUDIT_TOOL_RESULT] = "tool.result",
	[AUDIT_MCP_CHANGED] = "mcp.changed",
	[AUDIT_MODEL_REQUEST] = "model.request",
	[AUDIT_MODEL_RESPONSE] = "model.response",
	[AUDIT_HTTP_REQUEST] = "http.request",
	[AUDIT_HTTP_RESPONSE] = "http.response",
	[AUDIT_OPAQUE] = "opaque",
	[AUDIT_IDENTITY] = "identity",
	[AUDIT_POLICY_LOAD] = "policy.load",
	[AUDIT_POLICY_REJECT] = "policy.reject",
	[AUDIT_LIMIT_WARN] = "limit.warn",
	[AUDIT_BREAKER_OPEN] = "breaker.open",
	[AUDIT_BREAKER_CLOSE] = "breaker.close",
	[AUDIT_LOSS] = "loss",
	[AUDIT_HEARTBEAT] = "heartbeat",
	[AUDIT_TAMPER] = "tamper",
	[AUDIT_DAEMON_START] = "daemon.start",
	[AUDIT_DAEMON_STOP] = "daemon.stop",
};

const char *const verdict_names[VERDICT_COUNT] = {
	[VERDICT_ALLOW] = "allow",
	[VERDICT_AUDIT] = "audit",
	[VERDICT_DENY] = "deny",
	[VERDICT_KILL] = "kill",
};

const char *const layer_names[LAYER_COUNT] = {
	[LAYER_NONE] = "none",   [LAYER_AUDIT] = "audit",   [LAYER_DENY] = "deny",
	[LAYER_ALLOW] = "allow", [LAYER_OPAQUE] = "opaque", [LAYER_CONTENT] = "content",
};

const char *const tier_names[TIER_COUNT] = {
	[TIER_NONE] = "none",         [TIER_LSM] = "lsm", [TIER_CGROUP] = "cgroup",
	[TIER_OVERRIDE] = "override", [TIER_CUT] = "cut", [TIER_SIGNAL] = "signal",
};

static const char *const verdict_severities[VERDICT_COUNT] = {
	[VERDICT_ALLOW] = "info",
	[VERDICT_AUDIT] = "medium",
	[VERDICT_DENY] = "high",
	[VERDICT_KILL] = "high",
};

/* Types that weigh the same whatever was decided. */
static const char *const type_severities[AUDIT_TYPES] = {
	[AUDIT_LOSS] = "critical",
	[AUDIT_TAMPER] = "critical",
};

const char *audit_severity(enum audit_type type, const char *verdict)
{
	if ((unsigned)type >= AUDIT_TYPES)
		return NULL;
	if (type_severities[type])
		return type_severities[type];
	if (!verdict)
		return "info";
	for (size_t i = 0; i < VERDICT_COUNT; i++)
		if (!strcmp(verdict, verdict_names[i]))
			return verdict_severities[i];
	return NULL;
}
