"""Checks of a configuration as a whole, after each file was read."""
