"""A tool server of one tool, `add`: one JSON-RPC message a line, as the Model Context Protocol's stdio transport has it."""

import json
import sys

TOOL = {
    "name": "add",
    "description": "the sum of two numbers",
    "inputSchema": {"type": "object", "properties": {"a": {"type": "number"}, "b": {"type": "number"}}, "required": ["a", "b"]},
}
INFO = {"protocolVersion": "2024-11-05", "capabilities": {"tools": {}}, "serverInfo": {"name": "adder", "version": "1"}}


def answer(method, params):
    if method == "initialize":
        return INFO
    if method == "tools/list":
        return {"tools": [TOOL]}
    if method == "tools/call" and params["name"] == "add":
        total = params["arguments"]["a"] + params["arguments"]["b"]
        return {"content": [{"type": "text", "text": str(total)}]}
    return {}


for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:  # notifications get no answer
        reply = {"jsonrpc": "2.0", "id": message["id"], "result": answer(message["method"], message.get("params"))}
        print(json.dumps(reply), flush=True)
