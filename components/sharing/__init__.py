"""The link of a view: copied from the head of every page, and compared with what it was made of when it is opened."""
