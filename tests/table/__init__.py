"""Every setting and every option, each with the tests that hold it to its word."""
