"""Connections: from accept to the program, the redirect or the internal service."""
