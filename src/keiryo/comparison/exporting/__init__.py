"""The export of a trial's network, compared with the network on the held-out images."""
