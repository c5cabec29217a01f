"""Small web components: plain JavaScript inside the package, no network."""
