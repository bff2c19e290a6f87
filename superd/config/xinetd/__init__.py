"""xinetd.conf and the files it includes."""
