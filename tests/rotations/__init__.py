"""The compromise playbook: access ends, links go out, and staff see how far everybody is."""
