"""What Parlance measures of itself: `make bench` prints the rows of every module here."""
