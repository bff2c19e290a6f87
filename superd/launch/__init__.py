"""Processes: what a program gets, and the launcher that starts it."""
