"""A generated day of traffic in which nobody has anything to do."""
