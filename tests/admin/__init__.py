"""What staff see and do in the admin, through the pages and with real rights."""
