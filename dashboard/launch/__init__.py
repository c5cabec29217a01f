"""Starting: the commands, the environment and the server. Standard library only."""
