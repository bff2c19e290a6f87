"""May this peer connect? The policy in force, and what it needs to know of the moment."""
