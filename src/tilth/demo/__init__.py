"""A real site on loopback, made of what is installed, for recipes to try themselves on."""
