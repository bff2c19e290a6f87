"""What: a seccomp(2) filter that refuses groups of system calls with EPERM and allows all others, for services' programs.

Runs in: launchers; their programs inherit it. Standard library only. Never: kills. superd's own processes have the stricter
``allow_list.py``.
"""

from __future__ import annotations

import errno
import os
import struct
import sys

from superd.system.seccomp import install

GROUPS: dict[str, dict[str, tuple[int, int]]] = {
    # x86_64, aarch64; -1: it has no such call
    "@mount": {
        "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
        "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
        "mount_setattr": (442, 442),
    },
    "@namespaces": {"unshare": (272, 97), "setns": (308, 268)},
    "@debug": {
        "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
        "pidfd_getfd": (438, 438), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    },
    "@module": {"init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106)},
    "@reboot": {"reboot": (169, 142), "kexec_load": (246, 104), "kexec_file_load": (320, 294)},
    "@swap": {"swapon": (167, 224), "swapoff": (168, 225)},
    "@clock": {"settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171)},
    "@raw-io": {"iopl": (172, -1), "ioperm": (173, -1)},
    "@keyring": {"add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219)},
    "@obsolete": {
        "uselib": (134, -1), "ustat": (136, -1), "sysfs": (139, -1), "_sysctl": (156, -1), "nfsservctl": (180, 42),
        "lookup_dcookie": (212, 18), "vhangup": (153, 58), "modify_ldt": (154, -1),
    },
    "@bpf": {"bpf": (321, 280)},
    "@io-uring": {"io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427)},
    "@handles": {"name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "fanotify_init": (300, 262)},
    "@admin": {
        "acct": (163, 89), "syslog": (103, 116), "quotactl": (179, 60), "quotactl_fd": (443, 443), "sethostname": (170, 161),
        "setdomainname": (171, 162),
    },
    "@network-io": {
        "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
        "accept": (43, 202), "accept4": (288, 242),
    },
}  # fmt: skip
_CLONE, _CLONE3 = (56, 220), 435
_NEW_NAMESPACES = 0x7E020080
"""All CLONE_NEW* of clone(2)."""
_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_X32 = 0x40000000
_LOAD, _EQUAL, _AT_LEAST, _HAS_BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE, _MISSING = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
_NR, _ARCH, _FIRST_ARGUMENT = 0, 4, 16
"""Offsets in struct seccomp_data, little-endian."""


def program_of(groups: list[str], column: int, arch: int) -> bytes:
    """The filter as classic BPF."""
    code = [
        (_LOAD, 0, 0, _ARCH),
        (_EQUAL, 1, 0, arch),
        (_RETURN, 0, 0, _REFUSE),  # a system call of another ABI, like i386's, would pass by other numbers
        (_LOAD, 0, 0, _NR),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _REFUSE),
    ]
    for group in groups:
        for numbers in GROUPS[group].values():
            if numbers[column] >= 0:
                code += [(_EQUAL, 0, 1, numbers[column]), (_RETURN, 0, 0, _REFUSE)]
    if "@namespaces" in groups:
        inner = [(_LOAD, 0, 0, _FIRST_ARGUMENT), (_HAS_BITS, 0, 1, _NEW_NAMESPACES), (_RETURN, 0, 0, _REFUSE)]
        inner.append((_RETURN, 0, 0, _ALLOW))
        code += [(_EQUAL, 0, len(inner), _CLONE[column]), *inner]
        # Its arguments lie in memory, out of a filter's sight; the C library falls back on clone.
        code += [(_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _MISSING)]
    code.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *line) for line in code)


def refuse(groups: list[str]) -> None:
    """Refuse these groups to this process and what it starts, for good; sets no_new_privs. Raises ``OSError``."""
    machine = _MACHINES.get(os.uname().machine) if sys.maxsize > 1 << 32 else None
    if machine is None:
        raise OSError(errno.ENOSYS, f"no filter of system calls is known for {os.uname().machine}")
    if not install(program_of(groups, *machine)):
        raise OSError(errno.ENOSYS, "the kernel has no seccomp filters")
