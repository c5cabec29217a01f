"""An engine in another process: what is asked and answered as bytes, the gate that serves it, the client that asks."""
