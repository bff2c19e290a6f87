"""System calls and this host's tables. Standard library only; any process may use it."""
