"""What every page has: the view, the sidebar, the link, panels and messages."""
