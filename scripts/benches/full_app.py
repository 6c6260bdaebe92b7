"""An app without handlers: a node that serves it has no place for any job, as one that is full."""

from runtime import App

app = App()
