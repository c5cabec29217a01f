"""The device that models run on: its choice, lock, threads, memory and pace."""
