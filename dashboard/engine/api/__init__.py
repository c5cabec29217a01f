"""The engine's public types: axes, array shapes, requests, results and the Engine protocol."""
