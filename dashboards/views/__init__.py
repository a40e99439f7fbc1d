"""The dashboard's pages, and the panes of the case page."""
