"""``python -m superd``.

Never: does anything itself.
"""

from superd.cli import main

main()
