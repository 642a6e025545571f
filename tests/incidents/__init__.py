"""Failures that belong together, and the fresh links that follow."""
