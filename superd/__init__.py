"""superd: the superserver with TCP Wrappers built in. This file holds the version and one setting of the interpreter."""

import sys

__version__ = "0.1.0"

# A number of thousands of digits in a file is an error with its place, not a ValueError of the interpreter's.
sys.set_int_max_str_digits(0)
