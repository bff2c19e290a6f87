"""hosts.allow and hosts.deny."""
