"""Taking identity out of images and notes, the same way every time, and saying what was done."""
