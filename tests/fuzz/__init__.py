"""Every parser of foreign bytes as a function of bytes, for scripts/fuzz and for a short run in every test run."""
