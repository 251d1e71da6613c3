"""What the world talks to: the HTTP gateway, ingest, the live hub and the page."""
