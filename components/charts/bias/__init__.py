"""Charts of probes and bias benchmarks."""
