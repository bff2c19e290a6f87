"""Sockets: bind, accept, ask, relay."""
