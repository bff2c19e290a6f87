"""Datagram and `wait` services, whose sockets are not accepted from."""
