"""Published bias benchmarks: their files and items."""
