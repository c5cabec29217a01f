"""The kinds of background jobs: large probes and benchmarks."""
