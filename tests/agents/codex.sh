#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
# Codex as it is, against a mock of its model's API. Its program holds several TLS libraries without symbols; which
# of them it uses depends on how it is set up: OpenSSL, as long as no variable names an authority.
# shellcheck disable=SC2317 # functions called by check
# shellcheck source=common
. "$(dirname -- "$0")/common"
read -ra versions <<<"${CODEX_VERSIONS:-0.169.0 0.140.0}"
packages=("${versions[@]/#/@openai/codex@}")
packages "${packages[@]/%/-linux-x64}"
limit=$((120 * slow))

mock codex
unset SSL_CERT_FILE SSL_CERT_DIR
export MOCK_KEY=dummy
# The authority is the system's, for those that run in this namespace.
mount --bind "$T/far-codex/cert.pem" /etc/ssl/certs/ca-certificates.crt

# tell WANT TEXT [SETTING...]: what Codex is told; its program is in $codex.
tell() {
	mkdir -p home
	printf '%s\n' 'model = "mock"' 'model_provider = "mock"' '[model_providers.mock]' 'name = "mock"' \
		"base_url = \"$url/v1\"" 'env_key = "MOCK_KEY"' 'wire_api = "responses"' \
		'request_max_retries = 1' 'stream_max_retries = 1' "${@:3}" >home/config.toml
	HOME=$PWD/home CODEX_HOME=$PWD/home run "$1" "$codex" exec --skip-git-repo-check "$2"
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
		assert "say hi" in json.dumps(request["input"]), request["input"]
		assert answer.startswith("event: response.created") and "response.completed" in answer, answer
	END
	some_line audit type=http.request http.host=localhost http.path=/v1/responses content.truncated=false
}

# It tries again, in vain.
refused() {
	tell '[1-9]*' 'please drop table users'
	tail -n +$((logged + 1)) "$log" >far
	count_is 0 far what=request method=POST
	same "$(lines text far 'drop table')" 0 'connections with what was refused'
	hasnt out 'what the mock has to say'
}

refused_by_path() {
	mark
	policy 'deny: [{id: no-model, match: "http:POST */v1/responses*"}]'
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

for version in "${versions[@]}"; do
	codex=$AGENTS_CACHE/@openai+codex@$version-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex
	check "Codex $version: a turn is captured whole" turn
	check "Codex $version: refused by path" refused_by_path
	check "Codex $version: refused by a phrase" refused_by_phrase
done
finish
