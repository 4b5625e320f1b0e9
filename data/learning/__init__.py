"""What both stages learn with: prepared images, their cache, changes, the loop, packages."""
