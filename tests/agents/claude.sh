#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Claude Code, and opencode's program, as they are: the first against a mock of its model's API.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=common
. "$(dirname -- "$0")/common"
read -ra versions <<<"${CLAUDE_VERSIONS:-2.1.330 2.1.197 2.1.110}"
opencode="opencode-linux-x64@1.18.33"
packages "${versions[@]/#/@anthropic-ai/claude-code-linux-x64@}" "$opencode"
limit=$((120 * slow))

mock claude
export ANTHROPIC_API_KEY=sk-ant-dummy ANTHROPIC_BASE_URL=$url DISABLE_AUTOUPDATER=1 \
	CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1

# tell WANT TEXT: what Claude Code is told; its program is in $claude.
tell() {
	mkdir -p home
	HOME=$PWD/home run "$1" "$claude" -p "$2"
}

turn() {
	mark
	policy 'capture: full' 'opaque: deny'
	tell 0 'say hi'
	has out '^This is what the mock has to say'
	all_seen
	/usr/bin/python3 - <<-'END'
		import json
		for line in map(json.loads, open("audit", encoding="utf-8")):
		    if line["type"] == "http.request" and line["http"]["method"] == "POST":
		        request = json.loads(line["content"]["request"])
		    if line["type"] == "http.response" and line["http"]["method"] == "POST":
		        answer = line["content"]["response"]
		assert "say hi" in json.dumps(request["messages"]), request["messages"]
		assert request["model"].startswith("claude"), request["model"]
		assert answer.startswith("event: message_start") and "message_stop" in answer, answer
	END
	some_line audit type=http.request http.host=localhost http.path='/v1/messages*' content.truncated=false
}

# It tries again and again, each time in vain.
refused_by_path() {
	mark
	policy 'deny: [{id: no-model, match: "http:POST */v1/messages*"}]'
	refused
	some_line audit type=http.request decision.verdict=deny decision.rule=no-model 'decision.tier!=signal'
}

refused_by_phrase() {
	mark
	policy 'content: [{name: sql, deny: ["DROP TABLE"], in: [http]}]'
	refused
	some_line audit type=http.request decision.verdict=deny decision.layer=content decision.rule=sql \
		'decision.tier!=signal'
}

refused() {
	mkdir -p home
	HOME=$PWD/home timeout 15 "$WARDEN" run --audit audit -p policy.yaml -- \
		"$claude" -p 'please drop table users' >out 2>err || true
	tail -n +$((logged + 1)) "$log" >far
	count_is 0 far what=request method=POST
	same "$(lines text far 'drop table')" 0 'connections with what was refused'
	hasnt out 'what the mock has to say'
}

for version in "${versions[@]}"; do
	claude=$AGENTS_CACHE/@anthropic-ai+claude-code-linux-x64@$version/claude
	check "Claude Code $version: a turn is captured whole" turn
	check "Claude Code $version: refused by path" refused_by_path
	check "Claude Code $version: refused by a phrase" refused_by_phrase
done
# Its program runs scripts as Bun does.
export BUN_BE_BUN=1
for kind in fetch https tls; do
	check "opencode's program, $kind: a byte to 4 MB, both ways" whole "$kind" "$AGENTS_CACHE/$opencode/bin/opencode"
done
finish
