#!/usr/bin/python
"""Write one service file of superd; refuse what `superd check` refuses, so that a host never has a configuration in error."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: superd_service
short_description: One service of superd, the superserver
description:
  - Writes C(NAME.toml) into superd's folder of services, or removes it.
  - The new file is checked by C(superd check --candidate) among all other files of the host first. A file with an error is
    never written.
  - Does not reload superd; notify a handler that does.
options:
  name:
    description: The id of the service, and the name of its file without C(.toml).
    type: str
    required: true
  keys:
    description: The keys of the service file, as superd-services(5) names them. Tables are dictionaries.
    type: dict
    default: {}
  state:
    description: Whether the file is to exist.
    type: str
    choices: [present, absent]
    default: present
  folder:
    description: The folder of service files.
    type: path
    default: /etc/superd/services.d
  superd:
    description: The program that checks.
    type: path
    default: superd
author:
  - superd maintainers (@superd)
"""

EXAMPLES = r"""
- name: Serve rsync to one network
  superd_service:
    name: rsync
    keys:
      server: /usr/bin/rsync
      server_args: [--daemon]
      user: root
      port: 873
      only_from: [192.0.2.0/24]
      limits: {idle: 5m}
  notify: Reload superd
"""

RETURN = r"""
path:
  description: The service file.
  returned: always
  type: str
problems:
  description: What C(superd check) reports of the file, one line each.
  returned: when the file is refused
  type: list
  elements: str
"""

import json
import os
import re
import tempfile

from ansible.module_utils.basic import AnsibleModule

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_key(key):
    """Return a key as TOML has it."""
    return key if BARE.fullmatch(key) else json.dumps(key)


def toml_value(value):
    """Return a plain value as TOML has it. JSON's texts, numbers and lists of them are TOML's too."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{toml_key(key)} = {toml_value(item)}" for key, item in sorted(value.items())) + " }"
    raise ValueError(f"`{value!r}` is not a text, a number, true or false, or a list or table of them")


def service_file(keys):
    """Return the text of the service file: plain keys first, then its tables."""
    plain = {key: value for key, value in keys.items() if not isinstance(value, dict)}
    lines = ["# Written by Ansible (superd_service): changes here are lost."]
    lines += [f"{toml_key(key)} = {toml_value(value)}" for key, value in sorted(plain.items()) if value is not None]
    for name, table in sorted(keys.items()):
        if isinstance(table, dict):
            lines += ["", f"[{toml_key(name)}]"]
            lines += [f"{toml_key(key)} = {toml_value(value)}" for key, value in sorted(table.items()) if value is not None]
    return "\n".join(lines) + "\n"


def read(path):
    """Return the text of the file, empty when it does not exist."""
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""


def check(module, text):
    """Return the problems that superd has with the text as this service, an empty list when it has none."""
    descriptor, candidate = tempfile.mkstemp(suffix=".toml", dir=module.tmpdir)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    os.chmod(candidate, 0o644)
    command = [module.params["superd"], "check", "--candidate", candidate, "--as", module.params["name"]]
    command += ["--services", module.params["folder"]]
    code, out, err = module.run_command(command)
    os.unlink(candidate)
    if code == 0:
        return []
    return [line.replace(candidate, "the new file") for line in (out + err).splitlines() if line] or [
        f"{command[0]} ended with {code}"
    ]


def main():
    """Compare, check, write."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "keys": {"type": "dict", "default": {}},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "folder": {"type": "path", "default": "/etc/superd/services.d"},
            "superd": {"type": "path", "default": "superd"},
        },
        supports_check_mode=True,
    )
    name, folder = module.params["name"], module.params["folder"]
    if not NAME.fullmatch(name):
        module.fail_json(msg=f"`{name}` is not a service id: letters, digits, dot, dash and underscore")
    path = os.path.join(folder, f"{name}.toml")
    before = read(path)
    try:
        after = service_file(module.params["keys"]) if module.params["state"] == "present" else ""
    except ValueError as problem:
        module.fail_json(msg=str(problem), path=path)
    changed = before != after
    if changed and after:
        problems = check(module, after)
        if problems:
            module.fail_json(msg=f"superd refuses {name}: {problems[0]}", problems=problems, path=path)
    if changed and not module.check_mode:
        if after:
            os.makedirs(folder, mode=0o755, exist_ok=True)
            descriptor, fresh = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(after)
            os.chmod(fresh, 0o644)
            module.atomic_move(fresh, path)
        else:
            os.unlink(path)
    difference = {"before": before, "after": after, "before_header": path, "after_header": path}
    module.exit_json(changed=changed, path=path, diff=difference)


if __name__ == "__main__":
    main()
