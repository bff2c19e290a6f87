"""The running superserver: introduces the other layers to one another."""
