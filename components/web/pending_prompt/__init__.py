"""Whether the prompt box holds what the charts show."""
