"""The rules of graphs, their commands, templates and saved forms. Plain synchronous code without IO.

`graph` holds the nodes, `changes` what can happen to one of them, `commands` what a caller may ask for, `document` a graph
with its rules and its undo stack, `schema` and `templates` the node types, `saved_form` a project as it is kept.
"""
