"""Pages of the admin that belong to no model: the cache of every kind of copy, and links to such pages."""
