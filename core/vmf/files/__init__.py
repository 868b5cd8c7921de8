"""The files that travel between vmf and a guest; whatever a user or a guest wrote is taken to be hostile."""
