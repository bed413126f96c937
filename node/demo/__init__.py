"""`mgnode demo`: a real study through a real node into a real receiving PACS."""
