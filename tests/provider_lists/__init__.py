"""The lists of five providers, and stand-ins for them written after their published documentation."""
