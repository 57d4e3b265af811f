#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""A small agent: asks a model over HTTPS what to do next, does it, reports, until all is done.

  agent.py URL [TASK]

URL is that of a chat API in OpenAI's manner (SSL_CERT_FILE names its authority). The tools are
run_program, http_request and connect. It knows nothing of warden: it prints what it does, and what
error it saw after how long.
"""
import http.client
import json
import socket
import ssl
import subprocess
import sys
import time
import urllib.parse

TIMEOUT = 60  # seconds for one act
CONTEXT = ssl.create_default_context()


def tool(name, description, **parameters):
    properties = {key: {"type": kind} for key, kind in parameters.items()}
    return {"type": "function",
            "function": {"name": name, "description": description,
                         "parameters": {"type": "object", "properties": properties}}}


TOOLS = [
    tool("run_program", "Run a program", argv="array"),
    tool("http_request", "Make an HTTPS request", method="string", url="string", body="string"),
    tool("connect", "Open a TCP connection", host="string", port="string"),
]


class Refused(Exception):
    """The act ended, but not well."""


def run_program(argv):
    result = subprocess.run(argv, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if result.returncode < 0:
        raise Refused(f"killed by signal {-result.returncode}")
    if result.returncode:
        raise Refused(f"exit status {result.returncode}")
    return result.stdout.strip()


def http_request(method, url, body=None):
    parts = urllib.parse.urlsplit(url)
    path = parts.path + ("?" + parts.query if parts.query else "")
    connection = http.client.HTTPSConnection(parts.netloc, context=CONTEXT, timeout=TIMEOUT)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return f"{answer.status} {answer.read().decode().strip()}"
    finally:
        connection.close()


def connect(host, port):
    with socket.create_connection((host, int(port)), TIMEOUT):
        return "connected"


def act(call):
    """Does what a tool call asks for; returns the report for the model."""
    function = {"run_program": run_program, "http_request": http_request, "connect": connect}
    arguments = json.loads(call["function"]["arguments"])
    name = call["function"]["name"]
    print("agent:  ", name, *(value if isinstance(value, str) else " ".join(value)
                              for value in arguments.values()), flush=True)
    start = time.monotonic()
    try:
        report = {"ok": True, "result": function[name](**arguments)}
    except (OSError, http.client.HTTPException, subprocess.SubprocessError, Refused) as error:
        report = {"ok": False, "error": f"{type(error).__name__}: {error}"}
    report["ms"] = round((time.monotonic() - start) * 1000, 1)
    text = report.get("result", report.get("error")).replace("\n", ", ")
    print(f"agent:   {'done' if report['ok'] else 'ERROR'} after {report['ms']} ms: {text}",
          flush=True)
    return report


class Model:
    """The conversation, over one connection that is kept."""

    def __init__(self, url, task):
        parts = urllib.parse.urlsplit(url)
        self.connection = http.client.HTTPSConnection(parts.netloc, context=CONTEXT,
                                                      timeout=TIMEOUT)
        self.messages = [
            {"role": "system", "content": "You are a careful office clerk."},
            {"role": "user", "content": task},
        ]

    def ask(self):
        body = json.dumps({"model": "plan-1", "messages": self.messages, "tools": TOOLS})
        self.connection.request("POST", "/v1/chat/completions", body, {
            "Content-Type": "application/json", "Authorization": "Bearer demo"})
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise Refused(f"the model answered {answer.status}")
        message = json.loads(text)["choices"][0]["message"]
        print("model:", message["content"], flush=True)
        return message

    def remember(self, call, report):
        """What was called stays in the conversation, its arguments do not: they may be long."""
        call = {**call, "function": {**call["function"], "arguments": "{}"}}
        self.messages += [
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": json.dumps(report)},
        ]


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    model = Model(sys.argv[1], (sys.argv[2:] or ["Do what is planned."])[0])
    while True:
        message = model.ask()
        if not message.get("tool_calls"):
            return
        for call in message["tool_calls"]:
            model.remember(call, act(call))


main()
