"""Images: which class one is of, how it was turned, which two views are of one."""
