"""A chart as PNG or SVG, with its provenance inside the file."""
