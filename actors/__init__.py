"""The server of Headrace: actors under a supervisor tree."""
