"""The families of image networks, a file each: the paper's table as data, options as keywords."""
