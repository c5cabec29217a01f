"""The page's link, copied."""
