"""The Hugging Face hub and its cache: what is on this machine, and fetching what is not."""
