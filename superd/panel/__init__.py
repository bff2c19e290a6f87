"""The panel process: answers operators. Runs as the front's user, confined; holds no session and no configuration."""
