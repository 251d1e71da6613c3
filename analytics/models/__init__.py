"""Everything that ends inside a model artifact: schema, encoders, members, their ensemble. Serving imports only this."""
