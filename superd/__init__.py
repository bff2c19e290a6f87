"""superd: the superserver with TCP Wrappers built in. This file holds the version and imports nothing."""

__version__ = "0.1.0"
