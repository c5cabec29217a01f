"""The page around the charts: its look, its head, and links to the others."""
