"""The page runs again when its visitor switches between light and dark."""
