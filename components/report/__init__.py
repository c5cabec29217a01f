"""The Report page, and the button of each panel that adds its chart."""
