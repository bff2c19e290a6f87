"""The front in virtual time, with a scripted master, launchers and clients."""
