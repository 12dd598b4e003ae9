"""The commands of `keiryo wavenet`."""
