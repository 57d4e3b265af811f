// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
// A client of MCP over stdio in Node.js: stdio_node.js PYTHON stdio.py. It logs as stdio.py does.
const {spawn} = require('child_process');
const {createHash} = require('crypto');
const {openSync, writeSync} = require('fs');
const {createInterface} = require('readline');

const log = openSync('client', 'w');
const put = (what, name, text) =>
	writeSync(log, `${what} ${name} ${createHash('sha256').update(text).digest('hex')}\n`);

const [, , python, library] = process.argv;
const child = spawn(python, [library, 'server', 'read'], {stdio: ['pipe', 'pipe', 'inherit']});
const lines = createInterface({input: child.stdout})[Symbol.asyncIterator]();
const MAX = +process.env.MAX || 4 << 20;
let id = 0;

async function ask(args) {
	put('call', 'node', args);
	child.stdin.write(`{"jsonrpc":"2.0","id":${++id},"method":"tools/call","params":` +
		`{"name":"node","arguments":${args}}}\n`);
	const {value} = await lines.next();
	put('result', 'node', value.slice(value.indexOf('"result":') + 9, -1));
}

(async () => {
	child.stdin.write('{"jsonrpc":"2.0","id":0,"method":"initialize","params":{}}\n');
	await lines.next();
	for (const size of [0, 1, 70000, 1 << 20, 4 << 20]) {
		if (size > MAX)
			continue;
		await ask(`{"text":"${'n'.repeat(size)}"}`);
		await ask(`{"result":${size}}`);
		await new Promise((done) => setTimeout(done, size >> 12));
	}
	child.stdin.end();
})();
