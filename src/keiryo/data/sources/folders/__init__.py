"""Folders of images as users have them: their files, their layout, and what is no data in them."""
