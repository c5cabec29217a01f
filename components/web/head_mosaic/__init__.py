"""The mosaic: every head of every layer as one canvas."""
