"""Every public method of Azure's SDKs, called against a local hub: what works, and what is refused how."""
