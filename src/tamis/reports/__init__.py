"""What selections look like: read from run folders, told on a page, in a terminal or as JSON."""
