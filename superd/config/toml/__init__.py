"""superd's own files: service files and superd.toml."""
