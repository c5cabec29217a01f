"""Background jobs: long work in chunks; finished ones are kept on disk, whatever happens to the server."""
