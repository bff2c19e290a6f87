"""Text an admin wrote → words. Pure, but for ``read.py``."""
