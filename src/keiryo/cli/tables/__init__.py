"""Tables for the terminal: one file a record that is printed."""
