"""One reader's reading of one subject: entries, the course they give, and its assessment."""
