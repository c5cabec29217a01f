"""Capture: one forward pass that records what each layer's attention kernel is given."""
