"""Charts as PNG, SVG and PDF: drawn by a Chromium of this machine, framed, with where they come from inside."""
