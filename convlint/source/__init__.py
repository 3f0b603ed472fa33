"""Files to documents: decoding, positions, discovery, suppressions."""
