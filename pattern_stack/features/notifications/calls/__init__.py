"""The calls of Notifications, a class a subject. `service.py` joins them in one class; its docstring lists them all."""
