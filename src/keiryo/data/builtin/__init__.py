"""Sets that the program makes itself or that come with a library, so that anyone can start."""
