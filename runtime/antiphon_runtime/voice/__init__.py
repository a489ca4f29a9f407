"""One session's pipeline: from audio heard to audio said."""
