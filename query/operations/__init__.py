"""How the system does, and the services whose measurements and logs come in."""
