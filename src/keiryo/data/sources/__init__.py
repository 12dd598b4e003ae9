"""Sources of images: folders, shards, published and built-in sets. One file a source."""
