"""The master: root. Reads the configuration, opens ports, replaces processes. Reads no byte of a peer."""
