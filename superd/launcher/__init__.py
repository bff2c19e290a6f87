"""The launcher: starts programs as one user, for good. Standard library only, so that it starts in milliseconds."""
