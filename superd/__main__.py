"""``python -m superd``."""

from superd.cli import main

main()
