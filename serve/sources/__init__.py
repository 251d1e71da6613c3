"""Sources of the products' events: what is read here is decoded as what comes over HTTP is."""
