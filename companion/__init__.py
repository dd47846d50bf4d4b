"""The composition root: settings, routes, servers. Imports the apps; no app imports it."""
