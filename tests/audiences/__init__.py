"""A site with several doors to the same accounts, by real hosts and paths."""
