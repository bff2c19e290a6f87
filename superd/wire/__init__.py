"""Bytes ↔ words. Pure (sans-io)."""
