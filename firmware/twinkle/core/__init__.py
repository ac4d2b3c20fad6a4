"""The device core: everything the device decides, nothing the device touches.

Modules in this package import nothing that has effects. They are told what
happened and what time it is, and answer with actions for the runtime to perform.
"""
