"""Reports: charts in an order of the person's own, with captions, as a link and as files."""
