"""Advice on policy tables: rules that never match, or match more than meant."""
