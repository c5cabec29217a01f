"""The device that models run on: its choice, its lock and the threads of the processor."""
