"""What several web components share: how files are joined, the card, colours that can be read, the arrow keys."""
