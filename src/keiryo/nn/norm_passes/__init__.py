"""The passes of a batch norm and the activation after it, for each device."""
