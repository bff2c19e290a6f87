"""systemd's socket and service units. Pure."""
