"""inetd.conf in the dialects of its implementations."""
