"""The relay process: carries the bytes of sessions, unprivileged and confined. Standard library only, as in launchers."""
