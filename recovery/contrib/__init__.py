"""Optional parts, which a site names in its settings."""
