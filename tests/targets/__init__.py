"""The targets of support cases against stand-ins that were written from what their makers publish."""
