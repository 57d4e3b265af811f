#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
"""A model API for the demo: it does not think, it follows a plan.

  model.py PLAN DIR [NAME=VALUE]...

Serves HTTPS on 127.0.0.1 (certificate in DIR/cert.pem), and plain TCP on 127.0.0.2, which plays a
database; the kernel chooses both ports. DIR/port appears when both are ready and holds the first.
POST /v1/chat/completions answers in the manner of OpenAI's chat API, with the plan's next step as a
tool call; every other path answers like a service that the agent uses. What arrives is written to
DIR/log (see ../lib/farend.py).

In the plan, {NAME} stands for VALUE, {base} for the server's own URL, {database} for the port.
"""
import json
import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import farend  # noqa: E402  pylint: disable=wrong-import-position

LIFETIME = 600  # seconds


def fill(value, names):
    """The value with {NAME} replaced in every string."""
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace("{" + name + "}", text)
        return value
    if isinstance(value, list):
        return [fill(item, names) for item in value]
    if isinstance(value, dict):
        return {key: fill(item, names) for key, item in value.items()}
    return value


class Model:
    """Hands out the steps of a plan, one a request."""

    def __init__(self, steps):
        self.steps, self.turn = steps, 0

    def message(self):
        if self.turn >= len(self.steps):
            return {"role": "assistant", "content": "The report is ready. We are done."}, "stop"
        step = self.steps[self.turn]
        self.turn += 1
        # Blanks as JSON escapes: what the model says must not look like what policy forbids the
        # agent to send, or the demo would show the wrong one being stopped.
        arguments = json.dumps(step["arguments"]).replace(" ", "\\u0020")
        call = {"id": f"call_{self.turn}", "type": "function",
                "function": {"name": step["tool"], "arguments": "@"}}
        message = {"role": "assistant", "content": step["say"], "tool_calls": [call]}
        return message, "tool_calls", arguments

    def complete(self):
        message, reason, *arguments = self.message()
        text = json.dumps({
            "id": f"chatcmpl-{self.turn}", "object": "chat.completion", "model": "plan-1",
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": {"prompt_tokens": 100 + self.turn, "completion_tokens": 20,
                      "total_tokens": 120 + self.turn},
        })
        if arguments:
            text = text.replace('"@"', escape_twice(arguments[0]))
        return text

    def answer(self, request):
        if request["path"] == "/v1/chat/completions" and request["method"] == "POST":
            return farend.make_answer(200, self.complete().encode())
        return farend.make_answer(200, b'{"customers": ["Ada", "Grace"]}\n')


def escape_twice(arguments):
    """JSON text as a JSON string, of which the escapes of blanks stay escapes of this level."""
    return json.dumps(arguments).replace("\\\\u0020", "\\u0020")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    plan_path, directory, *names = sys.argv[1:]
    signal.alarm(LIFETIME)
    log = farend.Log(os.path.join(directory, "log"))
    listener, database = farend.listen("127.0.0.1"), farend.listen("127.0.0.2")
    port = listener.getsockname()[1]
    names = dict(name.split("=", 1) for name in names)
    names["base"] = f"https://127.0.0.1:{port}"
    names["database"] = str(database.getsockname()[1])
    with open(plan_path, encoding="utf-8") as file:
        model = Model(fill(json.load(file)["steps"], names))
    farend.Server(listener, log, "model", farend.server_context(directory), model.answer)
    farend.Server(database, log, "database")
    farend.publish(os.path.join(directory, "port"), f"{port}\n")
    while True:
        signal.pause()


main()
