"""The scenarios that the sample captures are made from, one file a family."""
