"""Foreign recordings, turned into an archive of feed topics as if our recorder had received them."""
