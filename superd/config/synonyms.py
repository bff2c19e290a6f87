"""What other daemons call superd's keys: systemd, xinetd, the inetds, Docker, nginx, and plain habit. A table and its look-up.

A hint by likeness of meaning comes before one by likeness of letters: `args` is like `flags`, and means `server_args`.
Pure; any process that reads what an operator wrote.
"""

from __future__ import annotations

from collections.abc import Collection

from superd.problem import did_you_mean

_CALLED = {
    "only_from": "allow allowed allow_from allowed_hosts allowlist whitelist permit from hosts hosts_allow ipaddressallow",
    "no_access": "deny denied deny_from denylist blacklist blocklist block reject refuse hosts_deny ipaddressdeny",
    "server": "command cmd exec execstart entrypoint program prog binary executable run script daemon path",
    "server_args": "args arg argv arguments parameters params options command_args exec_args",
    "user": "uid username run_as runas run_as_user setuid owner login",
    "group": "gid groupname setgid run_as_group",
    "groups": "supplementarygroups initgroups",
    "instances": "max maximum max_clients max_connections maxconnections maxconn max_conn max_instances max_servers max_children "
    "max_child accept_max concurrency connections limit connection_limit",
    "per_source": "maxconnectionspersource max_per_source max_per_ip per_ip ip_max max_per_host per_host max_per_client",
    "cps": "rate rate_limit ratelimit connections_per_second max_rate triggerlimitburst triggerlimitintervalsec service_max",
    "limits.idle": "timeout idle idle_timeout timeout_idle inactivity_timeout keepalive_timeout timeoutsec",
    "limits.start": "start_timeout timeout_start timeoutstartsec login_grace login_grace_time handshake_timeout",
    "limits.first_byte": "first_byte first_byte_timeout client_timeout header_timeout request_timeout",
    "v4": "v4_prefix prefix_v4 prefix4 ipv4 prefix",
    "v6": "v6_prefix prefix_v6 prefix6 ipv6",
    "sessions": "limit max max_sessions max_connections connections programs",
    "limits.cpu": "cpu cpu_time cpu_limit limitcpu max_cpu",
    "sandbox.no_new_privs": "no_new_privs nonewprivileges no_new_privileges",
    "sandbox.capabilities": "capabilities capabilityboundingset cap_drop caps",
    "sandbox.ambient": "ambientcapabilities ambient_capabilities cap_add",
    "sandbox.private_tmp": "private_tmp privatetmp tmpfs",
    "sandbox.read_only": "read_only readonlypaths protectsystem ro_paths",
    "sandbox.read_write": "read_write readwritepaths rw_paths",
    "sandbox.hide": "hide inaccessiblepaths protecthome",
    "sandbox.private_network": "private_network privatenetwork no_network",
    "sandbox.private_pids": "private_pids privatepids pid_namespace",
    "sandbox.private_ipc": "private_ipc privateipc",
    "sandbox.root": "rootdirectory chroot root_directory jail",
    "sandbox.landlock": "landlock",
    "sandbox.dynamic_user": "dynamic_user dynamicuser uid_range",
    "sandbox.seccomp": "seccomp systemcallfilter syscall_filter",
    "limits.session": "session session_timeout max_time max_duration runtimemaxsec runtime_max lifetime duration time_limit",
    "limits.memory": "memory memory_limit mem_limit max_memory memorymax memorylimit",
    "limits.memory_swap": "memory_swap memoryswapmax swap",
    "limits.pids": "pids tasksmax pids_limit tasks",
    "limits.cpu_quota": "cpu_quota cpuquota cpus",
    "limits.io_weight": "io_weight ioweight blockioweight",
    "limits.source_rate": "source_rate ip_rate rate_per_ip rate_per_source",
    "limits.kill_grace": "kill_grace stop_timeout timeoutstopsec stop_grace_period",
    "listen": "bind interface address addr ip host listen_on listenstream listendatagram listen_address bind_address expose",
    "port": "listen_port tcp_port service_port",
    "env": "environment environ setenv variables vars",
    "passenv": "passenvironment pass_env keep_env inherit_env",
    "env_file": "environmentfile env_files envfile dotenv",
    "directory": "working_directory workingdirectory working_dir workdir cwd chdir dir home",
    "umask": "mask",
    "nice": "priority niceness nice_value",
    "redirect": "proxy proxy_pass forward forward_to upstream backend target connect relay destination dest",
    "socket_type": "socktype sock_type sockettype socket kind",
    "protocol": "proto transport",
    "wait": "accept single_threaded nowait",
    "disable": "enable enabled off active disabled masked",
    "access_times": "times hours schedule access_time time open_hours",
    "max_load": "load loadavg max_loadavg load_limit",
    "banner": "motd greeting welcome",
    "log_type": "log logfile log_file log_to syslog standardoutput",
    "stderr": "standarderror errors",
    "leftovers": "killmode kill_mode orphans children killuserprocesses",
    "libwrap": "tcpd wrapper wrappers tcp_wrappers daemon_name",
    "rlimit_files": "limitnofile nofile rlimit_nofile max_files open_files",
    "rlimit_cpu": "limitcpu cpu cpu_limit",
    "rlimit_as": "limitas rlimit_vmem address_space",
    "rlimit_nproc": "limitnproc nproc max_processes",
    "rlimit_core": "limitcore core coredump",
    "rlimit_fsize": "limitfsize fsize max_file_size",
    "rlimit_stack": "limitstack stack",
    "rlimit_data": "limitdata data",
    "backlog": "queue_length listen_backlog listen_queue",
    "tls": "ssl https cert certificate ssl_certificate tls_cert sslcert starttls",
    "xinetd": "xinetd_conf xinetd_config",
    "inetd": "inetd_conf inetd_config",
    "services": "service_dir services_dir include includedir include_dir conf_d confd services_d",
    "log.format": "log_format json",
    "log.targets": "log_target log_targets targets target",
    "process_limit": "max_programs total_limit global_limit",
    "stop_grace": "shutdown_timeout grace grace_period stop_timeout",
}
_MEANT: dict[str, list[str]] = {}
for _key, _names in _CALLED.items():
    for _name in _names.split():
        _MEANT.setdefault(_name, []).append(_key)
_TURNED = frozenset({"enable", "enabled", "active"})
"""These say the opposite of `disable`."""
_FOREIGN = {"listen": "bind"}
"""What a key is called where its own name is unknown: in xinetd.conf."""
_TLS = 'a file of superd\'s own has it: `tls = { cert = "/etc/ssl/host.pem" }` in services.d'
_SAID_ELSEWHERE = dict.fromkeys(("id", "name"), "the file's name is the service's id: rename the file")
_SAID_ELSEWHERE |= dict.fromkeys(
    ("restart", "restartsec", "restart_sec", "retry", "retries", "respawn"),
    "remove it: each client has a program of its own, and none is started again",
)
_OF_SUPERD_TOML = frozenset({"metrics", "page", "control", "policy", "log"})
"""Tables of superd.toml that a service file has no key like."""


def meant(word: str, known: Collection[str], value: object = None) -> str:
    """A hint at the key that ``word`` was meant to be, or nothing. ``known`` are the keys that may stand there.

    With the ``value`` the hint is the whole line where the key alone would say the opposite.
    """
    plain = word.lower().replace("-", "_").removesuffix("=")
    if plain in known:
        return f"did you mean `{plain}`?"
    if isinstance(value, dict) and f"{plain}s" in known:
        return f"did you mean `{plain}s`?"
    if "server" in known and "listen" in known:  # a service of superd's own
        if plain in _SAID_ELSEWHERE:
            return _SAID_ELSEWHERE[plain]
        if plain in _OF_SUPERD_TOML:
            return f"`[{plain}]` is a table of superd.toml"
    for key in _MEANT.get(plain, ()):
        table, dot, name = key.rpartition(".")
        if plain in _TURNED and isinstance(value, (bool, str)) and key == "disable" and key in known:
            off = str(value).lower() not in ("yes", "true", "1", "on")
            return f"write `disable = {_as(value, off)}`"
        if key in known or (dot and name in known and table not in known):
            return f"did you mean `{name if dot and table not in known else key}`?"
        if dot and table in known:
            return f"write `{name}` in [{table}]"
        if _FOREIGN.get(key) in known:
            return f"did you mean `{_FOREIGN[key]}`?"
        if key == "tls":
            return _TLS
    return did_you_mean(word.lower(), known)


def _as(value: bool | str, off: bool) -> str:
    """The answer in the words of the file: TOML's or xinetd's."""
    if isinstance(value, bool):
        return str(off).lower()
    return "yes" if off else "no"
