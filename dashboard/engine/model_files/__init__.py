"""Files of models: what a folder holds, read and checked before anything is loaded."""
