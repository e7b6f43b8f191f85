"""What a file is and what is in it: signatures, streams, archives, documents, all bounded."""
