"""Text that an operator wrote → words. Pure; ``load/`` reads the files."""
