"""POST, PUT, PATCH and DELETE: from a body to one store transaction."""
