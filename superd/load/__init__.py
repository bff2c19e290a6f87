"""Files on disk become values: the registry of services, the settings, the policy tables."""
