"""What is held about one person: told, erased, cut at the door, and gone when its time is over."""
