"""Files of a chart: what can be chosen, and the dialog."""
