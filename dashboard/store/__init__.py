"""What people keep on the server: saved views and long links, in SQLite or PostgreSQL."""
