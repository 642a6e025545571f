"""The site of the sign-in benchmark: Django's own sign-in page, guarded by ours, by one of the peers, or by nobody."""
