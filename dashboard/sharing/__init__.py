"""What a link says of the place and the numbers that it was made of, so that whoever opens it can compare."""
