"""Text an admin wrote → words. Pure; ``load/`` reads the files."""
