"""Ports: the boards, behind one contract (see ``contract.py``)."""
