"""Sign-ins that are counted, locked and freed again."""
