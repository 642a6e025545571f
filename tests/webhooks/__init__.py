"""What providers post, one folder each, written after their documentation; ``posts`` signs and sends it."""
